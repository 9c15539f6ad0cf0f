// rules, noise, forget: what is sent and shown; a rule by JSON and by flags; that a user's key is repeated nowhere.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { withCommands } from '../../src/cli/answer.ts'
import { applied, problem, routes } from './answers.ts'
import { fakeAdmin, reply, run } from './fake-admin.ts'
import { noise, rule, rules } from './shadow-answers.ts'

const SOURCES = join(import.meta.dirname, '../../src')

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
    [['--unordered', '$.tags', '-m', 'x'], { unordered: '$.tags', reason: 'x' }],
    [['--id-map', '$.id', '-m', 'x'], { idMap: '$.id', reason: 'x' }],
    [['{"ignore":"$.a"}', '--reason', 'x'], { ignore: '$.a', reason: 'x' }],
  ]
  for (const [argv, body] of asked) {
    const { code, out } = await run(admin, ['rules', 'add', 'orders', ...argv])
    t.equal(code, 0)
    t.match(out, 'orders: added rule-1: ignores $.request_id · revision 43')
    t.same(admin.seen.at(-1)?.body, body)
  }
  const before = Date.now()
  const wanted = ['--expect', '$.total', '-m', 'x', '--until', '30d', '--if-revision', '42']
  await run(admin, ['rules', 'add', 'orders', ...wanted])
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
    [['--ignore', '$.a'], /^banyan: why\? .*\n {2}with --reason '/],
    [['--ignore', '$.a', '--reason', ''], /why\?/],
    [['{"ignore":"$.a"}'], /why\?/],
    [['--ignore', '$.a', '-m', 'x', '--until', 'yesterday'], /'yesterday' is invalid.* such as 30d/],
    [['--ignore', '$.a', '-m', 'x', '--until', '500d'], /1s to 400d/],
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
  const { code, err } = await run(admin, ['rules', 'add', 'orders', '--ignore', '$[', '-m', 'x'])
  t.equal(code, 2)
  t.equal(err, 'banyan: /ignore: not a JSONPath\n', 'once')
})

t.test('what the API would have asked is told as a command', async t => {
  const hint = 'GET /api/v1/routes/{id}/rules lists them'
  const admin = await fakeAdmin({
    'GET /routes': routes,
    'DELETE /routes/orders/rules/rule-x': response =>
      reply(response, 404, problem(404, 'unknown_rule', 'route orders has no added rule rule-x', { hint })),
  })
  t.teardown(() => admin.close())
  const { err } = await run(admin, ['rules', 'expire', 'orders', 'rule-x'])
  t.match(err, /\n {2}`banyan rules <route>` lists them\n/)
})

t.test('every call that a hint of the house names has its command', async t => {
  const sources = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'))
  const calls = sources.flatMap(
    name => readFileSync(join(SOURCES, name), 'utf8').match(/(?<=')GET \/api\/v1\/[^']*/g) ?? [],
  )
  t.ok(calls.length >= 5)
  for (const call of calls) t.match(withCommands(call), /^`banyan /, call)
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

t.test('rules and noise at 80 columns: neither rule nor place is cut, why goes below', async t => {
  const text = `ignores ${'$.orders[*].lines[*].request_id, '.repeat(3)}$.trace`
  const path = '/orders/*/lines/*/discounts/*/total_cents_of_the_line'
  const why = 'only new differed in 2515 of 2622 repeats, legacy never differed from itself: evidence 1738.0 over 5.3'
  const admin = await fakeAdmin({
    'GET /routes/orders/rules': { rules: [{ ...rule, text, until: noise.expiresAt }] },
    'GET /routes/orders/noise': { noise: [{ ...noise, id: 'ef124a4985c6', path, why }] },
  })
  t.teardown(() => admin.close())
  for (const [command, whole, below] of [
    ['rules', text, 'an id of each request'],
    ['noise', path, 'evidence 1738.0 over 5.3'],
  ] as const) {
    const { out } = await run(admin, [command, 'orders'], { tty: true, columns: 80, env: { NO_COLOR: '1' } })
    t.match(out, whole)
    t.match(out.split('\n').slice(1).join('\n'), below)
    t.notMatch(out, '…')
    t.notMatch(out, / $/m)
  }
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
