// Replicas over a shared store in memory and real sockets between them: who takes what, who is pending, what is warned of.
import t, { type Test } from 'tap'
import { createFleet, together } from '../../src/fleet/fleet.ts'
import { writeTold } from '../../src/fleet/message.ts'
import { createDatabase, type Database } from './database.ts'
import {
  clock,
  fakeControl,
  meet,
  NOW,
  names,
  owedOf,
  presenceOf,
  type Replica,
  type ReplicaOptions,
  SLOW,
  startReplica,
} from './make.ts'

async function start(t: Test, instance: string, options: ReplicaOptions): Promise<Replica> {
  const one = await startReplica(instance, options)
  t.teardown(() => one.close())
  return one
}

/** Awaits until something is so. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setTimeout(resolve, 5))
}

/** Two that answer, and `a`, which asks them and itself. */
async function three(t: Test, database: Database, more: Partial<ReplicaOptions> = {}) {
  const b = await start(t, 'b', { database, workers: 2 })
  const c = await start(t, 'c', { database, workers: 1 })
  const a = await start(t, 'a', { database, peers: { kind: 'urls', urls: [b.url, c.url] }, ...more })
  await meet(a, b, c)
  return { a, b, c }
}

t.test('a rollback reaches all, and each worker is named with its time', async t => {
  const { a, b, c } = await three(t, createDatabase())
  const since = clock.monotonic() - 5
  const { appliedBy, pending } = await a.fleet.spread(owedOf(), since)
  t.same(names(appliedBy), ['b/1', 'b/2', 'c/1'])
  t.same(pending, [])
  t.ok(appliedBy.every(({ ms }) => ms >= 5))
  t.ok(b.control.taken.includes('rb-1') && c.control.taken.includes('rb-1'))
})

t.test('the store alone is way enough, and so are the peers alone', async t => {
  const database = createDatabase()
  const b = await start(t, 'b', { database })
  const a = await start(t, 'a', { database, peers: null })
  await meet(a, b)
  t.same(names((await a.fleet.spread(owedOf('rb-1'), 0)).appliedBy), ['b/1'])
  const other = await three(t, createDatabase())
  const down = createDatabase()
  down.down()
  const alone = await start(t, 'd', { database: down, peers: { kind: 'urls', urls: [other.b.url, other.c.url] } })
  const { appliedBy, pending } = await alone.fleet.spread(owedOf('rb-2'), 0)
  t.same(names(appliedBy), ['b/1', 'b/2', 'c/1'])
  t.same(pending, [])
})

t.test(
  'with the store down those known last are asked by the peers’ way, and pending where they are not there',
  async t => {
    const database = createDatabase()
    const { a, b, c } = await three(t, database, { waitMs: 300 })
    database.down()
    await a.fleet.announce()
    t.same(names((await a.fleet.spread(owedOf('rb-1'), 0)).appliedBy), ['b/1', 'b/2', 'c/1'])
    await c.close()
    const { appliedBy, pending } = await a.fleet.spread(owedOf('rb-2'), 0)
    t.same(names(appliedBy), ['b/1', 'b/2'])
    t.same(names(pending), ['c/1'])
    t.match(a.fleet.warnings(), [{ code: 'fleet_unseen' }, { code: 'peer_unreachable', message: /ECONNRE(FUSED|SET)/ }])
    database.up()
    database.remove('c')
    await a.fleet.announce()
    t.same((await a.fleet.spread(owedOf('rb-3'), 0)).pending, [], 'the store says that it is gone')
    t.same(
      a.fleet.replicas().map(({ instance }) => instance),
      ['a', 'b'],
    )
    t.ok(b.control.taken.includes('rb-3'))
  },
)

