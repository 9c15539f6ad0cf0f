// The admin plane's threat matrix (section 4 of reliability.md): one test a row, by the row's name. Rows of the data plane name the
// file that shows them; of features that come later it is shown that they are refused until then. More about a row is said in
// the tests beside this file; here each is asserted once, briefly.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Test } from 'tap'
import t from 'tap'
import { operations } from '../../src/admin/api.ts'
import { weaknessOf } from '../../src/admin/weak-token.ts'
import { decoded } from '../../src/compare/decode.ts'
import { readPattern } from '../../src/compare/rules/pattern.ts'
import { loadText } from '../../src/config/load.ts'
import { shown } from '../../src/config/shown.ts'
import { configure } from '../../src/configured.ts'
import { answer as storedAnswer } from '../compare/answers.ts'
import { rawClient, TOKEN, temporary } from './harness.ts'
import { ask, operatorOf, startHouse } from './operator.ts'

const ROOT = join(import.meta.dirname, '../..')

/** Rows that are shown elsewhere: why not here, and where. */
const ELSEWHERE: Readonly<Record<string, readonly [why: string, file: string]>> = {
  'Slow clients': ['the listener of clients', 'test/e2e/slow-clients.test.ts'],
  Backpressure: ['the data path', 'test/e2e/shadow/accounting.test.ts'],
  'Metrics cardinality': ['labels of the data path', 'test/metrics/metrics.test.ts'],
  'Canary override': ['links and headers of the data path', 'test/e2e/links.test.ts'],
  'Sticky cookie': ['the split', 'test/routing/sticky.test.ts'],
  'Proxy headers': ['the listener of clients', 'test/proxy/headers.test.ts'],
  Retries: ['the upstream', 'test/e2e/retry.test.ts'],
  'Shadow side effects': ['shadows', 'test/e2e/shadow/directions.test.ts'],
  'Supply chain': ['the lock file', 'test/e2e/runtime.test.ts'],
  'Crash policy': ['the whole process, under a fuzzer', 'test/fuzz/corpus.test.ts'],
}

const rows = new Set<string>()

function row(name: string, test: (t: Test) => Promise<void>): void {
  rows.add(name)
  t.test(name, test)
}

/** As it comes by API. */
async function mistakesOf(text: string): Promise<readonly string[]> {
  const { mistakes } = await loadText({ text, file: 'text', interpolate: false })
  return mistakes.filter(({ level }) => level === 'error').map(({ path, message }) => `${path}: ${message}`)
}
const check = async (text: string) =>
  configure(await loadText({ text, file: 'text', interpolate: false }), shown, null, Date.now())

function movedClock() {
  const moved = { ms: 0 }
  return {
    clock: { now: () => Date.now() + moved.ms, monotonic: () => performance.now() + moved.ms },
    pass: (ms: number) => (moved.ms += ms),
  }
}

row('Bind', async t => {
  const { config } = await loadText({ text: '{}', file: 'text', interpolate: false })
  t.same(config?.admin.listen, { host: '127.0.0.1', port: 9900 }, 'loopback, a port of its own')
  for (const listen of [':9900', '0.0.0.0:9900', '10.0.0.5:9900', '"[::]:9900"']) {
    t.match(await mistakesOf(`admin: { listen: ${listen} }`), [/would be reachable from other machines/], listen)
    t.same(await mistakesOf(`admin: { listen: ${listen}, hosts: [ops.example.com], behindTls: true }`), [])
  }
  t.match(await mistakesOf('proxy: { listen: "127.0.0.1:9900" }'), [/listens on 127\.0\.0\.1:9900 already/])
  t.match(await mistakesOf('backends: { a: { url: "http://127.0.0.1:9900" } }'), [/our own listener of admin/])
  const { banyan } = await startHouse(t, { default: 404 })
  t.match(await ask(`http://127.0.0.1:${banyan.port}`, 'GET', '/api/v1/status'), {
    status: 404,
    json: { code: 'no_route' },
  })
  t.equal((await ask(banyan.admin, 'GET', '/orders/1')).status, 404, 'and no way from there to the data plane')
})

