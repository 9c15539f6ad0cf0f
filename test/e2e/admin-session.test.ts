// Signing in to the dashboard over real connections: two halves that are worth nothing alone, what a session may, what ends it.
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { BOUNDS } from '../../src/admin/bounds.ts'
import { type Banyan, rawClient, TOKEN, temporary } from './harness.ts'
import { ask, hold, startHouse } from './operator.ts'

// As the browser says it, whichever port the test got: a restart must not change it.
const HOST = 'localhost:9900'
const OWN = { host: HOST, origin: `http://${HOST}` }
const BOTH = ['cookie', 'x-banyan-csrf'] as const

interface Session {
  readonly cookie: string
  readonly page: string
  readonly headers: Readonly<Record<string, string>>
}

async function signIn(t: Test, { admin }: Banyan, token = TOKEN): Promise<Session> {
  const answer = await ask(admin, 'POST', '/api/v1/session', { token: null, body: { token }, headers: OWN })
  hold(t, 'POST', '/session', answer)
  if (answer.status !== 200) throw new Error(answer.text)
  const [set = ''] = answer.headers['set-cookie'] ?? []
  const cookie = set.split(';')[0] ?? ''
  const { page } = answer.json
  return { cookie, page, headers: { ...OWN, cookie, 'x-banyan-csrf': page } }
}

/** A call as the page makes it. */
async function by(
  t: Test,
  banyan: Banyan,
  headers: Record<string, unknown>,
  method: string,
  path: string,
  body?: object,
) {
  const answer = await ask(banyan.admin, method, `/api/v1${path}`, { token: null, headers: headers as never, body })
  hold(t, method, path, answer)
  return answer
}

function movedClock() {
  const moved = { ms: 0 }
  const clock = { now: () => Date.now() + moved.ms, monotonic: () => performance.now() + moved.ms }
  return { clock, pass: (ms: number) => (moved.ms += ms) }
}

t.test(
  'sign in, look, change: the token’s name is in the audit log; nothing of the token is anywhere else',
  async t => {
    const { banyan, api } = await startHouse(t)
    const { secret, token } = (await api('POST', '/tokens', { name: 'ann', scopes: ['operate'] })).json
    const before = (await api('GET', '/audit')).json.entries.length
    const answer = await ask(banyan.admin, 'POST', '/api/v1/session', {
      token: null,
      body: { token: ` ${secret}\n` },
      headers: OWN,
    })
    t.match(answer, { status: 200, json: { name: 'ann', via: 'session', routes: null, page: /^[\w-]{43}$/ } })
    t.same(answer.json.scopes, ['read', 'operate', 'rollback'], 'with what they include')
    t.same(answer.json.reach, { read: null, operate: null, rollback: null })
    t.match(answer.headers['set-cookie'], [
      /^banyan_session_9900=[\w-]+; Path=\/api\/v1; Max-Age=(43200|43199); HttpOnly; SameSite=Strict$/,
    ])
    const { cookie, page, headers } = await signIn(t, banyan, secret)
    t.match(await by(t, banyan, headers, 'GET', '/session'), {
      status: 200,
      json: { name: 'ann', via: 'session', page: null, expiresAt: Number },
    })
    t.equal((await by(t, banyan, headers, 'GET', '/status')).status, 200)
    t.equal((await by(t, banyan, headers, 'PUT', '/routes/orders/weight', { percent: 7 })).status, 200)
    t.equal((await by(t, banyan, headers, 'GET', '/tokens')).status, 403, 'no more than the token may')
    const { text, json } = await api('GET', '/audit')
    t.match(json.entries[0], { action: 'set-weight', actor: { name: 'ann', tokenId: token.id, address: '127.0.0.1' } })
    t.equal(json.entries.length, before + 1, 'signing in is no change')
    const used = (await api('GET', '/tokens')).json.tokens.find(({ id }: { id: string }) => id === token.id)
    t.type(used.lastUsedAt, 'number')
    const line = banyan.lines.find(one => one.includes('signed in')) ?? ''
    t.match(line, /^info signed in .*"ann".*"127\.0\.0\.1"/)
    const said = [banyan.lines.join('\n'), text].join('\n')
    const value = cookie.slice(cookie.indexOf('=') + 1)
    for (const one of [secret, page, value]) t.notOk(said.includes(one))
    const kept = `${value} ${Buffer.from(value, 'base64url').toString('latin1')} ${page}`
    t.notOk(kept.includes(secret.slice(4, 16)))
  },
)

