// What a backend can take: places and the queue for them, connections, time limits, and backends that need their requests
// made in an older way.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { type Banyan, eventually, rawBackend, rawClient, startBanyan } from './harness.ts'
import {
  cutting,
  get,
  holding,
  metricOf,
  post,
  type Scripted,
  type Sent,
  saying,
  scripted,
  sendBytes,
  sendGet,
} from './scripted.ts'

/** It is time limits that are waited for, not the machine. */
t.jobs = 3

type Settings = Record<string, unknown>

const LONG = { size: 100, wait: '1m' }

async function startWith(t: Test, serve: Scripted['serve'], settings: Settings, more: Settings = {}) {
  const backend = await scripted(t, serve)
  const banyan = await startBanyan(t, {
    backends: { mono: { url: backend.url, ...settings } },
    routes: [{ id: 'all', match: { path: '/*' }, legacy: 'mono' }],
    ...more,
  })
  return { backend, banyan }
}

async function sideOf(banyan: Banyan, route = 'all') {
  return (await banyan.api('GET', `/routes/${route}`)).json.sides.legacy
}

async function gateIs(banyan: Banyan, inside: number, waiting: number): Promise<void> {
  await eventually(async () => {
    const { gate } = await sideOf(banyan)
    return gate.inside === inside && gate.waiting === waiting
  }, `${inside} inside, ${waiting} waiting`)
}

/** One request after the other, each known to be inside or waiting before the next is sent. */
async function queueUp(t: Test, banyan: Banyan, limit: number, paths: readonly string[]): Promise<Sent[]> {
  const sent: Sent[] = []
  for (const path of paths) {
    sent.push(sendGet(t, banyan.port, path))
    await gateIs(banyan, Math.min(sent.length, limit), Math.max(0, sent.length - limit))
  }
  return sent
}

/** The requests that have come, once there are so many. */
async function arrived(backend: Scripted, count: number): Promise<string[]> {
  await eventually(() => backend.asked.length >= count, `${count} requests have arrived`)
  return backend.paths()
}

// ---- places

t.test('maxConcurrent: so many are asked, so many wait in their order, one more is refused', async t => {
  const { backend, banyan } = await startWith(t, holding, { maxConcurrent: 2, queue: { size: 2, wait: '1m' } })
  const sent = await queueUp(t, banyan, 2, ['/1', '/2', '/3', '/4'])
  t.match(await sideOf(banyan), { gate: { limit: 2, inside: 2, waiting: 2 }, addresses: [{ inFlight: 2 }] })
  const refused = await get(t, banyan.port, '/5')
  t.same([refused.status, refused.code], [503, 'backend_busy'])
  t.match(refused.head, /\r\nRetry-After: 1\r\n/)
  t.match(refused.body, /2 requests are under way and the queue of 2 is full/)
  const errors = 'banyan_backend_errors_total{route="all",side="legacy",role="primary",kind="busy"}'
  t.equal(await metricOf(banyan.health, errors), 1)
  t.same(backend.paths().sort(), ['/1', '/2'])
  for (let at = 0; at < 4; at++) {
    backend.asked[at]?.answer(`answer to ${backend.asked[at]?.path}`)
    if (at < 2) await arrived(backend, at + 3)
  }
  t.same(backend.paths().slice(2), ['/3', '/4'], 'first come, first served')
  for (const [at, one] of sent.entries()) t.equal((await one.answer).body, `answer to /${at + 1}`)
  await gateIs(banyan, 0, 0)
})

t.test('a client that leaves the queue frees its place in it, and the backend never hears of it', async t => {
  const { backend, banyan } = await startWith(t, holding, { maxConcurrent: 1, queue: { size: 2, wait: '1m' } })
  const sent = await queueUp(t, banyan, 1, ['/1', '/2', '/3'])
  sent[1]?.leave()
  await gateIs(banyan, 1, 1)
  const late = sendGet(t, banyan.port, '/4')
  await gateIs(banyan, 1, 2)
  for (const at of [0, 1, 2]) {
    await arrived(backend, at + 1)
    backend.asked[at]?.answer()
  }
  for (const one of [sent[0], sent[2], late]) t.equal((await one?.answer)?.status, 200)
  t.same(backend.paths(), ['/1', '/3', '/4'])
  const left = 'banyan_requests_total{route="all",side="legacy",reason="only",code="aborted"}'
  t.equal(await metricOf(banyan.health, left), 1)
})

