// status, routes, explain, audit: what people see, what scripts get, and the exit codes.
import t from 'tap'
import {
  audit,
  auditVerify,
  explanation,
  problem,
  rollback,
  rolledBackStatus,
  route,
  routes,
  short,
  status,
} from './answers.ts'
import { fakeAdmin, reply, run } from './fake-admin.ts'
import { divergences } from './shadow-answers.ts'

function replica(instance: string, revision: number, more: object = {}) {
  const rest = {
    version: '0.1.0',
    state: 'ready',
    agoMs: 0,
    silent: false,
    configHash: '00000000',
    self: false,
    workers: [],
  }
  return { instance, revision, ...rest, ...more }
}

t.test('status for people', async t => {
  const admin = await fakeAdmin({ 'GET /status': rolledBackStatus })
  t.teardown(() => admin.close())
  const { code, out, err } = await run(admin, ['status'])
  t.equal(code, 0)
  t.equal(err, '')
  const lines = out.split('\n')
  t.equal(lines[0], 'banyan 0.1.0 · ready · instance a · revision 42 · up 3h 12m · listens on 0.0.0.0:8080')
  const starting = await fakeAdmin({ 'GET /status': { ...rolledBackStatus, listen: '' } })
  t.teardown(() => starting.close())
  t.match((await run(starting, ['status'])).out, /· up 3h 12m\n/, 'not yet')
  t.match(lines[1], /routes\.yaml of 2026-01-02T10:00:00Z · store sqlite · 2 workers, worker 2 still on revision 41/)
  const titles = lines.findIndex(line => line.startsWith('ROUTE'))
  t.match(lines[titles], /DECLARED {2}DESIRED {2}EFFECTIVE {2}OBSERVED/)
  t.same(lines[titles + 1]?.split(/ {2,}/), [
    'orders',
    'rolled-back',
    '5%',
    '25%',
    '0%',
    '–',
    '10%',
    '12.3',
    '4.1',
    '–',
    '–',
    '13ms',
    '9.9ms',
  ])
  t.equal(lines[titles]?.length, lines[titles + 2]?.length, 'aligned')
  t.match(out, /observed –: no request/)
  t.match(out, /Rollbacks in force\nID .*\nrb-7 +checkout +operator +alice +2026-01-02T10:00:00Z +5xx since 10:02\n/)
  t.match(out, /Warnings\nuntrusted_forwarder \(orders\): 10\.0\.0\.9 sends X-Forwarded-For\n/)
  t.notMatch(out, '\x1b', 'no colour in a pipe')
})

t.test('status says what is wrong with store, reload and replicas', async t => {
  const admin = await fakeAdmin({
    'GET /status': {
      ...status,
      routes: [],
      store: { kind: 'sqlite', healthy: false, unsaved: 1, unkept: 0 },
      config: { ...status.config, file: null, lastReload: 'failed', lastError: 'line 3: not a percent' },
      replicas: [replica('a', 42, { self: true }), replica('b', 40, { configHash: 'ffffffff' })],
      rollbacks: [{ ...rollback, units: '*', restored: ['carts'] }],
    },
  })
  t.teardown(() => admin.close())
  const { out } = await run(admin, ['status'])
  t.match(out, /NOT HEALTHY/)
  t.match(out, /the last reload failed: line 3: not a percent/)
  t.match(out, /1 rollback in the local file only/)
  t.match(out, /replicas: a on 42, b on 40 \(behind\) with another configuration/)
  t.match(out, /no routes/)
  t.match(out, /every route but carts/)
})

