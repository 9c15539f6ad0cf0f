// `banyan transparent` against the real proxy: pass-through is n of n identical, and what is configured to differ is found.
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run } from '../cli/fake-admin.ts'
import { httpBackend, rawBackend, startBanyan, temporary } from './harness.ts'
import { noPem, one, secureBackend } from './secure.ts'

/** Answers of old and odd backends, by path. */
const ANSWERS: Readonly<Record<string, string>> = {
  '/plain': 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello',
  '/case': 'HTTP/1.1 200 Ok, Fine\r\nx-LOWER: 1\r\nX-Upper: 2\r\ncontent-length: 2\r\nSERVER: Old/1\r\n\r\nab',
  '/latin1': 'HTTP/1.1 200 Fa\xe7on\r\nX-Name: M\xfcller\r\nContent-Length: 3\r\n\r\n\xe4\x00\xff',
  '/cookies':
    'HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nX-A: 1\r\nset-cookie: b=2\r\nX-a: 2\r\nContent-Length: 0\r\n\r\n',
  '/no-reason': 'HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx',
  '/none': 'HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n',
  '/unchanged': 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 99\r\n\r\n',
  '/moved': 'HTTP/1.1 302 Found\r\nLocation: http://10.0.0.5:3001/x?token=a\r\nContent-Length: 0\r\n\r\n',
  '/broken': 'HTTP/1.1 500 Oops\r\nContent-Length: 4\r\nRetry-After: 1\r\n\r\noops',
  '/odd-status': 'HTTP/1.1 299 Odd\r\nContent-Length: 1\r\n\r\nx',
  '/chunked': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n',
  '/trailers':
    'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 9\r\nx-more: 8\r\n\r\n',
  '/hints':
    'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  '/apache':
    'HTTP/1.1 200 OK\r\nServer: Apache\r\nUpgrade: h2,h2c\r\nConnection: Upgrade, Keep-Alive\r\nKeep-Alive: timeout=5, max=99\r\nContent-Length: 2\r\n\r\nok',
  '/aged':
    'HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nAge: 5\r\nVia: 1.0 old\r\nContent-Length: 2\r\n\r\nok',
  '/long': `HTTP/1.1 200 OK\r\nContent-Length: 300000\r\nX-Long: ${'y'.repeat(4000)}\r\n\r\n${createHash('sha512').update('x').digest('hex').repeat(2344).slice(0, 300_000)}`,
}
const UNTIL_CLOSE = 'HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold and short'

function serve(answerOf: (target: string) => string): (socket: Socket) => void {
  return socket => {
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', chunk => {
      text += chunk
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const [method = '', target = ''] = text.slice(0, end).split(' ')
        text = text.slice(end + 4)
        const answer = answerOf(target)
        const head = answer.slice(0, answer.indexOf('\r\n\r\n') + 4)
        socket.write(method === 'HEAD' ? head : answer, 'latin1')
        if (answer.startsWith('HTTP/1.0')) socket.end()
      }
    })
  }
}

const answerOf = (target: string): string => ANSWERS[target.split('?')[0] ?? ''] ?? ANSWERS['/plain']!

async function prove(t: Test, direct: string, via: string, lines: readonly string[], flags: readonly string[] = []) {
  const argv = ['transparent', '--direct', direct, '--via', via, '--from', '-', '--rate', '5000', '--json', ...flags]
  const { code, out, err } = await run(null, argv, { stdin: lines.join('\n') })
  t.not(out, '', err)
  return { code, report: JSON.parse(out) }
}

