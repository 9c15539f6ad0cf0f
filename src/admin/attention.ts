// How much a route needs somebody, why, and what moves next, from what is known of it now. Pure.
import { rateInterval } from '../evidence/interval.ts'
import { labelEvidence } from '../evidence/label-test.ts'
import type { Phase } from '../model/attention.ts'
import type { Rollback } from '../model/control.ts'
import type { Route, RouteSplit, Side } from '../model/route.ts'
import type { EpochMs } from '../model/units.ts'
import type { RouteTraffic, SideTraffic } from '../traffic.ts'
import type { RouteShort } from './api.ts'
import type { BackendHealth } from './views.ts'

export interface Attended {
  readonly route: Route
  readonly split: RouteSplit
  readonly phase: Phase
  readonly traffic: RouteTraffic
  readonly health: Readonly<Record<Side, BackendHealth | null>>
  readonly match: RouteShort['match']
  /** In force for the route. */
  readonly rollbacks: readonly Rollback[]
  readonly warnings: readonly { readonly code: string; readonly message: string }[]
  /** Since when its users are where they are; null: not known. */
  readonly movedAt: EpochMs | null
  readonly now: EpochMs
}

/** Of a side in the last minute, before anything is said of its failures. */
const FEWEST_REQUESTS = 20
/** New fails more often than so many times what legacy does: whoever migrates accepts a little. */
const TOLERATED = 1.5
/** Nats: by chance it happens in one minute of a thousand at most, and only where new fails so much more often already. */
const SURE = Math.log(1000)
/** A side that is alone fails clearly from here on. */
const FAILS = 0.05
/** For a P95. */
const FEWEST_FOR_P95 = 100
const SLOWER_TIMES = 2
/** Below it nobody notices. */
const SLOWER_MS = 5
/** Comparisons before the match rate says much: without a difference it is above 99 % then. */
export const ENOUGH_COMPARED = 1_000
const DAY_MS = 86_400_000

/** Have a sentence of their own. */
const SAID_ANYWAY: ReadonlySet<string> = new Set(['held', 'circuit_open', 'address_out'])

export function attentionOf(of: Attended): RouteShort['attention'] {
  const wrong = wrongWith(of)
  if (wrong !== null) return { level: 'wrong', why: wrong }
  const why = lookAt(of)
  return { level: why === null ? 'none' : 'look', why }
}

function wrongWith(of: Attended): string | null {
  const { split, health } = of
  if (isSplit(of) && split.rolledBack) return rolledBackText(of.rollbacks)
  const legacyOut = health.legacy === null ? null : outText('legacy', health.legacy)
  const newOut = health.new === null ? null : outText('new', health.new)
  // Legacy is what a rollback goes to; nobody is hurt by a new that serves nobody.
  if (legacyOut !== null) return legacyOut
  if (newOut !== null && split.effective > 0) return newOut
  return failsMore(of)
}

function lookAt(of: Attended): string | null {
  const { route, split, health, match, warnings, traffic } = of
  if (isSplit(of) && split.held) return `held at 0 % since the first start; the file declares ${route.declaredWeight} %`
  if (health.new !== null) {
    const out = outText('new', health.new)
    if (out !== null) return `${out}; it serves nobody yet`
  }
  const failing = (['new', 'legacy'] as const).find(side => failsClearly(traffic.sides[side]))
  if (failing !== undefined) return `${failing} fails ${ofRequests(traffic.sides[failing])}`
  if (match !== null && match.divergent > 0 && match.worst === 'high') {
    const found = `${many(match.divergent, 'divergence')}, of high severity at worst`
    return split.effective > 0 ? `users on new get other answers: ${found}` : found
  }
  const slower = slowerText(traffic)
  if (slower !== null) return slower
  return warnings.find(({ code }) => !SAID_ANYWAY.has(code))?.message ?? null
}

function isSplit({ route }: Attended): boolean {
  return route.sides.legacy !== null && route.sides.new !== null
}

function rolledBackText(rollbacks: readonly Rollback[]): string {
  const last = rollbacks.at(-1)
  if (last === undefined) return 'rolled back'
  const who = last.trigger === 'operator' ? `by ${last.by}` : `by ${last.trigger.replace('_', ' ')}`
  return `rolled back ${who}${last.reason === null ? '' : `: ${last.reason}`}`
}

function outText(side: Side, { addresses, circuit }: BackendHealth): string | null {
  const isOut = addresses.length > 0 && addresses.every(({ healthy, why }) => !healthy && why !== 'untried')
  if (isOut)
    return addresses.length === 1 ? `${side}'s address is out of use` : `all addresses of ${side} are out of use`
  return circuit === 'open' ? `the circuit of ${side} is open: too many requests had failed` : null
}

