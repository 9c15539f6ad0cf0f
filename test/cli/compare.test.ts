// compare: two real little servers, recorded requests, verdicts and exit codes; what is asked, how often, and what is shown.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { directory, type RunOptions, run } from './fake-admin.ts'

interface Said {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** An object is answered as JSON. */
  readonly body?: unknown
}

type Script = (target: string, nth: number, request: IncomingMessage) => Said | null

async function side(t: Test, script: Script) {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    seen.push(request)
    const said = script(request.url ?? '', seen.length, request)
    if (said === null) {
      request.socket.destroy()
      return
    }
    const isText = typeof said.body === 'string'
    response.writeHead(said.status ?? 200, {
      'content-type': isText ? 'text/plain' : 'application/json',
      ...said.headers,
    })
    response.end(isText ? said.body : JSON.stringify(said.body ?? {}))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

const orders = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `/orders/${from + i}`)
const order: Script = target => ({ body: { id: Number(target.split('/').at(-1)), total: 10, tags: ['a'] } })

async function compare(
  t: Test,
  scripts: { readonly legacy: Script; readonly new: Script },
  {
    lines = orders(1, 61),
    flags = [] as readonly string[],
    ...options
  }: RunOptions & { lines?: readonly string[]; flags?: readonly string[] } = {},
) {
  const [legacy, fresh] = [await side(t, scripts.legacy), await side(t, scripts.new)]
  const fast = ['--rate', '10000', '--repeat-after', '1ms']
  const argv = ['compare', '--legacy', legacy.url, '--new', fresh.url, '--from', '-', ...fast, ...flags]
  const ran = await run(null, argv, { stdin: lines.join('\n'), ...options })
  return { ...ran, legacy, new: fresh }
}

const jsonOf = (out: string) => JSON.parse(out)

