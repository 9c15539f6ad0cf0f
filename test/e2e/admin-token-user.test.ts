// Tokens and the audit log as people use them: by the command line against a running house.
import type { Test } from 'tap'
import t from 'tap'
import { run } from '../cli/fake-admin.ts'
import { type Banyan, TOKEN } from './harness.ts'
import { operatorOf, startHouse } from './operator.ts'

const cliOf =
  (banyan: Banyan, secret = TOKEN) =>
  (argv: readonly string[]) =>
    run(null, argv, { env: { BANYAN_ADMIN: banyan.admin, BANYAN_TOKEN: secret } })

function movedClock() {
  const moved = { ms: 0 }
  const clock = { now: () => Date.now() + moved.ms, monotonic: () => performance.now() + moved.ms }
  return { clock, pass: (ms: number) => (moved.ms += ms) }
}

async function create(t: Test, cli: ReturnType<typeof cliOf>, argv: readonly string[]) {
  const made = await cli(['token', 'create', ...argv])
  t.equal(made.code, 0, made.err)
  return made.out.trim()
}

t.test('made, listed with its last use, used within its bounds, revoked by name', async t => {
  const { banyan, api } = await startHouse(t)
  const admin = cliOf(banyan)
  const secret = await create(t, admin, ['on-call', '--scope', 'rollback', '--route', 'orders', '--expires', '90d'])
  const list = async () => (await admin(['token', 'list'])).out
  t.match(await list(), /on-call +rollback +orders +\S+ +\S+Z +not since the start/)
  const onCall = cliOf(banyan, secret)
  t.equal((await onCall(['rollback', 'orders', '-m', 'fire'])).code, 0)
  for (const argv of [
    ['restore', 'orders'],
    ['weight', 'orders', '5'],
    ['rollback', 'cart'],
    ['rollback', '--all'],
    ['rollback', 'pay'],
  ]) {
    const refused = await onCall([...argv])
    t.ok(refused.code === 7 || refused.code === 2, `${argv.join(' ')}: ${refused.code}`)
  }
  t.same(
    banyan.app.control.state().rollbacks.map(({ units }) => units),
    [['orders']],
  )
  t.match(await onCall(['token', 'list']), { code: 7, err: /needs the scope admin/ })
  t.match(await onCall(['routes']), { code: 0, out: /orders/ })
  t.notMatch((await onCall(['routes'])).out, /cart/)
  t.match(await list(), /on-call +rollback +orders +\S+ +\S+Z +2\d{3}-\S+Z/)
  const { tokens } = (await api('GET', '/tokens')).json
  t.ok(Math.abs(tokens[0].lastUsedAt - Date.now()) < 60_000)
  t.match(await admin(['token', 'revoke', 'on-call', '-m', 'left the team']), { code: 0, out: /revoked/ })
  t.match(await onCall(['status']), { code: 7, err: /a valid token is needed/ })
  t.match(await admin(['token', 'revoke', 'on-call']), { code: 1, err: /no token named on-call/ })
  t.match((await api('GET', '/audit?limit=1')).json.entries, [
    {
      action: 'revoke-token',
      reason: 'left the team',
      before: { name: 'on-call', scopes: ['rollback'], routes: ['orders'] },
    },
  ])
})

t.test('expiring: it works until then, shows that it is over, and ends streams that it opened', async t => {
  const { clock, pass } = movedClock()
  const { banyan } = await startHouse(t, {}, { clock })
  const admin = cliOf(banyan)
  const secret = await create(t, admin, ['short', '--scope', 'read', '--expires', '1h'])
  t.equal((await cliOf(banyan, secret)(['status'])).code, 0)
  pass(3_600_000)
  t.match(await cliOf(banyan, secret)(['status']), { code: 7 })
  t.equal((await operatorOf(t, banyan)('GET', '/tokens')).json.tokens[0].name, 'short')
})

t.test('what is refused when one is made', async t => {
  const { banyan } = await startHouse(t)
  const admin = cliOf(banyan)
  await create(t, admin, ['ci', '--scope', 'read'])
  for (const [argv, code, said] of [
    [['ci', '--scope', 'read'], 6, /there is a token named ci already/],
    [['other', '--scope', 'read', '--route', 'ordres'], 1, /no route ordres/],
    [['other'], 2, /--scope is needed/],
    [['a b', '--scope', 'read'], 2, /name/],
    [['sso:ann', '--scope', 'read'], 2, /name/],
    [['system', '--scope', 'read'], 6, /a name of the proxy itself/],
  ] as const) {
    const refused = await admin(['token', 'create', ...argv])
    t.same([refused.code, refused.out], [code, ''], argv.join(' '))
    t.match(refused.err, said)
  }
})

t.test('audit: read, kept elsewhere whole, verified', async t => {
  const { banyan, api } = await startHouse(t)
  const admin = cliOf(banyan)
  for (const percent of ['1', '2', '3']) await admin(['weight', 'orders', percent, '-m', `step ${percent}`])
  const read = await admin(['audit', '-n', '2'])
  t.match(read, {
    code: 0,
    out: /environment from 127\.0\.0\.1 +set-weight +orders .*step 3\n.*step 2\n/,
    err: /audit --before/,
  })
  const all = await admin(['audit', '--all'])
  const entries = all.out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  t.same(entries, (await api('GET', '/audit?limit=1000')).json.entries)
  t.same(
    entries.map(({ seq }: { seq: number }) => seq),
    [4, 3, 2, 1],
  )
  t.match(await admin(['audit', '--all', '--json']), { code: 2 })
  t.match(await admin(['audit', 'verify']), { code: 0, out: 'whole: 4 entries, each follows from the one before\n' })
})
