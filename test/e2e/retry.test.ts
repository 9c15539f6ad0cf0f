// One more try of the same side: only where nothing can have been done yet or doing it twice is harmless, once, and within
// a budget.
import t from 'tap'
import { type Banyan, eventually, named, rawBackend, startBanyan } from './harness.ts'
import {
  ALONE,
  type Asked,
  cutting,
  get,
  handClock,
  holding,
  metricOf,
  post,
  type Scripted,
  saying,
  scripted,
  sendBytes,
} from './scripted.ts'

type Settings = Record<string, unknown>

/** The next request is sure to come on the connection of the last one. */
const ONE_CONNECTION = { connections: 1 }

/** Answers the first request of each connection, and does this with those that follow on it. */
function onceThen(then: Scripted['serve']): Scripted['serve'] {
  const used = new WeakSet()
  return asked => {
    if (used.has(asked.socket)) {
      then(asked)
      return
    }
    used.add(asked.socket)
    asked.answer('ok')
  }
}

function only(backend: Settings): Settings {
  return { backends: { mono: backend }, routes: [{ id: 'all', match: { path: '/*' }, legacy: 'mono' }] }
}

/** So often each path came to a backend. */
function counts(backend: Scripted): Record<string, number> {
  const seen: Record<string, number> = {}
  for (const path of backend.paths()) seen[path] = (seen[path] ?? 0) + 1
  return seen
}

const resetting = ({ socket }: Asked) => void socket.resetAndDestroy()
const ending = ({ socket }: Asked) => void socket.end()

t.test('a reused connection that ends before any byte: a GET is asked once more, on a fresh one', async t => {
  for (const [name, going] of Object.entries({ closed: cutting, ended: ending, reset: resetting })) {
    const backend = await scripted(t, onceThen(going))
    const banyan = await startBanyan(t, only({ url: backend.url, ...ONE_CONNECTION }))
    t.equal((await get(t, banyan.port, '/warm')).status, 200)
    t.match(await get(t, banyan.port, '/again'), { status: 200, body: 'ok' }, name)
    t.same(backend.paths(), ['/warm', '/again', '/again'], name)
    const [warm, first, second] = backend.asked as [Asked, Asked, Asked]
    t.equal(first.socket, warm.socket, `${name}: the connection was used again`)
    t.not(second.socket, warm.socket, `${name}: the second try has another`)
    t.equal(second.head, first.head, `${name}: and is the same request`)
    await banyan.stop()
  }
})

t.test('a POST is never asked again, with a body or without', async t => {
  const backend = await scripted(t, onceThen(cutting))
  const banyan = await startBanyan(t, only({ url: backend.url, ...ONE_CONNECTION }))
  for (const body of ['', 'hello']) {
    await get(t, banyan.port, '/warm')
    t.match(await post(t, banyan.port, `/post${body.length}`, body), { status: 502, code: 'backend_reset' })
  }
  t.same(backend.paths(), ['/warm', '/post0', '/warm', '/post5'])
})

t.test('a GET that has a body is not asked again: it has been sent', async t => {
  const backend = await scripted(t, onceThen(cutting))
  const banyan = await startBanyan(t, only({ url: backend.url, ...ONE_CONNECTION }))
  await get(t, banyan.port, '/warm')
  const request = 'GET /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello'
  t.match(await sendBytes(t, banyan.port, request).answer, { status: 502, code: 'backend_reset' })
  t.same(backend.paths(), ['/warm', '/body'])
})