row('First token', async t => {
  const directory = temporary(t)
  const store = `sqlite:${join(directory, 'state.db')}`
  const { banyan } = await startHouse(t, { store }, { directory, adminToken: null })
  const secret = readFileSync(join(directory, 'admin.token'), 'utf8').trim()
  t.equal(statSync(join(directory, 'admin.token')).mode & 0o777, 0o600)
  t.match(secret, /^bny_[\w-]{43}$/)
  t.equal((await operatorOf(t, banyan, secret)('GET', '/status')).status, 200)
  await banyan.stop()
  const kept = readFileSync(join(directory, 'state.db'), 'latin1')
  t.notOk(kept.includes(secret))
  t.ok(kept.includes(createHash('sha256').update(secret).digest('hex')), 'its hash only')
  for (const weak of ['admin', 'changemechangeme', '0123456789abcdef', 'aaaaaaaaaaaaaaaaaaaa'])
    t.type(weaknessOf(weak), 'string', weak)
})

row('Token check', async t => {
  const { clock, pass } = movedClock()
  const { banyan, api } = await startHouse(t, {}, { clock })
  const make = async (name: string, more = {}) =>
    (await api('POST', '/tokens', { name, scopes: ['read'], ...more })).json
  const [revoked, expired] = [await make('revoked'), await make('expired', { expiresInSeconds: 1 })]
  await api('DELETE', `/tokens/${revoked.token.id}`)
  const good = await make('good', { expiresInSeconds: 3600 })
  pass(2_000)
  const answers = new Set<string>()
  for (const token of [null, 'x', TOKEN.slice(0, -1), revoked.secret, expired.secret]) {
    const { status, text, headers } = await ask(banyan.admin, 'GET', '/api/v1/status', { token })
    const { date: _, ...rest } = headers
    answers.add(`${status} ${text} ${JSON.stringify(rest)}`)
  }
  t.equal(answers.size, 1, 'one answer for every cause')
  t.match([...answers][0], /^401 /)
  const reader = operatorOf(t, banyan, good.secret)
  t.equal((await reader('GET', '/status')).status, 200)
  t.equal((await reader('POST', '/rollback', {})).status, 403, 'scopes')
  const { tokens } = (await api('GET', '/tokens')).json
  t.ok(tokens.find(({ name }: { name: string }) => name === 'good').lastUsedAt >= good.token.createdAt, 'last use')
})

row('Brute force', async t => {
  const { banyan, api } = await startHouse(t)
  const wrong = (from: string) => ask(banyan.admin, 'GET', '/api/v1/status', { token: 'bny_wrong', from })
  for (let i = 0; i < 10; i++) t.equal((await wrong('127.0.0.1')).status, 401)
  const throttled = await wrong('127.0.0.1')
  t.equal(throttled.status, 429)
  const signIn = (token: string) => ask(banyan.admin, 'POST', '/api/v1/session', { token: null, body: { token } })
  t.same([(await signIn('bny_wrong')).status, (await signIn(TOKEN)).status], [429, 200], 'at the sign-in, too')
  t.ok(Number(throttled.headers['retry-after']) > 0)
  t.equal((await api('POST', '/rollback', {})).status, 200, 'the operator on this machine is not locked out')
  for (let i = 11; i < 300; i++) await wrong(`127.1.${i >> 7}.${i & 127}`)
  t.equal((await wrong('127.2.0.1')).status, 429, 'a budget of all together')
  t.equal((await ask(banyan.admin, 'GET', '/api/v1/status', { from: '127.2.0.1' })).status, 200)
})

