// What a change would do: by the same reducer as the change, from the traffic of the last minute, without changing anything.
import fc from 'fast-check'
import t from 'tap'
import { PreviewView } from '../../src/admin/api.ts'
import { type Asked, previewOf } from '../../src/admin/preview.ts'
import type { BackendHealth, Seen } from '../../src/admin/views.ts'
import { compileSnapshot, splitOf } from '../../src/config/compile.ts'
import { reduce } from '../../src/control/reduce.ts'
import type { Command, ControlState, Rollback, UnitState } from '../../src/model/control.ts'
import { BanyanError } from '../../src/model/errors.ts'
import type { Route } from '../../src/model/route.ts'
import type { Plan } from '../../src/model/snapshot.ts'
import type { RouteTraffic, SideTraffic } from '../../src/traffic.ts'
import { EMPTY, PLAN, planOf } from '../control/make.ts'

const NOW = 1_000_000
const said = { by: 'ann', at: 5, reason: null }
const actor = { name: 'bob', tokenId: null, address: null }
const everything: Rollback = { id: 'rb-1', units: '*', restored: [], trigger: 'operator', ...said }
const unit = (more: Partial<UnitState>): UnitState => ({ weight: null, frozen: null, held: false, ...more })
const weight = (percent: number) => unit({ weight: { ...said, percent } })

function side(requests: number, movable = requests, p50Ms: number | null = 100): SideTraffic {
  const recent = { requests, errors: 0, movable }
  const perSecond = requests / 60
  return { requests, errors: 0, recent, errorRatio: 0, perSecond, p50Ms, p95Ms: p50Ms, lastError: null }
}

function trafficOf(legacy: SideTraffic, fresh: SideTraffic, tunnels = 0): RouteTraffic {
  const sides = { legacy, new: fresh }
  return { reasons: {}, sides, tunnels: { legacy: 0, new: tunnels }, observed: null, observedRequests: 0 }
}

const QUIET = trafficOf(side(0, 0, null), side(0, 0, null))

function seenOf(state: Partial<ControlState> = {}, more: Partial<Seen> = {}, plan: Plan = PLAN): Seen {
  const whole = { ...EMPTY, ...state }
  return {
    plan,
    state: whole,
    snapshot: compileSnapshot(plan, whole, { random: () => 0.5, randomId: () => 'id', now: () => NOW }),
    traffic: () => QUIET,
    health: () => ({ addresses: [], circuit: null, gate: null }),
    match: () => null,
    decided: () => ({ last: null, movedAt: null }),
    warnings: new Map(),
    now: NOW,
    ...more,
  }
}

function ask(action: Asked['action'], id: string | null, more: Partial<Asked> = {}): Asked {
  const route = id === null ? null : (PLAN.byId.get(id) as Route)
  return { action, route, percent: null, rollbacks: null, ifRevision: null, actor, mayDo() {}, ...more }
}

function preview(asked: Asked, seen: Seen): PreviewView {
  const before = JSON.stringify(seen.state)
  const found = previewOf(asked, seen, () => true)
  t.equal(JSON.stringify(seen.state), before, 'nothing is changed')
  t.ok(PreviewView.safeParse(found).success, 'as published')
  return found
}