t.test('status of a pass-through: what the default does, as a route’s row says it', async t => {
  const fallback = {
    ...short,
    id: '_default',
    state: 'legacy-only',
    declared: 0,
    desired: 0,
    effective: 0,
    observed: null,
    perSecond: { legacy: 7.5, new: 0 },
    errorRatio: { legacy: 0.25, new: null },
    p95Ms: { legacy: 12.6, new: null },
    lastError: { at: Date.UTC(2026, 0, 2, 10), code: 'backend_connect', detail: 'ECONNREFUSED' },
  }
  const admin = await fakeAdmin({ 'GET /status': { ...status, routes: [], default: fallback } })
  t.teardown(() => admin.close())
  const { out } = await run(admin, ['status'])
  t.match(
    out,
    /no routes: everything goes to the default backend\n\nROUTE .*\n_default +legacy-only .* 7\.5 +0 +25\.00% +– +13ms +–\n/,
  )
  t.match(out, /last error of _default: backend_connect at 2026-01-02T10:00:00Z: ECONNREFUSED\n/)
  t.notMatch(out, /observed –/, 'there is nothing to observe')
  const narrow = await run(admin, ['status'], { tty: true, columns: 80, env: { NO_COLOR: '1' } })
  t.match(narrow.out, /_default {2}legacy-only\n.*\n {2}legacy 7\.5\/s, errors 25\.00%/)
  const beside = await fakeAdmin({ 'GET /status': { ...status, default: fallback } })
  t.teardown(() => beside.close())
  t.match((await run(beside, ['status'])).out, /\norders .*\n_default .*\n/)
})

t.test('_default can be looked at; verbs do not know it', async t => {
  const admin = await fakeAdmin({
    'GET /routes/_default': { ...route, id: '_default', sides: { legacy: route.sides.legacy, new: null } },
    'GET /routes': routes,
  })
  t.teardown(() => admin.close())
  t.match(await run(admin, ['routes', '_default']), { code: 0, out: /^_default {2}legacy-only\n/ })
  for (const verb of [
    ['rollback', '_default'],
    ['weight', '_default', '5'],
    ['freeze', '_default'],
  ]) {
    t.match(await run(admin, verb), { code: 2, err: /'_default' is not a route id/ }, verb.join(' '))
  }
})

t.test('a terminal: colour, and cards where the table does not fit', async t => {
  const long = { ...short, id: 'a'.repeat(64) }
  const admin = await fakeAdmin({ 'GET /status': { ...rolledBackStatus, routes: [...rolledBackStatus.routes, long] } })
  t.teardown(() => admin.close())
  const wide = await run(admin, ['status'], { tty: true, columns: 140 })
  t.match(wide.out, '\x1b[31mrolled-back')
  const narrow = await run(admin, ['status'], { tty: true, columns: 80, env: { NO_COLOR: '1' } })
  t.notMatch(narrow.out, '\x1b')
  t.match(
    narrow.out,
    /\norders {2}rolled-back\n {2}declared 5% {2}desired 25% {2}effective 0% {2}observed – {2}shadow 10%\n {2}legacy 12\.3\/s/,
  )
  const routesPart = narrow.out.split('\n\n')[1] ?? ''
  t.ok(routesPart.split('\n').every(line => line.length <= 80))
  t.match((await run(admin, ['status'])).out, long.id, 'a pipe gets the whole id')
  for (const argv of [
    ['status', '--no-color'],
    ['--no-color', 'status'],
  ]) {
    t.notMatch((await run(admin, argv, { tty: true, columns: 140 })).out, '\x1b')
  }
  t.notMatch((await run(admin, ['status'], { tty: true, env: { TERM: 'dumb' } })).out, '\x1b')
})

t.test('long ids are cut on a terminal only', async t => {
  const id = `orders-${'x'.repeat(50)}`
  const admin = await fakeAdmin({ 'GET /routes': { revision: 1, routes: [{ ...route, id }] } })
  t.teardown(() => admin.close())
  t.match((await run(admin, ['routes'], { tty: true, columns: 100 })).out, /orders-x+…/)
  t.match((await run(admin, ['routes'])).out, id)
})

