// Readings for tests of charts: what processes that serve would show, and a process with workers that come and go.
import { LATENCY_BUCKETS, latencyBucket } from '../../src/model/latency.ts'
import type { Side } from '../../src/model/route.ts'
import type { Reading } from '../../src/plane/plane.ts'
import { NOTHING_READ, pastReading, sumOf } from '../../src/plane/sum.ts'
import type { KeysReading, RouteReading, SideReading } from '../../src/traffic.ts'

export interface Counts {
  readonly legacy?: number
  readonly new?: number
  readonly errors?: number
  /** Of the last minute: all of them took so long. */
  readonly ms?: number
  readonly keys?: KeysReading
}

export function routeReading({ legacy = 0, new: fresh = 0, errors = 0, ms, keys }: Counts): RouteReading {
  const side = (requests: number): SideReading => {
    const latencies = new Array<number>(LATENCY_BUCKETS).fill(0)
    const recent = ms === undefined ? 0 : requests
    if (ms !== undefined) latencies[latencyBucket(ms)] = requests
    return {
      requests,
      errors,
      perSecond: 0,
      recent: { requests: recent, errors: 0, movable: 0, latencies },
      lastError: null,
    }
  }
  return {
    reasons: {},
    sides: { legacy: side(legacy), new: side(fresh) },
    tunnels: { legacy: 0, new: 0 },
    drawn: legacy + fresh,
    drawnNew: fresh,
    keys: keys ?? null,
  }
}

export function readingsOf(routes: Readonly<Record<string, Counts>>): ReadonlyMap<string, readonly RouteReading[]> {
  return new Map(Object.entries(routes).map(([route, counts]) => [route, [routeReading(counts)]]))
}

interface Worker {
  readonly counts: Record<string, Record<Side, number>>
  shown: Reading | null
}

/** As plane/workers.ts adds up: those that have ended with what they showed last. */
export class Workers {
  #past: Reading = NOTHING_READ
  readonly #workers: Worker[]

  constructor(count: number) {
    this.#workers = Array.from({ length: count }, () => ({ counts: {}, shown: null }))
  }

  serve(worker: number, route: string, side: Side, times: number): void {
    const { counts } = this.#workers[worker] as Worker
    counts[route] ??= { legacy: 0, new: 0 }
    counts[route][side] += times
  }

  look(): void {
    for (const one of this.#workers) one.shown = { ...NOTHING_READ, traffic: readingsOf(one.counts) }
  }

  /** Another takes its place; says how many of its calls nobody has seen. */
  crash(worker: number): number {
    const one = this.#workers[worker] as Worker
    const total = (all: Iterable<Record<Side, number>>) =>
      [...all].reduce((sum, { legacy, new: n }) => sum + legacy + n, 0)
    const seen = [...(one.shown?.traffic.values() ?? [])].map(([reading]) => ({
      legacy: reading?.sides.legacy.requests ?? 0,
      new: reading?.sides.new.requests ?? 0,
    }))
    const unseen = total(Object.values(one.counts)) - total(seen)
    if (one.shown !== null) this.#past = pastReading(this.#past, one.shown)
    this.#workers[worker] = { counts: {}, shown: null }
    return unseen
  }

  readings() {
    return sumOf([this.#past, ...this.#workers.flatMap(({ shown }) => (shown === null ? [] : [shown]))]).traffic
  }
}
