// From an exchange, and from a question to a backend, to spans: names, times, and that nothing of what clients send is in them.
import fc from 'fast-check'
import t from 'tap'
import type { Exchange } from '../../src/model/exchange.ts'
import type { Dispatch, Trace } from '../../src/model/trace.ts'
import { clientSpan, exportText, serverSpan } from '../../src/telemetry/spans.ts'
import { decided, exchange, failure } from '../exchanges.ts'
import { backend, matching, route } from '../routing/make.ts'
import { attributesOf } from './collector.ts'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const trace: Trace = {
  traceId: TRACE_ID,
  parent: null,
  spanId: 'b7ad6b7169203331',
  at: 1000.25,
  scheme: 'https',
  weight: 12.5,
}
const parent = { traceId: TRACE_ID, spanId: '00f067aa0ba902b7', isSampled: true, isRandom: false }
const orders = route(0, matching('/orders/:id'), { id: 'orders' })
const epochOf = (at: number) => 1_800_000_000_000 + at

const server = (of: Exchange, more: Partial<Trace> = {}) => JSON.parse(serverSpan(of, { ...trace, ...more }, epochOf))
const client = (more: Partial<Dispatch> = {}) =>
  JSON.parse(
    clientSpan(
      {
        trace,
        spanId: 'aaaaaaaaaaaaaaaa',
        role: 'primary',
        attempt: 'first',
        route: 'orders',
        side: 'new',
        backend: { ...backend('fresh'), origins: ['http://fresh.internal:8081'] },
        method: 'GET',
        address: '10.0.0.7:8081',
        at: 1001,
        endedAt: 1011.5,
        status: 200,
        failure: null,
        ...more,
      },
      epochOf,
    ),
  )

t.test('a client’s request', async t => {
  const span = server(exchange(decided(orders, 'new'), { totalMs: 12.0625 }))
  t.match(span, { traceId: TRACE_ID, spanId: trace.spanId, name: 'GET /orders/:id', kind: 2, status: {} })
  t.notOk('parentSpanId' in span)
  t.equal(span.startTimeUnixNano, '1800000001000250000')
  t.equal(span.endTimeUnixNano, '1800000001012313000')
  t.same(attributesOf(span), {
    'http.request.method': 'GET',
    'url.scheme': 'https',
    'http.route': '/orders/:id',
    'http.response.status_code': 200,
    'banyan.route': 'orders',
    'banyan.side': 'new',
    'banyan.reason': 'weight',
    'banyan.ending': 'complete',
    'banyan.exchange': '1',
    'banyan.weight': 12.5,
  })
  t.equal(server(exchange(decided(orders, 'new')), { parent }).parentSpanId, parent.spanId)
})

t.test('what went wrong with it', async t => {
  const failed = { status: 502, ending: 'error' as const, failure: failure('new', 'reset') }
  const span = server(exchange(decided(orders, 'new'), failed))
  t.match(span.status, { code: 2 })
  t.match(attributesOf(span), { 'http.response.status_code': 502, 'error.type': 'backend_reset' })
  t.match(attributesOf(server(exchange(decided(orders, 'legacy'), { status: 503 }))), { 'error.type': '503' })
  t.same(
    server(exchange(decided(orders, 'legacy'), { status: 404 })).status,
    {},
    'a client’s fault is none of a server',
  )
  const left = server(exchange(decided(orders, 'legacy'), { status: 0, ending: 'aborted' }))
  t.same(left.status, {})
  t.notOk('http.response.status_code' in attributesOf(left))
  const refused = server(exchange(null, { status: 404, method: 'PROPFIND' }), { weight: null })
  t.equal(refused.name, 'HTTP')
  t.same(attributesOf(refused), {
    'http.request.method': '_OTHER',
    'url.scheme': 'https',
    'http.response.status_code': 404,
    'banyan.ending': 'complete',
    'banyan.exchange': '1',
  })
})

t.test('a question to a backend', async t => {
  const span = client()
  t.match(span, { traceId: TRACE_ID, spanId: 'aaaaaaaaaaaaaaaa', parentSpanId: trace.spanId, name: 'GET', kind: 3 })
  t.equal(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano), 10_500_000n)
  t.same(attributesOf(span), {
    'http.request.method': 'GET',
    'server.address': 'fresh.internal',
    'server.port': 8081,
    'network.peer.address': '10.0.0.7',
    'network.peer.port': 8081,
    'http.response.status_code': 200,
    'banyan.route': 'orders',
    'banyan.side': 'new',
    'banyan.backend': 'fresh',
    'banyan.role': 'primary',
    'banyan.attempt': 'first',
  })
  t.match(client({ status: 404 }).status, { code: 2 }, 'of a client it is an error')
  t.match(attributesOf(client({ status: null, failure: 'timeout' })), { 'error.type': 'timeout' })
  t.same(client({ status: null, failure: null }).status, {}, 'given up: nobody’s fault')
})

t.test('where it went', async t => {
  const several = { ...backend('b'), origins: ['https://a', 'https://b'] }
  t.match(attributesOf(client({ backend: several, address: '[::1]:443' })), {
    'server.address': '::1',
    'server.port': 443,
    'network.peer.address': '::1',
  })
  const shadow = attributesOf(client({ backend: { ...backend('s'), origins: ['https://[fd00::1]'] }, address: null }))
  t.match(shadow, { 'server.address': 'fd00::1', 'server.port': 443 })
  t.notOk('network.peer.address' in shadow)
  t.notOk('server.address' in attributesOf(client({ backend: several, address: null })))
})

t.test('whatever a client sends, a span is JSON of words of ours', async t => {
  const words = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY', '_OTHER'])
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.double({ min: 0, max: 1e9, noNaN: true }), (method, totalMs) => {
      const span = server(exchange(decided(orders, 'new'), { method, totalMs, address: '198.51.100.7' }))
      const asked = client({ method, endedAt: 1001 - totalMs })
      t.ok(words.has(attributesOf(span)['http.request.method'] as string))
      t.ok(words.has(attributesOf(asked)['http.request.method'] as string))
      t.notMatch(JSON.stringify(span), /198\.51\.100\.7/)
      t.ok(BigInt(asked.endTimeUnixNano) >= BigInt(asked.startTimeUnixNano))
    }),
    { numRuns: 100 },
  )
})

t.test('one export: who says it, and all spans', async t => {
  const spans = [serverSpan(exchange(decided(orders, 'new')), trace, epochOf), '{}']
  const resource = { service: 'shop "edge"', version: '1.2.3', instance: 'a-1/2' }
  t.match(JSON.parse(exportText(resource, spans)), {
    resourceSpans: [
      {
        resource: {
          attributes: [
            { key: 'service.name', value: { stringValue: 'shop "edge"' } },
            { key: 'service.version', value: { stringValue: '1.2.3' } },
            { key: 'service.instance.id', value: { stringValue: 'a-1/2' } },
          ],
        },
        scopeSpans: [{ scope: { name: 'banyan', version: '1.2.3' }, spans: [{ name: 'GET /orders/:id' }, {}] }],
      },
    ],
  })
})
