// The only writer: order, races between a rollback and commands in flight, and a store that fails or hangs.
import { mock } from 'node:test'
import t from 'tap'
import { splitOf } from '../../src/config/compile.ts'
import { type Control, type ControlParts, openControl } from '../../src/control/control.ts'
import { openLocal } from '../../src/control/local.ts'
import type { AuditDraft, ControlState, Owed, Rollback } from '../../src/model/control.ts'
import type { Route } from '../../src/model/route.ts'
import type { Plan, Snapshot } from '../../src/model/snapshot.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { eventually } from '../e2e/harness.ts'
import { command, PLAN, rollback } from './make.ts'

interface Kit {
  readonly control: Control
  readonly store: ReturnType<typeof createMemoryStore>
  /** Effective weight of `orders` at each swap. */
  readonly swaps: number[]
  readonly spilled: { rollback: Rollback; draft: AuditDraft }[]
  readonly events: string[]
  /** What a commit does before it reaches the store. */
  gate: () => Promise<void>
  /** What workers do before they say that they run. */
  answers: () => Promise<void>
}

async function open(
  more: {
    store?: Kit['store']
    spilled?: Kit['spilled']
    damaged?: boolean
    copied?: () => boolean
    full?: () => boolean
    probe?: () => Promise<void>
  } = {},
): Promise<Kit> {
  const store = more.store ?? createMemoryStore()
  const kit = {
    store,
    swaps: [] as number[],
    spilled: more.spilled ?? [],
    events: [] as string[],
    gate: async () => {},
    answers: async () => {},
  } as unknown as Kit & { control: Control }
  const parts: ControlParts = {
    instance: 'a',
    clock: { now: () => 1000, monotonic: () => performance.now() },
    compile(plan: Plan, state: ControlState) {
      const split = splitOf(plan, plan.byId.get('orders') as Route, state, 1000)
      return { revision: state.revision, plan, splits: [split] } as unknown as Snapshot
    },
    async swap(snapshot) {
      kit.swaps.push(snapshot.splits[0]?.effective ?? -1)
      return { appliedBy: [{ instance: 'a', worker: 1, ms: 0.1 }], pending: [] }
    },
    load: () => store.load(),
    async commit(state, draft, after) {
      await kit.gate()
      return store.commit(state, draft, { after })
    },
    spill: {
      append: async (one, draft) => {
        if (more.full?.() === true) throw new Error('full')
        kit.spilled.push({ rollback: one, draft })
      },
      read: async () => {
        if (more.damaged) throw new Error('torn')
        return [...kit.spilled]
      },
      async clear() {
        if (more.full?.() === true) throw new Error('full')
        kit.spilled.length = 0
      },
      async reserve() {},
    },
    async running() {
      await kit.answers()
      return { appliedBy: [{ instance: 'a', worker: 1, ms: 0.1 }], pending: [] }
    },
    probe: more.probe ?? (async () => {}),
    copy:
      more.copied === undefined
        ? null
        : { read: async () => null, write() {}, settled: async () => more.copied?.() === true, close: async () => {} },
    fleet: null,
    seed: () => 'seed',
    changed: event => kit.events.push(`${event.action} ${event.subject} ${event.revision}`),
    log() {},
  }
  kit.control = await openControl(parts, PLAN)
  return kit
}

// The room's own timers do not keep a process alive; its listeners do that elsewhere.
const alive = setInterval(() => {}, 1000)
t.teardown(() => clearInterval(alive))

const set = (percent: number) => command({ type: 'set-weight', route: 'orders', percent })

const ids = (all: readonly Owed[]) => all.map(one => one.rollback.id)

/** Holds every commit until let go. */
function hold(kit: Kit): () => void {
  let letGo = () => {}
  const held = new Promise<void>(resolve => {
    letGo = resolve
  })
  kit.gate = () => held
  return letGo
}

