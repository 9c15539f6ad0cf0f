// Readings of several processes as one, also of those that have ended.
import t from 'tap'
import { LATENCY_BUCKETS, latencyBucket } from '../../src/model/latency.ts'
import { NOTHING_READ, pastReading, sumOf } from '../../src/plane/sum.ts'
import { type RouteReading, type SideReading, trafficOf } from '../../src/traffic.ts'

/** So many requests of the last minute, each of so many milliseconds. */
function side(requests: number, ms: number): SideReading {
  const latencies = new Array<number>(LATENCY_BUCKETS).fill(0)
  latencies[latencyBucket(ms)] = requests
  return { requests, errors: 1, perSecond: 1, recent: { requests, errors: 1, movable: 0, latencies }, lastError: null }
}

function reading(requests: number, ms: number) {
  const route: RouteReading = {
    reasons: { weight: requests },
    sides: { legacy: side(requests, ms), new: side(requests, ms) },
    tunnels: { legacy: 1, new: 0 },
    drawn: requests,
    drawnNew: requests,
    keys: null,
  }
  return { ...NOTHING_READ, traffic: new Map([['orders', [route]]]) }
}

t.test('what has ended keeps its counts, and says nothing of lately', async t => {
  const past = pastReading(pastReading(NOTHING_READ, reading(100, 5)), reading(10, 5))
  const alone = trafficOf(past.traffic.get('orders') ?? [])
  t.match(alone, {
    reasons: { weight: 110 },
    sides: { legacy: { requests: 110, errors: 2, perSecond: 0, p50Ms: null, p95Ms: null } },
    tunnels: { legacy: 0 },
    observed: null,
  })
  const together = trafficOf(sumOf([past, reading(50, 8)]).traffic.get('orders') ?? [])
  const living = trafficOf(reading(50, 8).traffic.get('orders') ?? [])
  t.equal(together.sides.new.requests, 160)
  t.ok((living.sides.new.p95Ms ?? 0) < 20)
  for (const one of ['legacy', 'new'] as const) {
    t.equal(together.sides[one].p50Ms, living.sides[one].p50Ms)
    t.equal(together.sides[one].p95Ms, living.sides[one].p95Ms, 'the quantiles are of those that live')
  }
  t.equal(together.observed, 100)
})
