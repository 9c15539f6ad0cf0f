// Asking the admin API: what is sent, where tokens come from, and every way in which an answer can be none.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import t from 'tap'
import { operations } from '../../src/admin/api.ts'
import { TOKEN_SOURCES } from '../../src/cli/access.ts'
import { byOperation, problem, rolledBackStatus, routes, status } from './answers.ts'
import { directory, fakeAdmin, reply, run } from './fake-admin.ts'

t.test('the fixtures fit the schemas', async t => {
  for (const [name, answer] of Object.entries(byOperation)) {
    t.same(operations[name as keyof typeof byOperation].answer.parse(answer), answer, name)
  }
  t.ok(operations.status.answer.safeParse(rolledBackStatus).success)
})

t.test('what is sent', async t => {
  const admin = await fakeAdmin({ 'GET /status': status })
  t.teardown(() => admin.close())
  const { code, out, err } = await run(admin, ['status', '--json'])
  t.equal(code, 0)
  t.same(JSON.parse(out), status)
  t.equal(err, '')
  const [seen] = admin.seen
  t.equal(seen?.headers.authorization, 'Bearer bny_test')
  t.match(seen?.headers.accept, /application\/json/)
  t.equal(seen?.headers['user-agent'], 'banyan-cli/0.1.0')
  t.equal(seen?.headers['if-match'], undefined)
})

t.test('--admin wins, needs no scheme, may have a path before it', async t => {
  const admin = await fakeAdmin({ 'GET /status': status, 'GET /below/api/v1/status': status })
  t.teardown(() => admin.close())
  const env = { BANYAN_ADMIN: 'http://127.0.0.1:1' }
  t.equal((await run(admin, ['status', '--admin', admin.url], { env })).code, 0)
  t.equal((await run(admin, ['--admin', admin.url.replace('http://', ''), 'status'], { env })).code, 0)
  t.equal((await run(admin, ['status', `--admin=${admin.url}/below/`], { env })).code, 0)
  t.equal(admin.seen.at(-1)?.path, '/below/api/v1/status')
  for (const wrong of ['ftp://x', 'http://user:secret@x', 'http://x/?token=1', 'http://']) {
    const { code, err } = await run(admin, ['status', '--admin', wrong])
    t.equal(code, 2, wrong)
    t.match(err, /--admin is not an address/)
  }
})

t.test('where a token comes from', async t => {
  const admin = await fakeAdmin({ 'GET /status': status })
  t.teardown(() => admin.close())
  const cwd = await directory(t, {
    '.banyan/admin.token': 'bny_left\n',
    'my.token': 'bny_file\n',
    'bad.token': 'a b',
  })
  const ask = async (argv: readonly string[], env: Record<string, string>, stdin?: string) => {
    const ran = await run(null, ['status', ...argv], {
      env: { BANYAN_ADMIN: admin.url, ...env },
      cwd,
      ...(stdin === undefined ? {} : { stdin }),
    })
    return ran.code === 0 ? admin.seen.at(-1)?.headers.authorization : `${ran.code}: ${ran.err}`
  }
  t.equal(await ask([], {}), 'Bearer bny_left')
  t.equal(await ask([], { BANYAN_ADMIN_TOKEN: 'bny_admin' }), 'Bearer bny_admin')
  t.equal(await ask([], { BANYAN_ADMIN_TOKEN: 'bny_admin', BANYAN_TOKEN: 'bny_mine' }), 'Bearer bny_mine')
  t.equal(await ask([], { BANYAN_TOKEN: '' }), 'Bearer bny_left', 'an empty variable is none')
  t.equal(await ask(['--token-file', 'my.token'], { BANYAN_TOKEN: 'bny_mine' }), 'Bearer bny_file')
  t.equal(await ask(['--token-file', '-'], {}, 'bny_stdin\n'), 'Bearer bny_stdin')
  t.match(await ask(['--token-file', 'none.token'], {}), /^7: .*none\.token cannot be read \(ENOENT\)/)
  const bad = await ask([], { BANYAN_TOKEN: 'se\ncret' })
  t.match(bad, /^7: .*BANYAN_TOKEN does not hold a token/)
  t.notMatch(bad, /cret/, 'never repeated')
  t.match(await ask(['--token-file', 'bad.token'], {}), /^7: /)
})

t.test('forbidden: 7, with where a token is taken from', async t => {
  const admin = await fakeAdmin({
    'GET /status': (response, { headers }) =>
      headers.authorization === undefined
        ? reply(response, 401, problem(401, 'token_missing', 'a token is needed'))
        : reply(response, 403, problem(403, 'scope', 'this token may not do that')),
    'GET /audit': response => reply(response, 429, problem(429, 'throttled', 'too many failed logins')),
  })
  t.teardown(() => admin.close())
  const missing = await run(null, ['status'], { env: { BANYAN_ADMIN: admin.url } })
  t.equal(missing.code, 7)
  t.equal(missing.out, '')
  t.match(missing.err, /a token is needed/)
  t.match(missing.err, /no token was found/)
  t.ok(missing.err.includes(TOKEN_SOURCES))
  const denied = await run(admin, ['status'])
  t.equal(denied.code, 7)
  t.match(denied.err, /the token came from BANYAN_TOKEN/)
  t.match(denied.err, /scope that is needed: read/)
  t.notMatch(denied.err, /bny_test/)
  t.equal((await run(admin, ['audit'])).code, 7)
})

