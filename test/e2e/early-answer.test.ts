// A backend that answers in the middle of an upload and closes: its answer always arrives, however the upload is cut short.

import type { AddressInfo, Socket } from 'node:net'
import { createServer as createTls } from 'node:tls'
import t, { type Test } from 'tap'
import { makePem } from '../config/pem.ts'
import { eventually, httpBackend, type RawClient, rawBackend, rawClient, startBanyan } from './harness.ts'

const TRIES = 200
const BODY = Buffer.alloc(5_000_000, 'x')
const ANSWER = 'HTTP/1.1 413 Too Big\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig'

type Backends = Record<string, unknown>

function passThrough(url: string, more: Backends = {}): Record<string, unknown> {
  return { backends: { legacy: { url, ...more } } }
}

/** Answers the first bytes, reads no more, and goes. */
function hasty(answer: string, go: (socket: Socket) => void = socket => socket.destroySoon()) {
  return (socket: Socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.pause()
      socket.write(answer, 'latin1', () => go(socket))
    })
  }
}

function uploadSized(client: RawClient): void {
  client.send(`POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY.length}\r\n\r\n`)
  for (let at = 0; at < BODY.length; at += 200_000) client.socket.write(BODY.subarray(at, at + 200_000))
}

function uploadChunked(client: RawClient): void {
  client.send('POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  for (let at = 0; at < BODY.length; at += 50_000) {
    client.send('c350\r\n')
    client.socket.write(BODY.subarray(at, at + 50_000))
    client.send('\r\n')
  }
  client.send('0\r\n\r\n')
}

/** Uploads again and again; how often each text came back. */
async function answers(t: Test, port: number, upload: (client: RawClient) => void, tries: number) {
  const seen: Record<string, number> = {}
  for (let i = 0; i < tries; i++) {
    const client = rawClient(t, port)
    upload(client)
    const text = await client.closed
    const short = `${text.slice(9, 12)} … ${text.slice(-3).replace(/\s/g, '.')}`
    seen[short] = (seen[short] ?? 0) + 1
  }
  return seen
}

t.test('an answer while 5 MB are on their way', async t => {
  const backend = await rawBackend(t, hasty(ANSWER))
  const banyan = await startBanyan(t, passThrough(backend.url))
  t.same(await answers(t, banyan.port, uploadSized, TRIES), { '413 … big': TRIES })
  t.same(await answers(t, banyan.port, uploadChunked, TRIES / 4), { '413 … big': TRIES / 4 })
})

t.test('an answer whose end is the end of the connection', async t => {
  const backend = await rawBackend(t, hasty('HTTP/1.1 413 Too Big\r\nConnection: close\r\n\r\nbig'))
  const banyan = await startBanyan(t, passThrough(backend.url))
  const seen = await answers(t, banyan.port, uploadSized, 20)
  t.same(seen, { '413 … ...': 20 }, 'with its last chunk')
})

t.test('a connection that is used again, towards node:http', async t => {
  const backend = await httpBackend(t, (req, res) => {
    if (req.method === 'GET') {
      res.end('ok!')
      return
    }
    res.writeHead(413, { 'content-length': '3', connection: 'close' }).end('big')
    res.on('finish', () => req.socket.destroySoon())
  })
  const banyan = await startBanyan(t, passThrough(backend.url))
  const seen: string[] = []
  for (let i = 0; i < 20; i++) {
    const client = rawClient(t, banyan.port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until(text => text.endsWith('ok!'))
    uploadSized(client)
    const text = await client.closed
    seen.push(text.slice(text.lastIndexOf('HTTP/1.1'), -1).slice(9, 12))
  }
  t.same(
    seen,
    Array.from({ length: 20 }, () => '413'),
  )
})

t.test('a large answer of a backend that never reads the rest', async t => {
  const body = 'y'.repeat(600_000)
  const answer = `HTTP/1.1 413 Too Big\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const backend = await rawBackend(
    t,
    hasty(answer, socket => socket.end()),
  )
  const banyan = await startBanyan(t, passThrough(backend.url))
  const client = rawClient(t, banyan.port)
  uploadSized(client)
  const text = await client.closed
  t.match(text, /^HTTP\/1\.1 413/)
  t.equal(text.match(/y{2,}/)?.[0].length, body.length)
})

t.test('no answer at all, a half one, and one that is cut by a reset are failures', async t => {
  const rows: readonly (readonly [string, string, RegExp])[] = [
    ['nothing', '', /^HTTP\/1\.1 502[\s\S]*"backend_reset"/],
    ['half a head', 'HTTP/1.1 413 Too', /^HTTP\/1\.1 502[\s\S]*"backend_reset"/],
    ['half a body', 'HTTP/1.1 413 Too Big\r\nContent-Length: 9\r\n\r\nbig', /^HTTP\/1\.1 413[\s\S]*\r\n\r\n(big)?$/],
  ]
  for (const [name, answer, expected] of rows) {
    const backend = await rawBackend(t, hasty(answer))
    const banyan = await startBanyan(t, passThrough(backend.url))
    const client = rawClient(t, banyan.port)
    uploadSized(client)
    t.match(await client.closed, expected, name)
    await eventually(() => backend.sockets.every(socket => socket.destroyed), `${name}: nothing is left open`)
    await banyan.stop()
  }
})

t.test('whoever goes on uploading is listened to for a while, but not for ever', async t => {
  let skew = 0
  const clock = { now: () => Date.now(), monotonic: () => performance.now() + skew }
  const backend = await rawBackend(t, hasty(ANSWER))
  const banyan = await startBanyan(t, passThrough(backend.url), { clock })
  const client = rawClient(t, banyan.port)
  client.socket.allowHalfOpen = true
  client.send('POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nfirst')
  await client.until(text => text.endsWith('big'))
  const timer = setInterval(() => client.send('more'), 20)
  t.teardown(() => clearInterval(timer))
  const pass = async (ms: number) => {
    await new Promise(resolve => setTimeout(resolve, 600))
    skew += ms
  }
  await pass(0)
  await pass(10_000)
  await pass(0)
  t.notOk(client.socket.destroyed)
  await pass(25_000)
  t.match(await client.closed, /big$/)
})

const pem = makePem()

t.test('over TLS', { skip: pem === null ? 'there is no openssl here' : false }, async t => {
  const server = createTls({ cert: pem!.cert, key: pem!.key }, hasty(ANSWER))
  server.listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const banyan = await startBanyan(t, passThrough(`https://127.0.0.1:${port}`, { tls: { verify: false } }))
  t.same(await answers(t, banyan.port, uploadSized, 20), { '413 … big': 20 })
})
