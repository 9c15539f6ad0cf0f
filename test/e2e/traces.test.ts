// Traces over real sockets: what a collector gets, what each backend is told of it, and that a collector that is dead, slow or
// foul is nobody's trouble. The first test loads nothing of it; it has to be the first.
import { request } from 'node:http'
import { registerHooks } from 'node:module'
import type { Test } from 'tap'
import t from 'tap'
import type { Exchange } from '../../src/model/exchange.ts'
import { steadyPorts } from '../steady-ports.ts'
import { attributesOf, type Collector, collector, type Span } from '../telemetry/collector.ts'
import {
  type Banyan,
  type BanyanOptions,
  eventually,
  httpBackend,
  rawClient,
  startBanyan,
  temporary,
} from './harness.ts'
import { startProcess } from './process.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const SAMPLED = `00-${TRACE}-${PARENT}-01`
const UNSAMPLED = `00-${TRACE}-${PARENT}-00`
const SERVER = 2

const loaded: string[] = []
registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    if (found.url.includes('/src/telemetry/')) loaded.push(found.url)
    return found
  },
})

type Settings = Record<string, unknown>

interface House extends Banyan {
  /** Raw lines of heads, by who got them. */
  readonly heard: Readonly<Record<'legacy' | 'new', readonly string[]>>
  get(path: string, headers?: Record<string, string>): Promise<number>
}

/** Two sides that answer by their path: `/…/503` answers that. */
async function house(
  t: Test,
  telemetry: Settings,
  route: Settings = {},
  options: BanyanOptions = {},
  more = {},
): Promise<House> {
  const heard = { legacy: [] as string[], new: [] as string[] }
  const side = (name: 'legacy' | 'new') =>
    httpBackend(t, (req, res) => {
      const lines = Array.from({ length: req.rawHeaders.length / 2 }, (_, i) =>
        req.rawHeaders.slice(2 * i, 2 * i + 2).join(': '),
      )
      heard[name].push(lines.join('\n'))
      res.statusCode = Number(/\/(\d{3})$/.exec(req.url ?? '')?.[1] ?? 200)
      req.resume().on('end', () => res.end('the same'))
    })
  const [legacy, fresh] = [await side('legacy'), await side('new')]
  const banyan = await startBanyan(
    t,
    {
      telemetry,
      backends: { legacy: { url: legacy.url }, new: { url: fresh.url } },
      default: 404,
      routes: [
        { id: 'orders', match: { path: '/orders/:id' }, legacy: 'legacy', new: 'new', data: 'shared', ...route },
      ],
      ...more,
    },
    options,
  )
  return { ...banyan, heard, get: (path, headers) => get(banyan.port, path, headers) }
}

/** With exactly these headers, in these letters. */
function get(port: number, path: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, headers, agent: false }, res => {
      res.resume().on('end', () => resolve(res.statusCode ?? 0))
    })
      .on('error', reject)
      .end()
  })
}

const traceparent = (head: string | undefined) => /^traceparent: (.*)$/im.exec(head ?? '')?.[1] ?? null
const to = (url: string, sample = '100%') => ({ traces: { endpoint: url, sample } })

async function spanCounts({ health }: Pick<Banyan, 'health'>): Promise<Record<string, number>> {
  const text = await (await fetch(`${health}/metrics`)).text()
  return Object.fromEntries(
    [...text.matchAll(/^banyan_spans_total\{result="(\w+)"\} (\d+)$/gm)].map(([, result, count]) => [
      result,
      Number(count),
    ]),
  )
}

const byKind = (spans: readonly Span[]) => ({
  server: spans.filter(({ kind }) => kind === SERVER),
  client: spans.filter(({ kind }) => kind !== SERVER),
})

t.test('off: the header goes on byte by byte, and nothing is loaded', async t => {
  const { get, heard, health } = await house(t, {}, { shadow: { percent: 100 } })
  for (const value of [SAMPLED, UNSAMPLED, 'what ever', `cc-${TRACE}-${PARENT}-01-more`]) {
    t.equal(await get('/orders/1', { TraceParent: value, tracestate: 'a=b, c=d' }), 200)
    await eventually(() => heard.new.length === heard.legacy.length, 'the shadow is asked, too')
    for (const side of ['legacy', 'new'] as const) {
      t.match(heard[side].at(-1), new RegExp(`^TraceParent: ${value}$`, 'm'))
      t.match(heard[side].at(-1), /^tracestate: a=b, c=d$/m)
    }
  }
  await get('/orders/1')
  t.match(traceparent(heard.legacy.at(-1)), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/, 'made where there is none, as ever')
  t.same(loaded, [])
  t.same(await spanCounts({ health }), { exported: 0, dropped: 0, failed: 0 })
})

