// Figures of each route over the last hour, every 10 s, and the last day, every 5 minutes. About 32 kB a route that had
// traffic: 12 figures of 4 bytes at 360 + 288 points. Beyond 1,000 such routes nothing is kept of the others.
//
// A point that nobody was there to look at is a hole: null, not 0. What was counted meanwhile comes with the point after it.
import type { RouteId, Side } from '../model/route.ts'
import type { EpochMs, Milliseconds } from '../model/units.ts'
import type { Increase } from './counted.ts'
import type { Figure, Ring } from './ring.ts'
import { COARSE, FINE, FINE_PER_COARSE, type Gauges, type Pairs, Track } from './track.ts'

export const MOST_ROUTES = 1_000
/** Points. */
const PUT_BACK = 30

export interface SideFigures {
  readonly requests: readonly (number | null)[]
  readonly errors: readonly (number | null)[]
  readonly p50Ms: readonly (number | null)[]
  readonly p95Ms: readonly (number | null)[]
}

export interface Figures {
  /** False: there were too many routes. */
  readonly kept: boolean
  readonly stepMs: Milliseconds
  /** The beginning of the first point. */
  readonly from: EpochMs
  readonly since: EpochMs
  readonly sides: Readonly<Record<Side, SideFigures>>
  readonly effective: readonly (number | null)[]
  readonly observed: readonly (number | null)[]
  readonly compared: readonly (number | null)[]
  readonly matching: readonly (number | null)[]
}

export type Span = '1h' | '24h'

export class History {
  #since: EpochMs
  readonly #tracks = new Map<RouteId, Track>()
  /** Counted since the last point. */
  readonly #counted = new Map<RouteId, Increase>()
  /** Whether somebody looked. */
  #looked = { fine: new Uint8Array(FINE.points), coarse: new Uint8Array(COARSE.points) }
  /** The last fine point; null: there is none yet. */
  #last: number | null = null

  constructor(now: EpochMs) {
    this.#since = now
  }

  count(increased: ReadonlyMap<RouteId, Increase>): void {
    for (const [route, one] of increased) this.#counted.set(route, sumOf(this.#counted.get(route), one))
  }

  /** At the end of a point, or a little later: what was counted belongs to it. */
  point(
    now: EpochMs,
    routes: Iterable<RouteId>,
    of: (route: RouteId) => Gauges,
    pairs: ReadonlyMap<RouteId, Pairs>,
  ): void {
    const ended = Math.floor(now / FINE.stepMs) - 1
    // The clock was put back: a little of it passes in one point; of more nothing that is kept has its place any more.
    if (this.#last !== null && ended < this.#last - PUT_BACK) this.#forget(now)
    const point = Math.max(ended, this.#last ?? ended)
    this.#begin(point)
    const present = new Set(routes)
    for (const route of this.#tracks.keys()) if (!present.has(route)) this.#tracks.delete(route)
    for (const route of present) {
      const increase = this.#counted.get(route) ?? null
      const track = this.#tracks.get(route) ?? (increase === null ? null : this.#track(route, point))
      track?.tell(point, increase, pairs.get(route) ?? null, of(route))
    }
    this.#counted.clear()
  }

  view(route: RouteId, span: Span, now: EpochMs): Figures {
    const size = span === '1h' ? 'fine' : 'coarse'
    const { stepMs, points } = span === '1h' ? FINE : COARSE
    const ended = Math.floor(now / stepMs) - 1
    // The one that has just ended may not have been looked at yet.
    const known = this.#last === null ? ended : size === 'fine' ? this.#last : coarseEnded(this.#last)
    const end = known === ended - 1 ? known : Math.max(known, ended)
    const first = end - points + 1
    const track = this.#tracks.get(route)
    const at = Array.from({ length: points }, (_, i) => first + i)
    const looked = (point: number) =>
      point <= known && known - point < points && this.#looked[size][point % points] === 1
    const kept = track !== undefined || this.#tracks.size < MOST_ROUTES
    const values = (figure: Figure, rest: number | null = null) =>
      at.map(point => {
        if (!looked(point) || !kept) return null
        return track === undefined ? rest : rounded(track[size].get(figure, point))
      })
    const side = (side: Side): SideFigures => ({
      requests: values(`${side}Requests`, 0),
      errors: values(`${side}Errors`, 0),
      p50Ms: values(`${side}P50`),
      p95Ms: values(`${side}P95`),
    })
    return {
      kept,
      stepMs,
      from: first * stepMs,
      since: this.#since,
      sides: { legacy: side('legacy'), new: side('new') },
      effective: values('effective'),
      observed: values('observed'),
      compared: values('compared'),
      matching: values('matching'),
    }
  }

  /** All points after the last one up to this one; those that are skipped are holes. */
  #begin(point: number): void {
    if (point === this.#last) return
    const { fine, coarse } = this.#looked
    const before = this.#last ?? point - 1
    const coarsePoint = coarseOf(point)
    clear(fine, before + 1, point)
    if (coarsePoint > coarseOf(before)) clear(coarse, coarseOf(before) + 1, coarsePoint)
    for (const track of this.#tracks.values()) {
      track.fine.clear(before + 1, point)
      if (coarsePoint > coarseOf(before)) track.coarse.clear(coarseOf(before) + 1, coarsePoint)
    }
    fine[point % FINE.points] = 1
    coarse[coarsePoint % COARSE.points] = 1
    this.#last = point
  }

  #track(route: RouteId, point: number): Track | null {
    if (this.#tracks.size >= MOST_ROUTES) return null
    const track = new Track()
    this.#tracks.set(route, track)
    const rest = (size: 'fine' | 'coarse', last: number, ring: Ring) => {
      for (let i = 0; i < ring.points - 1; i++) {
        const at = last - i
        if (at >= 0 && this.#looked[size][at % ring.points] === 1) track.rest(size, at)
      }
    }
    rest('fine', point - 1, track.fine)
    rest('coarse', coarseOf(point) - 1, track.coarse)
    return track
  }

  #forget(now: EpochMs): void {
    this.#tracks.clear()
    this.#looked = { fine: new Uint8Array(FINE.points), coarse: new Uint8Array(COARSE.points) }
    this.#last = null
    this.#since = now
  }
}

function coarseOf(point: number): number {
  return Math.floor(point / FINE_PER_COARSE)
}

/** The last one of which `point` and all before it are. */
function coarseEnded(point: number): number {
  return coarseOf(point + 1) - 1
}

function clear(looked: Uint8Array, first: number, last: number): void {
  for (let point = Math.max(first, last - looked.length + 1); point <= last; point++) looked[point % looked.length] = 0
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 100) / 100
}

function sumOf(one: Increase | undefined, other: Increase): Increase {
  if (one === undefined) return other
  const sides = (what: 'requests' | 'errors') => ({
    legacy: one[what].legacy + other[what].legacy,
    new: one[what].new + other[what].new,
  })
  return { requests: sides('requests'), errors: sides('errors') }
}
