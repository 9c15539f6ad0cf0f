// Which fields cross, which do not, and what the proxy writes itself.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { type Forwarded, readFacts, requestHeaders, responseHeaders } from '../../src/proxy/headers.ts'

const direct: Forwarded = { peer: '192.0.2.1', trusted: false, client: '192.0.2.1', proto: 'http', port: 8080 }

function sent(headers: string[], more: Partial<Parameters<typeof requestHeaders>[1]> = {}): string[] {
  return requestHeaders(headers, {
    facts: readFacts(headers),
    forwarded: direct,
    host: null,
    ownCookie: 'banyan_id',
    withheld: null,
    traceparent: '00-t-s-01',
    loopMark: null,
    ...more,
  })
}

const ours = [
  'X-Forwarded-For',
  '192.0.2.1',
  'X-Forwarded-Proto',
  'http',
  'X-Forwarded-Host',
  'a',
  'X-Forwarded-Port',
  '8080',
]

t.test('order, case and repetition stay; hop-by-hop fields end here', async t => {
  t.same(
    sent(['Host', 'a', 'X-B', '1', 'x-a', '2', 'X-B', '3', 'TE', 'trailers', 'keep-alive', '5', 'traceparent', 'p']),
    [...['Host', 'a', 'X-B', '1', 'x-a', '2', 'X-B', '3', 'traceparent', 'p'], ...ours],
  )
})

t.test('what Connection names is dropped, but never framing, Host or what we write', async t => {
  const named = 'X-Hop, Content-Length, Host, X-Forwarded-For, traceparent, Cookie'
  t.same(sent(['Host', 'a', 'Connection', named, 'X-Hop', '1', 'Content-Length', '3', 'Cookie', 'c=1']), [
    ...['Host', 'a', 'Content-Length', '3', 'traceparent', '00-t-s-01'],
    ...ours,
  ])
})

t.test('our cookie and the override header are withheld; other cookies stay byte for byte', async t => {
  const out = sent(['Host', 'a', 'Cookie', 'x=1; banyan_id=i.s;y=2', 'X-Side', 'new'], { withheld: 'x-side' })
  t.same(out.slice(0, 4), ['Host', 'a', 'Cookie', 'x=1;y=2'])
  t.notOk(out.includes('X-Side'))
  t.notOk(sent(['Host', 'a', 'Cookie', 'banyan_id=i.s']).includes('Cookie'))
  t.same(sent(['Host', 'a', 'Cookie', ' odd ;; =x'])[3], ' odd ;; =x')
})

t.test('the Host of the backend, the mark of the loop', async t => {
  const out = sent(['Host', 'a'], { host: 'b.internal', loopMark: 'm' })
  t.same(out.slice(0, 6), ['Host', 'b.internal', 'traceparent', '00-t-s-01', 'X-Banyan-Loop', 'm'])
  t.equal(out[out.indexOf('X-Forwarded-Host') + 1], 'a', 'what the client asked for is told')
})

t.test('facts', async t => {
  t.match(readFacts(['Host', 'a', 'host', 'b']), { host: 'a', hosts: 2, hasBody: false, coding: null })
  t.match(readFacts(['Transfer-Encoding', ' Chunked ']), { hasBody: true, coding: 'chunked' })
  for (const coding of ['gzip, chunked', 'identity', '', ',chunked', 'chunked,']) {
    t.equal(readFacts(['Transfer-Encoding', coding]).coding, 'other', coding)
  }
  t.equal(readFacts(['Transfer-Encoding', 'chunked', 'TRANSFER-ENCODING', 'chunked']).coding, 'other')
  t.equal(readFacts(['Content-Length', '0']).hasBody, false)
  t.equal(readFacts(['Content-Length', '7']).hasBody, true)
})

t.test('answers: the same, and no length in a 204', async t => {
  const raw = (...texts: string[]) => texts.map(text => Buffer.from(text, 'latin1'))
  t.same(
    responseHeaders(
      200,
      raw('Set-Cookie', 'a', 'set-cookie', 'b\xe9', 'Connection', 'X-Hop', 'X-Hop', '1', 'Keep-Alive', 'x'),
      false,
    ),
    [...['Set-Cookie', 'a', 'set-cookie', 'b\xe9']],
  )
  t.same(responseHeaders(204, raw('Content-Length', '6'), false), [])
  t.same(responseHeaders(304, raw('Content-Length', '6'), false), ['Content-Length', '6'])
  t.throws(() => responseHeaders(200, raw('Transfer-Encoding', 'gzip, chunked'), false))
  t.same(responseHeaders(200, raw('Trailer', 'x'), true), ['Trailer', 'x'])
})

t.test('names that clients invent are not remembered when they are long', async t => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  gc()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 1000; i++) readFacts([`X${i}${'a'.repeat(60_000)}`, 'b'])
  gc()
  const kept = process.memoryUsage().heapUsed - before
  t.ok(kept < 20e6, `${Math.round(kept / 1e6)} MB kept of 60 MB of names`)
})