t.test('statuses and exit codes', async t => {
  const expected = { 400: 2, 404: 1, 408: 5, 409: 6, 412: 6, 422: 2, 500: 1, 503: 1 }
  for (const [status, code] of Object.entries(expected)) {
    const details = problem(Number(status), 'some_code', 'what went wrong', {
      errors: [{ pointer: '/percent', message: 'too much' }],
      hint: 'do it otherwise',
      currentRevision: 44,
    })
    const admin = await fakeAdmin({ 'GET /status': response => reply(response, Number(status), details) })
    const ran = await run(admin, ['status'])
    t.equal(ran.code, code, status)
    t.equal(ran.out, '', 'nothing on stdout')
    t.match(ran.err, /^banyan: what went wrong\n {2}\/percent: too much\n {2}do it otherwise\n {2}.*now 44\n/)
    await admin.close()
  }
})

t.test('no answer in time: 5', async t => {
  const admin = await fakeAdmin({ 'GET /status': () => {}, 'PUT /routes/orders/weight': () => {} })
  t.teardown(() => admin.close())
  const { code, err } = await run(admin, ['status', '--timeout', '30ms'])
  t.equal(code, 5)
  t.match(err, /no answer from http:\/\/127\.0\.0\.1:\d+ within 0\.03 s \(--timeout\)/)
  const change = await run(admin, ['weight', 'orders', '5', '--timeout', '30ms'])
  t.equal(change.code, 5)
  t.match(change.err, /the change may be in force nevertheless/)
})

t.test('an answer that begins and does not end: 5', async t => {
  const admin = await fakeAdmin({
    'GET /status': response => response.writeHead(200, { 'content-type': 'application/json' }).write('{'),
  })
  t.teardown(() => admin.close())
  t.equal((await run(admin, ['status', '--timeout', '50ms'])).code, 5)
})

t.test('unreachable: 8', async t => {
  const gone = await fakeAdmin({})
  await gone.close()
  const refused = await run(gone, ['status'])
  t.equal(refused.code, 8)
  t.equal(refused.out, '')
  t.match(refused.err, /cannot be reached: nothing listens there/)
  t.match(refused.err, /BANYAN_ADMIN/)
  const rollback = await run(gone, ['rollback'])
  t.equal(rollback.code, 8)
  t.match(rollback.err, /SIGUSR2/, 'the way without the API')

  const cut = await fakeAdmin({
    'GET /status': response => {
      response.writeHead(200, { 'content-length': '1000' }).write('{"product"')
      response.destroy()
    },
  })
  t.teardown(() => cut.close())
  t.equal((await run(cut, ['status'])).code, 8)
})

