// What a command does to the control state. Pure: no clock, no chance, no store; the same three give the same answer.
import {
  type Command,
  type ControlState,
  isInForce,
  type Rollback,
  revisionOf,
  type Said,
  type StoredPin,
  type UnitState,
  unitStateOf,
} from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { Route, RouteId, UnitId } from '../model/route.ts'
import type { Plan } from '../model/snapshot.ts'
import type { EpochMs, Percent, Revision } from '../model/units.ts'
import { endedWith } from './in-force.ts'
import { addRule, removeRule } from './reduce-rules.ts'

/** A change that was accepted: the next state, and what the audit log says of it. */
export interface Change {
  readonly state: ControlState
  readonly subject: string
  readonly before: unknown
  readonly after: unknown
}

export interface Moment {
  readonly at: EpochMs
  /** The revision that this change gets. */
  readonly revision: Revision
}

/** Actors without a token; a token of that name would pass for one. */
const OWN_NAMES = new Set(['system', 'break_glass', 'environment', 'file', 'SIGHUP', 'watch'])

/** null: accepted, and nothing to change. Throws a BanyanError when refused. */
export function reduce(state: ControlState, command: Command, plan: Plan, moment: Moment): Change | null {
  switch (command.type) {
    case 'set-weight': {
      const route = splitRoute(plan, command.route)
      refuseStale(state, command, route.unit)
      refuseControlledByFile(plan)
      refuseRaise(state, plan, route, command.percent)
      const said = { ...saidBy(command, moment), percent: command.percent }
      return changeUnit(state, route, moment, { weight: said, held: false })
    }
    case 'unset-weight': {
      const route = splitRoute(plan, command.route)
      refuseStale(state, command, route.unit)
      const unit = unitStateOf(state, route.unit)
      if (unit.weight === null && !unit.held) return null
      refuseRaise(state, plan, route, route.declaredWeight)
      return changeUnit(state, route, moment, { weight: null, held: false })
    }
    case 'freeze': {
      const route = splitRoute(plan, command.route)
      refuseStale(state, command, route.unit)
      if (unitStateOf(state, route.unit).frozen !== null) return null
      return changeUnit(state, route, moment, { frozen: saidBy(command, moment) })
    }
    case 'unfreeze': {
      const route = splitRoute(plan, command.route)
      refuseStale(state, command, route.unit)
      if (unitStateOf(state, route.unit).frozen === null) return null
      return changeUnit(state, route, moment, { frozen: null })
    }
    case 'rollback':
      return rollBack(state, command, plan, moment)
    case 'restore':
      return restore(state, command, plan, moment)
    case 'pin':
      return pin(state, command, plan, moment)
    case 'unpin':
      return unpin(state, command, plan, moment)
    case 'link': {
      const route = splitRoute(plan, command.route)
      if (route.override?.links !== true) {
        throw new BanyanError('links_off', `route ${route.id} takes no links`, {
          hint: 'say override: { links: true } in the configuration',
        })
      }
      refusePast(command.until, moment)
      const { side, until, audience } = command
      const after = { side, until, audience }
      return { state: { ...state, revision: moment.revision }, subject: route.id, before: null, after }
    }
    case 'add-rule': {
      const route = routeOf(plan, command.route)
      refuseStale(state, command, route.unit)
      return addRule(state, command, route, moment)
    }
    case 'remove-rule': {
      // Also of a route that is gone: nothing else would ever end its rules.
      const stored = state.rules.find(one => one.route === command.route && one.rule.id === command.id)
      const unit = stored === undefined ? routeOf(plan, command.route).unit : plan.byId.get(command.route)?.unit
      refuseStale(state, command, unit ?? '*')
      return removeRule(state, command, stored ?? null, unit ?? '*', moment)
    }
    case 'acknowledge':
      return logOnly(state, moment, routeOf(plan, command.route).id, { signature: command.signature })
    case 'revoke-noise':
      return logOnly(state, moment, routeOf(plan, command.route).id, { place: command.place })
    case 'resume-shadow':
      return logOnly(state, moment, routeOf(plan, command.route).id, { template: command.template })
    case 'forget':
      // As with pins: the beginning of the hash tells users apart, and is not enough to find one by guessing.
      return logOnly(state, moment, command.keyHash.slice(0, 8), null)
    case 'rotate-seed':
      refuseStale(state, command, '*')
      if (plan.seed !== null) {
        throw new BanyanError('seed_from_file', 'the seed comes from the configuration (split.seed)', {
          hint: 'change split.seed there, and reload',
        })
      }
      return {
        state: {
          ...state,
          seed: command.seed,
          revision: moment.revision,
          changed: { ...state.changed, '*': moment.revision },
        },
        subject: '*',
        before: null,
        after: null,
      }
    case 'create-token': {
      const { hash: _, ...shown } = command.token
      if (OWN_NAMES.has(command.token.name)) {
        throw new BanyanError('token_exists', `${command.token.name} is a name of the proxy itself in the audit log`, {
          hint: 'take another name',
        })
      }
      if (state.tokens.some(token => token.name === command.token.name)) {
        throw new BanyanError('token_exists', `there is a token named ${command.token.name} already`, {
          hint: 'take another name, or revoke that one',
        })
      }
      for (const id of command.token.routes ?? []) routeOf(plan, id)
      return {
        state: { ...state, revision: moment.revision, tokens: [...state.tokens, command.token] },
        subject: command.token.id,
        before: null,
        after: shown,
      }
    }
    case 'revoke-token': {
      const found = state.tokens.find(token => token.id === command.id)
      if (found === undefined)
        throw new BanyanError('unknown_token', `there is no token ${command.id}`, {
          hint: 'GET /api/v1/tokens lists them',
        })
      const { hash: _, ...shown } = found
      return {
        state: { ...state, revision: moment.revision, tokens: state.tokens.filter(token => token !== found) },
        subject: found.id,
        before: shown,
        after: null,
      }
    }
    case 'reload': {
      const { source, instance, changes, paths } = command
      return {
        state: { ...state, revision: moment.revision, changed: { ...state.changed, '*': moment.revision } },
        subject: '*',
        before: null,
        after: { source, instance, changes, paths },
      }
    }
  }
}