t.test('whatever ends an exchange, its place is free', async t => {
  const { backend, banyan } = await startWith(t, holding, {
    maxConcurrent: 1,
    queue: LONG,
    retry: { methods: [] },
    timeouts: { head: '5s' },
  })
  const ends: Record<string, (at: number, sent: Sent) => unknown> = {
    leaves: (_, sent) => sent.leave(),
    reset: at => backend.asked[at]?.socket.destroy(),
    nonsense: at => backend.asked[at]?.socket.write('nonsense\r\n\r\n'),
    'half a body': at => backend.asked[at]?.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'),
    switch: at => backend.asked[at]?.socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'),
    answer: at => backend.asked[at]?.answer(),
  }
  let at = 0
  for (const [name, end] of Object.entries(ends)) {
    const first = sendGet(t, banyan.port, `/${name.replaceAll(' ', '-')}`)
    await arrived(backend, at + 1)
    const second = sendGet(t, banyan.port, '/second')
    await gateIs(banyan, 1, 1)
    end(at, first)
    await arrived(backend, at + 2)
    backend.asked[at + 1]?.answer('served')
    t.equal((await second.answer).body, 'served', name)
    await gateIs(banyan, 0, 0)
    at += 2
  }
})

t.test('queue.wait: whoever has waited so long is refused, and is not asked later', async t => {
  const { backend, banyan } = await startWith(t, holding, { maxConcurrent: 1, queue: { size: 5, wait: '300ms' } })
  const first = sendGet(t, banyan.port, '/1')
  await arrived(backend, 1)
  const late = await Promise.all([get(t, banyan.port, '/2'), get(t, banyan.port, '/3')])
  for (const { status, code, head, body } of late) {
    t.same([status, code], [503, 'backend_busy'])
    t.match(head, /\r\nRetry-After: 1\r\n/)
    t.match(body, /1 requests were under way for 300 ms/)
  }
  await gateIs(banyan, 1, 0)
  backend.asked[0]?.answer()
  t.equal((await first.answer).status, 200)
  await gateIs(banyan, 0, 0)
  t.same(backend.paths(), ['/1'])
})

t.test('maxConcurrent counts over all addresses and all routes that name the backend', async t => {
  const [a, b] = [await scripted(t, holding), await scripted(t, holding)]
  const both = { urls: [a.url, b.url], maxConcurrent: 2, queue: { size: 0 } }
  const banyan = await startBanyan(t, {
    backends: { mono: both, other: { url: a.url, maxConcurrent: 1, queue: { size: 0 } } },
    routes: ['one', 'two'].map(id => ({ id, match: { path: `/${id}` }, legacy: 'mono' })),
    default: 'other',
  })
  const sent = [sendGet(t, banyan.port, '/one'), sendGet(t, banyan.port, '/two')]
  await eventually(() => a.asked.length === 1 && b.asked.length === 1, 'each address has one')
  for (const path of ['/one', '/two']) t.equal((await get(t, banyan.port, path)).code, 'backend_busy', path)
  sent.push(sendGet(t, banyan.port, '/another'))
  await eventually(() => a.asked.length === 2, 'a backend of its own has places of its own')
  for (const { asked } of [a, b]) for (const one of asked) one.answer()
  for (const one of sent) t.equal((await one.answer).status, 200)
})