t.test('one that hangs is pending, and the others do not notice', async t => {
  const database = createDatabase()
  const { a, b } = await three(t, database, { waitMs: 300 })
  b.hang()
  database.down('b')
  const { appliedBy, pending } = await a.fleet.spread(owedOf(), 0)
  t.same(names(appliedBy), ['c/1'])
  t.same(names(pending), ['b/1', 'b/2'])
  t.same(b.control.taken, [])
})

t.test('a worker that hangs is pending, not its replica', async t => {
  const { a, b } = await three(t, createDatabase())
  b.control.hung.add(2)
  const { appliedBy, pending } = await a.fleet.spread(owedOf(), 0)
  t.same(names(appliedBy), ['b/1', 'c/1'])
  t.same(names(pending), ['b/2'])
})

t.test('where a restore has ended it, it is not in force, and the store is looked at', async t => {
  const { a, b } = await three(t, createDatabase())
  b.control.ended.add('rb-1')
  const { appliedBy, pending } = await a.fleet.spread(owedOf(), 0)
  t.same(names(appliedBy), ['c/1'])
  t.same(names(pending), ['b/1', 'b/2'])
  t.ok(a.control.followed.includes(null))
})

t.test('a rollback that is too large for a telling goes to the peers', async t => {
  const database = createDatabase()
  const { a } = await three(t, database)
  const before = database.told.filter(({ from }) => from === 'a').length
  const owed = owedOf('rb-1', { units: Array.from({ length: 300 }, (_, i) => `route-with-a-long-name-${i}`) })
  t.same(names((await a.fleet.spread(owed, 0)).appliedBy), ['b/1', 'b/2', 'c/1'])
  t.equal(database.told.filter(({ from }) => from === 'a').length, before)
})

t.test('who comes back learns by a greeting what is owed', async t => {
  const database = createDatabase()
  database.down()
  const b = await start(t, 'b', { database })
  const a = fakeControl('a', 1)
  a.held.push(owedOf('rb-1'))
  const { createPeers } = await import('../../src/fleet/peers.ts')
  const peers = createPeers({
    instance: 'a',
    peers: { kind: 'urls', urls: [b.url] },
    secret: 'a secret of the fleet',
    now: clock.now,
    nonce: () => 'n',
    log: () => {},
  })
  const fleet = createFleet({
    instance: 'a',
    clock,
    shared: database.open('a'),
    peers,
    presence: () => presenceOf('a', 1),
    control: () => a,
    refusedAt: () => null,
    log: () => {},
    every: SLOW,
  })
  t.teardown(() => fleet.close())
  await until(() => b.control.taken.includes('rb-1'))
  t.pass('taken')
})

t.test('a committed revision is followed and confirmed, worker by worker', async t => {
  const database = createDatabase()
  const { a, b, c } = await three(t, database)
  b.control.hung.add(1)
  const reached = a.fleet.confirm(7, 0)
  database.commit('a', 7)
  const { appliedBy, pending } = await reached
  t.same(names(appliedBy), ['b/2', 'c/1'])
  t.same(names(pending), ['b/1'])
  t.same(b.control.followed, [7])
  t.same(c.control.followed, [7])
  t.same(a.control.followed, [], 'our own')
})

t.test('those who were quicker than the store’s answer count', async t => {
  const database = createDatabase()
  const { a } = await three(t, database)
  database.commit('a', 7)
  await until(() => database.told.length >= 2)
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  t.same(names((await a.fleet.confirm(7, 0)).appliedBy), ['b/1', 'b/2', 'c/1'])
  t.same(names((await a.fleet.confirm(6, 0)).appliedBy), ['b/1', 'b/2', 'c/1'], 'who runs a later one runs this')
})

t.test('not confirmed is pending', async t => {
  const database = createDatabase()
  const { a } = await three(t, database, { waitMs: 50 })
  database.down('b')
  const reached = a.fleet.confirm(7, 0)
  database.commit('a', 7)
  const { appliedBy, pending } = await reached
  t.same(names(appliedBy), ['c/1'])
  t.same(names(pending), ['b/1', 'b/2'])
})

