// Several workers in one process group: what its operator is told of one that hung for a moment, and what becomes of those
// whose primary process is killed.
import { once } from 'node:events'
import t from 'tap'
import { eventually, rawClient, temporary } from './harness.ts'
import { startProcess } from './process.ts'
import { holding, saying, scripted, sendBytes, sendGet } from './scripted.ts'

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

t.test('a worker that was pending is not, once it has caught up', async t => {
  const legacy = await scripted(t, saying('legacy'))
  const fresh = await scripted(t, saying('new'))
  const banyan = await startProcess(
    t,
    {
      proxy: { workers: 2 },
      split: { firstStart: 'declared' },
      routes: [{ id: 'all', match: { path: '/*' }, legacy: legacy.url, new: fresh.url, data: 'shared', weight: 100 }],
    },
    { cwd: temporary(t) },
  )
  const [, second] = (await banyan.api('GET', '/status')).json.workers
  process.kill(second.pid, 'SIGSTOP')
  const rolledBack = (await banyan.api('POST', '/rollback', {})).json
  t.match(rolledBack, { durable: true, pending: [{ worker: second.worker }] })
  t.match((await banyan.api('POST', '/rollback', {})).json.pending, [{ worker: second.worker }], 'as long as it hangs')
  process.kill(second.pid, 'SIGCONT')
  await eventually(
    async () => (await banyan.api('POST', '/rollback', {})).json.pending.length === 0,
    'it is pending no more',
  )
  const again = (await banyan.api('POST', '/rollback', {})).json
  t.equal(again.revision, rolledBack.revision)
  t.same(again.appliedBy.map(({ worker }: { readonly worker: number }) => worker).sort(), [1, 2])
})

t.test('workers whose primary is killed end what was sent, and begin nothing new', async t => {
  const legacy = await scripted(t, holding)
  const fresh = await scripted(t, holding)
  const other = await scripted(t, saying('other'))
  const split = { legacy: 'legacy', new: 'new', data: 'shared' }
  const queue = { size: 100, wait: '1m' }
  const banyan = await startProcess(
    t,
    {
      // It cannot say when it has begun to drain: long enough for all that is asked here.
      proxy: { workers: 2, drain: { grace: '0s', deadline: '1m' } },
      split: { firstStart: 'declared' },
      backends: {
        legacy: { url: legacy.url, wire: { chunkedRequests: 'buffer' } },
        new: { url: fresh.url, maxConcurrent: 2, queue },
        other: { url: other.url },
      },
      routes: [
        { ...split, id: 'new', match: { path: '/new/*' }, weight: 100 },
        { ...split, id: 'missing', match: { path: '/missing/*' }, otherSideOn: [404] },
        {
          ...split,
          id: 'failing',
          match: { path: '/failing/*' },
          new: 'legacy',
          legacy: 'other',
          weight: 100,
          fallback: { on: [502] },
        },
        { ...split, id: 'shadowed', match: { path: '/shadowed/*' }, legacy: 'other', shadow: { percent: 100 } },
        { id: 'legacy', match: { path: '/legacy/*' }, legacy: 'legacy' },
        { id: 'other', match: { path: '/other/*' }, legacy: 'other' },
      ],
    },
    { cwd: temporary(t) },
  )
  const pids = (await banyan.api('GET', '/status')).json.workers.map(({ pid }: { readonly pid: number }) => pid)
  t.teardown(() => {
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  })
  const gateIs = (inside: number, waiting: number) =>
    eventually(async () => {
      const { gate } = (await banyan.api('GET', '/routes/new')).json.sides.new
      return gate.inside === inside && gate.waiting === waiting
    }, `${inside} inside, ${waiting} waiting`)

  // Until both workers are full: which of them takes a connection is the kernel's choice.
  const queued = []
  while (fresh.asked.length < 2) {
    queued.push(sendGet(t, banyan.port, `/new/${queued.length}`))
    const sent = queued.length
    await eventually(async () => {
      const { gate } = (await banyan.api('GET', '/routes/new')).json.sides.new
      return gate.inside + gate.waiting === sent
    }, 'it is inside, or waits')
  }
  queued.push(sendGet(t, banyan.port, '/new/last'))
  await gateIs(2, queued.length - 2)
  t.equal((await sendGet(t, banyan.port, '/shadowed/1').answer).status, 200)
  await gateIs(2, queued.length - 1)
  const missing = sendGet(t, banyan.port, '/missing/1')
  const failing = sendGet(t, banyan.port, '/failing/1')
  await eventually(() => legacy.asked.length === 2, 'both are with their backend')
  const collected = sendBytes(
    t,
    banyan.port,
    'POST /legacy/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
  )
  const kept = rawClient(t, banyan.port)
  kept.send('GET /other/1 HTTP/1.1\r\nHost: a\r\n\r\n')
  await eventually(() => kept.text().endsWith('other'), 'it has its answer')
  const silent = rawClient(t, banyan.port)
  await once(silent.socket, 'connect')
  const pipelined = rawClient(t, banyan.port)
  pipelined.send('GET /new/pipelined HTTP/1.1\r\nHost: a\r\n\r\nGET /other/pipelined HTTP/1.1\r\nHost: a\r\n\r\n')
  await gateIs(2, queued.length)
  const before = [legacy, fresh, other].map(({ asked }) => asked.length)

  // Its streams stay open as long as its workers have them: its end would not be told.
  banyan.signal('SIGKILL')
  const noticed = () => banyan.lines().filter(({ msg }) => msg.startsWith('the primary process is gone')).length
  await eventually(() => noticed() === 2, 'both have noticed')
  silent.send('GET /other/silent HTTP/1.1\r\nHost: a\r\n\r\n')
  t.notMatch(await silent.closed, /200 OK/)
  await kept.closed
  t.match(await pipelined.closed, /^HTTP\/1\.1 503 /)
  t.match(await collected.answer, { status: 503, code: 'overloaded' })
  const sent = new Set(fresh.paths())
  for (const [at, one] of queued.entries()) {
    const path = at === queued.length - 1 ? '/new/last' : `/new/${at}`
    if (sent.has(path)) continue
    const answer = await one.answer
    t.same([answer.status, answer.code], [503, 'overloaded'], path)
    t.match(answer.head, /\r\nConnection: close\r\n/)
  }
  for (const asked of fresh.asked) asked.answer('new')
  for (const [at, one] of queued.entries()) {
    if (sent.has(`/new/${at}`)) t.match(await one.answer, { status: 200, body: 'new' }, 'what was sent ends')
  }
  for (const asked of legacy.asked) {
    if (asked.path === '/missing/1') asked.answer('not here', '404 Not Found')
    else asked.socket.destroy()
  }
  t.match(await missing.answer, { status: 404, body: 'not here' }, 'nobody else is asked')
  t.match(await failing.answer, { status: 502, code: 'backend_reset' })
  await eventually(() => !pids.some(isAlive), 'the workers end')
  t.same(
    [legacy, fresh, other].map(({ asked }) => asked.length),
    before,
    'nothing more has come',
  )
})
