// Figures over time: points by the clock, holes, routes that come and go, and that coarse points are sums of fine ones.
import fc from 'fast-check'
import t from 'tap'
import { Counted } from '../../src/charts/counted.ts'
import { History, MOST_ROUTES, type Span } from '../../src/charts/history.ts'
import { type Counts, readingsOf } from './make.ts'

const STEP = 10_000
/** The beginning of a coarse point. */
const START = 1_700_000_100_000

function make(now = START) {
  const counted = new Counted()
  const history = new History(now)
  let routes = ['orders', 'cart']
  /** Looks at the end of the point that began `at`. */
  function point(
    at: number,
    counts: Readonly<Record<string, Counts>>,
    more: { effective?: number; pairs?: { compared: number; matching: number } } = {},
  ) {
    const readings = readingsOf(counts)
    history.count(counted.take(readings))
    const pairs = new Map(more.pairs === undefined ? [] : [['orders', more.pairs]])
    const of = (route: string) => ({ readings: readings.get(route) ?? [], effective: more.effective ?? 0 })
    history.point(at + STEP + 50, routes, of, pairs)
  }
  const view = (at: number, span: Span = '1h', route = 'orders') => history.view(route, span, at + STEP + 50)
  return { history, point, view, plan: (now: string[]) => (routes = now) }
}

t.test('a point has what came in its ten seconds, and how it was at its end', async t => {
  const { point, view } = make()
  point(
    START,
    { orders: { legacy: 3, new: 1, errors: 1, ms: 5 } },
    { effective: 25, pairs: { compared: 2, matching: 1 } },
  )
  point(START + STEP, { orders: { legacy: 7, new: 1, errors: 1 } }, { effective: 12.34 })
  const seen = view(START + STEP)
  t.match(seen, { kept: true, stepMs: STEP, from: START - 358 * STEP, since: START })
  t.equal(seen.sides.legacy.requests.length, 360)
  t.same(seen.sides.legacy.requests.slice(-3), [null, 3, 4], 'before it began nobody looked')
  t.same(seen.sides.new.requests.slice(-2), [1, 0])
  t.same(seen.sides.legacy.errors.slice(-2), [1, 0])
  const [p50] = seen.sides.legacy.p50Ms.slice(-2)
  t.ok(p50 !== null && p50 !== undefined && Math.abs(p50 / 5 - 1) < 0.125)
  t.equal(seen.sides.legacy.p95Ms.at(-1), null, 'none in the last minute')
  t.same(seen.effective.slice(-3), [null, 25, 12.34])
  t.same(seen.observed.slice(-3), [null, 25, 12.5])
  t.same(seen.compared.slice(-2), [2, null])
  t.same(seen.matching.slice(-2), [1, null])
})

t.test('a hole is null; what was counted meanwhile comes after it', async t => {
  const { point, view } = make()
  point(START, { orders: { legacy: 3 } })
  point(START + 4 * STEP, { orders: { legacy: 9 } })
  t.same(view(START + 4 * STEP).sides.legacy.requests.slice(-6), [null, 3, null, null, null, 6])
  t.same(view(START + 7 * STEP).sides.legacy.requests.slice(-4), [6, null, null, null], 'nobody looks any more')
  t.same(view(START + 5 * STEP).sides.legacy.requests.at(-1), 6, 'the last point may not have been looked at yet')
  const day = 86_400_000
  point(START + day, { orders: { legacy: 10 } })
  const late = view(START + day)
  t.same(
    late.sides.legacy.requests.filter(one => one !== null),
    [1],
    'nothing of a day ago',
  )
})

t.test('without traffic: 0, and no times; traffic that comes later begins after zeros', async t => {
  const { point, view } = make()
  point(START, {})
  point(START + 2 * STEP, {})
  const idle = view(START + 2 * STEP)
  t.match(idle, { kept: true })
  t.same(idle.sides.new.requests.slice(-4), [null, 0, null, 0])
  t.same(idle.sides.new.p95Ms.slice(-2), [null, null])
  point(START + 3 * STEP, { orders: { new: 1 } })
  t.same(view(START + 3 * STEP).sides.new.requests.slice(-5), [null, 0, null, 0, 1])
  t.same(view(START + 3 * STEP, '1h', 'cart').sides.new.requests.slice(-5), [null, 0, null, 0, 0])
})

