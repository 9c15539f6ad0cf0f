// divergences: the tree, one of them in full, asking again, acknowledging, watching; and that nothing steers the terminal.
import t from 'tap'
import { compareOperations, type ShownDifference, type SignatureAnswer } from '../../src/admin/api-compare.ts'
import { applied, problem, routes } from './answers.ts'
import { fakeAdmin, reply, run } from './fake-admin.ts'
import { bare, divergences, noise, report, rules, signature } from './shadow-answers.ts'

const ID = signature.signature

t.test('the fixtures fit the schemas', async t => {
  t.same(compareOperations.divergences.answer.parse(divergences), divergences)
  t.same(compareOperations.divergence.answer.parse(bare), bare)
  t.same(compareOperations.report.answer.parse(report), report)
  t.same(compareOperations.rules.answer.parse({ rules }), { rules })
  t.same(compareOperations.noise.answer.parse({ noise: [noise] }), { noise: [noise] })
})

t.test('the tree: totals, field, rate, example; what is quiet at the end', async t => {
  const admin = await fakeAdmin({ 'GET /routes/orders/divergences': divergences })
  t.teardown(() => admin.close())
  const { code, out, err } = await run(admin, ['divergences', 'orders'])
  t.same([code, err], [0, ''])
  t.equal(
    out,
    `orders  /orders/*  since 2026-01-02T10:00:00Z
120,345 eligible: 99,090 of 100,324 match (98.8 %, 95 %: 98.7 to 98.8), of which 300 noise, 790 tolerated; 1,234 divergent
beside them: 8 without the other side’s answer, 10 skipped (method 10), 3 dropped (queue 3), 20,000 not sampled

1 divergent

MEDIUM  total_cents  value  1,234×  1.2 %, 95 %: 1.1 to 1.4  0123456789ab
        /orders/:id  /lines/*/total_cents
        such as 1200 → 1199  GET /orders/17?note=it's  2026-01-02T10:01:00Z

1 undecided: not known yet whether they are noise

LOW     currency  value  1,234×  currency-id  undecided
        /orders/:id  /lines/*/total_cents

noise: served_at  (banyan noise orders)
ignored: request_id  (banyan rules orders)
suspended: new is not asked for /orders/login: its answers set a session cookie
`,
  )
  t.equal(admin.seen[0]?.path, '/routes/orders/divergences?limit=100')
  const noise = await run(admin, ['divergences', 'orders', '--state', 'noise'])
  t.match(noise.out, /LOW {5}served_at {2}value {2}1,234× {2}served_at-id {2}noise/)
})

t.test('what is asked for', async t => {
  const admin = await fakeAdmin({ 'GET /routes/orders/divergences': divergences })
  t.teardown(() => admin.close())
  const argv = ['divergences', 'orders', '--since', '1h', '--severity', 'medium', '--kind', 'value', '--path', '/lines']
  t.equal((await run(admin, [...argv, '--state', 'divergent', '-n', '5', '--json'])).code, 0)
  const { searchParams } = new URL(admin.seen[0]?.path ?? '', 'http://a')
  t.same(Object.fromEntries(searchParams), {
    since: '3600s',
    severity: 'medium',
    kind: 'value',
    path: '/lines',
    state: 'divergent',
    limit: '5',
  })
  for (const wrong of [
    ['--since', 'yesterday'],
    ['--severity', 'worst'],
    ['--kind', 'words'],
    ['--state', 'lost'],
    ['--limit', '0'],
    ['--path', 'lines'],
    ['--path', '$.lines'],
    ['--path', ''],
  ]) {
    t.equal((await run(admin, ['divergences', 'orders', ...wrong])).code, 2, wrong.join(' '))
  }
  t.equal(admin.seen.length, 1)
  const { err } = await run(admin, ['divergences', 'orders', '--path', 'lines'])
  t.match(err, /Allowed: a JSON Pointer, which begins with \/, such as \/lines/)
})

