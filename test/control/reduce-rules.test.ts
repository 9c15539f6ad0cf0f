// Rules that operators add: what is taken, what is refused, and how they reach the data path.
import t from 'tap'
import { compileSnapshot } from '../../src/config/compile.ts'
import { openControl } from '../../src/control/control.ts'
import { type Change, reduce } from '../../src/control/reduce.ts'
import { DEFAULT_COMPARE_POLICY, type Rule } from '../../src/model/comparison.ts'
import type { Command, ControlState } from '../../src/model/control.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { matching, route } from '../routing/make.ts'
import { command, EMPTY, PLAN, planOf, rollback } from './make.ts'

function rule(id: string, more: Partial<Rule> = {}): Rule {
  return { id, does: 'ignore', paths: [`$['${id}']`], owner: null, reason: 'as planned', until: null, ...more } as Rule
}

const add = (one: Rule, on = 'orders') => command({ type: 'add-rule', route: on, rule: one })
const remove = (id: string, on = 'orders') => command({ type: 'remove-rule', route: on, id })

function after(state: ControlState, one: Command, at = 0, plan = PLAN): Change {
  return reduce(state, one, plan, { at, revision: state.revision + 1 }) as Change
}

function all(commands: readonly Command[], at = 0): ControlState {
  return commands.reduce((state, one) => after(state, one, at).state, EMPTY)
}

const idsOf = (state: ControlState) => state.rules.map(stored => `${stored.route}/${stored.rule.id}`)

t.test('added with who and when, removed by id; the log holds the rule', async t => {
  const added = after(EMPTY, add(rule('rule-1')), 70)
  t.same(added.state.rules, [{ route: 'orders', rule: rule('rule-1'), by: 'ann', at: 70 }])
  t.match(added, { subject: 'orders', before: null, after: rule('rule-1') })
  t.match(added.state, { revision: 2, changed: { orders: 2 } })
  const other = after(added.state, add(rule('rule-1'), 'cart')).state
  t.same(idsOf(other), ['orders/rule-1', 'cart/rule-1'], 'an id is a route’s own')
  const removed = after(other, remove('rule-1'))
  t.same(idsOf(removed.state), ['cart/rule-1'])
  t.match(removed, { subject: 'orders', before: rule('rule-1'), after: null })
})

t.test('refused: ids that are taken, routes and rules that nobody knows, what is over, what is stale', async t => {
  const state = all([add(rule('rule-1'))])
  const compare = { ...DEFAULT_COMPARE_POLICY, rules: [rule('file:0')] }
  const plan = planOf([route(0, matching('/*'), { id: 'orders', compare })])
  const cases: readonly (readonly [Command, string])[] = [
    [add(rule('rule-1')), 'rule_exists'],
    [add(rule('file:0')), 'rule_exists'],
    [add(rule('rule-2'), 'nope'), 'unknown_route'],
    [remove('rule-2'), 'unknown_rule'],
    [remove('file:0'), 'unknown_rule'],
    [remove('rule-1', 'nope'), 'unknown_route'],
    [add(rule('rule-2', { until: 50 })), 'invalid'],
    [{ ...add(rule('rule-2')), ifRevision: 1 }, 'stale_revision'],
    [{ ...remove('rule-1'), ifRevision: 1 }, 'stale_revision'],
  ]
  for (const [one, code] of cases)
    t.throws(() => reduce(state, one, plan, { at: 50, revision: 3 }), { code, hint: /./ }, `${one.type}: ${code}`)
  t.throws(() => after(state, remove('file:0')), { code: 'unknown_rule', hint: /configuration/ })
  t.equal(idsOf(after(state, { ...remove('rule-1'), ifRevision: 2 }).state).length, 0)
})

t.test('what is over goes when the list is touched, and its id is free again', async t => {
  const brief = all([
    add(rule('rule-1', { until: 100 })),
    add(rule('rule-2')),
    add(rule('rule-3', { until: 200 }), 'cart'),
  ])
  t.same(idsOf(after(brief, add(rule('rule-4')), 99).state).length, 4)
  t.same(idsOf(after(brief, add(rule('rule-1')), 100).state), ['orders/rule-2', 'cart/rule-3', 'orders/rule-1'])
  t.same(idsOf(after(brief, remove('rule-2'), 200).state), [])
  t.same(idsOf(after(brief, remove('rule-1'), 200).state), ['orders/rule-2'], 'also one that is over can be removed')
})

t.test('what a rule does already, at the same places, is not added again', async t => {
  const tolerance = {
    does: 'tolerance',
    paths: ['$.a', 'header:X-Id'],
    absolute: 1,
    relative: null,
    timeMs: null,
  } as const
  const state = all([add(rule('rule-1', { ...tolerance, until: 100 }))])
  const again = (more: Partial<Rule>) => () => after(state, add(rule('rule-2', { ...tolerance, ...more } as never)), 99)
  for (const more of [{}, { reason: 'another', owner: 'bob', until: 300 }, { paths: ['header:x-id', '$.a'] }]) {
    t.throws(again(more), { code: 'rule_exists', message: /already: rule-1$/, hint: /end rule-1 first/ })
  }
  for (const more of [{ paths: ['$.a'] }, { absolute: 2 }, { does: 'ignore' }] as Partial<Rule>[]) {
    t.doesNotThrow(again(more), JSON.stringify(more))
  }
  const same = add(rule('rule-2', tolerance))
  t.same(idsOf(after(state, same, 100).state), ['orders/rule-2'], 'the other one is over')
  t.equal(idsOf(after(state, { ...same, route: 'cart' } as Command).state).length, 2, 'of another route')
  const inFile = (until: number | null) => {
    const rules = [rule('file:0', { ...tolerance, until })]
    return planOf([route(0, matching('/*'), { id: 'orders', compare: { ...DEFAULT_COMPARE_POLICY, rules } })])
  }
  t.throws(() => after(EMPTY, same, 50, inFile(null)), {
    code: 'rule_exists',
    message: /file:0/,
    hint: /configuration/,
  })
  t.doesNotThrow(() => after(EMPTY, same, 50, inFile(50)))
})

