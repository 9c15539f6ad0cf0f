// The data plane of several processes: the contract, and what becomes of workers that end or hang.
import t from 'tap'
import { Registry } from '../../src/metrics/text.ts'
import { trafficOf } from '../../src/traffic.ts'
import { openPlane, planeContract, ROLLBACK, toNew } from '../contracts/plane.ts'
import { eventually } from '../e2e/harness.ts'
import { readPrometheus, sampleOf } from '../prometheus.ts'
import { twoWorkers } from './make-workers.ts'

planeContract(t, 'workers', twoWorkers)

const NEW = { route: 'orders', side: 'new', reason: 'weight', code: '2xx' }

t.test('a worker that is killed is replaced: no connection is refused, and no count falls', async t => {
  const replaced: number[] = []
  const { plane, get, apply, configure } = await openPlane(t, (t, parts) =>
    twoWorkers(t, parts, { replaced: () => replaced.push(1) }),
  )
  const counted = async () =>
    sampleOf(readPrometheus(await plane.metrics(new Registry())), 'banyan_requests_total', NEW) ?? 0
  for (let i = 0; i < 20; i++) await get(`/orders/${i}`)
  await eventually(async () => (await counted()) === 20, 'all are counted')
  await plane.look()
  const refused: string[] = []
  let going = true
  let asked = 0
  const clients = Array.from({ length: 4 }, async () => {
    while (going) {
      asked++
      // Cut in the middle is what a killed process does; refused is what must not be.
      await get(`/orders/${asked}`).catch(error => {
        if (error.cause?.code === 'ECONNREFUSED') refused.push(String(error.cause))
      })
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  })
  const [first] = plane.workers()
  process.kill(first?.pid ?? 0, 'SIGKILL')
  await eventually(() => replaced.length === 1, 'it is told')
  const between = await apply(configure(), { revision: 5, rollbacks: [ROLLBACK] })
  t.equal(between.appliedBy.length + between.pending.length, 2, 'every worker is in one of both lists')
  await eventually(() => plane.workers().every(({ state }) => state === 'running'), 'another runs')
  going = false
  await Promise.all(clients)
  t.same(refused, [])
  t.not(plane.workers()[0]?.pid, first?.pid)
  t.ok(
    plane.workers().every(({ revision }) => revision === 5),
    'it began with what is in force',
  )
  t.ok((await counted()) >= 20)
  await plane.look()
  t.ok(trafficOf(plane.reading().traffic.get('orders') ?? []).sides.new.requests >= 20)
  t.equal(await get(), 'legacy')
})

t.test('a worker that takes another’s place knows the listeners that are ours', async t => {
  const { plane, get, sides } = await openPlane(t, twoWorkers, {}, {}, toNew)
  // One after the other: a port that the system gave lasts as long as somebody listens on it.
  for (const { worker, pid: before } of plane.workers()) {
    process.kill(before, 'SIGKILL')
    const isRaised = () =>
      plane.workers().some(({ worker: one, pid, state }) => one === worker && state === 'running' && pid !== before)
    await eventually(isRaised, 'another runs')
  }
  for (let i = 0; i < 8; i++) t.match(await get(), /no connection|502/)
  t.same(sides.new.seen, [])
})

t.test('a worker that hangs is pending after a second, holds nobody up, and is replaced after five', async t => {
  const said: string[] = []
  const { plane, get, apply, configure } = await openPlane(t, (t, parts) =>
    twoWorkers(t, parts, { log: (_level, message) => said.push(message) }),
  )
  const pid = plane.workers()[1]?.pid ?? 0
  process.kill(pid, 'SIGSTOP')
  const reached = await apply(configure(), { revision: 2, rollbacks: [ROLLBACK] })
  t.same(
    reached.appliedBy.map(({ worker }) => worker),
    [1],
  )
  t.same(reached.pending, [{ instance: 'test', worker: 2 }])
  await eventually(() => plane.workers()[1]?.state === 'pending', 'it is pending')
  t.equal(await get(), 'legacy', 'who comes now is served by the other')
  await plane.look()
  t.ok((await plane.metrics(new Registry())).length > 0)
  await eventually(() => plane.workers()[1]?.pid !== pid && plane.workers()[1]?.state === 'running', 'it is replaced')
  t.equal(plane.workers()[1]?.revision, 2)
  t.ok(said.some(line => /worker 2 has not answered for 5 s/.test(line)))
  t.same((await plane.running()).pending, [], 'who began with it runs it')
  const after = await apply(configure(), { revision: 3 })
  t.same([after.appliedBy.length, after.pending], [2, []])
})

t.test('who runs what is in force is said of now, and not by the revision', async t => {
  const { plane, apply, configure } = await openPlane(t, twoWorkers)
  const [, second] = plane.workers()
  process.kill(second?.pid ?? 0, 'SIGSTOP')
  // A rollback that is owed may come without a revision of its own.
  const reached = await apply(configure(), { revision: 1, rollbacks: [ROLLBACK] })
  t.same(reached.pending, [{ instance: 'test', worker: 2 }])
  t.equal(plane.workers()[1]?.revision, 1)
  t.same((await plane.running()).pending, [{ instance: 'test', worker: 2 }])
  process.kill(second?.pid ?? 0, 'SIGCONT')
  await eventually(async () => (await plane.running()).pending.length === 0, 'both run it')
  const { appliedBy } = await plane.running()
  t.same(
    appliedBy.map(({ worker }) => worker),
    [1, 2],
  )
  t.ok((appliedBy[1]?.ms ?? 0) >= 1_000, 'it says how late')
  t.equal(plane.workers()[1]?.pid, second?.pid)
})

t.test('suspensions are known to a worker that begins', async t => {
  const suspended = { route: 'orders', side: 'legacy', template: '/orders/list', why: 'w', since: 1 } as const
  const { plane, get, sides } = await openPlane(
    t,
    (t, parts) => twoWorkers(t, parts, { suspensions: () => ({ suspended: [suspended], resumed: [] }) }),
    {},
    { shadow: { percent: 100 } },
  )
  for (let i = 0; i < 6; i++) await get('/orders/list')
  await plane.look()
  t.equal(sides.legacy.seen.length, 0)
})
