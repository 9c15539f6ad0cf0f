// The only place that says who serves a request, and why. Pure: the same head, split and draw give the same decision.
//
// Order, first that applies: only (one side) → rollback → writes → override → frozen → weight. Of the contract's list,
// owed, cohort and pin come with their features; each has its place below.
import { type Decision, headerOf, type RequestHead } from '../model/exchange.ts'
import type { Route, RouteSplit, Side } from '../model/route.ts'
import { BUCKETS, type Bucketer } from './bucket.ts'
import type { Match } from './match.ts'
import { type AutoId, stickyKey } from './sticky.ts'

/** What a decision needs beside the request: made once per snapshot. */
export interface Draws {
  /** Bucket of a key in the unit of this route. */
  readonly bucket: Bucketer
  readonly auto: AutoId
  /** 0 ≤ x < 1, for requests without a key. */
  readonly random: () => number
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'QUERY', 'TRACE'])

/** Safe methods ask, all others (also unknown ones) may change something. */
export function isSafe(method: string): boolean {
  return SAFE.has(method)
}

/** `'reject'`: nobody may serve it; see `isRefused`. */
export function decide(match: Match, split: RouteSplit, head: RequestHead, draws: Draws): Decision | 'reject' {
  if (isRefused(match)) return 'reject'
  const { route } = match
  const settled = settledSide(match, split, head)
  if (settled !== null) {
    return { route, side: settled.side, reason: settled.reason, bucket: null, keyFrom: null, issueCookie: null }
  }
  const reason = split.frozen ? 'frozen' : 'weight'
  if (split.threshold === 0) {
    return { route, side: 'legacy', reason, bucket: null, keyFrom: null, issueCookie: null }
  }
  const key = stickyKey(route.sticky, head, match, draws.auto)
  const bucket = key === null ? Math.floor(draws.random() * BUCKETS) : draws.bucket(key.value)
  return {
    route,
    side: bucket < split.threshold ? 'new' : 'legacy',
    reason,
    bucket,
    keyFrom: key?.from ?? null,
    issueCookie: key?.issue ?? null,
  }
}

/** True: nobody may serve it, because its raw and its normalised path mean different routes. */
export function isRefused(match: Match): boolean {
  return !match.agreed && (match.route.ambiguous === 'reject' || match.route.sides.legacy === null)
}

/** Everything that is decided without looking at the user's key. */
export function settledSide(
  match: Match,
  split: RouteSplit,
  head: RequestHead,
): { readonly side: Side; readonly reason: Decision['reason'] } | null {
  const { route } = match
  if (route.sides.new === null) return { side: 'legacy', reason: 'only' }
  if (route.sides.legacy === null) return { side: 'new', reason: 'only' }
  if (split.rolledBack) return { side: 'legacy', reason: 'rollback' }
  if (!match.agreed) return { side: 'legacy', reason: 'ambiguous' }
  if (route.data === 'separate' && !isSafe(head.method)) return { side: 'legacy', reason: 'writes' }
  const overridden = overrideOf(route, head)
  if (overridden !== null) return { side: overridden, reason: 'override' }
  return null
}

/** The side that a named network asks for, by header. Anything but the two words counts as nothing said. */
function overrideOf(route: Route, head: RequestHead): Side | null {
  if (route.override === null) return null
  const said = headerOf(head.headers, route.override.header)
  if (said !== 'legacy' && said !== 'new') return null
  return route.override.from.contains(head.address) ? said : null
}
