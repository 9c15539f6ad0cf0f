// Who made a difference: the proxy, or the backend by itself. Pure.
//
// A pair is asked directly and through the proxy. Where the two differ, direct is asked twice more and then the proxy once more:
// what differs among the three direct answers varies by itself, and what the proxy does it does again. Direct is asked twice in a row,
// so that two replicas behind it that take turns do not look as if the proxy had made the difference.
import type { Outcome } from './answer.ts'
import { type Difference, differ } from './differ.ts'

export type Verdict =
  | { readonly kind: 'identical'; readonly hop: readonly Difference[]; readonly cut: boolean }
  /** Equal but for what the direct answers differ in as well. */
  | { readonly kind: 'varies'; readonly keys: readonly string[]; readonly hop: readonly Difference[] }
  | { readonly kind: 'different'; readonly differences: readonly Difference[] }
  /** Differed, and not in the same way when asked again: neither the backend's nor the proxy's for sure. */
  | { readonly kind: 'unsteady'; readonly differences: readonly Difference[] }
  | { readonly kind: 'failed'; readonly way: 'direct' | 'both'; readonly why: string }

export interface Pair {
  readonly direct: Outcome
  readonly via: Outcome
}

export interface Again {
  readonly direct: readonly [Outcome, Outcome]
  readonly via: Outcome
}

/** Null: they differ, so ask again. */
export function judgePair(method: string, { direct, via }: Pair): Verdict | null {
  if (direct.kind === 'failure' && via.kind === 'failure') return { kind: 'failed', way: 'both', why: direct.why }
  const found = differ(method, direct, via)
  if (found.some(({ hop }) => !hop)) return null
  const cut = direct.kind === 'answer' && direct.body.cut
  return { kind: 'identical', hop: found, cut }
}

export function judgeAgain(method: string, { direct, via }: Pair, again: Again): Verdict {
  const directs = [direct, ...again.direct]
  const failed = directs.find(outcome => outcome.kind === 'failure')
  // Nothing to hold the proxy's answer against.
  if (failed?.kind === 'failure' && directs.every(({ kind }) => kind === 'failure')) {
    return { kind: 'failed', way: 'direct', why: failed.why }
  }
  const found = differ(method, direct, via)
  const hop = found.filter(difference => difference.hop)
  const own = new Set(directs.flatMap((one, i) => directs.slice(i + 1).flatMap(other => keysOf(method, one, other))))
  const left = found.filter(({ key, hop }) => !hop && !own.has(key))
  if (left.length === 0) return { kind: 'varies', keys: found.filter(({ hop }) => !hop).map(({ key }) => key), hop }
  const repeated = new Set(keysOf(method, direct, again.via))
  const confirmed = left.filter(({ key }) => repeated.has(key))
  return confirmed.length > 0 ? { kind: 'different', differences: confirmed } : { kind: 'unsteady', differences: left }
}

function keysOf(method: string, one: Outcome, other: Outcome): readonly string[] {
  return differ(method, one, other).map(({ key }) => key)
}
