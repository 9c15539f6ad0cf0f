// rules, noise, forget: what is sent and shown; a rule by JSON and by flags; that a user's key is repeated nowhere.
import t from 'tap'
import { applied, problem, routes } from './answers.ts'
import { fakeAdmin, reply, run } from './fake-admin.ts'
import { noise, rule, rules } from './shadow-answers.ts'

t.test('rules: of the file and added, dead and expired', async t => {
  const admin = await fakeAdmin({ 'GET /routes/orders/rules': { rules }, 'GET /routes/cart/rules': { rules: [] } })
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, ['rules', 'orders'])
  t.equal(code, 0)
  t.match(out, /^ID +RULE +HID +OF +STATE +UNTIL +OWNER +REASON\n/)
  t.match(
    out,
    /^file:0 +ignores \$\.request_id +4,321 +100,324 +in force +for ever +team-orders +an id of each request$/m,
  )
  t.match(out, /^rule-dead .* dead /m)
  t.match(out, /^rule-old .* expired /m)
  const dead = await run(admin, ['rules', 'dead', 'orders'])
  t.notMatch(dead.out, 'file:0')
  t.match(dead.out, /rule-dead[\s\S]*rule-old/)
  const json = JSON.parse((await run(admin, ['rules', 'dead', 'orders', '--json'])).out)
  t.same(json, { rules: rules.slice(1) })
  t.same(JSON.parse((await run(admin, ['rules', 'orders', '--json'])).out), { rules })
  t.equal((await run(admin, ['rules', 'cart'])).out, 'no rules\n')
})

t.test('rules add: JSON or flags', async t => {
  const admin = await fakeAdmin({ 'POST /routes/orders/rules': { ...applied, rule: { ...rule, id: 'rule-1' } } })
  t.teardown(() => admin.close())
  const asked: readonly (readonly [readonly string[], object])[] = [
    [['{"ignore":"$.request_id","reason":"x"}'], { ignore: '$.request_id', reason: 'x' }],
    [
      ['--ignore', '$.a', '--ignore', '$.b', '-m', 'x', '--owner', 'team', '--until', '2026-12-31'],
      { ignore: ['$.a', '$.b'], reason: 'x', owner: 'team', until: '2026-12-31' },
    ],
    [['--unordered', '$.tags'], { unordered: '$.tags' }],
    [['--id-map', '$.id'], { idMap: '$.id' }],
    [['{"ignore":"$.a"}', '--reason', 'x'], { ignore: '$.a', reason: 'x' }],
  ]
  for (const [argv, body] of asked) {
    const { code, out } = await run(admin, ['rules', 'add', 'orders', ...argv])
    t.equal(code, 0)
    t.match(out, 'orders: added rule-1: ignores $.request_id · revision 43')
    t.same(admin.seen.at(-1)?.body, body)
  }
  const before = Date.now()
  await run(admin, ['rules', 'add', 'orders', '--expect', '$.total', '--until', '30d', '--if-revision', '42'])
  const { until } = admin.seen.at(-1)!.body as { until: string }
  t.ok(Math.abs(Date.parse(until) - before - 30 * 86_400_000) < 60_000, until)
  t.equal(admin.seen.at(-1)?.headers['if-match'], '"42"')
  const sent = admin.seen.length
  for (const [argv, said] of [
    [[], /which rule\?/],
    [['--reason', 'x'], /which rule\?/],
    [['[1]'], /not a rule in JSON/],
    [['ignore'], /not a rule in JSON/],
    [['{"ignore":"$.a"}', '--ignore', '$.b'], /one rule at a time/],
    [['--ignore', '$.a', '--expect', '$.b'], /one rule at a time/],
  ] as const) {
    const { code, err } = await run(admin, ['rules', 'add', 'orders', ...argv])
    t.equal(code, 2, argv.join(' '))
    t.match(err, said)
  }
  t.equal(admin.seen.length, sent)
})