t.test('pass-through: n of n identical, whatever the backend says', async t => {
  const backend = await rawBackend(t, serve(answerOf))
  const banyan = await startBanyan(t, { backends: { legacy: { url: backend.url } }, default: 'legacy' })
  const targets = Object.keys(ANSWERS)
  const lines = [
    ...targets.flatMap(target => [`GET ${target}`, `OPTIONS ${target}`]),
    // /hints has two heads.
    ...targets.filter(target => target !== '/hints').map(target => `HEAD ${target}`),
    '//double//slash',
    '/%2F/..%2f?a=%zz',
    '/a?b=c&d[]=1|2',
    '/%E4%00',
  ]
  for (const concurrency of ['1', '8']) {
    const { code, report } = await prove(t, backend.url, `http://127.0.0.1:${banyan.port}`, lines, [
      '--concurrency',
      concurrency,
    ])
    t.same(report.differences, [])
    t.match(report, { verdict: 'identical', identical: lines.length, asked: lines.length, varies: 0, reframed: [] })
    t.equal(code, 0)
    t.ok(report.time.pairs > 0)
  }
})

t.test('an HTTP/1.0 backend: the framing is told, nothing else differs', async t => {
  const backend = await rawBackend(
    t,
    serve(() => UNTIL_CLOSE),
  )
  const banyan = await startBanyan(t, { backends: { legacy: { url: backend.url } }, default: 'legacy' })
  const { code, report } = await prove(t, backend.url, `http://127.0.0.1:${banyan.port}`, ['/a', '/b', 'HEAD /c'])
  t.same(report.differences, [])
  t.match(report, { verdict: 'identical', identical: 3 })
  t.match(report.reframed, [
    { what: 'protocol version', count: 3 },
    { what: 'framing', direct: 'until the connection closes', count: 2 },
  ])
  t.equal(code, 0)
})

t.test('what the proxy is told to change is found', async t => {
  const backend = await rawBackend(t, serve(answerOf))
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: backend.url }, new: { url: backend.url } },
    default: 'legacy',
    routes: [
      {
        id: 'plain',
        match: { path: '/plain' },
        legacy: 'legacy',
        new: 'new',
        data: 'shared',
        weight: 50,
        sticky: ['auto'],
      },
    ],
  })
  const { code, report } = await prove(t, backend.url, `http://127.0.0.1:${banyan.port}`, ['/plain', '/case'])
  t.equal(code, 1)
  t.match(report, {
    identical: 1,
    different: 1,
    differences: [{ what: 'header set-cookie: added', template: '/plain' }],
  })
  t.match(report.differences[0].example.via, /^banyan_id=\*\*\*/)
})

t.test('a backend that is gone: both ways fail, each in its words', async t => {
  const backend = await rawBackend(t, socket => socket.destroy())
  const banyan = await startBanyan(t, { backends: { legacy: { url: backend.url } }, default: 'legacy' })
  const { code, report } = await prove(t, backend.url, `http://127.0.0.1:${banyan.port}`, ['/a', '/b'])
  t.equal(code, 4)
  t.match(report, { verdict: 'inconclusive', failed: { direct: 2, both: 0 } })
})

t.test('TLS: verified unless said otherwise; --host is the name that is asked for', { skip: noPem }, async t => {
  const backend = await secureBackend(t, one)
  const plain = await httpBackend(t, (_req, res) => res.end('ok'))
  const ca = join(temporary(t), 'ca.pem')
  writeFileSync(ca, one.cert)
  const argv = (...more: readonly string[]) => [
    'transparent',
    '--direct',
    backend.url,
    '--via',
    plain.url,
    '--from',
    '-',
    ...more,
  ]
  const refused = await run(null, argv(), { stdin: '/a' })
  t.match(refused, { code: 8, err: /cannot be reached: self-signed certificate\n {2}trust it with --ca/ })
  t.match(await run(null, argv('--ca', ca), { stdin: '/a' }), { code: 8, err: /cannot be reached: .*127\.0\.0\.1/ })
  t.match(await run(null, argv('--ca', ca, '--host', 'one.example'), { stdin: '/a' }), {
    code: 0,
    out: /^1 of 1 identical/,
  })
  t.match(await run(null, argv('--insecure'), { stdin: '/a' }), { code: 0 })
  t.equal(backend.seen[0]?.headers.host, 'one.example')
})