t.test('retry.methods says which methods; empty is off', async t => {
  const rows: readonly (readonly [readonly string[], string, number])[] = [
    [['PUT'], 'PUT', 200],
    [['PUT'], 'GET', 502],
    [[], 'GET', 502],
  ]
  for (const [methods, method, status] of rows) {
    const backend = await scripted(t, onceThen(cutting))
    const banyan = await startBanyan(t, only({ url: backend.url, ...ONE_CONNECTION, retry: { methods } }))
    await get(t, banyan.port, '/warm')
    const request = `${method} /it HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
    t.equal((await sendBytes(t, banyan.port, request).answer).status, status, `${method} of [${methods}]`)
    t.equal(counts(backend)['/it'], status === 200 ? 2 : 1)
    await banyan.stop()
  }
})

t.test('a connection that was not used before, or an answer that has begun: no second try', async t => {
  const rows: Record<string, Scripted['serve']> = {
    fresh: cutting,
    'one byte': onceThen(({ socket }) => void socket.end('H')),
    'half a head': onceThen(({ socket }) => void socket.end('HTTP/1.1 200 OK\r\nContent-')),
    'an early hint': onceThen(({ socket }) => void socket.end('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n')),
  }
  for (const [name, serve] of Object.entries(rows)) {
    const backend = await scripted(t, serve)
    const banyan = await startBanyan(t, only({ url: backend.url, ...ONE_CONNECTION }))
    if (name !== 'fresh') t.equal((await get(t, banyan.port, '/warm')).status, 200)
    t.match(await get(t, banyan.port, '/it'), { status: 502, code: 'backend_reset' }, name)
    t.equal(counts(backend)['/it'], 1, name)
    await banyan.stop()
  }
})

t.test('half a body is cut at the client, too, and nobody is asked again', async t => {
  const serve = onceThen(({ socket }) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'))
  const backend = await scripted(t, serve)
  const banyan = await startBanyan(t, only({ url: backend.url, ...ONE_CONNECTION }))
  await get(t, banyan.port, '/warm')
  t.match(await get(t, banyan.port, '/it'), { status: 200, isCut: true })
  t.same(backend.paths(), ['/warm', '/it'])
})

t.test('a 5xx is an answer: one request, whatever the connection', async t => {
  const backend = await scripted(
    t,
    onceThen(asked => asked.answer('busy', '503 Busy')),
  )
  const banyan = await startBanyan(t, only({ url: backend.url, ...ONE_CONNECTION }))
  await get(t, banyan.port, '/warm')
  t.match(await get(t, banyan.port, '/it'), { status: 503, body: 'busy' })
  t.same(backend.paths(), ['/warm', '/it'])
})

t.test('a second try that fails is the last one', async t => {
  const backend = await scripted(t, saying('ok'))
  const banyan = await startBanyan(t, only({ url: backend.url, ...ONE_CONNECTION }))
  await get(t, banyan.port, '/warm')
  backend.serve = cutting
  t.match(await get(t, banyan.port, '/it'), { status: 502, code: 'backend_reset' })
  t.same(backend.paths(), ['/warm', '/it', '/it'])
})

t.test(
  'one at a time, each is asked again: a quiet legacy that closes what is reused costs nobody an answer',
  async t => {
    const backend = await scripted(t, onceThen(cutting))
    const banyan = await startBanyan(t, only({ url: backend.url, ...ONE_CONNECTION }))
    for (let i = 0; i < 40; i++) t.equal((await get(t, banyan.port, `/${i}`)).status, 200)
    t.ok(Object.values(counts(backend)).every(count => count <= 2))
    t.equal(await metricOf(banyan.health, 'banyan_retries_total{side="legacy",result="over_budget"}'), 0)
  },
)

t.test('the budget: when everything fails at once, few are asked twice, and the others are told why', async t => {
  const held: Asked[] = []
  const backend = await scripted(t, asked => void held.push(asked))
  const banyan = await startBanyan(t, only({ url: backend.url }))
  const ask = (path: string) => Array.from({ length: 20 }, (_, i) => get(t, banyan.port, `${path}${i}`))
  const underWay = async (count: number) => {
    await eventually(() => held.length === count, `${count} are under way`)
    return held.splice(0)
  }
  const warm = ask('/warm')
  const served = await underWay(20)
  const kept = new Set(served.map(({ socket }) => socket))
  for (const asked of served) asked.answer('ok')
  await Promise.all(warm)

  const answers = ask('/')
  const first = await underWay(20)
  const stale = first.filter(({ socket }) => kept.has(socket)).length
  t.ok(stale >= 4, `${stale} on connections that were used before`)
  for (const { socket } of first) socket.destroy()
  const retries = async (result: string) =>
    (await metricOf(banyan.health, `banyan_retries_total{side="legacy",result="${result}"}`)) ?? 0
  await eventually(async () => (await retries('made')) + (await retries('over_budget')) === stale, 'all have asked')
  const made = await retries('made')
  t.ok(made >= 3 && made <= 4, `${made} of ${stale}`)
  for (const asked of await underWay(made)) asked.answer('again')
  const got = await Promise.all(answers)
  t.equal(got.filter(({ status }) => status === 200).length, made)
  const told = got.filter(({ status, body }) => status === 502 && /on a connection that was used before/.test(body))
  t.equal(told.length, stale - made, 'the others are told why')
})

t.test('an address that cannot be connected to: another one is asked, a POST too, with its whole body', async t => {
  for (const method of ['GET', 'POST']) {
    const [gone, there] = [await scripted(t, saying('gone'), ALONE), await scripted(t, saying('there'))]
    await gone.close()
    const { clock } = handClock()
    const backend = { urls: [gone.url, there.url], balance: 'round' }
    const banyan = await startBanyan(t, only(backend), { clock })
    t.equal((await addressOf(banyan, gone)).healthy, true, 'it is worth a try')
    for (let i = 0; i < 2; i++) {
      const answer = method === 'GET' ? get(t, banyan.port) : post(t, banyan.port, '/', 'hello')
      t.match(await answer, { status: 200, body: 'there' }, method)
    }
    if (method === 'POST')
      t.same(
        there.asked.map(asked => asked.body()),
        ['hello', 'hello'],
      )
    t.equal(there.asked.length, 2)
    const { healthy, lastFailure } = await addressOf(banyan, gone)
    t.match({ healthy, kind: lastFailure.kind }, { healthy: false, kind: 'connect' }, 'it was tried, and is left alone')
    await banyan.stop()
  }
})

t.test('an address that takes connections and shakes no hands: after `connect` another one is asked', async t => {
  const silent = await Promise.all([1, 2].map(() => rawBackend(t, socket => socket.resume())))
  const urls = silent.map(({ url }) => url.replace('http:', 'https:'))
  const banyan = await startBanyan(t, only({ urls, timeouts: { connect: '300ms' } }))
  t.match(await post(t, banyan.port, '/', 'hello'), { status: 504, code: 'backend_timeout' })
  t.same(
    silent.map(({ sockets }) => sockets.length),
    [1, 1],
  )
  t.equal(await metricOf(banyan.health, 'banyan_retries_total{side="legacy",result="made"}'), 1)
})

t.test('timeouts.total is one for both tries', async t => {
  const backend = await scripted(t, saying('ok'))
  const banyan = await startBanyan(t, only({ url: backend.url, ...ONE_CONNECTION, timeouts: { total: '1500ms' } }))
  await get(t, banyan.port, '/warm')
  // With a limit of its own the second try would hear of the second reset, and it would be 502.
  backend.serve = ({ socket }) => setTimeout(() => socket.destroy(), 1_000)
  const answer = get(t, banyan.port, '/it')
  await eventually(() => backend.asked.length === 3, 'the second try')
  t.match(await answer, { status: 504, code: 'backend_timeout' })
})

t.test('all addresses refuse: two are tried, then it is 502', async t => {
  const backends = await Promise.all([1, 2, 3].map(() => scripted(t, saying('never'), ALONE)))
  for (const backend of backends) await backend.close()
  const { clock } = handClock()
  const banyan = await startBanyan(t, only({ urls: backends.map(({ url }) => url), balance: 'round' }), { clock })
  t.match(await get(t, banyan.port), { status: 502, code: 'backend_connect' })
  const tried = await Promise.all(
    backends.map(async backend => (await addressOf(banyan, backend)).lastFailure !== null),
  )
  t.equal(tried.filter(Boolean).length, 2)
})

t.test('where there is one address, a refused connection is not tried again', async t => {
  const backend = await scripted(t, saying('never'), ALONE)
  await backend.close()
  const banyan = await startBanyan(t, only({ url: backend.url, circuit: { min: 2, errors: 100 } }))
  t.match(await get(t, banyan.port), { status: 502, code: 'backend_connect' })
  t.match(await get(t, banyan.port), { status: 502, code: 'backend_connect' }, 'one failure has been counted, not two')
  t.match(await get(t, banyan.port), { status: 503, code: 'circuit_open' })
})

t.test('a client that leaves before the second try: there is none', async t => {
  const backend = await scripted(t, onceThen(holding))
  const banyan = await startBanyan(t, only({ url: backend.url, ...ONE_CONNECTION }))
  await get(t, banyan.port, '/warm')
  const sent = sendBytes(t, banyan.port, 'GET /left HTTP/1.1\r\nHost: a\r\n\r\n')
  await eventually(() => backend.asked.length === 2, 'the first try is there')
  sent.leave()
  await backend.asked[1]?.gone
  t.equal((await get(t, banyan.port, '/next')).status, 200)
  t.same(backend.paths(), ['/warm', '/left', '/next'])
})

t.test('after a rollback the second try is made at legacy', async t => {
  const legacy = await named(t, 'legacy')
  const fresh = await scripted(t, onceThen(holding), ALONE)
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: legacy.url }, new: { url: fresh.url, ...ONE_CONNECTION } },
    routes: [{ id: 'all', match: { path: '/*' }, legacy: 'legacy', new: 'new', data: 'shared', weight: 100 }],
  })
  await get(t, banyan.port, '/warm')
  const pending = get(t, banyan.port, '/it')
  await eventually(() => fresh.asked.length === 2, 'the new side has it')
  await banyan.api('POST', '/routes/all/rollback', {})
  // It goes as a whole: there is nothing to connect to, and nobody who could be asked before the write.
  await fresh.close()
  t.match(await pending, { status: 200, body: 'legacy' })
  t.equal(fresh.asked.length, 2)
})

t.test('a rollback while requests wait in the queue of new: legacy answers them, and what new drops later', async t => {
  const [legacy, fresh] = [await scripted(t, saying('of legacy')), await scripted(t, onceThen(holding))]
  const banyan = await startBanyan(t, {
    backends: {
      legacy: { url: legacy.url },
      new: { url: fresh.url, ...ONE_CONNECTION, maxConcurrent: 1, queue: { wait: '1m' } },
    },
    routes: [{ id: 'all', match: { path: '/*' }, legacy: 'legacy', new: 'new', data: 'shared', weight: 100 }],
  })
  const gate = async () => (await banyan.api('GET', '/routes/all')).json.sides.new.gate
  // An answer that comes before the whole body would end the upload.
  legacy.serve = asked => (asked.path === '/write' ? holding() : asked.answer('of legacy'))
  await get(t, banyan.port, '/warm')
  const inside = get(t, banyan.port, '/inside')
  await eventually(() => fresh.asked.length === 2, 'new has one, on a connection that was used before')
  const read = get(t, banyan.port, '/read')
  const write = sendBytes(
    t,
    banyan.port,
    'POST /write HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhe',
  )
  await eventually(async () => (await gate()).waiting === 2, 'two wait')
  t.equal((await banyan.api('POST', '/routes/all/rollback', {})).status, 200)
  t.match(await gate(), { inside: 1, waiting: 0 }, 'when the rollback is answered nobody waits any more')
  t.match(await read, { status: 200, body: 'of legacy' })
  write.send('llo')
  const isWrite = ({ path }: Asked) => path === '/write'
  await eventually(() => legacy.asked.find(isWrite)?.body() === 'hello', 'an upload, whole')
  legacy.asked.find(isWrite)?.answer('of legacy')
  t.match(await write.answer, { status: 200, body: 'of legacy' })
  t.same(fresh.paths(), ['/warm', '/inside'], 'new has heard of neither')
  fresh.asked[1]?.socket.destroy()
  t.match(await inside, { status: 200, body: 'of legacy' }, 'its second try is made there, too')
  t.same(legacy.paths().toSorted(), ['/inside', '/read', '/write'])
  t.equal(fresh.asked.length, 2)
  const line = 'banyan_requests_total{route="all",side="legacy",reason="rollback",code="2xx"}'
  t.equal(await metricOf(banyan.health, line), 3)
})

async function addressOf(banyan: Banyan, { address }: Scripted) {
  const { addresses } = (await banyan.api('GET', '/routes/all')).json.sides.legacy
  return addresses.find((one: { address: string }) => one.address === address)
}
