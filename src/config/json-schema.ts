// The JSON Schema of routes.yaml, for editors: `# yaml-language-server: $schema=…`.
import { z } from 'zod'
import { aboutOf } from './about.ts'
import { NOT_YET } from './later.ts'
import { configSchema } from './schema.ts'

/** Draft 2020-12, of the text as people write it. */
export function jsonSchema(): Record<string, unknown> {
  return { title: 'Banyan routes.yaml', ...schemaOf(configSchema) }
}

function schemaOf(schema: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(schema, {
    io: 'input',
    override({ zodSchema, jsonSchema }) {
      const about = aboutOf(zodSchema)
      if (about.json !== undefined) Object.assign(jsonSchema, about.json)
      if (about.later !== undefined) {
        const { $schema, description = '', ...later } = schemaOf(about.later)
        Object.assign(jsonSchema, later, { description: `(${NOT_YET}) ${description}` })
      }
      if (about.shape !== undefined) {
        const { $schema, ...shape } = schemaOf(about.shape)
        for (const key of ['propertyNames', 'additionalProperties']) delete jsonSchema[key as 'propertyNames']
        Object.assign(jsonSchema, shape)
      }
      if (about.default !== undefined) jsonSchema.default = about.default as never
    },
  }) as Record<string, unknown>
}
