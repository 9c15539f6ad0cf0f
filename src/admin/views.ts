// Read models: what the API shows of routes and of the whole, put together from state, snapshot and traffic.
import { splitOf } from '../config/compile.ts'
import { phaseOf } from '../model/attention.ts'
import { type ControlState, isInForce, type Rollback, revisionOf, unitStateOf } from '../model/control.ts'
import type { Backend, Route, RouteId, RouteSplit, Side, StickySource } from '../model/route.ts'
import type { Plan, Snapshot } from '../model/snapshot.ts'
import type { EpochMs } from '../model/units.ts'
import type { ShadowBrief } from '../shadow/view.ts'
import type { RouteTraffic, SideTraffic } from '../traffic.ts'
import type { Decision, RouteShort, RouteView, Status, TrafficEvent } from './api.ts'
import { type Attended, attentionOf, nextOf } from './attention.ts'
import type { AdminParts } from './handlers.ts'

export interface Seen {
  readonly plan: Plan
  readonly state: ControlState
  readonly snapshot: Snapshot
  readonly traffic: (route: string) => RouteTraffic
  readonly health: (backend: Backend) => BackendHealth
  /** Of shadowing; null: nothing was compared. */
  readonly match: (route: RouteId) => ShadowBrief | null
  readonly decided: (route: Route) => LastDecisions
  /** Those that name a route, by its id. */
  readonly warnings: ReadonlyMap<RouteId, Status['warnings']>
  readonly now: EpochMs
}

/** What operators did last; `movedAt`: the last time that users may have changed sides by it. */
export interface LastDecisions {
  readonly last: Decision | null
  readonly movedAt: EpochMs | null
}

/** Everything that a row is made of, as it is now. `warnings`: those of the status. */
export function seenNow(parts: SeenParts, warnings: Status['warnings']): Seen {
  const named = Map.groupBy(
    warnings.filter(({ route }) => route !== null),
    ({ route }) => route as RouteId,
  )
  return {
    plan: parts.control.plan(),
    state: parts.control.state(),
    snapshot: parts.current(),
    traffic: parts.traffic(),
    health: parts.health(),
    match: parts.shadow.brief,
    decided: parts.decided(),
    warnings: named,
    now: parts.clock.now(),
  }
}

export type SeenParts = Pick<AdminParts, 'control' | 'current' | 'traffic' | 'health' | 'shadow' | 'decided' | 'clock'>

/** How a backend's addresses are, and who may ask them. */
export type BackendHealth = Pick<NonNullable<RouteView['sides']['legacy']>, 'addresses' | 'circuit' | 'gate'>

type RollbackView = RouteView['rollbacks'][number]

export function viewRoute(route: Route, seen: Seen): RouteView {
  const { plan, state } = seen
  const split = splitFor(route, seen)
  const unit = unitStateOf(state, route.unit)
  const traffic = seen.traffic(route.id)
  return {
    id: route.id,
    template: route.template,
    group: route.group,
    owner: route.owner,
    match: {
      paths: [...route.match.paths],
      host: route.match.host,
      methods: route.match.methods && [...route.match.methods],
    },
    data: route.data,
    sticky: route.sticky.map(stickyText),
    weight: {
      declared: split.declared,
      desired: split.desired,
      effective: split.effective,
      observed: traffic.observed,
      observedRequests: traffic.observedRequests,
    },
    set: plan.controlledByFile ? null : unit.weight,
    frozen: unit.frozen,
    held: split.held,
    rollbacks: state.rollbacks.filter(rollback => isInForce(rollback, route)).map(viewRollback),
    reasons: { ...traffic.reasons },
    sides: {
      legacy: viewSide(route.sides.legacy, traffic.sides.legacy, seen),
      new: viewSide(route.sides.new, traffic.sides.new, seen),
    },
    tunnels: { ...traffic.tunnels },
    shadow: shadowView(route),
    revision: revisionOf(state, route.unit),
  }
}