row('CSRF', async t => {
  const auth = { trustHeader: { user: 'X-User', from: ['127.0.0.9'] }, everyone: ['admin'] }
  const { banyan } = await startHouse(t, { admin: { listen: '127.0.0.1:0', auth } })
  const path = '/api/v1/rollback'
  const foreign = [{ origin: 'https://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }]
  for (const headers of foreign)
    t.equal((await ask(banyan.admin, 'POST', path, { headers })).status, 403, 'with a token, too')
  t.equal(
    (await ask(banyan.admin, 'POST', path, { body: '{}', headers: { 'content-type': 'text/plain' } })).status,
    415,
  )
  const person = (headers: Record<string, string>) =>
    ask(banyan.admin, 'POST', path, {
      token: null,
      from: '127.0.0.9',
      headers: { 'x-user': 'ann', ...headers },
      body: {},
    })
  for (const headers of [{}, { origin: banyan.admin }, { 'x-banyan-csrf': '1' }])
    t.equal((await person(headers)).status, 403)
  t.same(banyan.app.control.state().rollbacks, [])
  const own = { origin: banyan.admin }
  const signedIn = await ask(banyan.admin, 'POST', '/api/v1/session', {
    token: null,
    headers: own,
    body: { token: TOKEN },
  })
  const [cookie = ''] = signedIn.headers['set-cookie'] ?? []
  t.match(cookie, /; HttpOnly; SameSite=Strict/)
  const session = (headers: Record<string, string>) =>
    ask(banyan.admin, 'POST', path, { token: null, headers: { cookie: cookie.split(';')[0], ...headers }, body: {} })
  for (const headers of [{}, own, { ...own, 'x-banyan-csrf': '1' }])
    t.equal((await session(headers)).status, 401, 'the cookie alone')
  t.equal((await session({ 'x-banyan-csrf': signedIn.json.page })).status, 403, 'without an Origin')
  t.same(banyan.app.control.state().rollbacks, [])
  t.equal((await session({ ...own, 'x-banyan-csrf': signedIn.json.page })).status, 200)
  t.equal((await person({ ...own, 'x-banyan-csrf': '1' })).status, 200)
})

row('DNS rebinding', async t => {
  const { banyan } = await startHouse(t, { admin: { listen: '127.0.0.1:0', hosts: ['ops.example.com'] } })
  for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.2', 'ops.example.com.evil']) {
    for (const path of ['/api/v1/status', '/api/v1/events', '/']) {
      t.equal((await ask(banyan.admin, 'GET', path, { headers: { host } })).status, 421, `${host} ${path}`)
    }
  }
  t.equal((await ask(banyan.admin, 'GET', '/api/v1/status', { headers: { host: 'ops.example.com' } })).status, 200)
})

row('CORS', async t => {
  const { banyan } = await startHouse(t)
  const asks = { origin: banyan.admin, 'access-control-request-method': 'PUT' }
  for (const method of ['GET', 'OPTIONS']) {
    const { headers } = await ask(banyan.admin, method, '/api/v1/status', { headers: asks })
    t.same(
      Object.keys(headers).filter(name => name.startsWith('access-control-')),
      [],
      method,
    )
    t.equal(headers['cross-origin-resource-policy'], 'same-origin')
  }
})

row('Dashboard', async t => {
  const { banyan } = await startHouse(t)
  const page = await fetch(`${banyan.admin}/`)
  t.match(
    page.headers.get('content-security-policy'),
    /^default-src 'none'; script-src 'self';.*frame-ancestors 'none'/,
  )
  t.notMatch(page.headers.get('content-security-policy'), /unsafe|https?:|\*/)
  t.equal(page.headers.get('x-content-type-options'), 'nosniff')
  t.equal(page.headers.get('referrer-policy'), 'no-referrer')
  const text = await page.text()
  t.notMatch(text, /<script(?![^>]* src=)|<style| style=| on\w+=/, 'nothing inline')
  for (const [, asset] of text.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)) {
    const { status, headers } = await fetch(`${banyan.admin}/${asset}`)
    t.equal(status, 200, String(asset))
    t.match(headers.get('cache-control'), /immutable/)
  }
  for (const path of ['/api/v1/status', '/nowhere', '/api/v1/%zz']) {
    const { headers } = await ask(banyan.admin, 'GET', path)
    t.equal(
      headers['content-security-policy'],
      "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      path,
    )
    t.equal(headers['x-content-type-options'], 'nosniff')
    t.equal(headers['referrer-policy'], 'no-referrer')
    t.match(headers['content-type'], /json/, 'nothing else is HTML')
  }
})

row('Clickjacking of "ramp to 100 %"', async t => {
  // No page yet; the version that a page will send with its confirmation is honoured.
  const { banyan, api } = await startHouse(t)
  const { headers } = await ask(banyan.admin, 'GET', '/api/v1/status')
  t.match(headers['content-security-policy'], /frame-ancestors 'none'/)
  await api('PUT', '/routes/orders/weight', { percent: 5 })
  t.equal((await api('PUT', '/routes/orders/weight', { percent: 100 }, { 'if-match': '"1"' })).status, 412)
})

row('Audit', async t => {
  const { banyan, api } = await startHouse(t)
  const { secret, token } = (await api('POST', '/tokens', { name: 'ann', scopes: ['operate'] })).json
  const { revision } = (
    await operatorOf(t, banyan, secret)('PUT', '/routes/orders/weight', { percent: 7, reason: 'why' })
  ).json
  const { text, json } = await api('GET', '/audit?limit=1')
  t.match(json.entries, [
    {
      actor: { name: 'ann', tokenId: token.id, address: '127.0.0.1' },
      reason: 'why',
      before: { weight: null },
      after: { weight: 7 },
      revision,
    },
  ])
  t.notOk(text.includes(secret))
  t.match((await api('GET', '/audit/verify')).json, { ok: true, brokenAt: null })
  // Survives kill -9: test/e2e/survive.test.ts; a changed entry shows: test/store/audit-chain.test.ts.
})

