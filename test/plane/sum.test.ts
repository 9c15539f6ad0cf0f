// Readings of several processes as one, also of those that have ended.
import t from 'tap'
import { REGISTERS } from '../../src/inventory/registers.ts'
import { LATENCY_BUCKETS, latencyBucket } from '../../src/model/latency.ts'
import { NOTHING_READ, pastReading, sumOf } from '../../src/plane/sum.ts'
import { type KeysReading, type RouteReading, type SideReading, trafficOf } from '../../src/traffic.ts'

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

t.test('keys of one that has ended are known on, also together with those of others; of the later day', async t => {
  const keysOf = (day: number, ...at: readonly number[]) => {
    const registers = new Uint8Array(REGISTERS)
    for (const index of at) registers[index] = 1
    return { day, all: registers, new: new Uint8Array(REGISTERS) }
  }
  const withKeys = (keys: KeysReading | null) => {
    const [one] = reading(1, 5).traffic.get('orders') as [RouteReading]
    return { ...NOTHING_READ, traffic: new Map([['orders', [{ ...one, keys }]]]) }
  }
  const past = (...all: readonly (KeysReading | null)[]) =>
    all.map(withKeys).reduce(pastReading, NOTHING_READ).traffic.get('orders')?.[0]?.keys
  t.same(past(keysOf(1, 3), null, keysOf(1, 5)), keysOf(1, 3, 5))
  t.same(past(keysOf(1, 3), keysOf(2, 5)), keysOf(2, 5))
  t.same(past(keysOf(2, 3), keysOf(1, 5)), keysOf(2, 3))
})