t.test('something else listens there', async t => {
  const admin = await fakeAdmin({
    'GET /status': response => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>\x1b[2J hi</html>'),
    'GET /routes': response => response.writeHead(200, { 'content-type': 'application/json' }).end('{"revision": 4'),
    'GET /config': response => response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>'),
    'GET /tokens': response => response.writeHead(302, { location: 'https://evil.example/' }).end(),
    'GET /audit': response => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('["')
      for (let i = 0; i < 10; i++) response.write('x'.repeat(1024 * 1024))
      response.end('"]')
    },
    'GET /audit/verify': response => response.writeHead(200).end(),
    'GET /routes/orders': response => response.writeHead(200).end('null'),
  })
  t.teardown(() => admin.close())
  const html = await run(admin, ['status'])
  t.equal(html.code, 1)
  t.equal(html.out, '')
  t.match(
    html.err,
    /does not seem to be a Banyan admin listener: its answer \(200\) is not JSON but text\/html: <html>\\x1b\[2J/,
  )
  t.equal((await run(admin, ['routes'])).code, 1, 'JSON that is cut')
  const gateway = await run(admin, ['config', 'show'])
  t.equal(gateway.code, 1)
  t.match(gateway.err, /answered 502 \(text\/html\)/)
  const moved = await run(admin, ['token', 'list'])
  t.equal(moved.code, 1)
  t.match(moved.err, /redirects are not followed/, 'a token goes to nobody else')
  const large = await run(admin, ['audit'])
  t.equal(large.code, 1)
  t.match(large.err, /larger than 8 MiB/)
  t.equal((await run(admin, ['audit', 'verify'])).code, 1, 'an empty answer')
  t.equal((await run(admin, ['routes', 'orders'])).code, 1, 'null')

  const noise = createServer(socket => socket.end('SSH-2.0-OpenSSH_9.9\r\n')).listen(0, '127.0.0.1')
  await once(noise, 'listening')
  t.teardown(() => noise.close())
  const ssh = await run({ url: `http://127.0.0.1:${(noise.address() as AddressInfo).port}` }, ['status'])
  t.equal(ssh.code, 1)
  t.match(ssh.err, /does not speak HTTP/)
})

t.test('the listener for clients is no admin listener, whoever answers behind it', async t => {
  const own = { type: 'urn:banyan:no_route', title: 'No Route', status: 404, detail: 'no route', code: 'no_route' }
  const answers: readonly (readonly [status: number, type: string, body: string])[] = [
    [404, 'text/html', '<h1>not here</h1>'],
    [404, 'application/json', '{"title":"Not Found","detail":"no such page"}'],
    [404, 'application/problem+json', JSON.stringify({ ...own, exchange: '0f' })],
    [400, 'application/json', '{"message":"bad"}'],
    [401, 'text/html', 'sign in'],
  ]
  for (const [status, type, body] of answers) {
    const other = await fakeAdmin({
      'GET /status': response => response.writeHead(status, { 'content-type': type }).end(body),
      'GET /routes/orders': response => response.writeHead(status, { 'content-type': type }).end(body),
    })
    const said = await run(other, ['status'])
    t.equal(said.code, status === 401 ? 7 : 1)
    t.match(said.err, `does not seem to be a Banyan admin listener: it answered ${status} (${type})`)
    t.match(
      said.err,
      body.includes('exchange') ? /is the listener for clients of a Banyan/ : /hands everything to back/,
    )
    t.match(said.err, /--admin URL, or BANYAN_ADMIN\. A Banyan listens at `admin\.listen`, http:\/\/127\.0\.0\.1:9900/)
    t.notMatch(said.err, /no such page|no route\n/, 'what it says of itself is not said to be ours')
    await run(other, ['routes', 'orders'])
    t.equal(other.seen.length, 2, 'nobody asks there for the routes that there are')
    await other.close()
  }
})

t.test('an answer of another version', async t => {
  const newer = {
    ...status,
    added: { later: true },
    routes: [{ ...status.routes[0], state: 'ramping\x1b[1m', observed: 33.333333 }],
  }
  const admin = await fakeAdmin({ 'GET /status': newer, 'GET /routes': { routes: {} } })
  t.teardown(() => admin.close())
  const fine = await run(admin, ['status'])
  t.equal(fine.code, 0, 'new fields and new words do no harm')
  t.match(fine.out, /ramping\\x1b\[1m/)
  t.same(JSON.parse((await run(admin, ['status', '--json'])).out), newer, 'nothing is taken away')
  const { warnings: _, config, ...older } = status
  const { lastError: __, ...olderConfig } = config
  const behind = await fakeAdmin({ 'GET /status': { ...older, config: olderConfig } })
  t.teardown(() => behind.close())
  t.equal((await run(behind, ['status'])).code, 0, 'lists and nothings of a later version may be absent')
  t.same(JSON.parse((await run(behind, ['status', '--json'])).out), { ...older, config: olderConfig })
  const misfit = await run(admin, ['routes'])
  t.equal(misfit.code, 1)
  t.match(misfit.err, /answered 200, but not in the form that is expected\n {2}\/revision: /)
  t.same(JSON.parse(misfit.out), { routes: {} }, 'what came is not lost')
})

t.test('what the API would refuse is said in its words before anything is sent', async t => {
  const admin = await fakeAdmin({})
  t.teardown(() => admin.close())
  const { code, err } = await run(admin, ['audit', '--route', '*'])
  t.equal(code, 2)
  t.match(err, 'route: must be 1 to 64 of a-z, 0-9 and -; it is "*"')
  t.equal(admin.seen.length, 0)
})

t.test('a mistake that is the whole sentence is not said twice', async t => {
  const message = 'must be a whole number from 1 to 400; it is "x"'
  const refused = problem(400, 'invalid', `days in the query: ${message}`, {
    errors: [
      { pointer: '/days', message },
      { pointer: '/other', message },
    ],
  })
  const admin = await fakeAdmin({ 'GET /status': response => reply(response, 400, refused) })
  t.teardown(() => admin.close())
  t.match((await run(admin, ['status'])).err, `banyan: days in the query: ${message}\n  /other: ${message}\n`)
})

t.test('ids cannot leave their place in the path', async t => {
  const admin = await fakeAdmin({ 'GET /routes': routes })
  t.teardown(() => admin.close())
  for (const id of ['..', 'a/b', 'Orders', 'a?b']) t.equal((await run(admin, ['rollback', id])).code, 2, id)
  // A name is looked up, and never a part of a path.
  for (const id of ['..', '.', '']) t.not((await run(admin, ['token', 'revoke', id])).code, 0, id)
  t.ok(admin.seen.every(({ path }) => path === '/routes' || path === '/tokens'))
  await run(admin, ['token', 'revoke', 'tok-/../b?c'])
  t.equal(admin.seen.at(-1)?.path, '/tokens/tok-%2F..%2Fb%3Fc')
})
