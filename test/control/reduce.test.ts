// What a command does to the state: verbs, refusals, and the set of rollbacks.
import fc from 'fast-check'
import t from 'tap'
import { splitOf } from '../../src/config/compile.ts'
import { desiredOf, firstState, reduce } from '../../src/control/reduce.ts'
import { type Command, type ControlState, revisionOf } from '../../src/model/control.ts'
import type { BanyanError } from '../../src/model/errors.ts'
import type { Route } from '../../src/model/route.ts'
import { matching, route } from '../routing/make.ts'
import { command, EMPTY, PLAN, planOf, rollback } from './make.ts'

const SEED = Number(process.env.SEED ?? 77)

function run(state: ControlState, ...commands: readonly Command[]): ControlState {
  return commands.reduce(
    (now, one) => reduce(now, one, PLAN, { at: now.revision * 10, revision: now.revision + 1 })?.state ?? now,
    state,
  )
}

function refused(state: ControlState, one: Command, plan = PLAN): string {
  try {
    reduce(state, one, plan, { at: 0, revision: state.revision + 1 })
    return 'accepted'
  } catch (error) {
    return (error as BanyanError).code
  }
}

function effective(state: ControlState, id: string): number {
  return splitOf(PLAN, PLAN.byId.get(id) as Route, state, 0).effective
}

const set = (route: string, percent: number) => command({ type: 'set-weight', route, percent })
const restore = (route: string | null, rollbacks: readonly string[] | null = null, percent: number | null = null) =>
  command({ type: 'restore', route, rollbacks, percent })

t.test('weight: set, return to the file, a group moves as one', async t => {
  t.equal(effective(EMPTY, 'orders'), 5)
  const raised = run(EMPTY, set('orders', 40), set('cart', 10))
  t.equal(effective(raised, 'orders'), 40)
  t.equal(effective(raised, 'pay'), 10)
  t.equal(effective(run(raised, command({ type: 'unset-weight', route: 'orders' })), 'orders'), 5)
  t.equal(reduce(EMPTY, command({ type: 'unset-weight', route: 'orders' }), PLAN, { at: 0, revision: 2 }), null)
  t.equal(refused(EMPTY, set('nope', 1)), 'unknown_route')
  t.equal(refused(EMPTY, set('old', 1)), 'one_sided')
  t.equal(refused(EMPTY, set('orders', 1), planOf(PLAN.routes, { controlledByFile: true })), 'controlled_by_file')
})

t.test('freeze: no raise, down is allowed', async t => {
  const frozen = run(EMPTY, set('orders', 20), command({ type: 'freeze', route: 'orders' }))
  t.equal(refused(frozen, set('orders', 21)), 'frozen')
  t.equal(refused(frozen, set('orders', 20)), 'accepted')
  t.equal(effective(run(frozen, set('orders', 3)), 'orders'), 3)
  const lowered = run(frozen, set('orders', 3))
  t.equal(refused(lowered, command({ type: 'unset-weight', route: 'orders' })), 'frozen', 'the file’s 5 is a raise too')
  t.equal(refused(lowered, restore('orders', null, 50)), 'frozen')
  t.equal(effective(run(frozen, rollback('a', 'orders')), 'orders'), 0)
  t.equal(refused(run(frozen, command({ type: 'unfreeze', route: 'orders' })), set('orders', 90)), 'accepted')
})

t.test('rollback keeps what is desired; restore returns to it', async t => {
  const rolled = run(EMPTY, set('orders', 40), rollback('a', 'orders'))
  t.equal(effective(rolled, 'orders'), 0)
  t.equal(desiredOf(rolled, PLAN, PLAN.byId.get('orders') as Route), 40)
  t.equal(reduce(rolled, rollback('b', 'orders'), PLAN, { at: 0, revision: 9 }), null, 'repeating changes nothing')
  t.equal(effective(run(rolled, set('orders', 60)), 'orders'), 0, 'a weight set meanwhile does not end it')
  t.equal(effective(run(rolled, restore('orders')), 'orders'), 40)
  t.equal(effective(run(rolled, restore('orders', null, 15)), 'orders'), 15)
  t.equal(refused(EMPTY, rollback('a', 'gone')), 'new_only')
  t.equal(refused(rolled, restore('orders', ['zzz'])), 'unknown_rollback')
  t.equal(effective(run(EMPTY, set('cart', 30), rollback('a', 'cart')), 'pay'), 0, 'the group goes back as one')
})

