// One export over real sockets: what a collector may answer, and that nothing of it is an exception.

import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import t from 'tap'
import { createPost, type PostParts } from '../../src/telemetry/post.ts'
import { rawBackend } from '../e2e/harness.ts'
import { collector } from './collector.ts'

const NOW = Date.parse('2027-01-15T10:00:00Z')

function posting(t: Test, endpoint: string, more: Partial<PostParts> = {}) {
  const { post, close } = createPost({ endpoint, headers: [], refuse: () => null, now: () => NOW, ...more })
  t.teardown(close)
  return (timeoutMs = 5_000) => post(Buffer.from('{"resourceSpans":[]}'), timeoutMs)
}

/** Answers each request with these bytes. */
async function saying(t: Test, answer: string | ((socket: Socket) => void)): Promise<string> {
  const { url } = await rawBackend(t, socket =>
    socket.on('data', () => (typeof answer === 'string' ? socket.end(answer) : answer(socket))),
  )
  return `${url}/v1/traces`
}

t.test('posted as JSON, with its headers, on one connection', async t => {
  const to = await collector(t)
  const post = posting(t, to.url, { headers: [['x-key', 'hunter2']] })
  t.same(await post(), { kind: 'taken', rejected: 0 })
  t.same(await post(), { kind: 'taken', rejected: 0 })
  t.equal(to.requests.length, 2)
  const [first, second] = to.requests
  t.match(first, {
    method: 'POST',
    url: '/v1/traces',
    headers: { 'content-type': 'application/json', 'x-key': 'hunter2' },
  })
  t.equal(first?.socket, second?.socket)
})

t.test('a kept connection that it has closed is no failure', async t => {
  let connections = 0
  // Says that it stays, and is gone when it is asked again.
  const post = posting(
    t,
    await saying(t, socket => {
      if (socket.bytesWritten > 0) socket.resetAndDestroy()
      else {
        connections++
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
      }
    }),
  )
  t.same(await post(), { kind: 'taken', rejected: 0 })
  t.same(await post(), { kind: 'taken', rejected: 0 })
  t.equal(connections, 2)
})

t.test('partial success, and answers that say nothing', async t => {
  for (const [text, rejected] of [
    ['{"partialSuccess":{"rejectedSpans":"3","errorMessage":"x"}}', 3],
    ['{"partialSuccess":{"rejectedSpans":2}}', 2],
    ['{"partialSuccess":{"rejectedSpans":-2}}', 0],
    ['{"partialSuccess":{"rejectedSpans":"many"}}', 0],
    ['{"partialSuccess":null}', 0],
    ['null', 0],
    ['<html>', 0],
    ['', 0],
  ] as const) {
    const to = await collector(t, res => res.end(text))
    t.same(await posting(t, to.url)(), { kind: 'taken', rejected }, text)
  }
})

t.test('statuses: some may be tried again, with what it says of when', async t => {
  for (const [status, mayTryAgain, after, afterMs] of [
    [400, false, null, null],
    [401, false, null, null],
    [404, false, null, null],
    [302, false, null, null],
    [500, false, null, null],
    [429, true, '7', 7_000],
    [503, true, 'Fri, 15 Jan 2027 10:00:20 GMT', 20_000],
    [503, true, 'Fri, 15 Jan 2027 09:00:00 GMT', 0],
    [502, true, 'soon', null],
    [504, true, null, null],
  ] as const) {
    const to = await collector(t, res => {
      res.writeHead(status, { location: 'http://127.0.0.1:1/', ...(after === null ? {} : { 'retry-after': after }) })
      res.end('no')
    })
    const expected = { kind: 'refused', why: `status ${status}`, mayTryAgain, afterMs }
    t.same(await posting(t, to.url)(), expected, String(status))
    t.equal(to.requests.length, 1, 'no redirect is followed')
  }
})

t.test('a port where nobody listens', async t => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  const refused = { kind: 'refused', why: 'ECONNREFUSED', mayTryAgain: true, afterMs: null }
  t.same(await posting(t, `http://127.0.0.1:${port}/v1/traces`)(), refused)
})

t.test('one that never answers, or never ends', async t => {
  t.match(await posting(t, await saying(t, () => {}))(50), { kind: 'refused', why: 'timeout' })
  const endless = await saying(t, socket => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
    const more = () => {
      while (!socket.destroyed && socket.write(chunk));
    }
    socket.on('drain', more)
    more()
  })
  t.match(await posting(t, endless)(), { kind: 'taken', rejected: 0 }, 'it has said yes; the rest is not read')
})

t.test('bytes that are no answer', async t => {
  for (const answer of [
    'SSH-2.0-OpenSSH\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
    '',
  ]) {
    const posted = await posting(t, await saying(t, answer))()
    t.match(posted, { kind: 'refused', mayTryAgain: true }, answer)
    t.match(posted.kind === 'refused' && posted.why, /^[A-Za-z_]+$/, 'a word, nothing that it sent')
  }
})

t.test('a connection that leads where it must not carries not a byte', async t => {
  const seen: Buffer[] = []
  const { url } = await rawBackend(t, socket => socket.on('data', bytes => seen.push(bytes)))
  const refuse = () => Object.assign(new Error('ours'), { code: 'BANYAN_OWN_LISTENER' })
  t.match(await posting(t, `${url}/v1/traces`, { refuse })(), { kind: 'refused', why: 'BANYAN_OWN_LISTENER' })
  t.same(seen, [])
})
