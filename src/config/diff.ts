// What differs between two configurations, leaf by leaf, as texts for people. Works on shown ones, so secrets stay `***`.
import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { child } from './about.ts'
import { policiesSchema, policyDefaults } from './route-schema.ts'
import { configSchema } from './schema.ts'

export interface Difference {
  /** JSON Pointer. */
  readonly path: string
  readonly before: string | null
  readonly after: string | null
}

/** Settings that are read when the process starts and at no other time. */
const AT_START = [
  '/proxy/listen',
  '/admin',
  '/health',
  '/sides',
  '/store',
  '/log',
  '/metrics',
  '/telemetry',
  '/proxy/workers',
  '/fleet',
]

/** What stands on one side only is told by what was said of it: defaults, and what `defaults` gives to a route, are left out. */
export function differences(before: unknown, after: unknown): readonly Difference[] {
  const found: Difference[] = []
  const given = [inheritedIn(before), inheritedIn(after)] as const
  walk({ path: '', before, after, schema: configSchema }, given, found)
  return found.toSorted((one, other) => (one.path < other.path ? -1 : 1))
}

/** True: a reload takes note of it, and only a restart puts it in force. */
export function needsRestart(difference: Difference): boolean {
  // A renewed certificate is taken up; a listener that begins or ends to speak TLS is another one.
  if (difference.path.startsWith('/proxy/tls/')) return difference.before === null || difference.after === null
  return AT_START.some(path => difference.path === path || difference.path.startsWith(`${path}/`))
}

type Words = Readonly<Record<string, unknown>>

interface Pair {
  readonly path: string
  readonly before: unknown
  readonly after: unknown
  readonly schema: z.ZodType | null
}

function walk(pair: Pair, given: readonly [Words, Words], found: Difference[]): void {
  const { path, before, after, schema } = pair
  if (isDeepStrictEqual(before, after)) return
  const [left, right] = [entriesOf(before), entriesOf(after)]
  if (left === null || right === null || Array.isArray(before) !== Array.isArray(after)) {
    const sides = [saidOf(before, schema, path, given[0]), saidOf(after, schema, path, given[1])] as const
    for (const at of new Set(sides.flatMap(side => [...side.keys()]))) {
      found.push({ path: at, before: sides[0].get(at) ?? null, after: sides[1].get(at) ?? null })
    }
    return
  }
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const [one, other] = [left.get(key), right.get(key)]
    const inside = schema === null ? null : child(schema, key)
    if (isGiven(one, key, inside, path, given[0]) && isGiven(other, key, inside, path, given[1])) continue
    walk({ path: `${path}/${pointed(key)}`, before: one, after: other, schema: inside }, given, found)
  }
}

/** Texts by path; of what holds defaults only, that it is there. */
function saidOf(value: unknown, schema: z.ZodType | null, path: string, given: Words): ReadonlyMap<string, string> {
  if (value === undefined) return new Map()
  const entries = entriesOf(value)
  if (entries === null) return new Map([[path, textOf(value)]])
  const said = new Map<string, string>()
  for (const [key, item] of entries) {
    const inside = schema === null ? null : child(schema, key)
    if (isGiven(item, key, inside, path, given)) continue
    for (const [at, text] of saidOf(item, inside, `${path}/${pointed(key)}`, given)) said.set(at, text)
  }
  return said.size > 0 ? said : new Map([[path, Array.isArray(value) ? '[]' : '{}']])
}

/** Counts without a word in the file. */
function isGiven(value: unknown, key: string, schema: z.ZodType | null, path: string, given: Words): boolean {
  if (value === undefined) return true
  const inherited = ROUTE.test(path) && Object.hasOwn(given, key)
  return isDeepStrictEqual(value, inherited ? given[key] : schema === null ? undefined : givenBy(schema))
}

const ROUTE = /^\/routes\/[^/]+$/
const POLICIES = z.encode(policiesSchema, policyDefaults) as Words

/** Policies of a route that says none. */
function inheritedIn(config: unknown): Words {
  return { ...POLICIES, ...(config as { readonly defaults?: Words } | null)?.defaults }
}

const byDefault = new WeakMap<z.ZodType, { readonly is: unknown }>()

/** The default in the words of a configuration that is shown; undefined: there is none. */
function givenBy(schema: z.ZodType): unknown {
  const known = byDefault.get(schema)
  if (known !== undefined) return known.is
  const read = schema.safeParse(undefined)
  const is = read.success ? z.encode(schema, read.data) : undefined
  byDefault.set(schema, { is })
  return is
}

/** Routes are told apart by their id, so that one inserted in front is one difference. */
function entriesOf(value: unknown): ReadonlyMap<string, unknown> | null {
  if (Array.isArray(value)) return new Map(value.map((item, i) => [keyOf(item) ?? String(i), item]))
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : null
}

function pointed(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? folded(value) : JSON.stringify(value)
}

/** Certificates and pages in one line, so that a change of them is seen and the rest still found. */
function folded(text: string): string {
  const [line = ''] = text.split('\n', 1)
  if (line === text) return text
  return `${line.slice(0, 80)} … (${Buffer.byteLength(text)} bytes, SHA-256 ${createHash('sha256').update(text).digest('hex').slice(0, 12)})`
}

function keyOf(item: unknown): string | null {
  const id = typeof item === 'object' && item !== null ? (item as { id?: unknown }).id : null
  return typeof id === 'string' ? id : null
}
