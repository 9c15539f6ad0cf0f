// A configuration in the words of its file, every default written out, secrets as `***`.
import { z } from 'zod'
import { child, said } from './about.ts'
import { type Config, configSchema } from './schema.ts'

/** Plain JSON with its secrets: `configSchema` reads it as the same configuration. */
export function written(config: Config): unknown {
  return z.encode(configSchema, config)
}

/** Plain JSON; but for secrets it loads again. */
export function shown(config: Config): unknown {
  return masked(written(config), configSchema)
}

function masked(value: unknown, schema: z.ZodType | null): unknown {
  if (schema !== null && said(schema, 'secret') === true) return value === '' ? '' : '***'
  if (typeof value === 'string') return schema === null ? value : (said(schema, 'mask')?.(value) ?? value)
  if (Array.isArray(value)) return value.map((item, index) => masked(item, schema && child(schema, index)))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, masked(item, schema && child(schema, key))]),
  )
}