t.test('a filter that nothing passes is no good news, and a limit says what it leaves out', async t => {
  const [first, ...others] = divergences.items
  const admin = await fakeAdmin({
    'GET /routes/orders/divergences': (response, { path }) => {
      const { searchParams } = new URL(path, 'http://a')
      const items = searchParams.has('path') ? [] : divergences.items.slice(0, Number(searchParams.get('limit')))
      reply(response, 200, { ...divergences, items })
    },
  })
  t.teardown(() => admin.close())
  const none = await run(admin, ['divergences', 'orders', '--path', '/nothing', '--severity', 'high'])
  t.match(none.out, '\nthose are of the whole route; listed is what --severity high --path /nothing asks for\n')
  t.match(none.out, '\nnone matches the filter: there are 2 without it\n')
  t.notMatch(none.out, 'no divergence')
  const one = await run(admin, ['divergences', 'orders', '--limit', '1'])
  t.match(one.out, first?.field)
  t.match(one.out, '\nand 1 more, and 2 that are noise or ignored, not listed: raise --limit\n')
  const all = await run(admin, ['divergences', 'orders', '--state', 'noise', '--limit', '3'])
  t.match(all.out, '\nand 1 more, not listed: raise --limit\n')
  const enough = await run(admin, ['divergences', 'orders', '--limit', String(others.length + 2)])
  t.notMatch(enough.out, 'not listed')
})

/** A signature of one place, with an example of those differences. */
function looking(
  at: { readonly kind: ShownDifference['kind']; readonly path: string },
  differences: readonly Partial<ShownDifference>[],
  answers: NonNullable<SignatureAnswer['latest']>['answers'] = null,
): SignatureAnswer {
  const [place] = signature.differences
  const example = signature.latest
  if (place === undefined || example === null) throw new Error('the fixture has both')
  const plain = { ...at, severity: 'high' as const, legacyType: null, newType: null }
  const latest = { ...example, differences: differences.map(one => ({ ...plain, ...one })), more: 0, answers }
  return { ...signature, ...at, differences: [{ ...place, ...at }], latest }
}

async function shown(item: SignatureAnswer, argv: readonly string[], columns?: number): Promise<string> {
  const admin = await fakeAdmin({
    'GET /routes/orders/divergences': { ...divergences, items: [item] },
    [`GET /divergences/${ID}`]: item,
  })
  const { out } = await run(admin, argv, columns === undefined ? {} : { tty: true, columns, env: { NO_COLOR: '1' } })
  await admin.close()
  t.notMatch(out, / $/m, 'no trailing blanks')
  return out
}

const LIST = ['divergences', 'orders']
const SHOW = ['divergences', 'show', ID]

t.test('such as: the difference of that very place, else none', async t => {
  const differences = [
    { path: '/trace/17', legacyType: 'string', newType: 'string' },
    { path: '/total', legacyType: 'number', newType: 'number', legacy: '1', new: '2' },
  ]
  t.match(await shown(looking({ kind: 'value', path: '/total' }, differences), LIST), 'such as 1 → 2  GET')
  t.match(await shown(looking({ kind: 'value', path: '/trace/*' }, differences), LIST), 'such as another string  GET')
  t.match(await shown(looking({ kind: 'value', path: '/other' }, differences), LIST), 'such as GET')
  const status = { kind: 'status' as const, path: '/200/500' }
  const failed = await shown(
    looking(status, [{ legacyType: 'number', newType: 'number', legacy: '200', new: '500' }]),
    SHOW,
  )
  t.match(failed, /^status +200 → 500 +high +200 → 500$/m)
  t.notMatch(failed, '/200/500')
})

t.test('a body as a whole: what is said of it, and the text around the first difference', async t => {
  const body = { kind: 'body' as const, path: '' }
  const empty = looking(body, [{ note: 'new is not JSON: empty' }])
  t.match(await shown(empty, LIST), /^ {8}\/orders\/:id {2}\(body\)\n {8}such as new is not JSON: empty {2}GET/m)
  t.match(await shown(empty, SHOW), /^body +\(body\) +high +new is not JSON: empty$/m)
  t.match(await shown(looking(body, [{}]), LIST), 'such as the bodies differ  GET', 'without the scope bodies')
  const text = { kind: 'value' as const, path: '' }
  const strings = { legacyType: 'string', newType: 'string', note: 'line 1, column 301' }
  t.match(await shown(looking(text, [strings]), LIST), 'such as line 1, column 301: another text  GET')
  const answer = (body: string) => ({
    status: 200,
    headers: [['content-type', 'text/plain']] as [string, string][],
    body,
  })
  const long = ['old', 'new'].map(word => `${'x'.repeat(300)}${word}${'y'.repeat(300)}`)
  const answers = { legacy: answer(long[0] as string), new: answer(long[1] as string) }
  const kept = looking(text, [strings], answers)
  t.match(await shown(kept, LIST), /such as line 1, column 301: "…x+oldy+… → "…x+newy+… {2}GET/)
  const at80 = await shown(kept, SHOW, 80)
  t.match(at80, /^…x+oldy+… ≠ …x+newy+…$/m)
  t.match(at80, /^≠ < > this divergence$/m)
})

