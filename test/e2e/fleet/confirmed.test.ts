// A change at any replica is in force at all when it is answered, and the answer says where; who does not answer is pending.
import t from 'tap'
import { noPostgres } from '../../store/postgres-server.ts'
import { eventually } from '../harness.ts'
import { metrics } from '../process.ts'
import { startFleet, USERS } from './fleet.ts'

interface Where {
  readonly instance: string
  readonly worker: number
  readonly ms?: number
}
const names = (all: readonly Where[]) => all.map(({ instance, worker }) => `${instance}/${worker}`).sort()
const EVERYWHERE = [1, 2, 3].flatMap(n => [1, 2].map(worker => `replica-${n}/${worker}`))

t.test('three replicas of two workers', { skip: noPostgres }, async t => {
  const kit = await startFleet(t, { replicas: 3, workers: 2 })
  const [a, b, c] = kit.replicas as [never, never, never]

  await t.test('users have the same side at every replica', async t => {
    const first = await kit.sides4(a, USERS)
    t.ok(new Set(first).size === 2, 'both sides serve')
    t.same(await kit.sides4(b, USERS), first)
    t.same(await kit.sides4(c, USERS), first)
  })

  await t.test('a weight, a freeze and a restore: all of them say so before it is answered', async t => {
    for (const [replica, method, path, body] of [
      [a, 'PUT', '/routes/orders/weight', { percent: 100 }],
      [b, 'POST', '/routes/orders/freeze', {}],
      [c, 'POST', '/routes/orders/unfreeze', {}],
      [b, 'POST', '/routes/orders/rollback', { reason: 'test' }],
      [c, 'POST', '/routes/orders/restore', {}],
    ] as const) {
      const { status, json } = await kit.api(replica, method, path, body)
      t.equal(status, 200, path)
      t.equal(json.durable, true, path)
      t.same(names(json.appliedBy), EVERYWHERE, path)
      t.same(json.pending, [], path)
      t.ok(json.appliedBy.every(({ ms }: Where) => ms !== undefined && ms >= 0 && ms <= json.elapsedMs))
      const rolledBack = path.endsWith('/rollback')
      for (const one of kit.replicas) {
        t.same(
          new Set(await kit.sides4(one, USERS)),
          new Set([rolledBack ? 'legacy' : 'new']),
          `${path} at ${one.name}`,
        )
      }
    }
  })

  await t.test('two that change at once: both are in force, one after the other', async t => {
    const answers = await Promise.all([
      kit.api(a, 'PUT', '/routes/orders/weight', { percent: 40 }),
      kit.api(b, 'PUT', '/routes/orders/weight', { percent: 60 }),
      kit.api(c, 'POST', '/routes/orders/freeze', {}),
    ])
    t.ok(answers.filter(({ status }) => status === 200).length >= 2, 'a freeze may come first, and refuse a raise')
    await kit.settled()
    const views = await Promise.all(kit.replicas.map(one => kit.api(one, 'GET', '/routes/orders')))
    t.equal(new Set(views.map(({ json }) => `${json.weight.desired} ${json.revision} ${json.frozen !== null}`)).size, 1)
    await kit.api(a, 'POST', '/routes/orders/unfreeze', {})
  })

  await t.test('status and metrics say who is there', async t => {
    const { json } = await kit.api(a, 'GET', '/status')
    t.same(json.replicas.map((one: Where) => one.instance).sort(), ['replica-1', 'replica-2', 'replica-3'])
    t.equal(json.replicas.filter((one: { self: boolean }) => one.self).length, 1)
    t.equal(json.workers.length, 2)
    const read = () => metrics(kit.replicas[0]?.running as never)
    // Each says once a second what it runs.
    await eventually(async () => /^banyan_replicas\{state="running"\} 3$/m.test(await read()), 'all run it')
    const text = await read()
    t.match(text, /^banyan_workers\{state="running"\} 2$/m)
    t.match(text, /^banyan_config_differs 0$/m)
  })

  await t.test(
    'a worker that hangs is pending, by name; the others do not wait for it longer than a second',
    async t => {
      const { json: status } = await kit.api(b, 'GET', '/status')
      const { pid } = status.workers[1]
      process.kill(pid, 'SIGSTOP')
      const { json } = await kit.api(a, 'POST', '/routes/orders/rollback', {})
      t.same(names(json.pending), ['replica-2/2'])
      t.equal(json.appliedBy.length, 5)
      await eventually(async () => {
        const { workers } = (await kit.api(b, 'GET', '/status')).json
        return workers[1].pid !== pid && workers[1].state === 'running'
      }, 'it is replaced')
      const { json: restored } = await kit.api(a, 'POST', '/routes/orders/restore', {})
      t.same([restored.appliedBy.length, restored.pending], [6, []])
    },
  )

  await t.test('a replica that is killed is pending until it is back', async t => {
    await kit.replicas[2]?.running?.kill()
    const { json } = await kit.api(a, 'PUT', '/routes/orders/weight', { percent: 30 })
    t.same(names(json.pending), ['replica-3/1', 'replica-3/2'])
    kit.replicas[2]!.running = null
    await kit.settled()
    t.same(names((await kit.api(b, 'PUT', '/routes/orders/weight', { percent: 20 })).json.pending), [
      'replica-3/1',
      'replica-3/2',
    ])
    await kit.start(c)
    await kit.settled()
    t.equal((await kit.api(c, 'GET', '/routes/orders')).json.weight.effective, 20)
    t.same((await kit.api(b, 'PUT', '/routes/orders/weight', { percent: 21 })).json.pending, [])
  })

  await t.test('one entry for each change, in a chain that is whole', async t => {
    t.match((await kit.api(c, 'GET', '/audit/verify')).json, { ok: true, brokenAt: null })
    const { entries } = (await kit.api(a, 'GET', '/audit?limit=100')).json
    const rollbacks = entries.flatMap((one: { action: string; after: { rollback: string } }) =>
      one.action === 'rollback' ? [one.after.rollback] : [],
    )
    t.equal(new Set(rollbacks).size, rollbacks.length)
    t.equal(entries.filter((one: { action: string }) => one.action === 'first-start').length, 1)
  })
})
