// Rollback never needs the store: it is in force at all replicas at once while PostgreSQL is dead, frozen, slow, full, read-only
// or cut off from some; replicas start without it; and when it is back, all agree and nothing is written twice.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { noPostgres, startPostgres } from '../../store/postgres-server.ts'
import { eventually } from '../harness.ts'
import { type FleetKit, type Replica, startFleet, USERS } from './fleet.ts'

const effective = async (kit: FleetKit, replica: Replica) =>
  (await kit.api(replica, 'GET', '/routes/orders')).json.weight.effective

/** At one of them, while the store is away: everywhere within the answer, and not durable. */
async function rollBack(t: Test, kit: FleetKit, at: Replica): Promise<string> {
  const { status, json } = await kit.api(at, 'POST', '/routes/orders/rollback', { reason: 'without the store' })
  t.equal(status, 200)
  t.equal(json.durable, false)
  t.same(json.pending, [])
  t.equal(json.appliedBy.length, kit.replicas.length)
  for (const one of kit.replicas) t.same(new Set(await kit.sides4(one, USERS)), new Set(['legacy']), one.name)
  return json.rollback
}

/** It is stored once, and restored everywhere. */
async function heals(t: Test, kit: FleetKit, rollbacks: readonly string[]): Promise<void> {
  await kit.settled()
  const { entries } = (await kit.api(kit.replicas[0]!, 'GET', '/audit?limit=1000')).json
  for (const id of rollbacks) {
    const written = entries.filter(
      (one: { action: string; after: { rollback?: string } }) => one.action === 'rollback' && one.after.rollback === id,
    )
    t.equal(written.length, 1, 'one entry')
  }
  t.match((await kit.api(kit.replicas[1]!, 'GET', '/audit/verify')).json, { ok: true })
  const { json } = await kit.api(kit.replicas[1]!, 'POST', '/routes/orders/restore', {})
  t.same([...json.ended].sort(), [...rollbacks].sort())
  t.equal(json.durable, true)
  for (const one of kit.replicas) t.equal(await effective(kit, one), 50, one.name)
}