row('Concurrency', async t => {
  const { api } = await startHouse(t)
  const { headers } = await api('GET', '/routes/orders')
  const etag = String(headers.etag)
  const answers = await Promise.all(
    [1, 2, 3, 4].map(percent => api('PUT', '/routes/orders/weight', { percent }, { 'if-match': etag })),
  )
  t.same(answers.map(({ status }) => status).sort(), [200, 412, 412, 412], 'one of them, and the others are told')
})

row('Secrets in logs', async t => {
  const directory = temporary(t)
  const auth = { trustHeader: { user: 'X-User', from: ['127.0.0.9'], secret: 'canary-proof' }, everyone: ['read'] }
  const admin = { listen: '127.0.0.1:0', auth }
  const more = {
    admin,
    split: { seed: 'canary-seed', firstStart: 'declared' },
    store: `sqlite:${join(directory, 'state.db')}`,
  }
  const { banyan, api } = await startHouse(t, more, { directory })
  const { secret } = (await api('POST', '/tokens', { name: 'a', scopes: ['read'] })).json
  await ask(banyan.admin, 'GET', '/api/v1/status?token=canary-query', {
    token: 'canary-bearer',
    headers: { cookie: 'sid=canary-cookie' },
  })
  await fetch(`http://127.0.0.1:${banyan.port}/orders/1?api_key=canary-key`, {
    headers: { authorization: 'Bearer canary-client' },
  })
  const said = [banyan.lines.join('\n'), await (await fetch(`${banyan.health}/metrics`)).text()]
  for (const path of [
    '/config',
    '/config?effective=true',
    '/status',
    '/audit',
    '/tokens',
    '/routes',
    '/inventory',
    '/doctor',
  ]) {
    said.push((await api('GET', path)).text)
  }
  await banyan.stop()
  const found = said.join('\n').match(/canary-\w+/g) ?? []
  t.same(found, [])
  t.notOk(said.join('\n').includes(secret) || said.join('\n').includes(TOKEN))
})

row('PII in stored divergences', async t => {
  // Values, their redaction and their end: test/compare/redact.test.ts, test/compare/exemplar.test.ts, test/e2e/shadow/privacy.test.ts.
  const directory = temporary(t)
  const { banyan, api } = await startHouse(t, { store: `sqlite:${join(directory, 'state.db')}` }, { directory })
  t.equal(statSync(join(directory, 'state.db')).mode & 0o077, 0, 'for this user only')
  t.equal((await api('POST', '/forget', { key: 'ann@example.com' })).status, 200)
  const { text } = await api('GET', '/audit?limit=1')
  t.notOk(text.includes('ann@example.com'), 'nor is it kept who was forgotten')
  t.ok(banyan.lines.every(line => !line.includes('ann@example.com')))
})

row('Journal bodies', async t => {
  // Dual writes come later: until then a file that asks for them is refused, so no body is ever kept by them.
  const route = 'id: a, match: { path: /a }, legacy: "http://a:1", new: "http://b:1", data: separate'
  t.match(await mistakesOf(`routes: [{ ${route}, writes: { mode: legacy-first } }]`), [/not in this version/])
})

row('SSRF by config', async t => {
  const { banyan, api } = await startHouse(t, {}, { check })
  const before = (await api('GET', '/routes')).text
  // A listener that would hear if anything were asked.
  let heard = 0
  const trap = createServer(socket => {
    heard++
    socket.destroy()
  })
  await new Promise<void>(resolve => trap.listen(0, '127.0.0.1', resolve))
  t.teardown(() => trap.close())
  const { port } = trap.address() as { port: number }
  const text = `backends: { a: { url: "http://127.0.0.1:${port}", health: / } }\nroutes: [{ id: orders, match: { path: /orders }, legacy: a }]`
  t.equal((await api('POST', '/config/check', { text })).json.ok, true)
  t.equal((await api('GET', '/routes')).text, before, 'a text that comes by API is judged, and never in force')
  t.equal(heard, 0, 'nor is anybody asked')
  const writes = Object.entries(operations).filter(
    ([, one]) =>
      'body' in one && JSON.stringify(Object.keys((one.body as { shape?: object }).shape ?? {})).includes('"url"'),
  )
  t.same(writes.map(([name]) => name).sort(), ['explain', 'link'], 'no call takes a backend; these two send nothing')
  for (const url of [
    'http://169.254.169.254',
    'http://[fd00:ec2::254]',
    'http://metadata.google.internal',
    'http://0xA9FEA9FE',
    'http://127.0.0.1:9900',
  ]) {
    t.equal((await api('POST', '/config/check', { text: `backends: { a: { url: "${url}" } }` })).json.ok, false, url)
  }
  t.equal(banyan.app.control.state().revision, (await api('GET', '/status')).json.revision)
})