t.test('--exit-code', async t => {
  const held = { ...status, routes: [{ ...short, state: 'held' }] }
  for (const [answer, expected] of [
    [status, 0],
    [rolledBackStatus, 3],
    [held, 4],
  ] as const) {
    const admin = await fakeAdmin({ 'GET /status': answer })
    t.equal((await run(admin, ['status', '--exit-code'])).code, expected)
    t.equal((await run(admin, ['status'])).code, 0)
    await admin.close()
  }
  const admin = await fakeAdmin({
    'GET /routes': { revision: 1, routes: [route, { ...route, rollbacks: [rollback] }] },
    'GET /routes/orders': { ...route, held: true },
  })
  t.teardown(() => admin.close())
  t.equal((await run(admin, ['routes', '--exit-code'])).code, 3)
  t.equal((await run(admin, ['routes', 'orders', '--exit-code'])).code, 4)
  t.equal((await run(admin, ['status', '--watch', '--exit-code'])).code, 2, 'a watch has no end to judge')
})

t.test('routes', async t => {
  const admin = await fakeAdmin({
    'GET /routes': routes,
    'GET /routes/orders': {
      ...route,
      frozen: { by: 'bob', at: 0, reason: null },
      rollbacks: [rollback],
      weight: { ...route.weight, effective: 0, observed: null },
    },
  })
  t.teardown(() => admin.close())
  const all = await run(admin, ['routes'])
  t.equal(all.code, 0)
  t.match(all.out, /^ROUTE +STATE +EFFECTIVE +MATCH/)
  t.match(
    all.out,
    /\norders +split +25% +GET,POST \/orders\/\* +mono +orders-v2 +separate +header:x-user-id, auto +checkout/,
  )
  t.same(JSON.parse((await run(admin, ['routes', '--json'])).out), routes)
  const one = await run(admin, ['routes', 'orders'])
  t.match(one.out, /^orders {2}rolled-back\n/)
  t.match(
    one.out,
    /\ndeclared +5%\ndesired +25%, by alice at 2026-01-02T10:00:00Z: second step\neffective +0%\nobserved +– \(no request/,
  )
  t.match(one.out, /\nfrozen +by bob/)
  t.match(
    one.out,
    /\nreasons +weight 1000, override 3\nshadow +25% of GET, HEAD: the other side is asked, too, after the primary\n/,
  )
  t.match(one.out, /\nlegacy +mono +http:\/\/10\.0\.0\.5:3001 +12\.3 +1000 +10 +1\.00% +4\.2ms +13ms +2\n/)
  t.match(one.out, /last error of legacy: backend_connect/)
  t.match(one.out, /Rollbacks in force\n.*\nrb-7/)
})

t.test('a route says what comparing its sides came to, if that can be read', async t => {
  const { totals } = divergences
  const nothing = { of: 0, count: 0, rate: null, interval: null }
  const answers = [
    [
      divergences,
      /^compared +99,090 of 100,324 match \(98\.8 %, .*\) since .*; 2 divergences: banyan divergences orders$/m,
    ],
    [{ ...divergences, items: [] }, /^compared .*; no divergence$/m],
    [
      { ...divergences, match: nothing, totals: { ...totals, eligible: 20_001 } },
      /^compared +nothing yet of 20,001 eligible requests since/m,
    ],
  ] as const
  for (const [answer, said] of answers) {
    const admin = await fakeAdmin({ 'GET /routes/orders': route, 'GET /routes/orders/divergences': answer })
    t.match((await run(admin, ['routes', 'orders'])).out, said)
    await admin.close()
  }
  const unshadowed = { ...divergences, match: nothing, totals: { ...totals, eligible: 0, not_sampled: 0 } }
  const admin = await fakeAdmin({ 'GET /routes/orders': route, 'GET /routes/orders/divergences': unshadowed })
  t.teardown(() => admin.close())
  t.notMatch((await run(admin, ['routes', 'orders'])).out, 'compared')
  await run(admin, ['routes', 'orders', '--json'])
  t.equal(admin.seen.length, 4, 'as JSON it is the answer of one call')
})

t.test('a route says what moves next, if that can be read', async t => {
  const admin = await fakeAdmin({ 'GET /routes/orders': route, 'GET /status': status })
  t.teardown(() => admin.close())
  t.match((await run(admin, ['routes', 'orders'])).out, /^next +3 divergences to look at$/m)
})

t.test('an unknown route: 1, with the near ones', async t => {
  const admin = await fakeAdmin({
    'GET /routes': routes,
    'GET /routes/ordres': response => reply(response, 404, problem(404, 'unknown_route', 'there is no route ordres')),
    'GET /routes/payments': response =>
      reply(response, 404, problem(404, 'unknown_route', 'there is no route payments')),
  })
  t.teardown(() => admin.close())
  const near = await run(admin, ['routes', 'ordres'])
  t.equal(near.code, 1)
  t.match(near.err, /there is no route ordres\n {2}Did you mean orders\?/)
  const far = await run(admin, ['routes', 'payments'])
  t.match(far.err, /`banyan routes`/)
  const shape = await run(admin, ['routes', 'Orders'])
  t.equal(shape.code, 2)
  t.match(shape.err, /'Orders' is not a route id.*\n {2}Did you mean orders\?/)
})

t.test('explain', async t => {
  const admin = await fakeAdmin({ 'POST /explain': explanation })
  t.teardown(() => admin.close())
  const headers = ['-H', 'X-User-Id: 7', '-H', 'cookie: a=1', '--header', 'Cookie: b=2']
  const { code, out } = await run(admin, ['explain', 'get', '/orders/1', ...headers, '--address', '10.1.2.3'])
  t.equal(code, 0)
  t.same(admin.seen[0]?.body, {
    method: 'GET',
    url: '/orders/1',
    headers: { 'x-user-id': '7', cookie: ['a=1', 'b=2'] },
    address: '10.1.2.3',
  })
  t.match(out, /^GET \/orders\/1 → new \(orders-v2\) by weight: the bucket of this user is below the weight\n/)
  t.match(out, /\nbucket +12\.3456/)
  t.match(
    out,
    /\n {2}rollback {2}no {7}no rollback is in force\n→ weight {4}applies {2}12\.35 is below 25\n {2}fallback {2}applies/,
  )
  t.match(out, /shadow would be asked as well/)
  t.same(JSON.parse((await run(admin, ['explain', 'PURGE', '/x', '--json'])).out), explanation)
  t.same(admin.seen[1]?.body, { method: 'PURGE', url: '/x', headers: {} })
  t.equal((await run(admin, ['explain', 'GET', '/x', '-H', 'nothing'])).code, 2)
  t.equal((await run(admin, ['explain', '/x'])).code, 2)
  t.equal((await run(admin, ['explain', 'G T', '/x'])).code, 2)
  t.equal(admin.seen.length, 2, 'mistakes are not sent')
})

t.test('explain where nothing matches', async t => {
  const nowhere = {
    ...explanation,
    ...{ route: null, side: null, backend: null, unit: null, key: null, bucket: null, weight: null },
    ...{ reason: 'default', why: 'no route matches', considered: [], alsoAsked: [] },
  }
  const admin = await fakeAdmin({ 'POST /explain': nowhere })
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, ['explain', 'GET', '/'])
  t.equal(code, 0)
  t.equal(out, 'GET / → nowhere by default: no route matches\nroute   none matched\n')
})