t.test('neither half is worth anything: the cookie goes to other ports of the same name, too', async t => {
  const { banyan } = await startHouse(t)
  const { cookie, page, headers } = await signIn(t, banyan)
  const other = await signIn(t, banyan)
  const plain = await by(t, banyan, { ...OWN, cookie: `${cookie.slice(0, 30)}` }, 'GET', '/status')
  t.match(plain, { status: 401, json: { code: 'unauthorized' } })
  const wrong: Record<string, unknown>[] = [
    { cookie },
    { 'x-banyan-csrf': page },
    { cookie, 'x-banyan-csrf': '1' },
    { cookie, 'x-banyan-csrf': '' },
    { cookie, 'x-banyan-csrf': other.page },
    { cookie: other.cookie, 'x-banyan-csrf': page },
    { cookie, 'x-banyan-csrf': [page, page] },
    { cookie: cookie.replace('_9900', '_9901'), 'x-banyan-csrf': page },
    { cookie, 'x-banyan-csrf': cookie.slice(cookie.indexOf('=') + 1) },
  ]
  for (const halves of wrong) {
    for (const [method, path] of [
      ['GET', '/status'],
      ['GET', '/events'],
      ['POST', '/rollback'],
      ['DELETE', '/session'],
    ] as const) {
      const answer = await by(t, banyan, { ...OWN, ...halves }, method, path)
      t.same([answer.status, answer.text], [401, plain.text], `${method} ${path}: one answer for every cause`)
    }
  }
  t.same(banyan.app.control.state().rollbacks, [])
  const beside = { ...headers, cookie: `banyan_session_9900=tossed; ${cookie}; banyan_session_9900=again` }
  t.equal((await by(t, banyan, beside, 'GET', '/status')).status, 200, 'a backend that sets one ends nothing')
})

t.test('altered at any byte it is refused, and nobody is locked out by it', async t => {
  const { banyan } = await startHouse(t)
  const { cookie, headers } = await signIn(t, banyan)
  const statuses = new Set<number>()
  for (let i = cookie.indexOf('=') + 1; i < cookie.length; i++) {
    const altered = `${cookie.slice(0, i)}${cookie[i] === 'A' ? 'B' : 'A'}${cookie.slice(i + 1)}`
    const question = { token: null, headers: { ...headers, cookie: altered } }
    statuses.add((await ask(banyan.admin, 'GET', '/api/v1/status', question)).status)
  }
  t.same([...statuses], [401])
  t.equal((await by(t, banyan, headers, 'GET', '/status')).status, 200)
  const { status } = await ask(banyan.admin, 'GET', '/api/v1/status', { token: 'bny_wrong' })
  t.equal(status, 401, 'a wrong token after all of these is the first failed login of its address')
})

t.test('changes come from a page of its own, as those of people at the proxy do', async t => {
  const { banyan } = await startHouse(t, { admin: { listen: '127.0.0.1:0', hosts: ['ops.example.com'] } })
  const { headers } = await signIn(t, banyan)
  const { origin: _, ...bare } = headers
  const refused: Record<string, string>[] = [
    bare,
    { ...headers, origin: 'null' },
    { ...headers, origin: 'http://localhost:8080' },
    { ...headers, origin: 'https://evil.example' },
    { ...headers, 'sec-fetch-site': 'cross-site' },
    { ...headers, 'sec-fetch-site': 'same-site' },
    { ...headers, 'sec-fetch-site': 'none' },
  ]
  for (const one of refused) {
    const { status, json } = await by(t, banyan, one, 'POST', '/rollback', {})
    t.ok(status === 403 && /^(csrf|forbidden_origin)$/.test(json.code), `${json.code} ${JSON.stringify(one.origin)}`)
    t.equal((await by(t, banyan, one, 'DELETE', '/session')).status, 403)
  }
  t.same(banyan.app.control.state().rollbacks, [])
  const form = { ...headers, 'content-type': 'text/plain' }
  t.equal((await by(t, banyan, form, 'POST', '/rollback', {})).status, 415)
  t.equal((await by(t, banyan, { ...headers, 'sec-fetch-site': 'cross-site' }, 'GET', '/status')).status, 403)
  t.equal((await by(t, banyan, bare, 'GET', '/status')).status, 200, 'browsers send no Origin with a read')
  t.equal((await by(t, banyan, { ...headers, 'sec-fetch-site': 'same-origin' }, 'POST', '/rollback', {})).status, 200)
  for (const foreign of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
    const question = { token: null, body: { token: TOKEN }, headers: { host: HOST, ...foreign } }
    const answer = await ask(banyan.admin, 'POST', '/api/v1/session', question)
    t.same([answer.status, answer.headers['set-cookie']], [403, undefined], 'no other page signs anybody in')
  }
})

