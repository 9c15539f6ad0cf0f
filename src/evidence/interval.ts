// A confidence interval for a rate that may be looked at after every event: it holds at all times together with 1 − α.
//
// A rate p is in the interval while a bet against it has not reached 1/α. The bet is a beta-binomial mixture around p:
// ln M(p) = ln B(S + kp, F + k(1 − p)) − ln B(kp, k(1 − p)) − S ln p − F ln(1 − p), of S hits and F misses (Howard, Ramdas,
// McAuliffe and Sekhon 2021); k makes the interval tightest after about `tightestAt` trials.
import { lnBeta } from './log-gamma.ts'

/** The interval's ends are found to 2^-50. */
const HALVINGS = 50
/** A rate this low is none. */
const NONE = 1e-12

export function rateInterval(
  count: number,
  of: number,
  alpha = 0.05,
  tightestAt = 100,
): readonly [low: number, high: number] {
  const double = 2 * Math.log(1 / alpha)
  const concentration = Math.max(tightestAt / (double + Math.log1p(double)) - 1, 0.001)
  const low = lowest(count, of - count, alpha, concentration)
  // Misses are hits of the opposite.
  return [low, 1 - lowest(of - count, count, alpha, concentration)]
}

/** Below what was seen ln M(p) only falls. */
function lowest(hits: number, misses: number, alpha: number, concentration: number): number {
  if (hits === 0) return 0
  const excluded = (p: number) => against(p, hits, misses, concentration) >= Math.log(1 / alpha)
  if (!excluded(NONE)) return 0
  let [below, within] = [NONE, hits / (hits + misses)]
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (below + within) / 2
    if (excluded(middle)) below = middle
    else within = middle
  }
  return below
}

function against(p: number, hits: number, misses: number, concentration: number): number {
  const [a, b] = [concentration * p, concentration * (1 - p)]
  return lnBeta(a + hits, b + misses) - lnBeta(a, b) - hits * Math.log(p) - misses * Math.log1p(-p)
}
