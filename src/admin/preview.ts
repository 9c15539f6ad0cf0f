// What a change would do, before anybody does it: the reducer on the state of now, and the traffic of the last minute. Nothing is
// changed, and nothing is logged.
import { splitOf } from '../config/compile.ts'
import { type Change, reduce, standing } from '../control/reduce.ts'
import { type Actor, type Command, type ControlState, isInForce, revisionOf, unitStateOf } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { Route, RouteId, RouteSplit } from '../model/route.ts'
import type { Revision } from '../model/units.ts'
import { ROLLBACK_SPREAD_MS } from '../proxy/spread.ts'
import { isSafe } from '../routing/decide.ts'
import type { PreviewView } from './api.ts'
import { headroomOf, type Moved, perSecondOf } from './preview-traffic.ts'
import { problemOf } from './problems.ts'
import type { Seen } from './views.ts'

export interface Asked {
  readonly action: 'weight' | 'unset-weight' | 'freeze' | 'unfreeze' | 'rollback' | 'restore'
  /** null: everything. */
  readonly route: Route | null
  readonly percent: number | null
  readonly rollbacks: readonly string[] | null
  readonly ifRevision: Revision | null
  readonly actor: Actor
  /** Throws what the call itself would be refused with, for who asks. */
  readonly mayDo: () => void
}

export function previewOf(asked: Asked, seen: Seen, isVisible: (route: Route) => boolean): PreviewView {
  const { plan, state } = seen
  const { route } = asked
  const { change, refused } = outcomeOf(asked, seen)
  const next = change?.state ?? state
  const concerned = route === null ? plan.routes : (plan.units.get(route.unit) ?? [route])
  const moved = concerned.map(one => ({
    route: one,
    from: splitOf(plan, one, state, seen.now),
    to: splitOf(plan, one, next, seen.now),
  }))
  // Of everything, what stays as it is says nothing, unless it ought not to.
  const unreached = ({ sides }: Route) => asked.action === 'rollback' && sides.legacy === null
  const isShown = (one: Moved) => route !== null || isOther(one) || unreached(one.route)
  const shown = moved.filter(one => isVisible(one.route) && isShown(one))
  const rates = new Map(moved.map(one => [one.route.id, perSecondOf(one, seen)]))
  const cut = asked.action === 'rollback' && change !== null ? plan.rollbackTunnels : null
  const reached = asked.action === 'rollback' ? moved.filter(one => one.route.sides.legacy !== null) : moved
  return {
    revision: route === null ? state.revision : revisionOf(state, route.unit),
    refused,
    changes: change !== null,
    says: refused === null ? saysOf(asked, change, moved, seen) : `it would be refused: ${refused.detail}`,
    routes: shown.map(one => ({
      id: one.route.id,
      effective: { from: one.from.effective, to: one.to.effective },
      desired: { from: one.from.desired, to: one.to.desired },
      perSecond: rates.get(one.route.id) ?? null,
      headroom: headroomOf(one, moved, rates, seen),
      notes: refused === null ? notesOf(asked, one, next, seen) : [],
    })),
    tunnels: {
      open: reached
        .filter(one => isVisible(one.route))
        .reduce((sum, one) => sum + seen.traffic(one.route.id).tunnels.new, 0),
      overMs: cut === 'all' ? ROLLBACK_SPREAD_MS : cut,
    },
  }
}

interface Outcome {
  /** null: refused, or it is so already. */
  readonly change: Change | null
  readonly refused: PreviewView['refused']
}

function outcomeOf(asked: Asked, { plan, state, now }: Seen): Outcome {
  try {
    asked.mayDo()
    return { change: reduce(state, commandOf(asked), plan, { at: now, revision: state.revision + 1 }), refused: null }
  } catch (error) {
    if (!(error instanceof BanyanError)) throw error
    return { change: null, refused: refusedBy(error) }
  }
}

function refusedBy(error: BanyanError): PreviewView['refused'] {
  const { code, status } = problemOf(error)
  return { code, status, detail: error.message, hint: error.hint }
}

function commandOf({ action, route, percent, rollbacks, ifRevision, actor }: Asked): Command {
  const said = { actor, reason: null, ...(ifRevision === null ? {} : { ifRevision }) }
  const id = route?.id ?? null
  // A rollback never carries a revision.
  if (action === 'rollback')
    return { type: 'rollback', id: 'preview', route: id, trigger: 'operator', actor, reason: null }
  if (action === 'restore') return { type: 'restore', route: id, rollbacks, percent, ...said }
  const one = id as RouteId
  if (action !== 'weight') return { type: action, route: one, ...said }
  if (percent === null) throw new BanyanError('invalid', '/percent: a weight needs one', { hint: '0 to 100' })
  return { type: 'set-weight', route: one, percent, ...said }
}

function isOther({ from, to }: Moved): boolean {
  return from.effective !== to.effective || from.desired !== to.desired
}

function saysOf(asked: Asked, change: Change | null, moved: readonly Moved[], seen: Seen): string {
  const { action, route } = asked
  if (change === null) return `nothing would change: ${asItIs(asked, seen)}`
  if (action === 'freeze') return 'no weight is raised any more until it is unfrozen; nobody moves'
  if (action === 'unfreeze') return 'weights may be raised again; nobody moves'
  const moving = moved.filter(({ from, to }) => from.effective !== to.effective)
  if (moving.length === 0) return nobodyMoves(asked, moved)
  if (route === null) {
    const way = action === 'rollback' ? 'everything on new goes to legacy' : 'users return to new'
    return `${way}, on ${moving.length} ${moving.length === 1 ? 'route' : 'routes'}`
  }
  const one = (moving.find(found => found.route === route) ?? moving[0]) as Moved
  return movesText(one)
}