t.test('show: rows that read the same are one', async t => {
  const rows = Array.from({ length: 50 }, () => ({ path: '/rows/*/v', legacyType: 'string', newType: 'string' }))
  const item = looking({ kind: 'value', path: '/rows/*/v' }, [
    ...rows,
    { path: '/a', legacyType: 'null', newType: 'array' },
  ])
  const out = await shown(item, SHOW)
  t.match(out, /^COUNT +KIND +PATH/m)
  t.match(out, /^ *50× +value +\/rows\/\*\/v +high +another string\n *1× +value +\/a /m)
})

t.test('every route with two sides', async t => {
  const [orders] = routes.routes
  const old = { ...orders, id: 'old', sides: { legacy: orders?.sides.legacy, new: null } }
  const admin = await fakeAdmin({
    'GET /routes': { revision: 42, routes: [orders, old] },
    'GET /routes/orders/divergences': { ...divergences, items: [] },
  })
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, ['divergences'])
  t.equal(code, 0)
  t.match(out, /\n\nno divergence\n/)
  t.same(JSON.parse((await run(admin, ['divergences', '--json'])).out), [{ ...divergences, items: [] }])
  t.equal(admin.seen.filter(({ path }) => path.startsWith('/routes/old')).length, 0)
})

t.test('nothing compared yet is not good news', async t => {
  const nothing = { of: 0, count: 0, rate: null, interval: null }
  const answer = {
    ...divergences,
    match: nothing,
    items: [],
    totals: { ...divergences.totals, match: 0, divergent: 0 },
  }
  const admin = await fakeAdmin({ 'GET /routes/orders/divergences': answer })
  t.teardown(() => admin.close())
  const { out } = await run(admin, ['divergences', 'orders'])
  t.match(out, 'nothing was compared yet')
  t.notMatch(out, 'no divergence')
})

t.test('show: side by side, the differing line marked, a curl for each side', async t => {
  const [route] = routes.routes
  const admin = await fakeAdmin({
    [`GET /divergences/${ID}`]: signature,
    'GET /routes/orders': {
      ...route,
      sides: {
        legacy: { ...route?.sides.legacy, url: 'http://10.0.0.5:3001, http://10.0.0.6:3001' },
        new: route?.sides.new,
      },
    },
  })
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, ['divergences', 'show', ID])
  t.equal(code, 0)
  t.match(out, /why: +only new differed 40 times/)
  t.match(out, 'asked again: 9 differed again, 1 did not')
  t.match(out, /value +\/lines\/3\/total_cents +medium +1200 → 1199\nand 1 more, not listed\n/)
  t.match(out, /^LEGACY +NEW$/m)
  t.match(out, /^ {6}"total_cents": 1200 +≠ {7}"total_cents": 1199$/m)
  t.match(out, /^etag: "a" +~$/m, 'not what is looked at')
  t.match(out, '\n≠ < > this divergence   ~ differs as well: another divergence, or what does not count')
  t.equal(out.split('only new differed 40 times').length, 2, 'why, once')
  t.match(out, `legacy: curl -i 'http://10.0.0.5:3001/orders/17?note=it'\\''s'\n`)
  t.match(out, 'without credentials')
  t.same(JSON.parse((await run(admin, ['divergences', 'show', ID, '--json'])).out), signature)
})

t.test('show: without values, types and places only; without the route, no curl', async t => {
  const admin = await fakeAdmin({ [`GET /divergences/${ID}`]: bare })
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, ['divergences', 'show', ID])
  t.equal(code, 0)
  t.match(out, /value +\/lines\/\*\/total_cents +medium +number → string/)
  t.match(out, 'no values: they are kept with compare.values: redacted only')
  t.notMatch(out, 'curl')
  const unknown = await run(admin, ['divergences', 'show', 'none'])
  t.equal(unknown.code, 1)
})

