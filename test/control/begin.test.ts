// What a process starts with: the store's state, the first one, or what this machine knows when the store is away or holds less.
import t from 'tap'
import { begin } from '../../src/control/begin.ts'
import type { ControlState, Rollback } from '../../src/model/control.ts'
import { BanyanError } from '../../src/model/errors.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { sampleState, save } from '../contracts/store.ts'
import { PLAN } from './make.ts'

type Parts = Parameters<typeof begin>[0]

async function holding(...states: readonly ControlState[]) {
  const store = createMemoryStore()
  let after = 0
  for (const state of states) {
    await save(store, state.revision, { state, after })
    after = state.revision
  }
  return store
}

function partsOf(store: ReturnType<typeof createMemoryStore>, copied: ControlState | null, ours = true) {
  const log: string[] = []
  const written: ControlState[] = []
  const parts: Parts = {
    clock: { now: () => 1_000, monotonic: () => 0 },
    load: () => store.load(),
    commit: (state, draft, after) => store.commit(state, draft, { after }),
    copy: {
      read: async () => copied && { state: copied, ours },
      write: state => written.push(state),
      settled: async () => true,
      close: async () => {},
    },
    seed: () => 'drawn',
    log: (level, message) => log.push(`${level}: ${message}`),
  }
  return { parts, log, written }
}

const known = (id: string): Rollback => ({ id, units: '*' }) as unknown as Rollback

t.test('a fresh store and nothing known: the first state', async t => {
  const store = await holding()
  const { parts, written } = partsOf(store, null)
  const { state, fromStore } = await begin(parts, PLAN)
  t.match({ state, fromStore }, { state: { revision: 1, seed: 'drawn' }, fromStore: true })
  t.strictSame(await store.load(), state)
  t.strictSame(written, [state])
})

t.test('a store that holds as much or more is right, but for rollbacks that it has lost', async t => {
  for (const copied of [3, 5]) {
    const held = { ...sampleState(5), rollbacks: [known('both')], ended: [{ id: 'ended', at: 1 }] }
    const store = await holding(held)
    const rollbacks = [known('both'), known('ended'), known('lost')]
    const { parts, log } = partsOf(store, { ...sampleState(copied), rollbacks })
    const { state, lost } = await begin(parts, PLAN)
    t.strictSame(state, held)
    t.same(lost, [known('lost')], 'it is owed to it')
    t.same(log, [])
  }
})

t.test('one that holds less is given what this machine knows, and keeps the rollbacks that it alone holds', async t => {
  for (const held of [null, { ...sampleState(2), rollbacks: [known('theirs'), known('ended')] }]) {
    const store = await holding(...(held === null ? [] : [held]))
    const ended = [{ id: 'ended', at: 1 }]
    const copy = { ...sampleState(7), rollbacks: [known('ours')], ended }
    const { parts, log } = partsOf(store, copy)
    const { state, fromStore, lost } = await begin(parts, PLAN)
    t.ok(fromStore)
    t.same(lost, [])
    t.equal(state.revision, 1_007)
    t.same(
      state.rollbacks.map(({ id }) => id),
      held === null ? ['ours'] : ['ours', 'theirs'],
    )
    t.strictSame(await store.load(), state)
    const [entry] = await store.audit({ limit: 1, before: null })
    const before = { revision: held?.revision ?? null }
    t.match(entry, { action: 'store-behind', before, after: { revision: 7 }, revision: 1_007 })
    t.match(log, [/^error: the store has lost what was in force/])
  }
})

t.test(
  'given again by one that knew less, it is given again by who knows more, unless something came since',
  async t => {
    const store = await holding()
    await begin(partsOf(store, { ...sampleState(2), units: {} }).parts, PLAN)
    const more = { ...sampleState(3), rollbacks: [known('ours')] }
    const { state, lost } = await begin(partsOf(store, more).parts, PLAN)
    t.same([state.revision, state.rollbacks, lost], [2_002, [known('ours')], []])
    const same = await begin(partsOf(store, more).parts, PLAN)
    t.same([same.state, same.lost], [state, []], 'once')
    const first = { ...sampleState(1_002), givenAgain: { known: 2, as: 1_002 } }
    const again = await begin(partsOf(store, first).parts, PLAN)
    t.same(again.state, state, 'and who gave it first does not do it back')

    const other = await holding()
    const given = await begin(partsOf(other, sampleState(2)).parts, PLAN)
    await save(other, 1_003, { state: { ...given.state, revision: 1_003 }, after: 1_002 })
    const late = await begin(partsOf(other, more).parts, PLAN)
    t.same([late.state.revision, late.lost], [1_003, [known('ours')]], 'only its rollbacks count')
  },
)

t.test('a copy of another store is not used, unless the seed says that it is the same', async t => {
  const other = { ...sampleState(2), seed: 'another' }
  const rollbacks = [known('ours')]
  const { parts, log, written } = partsOf(await holding(other), { ...sampleState(7), rollbacks }, false)
  const begun = await begin(parts, PLAN)
  t.strictSame([begun.state, begun.lost], [other, []])
  t.match(log, [/^warn: the local copy is of another store/])
  t.strictSame(written, [other])
  const fresh = partsOf(await holding(), sampleState(7), false)
  t.equal((await begin(fresh.parts, PLAN)).state.revision, 1)
  const moved = partsOf(await holding(sampleState(2)), sampleState(7), false)
  t.equal((await begin(moved.parts, PLAN)).state.revision, 1_007)
  const emptied = partsOf(await holding(other), sampleState(7))
  t.equal((await begin(emptied.parts, PLAN)).state.seed, sampleState(7).seed, 'it was emptied and made anew')
})

t.test('whoever is first wins, and the other looks again', async t => {
  const store = await holding()
  const { parts } = partsOf(store, sampleState(7))
  const { commit } = parts
  let first = true
  const raced: Parts = {
    ...parts,
    async commit(state, draft, after) {
      // Another one that knows less was faster.
      if (first) await save(store, 5, { after: 0 })
      first = false
      return commit(state, draft, after)
    },
  }
  const { state } = await begin(raced, PLAN)
  t.equal(state.revision, 1_007)
  t.strictSame(await store.load(), state)
})

t.test('a store that says for ever that another was first is a failure, and no endless start', async t => {
  const { parts } = partsOf(await holding(), null)
  let tries = 0
  const endless: Parts = {
    ...parts,
    async commit() {
      if (++tries > 1_000) throw new Error('it goes on')
      throw new BanyanError('store_conflict', 'another')
    },
  }
  await t.rejects(begin(endless, PLAN), { code: 'store_conflict' })
})

t.test('a store that does not answer: what this machine knows, or the failure', async t => {
  const away = async () => {
    throw new BanyanError('store_unreachable', 'away')
  }
  const { parts, log } = partsOf(createMemoryStore(), sampleState(7))
  const { state, fromStore } = await begin({ ...parts, load: away }, PLAN)
  t.match({ state, fromStore }, { state: { revision: 7 }, fromStore: false })
  t.match(log, [/^error: the store does not answer/])
  await t.rejects(begin({ ...parts, load: away, copy: null }, PLAN), { code: 'store_unreachable' })
  const foreign = partsOf(createMemoryStore(), sampleState(7), false).parts
  await t.rejects(begin({ ...foreign, load: away }, PLAN), { code: 'store_unreachable' })
})