t.test('it ends: by time, with the token’s time, revoked, signed out', async t => {
  const { clock, pass } = movedClock()
  const { banyan, api } = await startHouse(t, {}, { clock })
  const make = async (name: string, more = {}) =>
    (await api('POST', '/tokens', { name, scopes: ['read'], ...more })).json
  const [brief, gone] = [await make('brief', { expiresInSeconds: 60 }), await make('gone')]
  const short = await signIn(t, banyan, brief.secret)
  t.equal((await by(t, banyan, short.headers, 'GET', '/session')).json.expiresAt, brief.token.expiresAt)
  const revoked = await signIn(t, banyan, gone.secret)
  const [first, second] = [await signIn(t, banyan), await signIn(t, banyan)]
  const alive = async ({ headers }: Session) => (await by(t, banyan, headers, 'GET', '/status')).status
  for (const one of [short, revoked, first, second]) t.equal(await alive(one), 200)
  pass(60_000)
  t.equal(await alive(short), 401)
  await api('DELETE', `/tokens/${gone.token.id}`)
  t.equal(await alive(revoked), 401)
  const out = await by(t, banyan, first.headers, 'DELETE', '/session')
  t.match(out, { status: 200, json: { signedOut: true } })
  t.match(out.headers['set-cookie'], [/^banyan_session_9900=; Path=\/api\/v1; Max-Age=0; HttpOnly; SameSite=Strict$/])
  t.equal(await alive(first), 401, 'a copy of it, too')
  t.equal(await alive(second), 200, 'others of the same token go on')
  pass(12 * 3_600_000)
  t.equal(await alive(second), 401)
  t.match((await api('DELETE', '/session')).json, { signedOut: false }, 'a token has nothing to sign out of')
  t.equal((await api('GET', '/status')).status, 200)
})

t.test('a rotated seed ends it; a restart does not, nor another replica of the same seed', async t => {
  const directory = temporary(t)
  const settings = { store: `sqlite:${join(directory, 'state.db')}`, split: { firstStart: 'declared' } }
  const { banyan, api } = await startHouse(t, settings, { directory })
  const { secret } = (await api('POST', '/tokens', { name: 'ann', scopes: ['read'] })).json
  const [ann, environment] = [await signIn(t, banyan, secret), await signIn(t, banyan)]
  await banyan.stop()
  const again = (await startHouse(t, settings, { directory })).banyan
  t.equal((await by(t, again, ann.headers, 'GET', '/session')).json.name, 'ann')
  t.equal((await by(t, again, environment.headers, 'GET', '/session')).json.name, 'environment')
  t.equal((await by(t, again, environment.headers, 'POST', '/seed/rotate', {})).status, 200)
  for (const { headers } of [ann, environment]) t.equal((await by(t, again, headers, 'GET', '/status')).status, 401)
  await again.stop()
  // The seed of the file is the same at both.
  const [one, two] = [(await startHouse(t)).banyan, (await startHouse(t)).banyan]
  const { headers } = await signIn(t, one)
  t.equal((await by(t, two, headers, 'GET', '/status')).status, 200)
  const other = (await startHouse(t, {}, { adminToken: 'another-token-0123456789abcdef' })).banyan
  t.equal((await by(t, other, headers, 'GET', '/status')).status, 401, 'the environment’s token has changed')
})

