// A store that is in doubt: what was refused and saved all the same, lands late, or comes while the local file is emptied loses no rollback.
import t from 'tap'
import { splitOf } from '../../src/config/compile.ts'
import { type ControlParts, openControl } from '../../src/control/control.ts'
import type { Owed, Reached } from '../../src/model/control.ts'
import type { Route } from '../../src/model/route.ts'
import type { Snapshot } from '../../src/model/snapshot.ts'
import { eventually } from '../e2e/harness.ts'
import { createFakeStore, type FakeStore } from './fake-store.ts'
import { command, PLAN, rollback } from './make.ts'

const alive = setInterval(() => {}, 1000)
t.teardown(() => clearInterval(alive))
const on = (instance: string): Reached => ({ appliedBy: [{ instance, worker: 1, ms: 1 }], pending: [] })
const wait = (ms: number) => new Promise(r => setTimeout(r, ms))

async function open(door: Pick<FakeStore, 'load' | 'commit'>, alone: boolean, copyMs = 0) {
  const disk = { spilled: [] as Owed[] }
  const swaps: number[] = []
  const parts: ControlParts = {
    instance: 'a',
    clock: { now: () => 1_000, monotonic: () => performance.now() },
    compile(plan, state) {
      const split = splitOf(plan, plan.byId.get('orders') as Route, state, 0)
      return { revision: state.revision, plan, splits: [split] } as unknown as Snapshot
    },
    async swap(snapshot) {
      swaps.push(snapshot.splits[0]?.effective ?? -1)
      return on('a')
    },
    running: async () => on('a'),
    load: door.load,
    commit: door.commit,
    spill: {
      append(one, draft) {
        disk.spilled = [...disk.spilled, { rollback: one, draft }]
      },
      read: async () => disk.spilled,
      async clear() {
        disk.spilled = []
      },
      async reserve() {},
    },
    async probe() {},
    copy: { read: async () => null, write() {}, settled: () => wait(copyMs).then(() => true), close: async () => {} },
    fleet: alone ? null : { spread: async () => on('z'), confirm: async () => on('y') },
    seed: () => 'seed',
    changed() {},
    log() {},
  }
  return { control: await openControl(parts, PLAN), swaps, disk }
}
const owed = (id: string): Owed => ({
  rollback: { id, units: ['orders', 'orders'], restored: [], trigger: 'operator', by: 'x', at: 1, reason: null },
  draft: {
    at: 1,
    actor: { name: 'x', tokenId: null, address: null },
    action: 'rollback',
    subject: 'orders',
    reason: null,
    before: null,
    after: { rollback: id },
    revision: 2,
  },
})
const set = (percent: number) => command({ type: 'set-weight', route: 'orders', percent })
const restore = command({ type: 'restore', route: 'orders', rollbacks: ['rb-1'], percent: null })

t.test('1: alone: a restore failed and was saved all the same; a rollback said after that must hold', async t => {
  const store = createFakeStore()
  let lying = false
  const { control, swaps } = await open(
    {
      load: store.load,
      async commit(...all) {
        await store.commit(...all)
        if (lying) throw new Error('answer lost')
      },
    },
    true,
  )
  await control.apply(set(40))
  await control.apply(rollback('rb-1', 'orders'))
  lying = true
  await control.apply(restore).catch(error => t.comment(error.code, error.message))
  lying = false
  const again = await control.apply(rollback('rb-2', 'orders'))
  t.comment('answered', again.rollback?.id)
  await wait(1300)
  t.equal(swaps.at(-1), 0, 'still down')
})

t.test('2: fleet: a restore given up is carried out late; a rollback said after that must hold', async t => {
  const store = createFakeStore()
  let late: (() => Promise<void>) | null = null
  let losing = false
  const { control, swaps } = await open(
    {
      load: store.load,
      async commit(...all) {
        if (!losing) return store.commit(...all)
        late = () => store.commit(...all)
        throw new Error('timeout')
      },
    },
    false,
  )
  await control.apply(set(40))
  await control.apply(rollback('rb-1', 'orders'))
  losing = true
  await control.apply(restore).catch(() => {})
  losing = false
  await wait(1300)
  t.equal(control.healthy(), true)
  const again = await control.apply(rollback('rb-2', 'orders'))
  t.comment('answered', again.rollback?.id, again.applied.durable)
  await (late as unknown as () => Promise<void>)().catch(error => t.comment('late one refused', error.code))
  await control.follow(null)
  t.equal(swaps.at(-1), 0, 'still down')
})