t.test('rules: what is wrong with one, the API says', async t => {
  const errors = [{ pointer: '/ignore', message: 'not a JSONPath' }]
  const admin = await fakeAdmin({
    'GET /routes': routes,
    'POST /routes/orders/rules': response =>
      reply(response, 400, problem(400, 'invalid', '/ignore: not a JSONPath', { errors })),
  })
  t.teardown(() => admin.close())
  const { code, err } = await run(admin, ['rules', 'add', 'orders', '--ignore', '$['])
  t.equal(code, 2)
  t.match(err, '/ignore: not a JSONPath')
})

t.test('rules try: what it would hide, and what cannot be known', async t => {
  const tried = {
    text: 'ignores $.total_cents',
    hides: [
      {
        signature: '0123456789ab',
        field: 'total_cents',
        state: 'divergent',
        severity: 'medium',
        whole: false,
        count: 1_200,
        places: [{ template: '/orders/:id', kind: 'value', path: '/total_cents' }],
      },
    ],
    unknown: [{ signature: 'x', field: 'note', count: 34, why: 'it depends on the values, which are not kept' }],
    hidden: 1_200,
    of: 1_300,
  }
  const admin = await fakeAdmin({ 'POST /routes/orders/rules/try': tried })
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, ['rules', 'try', 'orders', '--ignore', '$.total_cents'])
  t.equal(code, 0)
  t.match(out, /^ignores \$\.total_cents: would hide 1,200 of 1,300 stored differences, 1 signature\n/)
  t.match(out, /^0123456789ab +total_cents +divergent +medium +1,200 +in part +\/orders\/:id \/total_cents$/m)
  t.match(out, /cannot be known: 34 more, .* \(note\)/)
  t.same(JSON.parse((await run(admin, ['rules', 'try', 'orders', '{"ignore":"$.a"}', '--json'])).out), tried)
})

t.test('rules expire, noise, noise revoke', async t => {
  const admin = await fakeAdmin({
    'DELETE /routes/orders/rules/rule-1': applied,
    'GET /routes/orders/noise': { noise: [noise] },
    'GET /routes/cart/noise': { noise: [] },
    'DELETE /routes/orders/noise/noise-1': { ...applied, noise },
  })
  t.teardown(() => admin.close())
  t.match(await run(admin, ['rules', 'expire', 'orders', 'rule-1', '-m', 'done', '--if-revision', '42']), {
    code: 0,
    out: /^orders: ended rule-1 · revision 43/,
  })
  t.match(admin.seen[0], { path: '/routes/orders/rules/rule-1?reason=done' })
  t.equal(admin.seen[0]?.headers['if-match'], '"42"')
  const shown = await run(admin, ['noise', 'orders'])
  t.match(
    shown.out,
    /^noise-1 +\/orders\/:id +value +\/served_at +noise +5,000 +0 +2 +4,998 +2026-01-03T10:00:00Z +legacy/m,
  )
  t.equal((await run(admin, ['noise', 'cart'])).out, 'nothing is known to be noise\n')
  t.match(await run(admin, ['noise', 'revoke', 'orders', 'noise-1']), {
    code: 0,
    out: /^orders: forgot \/orders\/:id \/served_at value · revision 43/,
  })
  t.same(JSON.parse((await run(admin, ['noise', 'revoke', 'orders', 'noise-1', '--json'])).out), { ...applied, noise })
})

t.test('forget: the key is sent, and repeated nowhere', async t => {
  const KEY = 'secret-user-4711'
  const admin = await fakeAdmin({ 'POST /forget': { ...applied, forgotten: 3 } })
  t.teardown(() => admin.close())
  const { code, out, err } = await run(admin, ['forget', KEY, '--reason', 'asked for'])
  t.equal(code, 0)
  t.match(out, /^forgotten: 3 of that user’s examples · revision 43/)
  t.same(admin.seen[0]?.body, { key: KEY, reason: 'asked for' })
  t.notOk(out.includes(KEY) || err.includes(KEY))
})
