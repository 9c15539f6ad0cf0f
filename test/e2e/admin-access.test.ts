// Who gets in: tokens right and wrong, throttling, Host and Origin, and what every answer says about itself.
import t from 'tap'
import { type Operation, operations } from '../../src/admin/api.ts'
import { rawClient, TOKEN } from './harness.ts'
import { ask, hold, operatorOf, startHouse } from './operator.ts'

/** The system's clock, moved. */
function movedClock() {
  const moved = { ms: 0 }
  const clock = { now: () => Date.now() + moved.ms, monotonic: () => performance.now() + moved.ms }
  return { clock, pass: (ms: number) => (moved.ms += ms) }
}

t.test('401 is the same for every cause: nothing tells which it was', async t => {
  const { clock, pass } = movedClock()
  const { banyan, api } = await startHouse(t, {}, { clock })
  const make = async (name: string, more = {}) =>
    (await api('POST', '/tokens', { name, scopes: ['read'], ...more })).json
  const revoked = await make('revoked')
  const expired = await make('expired', { expiresInSeconds: 1 })
  for (const { secret } of [revoked, expired])
    t.equal((await operatorOf(t, banyan, secret)('GET', '/status')).status, 200)
  await api('DELETE', `/tokens/${revoked.token.id}`)
  pass(1_000)
  const wrong: Record<string, string | undefined> = {
    absent: undefined,
    wrong: `Bearer ${'x'.repeat(TOKEN.length)}`,
    'right but for its end': `Bearer ${TOKEN}0`,
    revoked: `Bearer ${revoked.secret}`,
    expired: `Bearer ${expired.secret}`,
    'of another scheme': `Basic ${Buffer.from(`admin:${TOKEN}`).toString('base64')}`,
    'without its scheme': TOKEN,
    empty: 'Bearer ',
    'very long': `Bearer ${'x'.repeat(5_000)}`,
  }
  const answers = new Set<string>()
  for (const [what, authorization] of Object.entries(wrong)) {
    const headers = authorization === undefined ? {} : { authorization }
    const answer = await ask(banyan.admin, 'GET', '/api/v1/status', { token: null, headers })
    hold(t, 'GET', '/status', answer)
    t.equal(answer.status, 401, what)
    const { date: _, ...rest } = answer.headers
    answers.add(JSON.stringify([rest, answer.text]))
  }
  t.equal(answers.size, 1, 'not a byte differs')
  t.match([...answers][0], /www-authenticate.*Bearer/)
})

t.test('every operation but the description of the API needs a token, be it in the body of signing in', async t => {
  const { banyan } = await startHouse(t)
  for (const [name, operation] of Object.entries<Operation>(operations)) {
    const path = `/api/v1${operation.path.replace(':id', 'orders')}`
    // Each from an address of its own: wrong tokens are counted by address.
    const from = `127.0.2.${Object.keys(operations).indexOf(name) + 1}`
    const { status } = await ask(banyan.admin, operation.method, path, { token: null, from })
    t.equal(status, name === 'openapi' ? 200 : name === 'signIn' ? 400 : 401, `${operation.method} ${path}`)
  }
})

t.test('nothing of a request is looked at before its token: not even whether its body is JSON', async t => {
  const { banyan } = await startHouse(t)
  const path = '/api/v1/routes/orders/weight'
  t.equal((await ask(banyan.admin, 'PUT', path, { token: null, body: '{"percent":' })).status, 401)
  t.equal(
    (await ask(banyan.admin, 'PUT', path, { token: null, body: 'x', headers: { 'content-type': 'text/xml' } })).status,
    401,
  )
  t.equal((await ask(banyan.admin, 'GET', '/api/v1/routes/__proto__', { token: null })).status, 401)
  // The head says 9 MB; an answer that comes before any of it was sent did not wait for it.
  const client = rawClient(t, Number(new URL(banyan.admin).port))
  client.send(
    'POST /api/v1/config/check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n\r\n',
  )
  // Calls that come after it and are answered meanwhile.
  for (let i = 0; i < 50 && client.text() === ''; i++) await ask(banyan.admin, 'GET', '/api/v1/status')
  t.match(client.text(), /^HTTP\/1\.1 401 /)
})

