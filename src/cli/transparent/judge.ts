// Who made a difference: the proxy, or the backend by itself. Pure.
//
// A pair is asked directly and through the proxy. Where the two differ, four more are asked: direct, direct, via, direct. What differs
// among the direct answers varies by itself; what the proxy does it does again. Two direct ones stand in a row, so that two replicas
// that take turns do not look like the proxy; one comes last, so that a clock that went on before the last answer shows in direct too.
import type { Body, Outcome } from '../asking/answer.ts'
import { type Difference, differ } from './differ.ts'
import { differInParts } from './parts.ts'

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
  readonly viaFirst: boolean
}

/** In the order they are asked, but for `via`, which is the third. */
export interface Again {
  readonly direct: readonly Outcome[]
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

export function judgeAgain(method: string, { direct, via, viaFirst }: Pair, again: Again): Verdict {
  const directs = [direct, ...again.direct]
  const failed = directs.find(outcome => outcome.kind === 'failure')
  // Nothing to hold the proxy's answer against.
  if (failed?.kind === 'failure' && directs.every(({ kind }) => kind === 'failure')) {
    return { kind: 'failed', way: 'direct', why: failed.why }
  }
  const found = differ(method, direct, via)
  const hop = found.filter(difference => difference.hop)
  const own = new Set(directs.flatMap((one, i) => directs.slice(i + 1).flatMap(other => keysOf(method, one, other))))
  const repeated = new Set(keysOf(method, direct, again.via))
  const left = found.filter(({ key, hop }) => !hop && !own.has(key))
  const parts = own.has('body') ? differInParts(bodiesOf(directs), bodiesOf([via, again.via])) : 'unknown'
  const confirmed = left.filter(({ key }) => repeated.has(key))
  if (typeof parts === 'object') confirmed.push({ key: 'body, where it does not vary', hop: false, ...parts })
  if (confirmed.length > 0) return { kind: 'different', differences: confirmed }
  const unsteady = left.filter(difference => !wentOn(difference, viaFirst))
  if (unsteady.length > 0) return { kind: 'unsteady', differences: unsteady }
  const keys = found.filter(({ hop }) => !hop).map(({ key }) => (key === 'body' && parts === 'same' ? PARTS : key))
  return { kind: 'varies', keys, hop }
}

const PARTS = 'parts of the body'

/**
 * The proxy was asked first, and everything after it agrees: a value that went on in between, such as a time in seconds. One that the
 * proxy spoils now and then is seen in the pairs that are asked in the other order.
 */
function wentOn({ key }: Difference, viaFirst: boolean): boolean {
  return viaFirst && (key === 'body' || key.endsWith(': value'))
}

function bodiesOf(outcomes: readonly Outcome[]): readonly Body[] {
  return outcomes.flatMap(outcome => (outcome.kind === 'answer' ? [outcome.body] : []))
}

function keysOf(method: string, one: Outcome, other: Outcome): readonly string[] {
  return differ(method, one, other).map(({ key }) => key)
}
