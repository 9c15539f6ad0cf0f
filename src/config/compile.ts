// Declared text and operators' words become what the data path reads: Config → Plan (once per load), Plan + ControlState →
// Snapshot (once per change; cheap, because the tree and the policies stay).
import type { Rule, StoredRule } from '../model/comparison.ts'
import { type ControlState, isInForce, type StoredPin, unitStateOf } from '../model/control.ts'
import type { Decision, RequestHead } from '../model/exchange.ts'
import type { PinPolicy, Route, RouteId, RouteSplit, UnitId } from '../model/route.ts'
import type { Plan, Snapshot } from '../model/snapshot.ts'
import type { EpochMs } from '../model/units.ts'
import { BUCKETS, createBucketer, sampleScope, thresholdOf } from '../routing/bucket.ts'
import { type Draws, decide } from '../routing/decide.ts'
import { explain } from '../routing/explain.ts'
import { createMatcher, type Matcher } from '../routing/match.ts'
import { createPins, type Pins } from '../routing/pins.ts'
import { createSeal, type Seal } from '../routing/seal.ts'
import { type AutoId, createAutoId, knownKey } from '../routing/sticky.ts'
import { whereIs } from '../routing/who.ts'

/** Chance and time, handed in from above. */
export interface Chance {
  /** 0 ≤ x < 1. */
  readonly random: () => number
  /** An id that nobody can guess, at least 96 bits, without a dot. */
  readonly randomId: () => string
  /** Wall clock. */
  readonly now: () => EpochMs
}

// A plan's tree and a seed's draws are made once and used by every snapshot of the same plan and seed.
const matchers = new WeakMap<Plan, Matcher>()
const drawers = new WeakMap<Plan, Drawer>()

interface Drawer {
  readonly seed: string
  readonly draws: readonly Draws[]
  /** null: no route pins anybody. */
  readonly pins: Pins | null
}

export function compileSnapshot(plan: Plan, state: ControlState, chance: Chance): Snapshot {
  const matcher = matcherOf(plan)
  const draws = drawsOf(plan, plan.seed ?? state.seed, chance)
  const pins = (drawers.get(plan) as Drawer).pins
  const at = chance.now()
  const splits = plan.routes.map(route => splitOf(plan, route, state, at))
  const fallback: Decision | null =
    plan.fallback === null
      ? null
      : { route: plan.fallback, side: 'legacy', reason: 'only', bucket: null, keyFrom: null, issue: null, heard: null }
  return {
    revision: state.revision,
    plan,
    splits,
    decide(head: RequestHead) {
      const match = matcher.match(head)
      if (match === null) return fallback
      const { index } = match.route
      return decide(match, splits[index] as RouteSplit, head, draws[index] as Draws)
    },
    explain(head: RequestHead) {
      const match = matcher.match(head)
      if (match === null) return null
      const { index } = match.route
      const explained = explain(match, splits[index] as RouteSplit, head, draws[index] as Draws)
      return { route: match.route, explained }
    },
    sample(route, head) {
      const match = matcher.match(head)
      const { sample, auto, random } = draws[route.index] as Draws
      const key = match === null ? null : knownKey(route.sticky, head, match, auto)
      return { key, bucket: key === null ? Math.floor(random() * BUCKETS) : sample(key) }
    },
    who: key =>
      plan.routes.map(route => ({
        route,
        ...whereIs(route, splits[route.index] as RouteSplit, key, draws[route.index] as Draws),
      })),
    isRolledBack: route => isRolledBack(state, route),
    pinCookies: pins?.cookies ?? null,
  }
}

/** The tree of a plan's routes. */
export function matcherOf(plan: Plan): Matcher {
  let matcher = matchers.get(plan)
  if (matcher === undefined) {
    matcher = createMatcher(plan.routes)
    matchers.set(plan, matcher)
  }
  return matcher
}