t.test('audit', async t => {
  const admin = await fakeAdmin({ 'GET /audit': audit, 'GET /audit/verify': auditVerify })
  t.teardown(() => admin.close())
  const { code, out, err } = await run(admin, ['audit', '--limit', '20', '--before', '30'])
  t.equal(code, 0)
  t.equal(admin.seen[0]?.path, '/audit?limit=20&before=30')
  t.match(
    out,
    /\n +17 +2026-01-02T10:00:00Z +alice from 127\.0\.0\.1 +set-weight +orders +42 +\{"weight":5\} → \{"weight":25\} +second step\n/,
  )
  t.match(err, /older ones: banyan audit --before 17/)
  t.same(JSON.parse((await run(admin, ['audit', '--json'])).out), audit)
  t.equal(admin.seen[1]?.path, '/audit?limit=100')
  t.equal((await run(admin, ['audit', '--limit', '0'])).code, 2)
  const verified = await run(admin, ['audit', 'verify'])
  t.equal(verified.code, 0)
  t.match(verified.out, /whole: 17 entries/)
  t.same(JSON.parse((await run(admin, ['audit', 'verify', '--json'])).out), auditVerify)
  const typo = await run(admin, ['audit', 'verfy'])
  t.equal(typo.code, 2)
  t.match(typo.err, /unknown command 'audit verfy'\n\(Did you mean verify\?\)/)
})