function movesText({ route, from, to }: Moved): string {
  const who = route.sticky.length === 0 ? 'requests' : 'users'
  const by = Number(Math.abs(to.effective - from.effective).toFixed(2))
  if (to.rolledBack) return `everybody on new goes to legacy: about ${from.effective} % of ${who}`
  if (route.pin !== null) {
    return `who has a side keeps it; of those who come from now on, ${to.effective} % are on new, instead of ${from.effective} %`
  }
  if (to.effective === 0) {
    return `all that the weight gives to new go to legacy: about ${from.effective} % of ${who}${hasExceptions(route, to) ? '; whom a cohort or a pin gives to new stays' : ''}`
  }
  const [source, target] = to.effective > from.effective ? ['legacy', 'new'] : ['new', 'legacy']
  const stay = by === 100 || (target === 'new' && from.effective === 0) ? '' : `; those on ${target} stay`
  return `about ${by} % of ${who} move from ${source} to ${target}${stay}`
}

function hasExceptions({ cohorts }: Route, { supportPins }: RouteSplit): boolean {
  return cohorts.length > 0 || (supportPins?.size ?? 0) > 0
}

function nobodyMoves({ action, percent }: Asked, moved: readonly Moved[]): string {
  const held = moved.find(({ to }) => to.effective !== to.desired)
  if (held?.to.rolledBack === true && action !== 'rollback') {
    return `nobody moves now: it is rolled back, and ${held.to.desired} % counts when that is over`
  }
  if (action === 'rollback') return 'nobody is on new: it only keeps everybody on legacy from now on'
  return percent === null ? 'nobody moves' : `nobody moves: ${percent} % is in force already`
}

function asItIs({ action, route }: Asked, { state, plan }: Seen): string {
  if (action === 'rollback') {
    const found = standing(state, route)
    return found === null ? 'it is rolled back already' : `it is rolled back already, by ${found.by} (${found.id})`
  }
  if (action === 'restore') return 'no rollback is in force'
  if (action === 'freeze') {
    const frozen = route === null ? null : unitStateOf(state, route.unit).frozen
    return frozen === null ? 'it is frozen' : `it is frozen already, by ${frozen.by}`
  }
  if (action === 'unfreeze') return 'it is not frozen'
  return plan.controlledByFile ? 'the file says the weight' : 'nobody has set a weight'
}

/** What the numbers do not say. */
function notesOf(asked: Asked, { route, from, to }: Moved, next: ControlState, seen: Seen): string[] {
  const notes: string[] = []
  const isTwoSided = route.sides.legacy !== null && route.sides.new !== null
  if (!isTwoSided) {
    if (asked.action === 'rollback' && route.sides.legacy === null)
      notes.push('it has no legacy side: nothing of it goes back')
    return notes
  }
  const left = next.rollbacks.filter(rollback => isInForce(rollback, route))
  if (asked.action !== 'rollback' && to.rolledBack)
    notes.push(`stays rolled back by ${left.map(({ id }) => id).join(', ')}`)
  else if (to.held) notes.push('stays held at 0 %: first start')
  if (asked.action !== 'rollback' && to.frozen && from.frozen) notes.push('frozen: no raise')
  if (from.effective === to.effective && from.desired === to.desired && from.rolledBack === to.rolledBack) return notes
  const tunnels = seen.traffic(route.id).tunnels.new
  if (tunnels > 0 && to.effective < from.effective) notes.push(tunnelsText(tunnels, asked, seen))
  if (!to.rolledBack) notes.push(...exceptionsOf(route, to, seen))
  const match = to.effective > from.effective ? seen.match(route.id) : null
  if (match !== null && match.divergent > 0) notes.push(`shadow evidence: ${match.divergent} divergent`)
  return notes
}

/** Who is where they are whatever the weight says. */
function exceptionsOf(route: Route, to: RouteSplit, { now }: Seen): string[] {
  const notes: string[] = []
  const pins = [...(to.supportPins?.values() ?? [])].filter(({ until }) => until > now).length
  if (pins > 0) notes.push(`${pins} support ${pins === 1 ? 'pin wins' : 'pins win'} over the weight`)
  if (route.cohorts.length > 0) notes.push('cohorts win over the weight')
  const writes = route.match.methods === null || route.match.methods.some(method => !isSafe(method))
  if (route.data === 'separate' && writes) notes.push('writes stay with legacy: data separate')
  if (route.pin !== null) notes.push('users who have a side keep it (pin): shares follow as new ones come')
  if (route.sticky.length === 0) notes.push('no sticky key: each request is drawn by itself')
  return notes
}

function tunnelsText(open: number, { action }: Asked, { plan }: Seen): string {
  const many = `${open} ${open === 1 ? 'tunnel' : 'tunnels'} on new`
  if (action !== 'rollback' || plan.rollbackTunnels === null) return `${many} ${open === 1 ? 'stays' : 'stay'} there`
  const ms = plan.rollbackTunnels === 'all' ? ROLLBACK_SPREAD_MS : plan.rollbackTunnels
  return `${many} ${open === 1 ? 'is' : 'are'} cut within ${ms / 1000} s`
}
