// Answers that the proxy gives by itself: every code of the table can be had, in the form that the client asks for.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { shown } from '../../src/config/shown.ts'
import { configure } from '../../src/configured.ts'
import { type Banyan, eventually, httpBackend, rawBackend, rawClient, startBanyan, temporary } from './harness.ts'
import { writeConfig } from './process.ts'
import { noPem, one, secureBackend } from './secure.ts'

const NOBODY = 'http://127.0.0.1:1'

/** The answer to these bytes, on a connection of their own. */
async function say(t: Test, banyan: Banyan, bytes: string): Promise<{ head: string; body: string }> {
  const client = rawClient(t, banyan.port)
  client.send(bytes)
  const text = await client.until(text => {
    const end = text.indexOf('\r\n\r\n')
    const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1]
    return end !== -1 && (bytes.startsWith('HEAD') || text.length >= end + 4 + Number(length))
  })
  client.socket.destroy()
  const end = text.indexOf('\r\n\r\n')
  return { head: text.slice(0, end + 2), body: text.slice(end + 4) }
}

function get(fields: string, method = 'GET', path = '/'): string {
  return `${method} ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`
}

t.test('the form is the one that is asked for', async t => {
  const banyan = await startBanyan(t, { backends: { legacy: { url: NOBODY } } })
  const rows: readonly (readonly [string, string])[] = [
    ['', 'application/problem+json'],
    ['Accept: */*\r\n', 'application/problem+json'],
    ['Accept: application/json\r\n', 'application/problem+json'],
    ['Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n', 'text/html; charset=utf-8'],
    ['Accept: text/html;q=0.3\r\nAccept: text/plain\r\n', 'text/plain; charset=utf-8'],
    ['Accept: image/png\r\n', 'application/problem+json'],
  ]
  for (const [accept, type] of rows) {
    const { head, body } = await say(t, banyan, get(accept))
    t.match(head, /^HTTP\/1\.1 502 Bad Gateway\r\n/, accept)
    t.match(head, `\r\nContent-Type: ${type}\r\n`, accept)
    t.match(head, /\r\nVary: Accept, Origin\r\n/)
    t.match(head, /\r\nCache-Control: no-store\r\n/)
    t.match(body, /backend_connect/, accept)
    t.equal(Buffer.byteLength(body, 'latin1'), Number(/Content-Length: (\d+)/.exec(head)?.[1]), accept)
  }
  const { head, body } = await say(t, banyan, get('Accept: text/html\r\n', 'HEAD'))
  t.match(head, /^HTTP\/1\.1 502/)
  t.match(head, /\r\nContent-Length: [1-9]/, 'a HEAD says the length that a GET would have')
  t.equal(body, '')
})

t.test('the exchange id is in the answer and in what is observed', async t => {
  const seen: string[] = []
  const log = { line() {}, access: (exchange: { id: string }) => void seen.push(exchange.id), flush() {} }
  const banyan = await startBanyan(t, { backends: { legacy: { url: NOBODY } } }, { log: log as never })
  for (const bytes of [get(''), get('', 'GET', '/x y'), 'nonsense\r\n\r\n']) {
    const { exchange } = JSON.parse((await say(t, banyan, bytes)).body)
    t.match(exchange, /^\S{8,}$/)
    await eventually(() => seen.includes(exchange), exchange)
  }
  const html = (await say(t, banyan, get('Accept: text/html\r\n'))).body
  await eventually(() => seen.some(id => html.includes(id)), 'the page shows it')
})

t.test('a page of another origin may read it', async t => {
  const banyan = await startBanyan(t, { backends: { legacy: { url: NOBODY } } })
  const { head } = await say(t, banyan, get('Origin: https://shop.example\r\n'))
  t.match(
    head,
    /\r\nAccess-Control-Allow-Origin: https:\/\/shop\.example\r\nAccess-Control-Allow-Credentials: true\r\n/,
  )
  t.notMatch((await say(t, banyan, get(''))).head, /Access-Control/)
  t.notMatch((await say(t, banyan, get('Origin: a b\r\n'))).head, /Access-Control/)
})

