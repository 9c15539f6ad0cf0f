// Side doors: one side reached directly, by token, before it takes traffic; and nothing of the token or the door leaks.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { type Banyan, httpBackend, named, rawBackend, rawClient, startBanyan, TOKEN, temporary } from './harness.ts'
import { type Answered, ask, houseOf, operatorOf, type Question, startHouse } from './operator.ts'

const open = { sides: { listen: '127.0.0.1:0' } }

/** One call through a door; the token is in its own header. */
function knock(banyan: Banyan, method: string, path: string, question: Question = {}): Promise<Answered> {
  const { token = TOKEN, headers, ...rest } = question
  const own: Record<string, string> = token === null ? {} : { 'x-banyan-token': token }
  return ask(banyan.sides ?? '', method, path, { ...rest, token: null, headers: { ...own, ...headers } })
}

t.test('either side is reached, whatever the weight; the path and the query as they were sent', async t => {
  const { banyan, legacy, fresh } = await startHouse(t, open)
  for (const [side, backend] of [
    ['legacy', legacy],
    ['new', fresh],
  ] as const) {
    const paths = [
      ['/orders/5?x=%2F&y&x=2', '/orders/5?x=%2F&y&x=2'],
      ['/a%2Fb//c/;d=1', '/a%2Fb//c/;d=1'],
      ['/caf%C3%A9', '/caf%C3%A9'],
      ['/', '/'],
      ['', '/'],
      ['/?x=1', '/?x=1'],
      ['?x=1', '/?x=1'],
      ['/orders/new/5', '/orders/new/5'],
    ] as const
    for (const [sent, arrived] of paths) {
      const answer = await knock(banyan, 'GET', `/orders/${side}${sent}`)
      t.same([answer.status, answer.headers['x-served-by']], [200, side === 'new' ? 'new' : 'legacy'], sent)
      t.equal(backend.seen.at(-1)?.url, arrived, `${side}${sent}`)
    }
  }
  const { reasons } = (await banyan.api('GET', '/routes/orders')).json
  t.same(reasons, {}, 'testers are no traffic')
})

t.test('a rolled back route’s new side can still be looked at', async t => {
  const { banyan } = await startHouse(t, open)
  await banyan.api('POST', '/rollback', {})
  t.equal((await knock(banyan, 'GET', '/orders/new/orders/1')).headers['x-served-by'], 'new')
})

t.test('the token is needed, stays here, and must have the scope', async t => {
  const { banyan, fresh } = await startHouse(t, open)
  const make = async (name: string, more: Record<string, unknown>) =>
    (await banyan.api('POST', '/tokens', { name, ...more })).json.secret as string
  const reader = await make('reader', { scopes: ['read'] })
  const operator = await make('operator', { scopes: ['operate'] })
  const elsewhere = await make('elsewhere', { scopes: ['admin'], routes: ['old'] })
  const path = '/orders/new/orders/1'
  for (const token of [null, '', 'bny_wrong', `Bearer ${TOKEN}`]) {
    const answer = await knock(banyan, 'GET', path, { token })
    t.match(answer, { status: 401, json: { code: 'unauthorized', hint: /X-Banyan-Token/ } }, `${token}`)
  }
  const inHeader = { authorization: `Bearer ${TOKEN}`, cookie: `token=${TOKEN}` }
  t.equal(
    (await knock(banyan, 'GET', path, { token: null, headers: inHeader })).status,
    401,
    'another place is no place',
  )
  t.equal(fresh.seen.length, 0)
  for (const method of ['GET', 'HEAD', 'OPTIONS']) {
    t.equal((await knock(banyan, method, path, { token: reader })).status, 200, `read: ${method}`)
  }
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    const refused = await knock(banyan, method, path, { token: reader })
    t.match(refused, { status: 403, json: { code: 'forbidden', detail: /operate/ } }, `read: ${method}`)
    t.equal((await knock(banyan, method, path, { token: operator })).status, 200, `operate: ${method}`)
  }
  t.equal((await knock(banyan, 'GET', path, { token: elsewhere })).status, 403)
  await knock(banyan, 'GET', path, {
    headers: { authorization: 'Bearer of-the-tester', 'X-BANYAN-DOOR': 'orders legacy' },
  })
  const { rawHeaders, headers } = fresh.seen.at(-1) ?? { rawHeaders: [], headers: {} }
  t.equal(headers.authorization, 'Bearer of-the-tester', 'what is the tester’s goes through')
  t.notOk(
    rawHeaders.some(text => text.includes(TOKEN) || /^x-banyan/i.test(text)),
    `${rawHeaders}`,
  )
  t.equal(fresh.seen.length, 3 + 4 + 1)
})

t.test('wrong tokens are throttled here too, while a right one passes', async t => {
  const { banyan } = await startHouse(t, open)
  const statuses: number[] = []
  for (let i = 0; i < 11; i++)
    statuses.push((await knock(banyan, 'GET', '/orders/new/', { token: 'bny_wrong' })).status)
  t.same(statuses, [...Array(10).fill(401), 429])
  t.match((await knock(banyan, 'GET', '/orders/new/', { token: 'bny_wrong' })).headers['retry-after'], /^\d+$/)
  t.equal((await knock(banyan, 'GET', '/orders/new/')).status, 200)
})

