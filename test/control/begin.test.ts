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

function partsOf(store: ReturnType<typeof createMemoryStore>, copy: ControlState | null) {
  const log: string[] = []
  const written: ControlState[] = []
  const parts: Parts = {
    clock: { now: () => 1_000, monotonic: () => 0 },
    load: () => store.load(),
    commit: (state, draft, after) => store.commit(state, draft, { after }),
    copy: { read: async () => copy, write: state => written.push(state), settled: async () => true },
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

t.test('a store that holds as much or more is right', async t => {
  for (const copied of [3, 5]) {
    const store = await holding(sampleState(5))
    const { parts, log } = partsOf(store, { ...sampleState(copied), rollbacks: [known('old')] })
    t.strictSame((await begin(parts, PLAN)).state, sampleState(5))
    t.same(log, [])
  }
})

t.test('one that holds less is given what this machine knows, and keeps the rollbacks that it alone holds', async t => {
  for (const held of [null, { ...sampleState(2), rollbacks: [known('theirs'), known('ended')] }]) {
    const store = await holding(...(held === null ? [] : [held]))
    const ended = [{ id: 'ended', at: 1 }] as unknown as ControlState['ended']
    const copy = { ...sampleState(7), rollbacks: [known('ours')], ended }
    const { parts, log } = partsOf(store, copy)
    const { state, fromStore } = await begin(parts, PLAN)
    t.ok(fromStore)
    t.equal(state.revision, 8)
    t.same(
      state.rollbacks.map(({ id }) => id),
      held === null ? ['ours'] : ['ours', 'theirs'],
    )
    t.strictSame(await store.load(), state)
    const [entry] = await store.audit({ limit: 1, before: null })
    const before = { revision: held?.revision ?? null }
    t.match(entry, { action: 'store-behind', before, after: { revision: 7 }, revision: 8 })
    t.match(log, [/^error: the store has lost what was in force/])
  }
})

t.test('a store of another seed is another store', async t => {
  const other = { ...sampleState(2), seed: 'another' }
  const { parts, log, written } = partsOf(await holding(other), sampleState(7))
  t.strictSame((await begin(parts, PLAN)).state, other)
  t.match(
    log,
    [/^error: the store has another seed/],
    'or it has lost the rotation of its seed: that must not be silent',
  )
  t.strictSame(written, [other])
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
  t.equal(state.revision, 8)
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
})
