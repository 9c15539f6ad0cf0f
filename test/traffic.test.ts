// Traffic of the last minute: shares, rates, quantiles within their promise, and that old seconds are forgotten.
import t from 'tap'
import { estimate } from '../src/inventory/registers.ts'
import type { Decision } from '../src/model/exchange.ts'
import type { Side } from '../src/model/route.ts'
import { createBucketer } from '../src/routing/bucket.ts'
import { createTraffic } from '../src/traffic.ts'
import { decided, exchange, failure } from './exchanges.ts'
import { matching, route } from './routing/make.ts'

const orders = route(0, matching('/orders/*'), { id: 'orders' })

function make(monotonic = 600_000) {
  const time = { monotonic, now: 1_700_000_000_000 }
  const traffic = createTraffic({ now: () => time.now, monotonic: () => time.monotonic })
  const serve = (
    side: Side,
    more: Parameters<typeof exchange>[1] = {},
    reason: 'weight' | 'override' | 'frozen' = 'weight',
  ) => traffic.exchange(exchange(decided(orders, side, reason), more))
  return { time, traffic, serve, of: () => traffic.of('orders') }
}

t.test('nothing yet: zeros, and null where there is no answer', async t => {
  const { of } = make()
  const recent = { requests: 0, errors: 0, movable: 0 }
  const nothing = {
    recent,
    requests: 0,
    errors: 0,
    perSecond: 0,
    errorRatio: null,
    p50Ms: null,
    p95Ms: null,
    lastError: null,
  }
  t.same(of(), {
    reasons: {},
    sides: { legacy: nothing, new: nothing },
    tunnels: { legacy: 0, new: 0 },
    observed: null,
    observedRequests: 0,
  })
})

t.test('observed: the share of what weight decided; forced ones are kept out', async t => {
  const { serve, of } = make()
  for (let i = 0; i < 6; i++) serve('legacy')
  for (let i = 0; i < 3; i++) serve('new', {}, i === 0 ? 'frozen' : 'weight')
  for (let i = 0; i < 50; i++) serve('new', {}, 'override')
  t.match(of(), { observed: 33.33, observedRequests: 9, reasons: { weight: 8, frozen: 1, override: 50 } })
  t.equal(of().sides.new.requests, 53)
})

t.test('errors: failures and 5xx; the last failure with its moment', async t => {
  const { time, serve, of } = make()
  serve('new')
  serve('new', { status: 404 })
  serve('new', { status: 503 })
  time.now += 5
  serve('new', { status: 502, ending: 'error', failure: failure('new', 'connect') })
  serve('legacy', { ending: 'aborted', status: 0 })
  t.match(of().sides.new, {
    requests: 4,
    errors: 2,
    errorRatio: 0.5,
    lastError: { at: 1_700_000_000_005, code: 'backend_connect', detail: 'new side: connect' },
  })
  t.match(of().sides.legacy, { requests: 1, errors: 0, errorRatio: 0, lastError: null })
})

t.test('a minute later they are history: totals stay, the rest is gone', async t => {
  const { time, serve, of } = make(605_000)
  for (let i = 0; i < 60; i++) serve('new', { status: 500 })
  t.equal(of().sides.new.perSecond, 1.09, '60 in the 55 s that the slots cover')
  time.monotonic += 54_999
  t.equal(of().sides.new.errorRatio, 1, 'the last instant of its sixth slot')
  t.equal(of().sides.new.perSecond, 1)
  time.monotonic += 1
  t.match(of().sides.new, { requests: 60, errors: 60, perSecond: 0, errorRatio: null, p50Ms: null })
  t.equal(of().observed, null)
  serve('legacy')
  t.match(of(), { observed: 0, observedRequests: 1 }, 'slots are used again, and clean')
  t.same(of().reasons, { weight: 61 })
})

t.test('a change begins the share anew, and nothing else: rates, errors and times are of the last minute', async t => {
  const { traffic, serve, of } = make()
  for (let i = 0; i < 5; i++) serve('new', { status: 500, totalMs: 100 })
  serve('legacy')
  const before = of()
  traffic.restartShare('cart')
  t.same(of(), before, 'another route changed')
  traffic.restartShare('orders')
  t.same(of(), { ...before, observed: null, observedRequests: 0 })
  serve('legacy')
  t.match(of(), { observed: 0, observedRequests: 1 }, 'only what came after')
  t.match(of().sides, { new: { perSecond: before.sides.new.perSecond, errorRatio: 1 }, legacy: { requests: 2 } })
})

t.test('a process that is young counts the time that it has', async t => {
  const { time, serve, of } = make(0)
  serve('new')
  t.equal(of().sides.new.perSecond, 0, 'no time, no rate')
  time.monotonic = 2_000
  for (let i = 0; i < 19; i++) serve('new')
  t.equal(of().sides.new.perSecond, 10)
})