t.test('at most 200 a route, and 64 KiB of all', async t => {
  const many = all(Array.from({ length: 200 }, (_, n) => add(rule(`r${n}`, { until: n === 0 ? 500 : null }))))
  t.throws(() => after(many, add(rule('more'))), { code: 'too_many_rules', message: /200/, hint: /configuration/ })
  t.equal(idsOf(after(many, add(rule('more'), 'cart')).state).length, 201)
  t.equal(idsOf(after(many, add(rule('more')), 500).state).length, 200, 'one that is over does not count')
  const long = (id: string) => rule(id, { reason: 'ж'.repeat(10_000) })
  const large = all(['a', 'b', 'c'].map(id => add(long(id), 'cart')))
  t.throws(() => after(large, add(long('d'))), { code: 'too_many_rules', message: /64 KiB/ })
  t.equal(idsOf(after(after(large, remove('a', 'cart')).state, add(long('d'))).state).length, 3)
})

t.test('rules of a route that is gone stay, can be removed, and count again when it is back', async t => {
  const state = all([add(rule('rule-1'))])
  const without = planOf(PLAN.routes.filter(one => one.id !== 'orders'))
  t.same(idsOf(after(state, add(rule('rule-2'), 'cart'), 0, without).state), ['orders/rule-1', 'cart/rule-2'])
  t.same(idsOf(after(state, remove('rule-1'), 0, without).state), [])
})

t.test('a snapshot has the rules that stand, and the same list as long as they are the same', async t => {
  let now = 0
  const chance = { random: () => 0.5, randomId: () => 'id', now: () => now }
  const state = all([
    add(rule('rule-1')),
    add(rule('rule-2', { until: 100 })),
    add(rule('rule-3', { until: 100 }), 'cart'),
  ])
  const of = (one: ControlState, id: string) =>
    compileSnapshot(PLAN, one, chance).splits[PLAN.byId.get(id)?.index ?? -1]?.rules
  t.same(of(state, 'orders'), [rule('rule-1'), rule('rule-2', { until: 100 })])
  t.equal(of(state, 'pay'), null, 'also not those of another route of its group')
  t.equal(of(state, 'orders'), of(after(state, rollback('a', 'orders')).state, 'orders'))
  now = 100
  t.same(of(state, 'orders'), [rule('rule-1')])
  t.equal(of(state, 'cart'), null)
})

t.test('acknowledge, revoke and forget change nothing but the revision', async t => {
  const state = all([add(rule('rule-1'))])
  const said = { revision: state.revision + 1 }
  const acknowledged = after(state, command({ type: 'acknowledge', route: 'orders', signature: 'ab12' }))
  t.same(acknowledged, { state: { ...state, ...said }, subject: 'orders', before: { signature: 'ab12' }, after: null })
  const revoked = after(state, command({ type: 'revoke-noise', route: 'orders', place: 'n-1' }))
  t.same(revoked, { state: { ...state, ...said }, subject: 'orders', before: { place: 'n-1' }, after: null })
  const forgotten = after(state, command({ type: 'forget', keyHash: '0123456789abcdef' }))
  t.same(forgotten, { state: { ...state, ...said }, subject: '01234567', before: null, after: null })
  for (const type of ['acknowledge', 'revoke-noise'] as const) {
    const nowhere = command({ type, route: 'nope', signature: 'a', place: 'b' } as never)
    t.throws(() => after(state, nowhere), { code: 'unknown_route' })
  }
})

t.test('a store of before knows no rules', async t => {
  const store = createMemoryStore()
  const { rules: _, ...before } = EMPTY
  const at = { at: 0, actor: { name: 'ann', tokenId: null, address: null }, reason: null, before: null, after: null }
  await store.commit(before as ControlState, { ...at, action: 'reload', subject: '*', revision: 1 }, { after: 0 })
  const nothing = async () => {}
  const control = await openControl(
    {
      instance: 'a',
      clock: { now: () => 0, monotonic: () => 0 },
      compile: (plan, state) => compileSnapshot(plan, state, { random: () => 0, randomId: () => 'id', now: () => 0 }),
      swap: async () => ({ appliedBy: [], pending: [] }),
      running: async () => ({ appliedBy: [{ instance: 'a', worker: 1, ms: 0.1 }], pending: [] }),
      async probe() {},
      copy: null,
      fleet: null,
      load: store.load,
      commit: (state, draft, after) => store.commit(state, draft, { after }),
      spill: { append: nothing, read: async () => [], clear: nothing, reserve: nothing },
      seed: () => 's',
      changed: () => {},
      log: () => {},
    },
    PLAN,
  )
  t.teardown(() => control.close())
  t.same(control.state().rules, [])
  await control.apply(add(rule('rule-1')))
  t.same((await store.load())?.rules.length, 1)
})
