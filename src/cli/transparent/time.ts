// What the proxy adds in time, from pairs. Pure.
//
// Each pair asks the same request both ways, one right after the other and in turns first, so that what drifts (load, caches) takes
// part on both sides. The median of the paired differences is the estimate. Its interval is that of order statistics: with n
// differences x(1) ≤ … ≤ x(n), the median lies in [x(k), x(n+1−k)] with probability 1 − 2·P(B ≤ k−1), B binomial(n, ½); k is the
// largest that leaves at least 95 %. It assumes no distribution, only that pairs are independent; below six pairs there is none.
import type { Milliseconds } from '../../model/units.ts'

export interface PairTime {
  readonly directMs: Milliseconds
  readonly viaMs: Milliseconds
}

export interface Spread {
  readonly medianMs: Milliseconds
  readonly p95Ms: Milliseconds
}

export interface AddedTime extends Spread {
  readonly pairs: number
  /** Of the median, 95 %; null: too few pairs. */
  readonly intervalMs: readonly [least: Milliseconds, most: Milliseconds] | null
  readonly direct: Spread
  readonly via: Spread
}

export function addedTime(times: readonly PairTime[]): AddedTime | null {
  if (times.length === 0) return null
  const added = sorted(times.map(({ directMs, viaMs }) => viaMs - directMs))
  const k = rankOfInterval(added.length)
  return {
    pairs: added.length,
    ...spreadOf(added),
    intervalMs: k === 0 ? null : [added[k - 1]!, added[added.length - k]!],
    direct: spreadOf(sorted(times.map(({ directMs }) => directMs))),
    via: spreadOf(sorted(times.map(({ viaMs }) => viaMs))),
  }
}

/** The largest k with 2·P(binomial(n, ½) ≤ k−1) ≤ 0.05; 0: there is none. */
export function rankOfInterval(n: number): number {
  let logTerm = -n * Math.LN2
  let below = 0
  for (let k = 0; k <= n / 2; k++) {
    below += Math.exp(logTerm)
    if (2 * below > 0.05) return k
    logTerm += Math.log((n - k) / (k + 1))
  }
  return 0
}

function spreadOf(ascending: readonly Milliseconds[]): Spread {
  const n = ascending.length
  return {
    medianMs: (ascending[Math.floor((n - 1) / 2)]! + ascending[Math.floor(n / 2)]!) / 2,
    p95Ms: ascending[Math.ceil(0.95 * n) - 1]!,
  }
}

function sorted(values: readonly Milliseconds[]): readonly Milliseconds[] {
  return values.toSorted((a, b) => a - b)
}
