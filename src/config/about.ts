// What the schema says about itself besides types: the words for people, and the way from a key to its part of the schema.
import { z } from 'zod'

export interface About {
  /** What may stand here, for a mistake and for the reference page. */
  readonly allowed?: string
  /** The JSON Schema of a value that zod cannot describe by itself. */
  readonly json?: Readonly<Record<string, unknown>>
  /** The default as people write it, where the schema itself does not apply it (inherited policies). */
  readonly default?: unknown
  /** Set on a key whose feature is not built yet: the schema that it will have. */
  readonly later?: z.ZodType
  /** What a value looks like, where something else checks it. */
  readonly shape?: z.ZodType
  /** Shown as `***`; given only by the environment or a file. */
  readonly secret?: boolean
  /** Of a text of which a part may be secret: the text with `***` instead. That part comes from outside as well. */
  readonly mask?: (text: string) => string
  /** `file:PATH` may stand here. */
  readonly fromFile?: boolean
  /** Of a mapping with free names: what is said about the value under some of them. */
  readonly byName?: (name: string) => z.ZodType | null
}

const WRAPPERS = [z.ZodExactOptional, z.ZodPrefault, z.ZodOptional, z.ZodDefault]

const words = new WeakMap<object, About>()

export function describeAs<S extends z.ZodType>(schema: S, about: About): S {
  words.set(schema, about)
  return schema
}

/** `.describe()` makes a copy of a schema, which remembers its original. */
export function aboutOf(schema: z.core.$ZodType): About {
  for (let copy: { _zod: { parent?: unknown } } | undefined = schema; copy !== undefined; ) {
    const found = words.get(copy)
    if (found !== undefined) return found
    copy = copy._zod.parent as typeof copy
  }
  return {}
}

/** The part of the schema that says what a value is: wrappers for defaults, absence and conversion are taken off. */
export function unwrap(schema: z.ZodType): z.ZodType {
  let layer: z.ZodType = schema
  for (let next = inner(layer); next !== null; next = inner(layer)) layer = next
  return layer
}

/** The schema below one key or index; null where the schema knows none. */
export function child(schema: z.ZodType, key: PropertyKey): z.ZodType | null {
  const bare = unwrap(schema)
  if (bare instanceof z.ZodObject) {
    const shape = bare.shape as Record<string, z.ZodType>
    return typeof key === 'string' && Object.hasOwn(shape, key) ? (shape[key] as z.ZodType) : null
  }
  if (bare instanceof z.ZodRecord) return aboutOf(bare).byName?.(String(key)) ?? (bare.valueType as z.ZodType)
  if (bare instanceof z.ZodArray) return bare.element as z.ZodType
  if (bare instanceof z.ZodUnion) {
    for (const option of bare.options as readonly z.ZodType[]) {
      const found = child(option, key)
      if (found !== null) return found
    }
  }
  return null
}

/** The schema at a path; null outside of the schema. */
export function schemaAt(root: z.ZodType, path: readonly PropertyKey[]): z.ZodType | null {
  let schema: z.ZodType | null = root
  for (const key of path) schema = schema === null ? null : child(schema, key)
  return schema
}

/** The keys that a mapping may have; empty for anything else and for mappings with free names. */
export function keysOf(schema: z.ZodType): readonly string[] {
  const bare = unwrap(schema)
  if (bare instanceof z.ZodObject) return Object.keys(bare.shape)
  if (bare instanceof z.ZodUnion) return (bare.options as readonly z.ZodType[]).flatMap(keysOf)
  return []
}

/** The first word of the schema's layers on a subject, from outside to inside. */
export function said<K extends keyof About>(schema: z.ZodType, subject: K): About[K] | undefined {
  for (let layer: z.ZodType | null = schema; layer !== null; layer = inner(layer)) {
    const answer = aboutOf(layer)[subject]
    if (answer !== undefined) return answer
  }
  return undefined
}

export function descriptionOf(schema: z.ZodType): string {
  for (let layer: z.ZodType | null = schema; layer !== null; layer = inner(layer)) {
    if (layer.description !== undefined) return layer.description
  }
  return ''
}

/** The default as people write it; undefined where there is none. */
export function defaultOf(schema: z.ZodType): unknown {
  const inherited = said(schema, 'default')
  if (inherited !== undefined) return inherited
  for (let layer: z.ZodType | null = schema; layer !== null; layer = inner(layer)) {
    if (layer instanceof z.ZodPrefault) return layer.def.defaultValue
  }
  return undefined
}

/** What may stand here, in words. */
export function allowed(schema: z.ZodType): string {
  const form = said(schema, 'allowed')
  if (form !== undefined) return form
  const bare = unwrap(schema)
  if (bare instanceof z.ZodEnum) return orOf(bare.options.map(String))
  if (bare instanceof z.ZodLiteral) return orOf([...bare.values].map(String))
  if (bare instanceof z.ZodBoolean) return 'true or false'
  if (bare instanceof z.ZodNumber)
    return bare.isInt ? `a whole number ${bare.minValue} to ${bare.maxValue}` : 'a number'
  if (bare instanceof z.ZodArray) return `a list, each entry ${allowed(bare.element as z.ZodType)}`
  if (bare instanceof z.ZodUnion) return eitherOf(bare.options as readonly z.ZodType[])
  if (bare instanceof z.ZodObject) return `a mapping: ${Object.keys(bare.shape).join(', ')}`
  if (!(bare instanceof z.ZodRecord)) return 'anything'
  return bare.valueType instanceof z.ZodUnknown
    ? 'a mapping'
    : `names, each with ${allowed(bare.valueType as z.ZodType)}`
}

function inner(schema: z.ZodType): z.ZodType | null {
  const about = aboutOf(schema)
  const described = about.later ?? about.shape
  if (described !== undefined) return described
  if (about.json !== undefined) return null
  if (WRAPPERS.some(wrapper => schema instanceof wrapper)) return (schema as z.ZodOptional).def.innerType as z.ZodType
  if (schema instanceof z.ZodPipe) return schema.def.in as z.ZodType
  return null
}

function eitherOf(options: readonly z.ZodType[]): string {
  const lists = options.filter(option => option instanceof z.ZodArray)
  const singles = options.filter(option => !(option instanceof z.ZodArray)).map(allowed)
  const several = lists.map(list => allowed(list.element as z.ZodType))
  const ofThem = several.some(words => singles.includes(words)) ? ', or a list of them' : ''
  return [...singles, ...several.filter(words => !singles.includes(words)).map(words => `a list, each entry ${words}`)]
    .join('; or ')
    .concat(ofThem)
}

function orOf(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
