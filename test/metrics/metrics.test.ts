// Metrics: the text is what Prometheus reads, every promised series is there, from 0, and no traffic can make a new one.
import t from 'tap'
import { compileSnapshot } from '../../src/config/compile.ts'
import { createControlMetrics } from '../../src/metrics/control.ts'
import { CONTENT_TYPE, textOfOne } from '../../src/metrics/text.ts'
import { createTrafficMetrics, DURATION_BUCKETS } from '../../src/metrics/traffic.ts'
import type { Plan } from '../../src/model/snapshot.ts'
import { EMPTY, planOf } from '../control/make.ts'
import { eventually, rawClient } from '../e2e/harness.ts'
import { startHouse } from '../e2e/operator.ts'
import { decided, exchange, failure } from '../exchanges.ts'
import { readPrometheus, sampleOf, seriesOf } from '../prometheus.ts'
import { backend, matching, route } from '../routing/make.ts'

const orders = route(0, matching('/orders/*'), { id: 'orders', declaredWeight: 20 })
const old = route(1, matching('/old'), { id: 'old', sides: { legacy: backend('legacy'), new: null } })

function make(plan: Plan) {
  const now = { plan }
  const chance = { random: () => 0.5, randomId: () => 'id', now: () => 0 }
  const current = () => compileSnapshot(now.plan, { ...EMPTY, revision: 7 }, chance)
  const traffic = createTrafficMetrics({ current, perRoute: false, heldBytes: () => 0 })
  const control = createControlMetrics({
    version: '1.2.3',
    current,
    perRoute: false,
    servesToo: true,
    workers: () => ({ running: 1, pending: 0 }),
    replicas: () => ({ running: 1, pending: 0 }),
    configDiffers: () => 0,
    store: () => ({ healthy: true, unsaved: 0 }),
  })
  const text = () => textOfOne([control.registry(), traffic.registry()])
  const metrics = { ...control, ...traffic, text }
  return { now, metrics, read: async () => readPrometheus(await metrics.text()) }
}

/** What contract.md promises of the features that are built, with its labels. */
const PROMISED: Readonly<Record<string, readonly [type: string, labels: readonly string[]]>> = {
  banyan_wire_quirks_total: ['counter', ['side', 'quirk']],
  banyan_would_have_cut_total: ['counter', ['limit']],
  banyan_slow_clients_total: ['counter', ['phase']],
  banyan_shed_total: ['counter', ['what']],
  banyan_no_entry_total: ['counter', ['what']],
  banyan_spans_total: ['counter', ['result']],
  banyan_retries_total: ['counter', ['side', 'result']],
  banyan_tokens_total: ['counter', ['route', 'what', 'result']],
  banyan_legacy_leaks_total: ['counter', ['route', 'side', 'where']],
  banyan_shared_cache_answers_total: ['counter', ['route', 'side']],
  banyan_requests_total: ['counter', ['route', 'side', 'reason', 'code']],
  banyan_request_duration_seconds: ['histogram', ['route', 'side']],
  banyan_backend_request_duration_seconds: ['histogram', ['route', 'side', 'role']],
  banyan_backend_errors_total: ['counter', ['route', 'side', 'role', 'kind']],
  banyan_proxy_overhead_seconds: ['histogram', ['route']],
  banyan_route_weight_ratio: ['gauge', ['route', 'kind']],
  banyan_tunnels: ['gauge', ['route', 'side']],
  banyan_shadow_eligible_total: ['counter', ['route']],
  banyan_shadow_total: ['counter', ['route', 'result']],
  banyan_shadow_unasked_total: ['counter', ['route', 'reason']],
  banyan_shadow_held_bytes: ['gauge', []],
  banyan_divergences_total: ['counter', ['route', 'kind', 'severity']],
  banyan_rollbacks_total: ['counter', ['route', 'trigger']],
  banyan_rollback_seconds: ['histogram', ['route', 'trigger']],
  banyan_config_revision: ['gauge', []],
  banyan_config_reloads_total: ['counter', ['result']],
  banyan_build_info: ['gauge', ['version', 'node']],
  banyan_config_differs: ['gauge', []],
  banyan_store_healthy: ['gauge', []],
  banyan_rollbacks_unsaved: ['gauge', []],
  banyan_workers: ['gauge', ['state']],
  banyan_worker_restarts_total: ['counter', []],
  banyan_replicas: ['gauge', ['state']],
  banyan_admin_failed_logins_total: ['counter', ['reason', 'answer']],
}

