// Tests that are begun again and again, and together are wrong no more often than one.

/** What the `k`th process (from 1) has to reach, in nats: shares of `alpha` by 1/(k(k + 1)), whose sum is 1. */
export function spendingThreshold(k: number, alpha: number): number {
  return Math.log((k * (k + 1)) / alpha)
}