t.test('the operator’s page, from a file, renewed by a reload', async t => {
  const directory = temporary(t)
  const write = (text: string) => writeFileSync(join(directory, 'page.html'), text)
  write('<h1>{status} {title}</h1><p>{code} {exchange} {nothing} {detail}')
  writeConfig(directory, {
    store: 'memory:',
    backends: { legacy: { url: NOBODY } },
    proxy: { errors: { page: 'file:page.html' } },
  })
  const file = join(directory, 'routes.yaml')
  const reread = async () => configure(await loadConfig({ file, env: {} }), shown, file, Date.now())
  const banyan = await startBanyan(t, {}, { configured: await reread(), reread })
  const html = get('Accept: text/html\r\n')
  t.match(
    (await say(t, banyan, html)).body,
    /^<h1>502 Bad Gateway<\/h1><p>backend_connect \S+ \{nothing\} legacy side: no/,
  )
  t.match((await say(t, banyan, get(''))).body, /^\{/, 'other clients get the document')
  write('<p>new {code}')
  await banyan.app.reload('test')
  t.equal((await say(t, banyan, html)).body, '<p>new backend_connect')
  t.match((await say(t, banyan, `${get('Accept: text/html\r\n', 'GET', '/')}`)).head, /text\/html/)
})

t.test('every code of the table', { skip: noPem }, async t => {
  const silent = await rawBackend(t, () => {})
  const closing = await rawBackend(t, socket => socket.once('data', () => socket.destroy()))
  const garbage = await rawBackend(t, socket => socket.once('data', () => socket.end('SMTP 220 hello\r\n\r\n')))
  const fine = await httpBackend(t, (_req, res) => res.end('fine'))
  const tls = await secureBackend(t, one)
  const refused = { url: NOBODY }
  const backends: Record<string, object> = {
    refused,
    closing: { url: closing.url },
    garbage: { url: garbage.url },
    silent: { url: silent.url, timeouts: { head: '200ms' } },
    busy: { url: silent.url, maxConcurrent: 1, queue: { size: 0 } },
    circuit: { ...refused, circuit: { min: 1, open: '1m' } },
    tls: { url: tls.url },
    fine: { url: fine.url },
  }
  const routes = Object.keys(backends).map(name => ({ id: name, match: { path: `/${name}` }, legacy: name }))
  const inside = { id: 'inside', match: { path: '/ambiguous/*' }, legacy: 'fine', ambiguous: 400 }
  const config = {
    backends,
    routes: [...routes, inside],
    proxy: {
      profile: 'standard',
      timeouts: { requestHead: '300ms' },
      limits: { target: '1KiB', fields: 20, body: '10B' },
    },
  }
  const banyan = await startBanyan(t, config)
  const hold = rawClient(t, banyan.port)
  hold.send(get('', 'GET', '/busy'))
  await eventually(() => silent.sockets.length > 0, 'the only place is taken')
  await say(t, banyan, get('', 'GET', '/circuit'))
  const at = (path: string, fields = '', method = 'GET') => get(fields, method, path)
  const rows: Record<string, readonly [string, number]> = {
    bad_request: ['nonsense\r\n\r\n', 400],
    ambiguous_path: [at('/nowhere/%2e%2e/ambiguous/x'), 400],
    host_mismatch: [at('http://b/'), 400],
    no_route: [at('/nowhere'), 404],
    method_refused: ['CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', 405],
    request_timeout: ['GET / HTTP/1.1\r\n', 408],
    body_too_large: [at('/fine', 'Content-Length: 11\r\n', 'POST'), 413],
    target_too_long: [at(`/fine?${'x'.repeat(2_000)}`), 414],
    expectation_failed: [at('/fine', 'Expect: a miracle\r\n'), 417],
    head_too_large: [at('/fine', `X: ${'x'.repeat(70_000)}\r\n`), 431],
    too_many_fields: [at('/fine', 'X: 1\r\n'.repeat(30)), 431],
    backend_connect: [at('/refused'), 502],
    backend_tls: [at('/tls'), 502],
    backend_reset: [at('/closing'), 502],
    backend_protocol: [at('/garbage'), 502],
    backend_busy: [at('/busy'), 503],
    circuit_open: [at('/circuit'), 503],
    backend_timeout: [at('/silent'), 504],
    version_unsupported: ['GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
  }
  for (const [code, [bytes, status]] of Object.entries(rows)) {
    const { head, body } = await say(t, banyan, bytes)
    const problem = JSON.parse(body)
    t.match(head, `HTTP/1.1 ${status} `, code)
    t.match(problem, { code, status, type: `urn:banyan:${code}` }, code)
    t.equal(/\r\nRetry-After: \d+\r\n/.test(head), status === 503, `${code}: Retry-After`)
    if (status === 405) t.match(head, /\r\nAllow: GET, HEAD, POST/)
    t.notMatch(body, /SMTP|miracle|nonsense/, `${code}: nothing of the request or the backend is said back`)
  }
  t.equal(fine.seen.length, 0)
  const chunked = at('/fine', 'Transfer-Encoding: chunked\r\n', 'POST')
  t.match(JSON.parse((await say(t, banyan, `${chunked}5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`)).body), {
    code: 'body_too_large',
  })
})