t.test('the same answers: good, each asked once, some of legacy twice', async t => {
  const { code, out, err, legacy, new: fresh } = await compare(t, { legacy: order, new: order })
  t.equal(code, 0)
  t.match(out, /^good: no divergence in 60 comparisons \(match rate 92\.6 to 100 %, 95 % sure\)\ncompare {2}http/)
  t.match(out, /^60 eligible: 60 of 60 match \(100 %, 95 %: /m)
  t.match(out, /^60 pairs: legacy P50 /m)
  t.match(err, '60 lines: 60 different requests of 1 template, 60 to ask')
  t.equal(fresh.seen.length, 60)
  t.equal(legacy.seen.length, 72, '--noise 20%')
  t.same(legacy.seen[0]?.headers.host, legacy.url.slice(7))
  t.match(legacy.seen[0]?.headers['user-agent'], /^banyan-compare\//)
})

t.test('structure differs: divergent, with field, place and rate', async t => {
  const scripts = {
    legacy: order,
    new: (target: string) => ({ body: { id: Number(target.split('/').at(-1)), tags: ['a'] } }),
  }
  const { code, out } = await compare(t, scripts)
  t.equal(code, 1)
  t.match(out, /^divergent: total, in 60 of 60 comparisons \(match rate 0 to /)
  t.match(out, /^(high|medium) +total +missing +60 +100 %, .* +divergent +GET \/orders\/:id +[0-9a-f]{12}$/m)
  const json = jsonOf((await compare(t, scripts, { flags: ['--json'] })).out)
  t.match(json, {
    verdict: 'divergent',
    totals: { eligible: 60, divergent: 60, match: 0 },
    match: { of: 60, count: 0 },
  })
  t.match(json.items, [{ field: 'total', kind: 'missing', state: 'divergent', count: 60, rate: 1 }])
  t.match(json.items[0].differences, [{ template: 'GET /orders/:id', path: '/total', count: 60 }])
  t.equal(json.items[0].exemplar.target, null, 'no values unless they are asked for')
})

t.test('statuses, and other headers', async t => {
  const { out } = await compare(
    t,
    {
      legacy: target => (target.endsWith('7') ? { status: 404 } : { headers: { 'cache-control': 'no-store' } }),
      new: target => (target.endsWith('7') ? { status: 400 } : { headers: { 'cache-control': 'public' } }),
    },
    { flags: ['--json', '--noise', '0'] },
  )
  const fields = jsonOf(out).items.map((item: { field: string; count: number }) => [item.field, item.count])
  t.same(fields.toSorted(), [
    ['404 → 400', 6],
    ['header cache-control', 54],
  ])
})

const otherTotal: Script = target => ({ body: { id: Number(target.split('/').at(-1)), total: 11, tags: ['a'] } })

t.test('one URL with another value: asked again until it is proven', async t => {
  const {
    code,
    out,
    err,
    legacy,
    new: fresh,
  } = await compare(t, { legacy: order, new: otherTotal }, { lines: ['/orders/1'] })
  t.equal(code, 1)
  t.match(out, /^divergent: total, in 1 of 1 comparison \(/)
  t.match(out, /^1 pairs?: /m, 'what is asked again counts once')
  t.match(err, '1 kind of difference is undecided: asking again, 90 requests at most (--repeat 0: not)')
  t.same([fresh.seen.length, legacy.seen.length], [1 + 10, 1 + 20], 'ten repeats are enough')
  const all = await compare(t, { legacy: order, new: otherTotal }, { lines: orders(1, 61), flags: ['--noise', '100%'] })
  t.equal(all.code, 1)
  t.same([all.new.seen.length, all.legacy.seen.length], [60, 120], 'proven already')
})

t.test('a few URLs that only vary by themselves: asked again until that is known', async t => {
  let n = 0
  const drifting: Script = target => ({ body: { id: Number(target.split('/').at(-1)), load: `${n++} of many` } })
  const flags = ['--json', '--min-compared', '3']
  const { code, out } = await compare(t, { legacy: drifting, new: drifting }, { lines: orders(1, 4), flags })
  t.equal(code, 0)
  t.match(JSON.parse(out), {
    verdict: 'good',
    totals: { noise: 3, eligible: 3 },
    noise: [{ path: '/load', repeats: 20 }],
  })
})

t.test('what stays undecided says what is missing and how to get it', async t => {
  const scripts = { legacy: order, new: otherTotal }
  const not = await compare(t, scripts, { lines: orders(1, 4), flags: ['--repeat', '0', '--noise', '100%'] })
  t.equal(not.code, 4)
  t.equal(not.new.seen.length, 3)
  t.match(not.out, /^inconclusive: undecided in all 3 comparisons: total\n/, 'not: nothing was compared')
  t.match(not.out, /^Undecided\nGET \/orders\/:id {2}\/total {2}value: 3 of the 20 repeats that are needed/m)
  t.match(not.out, /^--repeat 30 asks again up to 30 times \(nothing now\): 10 repeats/m)
  t.notMatch(not.err, '--min-compared')
  const few = await compare(t, scripts, { lines: orders(1, 4), flags: ['--repeat', '2', '--markdown'] })
  t.equal(few.code, 4)
  t.match(
    few.out,
    /^## Undecided\n\n- GET \/orders\/:id {2}\/total {2}value: 2 of the 20.*\n- --repeat 30 .*\(2 times now\)/m,
  )
  const none = await compare(t, scripts, { lines: orders(1, 4), flags: ['--noise', '0'] })
  t.equal(none.code, 1, 'nothing is learned, so everything counts')
})

t.test('good takes enough comparisons, and lesser differences that are undecided do not hide them', async t => {
  const one = await compare(t, { legacy: order, new: order }, { lines: ['/orders/1'] })
  t.equal(one.code, 4)
  t.match(
    one.out,
    /^inconclusive: no divergence in 1 comparison \(match rate 0 to 100 %, 95 % sure\), and good takes 20\n/,
  )
  t.match(one.err, 'hint: give it more different requests, or --min-compared 1 where these are all there are')
  t.equal((await compare(t, { legacy: order, new: order }, { lines: orders(1, 21) })).code, 0)
  t.equal((await compare(t, { legacy: order, new: order }, { lines: ['/a'], flags: ['--min-compared', '1'] })).code, 0)
  const flags = ['--severity', 'high', '--repeat', '0', '--json']
  const high = await compare(t, { legacy: order, new: otherTotal }, { lines: orders(1, 7), flags })
  t.equal(high.code, 4)
  t.match(JSON.parse(high.out), {
    because: /^no divergence in 6 comparisons .* good takes 20$/,
    totals: { undecided: 6 },
    match: { of: 0 },
    matchBySeverity: { high: { of: 6, count: 6 } },
  })
})

t.test('what legacy does by itself is noise', async t => {
  let n = 0
  const drifting: Script = target => ({ body: { id: Number(target.split('/').at(-1)), load: `${n++} of many` } })
  const { code, out } = await compare(t, { legacy: drifting, new: drifting }, { flags: ['--noise', '100%', '--json'] })
  const json = jsonOf(out)
  t.equal(code, 0)
  t.match(json, { verdict: 'good', totals: { noise: 60, divergent: 0 }, match: { count: 60 } })
  t.match(json.items, [{ field: 'load', state: 'noise' }])
  t.match(json.noise, [{ path: '/load', state: 'noise', both: 60 }])
})

t.test('a bound, and below which severity', async t => {
  const scripts = {
    legacy: order,
    new: (target: string, nth: number) =>
      nth % 4 === 0 ? { status: 500 } : (order(target, nth, null as never) as Said),
  }
  const lines = orders(1, 201)
  t.equal((await compare(t, scripts, { lines, flags: ['--min-match', '99'] })).code, 1)
  t.equal((await compare(t, scripts, { lines, flags: ['--min-match', '50'] })).code, 0)
  t.equal((await compare(t, scripts, { lines, flags: ['--min-match', '75'] })).code, 4)
})

t.test('sides that do not answer', async t => {
  const cut: Script = () => null
  const dead = await compare(t, { legacy: order, new: cut })
  t.equal(dead.code, 4, 'a dead side is never green')
  t.match(dead.out, /^inconclusive: nothing was compared\n/)
  t.match(dead.out, 'without the other side’s answer')
  t.match(dead.err, 'gave up: 20 in a row without an answer of new')
  t.equal(dead.new.seen.length < 60, true)
  const one = await compare(t, {
    legacy: order,
    new: (target, nth) => (target === '/orders/30' ? null : order(target, nth, null as never)),
  })
  t.match(one.out, '1 without the other side’s answer')
})

t.test('only safe methods; suspicious ones when asked for; a HAR', async t => {
  const lines = ['GET /orders/1', 'POST /orders', 'DELETE /orders/1', 'HEAD /orders/2', '/logout']
  const { err, new: fresh } = await compare(t, { legacy: order, new: order }, { lines })
  t.same(fresh.seen.map(({ method, url }) => `${method} ${url}`).toSorted(), ['GET /orders/1', 'HEAD /orders/2'])
  t.match(err, /skipped for an unsafe method: 2: .*skipped for looking like a write/s)
  const har = { log: { entries: [{ request: { method: 'GET', url: 'http://shop.example.com/orders/5' } }] } }
  const cwd = await directory(t, { 'a.har': JSON.stringify(har) })
  const [legacy, other] = [await side(t, order), await side(t, order)]
  const argv = ['compare', '--legacy', legacy.url, '--new', other.url, '--from', 'a.har', '--min-compared', '1']
  const ran = await run(null, argv, { cwd })
  t.equal(ran.code, 0)
  t.same([other.seen[0]?.url, other.seen[0]?.headers.host], ['/orders/5', 'shop.example.com'])
})

t.test('values only when asked for, and then without secrets', async t => {
  const answer =
    (token: string): Script =>
    () => ({ body: { password: token, note: token } })
  const scripts = { legacy: answer('CANARY-1'), new: answer('CANARY-2') }
  for (const flags of [[], ['--json'], ['--markdown']]) {
    t.notMatch((await compare(t, scripts, { flags: ['--noise', '0', ...flags] })).out, 'CANARY', flags.join(' '))
  }
  const { out } = await compare(t, scripts, { flags: ['--noise', '0', '--json', '--values'] })
  const shown = jsonOf(out).items.flatMap(
    (item: { latest: { differences: { path: string; legacy?: string }[] } }) => item.latest.differences,
  )
  t.ok(shown.some((one: { legacy?: string }) => one.legacy?.includes('CANARY-1')))
  t.notOk(
    shown.some((one: { path: string; legacy?: string }) => one.path === '/password' && one.legacy?.includes('CANARY')),
  )
})

t.test('with their values an example of each difference: the request, and what either side said', async t => {
  const scripts = { legacy: order, new: otherTotal }
  const options = { lines: ['/orders/7?token=CANARY'], flags: ['--noise', '0', '--values'] }
  const { out } = await compare(t, scripts, options)
  t.match(out, /^Examples\ntotal {2}value {2}GET \/orders\/7\?token=.* {2}\/total: 10 → 11$/m)
  t.notMatch(out, 'CANARY')
  const markdown = await compare(t, scripts, { ...options, flags: [...options.flags, '--markdown'] })
  t.match(markdown.out, /^## Examples\n\n- total {2}value {2}GET \/orders\/7\?.*10 → 11$/m)
  const status = { legacy: order, new: () => ({ status: 500, body: {} }) }
  t.match((await compare(t, status, options)).out, /^200 → 500 {2}status {2}GET \/orders\/7.* {2}200 → 500$/m)
})

t.test('rules of a file', async t => {
  const scripts = { legacy: order, new: otherTotal }
  const cwd = await directory(t, {
    'rules.json': JSON.stringify([{ ignore: '$.total', reason: 'rounding' }]),
    'bad.json': '{"a": 1}',
    'wrong.json': JSON.stringify([{ ignore: '$[' }, { ignor: '$.a' }]),
    'rules.yaml': '- ignore: $.total\n',
  })
  const { code, out } = await compare(t, scripts, { cwd, flags: ['--rules', 'rules.json'] })
  t.equal(code, 0)
  t.match(out, /^60 eligible: 60 of 60 match \(100 %.*60 tolerated/m)
  t.match(out, /^file:0 .*\$\.total +60 +in force .* rounding$/m)
  for (const [file, said] of [
    [
      'none.json',
      /none\.json: it cannot be read: there is no such file\n {2}allowed: a list of rules as JSON, such as \[/,
    ],
    ['.', /it cannot be read: it is a directory/],
    ['bad.json', /it is not a list\n {2}allowed: /],
    ['rules.yaml', /it is not JSON, line 1, column 2\n {2}allowed: .*\n {2}YAML as in routes\.yaml is not read here/],
    ['wrong.json', /mistakes in it\n {2}\/0\/ignore: .*; allowed: .*\n {2}\/1.*did you mean ignore\?; allowed: /],
  ] as const) {
    t.match(await compare(t, scripts, { cwd, flags: ['--rules', file] }), { code: 2, out: '', err: said }, file)
  }
})

t.test('what was typed wrongly, and nobody there', async t => {
  const { url } = await side(t, order)
  const usual = ['--from', '-']
  t.match(await run(null, ['compare', '--legacy', url, '--new', url, ...usual]), { code: 2, err: /are the same/ })
  t.match(await run(null, ['compare', '--legacy', url, ...usual]), { code: 2, err: /--new/ })
  const none = await run(null, ['compare', '--legacy', url, '--new', 'http://127.0.0.1:1', ...usual], { stdin: '/a' })
  t.match(none, { code: 8, err: /--new http:\/\/127.0.0.1:1 cannot be reached/ })
  const nothing = await run(null, ['compare', '--legacy', url, '--new', 'http://127.0.0.1:1', ...usual], { stdin: '' })
  t.match(nothing, { code: 2, err: /there is nothing to ask/ })
})