t.test('what a telling lost is found in the rows', async t => {
  const database = createDatabase()
  const { a, b } = await three(t, database)
  a.presence = presenceOf('a', 1, 9)
  await a.fleet.announce()
  await b.fleet.announce()
  await until(() => b.control.stored() === 9)
  t.same(b.control.followed, [9])
  // And the other way: rows acknowledge too.
  const reached = a.fleet.confirm(9, 0)
  b.presence = presenceOf('b', 2, 9)
  await b.fleet.announce()
  await a.fleet.announce()
  database.commit('b', 9)
  t.same(names((await reached).appliedBy), ['b/1', 'b/2', 'c/1'])
})

t.test('after a lost connection the store is looked at, and what is found is told', async t => {
  const database = createDatabase()
  const { a, b } = await three(t, database)
  database.down('b')
  b.control.inStore = 5
  database.up()
  await until(() => database.told.some(({ from, text }) => from === 'b' && text.includes('"revision":5')))
  t.same(b.control.followed, [null])
  t.ok(a.control.followed.includes(null))
  t.notOk(
    database.told.some(({ from }) => from === 'a'),
    'nothing new is not told',
  )
})

t.test('an instance that was restarted has to say it again', async t => {
  const database = createDatabase()
  const { a } = await three(t, database, { waitMs: 50 })
  database.put({ ...presenceOf('d', 1, 9), startedAt: 1 })
  await a.fleet.announce()
  t.ok(names((await a.fleet.confirm(9, 0)).appliedBy).includes('d/1'))
  database.put({ ...presenceOf('d', 1, 2), startedAt: 2 })
  await a.fleet.announce()
  t.ok(names((await a.fleet.confirm(9, 0)).pending).includes('d/1'))
})

t.test('another process under our name is said; our own last life is not another', async t => {
  const database = createDatabase()
  database.put({ ...presenceOf('a', 1), startedAt: -1 })
  const { a } = await three(t, database)
  const taken = () => a.fleet.warnings().filter(({ code }) => code === 'instance_taken')
  await a.fleet.announce()
  t.same(taken(), [])
  database.put({ ...presenceOf('a', 1), startedAt: -2 })
  await a.fleet.announce()
  t.match(taken(), [{ message: /another process runs as a / }])
})

t.test('what an instance has said since its row counts in what is shown', async t => {
  const database = createDatabase()
  const { a, b } = await three(t, database)
  const shared = database.open('b')
  await shared.tell(
    writeTold({ kind: 'runs', revision: 9, workers: [1, 2].map(worker => ({ worker, pending: false })) }),
  )
  const shown = () => a.fleet.replicas().find(({ instance }) => instance === 'b')
  await until(() => shown()?.revision === 9)
  t.match(shown()?.workers, [{ revision: 9 }, { revision: 9 }])
  t.ok(b.presence.revision < 9, 'its row is older')
})

t.test('tellings of others that nobody can read are ignored', async t => {
  const database = createDatabase()
  const { a, b } = await three(t, database)
  const shared = database.open('z')
  for (const text of ['', '{', '{"v":9}', '{"v":1,"rollback":{}}', '{"v":1,"ack":{"rollback":"rb-1"}}'])
    await shared.tell(text)
  t.same(names((await a.fleet.spread(owedOf(), 0)).appliedBy), ['b/1', 'b/2', 'c/1'])
  t.ok(b.control.taken.includes('rb-1'))
})

t.test('the replicas, ourselves among them', async t => {
  const database = createDatabase()
  const { a } = await three(t, database)
  t.match(a.fleet.replicas(), [
    { instance: 'a', self: true, agoMs: 0, revision: 1, version: '1.0.0', state: 'ready', configHash: 'c0ffee00' },
    { instance: 'b', self: false, workers: [{ worker: 1, pid: 100 }, { worker: 2 }] },
    { instance: 'c', self: false },
  ])
  t.ok((a.fleet.replicas()[1]?.agoMs ?? -1) >= 0)
})

