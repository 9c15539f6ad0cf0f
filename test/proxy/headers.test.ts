// Which fields cross, which do not, and what the proxy writes itself.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { Forwarded } from '../../src/proxy/client.ts'
import { answerText, type RequestRewrite, requestText } from '../../src/proxy/headers.ts'
import { CHUNKED, NO_BODY } from '../../src/wire/framing.ts'
import { readAnswer, readRequest } from '../../src/wire/head.ts'
import { STRICT } from '../../src/wire/lenience.ts'

const direct: Forwarded = {
  peer: '192.0.2.1',
  trusted: false,
  introduced: false,
  client: '192.0.2.1',
  proto: 'http',
  port: 8080,
  host: null,
}

function sent(lines: readonly string[], more: Partial<RequestRewrite> = {}): string[] {
  const request = readRequest(`GET /a HTTP/1.1\r\n${lines.map(line => `${line}\r\n`).join('')}\r\n`, 100)
  const text = requestText(request, {
    forwarded: direct,
    target: '/a',
    host: null,
    missingHost: 'backend',
    framing: NO_BODY,
    version: '1.1',
    stays: true,
    upgrades: false,
    expects: false,
    withheld: null,
    hidesLinks: false,
    // As `accept` makes it.
    traceparent: lines.some(line => /^traceparent:/i.test(line)) ? '' : '00-t-s-01',
    restartsTrace: false,
    loopMark: null,
    changes: null,
    cookie: null,
    condition: null,
    ...more,
  })
  t.ok(text.endsWith('\r\n\r\n'))
  return text.slice(0, -4).split('\r\n').slice(1)
}

const ours = ['X-Forwarded-For: 192.0.2.1', 'X-Forwarded-Proto: http', 'X-Forwarded-Host: a', 'X-Forwarded-Port: 8080']

t.test('order, case, repetition and blanks stay; hop-by-hop fields end here', async t => {
  t.same(sent(['Host: a', 'X-B:  1', 'x-a:2 ', 'X-B: 3', 'TE: gzip', 'keep-alive: 5', 'traceparent: p']), [
    ...['Host: a', 'X-B:  1', 'x-a:2 ', 'X-B: 3', 'traceparent: p'],
    ...ours,
  ])
})

t.test('what Connection names is dropped, but never framing, Host or what we write', async t => {
  const named = 'Connection: X-Hop, Content-Length, Host, X-Forwarded-For, traceparent, Cookie'
  t.same(
    sent(['Host: a', named, 'X-Hop: 1', 'Content-Length: 3', 'Cookie: c=1'], { framing: { kind: 'length', bytes: 3 } }),
    [...['Host: a', 'Content-Length: 3', 'traceparent: 00-t-s-01'], ...ours],
  )
})

t.test('traceparent: ours where there is none, instead of the client’s where it is told, else as it came', async t => {
  const client = ['Host: a', 'TraceParent:  p', 'tracestate: a=b']
  t.same(sent(client, { traceparent: '' }), [...client, ...ours])
  t.same(sent(client, { traceparent: 'q' }), ['Host: a', 'TraceParent: q', 'tracestate: a=b', ...ours])
  t.same(sent(['Host: a'], { traceparent: 'q' }), ['Host: a', 'traceparent: q', ...ours])
  const two = ['Host: a', 'TraceParent: p', 'TraceState: a=b', 'traceparent: p', 'tracestate: c=d']
  t.same(sent(two, { traceparent: '' }), [...two, ...ours])
  t.same(sent(two, { traceparent: 'q', restartsTrace: true }), ['Host: a', 'TraceParent: q', ...ours])
  const changes = { remove: new Set(['traceparent']), set: [['traceparent', 's']] as const }
  t.same(sent(client, { traceparent: 'q', changes }), ['Host: a', 'tracestate: a=b', ...ours, 'traceparent: s'])
})

t.test('framing is written by what is sent', async t => {
  const chunked = ['Host: a', 'Transfer-Encoding: Chunked', 'traceparent: p']
  t.same(sent(chunked, { framing: CHUNKED })[1], 'Transfer-Encoding: chunked')
  const buffered = sent(chunked, { framing: { kind: 'length', bytes: 7 } })
  t.ok(buffered.includes('Content-Length: 7'))
  t.notOk(buffered.some(line => /transfer/i.test(line)))
})

t.test('spellings that fold onto our names are dropped', async t => {
  const twins = ['X_Forwarded_For: 1', 'x.real.ip: 1', 'X_Banyan_Loop: 1', 'Forwarded: for=1']
  t.same(sent(['Host: a', ...twins, 'X_Other: 1', 'traceparent: p']).slice(0, 3), [
    'Host: a',
    'X_Other: 1',
    'traceparent: p',
  ])
})