/** A row of the fleet: what `GET /status` shows of a route, and what is told as it changes. */
export function shortRoute(route: Route, seen: Seen): RouteShort {
  const split = splitFor(route, seen)
  const traffic = seen.traffic(route.id)
  const { sides } = route
  const both = <T>(pick: (side: SideTraffic) => T): Record<Side, T> => ({
    legacy: pick(traffic.sides.legacy),
    new: pick(traffic.sides.new),
  })
  const phase = phaseOf({
    hasLegacy: sides.legacy !== null,
    hasNew: sides.new !== null,
    effective: split.effective,
    isShadowed: isShadowed(route),
  })
  const match = matchOf(route, seen)
  const rollbacks = split.rolledBack ? seen.state.rollbacks.filter(rollback => isInForce(rollback, route)) : []
  const { last, movedAt } = decidedOn(route, rollbacks, seen)
  const attended: Attended = {
    ...{ route, split, phase, traffic, match, rollbacks, movedAt, now: seen.now },
    health: { legacy: sides.legacy && seen.health(sides.legacy), new: sides.new && seen.health(sides.new) },
    warnings: seen.warnings.get(route.id) ?? [],
  }
  const attention = attentionOf(attended)
  return {
    id: route.id,
    template: route.template,
    group: route.group,
    owner: route.owner,
    declared: split.declared,
    desired: split.desired,
    effective: split.effective,
    observed: traffic.observed,
    observedRequests: traffic.observedRequests,
    shadow: route.shadow?.percent ?? 0,
    state: stateOf(route, split),
    perSecond: both(side => side.perSecond),
    errorRatio: both(side => side.errorRatio),
    p95Ms: both(side => side.p95Ms),
    phase,
    match,
    attention,
    next: nextOf(attended, attention),
    lastDecision: last,
  }
}

function matchOf(route: Route, seen: Seen): RouteShort['match'] {
  if (!isShadowed(route)) return null
  const brief = seen.match(route.id)
  if (brief === null) return { compared: 0, rate: null, interval: null, divergent: 0, worst: null }
  const { of, rate, interval } = brief.match
  const { divergent, worst } = brief
  return { compared: of, rate, interval: interval === null ? null : [interval[0], interval[1]], divergent, worst }
}

/** A rollback that is in force was decided, also one that the log does not hold yet. */
function decidedOn(route: Route, rollbacks: readonly Rollback[], seen: Seen): LastDecisions {
  if (route.sides.legacy === null || route.sides.new === null) return { last: null, movedAt: null }
  const known = seen.decided(route)
  const newest = rollbacks.at(-1)
  if (newest === undefined || (known.last?.at ?? 0) >= newest.at) return known
  const { at, by, reason } = newest
  return { last: { at, by, action: 'rollback', reason, from: null, to: null }, movedAt: at }
}

function isShadowed({ shadow }: Route): boolean {
  return (shadow?.percent ?? 0) > 0
}

function shadowView({ shadow }: Route): RouteView['shadow'] {
  if (shadow === null) return null
  const { percent, direction, when, methods } = shadow
  return { percent, direction, when, methods: [...methods] }
}

/** What no route matches, as a row beside the routes; it has a legacy side only. */
export function shortDefault(route: Route, seen: Seen): NonNullable<Status['default']> {
  return { ...shortRoute(route, seen), lastError: seen.traffic(route.id).sides.legacy.lastError }
}

/** Every route as it is now. */
export function trafficEvent(seen: Seen, at: EpochMs): TrafficEvent {
  const { routes, fallback } = seen.plan
  return {
    at,
    routes: routes.map(route => shortRoute(route, seen)),
    default: fallback === null ? null : shortDefault(fallback, seen),
  }
}

export function viewRollback(rollback: Rollback): RollbackView {
  const { id, units, trigger, by, at, reason, restored } = rollback
  return { id, units: units === '*' ? '*' : [...units], restored: [...restored], trigger, by, at, reason }
}

function splitFor(route: Route, seen: Seen): RouteSplit {
  // The default is in no table, and nobody adds rules to it.
  return seen.snapshot.splits[route.index] ?? splitOf(seen.plan, route, seen.state, 0)
}

function stateOf(route: Route, split: RouteSplit): RouteShort['state'] {
  if (route.sides.new === null) return 'legacy-only'
  if (route.sides.legacy === null) return 'new-only'
  if (split.rolledBack) return 'rolled-back'
  if (split.held) return 'held'
  if (split.frozen) return 'frozen'
  return split.effective === 0 ? 'legacy' : split.effective === 100 ? 'new' : 'split'
}

function viewSide(backend: Backend | null, traffic: SideTraffic, { health }: Seen): RouteView['sides']['legacy'] {
  if (backend === null) return null
  const { requests, errors, perSecond, p50Ms, p95Ms, lastError } = traffic
  return {
    backend: backend.name,
    url: backend.origins.join(', '),
    tlsVerified: backend.tls.verify,
    requests,
    errors,
    perSecond,
    p50Ms,
    p95Ms,
    lastError,
    ...health(backend),
  }
}

function stickyText(source: StickySource): string {
  return 'name' in source ? `${source.kind}:${source.name}` : source.kind
}