t.test('another configuration is warned of', async t => {
  const { a, b, c } = await three(t, createDatabase())
  t.same(a.fleet.warnings(), [])
  b.presence = { ...b.presence, configHash: 'deadbeef' }
  await meet(b, a, c)
  t.match(a.fleet.warnings(), [{ code: 'config_differs', message: /^b runs another/, route: null }])
  t.same(a.fleet.differing(), ['b'])
  t.same(b.fleet.differing(), ['a', 'c'])
})

t.test('a wrong secret is seen at both ends', async t => {
  const database = createDatabase()
  const b = await start(t, 'b', { database })
  const a = await start(t, 'a', { database, secret: 'another secret of 20', peers: { kind: 'urls', urls: [b.url] } })
  await meet(a, b)
  await until(() => a.fleet.warnings().length > 0)
  t.match(a.fleet.warnings(), [{ code: 'peer_unreachable', message: /is its fleet.secret the same/ }])
  t.match(b.fleet.warnings(), [{ code: 'push_refused' }])
})

t.test('who is not seen any more and has not left counts, and is warned of', async t => {
  const database = createDatabase()
  const { a } = await three(t, database, { waitMs: 50 })
  database.put({ ...presenceOf('d', 2), configHash: 'deadbeef' }, 42_000)
  await a.fleet.announce()
  t.same(names((await a.fleet.spread(owedOf(), 0)).pending), ['d/1', 'd/2'])
  t.same(names((await a.fleet.confirm(1, 0)).pending), [], 'what its row says that it ran, it runs')
  t.same(
    names((await a.fleet.confirm(2, 0)).pending).filter(name => name.startsWith('d')),
    ['d/1', 'd/2'],
  )
  t.match(
    a.fleet.replicas().map(({ instance, silent }) => `${instance} ${silent}`),
    ['a false', 'b false', 'c false', 'd true'],
  )
  t.match(a.fleet.warnings(), [{ code: 'replica_silent', message: /^d has not been seen for 42 s/ }])
  t.same(
    a.log.filter(line => line.includes('says nothing')),
    ['warn a replica says nothing any more: it may serve by what it knew'],
  )
  t.same(a.fleet.differing(), [], 'its file is not looked at')
  await a.fleet.announce()
  t.equal(a.log.filter(line => line.includes('says nothing')).length, 1, 'said once')

  database.put(presenceOf('d', 2), 3_600_001)
  await a.fleet.announce()
  t.same(names((await a.fleet.spread(owedOf('rb-2'), 0)).pending), [], 'after an hour it is taken for gone')
  t.same(a.fleet.warnings(), [])
})

t.test('who is silent, and where somebody has begun to listen since, is gone', async t => {
  const database = createDatabase()
  const { a, b, c } = await three(t, database, { waitMs: 50 })
  const known = () => a.fleet.replicas().map(({ instance }) => instance)
  const put = async (place: string | null, agoMs = 6_000) => {
    database.put({ ...presenceOf('d', 1), startedAt: NOW, place }, agoMs)
    await a.fleet.announce()
  }
  b.presence = { ...b.presence, place: 'host :1', startedAt: NOW + 1 }
  a.presence = { ...a.presence, place: 'host :2', startedAt: NOW + 1 }
  // Nowhere is no address that two could have one after the other.
  c.presence = { ...c.presence, place: null, startedAt: NOW + 1 }
  await meet(a, b, c)
  await put('host :1')
  t.same(known(), ['a', 'b', 'c'], 'b is where it was')
  await put('host :2')
  t.same(known(), ['a', 'b', 'c'], 'and so may be we')
  t.same(names((await a.fleet.spread(owedOf(), 0)).pending), [])
  await put('host :1', 1_000)
  t.same(known(), ['a', 'b', 'c', 'd'], 'a row that is new says more')
  for (const place of ['host :3', null]) {
    await put(place)
    t.same(known(), ['a', 'b', 'c', 'd'], String(place))
  }
  b.presence = { ...b.presence, startedAt: NOW - 1 }
  await meet(b, a)
  await put('host :1')
  t.same(known(), ['a', 'b', 'c', 'd'], 'who was there before it has not taken its place')
})