t.test('stale revisions are refused, a rollback never is', async t => {
  const one = run(EMPTY, set('cart', 10))
  t.equal(refused(one, { ...set('orders', 6), ifRevision: revisionOf(one, 'orders') }), 'accepted')
  t.equal(refused(one, { ...set('cart', 6), ifRevision: 1 }), 'stale_revision')
  t.equal(refused(one, { ...set('pay', 6), ifRevision: revisionOf(one, 'checkout') }), 'accepted')
})

t.test('a fresh store holds declared weights', async t => {
  const held = firstState(PLAN, 's', 1)
  t.equal(effective(held, 'orders'), 0)
  t.equal(effective(run(held, command({ type: 'unset-weight', route: 'orders' })), 'orders'), 5)
  t.equal(effective(run(held, set('orders', 7)), 'orders'), 7)
  t.equal(effective(firstState(planOf(PLAN.routes, { firstStart: 'declared' }), 's', 1), 'orders'), 5)
})

const arbitrary: fc.Arbitrary<Command> = fc.oneof(
  fc
    .record({ route: fc.constantFrom('orders', 'cart', 'pay'), percent: fc.integer({ min: 0, max: 100 }) })
    .map(one => set(one.route, one.percent)),
  fc.constantFrom('orders', 'cart', 'pay').map(route => command({ type: 'unset-weight', route })),
  fc.constantFrom('orders', 'cart').map(route => command({ type: 'freeze', route })),
  fc.constantFrom('orders', 'cart').map(route => command({ type: 'unfreeze', route })),
  fc
    .record({ id: fc.uuid(), route: fc.constantFrom('orders', 'cart', 'pay', null) })
    .map(one => rollback(one.id, one.route)),
  fc.constantFrom('orders', 'pay', null).map(route => restore(route)),
)

function tryRun(state: ControlState, one: Command): ControlState {
  try {
    return run(state, one)
  } catch {
    return state
  }
}

t.test(`whatever is said, a unit is at 0 exactly while a rollback of it is in force (seed ${SEED})`, async () => {
  fc.assert(
    fc.property(fc.array(arbitrary, { maxLength: 30 }), commands => {
      let state = EMPTY
      /** Which rollbacks are in force, kept the slow way. */
      const standing = new Map<string, Set<string>>()
      for (const one of commands) {
        const before = state
        state = tryRun(state, one)
        if (state === before) continue
        const units =
          'route' in one && one.route !== null
            ? [PLAN.byId.get(one.route)?.unit as string]
            : ['orders', 'checkout', 'old']
        if (one.type === 'rollback')
          for (const unit of units) standing.set(unit, (standing.get(unit) ?? new Set()).add(one.id))
        if (one.type === 'restore') for (const unit of units) standing.set(unit, new Set())
      }
      return ['orders', 'cart', 'pay'].every(id => {
        const route = PLAN.byId.get(id) as Route
        const split = splitOf(PLAN, route, state, 0)
        const down = (standing.get(route.unit)?.size ?? 0) > 0
        return split.rolledBack === down && split.effective === (down ? 0 : split.desired)
      })
    }),
    { seed: SEED, numRuns: 3000 },
  )
})

t.test('a side for one user, or a link, that would end before it begins is refused', async t => {
  const plan = planOf([
    route(0, matching('/*'), {
      id: 'shop',
      sticky: [{ kind: 'header', name: 'x-user-id' }],
      override: { header: null, links: true },
    }),
  ])
  const moment = { at: 1_000, revision: 2 }
  const pin = { id: 'pin-1', key: 'ab', side: 'new' as const }
  for (const until of [999, 1_000]) {
    const late = command({ type: 'pin', route: 'shop', pin: { ...pin, until } })
    t.throws(() => reduce(EMPTY, late, plan, moment), { code: 'invalid' })
    const link = command({ type: 'link', route: 'shop', side: 'new', until, audience: null })
    t.throws(() => reduce(EMPTY, link, plan, moment), { code: 'invalid' })
  }
  const good = command({ type: 'pin', route: 'shop', pin: { ...pin, until: 1_001 } })
  t.match(reduce(EMPTY, good, plan, moment)?.state.pins, [{ ...pin, unit: 'shop', until: 1_001 }])
})
