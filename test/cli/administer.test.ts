// token, seed and config: secrets go to stdout only, a reshuffle asks people first, a bad file leaves 2.
import t from 'tap'
import type { Mistake } from '../../src/model/errors.ts'
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
  t.match(
    list.out,
    /\ntok-2 +ci +read,operate +orders +2026-01-02T10:00:00Z +2026-01-03T10:00:00Z \(over\) +2026-01-02T10:01:00Z\n/,
  )
  t.match(list.out, /\ntok-3 +ci +read,operate +every route +\S+ +never +not since the start\n/)
  t.same(JSON.parse((await run(admin, ['token', 'list', '--json'])).out), byOperation.tokens)
  const revoked = await run(admin, ['token', 'revoke', token.id, '-m', 'gone'])
  t.match(revoked.out, /^token tok-2: revoked · revision 43/)
  t.equal(admin.seen.at(-1)?.path, '/tokens/tok-2?reason=gone')
  const byName = await run(admin, ['token', 'revoke', 'ci'])
  t.match(byName.out, /^token tok-2: revoked/)
  t.match(await run(admin, ['token', 'revoke', 'nobody']), { code: 1, err: /there is no token named nobody/ })
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

t.test('config show: effective, with remarks', async t => {
  const weight = {
    path: '/routes/0/weight',
    unit: 'orders',
    declared: 20,
    desired: 50,
    effective: 0,
    held: false,
    set: { by: 'ann', at: Date.UTC(2026, 0, 2), reason: 'canary\nis green', percent: 50 },
    overruled: false,
    frozen: null,
    rollbacks: ['rb-1'],
  }
  const rules = [{ path: '/routes/0/compare/rules/0', rule: 'rule-1', by: 'bob', at: Date.UTC(2026, 0, 3) }]
  const config = { routes: [{ id: 'orders', weight: 0, compare: { rules: [{ ignore: ['$.id'] }] } }] }
  const answer = { file: 'routes.yaml', revision: 42, config, inForce: { weights: [weight], rules, pins: 2 } }
  const admin = await fakeAdmin({ 'GET /config': answer })
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, ['config', 'show', '--effective', '--yaml'])
  t.equal(code, 0)
  t.equal(admin.seen[0]?.path, '/config?effective=true')
  t.equal(
    out,
    `# in force: routes.yaml, revision 42
# weights are the effective ones; behind them stands what the file says, where that differs, and who said otherwise
# not in here: 2 pins of the support desk (banyan who), known by hashes only

routes:
  - id: orders
    weight: 0 # set to 50% by ann at 2026-01-02T00:00:00Z (canary is green); 0 because of 1 rollback: rb-1; desired 50%; the file says 20%
    compare:
      rules:
        # rule-1: added by bob at 2026-01-03T00:00:00Z
        - ignore: [ $.id ]
`,
  )
  t.same(JSON.parse((await run(admin, ['config', 'show', '--effective', '--json'])).out), answer)
  t.match(await run(admin, ['config', 'show', '--yaml', '--json']), { code: 2, err: /cannot be used with/ })
})

t.test('config check: by the proxy, its own file or a text', async t => {
  const cwd = await directory(t, { 'next.yaml': 'routes: 5\n' })
  let answer: object = byOperation.configCheck
  const admin = await fakeAdmin({
    'POST /config/check': response => response.writeHead(200).end(JSON.stringify(answer)),
  })
  t.teardown(() => admin.close())
  const changed = await run(admin, ['config', 'check'], { cwd })
  t.equal(changed.code, 0)
  t.equal(changed.out, '/routes/0/weight\n  - 5\n  + 25\n')
  t.same(admin.seen[0]?.body, {}, 'it reads its own file')
  await run(admin, ['config', 'check', '-'], { cwd, stdin: 'from: stdin' })
  t.same(admin.seen[1]?.body, { text: 'from: stdin' })
  answer = { ok: true, mistakes: [], changes: [] }
  const same = await run(admin, ['config', 'check', 'next.yaml'], { cwd })
  t.equal(same.out, '')
  t.match(same.err, /next\.yaml: nothing would change/)
  answer = { ok: false, mistakes: [mistake], changes: [] }
  const wrong = await run(admin, ['config', 'check', 'next.yaml'], { cwd })
  t.equal(wrong.code, 2)
  t.equal(wrong.out, 'routes.yaml:3:7: error /routes/0/weight: not a percent; found 500; allowed 0 to 100\n')
  t.same(JSON.parse((await run(admin, ['config', 'check', '--json'], { cwd })).out), answer)
  t.match(await run(admin, ['config', 'check', 'none.yaml'], { cwd }), {
    code: 1,
    err: /none\.yaml cannot be read \(ENOENT\)/,
  })
})

t.test('config diff: a file that is named is read here, the proxy reads its own', async t => {
  const cwd = await directory(t, { 'next.yaml': 'routes: []\n' })
  const admin = await fakeAdmin({ 'GET /config': byOperation.config, 'POST /config/check': byOperation.configCheck })
  t.teardown(() => admin.close())
  const own = await run(admin, ['config', 'diff'], { cwd })
  t.same([own.code, own.out], [0, '/routes/0/weight\n  - 5\n  + 25\n'])
  t.match(admin.seen[0], { method: 'POST', path: '/config/check', body: {} })
  const asked: unknown[] = []
  const check = async (file: string, text?: string) => {
    asked.push([file, text])
    return { ok: true, lines: '', mistakes: [], shown: { routes: [{ id: 'orders', weight: 30 }] } }
  }
  const named = await run(admin, ['config', 'diff', 'next.yaml'], { cwd, parts: { check } })
  t.same([named.code, named.out], [0, '/routes/orders/weight\n  - 5\n  + 30\n'])
  t.same(asked, [['next.yaml', 'routes: []\n']])
  t.match(admin.seen[1], { method: 'GET', path: '/config', body: undefined }, 'nothing of the file leaves this machine')
  const wrong = async () => ({ ok: false, lines: '', mistakes: [mistake as Mistake], shown: null })
  const refused = await run(admin, ['config', 'diff', '-'], { cwd, stdin: 'x', parts: { check: wrong } })
  t.match(refused, { code: 2, out: /not a percent/ })
  t.equal(admin.seen.length, 2)
})

t.test('config reload', async t => {
  const admin = await fakeAdmin({ 'POST /config/reload': byOperation.configReload })
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, ['config', 'reload', '-m', 'new backend'])
  t.equal(code, 0)
  t.match(
    out,
    /^routes\.yaml:3:7: warning .*\n\/routes\/0\/weight\n {2}- 5\n {2}\+ 25\nconfiguration of a: reloaded, 1 changed · revision 43/,
  )
  t.same(admin.seen[0]?.body, { reason: 'new backend' })
  t.same(JSON.parse((await run(admin, ['config', 'reload', '--json'])).out), byOperation.configReload)

  const [own] = byOperation.configReload.appliedBy
  const others = { ...byOperation.configReload, appliedBy: [own, { ...own, instance: 'b' }] }
  const fleet = await fakeAdmin({ 'POST /config/reload': others })
  t.teardown(() => fleet.close())
  t.match((await run(fleet, ['config', 'reload'])).err, /the other instances run their own files: reload each of them/)
})
