// The decision of a request, step by step, for people. Uses the very functions that decide; asks nobody and draws nothing
// that the request itself would not determine.
import { type Heard, headerOf, type Reason, type RequestHead } from '../model/exchange.ts'
import type { RouteSplit, Side } from '../model/route.ts'
import type { Explained, Step } from '../model/snapshot.ts'
import { BUCKETS } from './bucket.ts'
import { type Draws, isRefused, isSafe, type Settled, seePin, settledSide } from './decide.ts'
import { type Match, preflightMethod } from './match.ts'
import type { PinSeen } from './pins.ts'
import { AUTO_COOKIE, stickyKey } from './sticky.ts'

export function explain(match: Match, split: RouteSplit, head: RequestHead, draws: Draws): Explained {
  const { route } = match
  const refused = isRefused(match)
  const settled = settledSide(match, split, head, draws)
  const pin = seePin(route, head, draws)
  const key = stickyKey(route.sticky, head, match, draws.auto)
  const known = key !== null && key.issue === null ? key : null
  const percentile = known === null ? null : (draws.bucket(known.value) / BUCKETS) * 100
  const drawn = drawnSide(split, known === null ? null : draws.bucket(known.value))
  const pinned = pin?.side ?? null
  const own = pinned !== null ? 'pin' : split.frozen ? 'frozen' : 'weight'
  const reason = refused ? 'ambiguous' : settled.side === null ? own : settled.reason
  const side = refused ? null : (settled.side ?? pinned ?? drawn)
  const isNew = key !== null && key.issue !== null
  const considered = steps(match, split, head, { drawn: { percentile, isNew }, settled, pin })
  // Two steps are called pin: the support desk's, and the user's own.
  const isOwnPin = reason === 'pin' && settled.side === null
  const reached = considered[isOwnPin ? 'findLastIndex' : 'findIndex'](step => step.step === reason)
  return {
    side,
    reason,
    why: considered[reached]?.because ?? reason,
    key: known === null ? null : { from: known.from, value: known.value },
    percentile,
    considered: considered.map((step, i) => ({
      ...step,
      applies: i === reached,
      because: i > reached ? `not reached (${step.because})` : step.because,
    })),
  }
}

interface Drawn {
  /** null: nothing is known of the user. */
  readonly percentile: number | null
  /** The user gets an id with the answer. */
  readonly isNew: boolean
}

function drawnSide(split: RouteSplit, bucket: number | null): Side | null {
  if (split.threshold === 0) return 'legacy'
  if (split.threshold === BUCKETS) return 'new'
  if (bucket === null) return null
  return bucket < split.threshold ? 'new' : 'legacy'
}

interface Known {
  readonly drawn: Drawn
  readonly settled: Settled
  readonly pin: PinSeen | null
}

/** Every step in the order of authority, whether or not it was reached. */
function steps(match: Match, split: RouteSplit, head: RequestHead, { drawn, settled, pin }: Known): Step[] {
  const { route } = match
  const one = route.sides.new === null ? 'legacy' : route.sides.legacy === null ? 'new' : null
  const step = (name: Reason, because: string): Step => ({ step: name, applies: false, because })
  return [
    step('only', one === null ? 'the route has both sides' : `the route has only a ${one} side`),
    step('rollback', split.rolledBack ? 'the route is rolled back' : 'the route is not rolled back'),
    step(
      'ambiguous',
      match.agreed
        ? 'the path means the same raw and normalised'
        : `raw and normalised path take different routes${isRefused(match) ? ': refused with 400' : ''}`,
    ),
    step('preflight', preflightStep(match, head)),
    step('writes', writesStep(match, preflightMethod(head) ?? head.method)),
    step('override', overrideStep(match, head, settled)),
    step('pin', deskStep(split, settled)),
    step('cohort', cohortStep(match, settled)),
    step('pin', pinStep(match, pin)),
    step('frozen', split.frozen ? `frozen at ${split.effective} %: ${draw(split, drawn)}` : 'the route is not frozen'),
    step('weight', draw(split, drawn)),
  ]
}

function preflightStep({ route }: Match, head: RequestHead): string {
  const asked = preflightMethod(head)
  if (asked === null) return 'it is no CORS preflight'
  return route.preflight === 'follow'
    ? `a CORS preflight for ${asked}, decided like that`
    : `a CORS preflight for ${asked}: ${route.preflight} answers them (preflight: ${route.preflight})`
}

function writesStep({ route }: Match, method: string): string {
  if (route.data !== 'separate') return 'both sides share their data: writes follow the user'
  return isSafe(method)
    ? `${method} only reads`
    : `${method} may write, and legacy has the authority (writes.mode: legacy-only)`
}

function overrideStep({ route: { override } }: Match, head: RequestHead, { link }: Settled): string {
  if (override === null) return 'nobody may override on this route'
  if (link !== null && link.side !== null) return `a signed link asks for ${link.side}`
  const { header, links } = override
  const tried = links ? linksTried(link?.heard ?? []) : null
  if (header === null) return tried ?? 'no override header counts on this route'
  const said = headerOf(head.headers, header.name)
  if (said === null) return tried === null ? `no ${header.name} header` : `no ${header.name} header, and ${tried}`
  if (said !== 'legacy' && said !== 'new') return `${header.name} says neither legacy nor new`
  return header.from.contains(head.address)
    ? `${header.name} asks for ${said}`
    : `${head.address} is not in override.from, so ${header.name} counts for nothing`
}

function linksTried(heard: readonly Heard[]): string {
  if (heard.length === 0) return 'no signed link'
  return `a link that counts for nothing (${heard.map(({ result }) => result).join(', ')})`
}

function deskStep({ supportPins }: RouteSplit, settled: Settled): string {
  if (settled.side !== null && settled.reason === 'pin') return `the support desk gave this user ${settled.side}`
  return supportPins === null ? 'the support desk gave nobody a side' : 'the support desk said nothing of this user'
}

function pinStep({ route }: Match, pin: PinSeen | null): string {
  if (route.pin === null) return 'the route pins nobody'
  if (pin === null) return 'there is no other side to be pinned to'
  if (pin.result === 'accepted') return `a pin of ours keeps this user on ${pin.side}`
  const why = pin.result === null ? 'no pin' : `a pin that counts for nothing (${pin.result})`
  if (pin.side !== null) return `${why}, but a session: it began before anybody was pinned, and stays on ${pin.side}`
  return `${why}: decided as below, and pinned there`
}

function cohortStep({ route }: Match, settled: Settled): string {
  if (route.cohorts.length === 0) return 'the route has no cohorts'
  return settled.side !== null && settled.reason === 'cohort'
    ? `a cohort is on ${settled.side}`
    : `none of ${route.cohorts.length} cohorts fits`
}

function draw(split: RouteSplit, { percentile, isNew }: Drawn): string {
  if (split.held) return 'held at 0 % since the first start, until a weight is set'
  if (split.threshold === 0) return 'weight 0 %: nobody is on new'
  if (split.threshold === BUCKETS) return 'weight 100 %: everybody is on new'
  if (isNew) {
    return `no key in the request: the user gets one with the cookie ${AUTO_COOKIE} and keeps the side that it falls on, ${split.effective} % of them new`
  }
  if (percentile === null) return `no key in the request: each one draws anew, ${split.effective} % of them new`
  const side = percentile < split.effective ? 'below' : 'not below'
  return `the key falls at ${percentile.toFixed(4)}, ${side} the weight of ${split.effective} %`
}