t.test('every promised metric is there, with its type, its labels and a word of help', async t => {
  const { metrics, read } = make(planOf([orders, old]))
  metrics.exchange(exchange(decided(orders, 'new')))
  metrics.rolledBack(['orders'], 'operator', 0.3)
  metrics.note({ kind: 'quirk', side: 'legacy', quirk: 'bare-lf' })
  metrics.note({ kind: 'leak', route: 'orders', side: 'legacy', where: 'location' })
  metrics.note({ kind: 'token', route: 'orders', what: 'link', result: 'forged' })
  metrics.note({ kind: 'shared-cache', route: 'orders', side: 'new' })
  metrics.shadowed('orders', 'skipped', 'method')
  metrics.divergent('orders', 'value', 'medium')
  const families = await read()
  t.match(CONTENT_TYPE, /^text\/plain; version=0\.0\.4/)
  for (const [name, [type, labels]] of Object.entries(PROMISED)) {
    const family = families.get(name)
    t.equal(family?.type, type, name)
    t.ok((family?.help.length ?? 0) > 5)
    const [first] = family?.samples ?? []
    t.same(
      new Set(Object.keys(first?.labels ?? { none: '' })),
      new Set(type === 'histogram' ? [...labels, 'le'] : labels),
      name,
    )
  }
  t.same(
    [...families.keys()].filter(name => name.startsWith('banyan_') && !(name in PROMISED)),
    [],
    'and no other of ours',
  )
  for (const prefix of ['process_', 'nodejs_'])
    t.ok(
      [...families.keys()].some(name => name.startsWith(prefix)),
      prefix,
    )
  t.equal(sampleOf(families, 'banyan_config_revision'), 7)
  t.equal(sampleOf(families, 'banyan_build_info', { version: '1.2.3', node: process.versions.node }), 1)
})

t.test('series that alerts need start at 0', async t => {
  const fallback = { ...old, index: -1, id: '_default' }
  const families = await make(planOf([orders, old], { fallback })).read()
  const at = (name: string, labels: Record<string, string>) =>
    t.equal(sampleOf(families, name, labels), 0, `${name} ${JSON.stringify(labels)}`)
  for (const side of ['legacy', 'new']) {
    for (const kind of ['connect', 'tls', 'timeout', 'reset', 'truncated', 'protocol']) {
      at('banyan_backend_errors_total', { route: 'orders', side, role: 'primary', kind })
    }
    for (const code of ['2xx', '5xx', 'error'])
      at('banyan_requests_total', { route: 'orders', side, reason: 'weight', code })
    at('banyan_tunnels', { route: 'orders', side })
    at('banyan_request_duration_seconds_count', { route: 'orders', side })
    at('banyan_backend_request_duration_seconds_count', { route: 'orders', side, role: 'primary' })
  }
  for (const id of ['orders', 'old', '_default']) {
    for (const trigger of ['operator', 'break_glass']) at('banyan_rollbacks_total', { route: id, trigger })
  }
  for (const result of ['ok', 'failed']) at('banyan_config_reloads_total', { result })
  t.equal(sampleOf(families, 'banyan_route_weight_ratio', { route: 'orders', kind: 'effective' }), 0.2)
  t.equal(sampleOf(families, 'banyan_route_weight_ratio', { route: 'old', kind: 'declared' }), 0)
})