t.test('three replicas', { skip: noPostgres }, async t => {
  const kit = await startFleet(t, { replicas: 3 })
  const [a, b, c] = kit.replicas as [Replica, Replica, Replica]

  await t.test('killed, with a replica that restarts meanwhile', async t => {
    await kit.postgres.kill()
    const first = await rollBack(t, kit, a)
    const refused = await kit.api(b, 'PUT', '/routes/orders/weight', { percent: 90 })
    t.equal(refused.status, 503)
    t.equal(refused.json.code, 'store_unreachable')
    await c.running?.kill()
    await kit.start(c)
    t.equal(await effective(kit, c), 0, 'it knows, from its own disk')
    const status = (await kit.api(c, 'GET', '/status')).json
    t.equal(status.store.healthy, false)
    t.ok(status.warnings.some(({ code }: { code: string }) => code === 'unsaved_rollback'))
    t.equal((await fetch(`${c.running?.health}/readyz`)).status, 200)
    await kit.postgres.start()
    await heals(t, kit, [first])
  })

  await t.test('frozen', async t => {
    kit.postgres.freeze()
    const id = await rollBack(t, kit, b)
    kit.postgres.thaw()
    await heals(t, kit, [id])
  })

  await t.test('slow: a rollback does not wait for it', async t => {
    for (const one of kit.replicas) one.way.delayMs = 700
    const id = await rollBack(t, kit, c)
    for (const one of kit.replicas) one.way.delayMs = 0
    await heals(t, kit, [id])
  })

  await t.test('read-only', async t => {
    await kit.sql('ALTER SYSTEM SET default_transaction_read_only = on')
    await kit.sql('SELECT pg_reload_conf()')
    await eventually(async () => {
      const refused = await kit.api(a, 'PUT', '/routes/orders/weight', { percent: 51 })
      return refused.status === 503 && refused.json.code === 'store_read_only'
    }, 'a change is refused')
    const id = await rollBack(t, kit, a)
    await unsetReadOnly(kit)
    await kit.settled()
    await kit.api(a, 'PUT', '/routes/orders/weight', { percent: 50 })
    await heals(t, kit, [id])
  })

  await t.test('cut off from one: its rollback comes to all by its peers, and is stored by them', async t => {
    a.way.cut()
    const { json } = await kit.api(a, 'POST', '/routes/orders/rollback', {})
    t.same(json.pending, [])
    t.equal(json.appliedBy.length, 3)
    await eventually(
      async () =>
        (await kit.sql<{ state: string }>('SELECT state FROM banyan.control'))[0]?.state.includes(json.rollback) ===
        true,
      'a peer has stored it',
    )
    // Restored by one that reaches the store, while the first does not: that one stays on legacy until it hears.
    const restored = await kit.api(b, 'POST', '/routes/orders/restore', {})
    t.same(restored.json.ended, [json.rollback])
    t.equal(await effective(kit, b), 50)
    t.equal(await effective(kit, a), 0, 'it cannot know')
    a.way.heal()
    await kit.settled()
    t.equal(await effective(kit, a), 50, 'what was ended is not brought back')
    const { entries } = (await kit.api(c, 'GET', '/audit?limit=5')).json
    t.equal(entries.filter((one: { after: { rollback?: string } }) => one.after?.rollback === json.rollback).length, 1)
  })

  await t.test('cut off when it starts: what was rolled back without it, it learns from its peers', async t => {
    c.running?.signal('SIGTERM')
    await c.running?.ended
    const { json } = await kit.api(a, 'POST', '/routes/orders/rollback', {})
    t.match(json, { durable: true, pending: [] })
    c.way.cut()
    await kit.start(c)
    await eventually(async () => (await effective(kit, c)) === 0, 'by a greeting')
    const repeated = (await kit.api(a, 'POST', '/routes/orders/rollback', {})).json
    t.match(repeated, { rollback: json.rollback, pending: [] })
    t.equal(repeated.appliedBy.length, 3)
    const change = (await kit.api(a, 'PUT', '/routes/orders/weight', { percent: 50 })).json
    t.same(
      change.pending.map(({ instance }: { instance: string }) => instance),
      ['replica-3'],
      'a change it does not hear',
    )
    await kit.api(b, 'POST', '/routes/orders/restore', {})
    c.way.heal()
    await kit.settled()
    t.equal(await effective(kit, c), 50)
  })

  await t.test('failed over to another server', async t => {
    await kit.postgres.stop()
    const heir = await startPostgres(t, { copyOf: kit.postgres })
    const id = await rollBack(t, kit, b)
    for (const one of kit.replicas) one.way.lead(heir.port)
    await heals(t, kit, [id])
  })
})

t.test('a store that was lost is given again what is in force', { skip: noPostgres }, async t => {
  const kit = await startFleet(t, { replicas: 2 })
  const [a, b] = kit.replicas as [Replica, Replica]
  await kit.api(a, 'PUT', '/routes/orders/weight', { percent: 35 })
  const { json } = await kit.api(b, 'POST', '/routes/orders/rollback', {})
  await kit.sql('DROP SCHEMA banyan CASCADE')
  await eventually(async () => {
    const refused = await kit.api(a, 'POST', '/routes/orders/freeze', {})
    return refused.status === 503 && refused.json.code === 'store_unreadable'
  }, 'nobody makes tables anew behind the back of those who knew them')
  t.equal((await kit.api(b, 'GET', '/routes/orders')).json.weight.effective, 0, 'it goes on')
  // Whoever starts anew brings what it knows.
  await a.running?.kill()
  await kit.start(a)
  await kit.settled()
  await givenBack(t, kit, 35, json.rollback)
})

