// The only place that says who serves a request, and why. Pure: the same head, split and draw give the same decision.
//
// Order, first that applies: only (one side) → rollback → ambiguous → preflight → writes → override → pin of the support desk
// → cohort → the user's own pin → frozen → weight. Of the contract's list, owed comes with its feature; it has its place
// before override. The support desk comes before cohorts: who calls it may be in one (docs/decisions/014).
import {
  type Decision,
  type Heard,
  headerOf,
  type Issue,
  type PinPlan,
  type Reason,
  type RequestHead,
} from '../model/exchange.ts'
import type { Route, RouteSplit, Side } from '../model/route.ts'
import type { EpochMs } from '../model/units.ts'
import { BUCKETS, type Bucketer } from './bucket.ts'
import { cohortOf, supportPinOf } from './cohorts.ts'
import { type LinkSeen, seeLinks } from './links.ts'
import { type Match, preflightMethod } from './match.ts'
import type { PinSeen, Pins } from './pins.ts'
import type { Seal } from './seal.ts'
import { type AutoId, stickyKey } from './sticky.ts'

/** What a decision needs beside the request: made once per plan and seed. */
export interface Draws {
  /** Bucket of a key in the unit of this route. */
  readonly bucket: Bucketer
  /** The same for the shadow's sample, independent of it. */
  readonly sample: Bucketer
  readonly auto: AutoId
  readonly pins: Pins
  readonly links: Seal
  /** 0 ≤ x < 1, for requests without a key. */
  readonly random: () => number
  readonly now: () => EpochMs
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
  const pin = seePin(route, head, draws)
  const settled = settledSide(match, split, head, draws)
  const { link } = settled
  const heard = heardOf(link, pin)
  if (settled.side !== null) {
    const { side, reason } = settled
    const issue = issueOf(null, settledPlan(reason, pin), link?.plan ?? null)
    return { route, side, reason, bucket: null, keyFrom: null, issue, heard }
  }
  if (pin !== null && pin.side !== null) {
    const issue = issueOf(null, planOf(pin, pin.side, pin.due), link?.plan ?? null)
    return { route, side: pin.side, reason: 'pin', bucket: null, keyFrom: null, issue, heard }
  }
  const reason = split.frozen ? 'frozen' : 'weight'
  if (split.threshold === 0) {
    const issue = issueOf(null, planOf(pin, 'legacy', true), link?.plan ?? null)
    return { route, side: 'legacy', reason, bucket: null, keyFrom: null, issue, heard }
  }
  const key = stickyKey(route.sticky, head, match, draws.auto)
  const bucket = key === null ? Math.floor(draws.random() * BUCKETS) : draws.bucket(key.value)
  const side = bucket < split.threshold ? 'new' : 'legacy'
  const issue = issueOf(key?.issue ?? null, planOf(pin, side, true), link?.plan ?? null)
  return { route, side, reason, bucket, keyFrom: key?.from ?? null, issue, heard }
}

/** True: nobody may serve it, because its raw and its normalised path mean different routes. */
export function isRefused(match: Match): boolean {
  return !match.agreed && (match.route.ambiguous === 'reject' || match.route.sides.legacy === null)
}

/** What the user's own pin says; null: the route has none. */
export function seePin(route: Route, head: RequestHead, { pins }: Draws): PinSeen | null {
  if (route.pin === null || route.sides.legacy === null || route.sides.new === null) return null
  return pins.see(route.unit, route.pin, head)
}

/** A null side: it is the user's own. */
export type Settled =
  | { readonly side: Side; readonly reason: Reason; readonly link: LinkSeen | null }
  | { readonly side: null; readonly link: LinkSeen | null }

/** Everything that is decided without looking at the user's own pin and draw. */
export function settledSide(match: Match, split: RouteSplit, head: RequestHead, draws: Draws): Settled {
  const { route } = match
  const settled = (side: Side, reason: Reason, link: LinkSeen | null = null): Settled => ({ side, reason, link })
  if (route.sides.new === null) return settled('legacy', 'only')
  if (route.sides.legacy === null) return settled('new', 'only')
  if (split.rolledBack) return settled('legacy', 'rollback')
  if (!match.agreed) return settled('legacy', 'ambiguous')
  const asked = preflightMethod(head)
  if (asked !== null && route.preflight !== 'follow') return settled(route.preflight, 'preflight')
  if (route.data === 'separate' && !isSafe(asked ?? head.method)) return settled('legacy', 'writes')
  const byHeader = headerOverride(route, head)
  if (byHeader !== null) return settled(byHeader, 'override')
  const link = linkOf(match, head, draws)
  if (link !== null && link.side !== null) return settled(link.side, 'override', link)
  const supported = supportPinOf(route, split, head, match, draws)
  if (supported !== null) return settled(supported, 'pin', link)
  const cohort = route.cohorts.length === 0 ? null : cohortOf(route, head, match, draws.auto)
  return cohort === null ? { side: null, link } : settled(cohort, 'cohort', link)
}

/** The side that a named network asks for, by header. Anything but the two words counts as nothing said. */
function headerOverride({ override }: Route, head: RequestHead): Side | null {
  const by = override?.header ?? null
  if (by === null) return null
  const said = headerOf(head.headers, by.name)
  if (said !== 'legacy' && said !== 'new') return null
  return by.from.contains(head.address) ? said : null
}

function linkOf({ route, target }: Match, head: RequestHead, draws: Draws): LinkSeen | null {
  if (route.override?.links !== true) return null
  return seeLinks(route, head, target.query, draws.links, draws.now())
}

/**
 * A rollback takes the pin to legacy, too: who went on there must not be moved back in the middle by its end. What somebody
 * else decides says nothing about the user's own side.
 */
function settledPlan(reason: Reason, pin: PinSeen | null): PinPlan | null {
  if (pin === null) return null
  if (reason === 'rollback') return planOf(pin, 'legacy', pin.due || pin.side !== 'legacy')
  return reason === 'writes' && pin.side !== null && pin.held ? planOf(pin, pin.side, false) : null
}

function planOf(pin: PinSeen | null, side: Side, due: boolean): PinPlan | null {
  return pin === null ? null : { side, tag: pin.tag, due, held: pin.held }
}

function issueOf(id: string | null, pin: PinPlan | null, link: Issue['link']): Issue | null {
  return id === null && pin === null && link === null ? null : { id, pin, link }
}

function heardOf(link: LinkSeen | null, pin: PinSeen | null): readonly Heard[] | null {
  const result = pin?.result ?? null
  if (result === null) return link === null || link.heard.length === 0 ? null : link.heard
  return [...(link?.heard ?? []), { what: 'pin', result }]
}