t.test('a request and its shadow are one trace, below the client’s span', async t => {
  const collect = await collector(t)
  const seen: Exchange[] = []
  const log = { line() {}, access: (exchange: Exchange) => void seen.push(exchange), flush() {} }
  const banyan = await house(
    t,
    to(collect.url),
    { shadow: { percent: 100 }, compare: { noise: { percent: 0 } }, weight: 0 },
    { log },
  )
  t.equal(await banyan.get('/orders/4711?secret=1', { traceparent: SAMPLED, tracestate: 'a=b, c=d' }), 200)
  const spans = await collect.until(3)
  t.ok(loaded.length > 0)
  const { server, client } = byKind(spans)
  t.equal(server.length, 1)
  t.match(server[0], { traceId: TRACE, parentSpanId: PARENT, name: 'GET /orders/:id' })
  t.match(attributesOf(server[0] as Span), {
    'http.route': '/orders/:id',
    'http.response.status_code': 200,
    'url.scheme': 'http',
    'banyan.route': 'orders',
    'banyan.side': 'legacy',
    'banyan.reason': 'weight',
    'banyan.weight': 0,
    'banyan.exchange': seen[0]?.id,
  })
  const roles = new Map(client.map(span => [attributesOf(span)['banyan.role'], span]))
  for (const [role, side] of [
    ['primary', 'legacy'],
    ['shadow', 'new'],
  ] as const) {
    const span = roles.get(role) as Span
    t.match(span, { traceId: TRACE, parentSpanId: server[0]?.spanId, name: 'GET' }, role)
    t.match(attributesOf(span), { 'banyan.side': side, 'banyan.backend': side, 'http.response.status_code': 200 })
    t.equal(
      traceparent(banyan.heard[side][0]),
      `00-${TRACE}-${span.spanId}-01`,
      'the backend’s parent is our question to it',
    )
    t.match(banyan.heard[side][0], /^tracestate: a=b, c=d$/m)
  }
  t.match(collect.requests[0]?.headers, { 'content-type': 'application/json' })
  t.notMatch(JSON.stringify(collect.exports), /4711|secret|127\.0\.0\.1:\d+\/orders/)
  t.match(seen, [{ traceId: TRACE, backend: 'legacy', backendAddress: /^127\.0\.0\.1:\d+$/ }])
  await eventually(async () => (await spanCounts(banyan)).exported === 3, 'they are counted')
})

t.test('without a traceparent a trace begins here', async t => {
  const collect = await collector(t)
  const { get, heard, stop } = await house(t, to(collect.url))
  await get('/orders/1', { tracestate: 'a=b' })
  await stop()
  const { server, client } = byKind(collect.spans())
  t.notOk(server[0]?.parentSpanId)
  t.equal(traceparent(heard.legacy[0]), `00-${server[0]?.traceId}-${client[0]?.spanId}-01`)
  t.notMatch(heard.legacy[0], /tracestate/, 'alone it says nothing')
})

t.test('a malformed one is none: a trace begins here, and what came with it ends', async t => {
  const collect = await collector(t)
  const { get, heard, stop } = await house(t, to(collect.url), { shadow: { percent: 100 } })
  for (const value of [`00-${TRACE}-${PARENT}-01-x`, 'what ever', '']) {
    await get('/orders/1', { TraceParent: value, tracestate: 'a=b, c=d' })
  }
  await eventually(() => heard.new.length === 3, 'the shadow is asked, too')
  await stop()
  const { server, client } = byKind(collect.spans())
  t.equal(server.length, 3)
  t.ok(server.every(span => span.traceId !== TRACE && !span.parentSpanId))
  for (const side of ['legacy', 'new'] as const) {
    const own = client.filter(span => attributesOf(span)['banyan.side'] === side)
    t.same(heard[side].map(traceparent).sort(), own.map(span => `00-${span.traceId}-${span.spanId}-01`).sort(), side)
    t.notMatch(heard[side].join('\n'), /tracestate/i)
  }
})

