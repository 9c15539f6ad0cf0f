// banyan doctor: areas with trouble first, the block to paste at the end, exit codes, and what is said without a proxy.
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { AT, mistake, problem } from './answers.ts'
import { directory, fakeAdmin, reply, run } from './fake-admin.ts'

const check = (area: string, code: string, level: string, message: string, route: string | null = null) => ({
  area,
  code,
  level,
  message,
  route,
  evidence: {},
})

const diagnosis = {
  checks: [
    check('traffic', 'traffic_seen', 'ok', '12,345 requests, 2,400 looked at closely'),
    check('wire', 'quirk_refused', 'bad', 'backend mono answered with bare-lf'),
    check('wire', 'wire_quirk', 'note', 'the legacy side answered with http-1.0'),
    check('keys', 'one_key', 'warn', 'one key has 75 % of the traffic', 'orders'),
  ],
  paste: 'proxy:\n  clientIp:\n    from: ["10.0.0.7"]\n',
  since: AT,
  sampled: 2400,
  seen: 12_345,
}

t.test('for people: worst area first, the block last', async t => {
  const admin = await fakeAdmin({ 'GET /doctor': diagnosis })
  t.teardown(() => admin.close())
  const { code, out, err } = await run(admin, ['doctor'])
  t.equal(code, 0)
  t.equal(err, '')
  t.same(out.split('\n'), [
    'banyan doctor · 12,345 requests since 2026-01-02T10:00:00Z, 2,400 looked at closely',
    '',
    'wire       BAD   backend mono answered with bare-lf [quirk_refused]',
    '           note  the legacy side answered with http-1.0 [wire_quirk]',
    'keys       WARN  orders: one key has 75 % of the traffic [one_key]',
    'traffic    ok    12,345 requests, 2,400 looked at closely',
    '',
    '1 bad, 1 warning, 1 note, 1 ok',
    '',
    'To merge into routes.yaml (then: banyan check):',
    '',
    'proxy:',
    '  clientIp:',
    '    from: ["10.0.0.7"]',
    '',
  ])
})

t.test('on a terminal: coloured, broken at blanks, and nothing from outside draws', async t => {
  const message = `a cookie \x1b[2J of ${'many words '.repeat(20)}`
  const admin = await fakeAdmin({
    'GET /doctor': { ...diagnosis, checks: [check('cookies', 'x\x1b', 'warn', message)], paste: '# \x1b]0;x\n' },
  })
  t.teardown(() => admin.close())
  const { out } = await run(admin, ['doctor'], { tty: true, columns: 80 })
  t.match(out, '\x1b[33mWARN')
  t.notMatch(out, '\x1b[2J')
  t.notMatch(out, '\x1b]0')
  const bare = stripVTControlCharacters(out).split('\n').slice(1)
  t.ok(bare.every(line => line.length <= 80))
  const plain = await run(admin, ['doctor'], { tty: true, columns: 80, env: { NO_COLOR: '1' } })
  t.notMatch(plain.out, '\x1b')
})

t.test('for scripts: JSON as it came, and an exit code', async t => {
  const admin = await fakeAdmin({ 'GET /doctor': diagnosis })
  t.teardown(() => admin.close())
  const asJson = await run(admin, ['doctor', '--json'])
  t.same(JSON.parse(asJson.out), diagnosis)
  t.equal(asJson.code, 0)
  t.equal((await run(admin, ['doctor', '--exit-code'])).code, 1)
  const calm = { ...diagnosis, checks: diagnosis.checks.filter(({ level }) => level !== 'bad') }
  const fine = await fakeAdmin({ 'GET /doctor': calm })
  t.teardown(() => fine.close())
  t.equal((await run(fine, ['doctor', '--exit-code'])).code, 0, 'a warning is not bad')
})

t.test('a token that is refused is not a proxy that is away', async t => {
  const admin = await fakeAdmin({ 'GET /doctor': response => reply(response, 403, { ...problem, status: 403 }) })
  t.teardown(() => admin.close())
  t.match(await run(admin, ['doctor']), { code: 7, out: '' })
})

const nowhere = { url: 'http://127.0.0.1:9' }

t.test('without a proxy: what can be said from here', async t => {
  const cwd = await directory(t, {
    'routes.yaml': 'routes: []\n',
    '.banyan/rollback': '',
    '.banyan/admin.token': 'bny_test',
  })
  await chmod(join(cwd, '.banyan/admin.token'), 0o644)
  let unsaved: number | null = 2
  const asked: string[] = []
  const parts = {
    async unsavedRollbacks(file: string) {
      asked.push(file)
      return unsaved
    },
    check: async () => ({ ok: false, lines: '', mistakes: [{ ...mistake, level: 'error' as const }] }),
  }
  const env = { BANYAN_ADMIN: nowhere.url }
  const { code, out, err } = await run(null, ['doctor'], { cwd, parts, env })
  t.equal(code, 8)
  t.match(out, /^proxy +BAD +http:\/\/127\.0\.0\.1:9 cannot be reached/m)
  t.match(out, /^config +BAD +routes\.yaml has mistakes .* \[config_wrong\]$/m)
  t.match(out, /^token +WARN +.*chmod 600/m)
  t.match(out, /^store +WARN +.*everything to legacy .* \[break_glass\]$/m)
  t.match(out, /rollbacks\.pending holds 2 not yet saved/)
  t.match(out, /^node +ok +Node \d+/m)
  t.match(out, /port 9901, by default of health/)
  t.match(err, /--admin URL/)
  const asJson = await run(null, ['doctor', '--json'], { cwd, parts, env })
  t.equal(asJson.code, 8)
  t.match(JSON.parse(asJson.out), { paste: null, checks: [{ code: 'proxy_unreachable', level: 'bad' }] })
  t.equal(asked[0], join(cwd, '.banyan/rollbacks.pending'))
  unsaved = null
  const damaged = await run(null, ['doctor'], { cwd, parts, env })
  t.match(damaged.out, /BAD +\.banyan\/rollbacks\.pending is damaged.*\s.*\[rollbacks_damaged\]$/m)
})

t.test('without a proxy, in an empty directory', async t => {
  const cwd = await directory(t, {})
  const { code, out } = await run(null, ['doctor', '-c', 'mine.yaml'], { cwd, env: { BANYAN_ADMIN: nowhere.url } })
  t.equal(code, 8)
  t.match(out, /there is no mine\.yaml here.*\[config_none\]/)
  t.match(out, /\[token_none\]/)
  t.match(out, /\[store_none\]/)
  const named = await run(nowhere, ['doctor'], { cwd })
  t.match(named.out, /BANYAN_TOKEN is set/)
})