t.test('both sides, client and backend, share their buckets', async t => {
  const families = await make(planOf([orders])).read()
  const bounds = (name: string, side: string) =>
    (families.get(name)?.samples ?? [])
      .filter(one => one.labels.side === side && one.labels.le !== undefined)
      .map(one => one.labels.le)
  const expected = [...DURATION_BUCKETS.map(String), '+Inf']
  for (const name of ['banyan_request_duration_seconds', 'banyan_backend_request_duration_seconds']) {
    for (const side of ['legacy', 'new']) t.same(bounds(name, side), expected, `${name} ${side}`)
  }
})

t.test('each exchange is counted once, where it belongs', async t => {
  const { metrics, read } = make(planOf([orders]))
  const by = decided(orders, 'new')
  const rows = [
    [exchange(by), 'new', 'weight', '2xx'],
    [exchange(by, { status: 101 }), 'new', 'weight', '1xx'],
    [exchange(by, { status: 304 }), 'new', 'weight', '3xx'],
    [exchange(by, { status: 499 }), 'new', 'weight', '4xx'],
    [exchange(by, { status: 503 }), 'new', 'weight', '5xx'],
    [exchange(by, { status: 999 }), 'new', 'weight', 'error'],
    [exchange(by, { status: 200, ending: 'aborted' }), 'new', 'weight', 'aborted'],
    [exchange(by, { status: 502, ending: 'error', failure: failure('new', 'reset') }), 'new', 'weight', 'error'],
    [exchange(decided(orders, 'legacy', 'rollback')), 'legacy', 'rollback', '2xx'],
  ] as const
  for (const [one] of rows) metrics.exchange(one)
  metrics.exchange(exchange(null, { status: 404 }))
  const families = await read()
  for (const [, side, reason, code] of rows) {
    const expected = code === 'error' ? 2 : 1
    t.equal(
      sampleOf(families, 'banyan_requests_total', { route: 'orders', side, reason, code }),
      expected,
      `${reason} ${code}`,
    )
  }
  t.equal(sampleOf(families, 'banyan_requests_total', { route: '_none', side: 'none', reason: 'none', code: '4xx' }), 1)
  const errors = { route: 'orders', role: 'primary', side: 'new' }
  t.equal(sampleOf(families, 'banyan_backend_errors_total', { ...errors, kind: 'reset' }), 1)
  t.equal(sampleOf(families, 'banyan_request_duration_seconds_count', { route: 'orders', side: 'new' }), 8)
  t.equal(sampleOf(families, 'banyan_request_duration_seconds_count', { route: 'orders', side: 'legacy' }), 1)
  t.equal(sampleOf(families, 'banyan_proxy_overhead_seconds_count', { route: 'orders' }), 9)
})

t.test('times: on a bound they are within it; what is beyond all of them is still counted', async t => {
  const { metrics, read } = make(planOf([orders]))
  for (const totalMs of [0, 1, 1.01, 60_000, 60_001, 1e9])
    metrics.exchange(exchange(decided(orders, 'new'), { totalMs, backendMs: null }))
  const families = await read()
  const labels = { route: 'orders', side: 'new' }
  const le = (bound: string) => sampleOf(families, 'banyan_request_duration_seconds_bucket', { ...labels, le: bound })
  t.same([le('0.001'), le('0.0025'), le('30'), le('60'), le('+Inf')], [2, 3, 3, 4, 6])
  const sum = sampleOf(families, 'banyan_request_duration_seconds_sum', labels) ?? 0
  t.ok(Math.abs(sum - (0.001 + 0.00101 + 60 + 60.001 + 1e6)) < 1e-6)
  t.equal(sampleOf(families, 'banyan_backend_request_duration_seconds_count', { ...labels, role: 'primary' }), 0)
})