t.test('in one sentence', async t => {
  const rows: readonly (readonly [says: RegExp, asked: Asked, state?: Partial<ControlState>])[] = [
    [/^about 5 % of requests move from legacy to new; those on new stay$/, ask('weight', 'orders', { percent: 10 })],
    [/^about 2 % of requests move from new to legacy; those on legacy stay$/, ask('weight', 'orders', { percent: 3 })],
    [/^all that the weight gives to new go to legacy: about 5 % of requests$/, ask('weight', 'orders', { percent: 0 })],
    [/^about 5 % of requests move from legacy to new$/, ask('weight', 'cart', { percent: 5 })],
    [/^nobody moves: 5 % is in force already$/, ask('weight', 'orders', { percent: 5 })],
    [
      /^nobody moves now: it is rolled back, and 50 % counts when that is over$/,
      ask('weight', 'orders', { percent: 50 }),
      { rollbacks: [everything] },
    ],
    [/^about 25 % .* from new to legacy/, ask('unset-weight', 'orders'), { units: { orders: weight(30) } }],
    [/^nothing would change: nobody has set a weight$/, ask('unset-weight', 'orders')],
    [/^everybody on new goes to legacy: about 5 %/, ask('rollback', 'orders')],
    [/^nobody is on new: it only keeps everybody on legacy/, ask('rollback', 'cart')],
    [/^everything on new goes to legacy, on 1 route$/, ask('rollback', null)],
    [
      /^nothing would change: it is rolled back already, by ann \(rb-1\)$/,
      ask('rollback', null),
      { rollbacks: [everything] },
    ],
    [/^about 5 % of requests move from legacy to new$/, ask('restore', 'orders'), { rollbacks: [everything] }],
    [/^users return to new, on 1 route$/, ask('restore', null), { rollbacks: [everything] }],
    [/^nothing would change: no rollback is in force$/, ask('restore', null)],
    [/^no weight is raised any more/, ask('freeze', 'orders')],
    [
      /^nothing would change: it is frozen already, by ann$/,
      ask('freeze', 'orders'),
      { units: { orders: unit({ frozen: said }) } },
    ],
    [
      /^weights may be raised again; nobody moves$/,
      ask('unfreeze', 'orders'),
      { units: { orders: unit({ frozen: said }) } },
    ],
    [/^nothing would change: it is not frozen$/, ask('unfreeze', 'orders')],
  ]
  for (const [says, asked, state] of rows) t.match(preview(asked, seenOf(state)).says, says)
})

t.test('what would be refused is said with its code, and nothing is thrown', async t => {
  const frozen = { units: { orders: unit({ frozen: said }) } }
  const rows: readonly (readonly [code: string, status: number, asked: Asked, state?: Partial<ControlState>])[] = [
    ['stale_revision', 412, ask('weight', 'orders', { percent: 9, ifRevision: 7 })],
    ['frozen', 409, ask('weight', 'orders', { percent: 9 }), frozen],
    ['one_sided', 409, ask('weight', 'old', { percent: 9 })],
    ['new_only', 409, ask('rollback', 'gone')],
    ['unknown_rollback', 404, ask('restore', 'orders', { rollbacks: ['rb-9'] })],
    ['invalid', 400, ask('weight', 'orders')],
  ]
  for (const [code, status, asked, state] of rows) {
    const found = preview(asked, seenOf({ changed: { '*': 3 }, revision: 3, ...state }))
    t.match(found.refused, { code, status })
    t.equal(found.changes, false)
    t.equal(found.revision, 3, 'the current one, to ask again with')
    for (const { effective } of found.routes) t.equal(effective.from, effective.to)
  }
})

t.test('requests a second: only those that weight decides move; the sum stays', async t => {
  const traffic = (id: string) => (id === 'orders' ? trafficOf(side(5400, 4800), side(600)) : QUIET)
  const [orders] = preview(ask('weight', 'orders', { percent: 50 }), seenOf({}, { traffic })).routes
  t.same(orders?.perSecond, { legacy: { from: 90, to: 55 }, new: { from: 10, to: 45 } })
  t.equal(preview(ask('weight', 'cart', { percent: 50 }), seenOf({}, { traffic })).routes[0]?.perSecond, null)
  const same = preview(ask('freeze', 'orders'), seenOf({}, { traffic })).routes[0]?.perSecond
  t.same(same, { legacy: { from: 90, to: 90 }, new: { from: 10, to: 10 } })
})

t.test('headroom of the backend that gets more, over all routes that move with it', async t => {
  const health = (): BackendHealth => ({ addresses: [], circuit: null, gate: { limit: 40, inside: 4, waiting: 0 } })
  const traffic = () => trafficOf(side(6000), side(0, 0, null))
  const { routes } = preview(ask('weight', 'cart', { percent: 10 }), seenOf({}, { traffic, health }))
  t.same(
    routes.map(({ id }) => id),
    ['cart', 'pay'],
  )
  // Each: 10 more a second of 100 ms each.
  for (const { headroom } of routes)
    t.same(headroom, { side: 'new', backend: 'new', limit: 40, inside: 4, wouldNeed: 6 })
  t.equal(preview(ask('freeze', 'cart'), seenOf({}, { traffic, health })).routes[0]?.headroom, null)
  t.equal(preview(ask('weight', 'cart', { percent: 10 }), seenOf({}, { health })).routes[0]?.headroom?.wouldNeed, null)
})

