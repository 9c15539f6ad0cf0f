// weight, rollback, restore, freeze: what is sent, what is said afterwards, and the exit codes.
import t from 'tap'
import { AT, applied, preview, problem, restored, rollback, rolledBack, route, routes } from './answers.ts'
import { fakeAdmin, reply, run } from './fake-admin.ts'

const IN_FORCE = 'revision 43 · in force on 2 workers of 1 instance (a) in 0.9ms · durable'

t.test('weight', async t => {
  const admin = await fakeAdmin({ 'PUT /routes/orders/weight': applied, 'GET /routes/orders': route })
  t.teardown(() => admin.close())
  const { code, out, err } = await run(admin, ['weight', 'orders', '25%', '--reason', 'second step'])
  t.equal(code, 0)
  t.equal(err, '')
  t.equal(out, `orders (group checkout): weight 25% · effective 25% (desired 25%, declared 5%) · ${IN_FORCE}\n`)
  t.match(admin.seen[0], { method: 'PUT', path: '/routes/orders/weight', body: { percent: 25, reason: 'second step' } })
  t.equal(admin.seen[0]?.headers['if-match'], undefined)
  t.equal(admin.seen[0]?.headers['content-type'], 'application/json')

  const json = await run(admin, ['weight', 'orders', '0.25', '--json', '--if-revision', '42'])
  t.same(JSON.parse(json.out), applied)
  t.match(admin.seen[2], { headers: { 'if-match': '"42"' }, body: { percent: 0.25 } })
  t.equal(admin.seen.length, 3, 'with --json the route is not read back')
})

t.test('every percent with two decimals is taken', async t => {
  const admin = await fakeAdmin({ 'PUT /routes/orders/weight': applied })
  t.teardown(() => admin.close())
  for (const text of ['0', '0.01', '0.07', '0.29', '1.1', '33.33', '57.29', '99.99', '100']) {
    t.equal((await run(admin, ['weight', 'orders', text, '--json'])).code, 0, text)
    t.same(admin.seen.at(-1)?.body, { percent: Number(text) })
  }
})

t.test('weight: what is wrong with what was typed', async t => {
  const admin = await fakeAdmin({ 'GET /routes': routes })
  t.teardown(() => admin.close())
  for (const wrong of ['101', '5,5', 'half', '-5', '0.255']) {
    const { code, out, err } = await run(admin, ['weight', 'orders', wrong])
    t.equal(code, 2, wrong)
    t.equal(out, '')
    t.match(err, /0 to 100 percent, up to two decimals/)
  }
  t.match(await run(admin, ['weight', 'orders']), { code: 2, err: /either a percent or --unset/ })
  t.match(await run(admin, ['weight', 'orders', '5', '--unset']), { code: 2, err: /either a percent or --unset/ })
  t.match(await run(admin, ['weight']), { code: 2, err: /missing required argument 'route'/ })
  t.match(await run(admin, ['weight', 'orders', '5', '--if-revision', 'x']), { code: 2, err: /a revision/ })
  t.equal(admin.seen.length, 0)
  const reason = await run(admin, ['weight', 'orders', '5', '--reason', 'x'.repeat(501)])
  t.match(reason, { code: 2, err: /reason: .*500/ })
})

t.test('weight --unset', async t => {
  const admin = await fakeAdmin({ 'DELETE /routes/orders/weight': applied, 'GET /routes/orders': route })
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, ['weight', 'orders', '--unset', '-m', 'a & b', '--if-revision', '42'])
  t.equal(code, 0)
  t.match(out, /^orders \(group checkout\): the file's weight · effective 25%/)
  t.match(admin.seen[0], { method: 'DELETE', path: '/routes/orders/weight?reason=a+%26+b', body: undefined })
  t.equal(admin.seen[0]?.headers['if-match'], '"42"')
})

t.test('a weight that is not in force says so', async t => {
  const weight = { ...route.weight, effective: 0 }
  for (const [more, why] of [
    [
      { rollbacks: [rollback] },
      /25% is desired but not in force: rolled back by rb-7; to return: banyan restore orders/,
    ],
    [{ held: true }, /held since the first start/],
  ] as const) {
    const admin = await fakeAdmin({
      'PUT /routes/orders/weight': applied,
      'GET /routes/orders': { ...route, weight, ...more },
    })
    const { code, out, err } = await run(admin, ['weight', 'orders', '25'])
    t.equal(code, 0)
    t.match(out, /effective 0%/)
    t.match(err, why)
    await admin.close()
  }
})

t.test('a change that is done stays done when the route cannot be read back', async t => {
  const admin = await fakeAdmin({ 'PUT /routes/orders/weight': applied })
  t.teardown(() => admin.close())
  const { code, out, err } = await run(admin, ['weight', 'orders', '25'])
  t.equal(code, 0)
  t.equal(out, `orders: weight 25% · ${IN_FORCE}\n`)
  t.match(err, /could not be read back/)
})