t.test('durable before visible; one audit entry for each accepted change, none for others', async t => {
  const kit = await open()
  t.same(kit.swaps, [0], 'a fresh store is held')
  const { applied } = await kit.control.apply(set(30))
  t.match(applied, { revision: 2, durable: true, pending: [], appliedBy: [{ instance: 'a', worker: 1 }] })
  t.equal((await kit.store.load())?.units.orders?.weight?.percent, 30)
  await t.rejects(kit.control.apply(command({ type: 'set-weight', route: 'nope', percent: 1 })), {
    code: 'unknown_route',
  })
  await kit.control.apply(command({ type: 'unfreeze', route: 'orders' }))
  const entries = await kit.store.audit({ limit: 10, before: null })
  t.same(
    entries.map(entry => entry.action),
    ['set-weight', 'first-start'],
  )
  t.same(kit.events, ['set-weight orders 2'])
})

t.test('a rollback that is repeated, and ended while it is confirmed, is begun anew', async t => {
  const kit = await open()
  await kit.control.apply(set(80))
  const first = await kit.control.apply(rollback('a', 'orders'))
  let answer = () => {}
  kit.answers = () =>
    new Promise(resolve => {
      answer = resolve
    })
  const repeated = kit.control.apply(rollback('b', 'orders'))
  await kit.control.apply(command({ type: 'restore', route: 'orders', percent: null, rollbacks: null }))
  t.equal(kit.swaps.at(-1), 80)
  kit.answers = async () => {}
  answer()
  const { rollback: second } = await repeated
  t.not(second?.id, first.rollback?.id)
  t.same(
    kit.control.state().rollbacks.map(({ id }) => id),
    [second?.id],
  )
  t.equal(kit.swaps.at(-1), 0, 'what is answered as in force is')
})

t.test('what cannot be saved changes nothing', async t => {
  const kit = await open()
  await kit.control.apply(set(30))
  kit.gate = () => Promise.reject(new Error('disk'))
  await t.rejects(kit.control.apply(set(60)), { code: 'store_unavailable' })
  t.equal(kit.swaps.at(-1), 30)
  t.equal(kit.control.healthy(), false)
  kit.gate = async () => {}
  await kit.control.apply(set(60))
  t.equal(kit.swaps.at(-1), 60)
  t.equal(kit.control.healthy(), true)
})

t.test('a rollback overtakes a command that is being saved, and that one cannot raise the weight', async t => {
  const kit = await open()
  const letGo = hold(kit)
  const raising = kit.control.apply(set(80))
  const rolling = kit.control.apply(rollback('a', 'orders'))
  t.equal(kit.swaps.at(-1), 0, 'in force before anything was saved')
  letGo()
  t.match((await rolling).applied, { durable: true })
  await raising
  t.equal(kit.swaps.at(-1), 0)
  t.ok(
    kit.swaps.every(weight => weight === 0),
    `never above 0: ${kit.swaps}`,
  )
  const stored = await kit.store.load()
  t.same(
    stored?.rollbacks.map(one => one.id),
    ['a'],
  )
  t.equal(stored?.units.orders?.weight?.percent, 80, 'the operator’s word is kept for the restore')
  await kit.control.apply(command({ type: 'restore', route: 'orders', rollbacks: ['a'], percent: null }))
  t.equal(kit.swaps.at(-1), 80)
  t.equal((await kit.store.verifyAudit()).ok, true)
})

t.test('a restore in flight does not end a rollback that came after it', async t => {
  const kit = await open()
  await kit.control.apply(set(50))
  await kit.control.apply(rollback('a', 'orders'))
  const letGo = hold(kit)
  const restoring = kit.control.apply(command({ type: 'restore', route: 'orders', rollbacks: null, percent: null }))
  const rolling = kit.control.apply(rollback('b', null))
  letGo()
  await Promise.all([restoring, rolling])
  t.equal(kit.swaps.at(-1), 0)
  t.same(
    kit.control.state().rollbacks.map(one => one.id),
    ['b'],
  )
})

