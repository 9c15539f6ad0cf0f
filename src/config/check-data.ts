// Data as it was read, whose shape nobody has checked: what the rules across keys look at, and how they look.
import type { EpochMs } from '../model/units.ts'
import { type Address, readOrigin } from './addresses.ts'
import { didYouMean } from './hint.ts'
import type { Finding } from './mistakes.ts'

export type Data = Readonly<Record<string, unknown>>
export type Path = readonly PropertyKey[]

/** What is looked up for every route, gathered once. */
export interface Checked {
  readonly data: Data
  readonly defaults: Data
  readonly backends: Named
  readonly groups: Named
  readonly listeners: readonly Listener[]
  /** Dates are compared with it. */
  readonly now: EpochMs
}

/** `names` are the first ones, for hints. */
export interface Named {
  readonly title: string
  readonly by: Data
  readonly names: readonly string[]
}

export interface Listener {
  readonly name: string
  readonly at: Address
}

export function named(title: string, value: unknown): Named {
  const by = mapping(value)
  return { title, by, names: Object.keys(by).slice(0, 200) }
}

export function* checkName(name: string, path: Path, { title, by, names }: Named): Generator<Finding> {
  if (Object.hasOwn(by, name)) return
  const shown = names.slice(0, 20).join(', ')
  yield {
    path,
    message: `unknown ${title}`,
    allowed: names.length === 0 ? `nothing stands under ${title}s` : `${shown}${names.length > 20 ? ' …' : ''}`,
    hint: didYouMean(name, names) ?? `name it under \`${title}s\``,
  }
}

export function* checkExactlyOne(
  holder: Data,
  [one, other]: readonly [string, string],
  path: Path,
): Generator<Finding> {
  const hasOne = Object.hasOwn(holder, one)
  const hasOther = Object.hasOwn(holder, other)
  if (hasOne && hasOther) yield { path: [...path, other], at: 'key', message: `either ${one} or ${other}, not both` }
  if (!hasOne && !hasOther) yield { path: [...path, one], message: `${one} or ${other} is missing` }
}

/** Names of headers mean the same in any case. */
export function* checkTwice(names: Data, path: Path): Generator<Finding> {
  const seen = new Set<string>()
  for (const name of Object.keys(names)) {
    if (seen.has(name.toLowerCase())) {
      yield { path: [...path, name], at: 'key', message: 'this header stands twice, in another case' }
    }
    seen.add(name.toLowerCase())
  }
}

export function originOf(value: unknown): string | null {
  const origin = typeof value === 'string' ? readOrigin(value) : null
  return typeof origin === 'string' ? origin : null
}

/** Of a backend, or of a side that has its own url. */
export function originsOf({ url, urls }: Data): readonly string[] {
  return (url === undefined ? list(urls) : [url]).flatMap(one => originOf(one) ?? [])
}

export function methodsOf(route: Data): readonly string[] | null {
  const { methods } = mapping(route.match)
  return Array.isArray(methods) ? methods.map(String) : null
}

export function patternsOf(route: Data): readonly string[] {
  const { path, paths } = mapping(route.match)
  return [path, paths].flat().filter(pattern => typeof pattern === 'string')
}

export function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z0-9]/.test(value)
}

export function isMapping(value: unknown): value is Data {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

export function mapping(value: unknown): Data {
  return isMapping(value) ? value : {}
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