t.test('conflicts: 6', async t => {
  const admin = await fakeAdmin({
    'PUT /routes/orders/weight': (response, { headers }) =>
      headers['if-match'] === undefined
        ? reply(response, 409, problem(409, 'frozen', 'route orders is frozen at 5 %', { hint: 'unfreeze it first' }))
        : reply(response, 412, problem(412, 'stale_revision', 'revision 4 is not current', { currentRevision: 44 })),
  })
  t.teardown(() => admin.close())
  t.match(await run(admin, ['weight', 'orders', '50']), {
    code: 6,
    out: '',
    err: /frozen at 5 %\n {2}unfreeze it first/,
  })
  t.match(await run(admin, ['weight', 'orders', '50', '--if-revision', '4']), { code: 6, err: /is now 44/ })
})

t.test('a rollback that was said before: whose it is, since when, and why', async t => {
  const standing = { at: AT, by: 'ada', reason: '5xx since 10:02' }
  const admin = await fakeAdmin({ 'POST /routes/orders/rollback': { ...rolledBack, standing } })
  t.teardown(() => admin.close())
  const { err } = await run(admin, ['rollback', 'orders', '--reason', 'mine'])
  t.match(err, /^in force already since 20\d\d-.*Z, by ada: 5xx since 10:02$/m)
})

t.test('rollback of one route: at once, without a condition', async t => {
  const admin = await fakeAdmin({ 'POST /routes/orders/rollback': rolledBack })
  t.teardown(() => admin.close())
  const { code, out, err } = await run(admin, ['rollback', 'orders', '--reason', '5xx'])
  t.equal(code, 0)
  t.equal(out, `rolled back: orders, carts on legacy, effective 0% · rb-8 · ${IN_FORCE}\n`)
  t.match(err, /search is not concerned: it has no legacy side/)
  t.ok(err.endsWith('to return: banyan restore orders\n'))
  t.equal(admin.seen.length, 1, 'nothing is asked before or after')
  t.match(admin.seen[0], { method: 'POST', path: '/routes/orders/rollback', body: { reason: '5xx' } })
  t.equal(admin.seen[0]?.headers['if-match'], undefined)
  t.equal((await run(admin, ['rollback', 'orders', '--if-revision', '4'])).code, 2, 'there is no such flag')
})

t.test('rollback of everything', async t => {
  const admin = await fakeAdmin({ 'POST /rollback': rolledBack })
  t.teardown(() => admin.close())
  const { code, out, err } = await run(admin, ['rollback'], { tty: true })
  t.equal(code, 0)
  t.match(out, /^rolled back: every route \(2 routes\) on legacy/)
  t.ok(err.endsWith('to return: banyan restore\n'))
  t.same(admin.seen[0]?.body, {})
  t.same(JSON.parse((await run(admin, ['rollback', '--json'])).out), rolledBack)
})

t.test('an unknown route in a hurry', async t => {
  const admin = await fakeAdmin({ 'GET /routes': routes })
  t.teardown(() => admin.close())
  const { code, err } = await run(admin, ['rollback', 'ordesr'])
  t.equal(code, 1)
  t.match(err, /Did you mean orders\?/)
})

t.test('not everywhere: 4; not durable: said', async t => {
  const partly = {
    ...rolledBack,
    durable: false,
    appliedBy: [...rolledBack.appliedBy, { instance: 'b', worker: 1, ms: 2 }],
    pending: [{ instance: 'c', worker: 3 }],
  }
  const admin = await fakeAdmin({
    'POST /rollback': partly,
    'POST /routes/orders/freeze': { ...applied, appliedBy: [] },
  })
  t.teardown(() => admin.close())
  const { code, out, err } = await run(admin, ['rollback'])
  t.equal(code, 4)
  t.match(out, /3 workers of 2 instances \(a, b\) in 2ms · NOT YET DURABLE · pending: c\/3\n/)
  t.match(err, /warning: in force, but not yet in the store/)
  t.match(err, /warning: not confirmed by c\/3/)
  t.match((await run(admin, ['freeze', 'orders'])).out, /in force nowhere yet/)
})

t.test('restore', async t => {
  const admin = await fakeAdmin({
    'POST /routes/orders/restore': restored,
    'POST /restore': restored,
    'GET /routes/orders': route,
  })
  t.teardown(() => admin.close())
  const one = await run(admin, ['restore', 'orders', '--percent', '5', '--rollback', 'rb-7', '--rollback', 'rb-8,rb-9'])
  t.equal(one.code, 0)
  t.match(one.out, /^restored: orders \(group checkout\): ended rb-7 · effective 25% .*durable\n$/)
  t.same(admin.seen[0]?.body, { rollbacks: ['rb-7', 'rb-8', 'rb-9'], percent: 5 })
  const all = await run(admin, ['restore', '--if-revision', '42', '--reason', 'fixed'])
  t.equal(all.out, `restored: ended rb-7 · ${IN_FORCE}\n`)
  t.match(admin.seen.at(-1), { path: '/restore', body: { reason: 'fixed' }, headers: { 'if-match': '"42"' } })
  t.same(JSON.parse((await run(admin, ['restore', '--json'])).out), restored)
  t.match(await run(admin, ['restore', '--percent', '5']), { code: 2, err: /--percent needs a route/ })
})

