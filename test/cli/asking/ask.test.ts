// One answer off the wire, as it is: order, case, bytes, trailers, 1xx; and servers that lie, hang or never end.
import t, { type Test } from 'tap'
import type { Outcome, SafeMethod } from '../../../src/cli/asking/answer.ts'
import { type Asker, type AskerOptions, createAsker } from '../../../src/cli/asking/ask.ts'
import { createBody } from '../../../src/cli/asking/body.ts'
import { type Script, said, type WireServer, wireServer } from './wire.ts'

async function asking(t: Test, script: Script, changed: Partial<AskerOptions> = {}): Promise<WireServer & Asker> {
  const server = await wireServer(t, script)
  const asker = createAsker({
    origin: new URL(server.url),
    host: 'shop.example.com',
    headers: [],
    concurrency: 1,
    timeoutMs: 5000,
    takeBody: () => createBody(1024 * 1024),
    tls: { ca: null, insecure: false, servername: null },
    now: () => performance.now(),
    over: new AbortController().signal,
    ...changed,
  })
  t.teardown(() => asker.close())
  return { ...server, ...asker }
}

const get = (target: string, method: SafeMethod = 'GET', host: string | null = null) => ({
  method,
  target,
  host,
  template: '',
})
const failure = (outcome: Outcome) => (outcome.kind === 'failure' ? `${outcome.phase}: ${outcome.why}` : outcome)

t.test('as it is on the wire', async t => {
  const { ask, heads } = await asking(
    t,
    () =>
      'HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 207 Fa\xe7on  d\xeatre\r\nset-COOKIE: a=1\r\nX-B: \xff\r\nSet-Cookie: b=2\r\n' +
      'Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 9\r\nx-sum: 8\r\n\r\n',
    {
      headers: [
        ['X-Mine', 'a'],
        ['x-mine', '\xe4'],
      ],
    },
  )
  const answer = await ask(get('//a/../b?%zz&x={|}'))
  t.match(answer, {
    kind: 'answer',
    version: '1.1',
    status: 207,
    reason: 'Fa\xe7on  d\xeatre',
    fields: [
      ['set-COOKIE', 'a=1'],
      ['X-B', '\xff'],
      ['Set-Cookie', 'b=2'],
      ['Transfer-Encoding', 'chunked'],
      ['Trailer', 'X-Sum'],
    ],
    interim: [{ status: 103, reason: 'Early', fields: [['Link', '</a>']] }],
    trailers: [
      ['X-Sum', '9'],
      ['x-sum', '8'],
    ],
    body: { length: 5, cut: false },
  })
  t.equal(
    heads[0],
    'GET //a/../b?%zz&x={|} HTTP/1.1\r\nHost: shop.example.com\r\nX-Mine: a\r\nx-mine: \xe4\r\nConnection: keep-alive',
  )
})

t.test('a redirect is an answer; the connection is kept; HEAD has no body', async t => {
  const { ask, sockets, heads } = await asking(t, (_, head) =>
    head.startsWith('HEAD')
      ? said(['Location: /b'], '', 'HTTP/1.1 302 Found')
      : said(['Location: /b'], 'x', 'HTTP/1.1 302 Found'),
  )
  t.match(await ask(get('/a')), { status: 302, body: { length: 1 } })
  t.match(await ask(get('/a', 'HEAD', 'other')), { status: 302, body: { length: 0 } })
  t.match(heads[1], /^HEAD \/a HTTP\/1\.1\r\nHost: other\r\n/)
  t.equal(heads.length, 2)
  t.equal(sockets.size, 1)
})

t.test('HTTP/1.0 until the end of the connection', async t => {
  const { ask } = await asking(t, () => socket => socket.end('HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\nhello'))
  t.match(await ask(get('/')), { version: '1.0', body: { length: 5 } })
})

t.test('a kept connection that is closed just then is tried once more', async t => {
  const { ask, heads } = await asking(t, (_target, _head, nth) => (nth === 2 ? socket => socket.destroy() : said([])))
  t.match(await ask(get('/1')), { status: 200 })
  t.match(await ask(get('/2')), { status: 200 })
  t.equal(heads.length, 3)
})

t.test('servers that lie or hang', async t => {
  const scripts: Readonly<Record<string, Script>> = {
    silent: () => () => {},
    stuck: () => 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc',
    short: () => socket => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'),
    unchunked: () => socket => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc'),
    rude: () => socket => socket.resetAndDestroy(),
    foreign: () => 'SSH-2.0-OpenSSH_9\r\n\r\n',
    head: () => `HTTP/1.1 200 OK\r\n${'X: 1234567890\r\n'.repeat(100_000)}\r\n`,
    interim: () => 'HTTP/1.1 102 P\r\n\r\n'.repeat(1000),
  }
  const found: Record<string, unknown> = {}
  for (const [name, script] of Object.entries(scripts)) {
    const { ask } = await asking(t, script, { timeoutMs: 300 })
    found[name] = failure(await ask(get('/')))
  }
  t.match(found, {
    silent: 'answer: no answer within 0.3 s',
    stuck: 'body: the answer did not end within 0.3 s',
    short: 'body: the answer was cut after 3 bytes of its body',
    unchunked: 'body: the answer was cut after 3 bytes of its body',
    rude: 'answer: the connection was cut before an answer',
    foreign: /^answer: not an HTTP answer/,
    head: 'answer: the head of its answer is too large',
    interim: 'answer: more than 32 informational answers',
  })
})

t.test('a body without end is read up to the bound', async t => {
  const { ask, sockets } = await asking(
    t,
    () => socket => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      const chunk = Buffer.alloc(65_536, 'x')
      const pour = () => {
        while (!socket.destroyed && socket.write(chunk));
      }
      socket.on('drain', pour)
      pour()
    },
    { takeBody: () => createBody(100_000) },
  )
  t.match(await ask(get('/')), { body: { length: 100_000, cut: true } })
  await new Promise(resolve => setTimeout(resolve, 50))
  t.equal(sockets.size, 0, 'and let go')
})

t.test('nobody there; stopped', async t => {
  const closed = await asking(t, () => said([]), { origin: new URL('http://127.0.0.1:1') })
  t.equal(failure(await closed.ask(get('/'))), 'connect: nothing listens there')
  const over = new AbortController()
  const { ask } = await asking(t, () => () => over.abort(), { over: over.signal })
  t.equal(failure(await ask(get('/'))), 'answer: stopped')
  t.equal(failure(await ask(get('/'))), 'connect: stopped')
})
