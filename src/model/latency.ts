// Latencies as counts in buckets that grow by a quarter: little memory, they can be added up, and a quantile of them is right
// within 12 %.
import type { Milliseconds } from './units.ts'

const GROWTH = 1.25
const FIRST_MS = 0.05
const BUCKETS_PER_LOG = 1 / Math.log(GROWTH)
/** 0.05 ms × 1.25^63 ≈ 63 s: beyond it everything is "the slowest". */
export const LATENCY_BUCKETS = 64

export function latencyBucket(ms: Milliseconds): number {
  if (ms <= FIRST_MS) return 0
  return Math.min(LATENCY_BUCKETS - 1, Math.ceil(Math.log(ms / FIRST_MS) * BUCKETS_PER_LOG))
}

/** `counts` are added up, and are `total` together; null: there are none. */
export function latencyQuantile(counts: readonly ArrayLike<number>[], total: number, q: number): Milliseconds | null {
  if (total === 0) return null
  let left = q * total
  for (let i = 0; i < LATENCY_BUCKETS; i++) {
    for (const one of counts) left -= one[i] as number
    if (left <= 0) return Number((FIRST_MS * GROWTH ** (i - 0.5)).toPrecision(3))
  }
  return FIRST_MS * GROWTH ** (LATENCY_BUCKETS - 1)
}