/** The state of a store that is met for the first time. Declared weights are held at 0 unless the file says otherwise. */
export function firstState(plan: Plan, seed: string, revision: Revision): ControlState {
  const units: Record<UnitId, UnitState> = {}
  for (const [unit, routes] of plan.units) {
    const declared = routes.some(route => isTwoSided(route) && route.declaredWeight > 0)
    if (declared && plan.firstStart === 'hold') units[unit] = { weight: null, frozen: null, held: true }
  }
  return {
    revision,
    seed,
    units,
    rollbacks: [],
    ended: [],
    pins: [],
    rules: [],
    tokens: [],
    changed: { '*': revision },
  }
}

export function isTwoSided(route: Route): boolean {
  return route.sides.legacy !== null && route.sides.new !== null
}

/** A group's members act as one: the desired weight of any of them. */
export function desiredOf(state: ControlState, plan: Plan, route: Route): Percent {
  const unit = unitStateOf(state, route.unit)
  return plan.controlledByFile ? route.declaredWeight : (unit.weight?.percent ?? route.declaredWeight)
}

function rollBack(
  state: ControlState,
  command: Extract<Command, { type: 'rollback' }>,
  plan: Plan,
  moment: Moment,
): Change | null {
  const route = command.route === null ? null : routeOf(plan, command.route)
  if (route !== null && route.sides.legacy === null) {
    throw new BanyanError('new_only', `route ${route.id} has no legacy side to go back to`, {
      hint: 'give it one in the configuration',
    })
  }
  const units = route === null ? ('*' as const) : namesOf(plan, route)
  if (standing(state, route) !== null) return null
  const rollback: Rollback = {
    id: command.id,
    units,
    restored: [],
    trigger: command.trigger,
    ...saidBy(command, moment),
  }
  const touched = route?.unit ?? '*'
  return {
    state: {
      ...state,
      revision: moment.revision,
      rollbacks: [...state.rollbacks, rollback],
      changed: { ...state.changed, [touched]: moment.revision },
    },
    subject: route?.id ?? '*',
    before: null,
    after: { rollback: rollback.id, units, trigger: rollback.trigger },
  }
}