row('SSRF by request', async t => {
  const { banyan, legacy } = await startHouse(t, { default: 404 })
  const evil = await startHouse(t)
  for (const head of [
    `GET ${evil.legacy.url}/old/1 HTTP/1.1\r\nHost: ${new URL(evil.legacy.url).host}`,
    `GET /old/1 HTTP/1.1\r\nHost: ${new URL(evil.legacy.url).host}\r\nX-Forwarded-Host: ${new URL(evil.legacy.url).host}`,
  ]) {
    const client = rawClient(t, banyan.port)
    client.send(`${head}\r\nConnection: close\r\n\r\n`)
    t.match(await client.closed, /^HTTP\/1\.1 (200|400|404) /)
  }
  t.equal(evil.legacy.seen.length, 0, 'the target comes from the route table')
  t.ok(legacy.seen.length > 0)
})

row('YAML bombs', async t => {
  const { api } = await startHouse(t, {}, { check })
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...'bcdefgh'.split('').map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[i]}`).join(',')}]`),
  ]
  const texts: Record<string, RegExp> = {
    [bomb.join('\n')]: /aliases|anchors/,
    'base: &b { weight: 1 }\ngroups: { <<: *b }': /aliases|merge|anchors/,
    '{"__proto__": {"x": 1}}': /reserved/,
    'groups: { a: { weight: 1 } }\ngroups: {}': /duplicate/,
    'grups: {}': /unknown key/,
    [`${'['.repeat(100)}`]: /nested deeper/,
  }
  for (const [text, said] of Object.entries(texts)) {
    const { ok, mistakes } = (await api('POST', '/config/check', { text })).json
    t.ok(!ok && mistakes.some(({ message }: { message: string }) => said.test(message)), `${said}`)
  }
  t.equal((await api('POST', '/config/check', { text: ' '.repeat(256 * 1024 + 1) })).status, 400, '256 KiB')
})

row('Regex routes', async t => {
  t.match(await mistakesOf('routes: [{ id: a, match: { regex: "(a+)+$" }, legacy: "http://a:1" }]'), [
    /unknown key|missing/,
  ])
  for (const pattern of ['(a+)+', '(a*)*b', '(a|a)+$', '(.*a){20}']) t.ok('message' in readPattern(pattern), pattern)
  t.notOk('message' in readPattern('[0-9]+'))
  const long = `/orders/${'a'.repeat(20_000)}`
  t.match(await loadText({ text: '{}', file: 'x', interpolate: false }), {
    config: { proxy: { limits: { target: 16 * 1024 } } },
  })
  const { api } = await startHouse(t)
  t.equal((await api('POST', '/explain', { url: long })).status, 400, 'a path has its length')
})

row('Prototype pollution', async t => {
  const { banyan, api } = await startHouse(t)
  for (const body of [
    '{"percent":5,"__proto__":{"polluted":1}}',
    '{"percent":5,"constructor":{"prototype":{"polluted":1}}}',
  ]) {
    t.equal((await ask(banyan.admin, 'PUT', '/api/v1/routes/orders/weight', { body })).status, 400)
  }
  t.equal((await api('GET', '/routes/__proto__')).status, 400)
  t.equal((await api('GET', '/routes/constructor')).status, 404)
  t.match(await mistakesOf('groups: { constructor: { weight: 1 } }'), [/reserved/])
  t.equal(({} as Record<string, unknown>).polluted, undefined)
})

