// Read models: which state a route shows, what counts as the operator's word, and that a view shares nothing with the state.
import t from 'tap'
import { RouteShort, RouteView } from '../../src/admin/api.ts'
import { type Seen, shortRoute, viewRoute } from '../../src/admin/views.ts'
import { compileSnapshot } from '../../src/config/compile.ts'
import type { ShadowPolicy } from '../../src/model/comparison.ts'
import type { ControlState, UnitState } from '../../src/model/control.ts'
import type { Route } from '../../src/model/route.ts'
import type { Plan } from '../../src/model/snapshot.ts'
import { createTraffic } from '../../src/traffic.ts'
import { EMPTY, PLAN, planOf } from '../control/make.ts'
import { backend, matching, route } from '../routing/make.ts'

const said = { by: 'ann', at: 5, reason: 'why' }
const rollback = { id: 'rb-1', units: '*' as const, restored: [], trigger: 'operator' as const, ...said }

function seenOf(plan: Plan, more: Partial<ControlState> = {}): Seen {
  const state = { ...EMPTY, ...more }
  const traffic = createTraffic({ now: () => 0, monotonic: () => 60_000 })
  const snapshot = compileSnapshot(plan, state, { random: () => 0.5, randomId: () => 'id', now: () => 0 })
  return {
    ...{ plan, state, snapshot, traffic: traffic.of, now: 0, warnings: new Map() },
    health: () => ({ addresses: [], circuit: null, gate: null }),
    match: () => null,
    decided: () => ({ last: null, movedAt: null }),
  }
}

const unit = (more: Partial<UnitState>): UnitState => ({ weight: null, frozen: null, held: false, ...more })
const weight = (percent: number) => ({ ...said, percent })

t.test('the state in one word: what weighs most', async t => {
  const rows: readonly (readonly [id: string, state: Partial<ControlState>, expected: string])[] = [
    ['orders', {}, 'split'],
    ['orders', { units: { orders: unit({ weight: weight(0) }) } }, 'legacy'],
    ['orders', { units: { orders: unit({ weight: weight(100) }) } }, 'new'],
    ['orders', { units: { orders: unit({ frozen: said }) } }, 'frozen'],
    ['orders', { units: { orders: unit({ held: true }) } }, 'held'],
    ['orders', { units: { orders: unit({ held: true, frozen: said }) } }, 'held'],
    ['orders', { units: { orders: unit({ held: true }) }, rollbacks: [rollback] }, 'rolled-back'],
    ['orders', { rollbacks: [{ ...rollback, units: ['checkout'] }] }, 'split'],
    ['orders', { rollbacks: [{ ...rollback, restored: ['orders'] }] }, 'split'],
    ['pay', { rollbacks: [{ ...rollback, units: ['checkout'] }] }, 'rolled-back'],
    ['old', { rollbacks: [rollback] }, 'legacy-only'],
    ['gone', { rollbacks: [rollback] }, 'new-only'],
  ]
  for (const [id, state, expected] of rows) {
    const seen = seenOf(PLAN, state)
    const one = PLAN.byId.get(id) as Route
    t.equal(shortRoute(one, seen).state, expected, `${id}: ${JSON.stringify(state)}`)
    t.ok(RouteShort.safeParse(shortRoute(one, seen)).success)
    t.ok(RouteView.safeParse(viewRoute(one, seen)).success)
  }
})

t.test('declared, desired and effective are told apart', async t => {
  const one = PLAN.byId.get('orders') as Route
  const view = viewRoute(one, seenOf(PLAN, { units: { orders: unit({ weight: weight(30) }) }, rollbacks: [rollback] }))
  t.match(view.weight, { declared: 5, desired: 30, effective: 0, observed: null, observedRequests: 0 })
  t.same(view.rollbacks, [{ id: 'rb-1', units: '*', restored: [], trigger: 'operator', ...said }])
  t.match(viewRoute(one, seenOf(PLAN, { units: { orders: unit({ held: true }) } })).weight, {
    desired: 5,
    effective: 0,
  })
})

t.test('what is asked of the other side is said in short and in full; nothing is null', async t => {
  const orders = PLAN.byId.get('orders') as Route
  const asked = { percent: 25, direction: 'new' as const, when: 'after' as const }
  const shadow = { ...asked, methods: new Set(['GET', 'HEAD']) } as unknown as ShadowPolicy
  const seen = seenOf(PLAN)
  t.same(viewRoute({ ...orders, shadow }, seen).shadow, { ...asked, methods: ['GET', 'HEAD'] })
  t.equal(shortRoute({ ...orders, shadow }, seen).shadow, 25)
  t.equal(viewRoute(orders, seen).shadow, null)
  t.equal(shortRoute(orders, seen).shadow, 0)
})

t.test('control: file. A stored weight is nobody’s word', async t => {
  const plan = planOf(PLAN.routes, { controlledByFile: true })
  const view = viewRoute(
    plan.byId.get('orders') as Route,
    seenOf(plan, { units: { orders: unit({ weight: weight(30) }) } }),
  )
  t.equal(view.set, null)
  t.match(view.weight, { declared: 5, desired: 5, effective: 5 })
})

t.test('the revision is the route’s own, its group’s, or that of all', async t => {
  const seen = seenOf(PLAN, { changed: { '*': 3, checkout: 9, orders: 2 } })
  const revision = (id: string) => viewRoute(PLAN.byId.get(id) as Route, seen).revision
  t.same(['orders', 'cart', 'pay', 'old'].map(revision), [3, 9, 9, 3])
})

t.test('sticky sources as they are written in the file; the address of a backend without its secrets', async t => {
  const plan = planOf([
    route(0, matching('/a', { methods: ['GET'], host: 'a.example' }), {
      id: 'a',
      sticky: [{ kind: 'header', name: 'x-user-id' }, { kind: 'jwt', name: 'sub' }, { kind: 'ip' }, { kind: 'auto' }],
    }),
  ])
  const view = viewRoute(plan.routes[0] as Route, seenOf(plan))
  t.same(view.sticky, ['header:x-user-id', 'jwt:sub', 'ip', 'auto'])
  t.same(view.match, { paths: ['/a'], host: 'a.example', methods: ['GET'] })
})

t.test('every address of a backend is shown', async t => {
  const several = { ...backend('mono'), origins: ['http://a', 'http://b:81'] }
  const plan = planOf([route(0, matching('/a'), { id: 'a', sides: { legacy: several, new: null } })])
  t.match(viewRoute(plan.routes[0] as Route, seenOf(plan)).sides.legacy, {
    backend: 'mono',
    url: 'http://a, http://b:81',
  })
})

t.test('who changes a view changes nothing else', async t => {
  const seen = seenOf(PLAN, { rollbacks: [rollback] })
  const one = PLAN.byId.get('orders') as Route
  const view = viewRoute(one, seen)
  view.match.paths.push('/forged')
  view.rollbacks[0]?.restored.push('orders')
  view.reasons.weight = 9
  t.same(viewRoute(one, seen), viewRoute(PLAN.byId.get('orders') as Route, seenOf(PLAN, { rollbacks: [rollback] })))
})
