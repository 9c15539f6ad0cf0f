// What a change would do to the load, as the last minute lets expect: requests a second of both sides, and places in the backend
// that gets more of them.
import type { Backend, Route, RouteId, RouteSplit, Side } from '../model/route.ts'
import type { RouteTraffic, SideTraffic } from '../traffic.ts'
import type { PreviewView } from './api.ts'
import type { Seen } from './views.ts'

/** One route, before and after. */
export interface Moved {
  readonly route: Route
  readonly from: RouteSplit
  readonly to: RouteSplit
}

type PerSecond = PreviewView['routes'][number]['perSecond']
type Headroom = PreviewView['routes'][number]['headroom']

/** Only requests whose side the weight decides move; others stay where they are. */
export function perSecondOf({ route, from, to }: Moved, { traffic }: Seen): PerSecond {
  const { legacy, new: fresh } = traffic(route.id).sides
  if (legacy.recent.requests + fresh.recent.requests === 0) return null
  const movable = movableOf(legacy) + movableOf(fresh)
  // Who has a side keeps it, whatever the weight is; a rollback takes everybody.
  const isSame = from.effective === to.effective || (route.pin !== null && !to.rolledBack)
  const toNew = isSame ? fresh.perSecond : fresh.perSecond - movableOf(fresh) + (movable * to.effective) / 100
  const all = legacy.perSecond + fresh.perSecond
  return {
    legacy: { from: legacy.perSecond, to: rounded(all - toNew) },
    new: { from: fresh.perSecond, to: rounded(toNew) },
  }
}

/** By Little's law: so many places are taken as requests come in the time that one takes. */
export function headroomOf(
  one: Moved,
  moved: readonly Moved[],
  rates: ReadonlyMap<RouteId, PerSecond>,
  seen: Seen,
): Headroom {
  const side = gainingSide(one)
  const backend = side === null ? null : one.route.sides[side]
  if (side === null || backend === null) return null
  const { gate } = seen.health(backend)
  if (gate === null) return null
  let more = 0
  let isKnown = false
  for (const other of moved.filter(({ route }) => uses(route.sides[side], backend))) {
    const rate = rates.get(other.route.id)?.[side]
    const ms = timeOf(seen.traffic(other.route.id), side)
    if (rate === undefined || ms === null) continue
    isKnown = true
    more += ((rate.to - rate.from) * ms) / 1000
  }
  const { limit, inside } = gate
  return {
    side,
    backend: backend.name,
    limit,
    inside,
    wouldNeed: isKnown ? Math.max(0, Math.ceil(inside + more)) : null,
  }
}

function uses(one: Backend | null, backend: Backend): boolean {
  return one?.name === backend.name
}

/** A side without traffic is taken for as quick as the other. */
function timeOf({ sides }: RouteTraffic, side: Side): number | null {
  return sides[side].p50Ms ?? sides[side === 'new' ? 'legacy' : 'new'].p50Ms
}

function movableOf({ recent, perSecond }: SideTraffic): number {
  return recent.requests === 0 ? 0 : (recent.movable / recent.requests) * perSecond
}

function rounded(rate: number): number {
  return Math.max(0, Math.round(rate * 100) / 100)
}

/** Which side gets more; null: none. */
function gainingSide({ from, to }: Moved): Side | null {
  if (from.effective === to.effective) return null
  return to.effective > from.effective ? 'new' : 'legacy'
}
