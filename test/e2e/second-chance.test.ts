// Legacy instead of new when new fails, as the route says: never the other way, never for what may have been done, never
// without the whole body, and never when the client has heard of the answer.
import t, { type Test } from 'tap'
import type { Exchange } from '../../src/model/exchange.ts'
import { type Banyan, type BanyanOptions, eventually, rawBackend, startBanyan } from './harness.ts'
import {
  ALONE,
  type Asked,
  cutting,
  get,
  holding,
  metricOf,
  post,
  type Scripted,
  saying,
  scripted,
  sendBytes,
  sendGet,
} from './scripted.ts'

type Settings = Record<string, unknown>

const BOTH = { legacy: 'legacy', new: 'new', data: 'shared', weight: 100 }
const PATIENT = { timeouts: { connect: '1m' } }

const status =
  (text: string) =>
  (asked: Asked): void =>
    asked.answer('of new', text)

function route(id: string, more: Settings): Settings {
  return { id, match: { path: `/${id}/*` }, ...BOTH, ...more }
}

/** A route called `it` between legacy and a new side that does this. */
async function between(t: Test, serve: Scripted['serve'], more: Settings, options: BanyanOptions = {}) {
  const [legacy, fresh] = [await scripted(t, saying('of legacy'), ALONE), await scripted(t, serve, ALONE)]
  const config = {
    backends: { legacy: { url: legacy.url }, new: { url: fresh.url, ...PATIENT } },
    routes: [route('it', more)],
  }
  return { legacy, fresh, banyan: await startBanyan(t, config, options) }
}

/** What became of requests, as the access log is told. */
function observed() {
  const seen: Exchange[] = []
  const access = (exchange: Exchange) => void seen.push(exchange)
  return { seen, log: { line() {}, access, flush() {} } }
}

/** A request with a body of five bytes in all, of which only these are sent. */
function withBody(method: string, body: string, fields = 'Content-Length: 5\r\n'): string {
  return `${method} /it/1 HTTP/1.1\r\nHost: a\r\n${fields}Connection: close\r\n\r\n${body}`
}

t.test('which failures: each one against each word of fallback.on', async t => {
  const legacy = await scripted(t, saying('of legacy'))
  const gone = await scripted(t, saying('never'), ALONE)
  await gone.close()
  // It takes connections and never says a word of the TLS handshake.
  const mute = await scripted(t, holding)
  const plain = await rawBackend(t, socket => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')))
  const closing = await scripted(t, cutting)
  const garbage = await scripted(t, ({ socket }) => void socket.end('SMTP 220 hello\r\n\r\n'))
  const silent = await scripted(t, holding)
  const busy = await scripted(t, status('503 Busy'))
  const broken = await scripted(t, status('502 Broken'))
  const backends: Record<string, Settings> = {
    refused: { url: gone.url },
    tls: { url: plain.url.replace('http:', 'https:') },
    deaf: { url: mute.url.replace('http:', 'https:'), timeouts: { connect: '200ms' } },
    silent: { url: silent.url, timeouts: { head: '200ms' } },
    total: { url: silent.url, timeouts: { total: '200ms' } },
    closing: { url: closing.url },
    garbage: { url: garbage.url },
    busy: { url: busy.url },
    broken: { url: broken.url },
  }
  const without: Record<string, number> = {
    refused: 502,
    tls: 502,
    deaf: 504,
    silent: 504,
    total: 504,
    closing: 502,
    garbage: 502,
    busy: 503,
    broken: 502,
  }
  // A backend that died is as good as one that said 502.
  const caught: Record<string, readonly string[]> = {
    connect: ['refused', 'tls', 'deaf'],
    timeout: ['deaf', 'silent', 'total'],
    503: ['busy'],
    502: ['closing', 'garbage', 'broken'],
    404: [],
    nothing: [],
  }
  const on = (word: string) => (word === 'nothing' ? [] : [Number(word) || word])
  const rows = Object.keys(backends).flatMap(how => Object.keys(caught).map(word => [how, word] as const))
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: legacy.url }, ...backends },
    routes: rows.map(([how, word]) => route(`${how}-${word}`, { new: how, fallback: { on: on(word) } })),
  })
  for (const [how, word] of rows) {
    const before = legacy.asked.length
    const answer = await get(t, banyan.port, `/${how}-${word}/1`)
    const falls = caught[word]?.includes(how) === true
    t.equal(answer.status, falls ? 200 : without[how], `${how} with on: [${word}]`)
    t.equal(legacy.asked.length - before, falls ? 1 : 0, `${how} with on: [${word}]: legacy`)
    if (falls) t.equal(answer.body, 'of legacy')
  }
  const times = (backend: Scripted, how: string) => backend.paths().filter(path => path.startsWith(`/${how}-`)).length
  for (const [backend, how] of [
    [silent, 'silent'],
    [closing, 'closing'],
    [busy, 'busy'],
    [broken, 'broken'],
  ] as const) {
    t.equal(times(backend, how), Object.keys(caught).length, `${how}: each request came once to new`)
  }
})

