// How the schema holds keys of features that are not built yet (refused, unless they say what runs anyway), and how policies
// are declared once with a default but inherited without.
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { describeAs } from './about.ts'

export const NOT_YET = 'not in this version'

/**
 * A key whose feature comes later. It is in the JSON Schema and on the reference page; any value but those in `off` (as the
 * schema reads them) is refused. `off[0]` is shown as its default.
 */
export function later<S extends z.ZodType, const Off extends readonly z.output<S>[]>(schema: S, ...off: Off) {
  const accepted = off.map(value => z.encode(schema, value))
  const codec = z.codec(z.unknown(), z.custom<Off[number]>(), {
    decode(input, context) {
      const read = schema.safeParse(input)
      const found = read.success ? off.find(value => isDeepStrictEqual(value, read.data)) : undefined
      if (found !== undefined) return found
      context.issues.push({
        code: 'custom',
        input,
        message: NOT_YET,
        params: { allowed: accepted.length === 0 ? 'leave the key out' : accepted.map(written).join(' or ') },
      })
      return z.NEVER
    },
    encode: value => (value === undefined ? undefined : z.encode(schema, value as z.output<S>)),
  })
  describeAs(codec, { later: schema, ...(accepted.length === 0 ? {} : { default: accepted[0] }) })
  return codec.exactOptional()
}

/** A shape whose keys have defaults, as it is inherited: every key may be absent, and absent stays absent. */
export function inherited<S extends Readonly<Record<string, z.ZodType>>>(shape: S): Inherited<S> {
  const bare = Object.entries<z.ZodType>(shape).map(([key, schema]) => {
    if (!(schema instanceof z.ZodPrefault)) return [key, schema]
    const optional = (schema.unwrap() as z.ZodType).exactOptional()
    describeAs(optional, { default: schema.def.defaultValue })
    return [key, optional]
  })
  return Object.fromEntries(bare) as Inherited<S>
}

export type Inherited<S extends Readonly<Record<string, z.ZodType>>> = {
  [K in keyof S]: S[K] extends z.ZodPrefault<infer Inner extends z.ZodType> ? z.ZodExactOptional<Inner> : S[K]
}

function written(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