t.test('a rollback repeated while a restore of it is being saved stands', async t => {
  const kit = await open()
  await kit.control.apply(set(50))
  await kit.control.apply(rollback('a', 'orders'))
  const letGo = hold(kit)
  const restoring = kit.control.apply(command({ type: 'restore', route: 'orders', rollbacks: ['a'], percent: null }))
  const again = kit.control.apply(rollback('b', 'orders'))
  letGo()
  t.equal((await again).rollback?.id, 'b')
  await restoring
  t.equal(kit.swaps.at(-1), 0)
  t.ok(kit.swaps.slice(-3).every(weight => weight === 0))
  t.same(
    kit.control.state().rollbacks.map(one => one.id),
    ['b'],
  )
})

t.test('a store that hangs: in force at once, answered within about a second, saved when it comes back', async t => {
  const kit = await open()
  await kit.control.apply(set(50))
  const letGo = hold(kit)
  const { applied } = await kit.control.apply(rollback('a', 'orders'))
  t.equal(applied.durable, false)
  t.equal(kit.swaps.at(-1), 0)
  t.same(
    kit.spilled.map(one => one.rollback.id),
    ['a'],
  )
  t.equal(kit.control.owed().length, 1)
  letGo()
  await eventually(() => kit.control.owed().length === 0, 'it is saved')
  await eventually(() => kit.spilled.length === 0, 'the local file is empty')
  const entries = await kit.store.audit({ limit: 10, before: null })
  t.equal(entries.filter(entry => entry.action === 'rollback').length, 1, 'one entry, not two')
})

t.test('a store that fails: several rollbacks are kept, and saved in order when it is back', async t => {
  const kit = await open()
  await kit.control.apply(set(50))
  kit.gate = () => Promise.reject(new Error('disk'))
  t.equal((await kit.control.apply(rollback('a', 'orders'))).applied.durable, false)
  t.equal((await kit.control.apply(rollback('b', null))).applied.durable, false)
  await t.rejects(kit.control.apply(set(60)), { code: 'store_unavailable' })
  kit.gate = async () => {}
  await kit.control.apply(command({ type: 'set-weight', route: 'cart', percent: 1 }))
  const entries = await kit.store.audit({ limit: 10, before: null })
  t.same(
    entries.map(entry => `${entry.action} ${(entry.after as { rollback?: string }).rollback ?? ''}`.trim()),
    ['set-weight', 'rollback b', 'rollback a', 'set-weight', 'first-start'],
  )
  t.same(
    (await kit.store.load())?.rollbacks.map(one => one.id),
    ['a', 'b'],
  )
  t.equal(kit.spilled.length, 0)
})

t.test('what an earlier run could not store is in force before anything is served', async t => {
  const first = await open()
  await first.control.apply(set(50))
  first.gate = () => Promise.reject(new Error('disk'))
  await first.control.apply(rollback('a', 'orders'))
  const again = await open({ store: first.store, spilled: first.spilled })
  t.same(again.swaps, [0])
  t.equal(again.spilled.length, 0)
  t.same(
    (await again.store.load())?.rollbacks.map(one => one.id),
    ['a'],
  )
  const third = await open({ store: first.store, spilled: [] })
  t.same(third.swaps, [0])
})

t.test('a damaged local file rolls everything back: a rollback may have been in it', async t => {
  const first = await open()
  await first.control.apply(set(50))
  const again = await open({ store: first.store, damaged: true })
  t.same(again.swaps, [0])
  t.match(again.control.state().rollbacks, [{ units: '*', by: 'system' }])
  t.same(again.spilled, [], 'it is stored')
})

t.test(
  'a damaged local file, and the store cannot save: that everything is rolled back outlives the process',
  async t => {
    const first = await open()
    await first.control.apply(set(50))
    const failing = { ...first.store, commit: () => Promise.reject(new Error('full')) }
    const again = await open({ store: failing, damaged: true })
    t.same(again.swaps, [0])
    t.match(again.spilled, [{ rollback: { units: '*', by: 'system' } }])
  },
)