/** The rollback that already says the same, so that repeating one changes nothing. `null` asks for one of everything. */
export function standing(state: ControlState, route: Route | null): Rollback | null {
  return (
    state.rollbacks.find(rollback =>
      route === null
        ? rollback.units === '*' && rollback.restored.length === 0
        : rollback.units !== '*' && rollback.units.includes(route.unit) && isInForce(rollback, route),
    ) ?? null
  )
}

function restore(
  state: ControlState,
  command: Extract<Command, { type: 'restore' }>,
  plan: Plan,
  moment: Moment,
): Change | null {
  const route = command.route === null ? null : routeOf(plan, command.route)
  refuseStale(state, command, route?.unit ?? '*')
  for (const id of command.rollbacks ?? []) {
    if (!state.rollbacks.some(rollback => rollback.id === id)) {
      throw new BanyanError('unknown_rollback', `there is no rollback ${id} in force`, {
        hint: 'the status lists those in force',
      })
    }
  }
  const named = (rollback: Rollback) => command.rollbacks?.includes(rollback.id) ?? true
  const concerned = (rollback: Rollback) => named(rollback) && (route === null || isInForce(rollback, route))
  const ended = state.rollbacks.filter(concerned)
  const rollbacks =
    route === null
      ? state.rollbacks.filter(rollback => !ended.includes(rollback))
      : state.rollbacks.flatMap(rollback =>
          ended.includes(rollback) ? endFor(rollback, namesOf(plan, route)) : [rollback],
        )
  const left = new Set(rollbacks.map(({ id }) => id))
  const gone = ended.filter(({ id }) => !left.has(id)).map(({ id }) => id)
  const next: ControlState = {
    ...state,
    revision: moment.revision,
    rollbacks,
    ended: endedWith(state.ended, gone, moment.at),
    changed: { ...state.changed, [route?.unit ?? '*']: moment.revision },
  }
  const after = { ended: ended.map(rollback => rollback.id), percent: command.percent }
  if (command.percent !== null && route !== null) {
    splitRoute(plan, route.id)
    refuseControlledByFile(plan)
    refuseRaise(state, plan, route, command.percent)
    const said = { ...saidBy(command, moment), percent: command.percent }
    const weighed = changeUnit(next, route, moment, { weight: said, held: false })
    return { ...weighed, after }
  }
  if (ended.length === 0) return null
  return { state: next, subject: route?.id ?? '*', before: null, after }
}

/** So many users may have a side by the support desk; more is a cohort. */
const MOST_PINS = 10_000

function pin(
  state: ControlState,
  command: Extract<Command, { type: 'pin' }>,
  plan: Plan,
  moment: Moment,
): Change | null {
  const route = splitRoute(plan, command.route)
  refuseStale(state, command, route.unit)
  if (route.sticky.length === 0) {
    throw new BanyanError('no_key', `route ${route.id} has no sticky keys: its users cannot be told apart`, {
      hint: 'say sticky: […] in the configuration',
    })
  }
  refusePast(command.pin.until, moment)
  const before = state.pins.find(one => isOf(one, route, command.pin.key)) ?? null
  const standing = state.pins.filter(one => one !== before && one.until > moment.at)
  if (standing.length >= MOST_PINS) {
    throw new BanyanError('too_many_pins', `there are ${MOST_PINS} pins already`, {
      hint: 'many users at once are a cohort: cohorts: [{ when: { keys: file:… }, side: … }]',
    })
  }
  const { id, key, side, until } = command.pin
  const after: StoredPin = { id, unit: route.unit, key, side, until, ...saidBy(command, moment) }
  return changePins(state, route, moment, [...standing, after], before, after)
}

function unpin(
  state: ControlState,
  command: Extract<Command, { type: 'unpin' }>,
  plan: Plan,
  moment: Moment,
): Change | null {
  const route = routeOf(plan, command.route)
  refuseStale(state, command, route.unit)
  const before = state.pins.find(one => isOf(one, route, command.key)) ?? null
  if (before === null) return null
  const left = state.pins.filter(one => one !== before && one.until > moment.at)
  return changePins(state, route, moment, left, before, null)
}

function isOf(pin: StoredPin, route: Route, key: string): boolean {
  return pin.unit === route.unit && pin.key === key
}