t.test('one that is not recorded is none as well: whoever follows is told not to record', async t => {
  const collect = await collector(t)
  const { get, heard } = await house(t, to(collect.url, 'parent'))
  await get('/orders/1', { traceparent: 'what ever', tracestate: 'a=b' })
  t.match(traceparent(heard.legacy[0]), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
  t.notMatch(heard.legacy[0], /tracestate/i)
})

t.test('two of them are malformed, and become one', async t => {
  const collect = await collector(t)
  const { port, heard, stop } = await house(t, to(collect.url))
  const client = rawClient(t, port)
  client.send(`GET /orders/1 HTTP/1.1\r\nHost: a\r\ntraceparent: ${SAMPLED}\r\nTraceparent: ${UNSAMPLED}\r\n\r\n`)
  await client.until(text => text.endsWith('the same'))
  await stop()
  const { server, client: asked } = byKind(collect.spans())
  t.equal(server.length, 1)
  t.not(server[0]?.traceId, TRACE)
  t.same(heard.legacy[0]?.match(/^traceparent: .*$/gim), [
    `traceparent: 00-${server[0]?.traceId}-${asked[0]?.spanId}-01`,
  ])
})

t.test('what is not recorded goes on byte by byte; what begins here tells others not to', async t => {
  const collect = await collector(t)
  const { get, heard, stop } = await house(t, to(collect.url, 'parent'))
  await get('/orders/1', { TRACEPARENT: UNSAMPLED })
  t.match(heard.legacy[0], new RegExp(`^TRACEPARENT: ${UNSAMPLED}$`, 'm'))
  await get('/orders/1')
  t.match(traceparent(heard.legacy[1]), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
  await get('/orders/1', { traceparent: SAMPLED.replace('01', '03').replace(/01$/, '03') })
  await get('/orders/1', { traceparent: SAMPLED })
  await stop()
  t.equal(collect.spans().filter(({ traceId }) => traceId === TRACE).length, collect.spans().length)
  t.equal(byKind(collect.spans()).server.length, 2, 'those whose parents say so')
})

t.test('a percent goes by the trace id, whatever the client’s flag says', async t => {
  const collect = await collector(t)
  const { get, stop } = await house(t, to(collect.url, '50%'))
  const low = `${'f'.repeat(19)}${'0'.repeat(13)}`
  const high = `${'a'.repeat(19)}${'f'.repeat(13)}`
  await get('/orders/1', { traceparent: `00-${low}-${PARENT}-01` })
  await get('/orders/1', { traceparent: `00-${high}-${PARENT}-00` })
  await stop()
  t.same(new Set(collect.spans().map(({ traceId }) => traceId)), new Set([high]))
})

t.test('a second try and a fallback are spans of their own, each told as itself', async t => {
  const collect = await collector(t)
  const { get, heard, stop } = await house(t, to(collect.url), { weight: 100, fallback: { on: [503] } })
  t.equal(await get('/orders/503', { traceparent: SAMPLED }), 503)
  await stop()
  const { server, client } = byKind(collect.spans())
  const attempts = client.map(span => {
    const { 'banyan.side': side, 'banyan.attempt': attempt, 'error.type': error } = attributesOf(span)
    return { side, attempt, error, told: traceparent(heard[side as 'new'][0]) === `00-${TRACE}-${span.spanId}-01` }
  })
  t.same(attempts, [
    { side: 'new', attempt: 'first', error: '503', told: true },
    { side: 'legacy', attempt: 'fallback', error: '503', told: true },
  ])
  t.match(attributesOf(server[0] as Span), { 'banyan.side': 'legacy', 'banyan.reason': 'fallback' })
})

t.test('a backend that is down, and a request that nobody serves', async t => {
  const collect = await collector(t)
  const seen: Exchange[] = []
  const log = { line() {}, access: (exchange: Exchange) => void seen.push(exchange), flush() {} }
  const { get, stop } = await house(t, to(collect.url), { legacy: 'http://127.0.0.1:1', weight: 0 }, { log })
  t.equal(await get('/orders/1'), 502)
  t.equal(await get('/nowhere', { traceparent: SAMPLED }), 404)
  await stop()
  const { server, client } = byKind(collect.spans())
  t.match(attributesOf(client[0] as Span), { 'error.type': 'connect', 'banyan.role': 'primary' })
  t.match(attributesOf(server[0] as Span), { 'error.type': 'backend_connect', 'http.response.status_code': 502 })
  t.match(server[1], { traceId: TRACE, parentSpanId: PARENT, name: 'GET' })
  t.notOk('banyan.route' in attributesOf(server[1] as Span))
  t.match(seen, [{ backend: 'http://127.0.0.1:1' }, { traceId: TRACE, decision: null, backend: null }])
})

t.test('a side that sets or removes the header has the last word', async t => {
  const collect = await collector(t)
  const headers = (value: Settings) => ({ backend: 'legacy', headers: value })
  const removing = await house(t, to(collect.url), { legacy: headers({ remove: ['traceparent'] }) })
  await removing.get('/orders/1', { traceparent: SAMPLED })
  t.equal(traceparent(removing.heard.legacy[0]), null)
  const setting = await house(t, to(collect.url), { legacy: headers({ set: { traceparent: 'ours' } }) })
  await setting.get('/orders/1', { traceparent: SAMPLED })
  t.equal(traceparent(setting.heard.legacy[0]), 'ours')
})

/** Serves all the same, and tells what became of the spans. */
async function servesAll(t: Test, endpoint: string, count = 20): Promise<House> {
  const banyan = await house(t, to(endpoint))
  for (let i = 0; i < count; i++) t.equal(await banyan.get('/orders/1'), 200)
  return banyan
}

t.test('a collector that answers 500: not sent again, counted, said once', async t => {
  const collect = await collector(t, res => res.writeHead(500).end('hunter2'))
  const banyan = await servesAll(t, collect.url)
  await eventually(async () => (await spanCounts(banyan)).failed === 40, 'all have failed')
  t.equal(collect.spans().length, 40, 'each was sent once')
  const said = banyan.lines.filter(line => line.includes('collector'))
  t.equal(said.length, 1)
  t.match(said[0], /^warn traces: .*"why":"status 500"/)
  t.notMatch(said[0], /hunter2/)
})

t.test('one that answers 429 is asked again', async t => {
  const collect = await collector(t, (res, count) => {
    res.writeHead(count === 1 ? 429 : 200, { 'retry-after': '0' }).end('{}')
  })
  const banyan = await servesAll(t, collect.url)
  await eventually(async () => (await spanCounts(banyan)).exported === 40, 'all are there in the end')
  t.ok(collect.exports.length >= 2)
})

t.test('one that is dead, or hangs: requests are served, and the end does not wait', async t => {
  const hanging = await collector(t, () => {})
  for (const endpoint of ['http://127.0.0.1:1/v1/traces', hanging.url]) {
    const banyan = await servesAll(t, endpoint)
    await banyan.stop()
    t.same(await spanCounts(banyan).catch(() => 'gone'), 'gone')
  }
})

t.test('what has not gone yet goes at the end', async t => {
  const collect = await collector(t)
  const banyan = await servesAll(t, collect.url, 3)
  await banyan.stop()
  t.equal(collect.spans().length, 6)
})

t.test('its secrets are sent, and shown nowhere', async t => {
  const collect = await collector(t)
  const traces = { endpoint: collect.url, sample: '100%', headers: { Authorization: 'Bearer hunter2' } }
  const banyan = await house(t, { traces })
  await banyan.get('/orders/1')
  await collect.until(2)
  t.equal(collect.requests[0]?.headers.authorization, 'Bearer hunter2')
  for (const path of ['/config', '/status', '/audit', '/routes']) {
    t.notMatch(JSON.stringify((await banyan.api('GET', path)).json), /hunter2/, path)
  }
  t.notMatch(banyan.lines.join('\n'), /hunter2/)
})

t.test('spans that lead to a listener of our own are not sent', async t => {
  const [port] = await steadyPorts(1)
  for (const listener of ['proxy', 'admin']) {
    const more = { [listener]: { listen: `127.0.0.1:${port}` } }
    const banyan = await house(t, to(`http://localhost:${port}/v1/traces`), {}, {}, more)
    await banyan.get('/orders/1')
    await eventually(() => banyan.lines.some(line => line.includes('own listener')), listener)
    const said = banyan.lines.find(line => line.includes('own listener'))
    t.match(
      said,
      new RegExp(`^error telemetry\\.traces\\.endpoint leads to our own listener \\(${listener}\\.listen\\)`),
    )
    await banyan.stop()
  }
})

t.test('workers: each sends its own, the metrics are of all, and the last ones go at the end', async t => {
  const collect = await collector(t)
  const backend = await httpBackend(t, (_, res) => res.end())
  const banyan = await startProcess(
    t,
    {
      proxy: { workers: 2, drain: { grace: '0s' } },
      telemetry: to(collect.url),
      backends: { legacy: { url: backend.url } },
    },
    { cwd: temporary(t), env: { BANYAN_INSTANCE: 'a-1' } },
  )
  const instances = ({ exports }: Collector) =>
    new Set(exports.map(one => one.resourceSpans[0].resource.attributes.at(-1).value.stringValue))
  let count = 0
  await eventually(async () => {
    for (let i = 0; i < 10; i++, count++) await get(Number(new URL(banyan.proxy).port), '/')
    return instances(collect).size === 2
  }, 'both have served')
  await eventually(async () => (await spanCounts(banyan)).exported === 2 * count, 'all are counted')
  await get(Number(new URL(banyan.proxy).port), '/')
  banyan.signal('SIGTERM')
  t.match(await banyan.ended, { end: 0 })
  t.same(instances(collect), new Set(['a-1/1', 'a-1/2']))
  t.equal(collect.spans().length, 2 * count + 2)
})
