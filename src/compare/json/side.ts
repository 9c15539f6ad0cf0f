// The elements of one array that are to be paired, by their places in it, and what is asked of such a list: a part of it, its
// values, hashes and keys.
import { Exact } from './exact.ts'
import type { Hashes } from './hash.ts'
import type { Json } from './read.ts'
import { type JsonObject, member } from './same.ts'

export interface Side {
  readonly array: readonly Json[]
  readonly hashes: Hashes
  /** The elements that are to be paired. */
  readonly places: readonly number[]
}

export function part(side: Side, start: number, end: number): Side {
  return { ...side, places: side.places.slice(start, end) }
}

export function without(side: Side, used: Iterable<number>): Side {
  const left = new Set(used)
  return { ...side, places: side.places.filter(place => !left.has(place)) }
}

export type Pairs = readonly (readonly [number, number])[]

export function firsts(pairs: Pairs): number[] {
  return pairs.map(([one]) => one)
}

export function seconds(pairs: Pairs): number[] {
  return pairs.map(([, other]) => other)
}

export function valuesOf({ array, places }: Side): Json[] {
  return places.map(place => array[place] as Json)
}

export function hashesOf({ array, hashes, places }: Side): number[] {
  return places.map(place => hashes.ofElement(array, place))
}

export function isMoved(pairs: readonly (readonly [number, number])[]): boolean {
  const sorted = [...pairs].sort(([a], [b]) => a - b)
  return sorted.some(([, other], i) => i > 0 && other < (sorted[i - 1] as readonly [number, number])[1])
}

/** By key the only place that has it; null: there are several. What has no key is left out. */
export function keysOf({ array, places }: Side, by: readonly string[]): Map<string, number | null> {
  const keys = new Map<string, number | null>()
  for (const place of places) {
    const key = keyOf(array[place] as Json, by)
    if (key !== null) keys.set(key, keys.has(key) ? null : place)
  }
  return keys
}

function keyOf(element: Json, by: readonly string[]): string | null {
  if (typeof element !== 'object' || element === null || Array.isArray(element) || element instanceof Exact) return null
  const parts: unknown[] = []
  for (const name of by) {
    const value = member(element as JsonObject, name)
    if (value === undefined || value === null) return null
    if (value instanceof Exact) parts.push({ exact: value.text })
    else if (typeof value === 'object') return null
    else parts.push(value)
  }
  return JSON.stringify(parts)
}