t.test('a token of some routes: so is its session', async t => {
  const { banyan, api } = await startHouse(t)
  const { secret } = (await api('POST', '/tokens', { name: 'few', scopes: ['rollback'], routes: ['orders', 'cart'] }))
    .json
  const { headers } = await signIn(t, banyan, secret)
  const few = (method: string, path: string, body?: object) => by(t, banyan, headers, method, path, body)
  t.match((await few('GET', '/session')).json, {
    scopes: ['read', 'rollback'],
    routes: ['orders', 'cart'],
    reach: { read: ['orders', 'cart'], rollback: ['orders', 'cart'] },
  })
  t.same((await few('GET', '/routes')).json.routes.map(({ id }: { id: string }) => id).sort(), ['cart', 'orders'])
  t.equal((await few('POST', '/routes/orders/rollback', {})).status, 200)
  t.match(await few('POST', '/routes/cart/rollback', {}), { status: 403, json: { detail: /does not reach pay/ } })
  t.equal((await few('POST', '/rollback', {})).status, 403)
  t.equal((await few('PUT', '/routes/orders/weight', { percent: 1 })).status, 403)
})

t.test('who am I, by a token', async t => {
  const { api } = await startHouse(t)
  t.same((await api('GET', '/session')).json, {
    name: 'environment',
    scopes: ['read', 'bodies', 'operate', 'rollback', 'admin'],
    routes: null,
    reach: { read: null, bodies: null, operate: null, rollback: null, admin: null },
    via: 'token',
    expiresAt: null,
    page: null,
  })
})

t.test(
  'wrong tokens at the sign-in are throttled as anywhere; a right one passes; what is no token is said',
  async t => {
    const { banyan } = await startHouse(t)
    const post = async (body: unknown, from = '127.0.0.1') => {
      const answer = await ask(banyan.admin, 'POST', '/api/v1/session', { token: null, body, headers: OWN, from })
      hold(t, 'POST', '/session', answer)
      if (answer.status !== 200) t.equal(answer.headers['set-cookie'], undefined)
      return answer
    }
    for (const body of [
      {},
      { token: '' },
      { token: 5 },
      { token: ' ' },
      { token: TOKEN, more: 1 },
      '{"token":',
      undefined,
    ])
      t.equal((await post(body)).status, 400, JSON.stringify(body))
    t.notMatch((await post({ token: ['bny_canary'] })).text, /canary/)
    t.equal((await post({ token: 'x'.repeat(513) })).status, 400)
    t.equal((await post({ token: 'x'.repeat(5_000) })).status, 413, 'a stranger’s body is short')
    for (let i = 0; i < 10; i++) t.equal((await post({ token: 'bny_wrong' })).status, 401)
    const throttled = await post({ token: 'bny_wrong' })
    t.equal(throttled.status, 429)
    t.ok(Number(throttled.headers['retry-after']) > 0)
    t.equal((await post({ token: 'bny_wrong' }, '127.0.0.2')).status, 401)
    t.equal((await post({ token: TOKEN })).status, 200)
    t.notOk(banyan.lines.some(line => line.includes('bny_wrong') || line.includes(TOKEN)))
  },
)

t.test('a token that does not come is not waited for as long as an operator’s body', async t => {
  const { banyan } = await startHouse(t, {}, { bounds: { ...BOUNDS, strangerMs: 50 } })
  const client = rawClient(t, Number(new URL(banyan.admin).port))
  client.send(
    `POST /api/v1/session HTTP/1.1\r\nHost: ${HOST}\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n{"token":`,
  )
  t.match(await client.closed, /^HTTP\/1\.1 408 .*connection: close.*request_timeout/is)
})