t.test('a rollback takes whoever waits for the new side out of its queue', async t => {
  const [old, fresh] = [await scripted(t, saying('old')), await scripted(t, holding)]
  const banyan = await startBanyan(t, {
    backends: { old: { url: old.url }, fresh: { url: fresh.url, maxConcurrent: 1, queue: LONG } },
    routes: [{ id: 'all', match: { path: '/*' }, legacy: 'old', new: 'fresh', data: 'shared', weight: 100 }],
  })
  const gateOfNew = async () => (await banyan.api('GET', '/routes/all')).json.sides.new.gate
  const sent: Sent[] = []
  for (const [at, path] of ['/1', '/2', '/3'].entries()) {
    sent.push(sendGet(t, banyan.port, path))
    await eventually(async () => {
      const { inside, waiting } = await gateOfNew()
      return inside + waiting === at + 1
    }, `${path} is there`)
  }
  await arrived(fresh, 1)
  t.equal((await banyan.api('POST', '/rollback', {})).status, 200)
  for (const at of [1, 2]) t.equal((await sent[at]?.answer)?.body, 'old')
  t.match(await gateOfNew(), { inside: 1, waiting: 0 })
  fresh.asked[0]?.answer('finishes')
  t.equal((await sent[0]?.answer)?.body, 'finishes')
  t.same(fresh.paths(), ['/1'])
  t.match(await gateOfNew(), { inside: 0, waiting: 0 })
})

t.test('a new side that is full: legacy answers, where the route wants that', async t => {
  const [old, fresh] = [await scripted(t, saying('old')), await scripted(t, holding)]
  const full = { url: fresh.url, maxConcurrent: 1, queue: { size: 0 } }
  const both = { legacy: 'old', new: 'fresh', data: 'shared', weight: 100 }
  const banyan = await startBanyan(t, {
    backends: { old: { url: old.url }, fresh: full },
    routes: [
      { id: 'falls', match: { path: '/falls' }, ...both, fallback: { on: ['connect'] } },
      { id: 'stays', match: { path: '/stays' }, ...both },
    ],
  })
  const held = sendGet(t, banyan.port, '/stays')
  await arrived(fresh, 1)
  t.equal((await get(t, banyan.port, '/falls')).body, 'old')
  t.equal((await get(t, banyan.port, '/stays')).code, 'backend_busy')
  fresh.asked[0]?.answer('fresh')
  t.equal((await held.answer).body, 'fresh')
  t.same([old.paths(), fresh.paths()], [['/falls'], ['/stays']])
})

// ---- connections

t.test('connections: never more to an address; the others wait for one, in their order', async t => {
  const { backend, banyan } = await startWith(t, holding, { connections: 2 })
  const open = () => [...backend.sockets].filter(socket => !socket.destroyed).length
  const paths = ['/1', '/2', '/3', '/4', '/5']
  const sent: Sent[] = []
  for (const [at, path] of paths.entries()) {
    sent.push(sendGet(t, banyan.port, path))
    await eventually(async () => (await sideOf(banyan)).addresses[0].inFlight === at + 1, `${path} is on its way`)
  }
  await arrived(backend, 2)
  const full = async () =>
    (await banyan.api('GET', '/status')).json.warnings.filter(
      ({ code }: { code: string }) => code === 'connections_full',
    )
  t.match(await full(), [{ message: /all 2 connections to 127\.0\.0\.1:\d+ are in use, and 3 requests wait for one/ }])
  // Third of five, and it has gone: nobody waits behind it.
  sent[2]?.leave()
  await eventually(async () => (await sideOf(banyan)).addresses[0].inFlight === 4, 'one has left')
  for (let at = 0; at < 4; at++) {
    await arrived(backend, at + 1)
    t.ok(open() <= 2)
    backend.asked[at]?.answer(backend.asked[at]?.path)
  }
  t.same(backend.paths().slice(2), ['/4', '/5'])
  for (const at of [0, 1, 3, 4]) t.equal((await sent[at]?.answer)?.body, paths[at])
  t.equal(backend.sockets.size, 2, 'no more were opened in all that time')
  t.same(await full(), [])
})

t.test('connections: one that is cut makes room for another', async t => {
  const { backend, banyan } = await startWith(t, holding, { connections: 1 })
  const first = sendGet(t, banyan.port, '/1')
  await arrived(backend, 1)
  const second = sendGet(t, banyan.port, '/2')
  await eventually(async () => (await sideOf(banyan)).addresses[0].inFlight === 2, 'one waits')
  backend.asked[0]?.socket.destroy()
  t.equal((await first.answer).code, 'backend_reset')
  await arrived(backend, 2)
  backend.asked[1]?.answer('served')
  t.equal((await second.answer).body, 'served')
})

