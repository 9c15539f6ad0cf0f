// The places that a JSONPath names in one tree, in the order of RFC 9535. Bounded by a count of visited places and without
// recursion over the tree: neither a large nor a deep body can stop whoever compares.
import { Exact, type Json } from '../json/read.ts'
import { passes } from './filter.ts'
import type { BodyPath, PathSelector } from './path.ts'

export interface Place {
  /** What it is a member or an element of; null: it is the whole tree. */
  readonly container: Container | null
  readonly key: string | number
  readonly value: Json
}

type Container = readonly Json[] | { readonly [name: string]: Json }

/** How many places may be looked at yet. */
export class Visits {
  #left: number

  constructor(most: number) {
    this.#left = most
  }

  count(places = 1): void {
    this.#left -= places
    if (this.#left < 0) throw new TooManyPlaces()
  }
}

export class TooManyPlaces extends Error {
  override name = 'TooManyPlaces'
}

/** Throws `TooManyPlaces`. `from` is what `$` or `@` stands for, `root` what `$` stands for in filters. */
export function select(path: BodyPath, from: Json, root: Json, visits: Visits): readonly Place[] {
  let places: readonly Place[] = [{ container: null, key: '', value: from }]
  for (const { descends, selectors } of path) {
    const next: Place[] = []
    for (const place of places) {
      for (const value of descends ? withDescendants(place.value, visits) : [place.value]) {
        if (isContainer(value)) for (const selector of selectors) selectIn(value, selector, root, visits, next)
      }
    }
    places = next
  }
  return places
}

function* withDescendants(top: Json, visits: Visits): Generator<Json> {
  const waiting = [top]
  while (waiting.length > 0) {
    const value = waiting.pop() as Json
    yield value
    if (!isContainer(value)) continue
    const inside = Array.isArray(value) ? value : Object.values(value)
    visits.count(inside.length)
    for (let i = inside.length - 1; i >= 0; i--) if (isContainer(inside[i])) waiting.push(inside[i])
  }
}

function selectIn(container: Container, selector: PathSelector, root: Json, visits: Visits, into: Place[]): void {
  const add = (key: string | number) => {
    visits.count()
    into.push({ container, key, value: (container as Record<string | number, Json>)[key] as Json })
  }
  switch (selector.by) {
    case 'name':
      if (!Array.isArray(container) && Object.hasOwn(container, selector.name)) add(selector.name)
      return
    case 'index': {
      if (!Array.isArray(container)) return
      const index = selector.index < 0 ? container.length + selector.index : selector.index
      if (index >= 0 && index < container.length) add(index)
      return
    }
    case 'slice':
      if (Array.isArray(container)) for (const index of sliced(container.length, selector)) add(index)
      return
    case 'all':
      for (const key of keysOf(container)) add(key)
      return
    case 'filter':
      for (const key of keysOf(container)) {
        visits.count()
        const value = (container as Record<string | number, Json>)[key] as Json
        if (passes(selector.test, value, root, visits)) add(key)
      }
  }
}

function* keysOf(container: Container): Iterable<string | number> {
  if (Array.isArray(container)) for (let i = 0; i < container.length; i++) yield i
  else yield* Object.keys(container)
}

/** RFC 9535, 2.3.4.2.2. */
function* sliced(length: number, slice: PathSelector & { readonly by: 'slice' }): Iterable<number> {
  const { start, end, step } = slice
  const bounded = (at: number, least: number, most: number) =>
    Math.min(Math.max(at < 0 ? length + at : at, least), most)
  if (step > 0) {
    const stop = bounded(end ?? length, 0, length)
    for (let i = bounded(start ?? 0, 0, length); i < stop; i += step) yield i
  } else if (step < 0) {
    const stop = end === null ? -1 : bounded(end, -1, length - 1)
    for (let i = bounded(start ?? length - 1, -1, length - 1); i > stop; i += step) yield i
  }
}

export function isContainer(value: Json | undefined): value is Container {
  return typeof value === 'object' && value !== null && !(value instanceof Exact)
}
