// The decision of a request, step by step, for people. Uses the very functions that decide; asks nobody and draws nothing
// that the request itself would not determine.
import { headerOf, type Reason, type RequestHead } from '../model/exchange.ts'
import type { RouteSplit, Side } from '../model/route.ts'
import type { Explained, Step } from '../model/snapshot.ts'
import { BUCKETS } from './bucket.ts'
import { type Draws, isRefused, isSafe, settledSide } from './decide.ts'
import type { Match } from './match.ts'
import { AUTO_COOKIE, stickyKey } from './sticky.ts'

export function explain(match: Match, split: RouteSplit, head: RequestHead, draws: Draws): Explained {
  const { route } = match
  const refused = isRefused(match)
  const settled = refused ? { side: null, reason: 'ambiguous' as const } : settledSide(match, split, head)
  const key = stickyKey(route.sticky, head, match, draws.auto)
  const known = key !== null && key.issue === null ? key : null
  const percentile = known === null ? null : (draws.bucket(known.value) / BUCKETS) * 100
  const drawn = drawnSide(split, known === null ? null : draws.bucket(known.value))
  const reason = settled?.reason ?? (split.frozen ? 'frozen' : 'weight')
  const side = settled === null ? drawn : settled.side
  const isNew = key !== null && key.issue !== null
  const considered = steps(match, split, head, { percentile, isNew })
  const reached = considered.findIndex(step => step.step === reason)
  return {
    side,
    reason,
    why: considered.find(step => step.step === reason)?.because ?? reason,
    key: known === null ? null : { from: known.from, value: known.value },
    percentile,
    considered: considered.map((step, i) => ({
      ...step,
      applies: step.step === reason,
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

/** Every step in the order of authority, whether or not it was reached. */
function steps(match: Match, split: RouteSplit, head: RequestHead, drawn: Drawn): Step[] {
  const { route } = match
  const said = route.override === null ? null : headerOf(head.headers, route.override.header)
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
    step(
      'writes',
      route.data !== 'separate'
        ? 'both sides share their data: writes follow the user'
        : isSafe(head.method)
          ? `${head.method} only reads`
          : `${head.method} may write, and legacy has the authority (writes.mode: legacy-only)`,
    ),
    step('override', overrideStep(match, head, said)),
    step('frozen', split.frozen ? `frozen at ${split.effective} %: ${draw(split, drawn)}` : 'the route is not frozen'),
    step('weight', draw(split, drawn)),
  ]
}

function overrideStep(match: Match, head: RequestHead, said: string | null): string {
  const { override } = match.route
  if (override === null) return 'nobody may override on this route'
  if (said === null) return `no ${override.header} header`
  if (said !== 'legacy' && said !== 'new') return `${override.header} says neither legacy nor new`
  return override.from.contains(head.address)
    ? `${override.header} asks for ${said}`
    : `${head.address} is not in override.from, so ${override.header} counts for nothing`
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