t.test('a peer that answers and is not seen in the store is pending, unless it holds the rollback', async t => {
  const database = createDatabase()
  const d = await start(t, 'd', { database: createDatabase() })
  const b = await start(t, 'b', { database })
  const a = await start(t, 'a', { database, peers: { kind: 'urls', urls: [b.url, d.url] }, waitMs: 400 })
  const stored = owedOf('rb-9')
  a.control.saved.push(stored)
  await meet(a, b)
  for (const { control } of [b, d]) control.taken.length = 0
  await a.fleet.announce()
  await until(() => d.control.taken.includes('rb-9'))
  t.same(b.control.taken, [], 'who reads the store needs no greeting for that')
  const b7 = { kind: 'runs', revision: 7, workers: [{ worker: 1, pending: false }] } as const
  await database.open('b').tell(writeTold(b7))
  const { appliedBy, pending } = await a.fleet.confirm(7, 0)
  t.same([names(appliedBy), names(pending)], [['b/1'], ['d/1']])
  t.same(names((await a.fleet.spread(stored, 0)).pending), [])
  await d.close()
  t.same(names((await a.fleet.confirm(7, 0)).pending), [], 'nobody listens there any more')
})

t.test('a peer that serves nobody yet, or answers no more, is not waited for', async t => {
  const database = createDatabase()
  const d = await start(t, 'd', { database: createDatabase() })
  const b = await start(t, 'b', { database, workers: 0 })
  const a = await start(t, 'a', { database, peers: { kind: 'urls', urls: [b.url, d.url] }, waitMs: 500 })
  await meet(a, b)
  t.same(names((await a.fleet.confirm(7, 0)).pending), ['d/1'], 'b is seen in the store, and has no workers there')
  d.hang()
  await a.fleet.announce()
  await until(() => a.log.some(line => line.includes('does not answer')))
  t.same(names((await a.fleet.confirm(7, 0)).pending), [], 'who it was may be long gone')
})

t.test('who leaves is gone, and its row does not come back', async t => {
  const database = createDatabase()
  const { a, b } = await three(t, database)
  const last = b.fleet.announce()
  await b.close()
  await last
  t.same(database.instances(), ['a', 'c'])
  await a.fleet.announce()
  t.same(names((await a.fleet.spread(owedOf(), 0)).appliedBy), ['c/1'])
})

t.test('before control is open nothing is taken, and nothing breaks', async t => {
  const database = createDatabase()
  const fleet = createFleet({
    instance: 's',
    clock,
    shared: database.open('s'),
    peers: null,
    presence: () => ({ ...presenceOf('s', 0, 0), state: 'starting' }),
    control: () => null,
    refusedAt: () => null,
    log: () => {},
    every: SLOW,
  })
  t.teardown(() => fleet.close())
  const a = await start(t, 'a', { database })
  await fleet.announce()
  await a.fleet.announce()
  t.same(await a.fleet.spread(owedOf(), 0), { appliedBy: [], pending: [] })
  database.commit('a', 3)
  database.up()
  t.match(a.fleet.replicas(), [{ instance: 'a' }, { instance: 's', state: 'starting' }])
})

t.test('answers of several ways in one', async t => {
  const [a, b] = [
    { instance: 'a', worker: 1, ms: 1 },
    { instance: 'b', worker: 1 },
  ]
  t.same(together({ appliedBy: [a], pending: [] }, { appliedBy: [], pending: [b] }), { appliedBy: [a], pending: [b] })
})