// ---- time limits

/** Time itself is what a limit measures: there is no event to wait for. */
const passes = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/** What operators see of the last failure. */
async function lastError(banyan: Banyan): Promise<{ code: string; detail: string }> {
  await eventually(async () => (await sideOf(banyan)).lastError !== null, 'it is told to operators')
  return (await sideOf(banyan)).lastError
}

t.test('timeouts.connect: no handshake', async t => {
  // It takes connections and never says a word of TLS.
  const silent = await rawBackend(t, socket => socket.resume())
  const banyan = await startBanyan(t, {
    backends: { mono: { url: silent.url.replace('http:', 'https:'), timeouts: { connect: '300ms' } } },
    routes: [{ id: 'all', match: { path: '/*' }, legacy: 'mono' }],
  })
  const answer = await get(t, banyan.port)
  t.same([answer.status, answer.code], [504, 'backend_timeout'])
  t.match(answer.body, /BANYAN_CONNECT_TIMEOUT, while connecting/)
  await eventually(() => silent.sockets.length === 1 && silent.sockets[0]?.destroyed === true, 'it is not kept')
})

/** A listener in a process that never accepts; what connects waits in the kernel until there is no room. */
async function startDeaf(t: Test): Promise<number> {
  const program = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
    require('fs').writeSync(1, String(this.address().port))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [said] = await once(child.stdout, 'data')
  const port = Number(said)
  let connected = 0
  const fill = Array.from({ length: 16 }, () => rawClient(t, port).socket.once('connect', () => connected++))
  await eventually(() => connected >= 2, 'its room is taken')
  t.ok(fill.length > connected, 'and somebody waits for more of it')
  return port
}

t.test('timeouts.connect: a listener that has no room', { skip: process.platform !== 'linux' }, async t => {
  const port = await startDeaf(t)
  const banyan = await startBanyan(t, {
    backends: { mono: { url: `http://127.0.0.1:${port}`, timeouts: { connect: '500ms' } } },
    routes: [{ id: 'all', match: { path: '/*' }, legacy: 'mono' }],
  })
  const answer = await get(t, banyan.port)
  t.same([answer.status, answer.code], [504, 'backend_timeout'])
  t.match(answer.body, /BANYAN_CONNECT_TIMEOUT, while connecting/)
  t.match((await sideOf(banyan)).addresses, [{ connections: 0, inFlight: 0, lastFailure: { kind: 'timeout' } }])
})

t.test('timeouts.head: counted from the last byte of the request, over with the head', async t => {
  const { backend, banyan } = await startWith(t, holding, { timeouts: { head: '1500ms' } })
  const none = await get(t, banyan.port, '/none')
  t.same([none.status, none.code], [504, 'backend_timeout'])
  t.match(none.body, /BANYAN_HEAD_TIMEOUT, while waiting for the answer/)
  await backend.asked[0]?.gone
  backend.serve = ({ socket }) => socket.write('HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-')
  const half = await get(t, banyan.port, '/half')
  t.same([half.status, half.code], [504, 'backend_timeout'], 'half a head is none, nor is an interim one')
  await backend.asked[1]?.gone

  // Longer than the limit, twice: an upload, and an answer whose head was there in time.
  backend.serve = holding
  const up = sendBytes(
    t,
    banyan.port,
    'POST /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 10\r\n\r\n',
  )
  await arrived(backend, 3)
  for (const piece of ['slow', 'ly', 'come']) {
    await passes(550)
    up.send(piece)
  }
  await eventually(() => backend.asked[2]?.body() === 'slowlycome', 'all of it is there')
  backend.asked[2]?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nso')
  await passes(1_800)
  backend.asked[2]?.socket.write('on')
  t.equal((await up.answer).body, 'soon')
})