t.test('a broken chain: 1', async t => {
  const admin = await fakeAdmin({ 'GET /audit/verify': { ok: false, entries: 17, brokenAt: 9 } })
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, ['audit', 'verify'])
  t.equal(code, 1)
  t.equal(out, 'BROKEN at entry 9 of 17: it does not follow from the one before; what is older than it is whole\n')
})

t.test('nothing that a server says reaches the terminal as a control', async t => {
  const evil = '\x1b]0;owned\x07\x1b[2J\u202e\x9b31m'
  const poison = (value: unknown): unknown => {
    if (typeof value === 'string') return value + evil
    if (Array.isArray(value)) return value.map(poison)
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, poison(inner)]))
  }
  const script = Object.fromEntries(
    Object.entries({
      'GET /status': rolledBackStatus,
      'GET /routes': { revision: 1, routes: [{ ...route, rollbacks: [rollback] }] },
      'GET /routes/orders': { ...route, rollbacks: [rollback], reasons: { [evil]: 5 } },
      'POST /explain': explanation,
      'GET /audit': audit,
    }).map(([key, answer]) => [key, poison(answer) as object]),
  )
  const admin = await fakeAdmin({
    ...script,
    'GET /tokens': response => reply(response, 500, problem(500, evil, evil, { hint: evil })),
  })
  t.teardown(() => admin.close())
  for (const argv of [
    ['status'],
    ['routes'],
    ['routes', 'orders'],
    ['explain', 'GET', '/'],
    ['audit'],
    ['token', 'list'],
  ]) {
    for (const more of argv[0] === 'token' ? [[]] : [[], ['--json']]) {
      const { out, err } = await run(admin, [...argv, ...more], { tty: true, columns: 200, env: { NO_COLOR: '1' } })
      t.notMatch((out + err).replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u, [...argv, ...more].join(' '))
      t.match(out + err, /owned/)
    }
  }
})

t.test('audit of one route: short pages are put together', async t => {
  const [entry] = audit.entries
  const page = (seqs: readonly number[], next: number | null) => ({
    entries: seqs.map(seq => ({ ...entry, seq })),
    next,
  })
  const pages = [page([90], 80), page([], 70), page([60, 50], 50)]
  const admin = await fakeAdmin({ 'GET /audit': response => reply(response, 200, pages.shift()) })
  t.teardown(() => admin.close())
  const { out, err } = await run(admin, ['audit', '--route', 'orders', '--limit', '3', '--json'])
  t.same(
    JSON.parse(out).entries.map(({ seq }: { seq: number }) => seq),
    [90, 60, 50],
  )
  t.same(
    admin.seen.map(({ path }) => path),
    ['/audit?limit=3&route=orders', '/audit?limit=2&before=80&route=orders', '/audit?limit=2&before=70&route=orders'],
  )
  t.match(err, /older ones: banyan audit --route orders --before 50/)
  t.equal((await run(admin, ['audit', '--route', 'No_Id'])).code, 2)
})