t.test('a side’s own cookies, headers and Host; the override header is withheld', async t => {
  const out = sent(['Host: a', 'Cookie: x=1; banyan_id=i', 'X-Side: new', 'X-Old: 1', 'traceparent: p'], {
    host: 'b.internal',
    withheld: 'x-side',
    cookie: () => 'x=1',
    changes: { remove: new Set(['x-old']), set: [['X-New', '2']] },
    loopMark: 'm',
  })
  t.same(out.slice(0, 4), ['Host: b.internal', 'Cookie: x=1', 'traceparent: p', 'X-Banyan-Loop: m'])
  t.equal(out.at(-1), 'X-New: 2')
  t.notOk(sent(['Host: a', 'Cookie: c=1'], { cookie: () => '' }).some(line => /cookie/i.test(line)))
})

t.test('what a side removes or sets itself reaches it from nobody else', async t => {
  const remove = new Set(['x-old', 'cookie', 'traceparent', 'x-forwarded-for', 'x-forwarded-proto', 'x-real-ip'])
  const given = ['X-Old: 1', 'x_old: 2', 'X.Old: 3', 'x_older: 4', 'Cookie: a=1', 'X-Real-IP: 9.9.9.9']
  const changes = { remove, set: [['X-Forwarded-Proto', 'https']] as const }
  t.same(sent(['Host: a', 'Connection: X-Forwarded-Proto, X-Old', ...given], { changes }), [
    'Host: a',
    'x_older: 4',
    'X-Forwarded-Host: a',
    'X-Forwarded-Port: 8080',
    'X-Forwarded-Proto: https',
  ])
})

function got(head: string, more: Partial<Parameters<typeof answerText>[1]> = {}): string {
  const found = readAnswer(`${head}\r\n\r\n`, 100, STRICT)
  if (found === null) throw new Error('not a head')
  return answerText(found.answer, {
    framing: NO_BODY,
    closes: false,
    confirmsStay: false,
    ownLines: '',
    special: null,
    ...more,
  })
}

t.test('answers: the same bytes, without hop-by-hop fields; no length in a 204', async t => {
  t.equal(
    got(
      'HTTP/1.1 200 D\xe9j\xe0\r\nSet-Cookie: a\r\nset-cookie:b\xe9\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: x',
    ),
    'HTTP/1.1 200 D\xe9j\xe0\r\nSet-Cookie: a\r\nset-cookie:b\xe9\r\n\r\n',
  )
  t.equal(got('HTTP/1.1 204 No Content\r\nContent-Length: 6'), 'HTTP/1.1 204 No Content\r\n\r\n')
  t.match(got('HTTP/1.1 304 Not Modified\r\nContent-Length: 6'), /Content-Length: 6\r\n/)
  t.match(got('HTTP/1.1 426 Upgrade Required\r\nUpgrade: h2c'), /Upgrade: h2c\r\nConnection: Upgrade\r\n/)
})

t.test('answers: framing and the end of the connection are ours', async t => {
  t.equal(
    got('HTTP/1.1 200 OK\r\nA: 1\r\nTrailer: x', { framing: CHUNKED, closes: true }),
    'HTTP/1.1 200 OK\r\nA: 1\r\nTrailer: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n',
  )
  t.equal(
    got('HTTP/1.1 200 OK\r\nTrailer: x\r\nTransfer-Encoding: chunked', { framing: { kind: 'close' } }),
    'HTTP/1.1 200 OK\r\n\r\n',
  )
})

t.test('names that clients invent are not remembered when they are long', async t => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  gc()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 1000; i++) sent(['Host: a', `X${i}${'a'.repeat(60_000)}: b`])
  gc()
  const kept = process.memoryUsage().heapUsed - before
  t.ok(kept < 20e6, `${Math.round(kept / 1e6)} MB kept of 60 MB of names`)
})

t.test('what a named forwarder tells in Forwarded only, backends hear in X-Forwarded-* too', async t => {
  const forwarded = {
    ...direct,
    trusted: true,
    client: '198.51.100.7',
    proto: 'https',
    port: 443,
    host: 'shop.test',
  } as const
  const text = 'for=198.51.100.7;proto=https;host=shop.test'
  const lines = sent(['Host: a', `Forwarded: ${text}`], { forwarded })
  for (const line of [
    'X-Forwarded-For: 198.51.100.7, 192.0.2.1',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: shop.test',
    'X-Forwarded-Port: 443',
    `Forwarded: ${text}, for=192.0.2.1;proto=https`,
  ])
    t.ok(lines.includes(line), line)
})
