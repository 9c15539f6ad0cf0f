// The points of one route, fine and coarse, from what it was given at the end of each fine one.
import { LATENCY_BUCKETS, latencyQuantile } from '../model/latency.ts'
import type { Milliseconds, Percent } from '../model/units.ts'
import type { RouteReading } from '../traffic.ts'
import { trafficOf } from '../traffic.ts'
import type { Increase } from './counted.ts'
import { type Figure, Ring } from './ring.ts'

export const FINE = { stepMs: 10_000, points: 360 } as const
export const COARSE = { stepMs: 300_000, points: 288 } as const
export const FINE_PER_COARSE = COARSE.stepMs / FINE.stepMs
const MINUTE_MS: Milliseconds = 60_000

/** At the end of a point. */
export interface Gauges {
  readonly readings: readonly RouteReading[]
  readonly effective: Percent
}

/** Answers that were compared and decided, and those without a difference that counts. */
export interface Pairs {
  readonly compared: number
  readonly matching: number
}

const SIDES = ['legacy', 'new'] as const

export class Track {
  readonly fine = new Ring(FINE.points)
  readonly coarse = new Ring(COARSE.points)
  /** Of the coarse point, by side; taken once a minute, because readings are of the last minute. */
  readonly #latencies = { legacy: new Uint32Array(LATENCY_BUCKETS), new: new Uint32Array(LATENCY_BUCKETS) }
  #minute = -1
  #coarsePoint = -1

  /** Nothing happened in a point before the first. */
  rest(ring: 'fine' | 'coarse', point: number): void {
    for (const side of SIDES) {
      this[ring].put(`${side}Requests`, point, 0)
      this[ring].put(`${side}Errors`, point, 0)
    }
  }

  /** May be told more than once of a point: it adds up. */
  tell(point: number, increase: Increase | null, pairs: Pairs | null, { readings, effective }: Gauges): void {
    const coarsePoint = Math.floor(point / FINE_PER_COARSE)
    const traffic = trafficOf(readings)
    const add = (figure: Figure, value: number) => {
      this.fine.add(figure, point, value)
      this.coarse.add(figure, coarsePoint, value)
    }
    const put = (figure: Figure, value: number | null) => {
      this.fine.put(figure, point, value)
      this.coarse.put(figure, coarsePoint, value)
    }
    this.#addLatencies(point, coarsePoint, readings)
    for (const side of SIDES) {
      add(`${side}Requests`, increase?.requests[side] ?? 0)
      add(`${side}Errors`, increase?.errors[side] ?? 0)
      this.fine.put(`${side}P50`, point, traffic.sides[side].p50Ms)
      this.fine.put(`${side}P95`, point, traffic.sides[side].p95Ms)
      const latencies = this.#latencies[side]
      const total = latencies.reduce((sum, count) => sum + count, 0)
      this.coarse.put(`${side}P50`, coarsePoint, latencyQuantile([latencies], total, 0.5))
      this.coarse.put(`${side}P95`, coarsePoint, latencyQuantile([latencies], total, 0.95))
    }
    put('effective', effective)
    put('observed', traffic.observed)
    if (pairs === null) return
    add('compared', pairs.compared)
    add('matching', pairs.matching)
  }

  #addLatencies(point: number, coarsePoint: number, readings: readonly RouteReading[]): void {
    if (coarsePoint !== this.#coarsePoint) for (const side of SIDES) this.#latencies[side].fill(0)
    this.#coarsePoint = coarsePoint
    // The minute that ends with this point, or ended while nobody looked.
    const minute = Math.floor(((point + 1) * FINE.stepMs) / MINUTE_MS)
    if (minute === this.#minute) return
    this.#minute = minute
    for (const side of SIDES) {
      const into = this.#latencies[side]
      for (const { sides } of readings) {
        for (const [i, count] of sides[side].recent.latencies.entries()) into[i]! += count
      }
    }
  }
}