t.test('notes: what the numbers do not say', async t => {
  const pins = [
    { id: 'p1', unit: 'orders', key: 'k1', side: 'new' as const, until: NOW + 1, ...said },
    { id: 'p2', unit: 'orders', key: 'k2', side: 'legacy' as const, until: NOW - 1, ...said },
  ]
  const orders = { ...(PLAN.byId.get('orders') as Route), data: 'separate' as const }
  const plan = planOf([orders], { rollbackTunnels: 5000 })
  const brief = { match: { of: 9, count: 1, rate: 0.1, interval: null }, divergent: 12, worst: 'high' as const }
  const traffic = () => trafficOf(side(10), side(10), 3)
  const seen = seenOf({ pins }, { match: () => brief, traffic }, plan)
  const notes = (asked: Asked) => preview({ ...asked, route: orders }, seen).routes[0]?.notes.join('; ')
  t.equal(
    notes(ask('weight', 'orders', { percent: 50 })),
    '1 support pin wins over the weight; writes stay with legacy: data separate; no sticky key: each request is drawn by itself; shadow evidence: 12 divergent',
  )
  t.match(notes(ask('weight', 'orders', { percent: 1 })), /^3 tunnels on new stay there; /)
  t.equal(notes(ask('rollback', 'orders')), '3 tunnels on new are cut within 5 s')
  t.same(preview({ ...ask('rollback', 'orders'), route: orders }, seen).tunnels, { open: 3, overMs: 5000 })
  t.same(
    preview(ask('rollback', null), seenOf()).routes.map(({ id }) => id),
    ['orders', 'gone'],
    'what is another then, and what it does not reach',
  )
})

t.test('who may not see a route of the group is not shown it', async t => {
  const { routes } = previewOf(ask('weight', 'cart', { percent: 5 }), seenOf(), ({ id }) => id === 'cart')
  t.same(
    routes.map(({ id }) => id),
    ['cart'],
  )
})

t.test('it says what the change does', async () => {
  const ids = fc.constantFrom('orders', 'cart', 'pay')
  const percents = fc.integer({ min: 0, max: 100 })
  const wishes = fc.oneof(
    fc.record({ action: fc.constant('weight' as const), id: ids, percent: percents }),
    fc.record({
      action: fc.constantFrom('unset-weight' as const, 'freeze' as const, 'unfreeze' as const, 'rollback' as const),
      id: ids,
      percent: fc.constant(null),
    }),
    fc.record({ action: fc.constant('restore' as const), id: ids, percent: fc.option(percents) }),
  )
  fc.assert(
    fc.property(fc.array(wishes, { maxLength: 12 }), all => {
      let state: ControlState = EMPTY
      for (const [i, { action, id, percent }] of all.entries()) {
        const found = previewOf(ask(action, id, { percent }), seenOf(state), () => true)
        const common = { actor, reason: null, route: id }
        const command = {
          weight: { type: 'set-weight', percent, ...common },
          'unset-weight': { type: 'unset-weight', ...common },
          freeze: { type: 'freeze', ...common },
          unfreeze: { type: 'unfreeze', ...common },
          rollback: { type: 'rollback', id: `rb-${i}`, trigger: 'operator', ...common },
          restore: { type: 'restore', rollbacks: null, percent, ...common },
        }[action] as Command
        let next: ControlState | null = null
        try {
          next = reduce(state, command, PLAN, { at: NOW, revision: state.revision + 1 })?.state ?? state
        } catch {
          if (found.refused === null) return false
        }
        if (next === null) continue
        if (found.refused !== null || found.changes !== (next !== state)) return false
        for (const { id: route, effective, desired } of found.routes) {
          const split = splitOf(PLAN, PLAN.byId.get(route) as Route, next, NOW)
          if (split.effective !== effective.to || split.desired !== desired.to) return false
        }
        state = next
      }
      return true
    }),
    { numRuns: 200 },
  )
})

t.test('what the caller may not do is refused in the preview, too', async t => {
  const mayDo = () => {
    throw new BanyanError('forbidden', 'the token does not reach pay')
  }
  const found = preview(ask('rollback', 'orders', { mayDo }), seenOf())
  t.match(found, {
    refused: { code: 'forbidden', status: 403 },
    changes: false,
    says: /^it would be refused: the token/,
  })
})