t.test('which methods: safe ones; others only where new cannot have heard of them', async t => {
  const legacy = await scripted(t, saying('of legacy'))
  const gone = await scripted(t, saying('never'), ALONE)
  await gone.close()
  const [busy, closing] = [await scripted(t, status('503 Busy')), await scripted(t, cutting)]
  const all = { methods: ['GET', 'HEAD', 'OPTIONS', 'POST', 'DELETE'] }
  const banyan = await startBanyan(t, {
    backends: {
      legacy: { url: legacy.url },
      gone: { url: gone.url },
      busy: { url: busy.url },
      closing: { url: closing.url },
    },
    routes: [
      route('gone', { new: 'gone', fallback: { on: ['connect'], ...all } }),
      route('gone-default', { new: 'gone', fallback: { on: ['connect'] } }),
      // More than the configuration would let through.
      route('busy', { new: 'busy', fallback: { on: ['connect', 502, 503], ...all } }),
      route('closing', { new: 'closing', fallback: { on: ['connect', 'timeout', 502, 503], ...all } }),
      route('only-head', { new: 'busy', fallback: { on: [503], methods: ['HEAD'] } }),
    ],
  })
  const rows: readonly (readonly [string, string, number])[] = [
    ...['GET', 'HEAD', 'OPTIONS', 'POST', 'DELETE'].map(method => ['gone', method, 200] as const),
    ['gone', 'PUT', 502],
    ...['GET', 'HEAD', 'OPTIONS'].map(method => ['gone-default', method, 200] as const),
    ['gone-default', 'POST', 502],
    ['gone-default', 'DELETE', 502],
    ...['GET', 'HEAD', 'OPTIONS'].map(method => ['busy', method, 200] as const),
    ['busy', 'POST', 503],
    ['busy', 'DELETE', 503],
    ['closing', 'GET', 200],
    ['closing', 'POST', 502],
    ['closing', 'DELETE', 502],
    ['only-head', 'HEAD', 200],
    ['only-head', 'GET', 503],
  ]
  for (const [id, method, expected] of rows) {
    const before = legacy.asked.length
    const request = `${method} /${id}/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
    t.equal((await sendBytes(t, banyan.port, request).answer).status, expected, `${method} ${id}`)
    t.equal(legacy.asked.length - before, expected === 200 ? 1 : 0, `${method} ${id}: legacy`)
  }
})

t.test('a POST that could not be connected arrives at legacy whole', async t => {
  const more = { fallback: { on: ['connect'], methods: ['GET', 'POST'] } }
  const { legacy, fresh, banyan } = await between(t, holding, more)
  await fresh.close()
  t.match(await post(t, banyan.port, '/it/1', 'hello'), { status: 200, body: 'of legacy' })
  t.equal(legacy.asked[0]?.body(), 'hello')
})

t.test(
  'said as `fallback` in the log, in the metrics and by the API; explain tells what is decided before',
  async t => {
    const { seen, log } = observed()
    const more = { fallback: { on: ['connect', 502, 503] } }
    const { legacy, fresh, banyan } = await between(t, status('503 Busy'), more, { log })
    t.equal((await get(t, banyan.port, '/it/1')).status, 200)
    fresh.serve = cutting
    t.equal((await get(t, banyan.port, '/it/1')).status, 200)
    await fresh.close()
    t.equal((await get(t, banyan.port, '/it/1')).status, 200)
    await eventually(() => seen.length === 3, 'all three are told')
    for (const { decision, status, ending, failure } of seen) {
      t.match({ side: decision?.side, reason: decision?.reason }, { side: 'legacy', reason: 'fallback' })
      t.match({ status, ending, failure }, { status: 200, ending: 'complete', failure: null })
    }
    const line = 'banyan_requests_total{route="it",side="legacy",reason="fallback",code="2xx"}'
    t.equal(await metricOf(banyan.health, line), 3)
    for (const kind of ['connect', 'reset']) {
      const failed = `banyan_backend_errors_total{route="it",side="new",role="primary",kind="${kind}"}`
      t.equal(await metricOf(banyan.health, failed), 1, `that new failed is not hidden by it: ${kind}`)
    }
    const { reasons, sides } = (await banyan.api('GET', '/routes/it')).json
    t.same(reasons, { fallback: 3 })
    t.match(sides, { legacy: { requests: 3, errors: 0 } })
    const explained = (await banyan.api('POST', '/explain', { url: '/it/1' })).json
    t.match(explained, { side: 'new', reason: 'weight' })
    t.equal(legacy.asked.length, 3)
  },
)

t.test('never from legacy to new, whatever legacy does', async t => {
  const fallback = { on: ['connect', 'timeout', 502, 503] }
  const { legacy, fresh, banyan } = await between(t, saying('of new'), { weight: 0, fallback })
  legacy.serve = asked => asked.answer('of legacy', '503 Busy')
  t.match(await get(t, banyan.port, '/it/1'), { status: 503, body: 'of legacy' })
  legacy.serve = cutting
  t.match(await get(t, banyan.port, '/it/1'), { status: 502, code: 'backend_reset' })
  await legacy.close()
  t.match(await get(t, banyan.port, '/it/1'), { status: 502, code: 'backend_connect' })
  t.same(fresh.paths(), [])
})

t.test('both fail: the client hears of legacy, and new is not asked again', async t => {
  const { legacy, fresh, banyan } = await between(t, status('503 Busy'), { fallback: { on: ['connect', 502, 503] } })
  legacy.serve = asked => asked.answer('of legacy', '503 Busy')
  t.match(await get(t, banyan.port, '/it/1'), { status: 503, body: 'of legacy' })
  await legacy.close()
  const answer = await get(t, banyan.port, '/it/1')
  t.match(answer, { status: 502, code: 'backend_connect' })
  t.match(answer.body, /legacy side/)
  t.equal(fresh.asked.length, 2)
})

t.test('once the client has heard of the answer, it is cut and legacy hears nothing', async t => {
  const fallback = { on: ['connect', 'timeout', 502, 503] }
  const { legacy, fresh, banyan } = await between(t, holding, { fallback })
  const begun: Record<string, string> = {
    'the head': 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n',
    'the head of chunks': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    'half the body': 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf',
  }
  for (const [name, bytes] of Object.entries(begun)) {
    const sent = sendGet(t, banyan.port, '/it/1')
    const count = fresh.asked.length + 1
    await eventually(() => fresh.asked.length === count, 'new has it')
    fresh.asked.at(-1)?.socket.write(bytes)
    await eventually(() => sent.text().includes('\r\n\r\n'), `${name} has reached the client`)
    fresh.asked.at(-1)?.socket.destroy()
    t.match(await sent.answer, { status: 200, isCut: true }, name)
  }
  t.same(legacy.paths(), [])
})

t.test('an early hint of new is a byte, too', async t => {
  const { legacy, fresh, banyan } = await between(t, holding, { fallback: { on: [502, 503] }, otherSideOn: [404] })
  const endings: Record<string, string> = { 502: '', 503: 'HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n' }
  for (const [expected, bytes] of Object.entries(endings)) {
    const sent = sendGet(t, banyan.port, '/it/1')
    const count = fresh.asked.length + 1
    await eventually(() => fresh.asked.length === count, 'new has it')
    fresh.asked.at(-1)?.socket.write('HTTP/1.1 103 Early Hints\r\nLink: </new.css>\r\n\r\n')
    await eventually(() => sent.text().includes('new.css'), 'the hint has reached the client')
    fresh.asked.at(-1)?.socket.end(bytes)
    t.equal((await sent.answer).status, Number(expected))
  }
  t.same(legacy.paths(), [])
})

t.test('half a head of new has reached nobody', async t => {
  const serve = ({ socket }: Asked) => void socket.end('HTTP/1.1 200 OK\r\nContent-')
  const { banyan } = await between(t, serve, { fallback: { on: [502] } })
  t.match(await get(t, banyan.port, '/it/1'), { status: 200, body: 'of legacy' })
})

t.test('a body that was streamed is not replayed: the client gets what new said', async t => {
  const more = { fallback: { on: [502, 503] } }
  const { legacy, fresh, banyan } = await between(t, holding, more)
  const bodies: Record<string, string> = {
    all: withBody('GET', 'hello'),
    half: withBody('GET', 'he'),
    chunked: withBody('GET', '5\r\nhello\r\n', 'Transfer-Encoding: chunked\r\n'),
    'an empty one that has ended': withBody('GET', '0\r\n\r\n', 'Transfer-Encoding: chunked\r\n'),
  }
  for (const [name, request] of Object.entries(bodies)) {
    const sent = sendBytes(t, banyan.port, request)
    const arrives = request.slice(request.indexOf('\r\n\r\n') + 4)
    await eventually(() => fresh.asked.at(-1)?.body() === arrives, `${name}: it has reached new`)
    fresh.asked.at(-1)?.answer('of new', '503 Busy')
    t.match(await sent.answer, { status: 503, body: 'of new' }, name)
    fresh.asked.length = 0
  }
  t.same(legacy.paths(), [])
})

t.test('a body that was collected is replayed', async t => {
  const [legacy, fresh] = [await scripted(t, saying('of legacy')), await scripted(t, status('503 Busy'))]
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: legacy.url }, new: { url: fresh.url, wire: { chunkedRequests: 'buffer' } } },
    routes: [route('it', { fallback: { on: [503] } })],
  })
  const request = withBody('GET', '5\r\nhello\r\n0\r\n\r\n', 'Transfer-Encoding: chunked\r\n')
  t.match(await sendBytes(t, banyan.port, request).answer, { status: 200, body: 'of legacy' })
  for (const backend of [fresh, legacy]) {
    t.match(backend.asked[0]?.head, /\r\nContent-Length: 5\r\n/i)
    await eventually(() => backend.asked[0]?.body() === 'hello', 'all of it')
  }
})

t.test('a body that has not left yet reaches legacy whole, also where legacy lets it wait', async t => {
  const [legacy, fresh] = [await scripted(t, holding), await scripted(t, holding)]
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: legacy.url, maxConcurrent: 1, queue: { wait: '1m' } }, new: { url: fresh.url } },
    routes: [route('it', { fallback: { on: [502, 503] } }), { id: 'old', match: { path: '/old' }, legacy: 'legacy' }],
  })
  const bodies: Record<string, readonly [string, string]> = {
    sized: ['Content-Length: 5\r\n', 'hello'],
    chunked: ['Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n'],
    'empty chunked': ['Transfer-Encoding: chunked\r\n', '0\r\n\r\n'],
  }
  for (const [name, [fields, body]] of Object.entries(bodies)) {
    const ahead = sendGet(t, banyan.port, '/old')
    await eventually(() => legacy.asked.length === 1, `${name}: legacy's only place is taken`)
    const sent = sendBytes(t, banyan.port, withBody('GET', '', fields))
    await eventually(() => fresh.asked.length === 1, `${name}: new has the head`)
    fresh.asked[0]?.answer('of new', '503 Busy')
    await eventually(async () => (await gateOf(banyan)).waiting === 1, `${name}: it waits for legacy`)
    sent.send(body)
    // Several more exchanges: the body has surely been read by then.
    for (let i = 0; i < 5; i++) await banyan.api('GET', '/status')
    legacy.asked[0]?.answer('of legacy')
    t.match(await ahead.answer, { status: 200 })
    await eventually(() => legacy.asked[1]?.body() === body, `${name}: all of it has reached legacy`)
    legacy.asked[1]?.answer('of legacy')
    t.match(await sent.answer, { status: 200, body: 'of legacy' }, name)
    legacy.asked.length = 0
    fresh.asked.length = 0
  }
})

t.test('Expect: 100-continue: new refuses without the body, legacy asks for it and gets it', async t => {
  const { legacy, banyan } = await between(t, status('503 Busy'), { fallback: { on: [503] } })
  legacy.serve = ({ socket }) => void socket.write('HTTP/1.1 100 Continue\r\n\r\n')
  const sent = sendBytes(t, banyan.port, withBody('GET', '', 'Content-Length: 5\r\nExpect: 100-continue\r\n'))
  await eventually(() => sent.text().startsWith('HTTP/1.1 100 '), 'legacy asks for the body')
  sent.send('hello')
  await eventually(() => legacy.asked[0]?.body() === 'hello', 'legacy has it')
  legacy.asked[0]?.answer('of legacy')
  t.match(await sent.answer, { status: 200, body: 'of legacy' })
})

async function gateOf(banyan: Banyan): Promise<{ readonly inside: number; readonly waiting: number }> {
  return (await banyan.api('GET', '/routes/it')).json.sides.legacy.gate
}