t.test('rollbacks: counted and timed by route and trigger', async t => {
  const { metrics, read } = make(planOf([orders, old]))
  metrics.rolledBack(['orders', 'old'], 'operator', 0.3)
  metrics.rolledBack(['orders'], 'break_glass', 0.2)
  const families = await read()
  t.equal(sampleOf(families, 'banyan_rollbacks_total', { route: 'orders', trigger: 'operator' }), 1)
  t.equal(sampleOf(families, 'banyan_rollbacks_total', { route: 'orders', trigger: 'break_glass' }), 1)
  t.equal(sampleOf(families, 'banyan_rollback_seconds_sum', { route: 'old', trigger: 'operator' }), 0.0003)
})

t.test('after a reload: series of routes that are gone end, of those that stay go on, new ones start at 0', async t => {
  const { now, metrics, read } = make(planOf([orders, old]))
  metrics.exchange(exchange(decided(orders, 'new')))
  metrics.exchange(exchange(decided(old, 'legacy', 'only')))
  metrics.tunnel('old', 'legacy', 1)
  await read()
  const cart = route(1, matching('/cart'), { id: 'cart' })
  now.plan = planOf([orders, cart])
  const after = await read()
  t.equal(sampleOf(after, 'banyan_requests_total', { route: 'orders', side: 'new', reason: 'weight', code: '2xx' }), 1)
  t.equal(sampleOf(after, 'banyan_rollbacks_total', { route: 'cart', trigger: 'operator' }), 0)
  const gone = seriesOf(after, 'banyan_').filter(one => one.includes('"old"'))
  t.same(gone, [])
  metrics.tunnel('old', 'legacy', -1)
  const later = await read()
  const negative = [...later.values()]
    .flatMap(family => family.samples)
    .filter(one => one.name.startsWith('banyan_') && one.value < 0)
  t.same(negative, [], 'a tunnel that outlives its route does not count below nothing')
})

t.test('more than 500 routes: histograms are shared, counters are not', async t => {
  const routes = Array.from({ length: 501 }, (_, i) => route(i, matching(`/r${i}`), { id: `r${i}` }))
  const { metrics, read } = make(planOf(routes))
  const first = routes[0]
  if (first === undefined) return
  metrics.exchange(exchange(decided(first, 'new')))
  metrics.rolledBack(
    routes.map(one => one.id),
    'operator',
    0.3,
  )
  const families = await read()
  t.equal(sampleOf(families, 'banyan_request_duration_seconds_count', { route: '_all', side: 'new' }), 1)
  t.equal(sampleOf(families, 'banyan_requests_total', { route: 'r0', side: 'new', reason: 'weight', code: '2xx' }), 1)
  t.equal(sampleOf(families, 'banyan_rollbacks_total', { route: 'r9', trigger: 'operator' }), 1)
  t.equal(
    sampleOf(families, 'banyan_rollbacks_total', { route: 'r9', trigger: 'break_glass' }),
    0,
    'starts at 0 also here',
  )
  for (const family of families.values()) {
    if (family.type !== 'histogram' || !family.name.startsWith('banyan_')) continue
    t.same(new Set(family.samples.map(sample => sample.labels.route)), new Set(['_all']), family.name)
  }
})