t.test('3: a rollback taken while the local file is being emptied must stay in the file', async t => {
  const store = createFakeStore()
  const { control, disk } = await open(store, false, 50)
  void control.apply(rollback('own', 'cart'))
  await wait(20)
  control.take(owed('taken'))
  t.equal(disk.spilled.length, 1, 'written at once')
  await wait(100)
  t.same(
    control.owed().map(one => one.rollback.id),
    ['taken'],
    'owed',
  )
  t.equal(disk.spilled.length, 1, 'and in the file')
})

t.test('4: a store that goes on from an older copy has lost a rollback: it is in force, and given again', async t => {
  const store = createFakeStore()
  const { control, swaps } = await open(store, false)
  await control.apply(set(40))
  const before = store.now()!
  await control.apply(rollback('rb-1', 'orders'))
  // Another instance has changed something there meanwhile: its revision is higher than the one that was lost.
  store.putBack({ ...before, revision: 9 })
  await control.follow(null)
  t.equal(swaps.at(-1), 0, 'never raised')
  t.same(
    control.owed().map(one => one.rollback.id),
    ['rb-1'],
  )
  await wait(1300)
  t.same(
    store.now()?.rollbacks.map(({ id }) => id),
    ['rb-1'],
  )
})

t.test('5: a push of a rollback that was ended here is answered as such, and takes nothing', async t => {
  const store = createFakeStore()
  const { control, swaps } = await open(store, false)
  await control.apply(set(40))
  await control.apply(rollback('rb-1', 'orders'))
  await control.apply(restore)
  t.equal(control.take(owed('rb-1')), null)
  t.same(control.owed(), [])
  t.equal(swaps.at(-1), 40)
})

t.test('6: a rollback leaves the local file only when the local copy has it', async t => {
  const store = createFakeStore()
  let failing = true
  const commit: FakeStore['commit'] = async (...all) => {
    if (failing) throw new Error('away')
    await store.commit(...all)
  }
  failing = false
  const { control, disk } = await open({ load: store.load, commit }, true, 300)
  failing = true
  await control.apply(rollback('rb-1', 'orders'))
  t.equal(disk.spilled.length, 1)
  failing = false
  await eventually(() => store.now()?.rollbacks.length === 1, 'it is stored')
  t.equal(disk.spilled.length, 1, 'the copy is still being written')
  await eventually(() => disk.spilled.length === 0, 'then it is emptied')
})

t.test('7: a store that is behind is given what it lost, and keeps the rollback that only it knows', async t => {
  const store = createFakeStore()
  const { control, swaps } = await open(store, false)
  await control.apply(set(40))
  const { rollback: theirs } = owed('theirs')
  store.putBack({ ...store.now()!, revision: 1, units: {}, rollbacks: [theirs] })
  await control.follow(null)
  const now = store.now()
  t.equal(now?.units.orders?.weight?.percent, 40)
  t.same(
    now?.rollbacks.map(({ id }) => id),
    ['theirs'],
  )
  t.equal(store.entries.at(-1)?.action, 'store-behind')
  t.equal(swaps.at(-1), 0)
})

t.test(
  '8: a store that was away comes back with the same revision of something else: it is looked at first',
  async t => {
    const store = createFakeStore()
    let failing = false
    const commit: FakeStore['commit'] = async (...all) => {
      if (failing) throw new Error('away')
      await store.commit(...all)
    }
    const { control } = await open({ load: store.load, commit }, false)
    await control.apply(set(40))
    failing = true
    await control.apply(rollback('rb-1', 'orders'))
    const before = store.now()!
    store.putBack({ ...before, rollbacks: [owed('theirs').rollback] })
    failing = false
    await eventually(() => store.now()?.rollbacks.length === 2, 'both are there')
    t.same(new Set(store.now()?.rollbacks.map(({ id }) => id)), new Set(['theirs', 'rb-1']))
  },
)

t.test('9: another instance was first: the rollback is saved after it, and durable when it is answered', async t => {
  const store = createFakeStore()
  const { control } = await open(store, false)
  await control.apply(set(40))
  const before = store.now()!
  store.putBack({ ...before, revision: before.revision + 1 })
  const { applied } = await control.apply(rollback('rb-1', 'orders'))
  t.equal(applied.durable, true)
  t.equal(store.now()?.revision, before.revision + 2)
})