t.test('what others wrote does not steer the terminal', async t => {
  const evil = JSON.parse(JSON.stringify(signature).replaceAll('total_cents', 'total\\u001b[31m\\u202e'))
  const admin = await fakeAdmin({
    [`GET /divergences/${ID}`]: evil,
    'GET /routes/orders/divergences': { ...divergences, items: [evil] },
    [`POST /divergences/${ID}/replay`]: { ...replayed, why: '\u001b[2J', target: '/\u001b[2J' },
  })
  t.teardown(() => admin.close())
  for (const argv of [
    ['divergences', 'orders'],
    ['divergences', 'show', ID],
    ['divergences', 'replay', ID],
  ]) {
    const { out } = await run(admin, argv)
    t.notOk(out.includes('\u001b') || out.includes('\u202e'), argv.join(' '))
  }
})

const replayed = {
  signature: ID,
  at: 1,
  method: 'GET',
  target: '/orders/17',
  statuses: { legacy: 200, new: 200 },
  verdict: 'persistent',
  why: 'it differs in the same place',
  differences: signature.latest?.differences,
  more: 0,
}

t.test('replay: credentials come from the environment, the exit code tells what came of it', async t => {
  const verdicts = { persistent: 1, other: 1, transient: 0, failed: 4 }
  for (const [verdict, exit] of Object.entries(verdicts)) {
    const admin = await fakeAdmin({ [`POST /divergences/${ID}/replay`]: { ...replayed, verdict } })
    const ran = await run(admin, ['divergences', 'replay', ID])
    t.equal(ran.code, exit, verdict)
    t.match(ran.out, `${verdict}: it differs in the same place\nGET /orders/17  legacy 200, new 200\n`)
    t.equal(admin.seen[0]?.headers['x-banyan-forward-authorization'], undefined)
    const env = { BANYAN_FORWARD_AUTHORIZATION: 'Bearer abc' }
    t.equal((await run(admin, ['divergences', 'replay', ID, '--json'], { env })).code, exit)
    t.equal(admin.seen[1]?.headers['x-banyan-forward-authorization'], 'Bearer abc')
    await admin.close()
  }
  const env = { BANYAN_FORWARD_AUTHORIZATION: 'a\r\nb' }
  t.match(await run(null, ['divergences', 'replay', ID], { env }), { code: 2, err: /no value of a header/ })
})

t.test('ack', async t => {
  const admin = await fakeAdmin({
    [`DELETE /divergences/${ID}`]: { ...applied, signature: ID, route: 'orders' },
    'DELETE /divergences/none': response => reply(response, 404, problem(404, 'unknown_signature', 'there is none')),
  })
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, ['divergences', 'ack', ID, '--reason', 'fixed in 1.4.2'])
  t.equal(code, 0)
  t.match(out, `orders: acknowledged ${ID} · revision 43`)
  t.equal(admin.seen[0]?.path, `/divergences/${ID}?reason=fixed+in+1.4.2`)
  t.match(await run(admin, ['divergences', 'ack', 'none']), { code: 1, err: /there is none/ })
})

t.test('--watch: without a terminal, a line for what is new or has changed', async t => {
  let looks = 0
  const over = new AbortController()
  const admin = await fakeAdmin({
    'GET /routes/orders/divergences': response => {
      looks++
      if (looks === 3) over.abort()
      reply(response, 200, { ...divergences, items: [{ ...signature, count: 10 + Math.floor(looks / 2) }] })
    },
  })
  t.teardown(() => admin.close())
  const argv = ['divergences', 'orders', '--watch', '--interval', '1ms']
  const { code, out } = await run(admin, argv, { signal: over.signal })
  t.equal(code, 0)
  const [first, second, ...more] = out.trimEnd().split('\n')
  t.match(first, /signature=0123456789ab state=divergent \(new\) .* field=total_cents count=10$/)
  t.match(second, /state=divergent severity=.* count=11 \(\+1\)$/)
  t.same(more, [])
})