t.test('where the copy of the state cannot be written, the file keeps what the store has', async t => {
  let copied = false
  const kit = await open({ copied: () => copied })
  kit.gate = () => Promise.reject(new Error('disk'))
  await kit.control.apply(rollback('a', 'orders'))
  t.equal(kit.spilled.length, 1)
  kit.gate = async () => {}
  await kit.control.apply(set(20))
  t.same(kit.control.owed(), [], 'it is stored')
  t.equal(kit.spilled.length, 1, 'without the store, the file is all that this machine would know of it')
  copied = true
  await kit.control.apply(rollback('b', null))
  t.same(kit.spilled, [])
})

t.test('what neither the store nor the file could take is put into the file as soon as it can be', async t => {
  let full = true
  const kit = await open({ full: () => full })
  kit.gate = () => Promise.reject(new Error('disk'))
  await kit.control.apply(rollback('a', 'orders'))
  t.same(ids(kit.control.keptNowhere()), ['a'])
  full = false
  await eventually(() => kit.spilled.length === 1, 'the file has it')
  await eventually(() => kit.control.keptNowhere().length === 0, 'and that is known')
  t.same(ids(kit.control.owed()), ['a'], 'the store still has not')
  kit.gate = async () => {}
})

t.test('a file that could not be cleared, or had to wait for the copy, is cleared without another change', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const done = { full: false, copied: true }
  const spilled: Kit['spilled'] = []
  const spill = {
    append: async (one: Rollback, draft: AuditDraft) => void spilled.push({ rollback: one, draft }),
    read: async () => spilled,
    async clear() {
      if (done.full) throw new Error('full')
      spilled.length = 0
    },
    async reserve() {},
  }
  const copy = { read: async () => null, write() {}, settled: async () => done.copied, close: async () => {} }
  const local = openLocal(
    { spill, copy, log() {} },
    () => false,
    () => true,
  )
  for (const trouble of [{ full: true }, { copied: false }]) {
    Object.assign(done, trouble)
    await local.keep({ rollback: { id: 'a' } as Rollback, draft: {} as AuditDraft })
    await local.tidy()
    t.equal(spilled.length, 1, JSON.stringify(trouble))
    Object.assign(done, { full: false, copied: true })
    mock.timers.tick(60_000)
    // What it began by itself is done when this is: one after another.
    await new Promise(resolve => setImmediate(resolve))
    t.same(spilled, [], JSON.stringify(trouble))
  }
  await local.close()
})

t.test('a store that can be read and takes nothing is not well, until it takes something', async t => {
  let full = true
  let probes = 0
  const kit = await open({
    async probe() {
      probes++
      if (full) throw new Error('full')
    },
  })
  kit.gate = () => (full ? Promise.reject(new Error('full')) : Promise.resolve())
  await t.rejects(kit.control.apply(set(20)), { code: 'store_unavailable' })
  const swaps = kit.swaps.length
  await eventually(() => probes >= 3, 'it is asked again')
  t.notOk(kit.control.healthy())
  t.ok(kit.swaps.length <= swaps + 1, 'nor is the same put in force each time')
  await kit.control.follow(null)
  t.notOk(kit.control.healthy(), 'reading it says nothing of that')
  full = false
  await eventually(() => kit.control.healthy(), 'well again, though nobody changed anything')
  await kit.control.close()
})

t.test('changes come one at a time, in order, with rising revisions', async t => {
  const kit = await open()
  const all = await Promise.all(Array.from({ length: 50 }, (_, i) => kit.control.apply(set(i))))
  t.same(
    all.map(one => one.applied.revision),
    Array.from({ length: 50 }, (_, i) => i + 2),
  )
  t.equal(kit.swaps.at(-1), 49)
})