t.test(
  'given again by one that knows less: nothing that others know is lost, running or not',
  { skip: noPostgres },
  async t => {
    for (const runs of [true, false]) {
      const kit = await startFleet(t, { replicas: 2 })
      const [a, b] = kit.replicas as [Replica, Replica]
      await kit.api(a, 'PUT', '/routes/orders/weight', { percent: 100 })
      await kit.settled()
      await b.running?.kill()
      await kit.api(a, 'PUT', '/routes/orders/weight', { percent: 15 })
      const { json } = await kit.api(a, 'POST', '/routes/orders/rollback', {})
      t.equal(json.durable, true)
      if (!runs) {
        await eventually(
          () => readFileSync(join(a.directory, '.banyan', 'state.copy'), 'utf8').includes(json.rollback),
          'copied',
        )
        await a.running?.kill()
      }
      await kit.sql('DROP SCHEMA banyan CASCADE')
      await kit.start(b)
      if (!runs) await kit.start(a)
      await kit.settled()
      await eventually(
        async () => (await kit.api(b, 'GET', '/routes/orders')).json.weight.desired === 15,
        'b has learned',
      )
      await givenBack(t, kit, 15, json.rollback)
      for (const one of kit.replicas) {
        t.notOk((await kit.sides4(one, USERS)).includes('new'), `${one.name}: everybody is on legacy`)
        await one.running?.kill()
      }
    }
  },
)

t.test('an old copy of the store is given again what is in force', { skip: noPostgres }, async t => {
  const kit = await startFleet(t, { replicas: 2 })
  const [a, b] = kit.replicas as [Replica, Replica]
  await kit.api(a, 'PUT', '/routes/orders/weight', { percent: 20 })
  await kit.sql('CREATE TABLE old AS SELECT * FROM banyan.control')
  await kit.api(a, 'PUT', '/routes/orders/weight', { percent: 10 })
  const { json } = await kit.api(b, 'POST', '/routes/orders/rollback', {})
  await kit.sql(`UPDATE banyan.control c SET revision = o.revision, state = o.state,
    audit_seq = o.audit_seq, audit_hash = o.audit_hash FROM old o; DELETE FROM banyan.audit WHERE seq > (SELECT audit_seq FROM old)`)
  await eventually(async () => (await kit.api(a, 'POST', '/routes/orders/freeze', {})).status === 200, 'accepted')
  await kit.settled()
  await givenBack(t, kit, 10, json.rollback)
})

t.test(
  'started without the store and without a copy: alive, not ready, and serving when it is there',
  { skip: noPostgres },
  async t => {
    const postgres = await startPostgres(t)
    const kit = await startFleet(t, { replicas: 1, postgres })
    const [only] = kit.replicas as [Replica]
    await postgres.kill()
    const joined = kit.add()
    await new Promise(resolve => setTimeout(resolve, 1_500))
    await postgres.start()
    const replica = await joined
    await kit.settled()
    t.same(await kit.sides4(replica, USERS), await kit.sides4(only, USERS), 'users are where they were')
  },
)

async function unsetReadOnly(kit: FleetKit): Promise<void> {
  await kit.sql('ALTER SYSTEM RESET default_transaction_read_only')
  await kit.sql('SELECT pg_reload_conf()')
}

/** Every replica runs what the store had lost, and the log says that it was given it again. */
async function givenBack(t: Test, kit: FleetKit, desired: number, rollback: string): Promise<void> {
  for (const one of kit.replicas) {
    const view = (await kit.api(one, 'GET', '/routes/orders')).json
    t.match(view.weight, { desired, effective: 0 }, one.name)
    t.same(
      view.rollbacks.map(({ id }: { id: string }) => id),
      [rollback],
    )
  }
  const [first] = kit.replicas as [Replica]
  const { entries } = (await kit.api(first, 'GET', '/audit?limit=10')).json
  t.ok(entries.some((one: { action: string }) => one.action === 'store-behind'))
  t.match((await kit.api(first, 'GET', '/audit/verify')).json, { ok: true })
}