t.test('beside a login at the proxy: a session goes before it, one that is over does not stand in its way', async t => {
  const auth = {
    trustHeader: { user: 'X-User', groups: 'X-Groups', from: ['127.0.0.9'] },
    groups: { devs: ['read'], oncall: { scopes: ['rollback'], routes: ['orders'] } },
  }
  const { banyan } = await startHouse(t, { admin: { listen: '127.0.0.1:0', auth } })
  const { headers } = await signIn(t, banyan)
  const who = async (more: Record<string, unknown>) => {
    const question = { token: null, from: '127.0.0.9', headers: { ...OWN, ...more } as never }
    const answer = await ask(banyan.admin, 'GET', '/api/v1/session', question)
    hold(t, 'GET', '/session', answer)
    return answer
  }
  const ann = { 'x-user': 'ann', 'x-groups': 'devs,oncall' }
  t.match((await who(ann)).json, {
    name: 'sso:ann',
    via: 'sso',
    scopes: ['read', 'rollback'],
    routes: null,
    reach: { read: null, rollback: ['orders'] },
    expiresAt: null,
    page: null,
  })
  t.match((await who({ ...ann, ...headers })).json, { name: 'environment', via: 'session' })
  t.match((await who({ ...ann, ...headers, 'x-banyan-csrf': '1' })).json, { name: 'sso:ann' })
  t.match((await who({ ...ann, ...headers, cookie: 'banyan_session_9900=old' })).json, { name: 'sso:ann' })
  t.equal((await who({ ...headers, authorization: 'Basic YW5uOg==' })).json.name, 'environment')
  t.equal((await who({ ...headers, authorization: 'Bearer bny_wrong' })).status, 401)
  t.match(await who({ 'x-user': 'zoe' }), { status: 403, json: { hint: /grants nothing/ } })
})

t.test('side doors do not know it', async t => {
  const { banyan, fresh } = await startHouse(t, { sides: { listen: '127.0.0.1:0' } })
  const { headers } = await signIn(t, banyan)
  const { status } = await ask(banyan.sides ?? '', 'GET', '/orders/new/orders/1', { token: null, headers })
  t.equal(status, 401)
  t.equal(fresh.seen.length, 0)
})

t.test('the cookie is for TLS only where TLS is', async t => {
  const admin = { listen: '127.0.0.1:0', hosts: ['ops.example.com'], behindTls: true }
  const { banyan } = await startHouse(t, { admin })
  const set = async (host: string, origin: string) => {
    const question = { token: null, body: { token: TOKEN }, headers: { host, origin } }
    return (await ask(banyan.admin, 'POST', '/api/v1/session', question)).headers['set-cookie']?.[0] ?? ''
  }
  t.match(await set('ops.example.com', 'https://ops.example.com'), /^banyan_session=.*; Secure$/)
  t.notMatch(await set('localhost:9900', 'http://localhost:9900'), /Secure/, 'a forwarded port')
})

t.test('events come by a session, and end with it', async t => {
  const { banyan, api } = await startHouse(t)
  const { secret, token } = (await api('POST', '/tokens', { name: 'ann', scopes: ['read'] })).json
  const [ann, other] = [await signIn(t, banyan, secret), await signIn(t, banyan)]
  const [first, second] = [await stream(t, banyan, ann), await stream(t, banyan, other)]
  t.same([first.response.statusCode, second.response.statusCode], [200, 200])
  await api('PUT', '/routes/orders/weight', { percent: 7 })
  await Promise.all([first.says(/event: /), second.says(/event: /)])
  await api('DELETE', `/tokens/${token.id}`)
  await first.over
  await by(t, banyan, other.headers, 'DELETE', '/session')
  // Whether somebody may still listen is looked at when there is something to say.
  await api('PUT', '/routes/orders/weight', { percent: 8 })
  await second.over
  t.pass('both are over')
})

async function stream(t: Test, { admin }: Banyan, { headers }: Session) {
  const { hostname, port } = new URL(admin)
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = request({ host: hostname, port, path: '/api/v1/events', agent: false, headers: pick(headers) })
    call.on('response', resolve).on('error', reject).end()
    t.teardown(() => call.destroy())
  })
  let text = ''
  let look = () => {}
  response.setEncoding('utf8')
  response.on('data', chunk => {
    text += chunk
    look()
  })
  const says = (what: RegExp) =>
    new Promise<void>(resolve => {
      look = () => what.test(text) && resolve()
      look()
    })
  return { response, says, over: new Promise<void>(resolve => response.on('close', resolve)) }
}

/** What a browser sends with a fetch that reads. */
function pick(headers: Readonly<Record<string, string>>): Record<string, string> {
  return { host: HOST, ...Object.fromEntries(BOTH.map(name => [name, headers[name] ?? ''])) }
}