/** By route index: how the routes of a plan draw with a seed. */
export function drawsOf(plan: Plan, seed: string, chance: Chance): readonly Draws[] {
  const known = drawers.get(plan)
  if (known !== undefined && known.seed === seed) return known.draws
  const auto: AutoId = createAutoId(seed, chance.randomId)
  const pinned = pinnedUnits(plan)
  const pins = createPins(pinned, createSeal(seed, 'pin'), chance.now)
  const links = createSeal(seed, LINK_PURPOSE)
  const draws = plan.routes.map(route => ({
    bucket: createBucketer(seed, route.unit),
    sample: createBucketer(seed, sampleScope(route.unit)),
    auto,
    pins,
    links,
    random: chance.random,
    now: chance.now,
  }))
  drawers.set(plan, { seed, draws, pins: pinned.size === 0 ? null : pins })
  return draws
}

/** What links are signed with. */
export function linkSealOf(plan: Plan, state: ControlState): Seal {
  return createSeal(plan.seed ?? state.seed, LINK_PURPOSE)
}

const LINK_PURPOSE = 'link'

/** The first route of a unit speaks for it. */
function pinnedUnits(plan: Plan): ReadonlyMap<UnitId, PinPolicy> {
  const pinned = new Map<UnitId, PinPolicy>()
  for (const { unit, pin } of plan.routes) if (pin !== null && !pinned.has(unit)) pinned.set(unit, pin)
  return pinned
}

// Thousands of pins and thousands of routes: grouped once for each list, so that a rollback does not wait for it.
const grouped = new WeakMap<readonly StoredPin[], ReadonlyMap<UnitId, ReadonlyMap<string, StoredPin>>>()

function supportPinsOf(pins: readonly StoredPin[]): ReadonlyMap<UnitId, ReadonlyMap<string, StoredPin>> {
  const known = grouped.get(pins)
  if (known !== undefined) return known
  const byUnit = new Map<UnitId, Map<string, StoredPin>>()
  for (const pin of pins) {
    const ofUnit = byUnit.get(pin.unit) ?? new Map<string, StoredPin>()
    byUnit.set(pin.unit, ofUnit.set(pin.key, pin))
  }
  grouped.set(pins, byUnit)
  return byUnit
}

const ruled = new WeakMap<readonly StoredRule[], ReadonlyMap<RouteId, readonly Rule[]>>()

/** The same list as long as it is the same rules. */
function addedRulesOf(rules: readonly StoredRule[], route: RouteId, at: EpochMs): readonly Rule[] | null {
  let byRoute = ruled.get(rules)
  if (byRoute === undefined) {
    const stored = Map.groupBy(rules, one => one.route)
    byRoute = new Map([...stored].map(([id, list]) => [id, list.map(one => one.rule)]))
    ruled.set(rules, byRoute)
  }
  const added = byRoute.get(route) ?? []
  const standing = added.filter(({ until }) => until === null || until > at)
  if (standing.length === 0) return null
  return standing.length === added.length ? added : standing
}

function isRolledBack(state: ControlState, route: Route): boolean {
  return state.rollbacks.some(rollback => isInForce(rollback, route))
}

/** desired = the operator's word, else the file's; effective = 0 while rolled back or held. Rules that are over `at` are left out. */
export function splitOf(plan: Plan, route: Route, state: ControlState, at: EpochMs): RouteSplit {
  const { weight, frozen, held } = unitStateOf(state, route.unit)
  const rolledBack = route.sides.legacy !== null && isRolledBack(state, route)
  const declared = route.declaredWeight
  const desired = plan.controlledByFile ? declared : (weight?.percent ?? declared)
  const oneSided = route.sides.legacy === null || route.sides.new === null
  const effective = oneSided ? (route.sides.new === null ? 0 : 100) : rolledBack || held ? 0 : desired
  return {
    declared,
    desired,
    effective,
    threshold: thresholdOf(effective),
    rolledBack,
    frozen: frozen !== null,
    held,
    supportPins: supportPinsOf(state.pins).get(route.unit) ?? null,
    rules: addedRulesOf(state.rules, route.id, at),
  }
}