t.test('a route that is gone is forgotten', async t => {
  const { point, view, plan } = make()
  point(START, { orders: { legacy: 3 } })
  plan(['cart'])
  point(START + STEP, {})
  plan(['orders', 'cart'])
  point(START + 2 * STEP, { orders: { legacy: 1 } })
  t.same(view(START + 2 * STEP).sides.legacy.requests.slice(-3), [0, 0, 1])
})

t.test('five minutes: sums of what came, times of all of it; points that have ended only', async t => {
  const { point, view } = make()
  for (let i = 0; i < 60; i++) {
    if (i === 59) t.same(view(START + 58 * STEP, '24h').sides.legacy.requests.slice(-2), [null, 60], 'one has ended')
    point(START + i * STEP, { orders: { legacy: 2 * (i + 1), ms: i < 30 ? 5 : 50 } })
  }
  const seen = view(START + 59 * STEP, '24h')
  t.match(seen, { stepMs: 300_000, from: START + 600_000 - 288 * 300_000 })
  t.same(seen.sides.legacy.requests.slice(-3), [null, 60, 60])
  const [first, second] = seen.sides.legacy.p50Ms.slice(-2) as number[]
  t.ok(Math.abs((first ?? 0) / 5 - 1) < 0.125, String(first))
  t.ok(Math.abs((second ?? 0) / 50 - 1) < 0.125, String(second))
})

t.test('a clock that is put back: a little passes in one point, more begins anew', async t => {
  const { point, view } = make()
  point(START, { orders: { legacy: 1 } })
  point(START + 4 * STEP, { orders: { legacy: 2 } })
  point(START + 2 * STEP, { orders: { legacy: 4 } })
  t.same(view(START + 4 * STEP).sides.legacy.requests.slice(-5), [1, null, null, null, 3])
  point(START - 3_600_000, { orders: { legacy: 9 } })
  const seen = view(START - 3_600_000)
  t.same(
    seen.sides.legacy.requests.filter(one => one !== null),
    [5],
  )
  t.equal(seen.since, START - 3_600_000 + STEP + 50)
})

t.test('beyond a thousand routes with traffic nothing is kept of the others, and it is said', async t => {
  const { point, view, plan } = make()
  const ids = Array.from({ length: MOST_ROUTES + 1 }, (_, i) => `r${i}`)
  plan(ids)
  const served = Object.fromEntries(ids.map(id => [id, { legacy: 1 }]))
  point(START, served)
  t.match(view(START, '1h', 'r0'), { kept: true })
  const last = view(START, '1h', `r${MOST_ROUTES}`)
  t.equal(last.kept, false)
  t.same(new Set(last.sides.legacy.requests), new Set([null]))
})

t.test('whatever comes when: points are never negative, and sums are what was counted', async t => {
  const step = fc.record({ skip: fc.nat(3), legacy: fc.nat(100), new: fc.nat(100) })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 200 }), steps => {
      const { point, view } = make()
      const total = { legacy: 0, new: 0 }
      let at = START - STEP
      for (const { skip, legacy, new: fresh } of steps) {
        at += (skip + 1) * STEP
        total.legacy += legacy
        total.new += fresh
        point(at, { orders: { ...total } })
        if (at - START > 3_000_000) break
      }
      const ended = Math.ceil((at + STEP) / 300_000) * 300_000
      point(ended + STEP, { orders: { ...total } })
      for (const span of ['1h', '24h'] as const) {
        const { sides } = view(ended + STEP, span)
        for (const side of ['legacy', 'new'] as const) {
          const points = sides[side].requests.filter(one => one !== null)
          if (points.some(one => one < 0)) return false
          if (points.reduce((sum, one) => sum + one, 0) !== total[side]) return false
        }
      }
      return true
    }),
    { numRuns: 60 },
  )
  t.pass()
})