t.test('quantiles are within 12.5 % of the truth, at any size', async t => {
  for (const scale of [0.1, 1, 7.3, 250, 4_000]) {
    const { serve, of } = make()
    const times = Array.from({ length: 2_000 }, (_, i) => scale * (1 + ((i * 7919) % 2_000) / 250))
    for (const totalMs of times) serve('legacy', { totalMs })
    times.sort((a, b) => a - b)
    const { p50Ms, p95Ms } = of().sides.legacy
    for (const [found, q] of [
      [p50Ms, 0.5],
      [p95Ms, 0.95],
    ] as const) {
      const truth = times[Math.ceil(q * times.length) - 1] as number
      t.ok(
        found !== null && Math.abs(found / truth - 1) < 0.125,
        `p${q * 100} of scale ${scale}: ${found} for ${truth}`,
      )
    }
  }
})

t.test('quantiles at the edges: one request, the fastest, the slowest', async t => {
  for (const [totalMs, least, most] of [
    [0, 0, 0.05],
    [0.05, 0.04, 0.06],
    [63_000, 45_000, 70_000],
    [1e9, 45_000, 1e9],
  ] as const) {
    const { serve, of } = make()
    serve('new', { totalMs })
    const { p50Ms, p95Ms } = of().sides.new
    t.equal(p50Ms, p95Ms)
    t.ok(p50Ms !== null && p50Ms >= least && p50Ms <= most, `${totalMs} → ${p50Ms}`)
  }
})

t.test('tunnels: open now; a route that is gone is forgotten, and comes back clean', async t => {
  const { traffic, serve, of } = make()
  traffic.tunnel('orders', 'new', 1)
  traffic.tunnel('orders', 'new', 1)
  traffic.tunnel('orders', 'new', -1)
  serve('new')
  t.same(of().tunnels, { legacy: 0, new: 1 })
  traffic.retain(new Set(['orders']))
  t.equal(of().sides.new.requests, 1)
  traffic.retain(new Set(['cart']))
  t.equal(of().sides.new.requests, 0)
  traffic.tunnel('orders', 'new', -1)
  t.same(of().tunnels, { legacy: 0, new: 0 }, 'a tunnel that outlived its route')
})

t.test('what it answers is a copy, and asking about nobody makes nobody', async t => {
  const { traffic, serve, of } = make()
  serve('new')
  const { reasons } = of()
  ;(reasons as Record<string, number>).weight = 99
  t.same(of().reasons, { weight: 1 })
  for (let i = 0; i < 1_000; i++) traffic.of(`random-${i}`)
  traffic.exchange(exchange(null, { status: 404 }))
  t.same(traffic.of('_none').reasons, {})
})

t.test('movable: what weight decides, or would without the rollback; writes that stay with legacy do not', async t => {
  const { serve, traffic, of } = make()
  serve('legacy')
  serve('new', {}, 'override')
  t.equal(of().sides.legacy.recent.movable, 1)
  t.equal(of().sides.new.recent.movable, 0)
  traffic.restartShare('orders')
  t.equal(of().sides.legacy.recent.movable, 1, 'a rate is of the last minute, whatever changed')
  const separate = { ...orders, data: 'separate' as const }
  for (const method of ['GET', 'POST']) traffic.exchange(exchange(decided(separate, 'legacy', 'rollback'), { method }))
  t.equal(of().sides.legacy.recent.movable, 2)
  traffic.exchange(exchange(decided(orders, 'legacy', 'rollback'), { method: 'POST' }))
  t.equal(of().sides.legacy.recent.movable, 3)
})

t.test('keys of the day: those that weight drew, and which of them new served; each once', async t => {
  const time = { monotonic: 600_000, now: Date.parse('2026-11-27T23:59:00Z') }
  const traffic = createTraffic({ now: () => time.now, monotonic: () => time.monotonic })
  const bucketOf = createBucketer('seed', 'orders')
  const serve = (key: string, side: Side, more: Partial<Decision> = {}) =>
    traffic.exchange(
      exchange({ ...decided(orders, side), bucket: bucketOf(key), keyFrom: 'header:x-user-id', ...more }),
    )
  const keys = () => traffic.readings().get('orders')?.keys ?? null
  const counts = () => {
    const found = keys()
    return found && [found.day, estimate(found.all), estimate(found.new)]
  }
  serve('a', 'legacy', { keyFrom: null })
  serve('b', 'legacy', { bucket: null })
  serve('c', 'legacy', { issue: { id: 'c', pin: null, link: null } })
  t.equal(keys(), null, 'drawn for this request, not drawn, or not known to come back')
  for (let i = 0; i < 3; i++) serve('d', 'legacy')
  serve('e', 'new', { issue: { id: null, pin: null, link: null } })
  const day = Math.floor(time.now / 86_400_000)
  t.same(counts(), [day, 2, 1])
  const before = keys()
  time.now += 120_000
  time.monotonic += 120_000
  t.same(counts(), [day, 2, 1], 'nobody came yet')
  serve('f', 'legacy')
  t.same(counts(), [day + 1, 1, 0])
  t.equal(before?.day, day, 'who has read the day before keeps it')
  traffic.retain(new Set())
  t.equal(keys(), null)
})
