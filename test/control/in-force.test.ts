// Rollbacks as a set: whatever is heard in whatever order, the same ones are in force, and only a restore that names one ends it.
import fc from 'fast-check'
import t from 'tap'
import {
  ENDED_FOR_MS,
  endedWith,
  inForce,
  isKnown,
  MOST_ENDED,
  upToDate,
  withoutOwed,
  withRollback,
} from '../../src/control/in-force.ts'
import { reduce } from '../../src/control/reduce.ts'
import type { Command, ControlState, Owed } from '../../src/model/control.ts'
import { command, EMPTY, PLAN, rollback } from './make.ts'

const SEED = Number(process.env.SEED ?? 4711)

const restore = (route: string | null) => command({ type: 'restore', route, rollbacks: null, percent: null })

/** A rollback as some instance has put it in force, on what it knew. */
function owedOn(state: ControlState, id: string, route: string | null): Owed {
  const order = rollback(id, route) as Command
  const revision = state.revision + 1
  const change = reduce({ ...state, rollbacks: [] }, order, PLAN, { at: 0, revision })
  if (change === null) throw new Error('it changes something')
  const { actor, reason } = order
  const { subject, before, after } = change
  const draft = { at: 0, actor, action: 'rollback' as const, subject, reason, before, after, revision }
  return { rollback: change.state.rollbacks[0]!, draft }
}

function run(state: ControlState, order: Command): ControlState {
  try {
    return reduce(state, order, PLAN, { at: 1, revision: state.revision + 1 })?.state ?? state
  } catch {
    return state
  }
}

const orders = fc.oneof(
  fc.integer({ min: 0, max: 100 }).map(percent => command({ type: 'set-weight', route: 'orders', percent })),
  fc.constantFrom('orders', 'pay', null).map(route => restore(route)),
  fc.tuple(fc.uuid(), fc.constantFrom('orders', 'cart', null)).map(([id, route]) => rollback(id, route)),
) as fc.Arbitrary<Command>
const histories = fc.array(orders, { maxLength: 12 }).map(all => all.reduce(run, EMPTY))
const someOwed = (state: ControlState) =>
  fc
    .array(fc.tuple(fc.uuid(), fc.constantFrom('orders', 'cart', null)), { maxLength: 5 })
    .map(all => all.map(([id, route]) => owedOn(state, id, route)))
const both = histories.chain(state => someOwed(state).map(owed => ({ state, owed })))
const ids = ({ rollbacks }: ControlState) => rollbacks.map(({ id }) => id).sort()

t.test(`order and repetition do not matter (seed ${SEED})`, async () => {
  fc.assert(
    fc.property(both, ({ state, owed }) => {
      const once = inForce(state, owed)
      const twice = inForce(once, owed)
      const backwards = inForce(state, [...owed].reverse())
      const oneByOne = owed.reduce((so, one) => inForce(so, [one]), state)
      return [twice, backwards, oneByOne].every(
        other => String(ids(other)) === String(ids(once)) && other.revision === once.revision,
      )
    }),
    { seed: SEED },
  )
})

t.test(`saving one makes it known, and what is in force stays (seed ${SEED})`, async () => {
  fc.assert(
    fc.property(both, ({ state, owed }) => {
      const before = ids(inForce(state, owed))
      let stored = state
      for (const one of owed) {
        const next = withRollback(stored, one)
        if (next.revision <= stored.revision || !isKnown(next, one.rollback.id)) return false
        stored = next
      }
      return String(ids(stored)) === String(before) && inForce(stored, owed) === stored
    }),
    { seed: SEED },
  )
})

t.test(`nothing but a restore ends one, and then nothing brings it back (seed ${SEED})`, async () => {
  fc.assert(
    fc.property(both, fc.array(orders, { maxLength: 8 }), ({ state, owed }, later) => {
      const stored = owed.reduce(withRollback, state)
      let now = stored
      const ended = new Set<string>()
      for (const order of later) {
        const next = run(now, order)
        if (order.type === 'restore') {
          for (const { id } of now.rollbacks) if (!next.rollbacks.some(one => one.id === id)) ended.add(id)
        }
        now = next
      }
      const heardLate = inForce(now, owed)
      return owed.every(({ rollback: { id } }) => heardLate.rollbacks.some(one => one.id === id) !== ended.has(id))
    }),
    { seed: SEED },
  )
})

t.test(`a command that was in flight saves no rollback but its own (seed ${SEED})`, async () => {
  fc.assert(
    fc.property(both, orders, ({ state, owed }, order) => {
      const next = withoutOwed(run(inForce(state, owed), order), owed)
      return owed.every(({ rollback: { id } }) => isKnown(state, id) || !next.rollbacks.some(one => one.id === id))
    }),
    { seed: SEED },
  )
})

t.test('how long an end is remembered', async t => {
  t.equal(endedWith([], [], 5).length, 0)
  const first = endedWith([], ['a'], 5)
  t.same(first, [{ id: 'a', at: 5 }])
  t.same(endedWith(first, ['b'], 5 + ENDED_FOR_MS), [{ id: 'b', at: 5 + ENDED_FOR_MS }])
  const many = Array.from({ length: MOST_ENDED }, (_, i) => ({ id: `r${i}`, at: 5 }))
  t.same(endedWith(many, ['last'], 6).length, MOST_ENDED)
  t.equal(endedWith(many, ['last'], 6).at(-1)?.id, 'last')
})

t.test('what an older version has stored', async t => {
  const { ended: _, rules: __, ...before } = EMPTY
  t.same(upToDate(before as ControlState), EMPTY)
})