t.test('timeouts.idle: an answer that stands still is cut; progress restarts it', async t => {
  const { backend, banyan } = await startWith(t, holding, { timeouts: { idle: '2s' } })
  const sent = sendGet(t, banyan.port)
  await arrived(backend, 1)
  const [asked] = backend.asked
  asked?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n')
  // Longer than the limit in all, and each pause far below it.
  for (let i = 0; i < 15; i++) {
    await passes(150)
    asked?.socket.write('.')
  }
  await eventually(() => sent.text().endsWith('.'.repeat(15)), 'all of it has come')
  const { status, isCut } = await sent.answer
  t.same([status, isCut], [200, true])
  await asked?.gone
  t.match(await lastError(banyan), { code: 'backend_timeout', detail: /BANYAN_IDLE_TIMEOUT, while reading/ })
})

t.test('timeouts.idle: a client that does not read stops it; once it reads, it counts again', async t => {
  const { backend, banyan } = await startWith(t, holding, { timeouts: { idle: '1500ms' } })
  const size = 30_000_000
  const sent = sendGet(t, banyan.port)
  sent.socket.pause()
  await arrived(backend, 1)
  const socket = backend.asked[0]?.socket
  // More than fits into anybody's buffers: it goes on when the client reads. One byte is never sent.
  socket?.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size + 1}\r\n\r\n`)
  let isDrained = false
  socket?.write('x'.repeat(size), () => {
    isDrained = true
  })
  await passes(2_500)
  t.notOk(isDrained, 'the client’s pace is nobody’s fault')
  t.notOk(socket?.destroyed)
  sent.socket.resume()
  const { status, isCut } = await sent.answer
  t.same([status, isCut], [200, true])
  t.match(await lastError(banyan), { code: 'backend_timeout', detail: /BANYAN_IDLE_TIMEOUT/ })
})

t.test('timeouts.total: in the queue, before the head, and in the middle of a body that moves', async t => {
  const { backend, banyan } = await startWith(t, holding, {
    timeouts: { total: '2s' },
    maxConcurrent: 1,
    queue: LONG,
  })
  const silent = sendGet(t, banyan.port, '/silent')
  await arrived(backend, 1)
  const waiting = sendGet(t, banyan.port, '/waiting')
  const none = await silent.answer
  t.same([none.status, none.code], [504, 'backend_timeout'])
  t.match(none.body, /BANYAN_TOTAL_TIMEOUT, while waiting for the answer/)
  await backend.asked[0]?.gone
  // It was sent a moment later, so it is asked for a moment, or not at all.
  const late = await waiting.answer
  t.same([late.status, late.code], [504, 'backend_timeout'])
  t.match(late.body, /BANYAN_TOTAL_TIMEOUT/)
  await gateIs(banyan, 0, 0)

  const before = backend.asked.length
  const moving = sendGet(t, banyan.port, '/moving')
  await arrived(backend, before + 1)
  const asked = backend.asked[before]
  asked?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n')
  const timer = setInterval(() => asked?.socket.write('.'), 20)
  t.teardown(() => clearInterval(timer))
  const cut = await moving.answer
  t.same([cut.status, cut.isCut], [200, true])
  t.ok(cut.body.length > 0)
  await asked?.gone
  t.match((await sideOf(banyan)).lastError, { detail: /BANYAN_TOTAL_TIMEOUT, while reading/ })
  const errors = 'banyan_backend_errors_total{route="all",side="legacy",role="primary",kind="timeout"}'
  t.equal(await metricOf(banyan.health, errors), 3)
})

t.test('timeouts.total: over in the queue, it is asked of nobody', async t => {
  const backend = await scripted(t, holding)
  const banyan = await startBanyan(t, {
    backends: { mono: { url: backend.url, maxConcurrent: 1, queue: LONG } },
    routes: [
      { id: 'all', match: { path: '/all' }, legacy: 'mono' },
      { id: 'short', match: { path: '/short' }, legacy: { backend: 'mono', timeouts: { total: '300ms' } } },
    ],
  })
  const held = sendGet(t, banyan.port, '/all')
  await arrived(backend, 1)
  const short = await get(t, banyan.port, '/short')
  t.same([short.status, short.code], [504, 'backend_timeout'])
  t.match(short.body, /BANYAN_TOTAL_TIMEOUT, while connecting/)
  await gateIs(banyan, 1, 0)
  backend.asked[0]?.answer('still')
  t.equal((await held.answer).body, 'still')
  t.same(backend.paths(), ['/all'])
})

t.test('timeouts.total: over while it waits for a connection, the address has not refused it one', async t => {
  const [a, b] = [await scripted(t, holding), await scripted(t, holding)]
  const banyan = await startBanyan(t, {
    backends: { mono: { urls: [a.url, b.url], connections: 1 } },
    routes: [
      { id: 'all', match: { path: '/all' }, legacy: 'mono' },
      { id: 'short', match: { path: '/short' }, legacy: { backend: 'mono', timeouts: { total: '300ms' } } },
    ],
  })
  const held = [sendGet(t, banyan.port, '/all'), sendGet(t, banyan.port, '/all')]
  await eventually(() => a.asked.length === 1 && b.asked.length === 1, 'each is busy')
  t.equal((await get(t, banyan.port, '/short')).code, 'backend_timeout')
  t.match((await sideOf(banyan)).addresses, [{ healthy: true }, { healthy: true }])
  for (const { asked } of [a, b]) asked[0]?.answer()
  for (const one of held) t.equal((await one.answer).status, 200)
})

// ---- backends of old

const CHUNKED = 'Transfer-Encoding: chunked\r\n'

function chunkedPost(fields: string, body: string): string {
  return `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${CHUNKED}${fields}\r\n${body}`
}

/** Names of the fields that a backend got, in lower case. */
function fieldsOf(head: string): Map<string, string> {
  const lines = head.trimEnd().split('\r\n').slice(1)
  return new Map(
    lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
}

for (const [name, wire, version] of [
  ['chunkedRequests: buffer', { chunkedRequests: 'buffer' }, '1.1'],
  ['version: 1.0', { version: '1.0' }, '1.0'],
] as const) {
  t.test(`${name}: a chunked body comes with its length, in one piece, without trailers`, async t => {
    const { backend, banyan } = await startWith(t, saying('ok'), { wire })
    const fields = 'Trailer: X-Sum\r\nTE: trailers\r\n'
    const sent = sendBytes(t, banyan.port, chunkedPost(fields, '5\r\nhello\r\n'))
    // Nothing can be known of a connection that is not made; one that is served in between shows that it had its chance.
    t.equal((await get(t, banyan.port, '/between')).status, 200)
    t.same(backend.paths(), ['/between'], 'nobody is asked before all of it is there')
    sent.send('6\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n')
    t.equal((await sent.answer).status, 200)
    const asked = backend.asked[1]
    t.ok(asked?.head.startsWith(`POST / HTTP/${version}\r\n`))
    const got = fieldsOf(asked?.head ?? '')
    t.equal(got.get('content-length'), '11')
    for (const none of ['transfer-encoding', 'trailer', 'expect']) t.notOk(got.has(none), none)
    t.equal(asked?.body(), 'hello world')
    const empty = await sendBytes(t, banyan.port, chunkedPost('', '0\r\n\r\n')).answer
    t.equal(empty.status, 200)
    t.equal(fieldsOf(backend.asked[2]?.head ?? '').get('content-length'), '0')
  })

  t.test(`${name}: a client that waits to be told is told to go on`, async t => {
    const { backend, banyan } = await startWith(t, saying('ok'), { wire })
    const sent = sendBytes(t, banyan.port, chunkedPost('Expect: 100-continue\r\n', ''))
    await eventually(() => sent.text() === 'HTTP/1.1 100 Continue\r\n\r\n', 'it is told')
    t.equal(backend.asked.length, 0)
    sent.send('5\r\nhello\r\n0\r\n\r\n')
    t.equal((await sent.answer).status, 200)
    t.equal(sent.text().match(/100 Continue/g)?.length, 1, 'once')
    t.equal(backend.asked[0]?.body(), 'hello')
    t.notOk(fieldsOf(backend.asked[0]?.head ?? '').has('expect'))
  })
}

t.test('bufferLimit: as much as that passes, one byte more is 413, and no backend hears of it', async t => {
  const { backend, banyan } = await startWith(t, saying('ok'), {
    wire: { chunkedRequests: 'buffer', bufferLimit: '1KiB' },
  })
  const kib = `400\r\n${'x'.repeat(1024)}\r\n`
  t.equal((await sendBytes(t, banyan.port, chunkedPost('', `${kib}0\r\n\r\n`)).answer).status, 200)
  t.equal(backend.asked[0]?.body().length, 1024)
  const over = await sendBytes(t, banyan.port, chunkedPost('', `${kib}1\r\nx\r\n`)).answer
  t.same([over.status, over.code], [413, 'body_too_large'])
  const told = sendBytes(t, banyan.port, chunkedPost('Expect: 100-continue\r\n', ''))
  await eventually(() => told.text().endsWith('100 Continue\r\n\r\n'), 'it is told to go on')
  told.send(`${kib}${kib}`)
  t.equal((await told.answer).code, 'body_too_large')
  t.equal((await post(t, banyan.port, '/', 'x'.repeat(5_000))).status, 200, 'what has its length needs no buffer')
  t.equal(backend.asked.length, 2)
})

t.test('a client that leaves while its body is collected: no backend hears of it', async t => {
  const { backend, banyan } = await startWith(t, saying('ok'), { wire: { chunkedRequests: 'buffer' } })
  const sent = sendBytes(t, banyan.port, chunkedPost('Expect: 100-continue\r\n', ''))
  await eventually(() => sent.text().includes('100 Continue'), 'it is collected')
  sent.send('5\r\nhello\r\n')
  sent.leave()
  const left = 'banyan_requests_total{route="all",side="legacy",reason="only",code="aborted"}'
  await eventually(async () => (await metricOf(banyan.health, left)) === 1, 'it is counted')
  t.equal(backend.asked.length, 0)
  t.equal(backend.sockets.size, 0)
})

t.test('a rollback while a body is collected for the new side: legacy gets one request, all of it', async t => {
  const [old, fresh] = [await scripted(t, saying('old')), await scripted(t, saying('fresh'))]
  const banyan = await startBanyan(t, {
    backends: { old: { url: old.url }, fresh: { url: fresh.url, wire: { chunkedRequests: 'buffer' } } },
    routes: [{ id: 'all', match: { path: '/*' }, legacy: 'old', new: 'fresh', data: 'shared', weight: 100 }],
  })
  const sent = sendBytes(t, banyan.port, chunkedPost('Expect: 100-continue\r\n', ''))
  await eventually(() => sent.text().includes('100 Continue'), 'it is collected')
  sent.send('5\r\nhello\r\n')
  t.equal((await banyan.api('POST', '/rollback', {})).status, 200)
  sent.send('6\r\n world\r\n0\r\n\r\n')
  t.equal((await sent.answer).body, 'old')
  t.equal(fresh.asked.length, 0)
  t.same(old.paths(), ['/'], 'asked once')
  t.equal(old.asked[0]?.body().replace(/\r\n|\b[0-9a-f]+\r\n/g, ''), 'hello world')
})

t.test('reuse: never: each request has its own connection and says so', async t => {
  const { backend, banyan } = await startWith(t, saying('ok'), { wire: { reuse: 'never' } })
  const client = sendBytes(t, banyan.port, '')
  for (let i = 1; i <= 4; i++) {
    client.send(`GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await eventually(() => client.text().split('HTTP/1.1 200').length === i + 1, `answer ${i}`)
    t.equal(fieldsOf(backend.asked[i - 1]?.head ?? '').get('connection'), 'close')
    await backend.asked[i - 1]?.gone
  }
  t.notMatch(client.text(), /connection: close/i, 'the client’s own connection stays')
  t.equal(new Set(backend.asked.map(({ socket }) => socket)).size, 4)
  t.equal(backend.sockets.size, 4, 'and none was opened in advance')
})

t.test('reuse: never, and places: a cut does not cost more than its own request', async t => {
  const { backend, banyan } = await startWith(t, cutting, { wire: { reuse: 'never' }, maxConcurrent: 1, queue: LONG })
  t.equal((await get(t, banyan.port, '/cut')).code, 'backend_reset')
  t.equal(backend.asked.length, 1, 'a connection of its own was not stale: nothing is repeated')
  backend.serve = saying('ok')
  t.equal((await get(t, banyan.port, '/next')).body, 'ok')
})