t.test('what other rollbacks keep on legacy: 3', async t => {
  const admin = await fakeAdmin({
    'POST /routes/orders/restore': { ...restored, ended: [], remaining: ['rb-9'] },
    'GET /routes/orders': route,
  })
  t.teardown(() => admin.close())
  const { code, out, err } = await run(admin, ['restore', 'orders'])
  t.equal(code, 3)
  t.match(out, /no rollback was in force/)
  t.match(err, /still rolled back by rb-9: banyan restore orders --rollback rb-9/)
})

t.test('freeze and unfreeze', async t => {
  const admin = await fakeAdmin({ 'POST /routes/orders/freeze': applied, 'POST /routes/orders/unfreeze': applied })
  t.teardown(() => admin.close())
  t.equal((await run(admin, ['freeze', 'orders', '-m', 'stock-taking'])).out, `orders: frozen · ${IN_FORCE}\n`)
  t.same(admin.seen[0]?.body, { reason: 'stock-taking' })
  t.equal((await run(admin, ['unfreeze', 'orders', '--if-revision', '7'])).out, `orders: not frozen · ${IN_FORCE}\n`)
  t.equal(admin.seen[1]?.headers['if-match'], '"7"')
  t.same(JSON.parse((await run(admin, ['freeze', 'orders', '--json'])).out), applied)
})

t.test('a change is not given up because nobody reads its answer', async t => {
  const admin = await fakeAdmin({ 'POST /rollback': rolledBack })
  t.teardown(() => admin.close())
  const onWrite = () => {
    throw Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
  }
  t.equal((await run(admin, ['rollback'], { onWrite })).code, 0)
  t.equal(admin.seen.length, 1)
})

t.test('--dry-run: what it would do, by the preview, and nothing else is called', async t => {
  const admin = await fakeAdmin({ 'POST /routes/orders/preview': preview, 'POST /preview': preview })
  t.teardown(() => admin.close())
  const rows: readonly (readonly [argv: readonly string[], path: string, body: object])[] = [
    [['weight', 'orders', '30'], '/routes/orders/preview', { action: 'weight', percent: 30 }],
    [['weight', 'orders', '--unset'], '/routes/orders/preview', { action: 'unset-weight' }],
    [['rollback', 'orders'], '/routes/orders/preview', { action: 'rollback' }],
    [['rollback'], '/preview', { action: 'rollback' }],
    [['restore'], '/preview', { action: 'restore' }],
    [
      ['restore', 'orders', '--rollback', 'rb-7', '--percent', '5'],
      '/routes/orders/preview',
      { action: 'restore', rollbacks: ['rb-7'], percent: 5 },
    ],
    [['freeze', 'orders'], '/routes/orders/preview', { action: 'freeze' }],
    [['unfreeze', 'orders', '--if-revision', '42'], '/routes/orders/preview', { action: 'unfreeze' }],
  ]
  for (const [argv, path, body] of rows) {
    const { code, out, err } = await run(admin, [...argv, '--dry-run'])
    t.equal(code, 0, err)
    t.match(admin.seen.at(-1), { method: 'POST', path })
    t.same(admin.seen.at(-1)?.body, body)
    t.match(out, /^would: about 5 % of users move from legacy to new; those on new stay\n/)
    t.match(
      out,
      /orders +25% → 30% +25% → 30% +12\.3 → 11\.5 +4\.1 → 4\.9 +new \(orders-v2\): 3 of 40 places taken, about 5 then/,
    )
    t.match(out, /orders: 2 support pins win over the weight\n/)
    t.match(out, /nothing was changed · revision 42/)
  }
  t.equal(admin.seen.length, rows.length)
  t.equal(admin.seen.at(-1)?.headers['if-match'], '"42"')
  t.same(JSON.parse((await run(admin, ['freeze', 'orders', '--dry-run', '--json'])).out), preview)
})

t.test('--dry-run of what would be refused: the exit code of the call itself', async t => {
  for (const [status, code] of [
    [412, 6],
    [409, 6],
    [404, 1],
    [400, 2],
  ] as const) {
    const refused = {
      code: 'stale_revision',
      status,
      detail: 'revision 7 is not the current one',
      hint: 'read it again',
    }
    const admin = await fakeAdmin({ 'POST /routes/orders/preview': { ...preview, refused } })
    const ran = await run(admin, ['weight', 'orders', '5', '--dry-run', '--if-revision', '7'])
    t.equal(ran.code, code)
    t.equal(ran.out, '')
    t.match(
      ran.err,
      /^banyan: it would be refused: revision 7 is not the current one\n {2}read it again\n {2}the revision is now 42/,
    )
    await admin.close()
  }
})