t.test('hostile traffic: 1,000 random paths, methods and hosts add no series', async t => {
  const seed = Date.now() % 2 ** 31
  t.comment(`seed ${seed}`)
  const random = mulberry32(seed)
  const { banyan } = await startHouse(t, { default: 404 })
  for (const id of ['orders', 'cart']) await banyan.api('PUT', `/routes/${id}/weight`, { percent: 50 })
  const scrape = async () => readPrometheus(await (await fetch(`${banyan.health}/metrics`)).text())
  const methods = [
    'GET',
    'POST',
    'PUT',
    'DELETE',
    'PATCH',
    'OPTIONS',
    'PROPFIND',
    'PURGE',
    'M-SEARCH',
    'BREW',
    'REPORT',
  ]
  const word = (length: number) =>
    Array.from({ length }, () => 'abcdefghijklmnopqrstuvwxyz0123456789-_~%7B'[Math.floor(random() * 42)]).join('')
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  /** Sends requests one after another on one connection; returns what came back. */
  const send = async (requests: readonly string[]) => {
    for (const one of requests) {
      const client = rawClient(t, banyan.port)
      client.send(one)
      await client.closed
    }
  }
  const request = () => {
    const path =
      pick(['/orders/', '/cart/', '/old/', '/fresh/', '/', '/%2e', '//']) + word(1 + Math.floor(random() * 30))
    const headers = `User-Agent: ${word(9)}\r\nX-${word(5).replaceAll('%', '')}: ${word(9)}\r\nX-User-Id: ${word(6)}\r\n`
    return `${pick(methods)} ${path}?${word(8)}=${word(8)} HTTP/1.1\r\nHost: ${word(12).replaceAll('%', '')}.example\r\n${headers}Content-Length: 0\r\nConnection: close\r\n\r\n`
  }
  // What can be told apart has been seen after these: each method at both sides of each route, and no route at all.
  const users = Array.from({ length: 8 }, () => word(6))
  const each = ['/orders/', '/cart/', '/old/', '/fresh/'].flatMap(path =>
    methods.flatMap(method =>
      users.map(
        user =>
          `${method} ${path}1 HTTP/1.1\r\nHost: a\r\nX-User-Id: ${user}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
      ),
    ),
  )
  await Promise.all(Array.from({ length: 4 }, (_, i) => send(each.filter((_, at) => at % 4 === i))))
  await Promise.all(Array.from({ length: 4 }, () => send(Array.from({ length: 50 }, request))))
  const known = await scrape()
  await Promise.all(Array.from({ length: 8 }, () => send(Array.from({ length: 125 }, request))))
  await eventually(async () => requestsIn(await scrape()) > requestsIn(known) + 500, 'they were counted')
  const after = await scrape()
  const before = new Set(seriesOf(known, 'banyan_'))
  t.same(
    seriesOf(after, 'banyan_').filter(one => !before.has(one)),
    [],
  )
  const routes = new Set([...after.values()].flatMap(family => family.samples.map(sample => sample.labels.route)))
  t.same([...routes].filter(id => id !== undefined).sort(), ['_none', 'cart', 'fresh', 'old', 'orders', 'pay'])
})

function requestsIn(families: ReturnType<typeof readPrometheus>): number {
  return (families.get('banyan_requests_total')?.samples ?? []).reduce((sum, one) => sum + one.value, 0)
}

function mulberry32(seed: number): () => number {
  let state = seed
  return function next() {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

t.test('every shadowed request is in one result, and shadows stand beside primaries', async t => {
  const { metrics, read } = make(planOf([orders]))
  metrics.shadowed('orders', 'match', null)
  metrics.shadowed('orders', 'dropped', 'memory')
  metrics.shadowed('orders', 'skipped', 'method')
  metrics.asked('orders', 'new', { kind: 'failure', failure: 'reset', ours: false })
  metrics.asked('orders', 'new', { kind: 'failure', failure: 'busy', ours: true })
  const families = await read()
  const at = (name: string, labels: Record<string, string>) => sampleOf(families, name, { route: 'orders', ...labels })
  t.equal(at('banyan_shadow_eligible_total', {}), 3)
  t.equal(at('banyan_shadow_total', { result: 'match' }), 1)
  t.equal(at('banyan_shadow_unasked_total', { reason: 'memory' }), 1)
  t.equal(at('banyan_shadow_unasked_total', { reason: 'method' }), 1)
  t.equal(at('banyan_backend_errors_total', { side: 'new', role: 'shadow', kind: 'reset' }), 1)
  t.equal(
    at('banyan_backend_errors_total', { side: 'new', role: 'shadow', kind: 'busy' }) ?? 0,
    0,
    'ours is not theirs',
  )
})