row('Deep or wide JSON', async t => {
  const { banyan } = await startHouse(t)
  const explain = (headers: string) =>
    ask(banyan.admin, 'POST', '/api/v1/explain', { body: `{"url":"/orders/1","headers":${headers}}` })
  t.equal((await explain(`${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`)).status, 400)
  t.equal((await explain(`[${'['.repeat(30_000)}${']'.repeat(30_000)}]`)).status, 400)
  t.equal((await ask(banyan.admin, 'GET', '/api/v1/status')).status, 200)
  // Of answers that are compared: test/compare/hostile.test.ts.
})

row('Decompression bombs in shadow compare', async t => {
  const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024))
  t.match(decoded(storedAnswer({ body: bomb }).body, ['gzip'], 1024 * 1024), { problem: 'huge' })
  t.match(decoded(storedAnswer({ body: bomb }).body, Array(5).fill('gzip'), 1024), { problem: 'unknown' })
})

row('Body limits', async t => {
  const { banyan } = await startHouse(t)
  const large = JSON.stringify({ percent: 5, reason: 'x'.repeat(64 * 1024) })
  t.equal((await ask(banyan.admin, 'PUT', '/api/v1/routes/orders/weight', { body: large })).status, 413)
  t.equal(
    (await ask(banyan.admin, 'PUT', '/api/v1/routes/orders/weight', { body: large, token: null })).status,
    401,
    'unread',
  )
  // Of clients: test/e2e/uploads.test.ts.
})

row('Header limits', async t => {
  const { banyan } = await startHouse(t)
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, '1']))
  const status = async (headers: Record<string, string>, path = '/api/v1/status') =>
    (await ask(banyan.admin, 'GET', path, { headers })).status
  t.equal(await status(many(90)), 200)
  t.equal(await status(many(101)), 431)
  t.equal(await status({ 'x-long': 'a'.repeat(17 * 1024) }), 431)
  t.equal(await status({}, `/api/v1/status?${'a'.repeat(9 * 1024)}`), 414)
  // What comes after Node's own count must not be lost: a second Host behind a thousand fields.
  const client = rawClient(t, Number(new URL(banyan.admin).port))
  const fields = Array.from({ length: 2_100 }, () => 'a:\r\n').join('')
  client.send(
    `GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n${fields}Host: evil.example\r\nConnection: close\r\n\r\n`,
  )
  t.match(await client.closed, /^HTTP\/1\.1 (4\d\d) /)
})

row('Metrics exposure', async t => {
  const { config } = await loadText({ text: '{}', file: 'text', interpolate: false })
  t.equal(config?.health.listen.host, '127.0.0.1', 'loopback unless it is said otherwise')
  const { banyan } = await startHouse(t, { default: 404 })
  t.equal((await fetch(`http://127.0.0.1:${banyan.port}/metrics`)).status, 404, 'never where clients are')
  t.equal((await ask(banyan.admin, 'GET', '/metrics')).status, 404)
  t.equal((await fetch(`${banyan.health}/metrics`)).status, 200)
})

row('Autopilot abuse', async t => {
  // There is no autopilot yet: nothing but an operator moves a weight.
  const route = 'id: a, match: { path: /a }, legacy: "http://a:1", new: "http://b:1", data: shared'
  t.match(await mistakesOf(`routes: [{ ${route}, ramp: { mode: auto } }]`), [/not in this version/])
})

t.test('every row of the matrix is here, or says where it is', async t => {
  for (const [name, [, file]] of Object.entries(ELSEWHERE)) t.ok(existsSync(join(ROOT, file)), `${name}: ${file}`)
  const shared = process.env.BANYAN_SHARED ?? join(ROOT, '../shared')
  const page = join(shared, 'research/reliability.md')
  if (!existsSync(page)) {
    t.comment(`the table is not beside this checkout (${page}): ${rows.size} rows are tested, not compared with it`)
    return
  }
  const named = matrixIn(readFileSync(page, 'utf8'))
  t.ok(named.length > 30, `${named.length} rows`)
  for (const name of named) t.ok(rows.has(name) !== Object.hasOwn(ELSEWHERE, name), name)
  t.same(
    [...rows, ...Object.keys(ELSEWHERE)].filter(name => !named.includes(name)),
    [],
    'and none that is not in it',
  )
})

/** First cells of the table in section 4. */
function matrixIn(text: string): readonly string[] {
  const section = /^## 4\..*?(?=^## )/ms.exec(text)?.[0] ?? ''
  const lines = section.split('\n').filter(line => line.startsWith('| '))
  return lines.slice(1).flatMap(line => line.split('|')[1]?.trim() ?? [])
}