t.test('wrong tokens: 429 with Retry-After by address, while a right one passes; patience comes back', async t => {
  const { clock, pass } = movedClock()
  const { banyan, api } = await startHouse(t, {}, { clock })
  const wrong = (from = '127.0.0.1') => ask(banyan.admin, 'GET', '/api/v1/status', { token: 'bny_wrong', from })
  const statuses: number[] = []
  for (let i = 0; i < 12; i++) statuses.push((await wrong()).status)
  t.same(statuses, [...Array(10).fill(401), 429, 429])
  const throttled = await wrong()
  hold(t, 'GET', '/status', throttled)
  t.match(throttled.json, { code: 'throttled', hint: 'a right token still passes' })
  const seconds = Number(throttled.headers['retry-after'])
  t.ok(Number.isInteger(seconds) && seconds > 0 && seconds <= 60, `Retry-After: ${seconds}`)
  t.equal((await api('GET', '/status')).status, 200, 'a right token from the same address')
  t.equal((await api('POST', '/rollback', {})).status, 200)
  t.equal((await wrong('127.0.0.2')).status, 401, 'another address has its own patience')
  t.equal((await wrong()).status, 429, 'a right token of somebody does not clear the count of a guesser')
  pass(seconds * 1000 + 1)
  t.equal((await wrong()).status, 401, 'after Retry-After')
})

t.test('Host: loopback names and admin.hosts, else 421; also for events', async t => {
  const { banyan } = await startHouse(t, { admin: { listen: '127.0.0.1:0', hosts: ['ops.example.com'] } })
  const good = [
    'localhost',
    'LOCALHOST:9900',
    '127.0.0.1',
    '127.0.0.1:1',
    '[::1]',
    '[::1]:9900',
    'ops.example.com',
    'Ops.Example.Com:443',
  ]
  for (const host of good) {
    t.equal((await ask(banyan.admin, 'GET', '/api/v1/status', { headers: { host } })).status, 200, host)
  }
  const bad = [
    'evil.example',
    'localhost.evil.example',
    'ops.example.com.evil',
    '127.0.0.2',
    '169.254.169.254',
    'xlocalhost',
    'localhost@evil',
  ]
  for (const host of bad) {
    for (const path of ['/api/v1/status', '/api/v1/events', '/api/v1/openapi.json', '/', '/nowhere']) {
      const answer = await ask(banyan.admin, 'GET', path, { headers: { host } })
      hold(t, 'GET', path, answer)
      t.same([answer.status, answer.json.code], [421, 'wrong_host'], `${host} ${path}`)
    }
  }
  const port = Number(new URL(banyan.admin).port)
  const send = async (head: string) => {
    const client = rawClient(t, port)
    client.send(`${head}Authorization: Bearer ${TOKEN}\r\nConnection: close\r\n\r\n`)
    return (await client.closed).split('\r\n', 1)[0]
  }
  t.match(await send('GET /api/v1/status HTTP/1.0\r\n'), / (400|421) /, 'no Host')
  t.match(await send('GET /api/v1/status HTTP/1.1\r\n'), / (400|421) /, 'no Host')
  const two = await send('GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n')
  t.match(two, / (400|421) /, 'one good name does not vouch for another')
})

t.test('calls from other web pages are refused, and none is told that it may call', async t => {
  const { banyan } = await startHouse(t)
  const own = new URL(banyan.admin).host
  const refused: Record<string, string>[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'nonsense' },
    { origin: `http://${own}.evil.example` },
    { origin: 'http://127.0.0.1:1' },
    { origin: `http://${own}`, 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'cross-site' },
  ]
  for (const headers of refused) {
    for (const method of ['GET', 'OPTIONS', 'POST']) {
      const more = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization' }
      const answer = await ask(banyan.admin, method, '/api/v1/rollback', { headers: { ...headers, ...more } })
      hold(t, method, '/rollback', answer)
      t.same([answer.status, answer.json.code], [403, 'forbidden_origin'], `${method} ${JSON.stringify(headers)}`)
    }
  }
  t.same(banyan.app.control.state().rollbacks, [])
  for (const headers of [{ origin: `http://${own}`, 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }]) {
    t.equal((await ask(banyan.admin, 'GET', '/api/v1/status', { headers })).status, 200, JSON.stringify(headers))
  }
})

t.test('a token in any other place is no token', async t => {
  const { banyan } = await startHouse(t)
  const places: [string, Record<string, string>][] = [
    [`?token=${TOKEN}&access_token=${TOKEN}`, {}],
    ['', { cookie: `token=${TOKEN}` }],
    ['', { 'x-banyan-token': TOKEN }],
    ['', { 'proxy-authorization': `Bearer ${TOKEN}` }],
  ]
  for (const [query, headers] of places) {
    const { status } = await ask(banyan.admin, 'GET', `/api/v1/status${query}`, { token: null, headers })
    t.equal(status, 401, query + JSON.stringify(headers))
  }
})

t.test('without BANYAN_ADMIN_TOKEN nothing is open', async t => {
  const { banyan } = await startHouse(t, {}, { adminToken: null })
  for (const token of [null, '', TOKEN, 'admin', 'undefined', 'null']) {
    t.equal((await ask(banyan.admin, 'GET', '/api/v1/status', { token })).status, 401, `${token}`)
  }
})
