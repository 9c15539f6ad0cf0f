// What records of all instances say of a day together.
import { estimate, mergeRegisters, REGISTERS } from '../inventory/registers.ts'
import type { RouteId } from '../model/route.ts'
import type { EpochMs, Milliseconds } from '../model/units.ts'
import { DAY_MS, type DayRecord, type KeyCount, type Sketch, startOf } from './day-record.ts'

/** In which nobody counted, and a day is complete all the same: a restart is no hole. */
export const HOLE_MS: Milliseconds = 300_000

export interface Day {
  readonly day: string
  readonly legacy: number
  readonly new: number
  readonly keys: KeyCount | null
  readonly complete: boolean
}

/** Of one record that is known more than once, the one that has counted the most. */
export function distinctRecords(all: readonly DayRecord[]): readonly DayRecord[] {
  const found = new Map<string, DayRecord>()
  for (const one of all) {
    const known = found.get(one.key)
    if (known === undefined || totalOf(one) >= totalOf(known)) found.set(one.key, one)
  }
  return [...found.values()]
}

/** @param unitOf keys are told apart within one */
export function dayFrom(
  day: string,
  records: readonly DayRecord[],
  shows: (route: RouteId) => boolean,
  unitOf: (route: RouteId) => string,
  now: EpochMs,
): Day {
  const calls = { legacy: 0, new: 0 }
  for (const { routes } of records) {
    for (const [route, [legacy, fresh]] of routes) {
      if (!shows(route)) continue
      calls.legacy += legacy
      calls.new += fresh
    }
  }
  const end = startOf(day) + DAY_MS
  return { day, ...calls, keys: keysFrom(records, shows, unitOf), complete: end <= now && isCovered(day, records) }
}

/** Of each route, over all records of one day. */
export function keysByRoute(records: readonly DayRecord[]): ReadonlyMap<RouteId, KeyCount> {
  const merged = new Map<RouteId, Sketch>()
  const counts = new Map<RouteId, KeyCount>()
  const larger = (route: RouteId, one: KeyCount) => {
    if (one.all > (counts.get(route)?.all ?? 0)) counts.set(route, one)
  }
  for (const { sketches, keys } of records) {
    for (const [route, sketch] of sketches) mergeSketch(merged, route, sketch)
    for (const [route, one] of keys) larger(route, one)
  }
  for (const [route, sketch] of merged) {
    const all = estimate(sketch.all)
    larger(route, { all, new: Math.min(all, estimate(sketch.new)) })
  }
  return counts
}

/** The sketch is copied, not kept. */
export function mergeSketch(into: Map<RouteId, Sketch>, route: RouteId, sketch: Sketch): void {
  const one = into.get(route) ?? { all: new Uint8Array(REGISTERS), new: new Uint8Array(REGISTERS) }
  mergeRegisters(one.all, sketch.all)
  mergeRegisters(one.new, sketch.new)
  into.set(route, one)
}

function keysFrom(
  records: readonly DayRecord[],
  shows: (route: RouteId) => boolean,
  unitOf: (route: RouteId) => string,
): KeyCount | null {
  const units = new Map<string, KeyCount>()
  for (const [route, one] of keysByRoute(records)) {
    const unit = unitOf(route)
    if (shows(route) && one.all > (units.get(unit)?.all ?? 0)) units.set(unit, one)
  }
  if (units.size === 0) return null
  const sum = (of: (one: KeyCount) => number) => [...units.values()].reduce((total, one) => total + of(one), 0)
  return { all: sum(one => one.all), new: sum(one => one.new) }
}

function isCovered(day: string, records: readonly DayRecord[]): boolean {
  let until = startOf(day)
  for (const [from, to] of records.flatMap(({ spans }) => spans).sort(([a], [b]) => a - b)) {
    if (from - until > HOLE_MS) return false
    until = Math.max(until, to)
  }
  return startOf(day) + DAY_MS - until <= HOLE_MS
}

function totalOf({ routes, keys }: DayRecord): number {
  return [...routes.values()].reduce((sum, [legacy, fresh]) => sum + legacy + fresh, keys.size)
}
