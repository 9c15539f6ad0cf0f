// What came since the last look, from counts that only go up. They fall where a route went away and came back: then it counts
// from what is there now, so that nothing is ever negative, and nothing counted twice.
import type { RouteId, Side } from '../model/route.ts'
import type { RouteReading } from '../traffic.ts'

export interface Increase {
  readonly requests: Readonly<Record<Side, number>>
  readonly errors: Readonly<Record<Side, number>>
}

/** Of each process that served the route. */
export type Readings = ReadonlyMap<RouteId, readonly RouteReading[]>

export class Counted {
  #last: ReadonlyMap<RouteId, Increase> = new Map()

  /** Of routes that had any. */
  take(readings: Readings): ReadonlyMap<RouteId, Increase> {
    const now = new Map([...readings].map(([route, all]) => [route, totalOf(all)] as const))
    const increased = new Map<RouteId, Increase>()
    for (const [route, total] of now) {
      const before = this.#last.get(route)
      const one = {
        requests: sidesOf(side => above(total.requests[side], before?.requests[side])),
        errors: sidesOf(side => above(total.errors[side], before?.errors[side])),
      }
      if (one.requests.legacy > 0 || one.requests.new > 0) increased.set(route, one)
    }
    this.#last = now
    return increased
  }
}

export function above(now: number, before = 0): number {
  return Math.max(0, now - before)
}

function totalOf(readings: readonly RouteReading[]): Increase {
  const sum = (of: (one: RouteReading) => number) => readings.reduce((total, one) => total + of(one), 0)
  return {
    requests: sidesOf(side => sum(({ sides }) => sides[side].requests)),
    errors: sidesOf(side => sum(({ sides }) => sides[side].errors)),
  }
}

function sidesOf(of: (side: Side) => number): Record<Side, number> {
  return { legacy: of('legacy'), new: of('new') }
}
