// What one process, or several after each other, have counted in one UTC day, as a kept record:
//
//   calls 2026-11-27 k3j9x1ab   { format, spans, routes, sketches | keys }
//
// The name at the end of the key is drawn when the record begins, and says which counting it is: whoever goes on with the record
// after a restart, or takes it over, keeps it. So a record that is in two places is counted once, wherever records move to.
import { registersFrom, textOfRegisters } from '../inventory/registers.ts'
import type { RouteId } from '../model/route.ts'
import type { EpochMs, Milliseconds } from '../model/units.ts'

export const PREFIX = 'calls '
export const DAY_MS: Milliseconds = 86_400_000
/** Of what another version wrote nothing is read. */
const FORMAT = 1

export interface Sketch {
  readonly all: Uint8Array
  readonly new: Uint8Array
}

export interface KeyCount {
  readonly all: number
  readonly new: number
}

export interface DayRecord {
  readonly key: string
  readonly day: string
  /** When somebody counted, in order. */
  readonly spans: (readonly [from: EpochMs, until: EpochMs])[]
  readonly routes: Map<RouteId, readonly [legacy: number, fresh: number]>
  /** Of a day that may still change, or of which others may still be heard. */
  readonly sketches: Map<RouteId, Sketch>
  /** Of a day that is over: of all instances. */
  readonly keys: Map<RouteId, KeyCount>
}

export function dayOf(at: EpochMs): string {
  return new Date(at).toISOString().slice(0, 10)
}

export function startOf(day: string): EpochMs {
  return Date.parse(`${day}T00:00:00Z`)
}

export function newRecord(day: string, name: string): DayRecord {
  return {
    key: `${PREFIX}${day} ${name}`,
    day,
    spans: [],
    routes: new Map(),
    sketches: new Map(),
    keys: new Map(),
  }
}

/** null: it is none of ours. */
export function dayIn(key: string): string | null {
  return /^calls (\d{4}-\d{2}-\d{2}) \w+$/.exec(key)?.[1] ?? null
}

export function textOf({ spans, routes, sketches, keys }: DayRecord): string {
  return JSON.stringify({
    format: FORMAT,
    spans,
    routes: Object.fromEntries(routes),
    sketches: Object.fromEntries(
      [...sketches].map(([route, { all, new: fresh }]) => [route, [textOfRegisters(all), textOfRegisters(fresh)]]),
    ),
    keys: Object.fromEntries([...keys].map(([route, { all, new: fresh }]) => [route, [all, fresh]])),
  })
}

/** null: damaged, or of another version. */
export function recordFrom(key: string, text: string): DayRecord | null {
  const day = dayIn(key)
  if (day === null) return null
  try {
    const stored = JSON.parse(text)
    if (stored.format !== FORMAT) return null
    const pairs = (from: object) =>
      Object.entries(from).map(([route, [one, other]]) => [route, [count(one), count(other)] as const] as const)
    return {
      key,
      day,
      spans: stored.spans.map(([from, until]: readonly unknown[]) => [count(from), count(until)]),
      routes: new Map(pairs(stored.routes)),
      sketches: new Map(
        Object.entries<readonly unknown[]>(stored.sketches).map(([route, [all, fresh]]) => [
          route,
          { all: registers(all), new: registers(fresh) },
        ]),
      ),
      keys: new Map(pairs(stored.keys).map(([route, [all, fresh]]) => [route, { all, new: fresh }])),
    }
  } catch {
    return null
  }
}

function count(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Error('no count')
  return value as number
}

function registers(text: unknown): Uint8Array {
  const found = registersFrom(text)
  if (found === null) throw new Error('no registers')
  return found
}
