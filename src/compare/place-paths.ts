// Which places of any body a list of JSONPaths names, by their JSON Pointers alone: without the body, so it works for what is no
// JSON, for what was cut, and for what has no end. What depends on other parts of a body (filters, slices, places counted from
// the end) cannot be told: it names all that it may name, or nothing.
import type { RulePath } from '../model/comparison.ts'
import { pointerOf } from './json/pointer.ts'
import { type BodyPath, isPath, type PathSelector, readPath } from './rules/path.ts'

const HEADER = 'header:'

export interface PlacePaths {
  /** The place itself, or something around it, is named. */
  covers(pointer: string): boolean
  /** Lower case. */
  readonly headers: ReadonlySet<string>
  /** Some of them are about bodies. */
  readonly hasBodyPaths: boolean
}

/** `unsure`: what is answered where it cannot be told. */
export function placePaths(paths: readonly RulePath[], unsure: boolean): PlacePaths {
  const bodyPaths = paths.filter(path => path.startsWith('$')).map(readPath)
  const read = bodyPaths.filter(isPath)
  // Refused where it was written; whatever it was meant to name.
  const isBroken = unsure && read.length < bodyPaths.length
  return {
    covers: place => isBroken || read.some(path => isNamed(path, place.split('/').slice(1), unsure)),
    headers: new Set(
      paths.filter(path => path.startsWith(HEADER)).map(path => path.slice(HEADER.length).trim().toLowerCase()),
    ),
    hasBodyPaths: bodyPaths.length > 0,
  }
}

function isNamed(path: BodyPath, keys: readonly string[], unsure: boolean): boolean {
  if (path.length === 0) return true
  /** How many of the path's segments may have been used up. */
  let positions = new Set([0])
  for (const key of keys) {
    const next = new Set<number>()
    for (const position of positions) {
      const segment = path[position]
      if (segment === undefined) continue
      if (segment.descends) next.add(position)
      if (segment.selectors.some(selector => selects(selector, key, unsure))) next.add(position + 1)
    }
    if (next.has(path.length)) return true
    if (next.size === 0) return false
    positions = next
  }
  return false
}

function selects(selector: PathSelector, key: string, unsure: boolean): boolean {
  switch (selector.by) {
    case 'all':
      return true
    case 'name':
      return pointerOf([selector.name]) === `/${key}`
    case 'index':
      return selector.index < 0 ? unsure : String(selector.index) === key
    default:
      return unsure
  }
}
