// A store that is in doubt: what was refused and saved all the same, lands late, or comes while the local file is emptied loses no rollback.
import t from 'tap'
import { splitOf } from '../../src/config/compile.ts'
import { type ControlParts, openControl } from '../../src/control/control.ts'
import type { Owed, Reached } from '../../src/model/control.ts'
import type { Route } from '../../src/model/route.ts'
import type { Snapshot } from '../../src/model/snapshot.ts'
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
    copy: { read: async () => null, write() {}, settled: () => wait(copyMs) as Promise<void> },
    fleet: alone ? null : { spread: async () => on('z'), confirm: async () => on('y') },
    seed: () => 'seed',
    changed() {},
    log() {},
  }
  return { control: await openControl(parts, PLAN), swaps, disk }
}
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