/** The log names a user by the beginning of the hash, as `explain` does. */
function changePins(
  state: ControlState,
  route: Route,
  moment: Moment,
  pins: readonly StoredPin[],
  before: StoredPin | null,
  after: StoredPin | null,
): Change {
  const brief = (pin: StoredPin | null) =>
    pin && { pin: pin.id, key: pin.key.slice(0, 8), side: pin.side, until: pin.until }
  const changed = { ...state.changed, [route.unit]: moment.revision }
  return {
    state: { ...state, revision: moment.revision, pins, changed },
    subject: route.id,
    before: brief(before),
    after: brief(after),
  }
}

/** What is undone is no control state; that somebody asked for it is saved before it is done. */
function logOnly(state: ControlState, moment: Moment, subject: string, before: unknown): Change {
  return { state: { ...state, revision: moment.revision }, subject, before, after: null }
}

function refusePast(until: EpochMs, { at }: Moment): void {
  if (until > at) return
  throw new BanyanError('invalid', 'it would end before it begins', {
    hint: 'a time such as 2h or 7d',
    details: { errors: [{ pointer: '/for', message: 'must be above 0' }] },
  })
}

/** A unit and its routes: what a rollback of one of them is about. */
function namesOf(plan: Plan, route: Route): readonly string[] {
  return [...new Set([route.unit, ...(plan.units.get(route.unit) ?? []).map(member => member.id)])]
}

/** A rollback without one unit; gone when none is left. */
function endFor(rollback: Rollback, names: readonly string[]): readonly Rollback[] {
  const restored = [...new Set([...rollback.restored, ...names])]
  if (rollback.units !== '*' && rollback.units.every(one => restored.includes(one))) return []
  return [{ ...rollback, restored }]
}

function changeUnit(state: ControlState, route: Route, moment: Moment, change: Partial<UnitState>): Change {
  const before = unitStateOf(state, route.unit)
  const after: UnitState = { ...before, ...change }
  return {
    state: {
      ...state,
      revision: moment.revision,
      units: { ...state.units, [route.unit]: after },
      changed: { ...state.changed, [route.unit]: moment.revision },
    },
    subject: route.id,
    before: brief(before),
    after: brief(after),
  }
}

function brief(unit: UnitState): unknown {
  return { weight: unit.weight?.percent ?? null, frozen: unit.frozen !== null, held: unit.held }
}

function saidBy(command: Command, moment: Moment): Said {
  return { by: command.actor.name, at: moment.at, reason: command.reason }
}

function routeOf(plan: Plan, id: RouteId): Route {
  const route = plan.byId.get(id)
  if (route === undefined)
    throw new BanyanError('unknown_route', `there is no route ${id}`, { hint: 'GET /api/v1/routes lists them' })
  return route
}

function splitRoute(plan: Plan, id: RouteId): Route {
  const route = routeOf(plan, id)
  if (!isTwoSided(route)) {
    const has = route.sides.legacy === null ? 'new' : 'legacy'
    throw new BanyanError('one_sided', `route ${id} has only a ${has} side: there is nothing to split`, {
      hint: 'give it the other side in the configuration',
    })
  }
  return route
}

function refuseStale(state: ControlState, command: Command, unit: UnitId | '*'): void {
  if (command.ifRevision === undefined) return
  const current = unit === '*' ? state.revision : revisionOf(state, unit)
  if (command.ifRevision !== current) {
    throw new BanyanError('stale_revision', `revision ${command.ifRevision} is not the current one`, {
      hint: 'read it again and decide anew',
      details: { currentRevision: current },
    })
  }
}

function refuseControlledByFile(plan: Plan): void {
  if (plan.controlledByFile) {
    throw new BanyanError('controlled_by_file', 'weights are controlled by the file (control: file)', {
      hint: 'change the weight there, and reload; rollback works as always',
    })
  }
}

function refuseRaise(state: ControlState, plan: Plan, route: Route, percent: Percent): void {
  const unit = unitStateOf(state, route.unit)
  if (unit.frozen === null) return
  const current = unit.held ? 0 : desiredOf(state, plan, route)
  if (percent > current) {
    throw new BanyanError('frozen', `route ${route.id} is frozen at ${current} %: no raise`, {
      hint: 'unfreeze it first; lowering and rollback are allowed',
    })
  }
}