t.test('doors that are not there', async t => {
  const { banyan } = await startHouse(t, open)
  const rows = [
    ['/nowhere/new/x', 404, 'unknown_route'],
    ['/orders/shadow/x', 404, 'unknown_side'],
    ['/orders/constructor/x', 404, 'unknown_side'],
    ['/__proto__/new/x', 404, 'unknown_route'],
    ['/old/new/x', 404, 'unknown_side'],
    ['/fresh/legacy/x', 404, 'unknown_side'],
    ['/orders', 404, 'unknown_path'],
    ['/', 404, 'unknown_path'],
    ['/%zz/new/x', 400, null],
  ] as const
  for (const [path, status, code] of rows) {
    const answer = await knock(banyan, 'GET', path)
    t.equal(answer.status, status, path)
    if (code === null) continue
    t.equal(answer.json.code, code, path)
    t.match(answer.json.hint, /./, `${path}: a hint`)
  }
  t.equal((await knock(banyan, 'GET', '/api/v1/status')).status, 404, 'the API is not on this listener')
  t.equal((await ask(banyan.admin, 'GET', '/orders/new/orders/1')).status, 404, 'nor the doors on the other')
})

t.test('a path that could lead elsewhere is refused, in words about the path', async t => {
  const { banyan, fresh, legacy } = await startHouse(t, open)
  const rows = [
    ['/orders/new//x', /two slashes/],
    ['/orders/new/\\evil', /two slashes/],
    ['/orders/new/../legacy/x', /\.\. in it/],
    ['/orders/new/a/%2e%2E/x', /\.\. in it/],
    ['/orders/new/a/..%5Cx', /\.\. in it/],
    ['/orders/new/%zz', /no escape/],
    ['/orders/new/%ff', /no escape/],
  ] as const
  for (const [path, detail] of rows) {
    const client = rawClient(t, Number(new URL(banyan.sides ?? '').port))
    client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nX-Banyan-Token: ${TOKEN}\r\nConnection: close\r\n\r\n`)
    const text = await client.closed
    t.match(text, /^HTTP\/1\.1 400 [\s\S]*\r\ncontent-type: application\/problem\+json/i, path)
    const problem = JSON.parse(text.slice(text.indexOf('{')))
    t.match(problem, { code: 'invalid', detail, hint: /\/\{route\}/ }, path)
  }
  t.same([fresh.seen.length, legacy.seen.length], [0, 0])
})

t.test('our own cookie stays here, as on the data path', async t => {
  const { banyan, fresh } = await startHouse(t, open)
  const rows = [
    ['a=1; banyan_id=x.y; b=2', 'a=1; b=2'],
    ['banyan_id=x.y', undefined],
    ['__Host-banyan_id=x.y; a=1', 'a=1'],
    ['a=1;b="2" ; c', 'a=1;b="2" ; c'],
  ] as const
  for (const [cookie, arrived] of rows) {
    t.equal((await knock(banyan, 'GET', '/orders/new/x', { headers: { cookie } })).status, 200)
    t.equal(fresh.seen.at(-1)?.headers.cookie, arrived, cookie)
  }
})

t.test('off unless a listener is named', async t => {
  const { banyan } = await startHouse(t)
  t.equal(banyan.sides, null)
})

t.test('bodies go through as they are, of any type and beyond any limit of ours', async t => {
  const arrived: { type: string | undefined; bytes: Buffer }[] = []
  const legacy = await named(t, 'legacy')
  const fresh = await httpBackend(t, (req, res) => {
    const chunks: Buffer[] = []
    req.on('data', chunk => chunks.push(chunk))
    req.on('end', () => {
      arrived.push({ type: req.headers['content-type'], bytes: Buffer.concat(chunks) })
      res.end('ok')
    })
  })
  const banyan = await startBanyan(t, { ...houseOf(legacy, fresh), ...open })
  const bodies: [type: string, bytes: Buffer][] = [
    ['application/json', Buffer.from('{"a": 1.0, "a": 2}')],
    ['application/json', Buffer.from('{not json')],
    ['text/plain; charset=latin1', Buffer.from([0x63, 0x61, 0x66, 0xe9, 0x00, 0xff])],
    ['application/octet-stream', Buffer.from([0, 1, 2, 253, 254, 255])],
    ['application/x-www-form-urlencoded', Buffer.from('a=1&a=2&b=%00')],
    ['text/plain', Buffer.alloc(3 * 1024 * 1024, 'x')],
    ['application/json', Buffer.alloc(3 * 1024 * 1024, ' ')],
  ]
  for (const [type, bytes] of bodies) {
    const { status } = await knock(banyan, 'POST', '/orders/new/orders', {
      body: bytes,
      headers: { 'content-type': type },
    })
    t.equal(status, 200, `${type}, ${bytes.length} bytes`)
    const last = arrived.at(-1)
    t.equal(last?.type, type)
    t.ok(last?.bytes.equals(bytes), 'byte for byte')
  }
})

t.test('a redirect of the backend leads back through the same door', async t => {
  const legacy = await named(t, 'legacy')
  const fresh = await httpBackend(t, (req, res) => {
    const to = new URL(req.url ?? '/', 'http://x').searchParams.get('to') ?? '/'
    res.writeHead(302, { location: to }).end()
  })
  const banyan = await startBanyan(t, { ...houseOf(legacy, fresh), ...open })
  const rows = [
    ['/orders/6', '/orders/new/orders/6'],
    ['https://login.example/x', 'https://login.example/x'],
    ['//cdn.example/x', '//cdn.example/x'],
  ] as const
  for (const [location, expected] of rows) {
    const answer = await knock(banyan, 'GET', `/orders/new/go?to=${encodeURIComponent(location)}`)
    t.equal(answer.headers.location, expected)
  }
})

t.test('a 503 of the backend is the answer, asked for once', async t => {
  const legacy = await named(t, 'legacy')
  const fresh = await httpBackend(t, (_req, res) => res.writeHead(503, { 'retry-after': '0' }).end('busy'))
  const banyan = await startBanyan(t, { ...houseOf(legacy, fresh), ...open })
  const answer = await knock(banyan, 'GET', '/orders/new/orders/1')
  t.same([answer.status, answer.text, fresh.seen.length], [503, 'busy', 1])
})

t.test('a backend that does not answer is 502, and says no more than the code', async t => {
  const legacy = await named(t, 'legacy')
  const cut = await rawBackend(t, socket => socket.on('data', () => socket.destroy()))
  const banyan = await startBanyan(t, { ...houseOf(legacy, cut), ...open })
  const answer = await knock(banyan, 'GET', '/orders/new/orders/1')
  t.match(answer, { status: 502, json: { code: 'backend_failed' } })
  const refused = await startBanyan(t, { ...houseOf(legacy, { url: 'http://127.0.0.1:1' }), ...open })
  t.match((await knock(refused, 'GET', '/orders/new/x')).json, { status: 502, detail: /ECONNREFUSED/ })
})

t.test('the certificate of an https backend is checked here as on the data path', async t => {
  const made = certificate(t)
  if (made === null) {
    t.pass('checked', { skip: 'there is no openssl here to make a certificate with' })
    return
  }
  const server = createServer(made, (_req, res) => res.end('secret'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const legacy = await named(t, 'legacy')
  const through = async (tls: Record<string, unknown>) => {
    const banyan = await startBanyan(t, {
      ...houseOf(legacy, { url }),
      ...open,
      backends: { legacy: { url: legacy.url }, new: { url, tls } },
    })
    const answer = await knock(banyan, 'GET', '/fresh/new/x')
    const path = await ask(`http://127.0.0.1:${banyan.port}`, 'GET', '/fresh/x', { token: null })
    t.equal(path.status, answer.status, 'the door and the data path agree')
    const { tlsVerified } = (await operatorOf(t, banyan)('GET', '/routes/fresh')).json.sides.new
    const warned = (await banyan.api('GET', '/status')).json.warnings.some(
      (one: { code: string }) => one.code === 'tls_unverified',
    )
    return { answer, tlsVerified, warned }
  }
  const checked = await through({})
  t.match(checked.answer, { status: 502, json: { code: 'backend_failed', detail: /SELF_SIGNED/ } })
  t.same([checked.tlsVerified, checked.warned], [true, false])
  const trusting = await through({ verify: false })
  t.same([trusting.answer.text, trusting.tlsVerified, trusting.warned], ['secret', false, true], 'loud in status')
  t.equal((await through({ ca: made.cert })).answer.text, 'secret')
  t.equal((await through({ ca: made.cert, servername: 'other.example' })).answer.status, 502)
})

function certificate(t: Test): { key: string; cert: string } | null {
  const directory = temporary(t)
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  const words = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost'
  try {
    const args = [...words.split(' '), '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert]
    execFileSync('openssl', args, { stdio: 'ignore' })
  } catch {
    return null
  }
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}

t.test('connections are each side’s own affair: what the backend says of its one stays there', async t => {
  const { banyan } = await startHouse(t, open)
  const client = rawClient(t, Number(new URL(banyan.sides ?? '').port))
  client.send(
    `GET /orders/new/x HTTP/1.1\r\nHost: any.example\r\nX-Banyan-Token: ${TOKEN}\r\nConnection: close\r\n\r\n`,
  )
  const text = await client.until(text => text.endsWith('new'))
  t.match(text, /^HTTP\/1\.1 200 /, 'any Host: testers use the names of the site')
  t.match(text, /\r\nconnection: close\r\n/i, 'as the client asked')
  t.notMatch(text, /keep-alive: timeout=60/i, 'the backend’s own patience')
})