/** A bet that each failure was on new by chance alone, at the rate of the requests there; or new alone, and clearly failing. */
function failsMore({ traffic, split }: Attended): string | null {
  const { legacy, new: fresh } = traffic.sides
  if (fresh.recent.requests < FEWEST_REQUESTS || split.effective === 0) return null
  if (legacy.recent.requests < FEWEST_REQUESTS) {
    return failsClearly(fresh) ? `new fails ${ofRequests(fresh)}, and legacy serves too few to compare` : null
  }
  const weight = fresh.recent.requests / (fresh.recent.requests + legacy.recent.requests)
  const evidence = labelEvidence(fresh.recent.errors, legacy.recent.errors, weight, TOLERATED)
  if (evidence < SURE) return null
  return `new fails ${share(fresh.errorRatio)}, legacy ${share(legacy.errorRatio)} (last minute: ${errors(fresh)}, ${errors(legacy)})`
}

function failsClearly({ recent, errorRatio }: SideTraffic): boolean {
  if (recent.requests < FEWEST_REQUESTS || (errorRatio ?? 0) < FAILS) return false
  return rateInterval(recent.errors, recent.requests)[0] > FAILS
}

function slowerText({ sides }: RouteTraffic): string | null {
  const { legacy, new: fresh } = sides
  if (Math.min(legacy.recent.requests, fresh.recent.requests) < FEWEST_FOR_P95) return null
  if (legacy.p95Ms === null || fresh.p95Ms === null) return null
  const isSlower = fresh.p95Ms > SLOWER_TIMES * legacy.p95Ms && fresh.p95Ms - legacy.p95Ms >= SLOWER_MS
  return isSlower ? `new's P95 is ${millis(fresh.p95Ms)}, legacy's ${millis(legacy.p95Ms)}` : null
}

/** As things stand without an autopilot: what an operator does next, and what that waits for. */
export function nextOf(of: Attended, { level }: RouteShort['attention']): string {
  const { phase, split, match } = of
  if (phase === 'legacy-only') return 'give it a new side in the configuration'
  if (phase === 'retired') return 'nothing: it has no legacy side any more'
  if (split.rolledBack) return 'restore, once the cause is mended'
  if (level === 'wrong' && split.effective > 0) return 'roll back, or mend it'
  if (split.held) return 'set a weight: held at first start'
  if (phase === 'full') return retireText(of)
  const seen = comparedText(match)
  if (seen !== null) return seen
  if (split.frozen) return 'unfreeze: no raise until then'
  if (match === null && phase === 'legacy') return 'nothing is compared yet: set shadow.percent'
  return split.effective === 0 ? 'set a first weight' : 'raise the weight'
}

/** null: it does not stand in the way. */
function comparedText(match: Attended['match']): string | null {
  if (match === null) return null
  if (match.divergent > 0) return `${many(match.divergent, 'divergence')} to look at`
  if (match.compared === 0) return 'nothing is compared yet: waits for requests that may be asked twice'
  if (match.compared >= ENOUGH_COMPARED) return null
  return `${grouped(match.compared)} of ${grouped(ENOUGH_COMPARED)} compared before the match rate says much`
}

function retireText({ traffic, movedAt, now }: Attended): string {
  const { perSecond } = traffic.sides.legacy
  if (perSecond > 0) return `retire legacy: it still gets ${perSecond} requests a second`
  const sinceMs = movedAt === null ? 0 : now - movedAt
  if (sinceMs < DAY_MS) return 'retire legacy, after some days at 100 %'
  return `retire legacy: 100 % for ${many(Math.floor(sinceMs / DAY_MS), 'day')}`
}

function ofRequests(side: SideTraffic): string {
  return `${share(side.errorRatio)} (${errors(side)} in the last minute)`
}

function errors({ recent }: SideTraffic): string {
  return `${grouped(recent.errors)} of ${grouped(recent.requests)}`
}

/** `8.2 %`, `0.1 %`, `0 %`: two digits that count. */
function share(ratio: number | null): string {
  return `${Number(((ratio ?? 0) * 100).toPrecision(2))} %`
}

function millis(ms: number): string {
  return `${Math.round(ms)} ms`
}

function many(number: number, noun: string): string {
  return `${grouped(number)} ${noun}${number === 1 ? '' : 's'}`
}

function grouped(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ',')
}
