// token, seed and config: secrets go to stdout only, a reshuffle asks people first, a bad file leaves 2.
import t from 'tap'
import { applied, byOperation, mistake, token } from './answers.ts'
import { directory, fakeAdmin, run } from './fake-admin.ts'

t.test('token create', async t => {
  const admin = await fakeAdmin({ 'POST /tokens': byOperation.createToken })
  t.teardown(() => admin.close())
  const argv = ['token', 'create', 'ci', '--scope', 'read,operate', '--route', 'orders', '--expires', '90d']
  const { code, out, err } = await run(admin, argv)
  t.equal(code, 0)
  t.equal(out, 'bny_s3cret\n', 'fit for > file')
  t.match(err, /token tok-2 for read, operate, until 2026-01-03/)
  t.match(err, /not shown again/)
  t.notMatch(err, /bny_s3cret/)
  t.same(admin.seen[0]?.body, {
    name: 'ci',
    scopes: ['read', 'operate'],
    routes: ['orders'],
    expiresInSeconds: 90 * 86_400,
  })
  await run(admin, ['token', 'create', 'ci', '--scope', 'read', '--scope', 'read', '-m', 'for CI'])
  t.same(admin.seen[1]?.body, { name: 'ci', scopes: ['read'], reason: 'for CI' })
  t.same(JSON.parse((await run(admin, [...argv, '--json'])).out), byOperation.createToken)
  const asked = admin.seen.length
  t.match(await run(admin, ['token', 'create', 'ci']), { code: 2, err: /--scope is needed\n {2}allowed: read, bodies/ })
  t.match(await run(admin, ['token', 'create', 'ci', '--scope', 'root']), { code: 2, err: /Allowed: read, bodies/ })
  t.match(await run(admin, ['token', 'create', 'c i', '--scope', 'read']), { code: 2, err: /name: / })
  t.equal(admin.seen.length, asked)
})

t.test('token list and revoke', async t => {
  const admin = await fakeAdmin({ 'GET /tokens': byOperation.tokens, 'DELETE /tokens/tok-2': applied })
  t.teardown(() => admin.close())
  const list = await run(admin, ['token', 'list'])
  t.match(list.out, /\ntok-2 +ci +read,operate +orders +2026-01-02T10:00:00Z +2026-01-03T10:00:00Z\n/)
  t.match(list.out, /\ntok-3 +ci +read,operate +every route +\S+ +never\n/)
  t.same(JSON.parse((await run(admin, ['token', 'list', '--json'])).out), byOperation.tokens)
  const revoked = await run(admin, ['token', 'revoke', token.id, '-m', 'gone'])
  t.match(revoked.out, /^token tok-2: revoked · revision 43/)
  t.equal(admin.seen.at(-1)?.path, '/tokens/tok-2?reason=gone')
  const typo = await run(admin, ['token', 'revok', 'tok-2'])
  t.match(typo, { code: 2, err: /Did you mean revoke\?/ })
})

t.test('seed rotate warns always, and asks on a terminal', async t => {
  const admin = await fakeAdmin({ 'POST /seed/rotate': applied })
  t.teardown(() => admin.close())
  const piped = await run(admin, ['seed', 'rotate', '--reason', 'bias', '--if-revision', '42'])
  t.equal(piped.code, 0)
  t.match(piped.err, /warning: a new seed draws anew/)
  t.match(piped.out, /^seed: rotated · revision 43/)
  t.match(admin.seen[0], { body: { reason: 'bias' }, headers: { 'if-match': '"42"' } })
  t.equal((await run(admin, ['seed', 'rotate'], { tty: true, stdin: 'no\n' })).code, 1)
  t.equal((await run(admin, ['seed', 'rotate'], { tty: true, stdin: '' })).code, 1)
  t.equal(admin.seen.length, 1, 'nothing was changed')
  t.equal((await run(admin, ['seed', 'rotate'], { tty: true, stdin: 'yes\n' })).code, 0)
  t.equal((await run(admin, ['seed', 'rotate', '--yes'], { tty: true })).code, 0)
  t.equal(admin.seen.length, 3)
})

t.test('config schema and show', async t => {
  const admin = await fakeAdmin({ 'GET /config': byOperation.config })
  t.teardown(() => admin.close())
  const schema = await run(null, ['config', 'schema'], { parts: { schema: () => ({ type: 'object' }) } })
  t.equal(schema.code, 0)
  t.same(JSON.parse(schema.out), { type: 'object' })
  const show = await run(admin, ['config', 'show'])
  t.same(JSON.parse(show.out), byOperation.config.config)
  t.match(show.err, /routes\.yaml, revision 42/)
  t.same(JSON.parse((await run(admin, ['config', 'show', '--json'])).out), byOperation.config)
})

t.test('config diff', async t => {
  const cwd = await directory(t, { 'routes.yaml': 'routes: []\n', 'next.yaml': 'routes: 5\n' })
  let answer: object = byOperation.configCheck
  const admin = await fakeAdmin({
    'POST /config/check': response => response.writeHead(200).end(JSON.stringify(answer)),
  })
  t.teardown(() => admin.close())
  const changed = await run(admin, ['config', 'diff'], { cwd })
  t.equal(changed.code, 0)
  t.equal(changed.out, '/routes/0/weight\n  - 5\n  + 25\n')
  t.same(admin.seen[0]?.body, { text: 'routes: []\n' })
  await run(admin, ['config', 'diff', '-'], { cwd, stdin: 'from: stdin' })
  t.same(admin.seen[1]?.body, { text: 'from: stdin' })
  answer = { ok: true, mistakes: [], changes: [] }
  const same = await run(admin, ['config', 'diff', 'next.yaml'], { cwd })
  t.equal(same.out, '')
  t.match(same.err, /next\.yaml: nothing would change/)
  answer = { ok: false, mistakes: [mistake], changes: [] }
  const wrong = await run(admin, ['config', 'diff', 'next.yaml'], { cwd })
  t.equal(wrong.code, 2)
  t.equal(wrong.out, 'routes.yaml:3:7: error /routes/0/weight: not a percent; found 500; allowed 0 to 100\n')
  t.same(JSON.parse((await run(admin, ['config', 'diff', '--json'], { cwd })).out), answer)
  t.match(await run(admin, ['config', 'diff', 'none.yaml'], { cwd }), {
    code: 1,
    err: /none\.yaml cannot be read \(ENOENT\)/,
  })
})

t.test('config reload', async t => {
  const admin = await fakeAdmin({ 'POST /config/reload': byOperation.configReload })
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, ['config', 'reload', '-m', 'new backend'])
  t.equal(code, 0)
  t.match(
    out,
    /^routes\.yaml:3:7: warning .*\n\/routes\/0\/weight\n {2}- 5\n {2}\+ 25\nconfiguration: reloaded, 1 changed · revision 43/,
  )
  t.same(admin.seen[0]?.body, { reason: 'new backend' })
  t.same(JSON.parse((await run(admin, ['config', 'reload', '--json'])).out), byOperation.configReload)
})
