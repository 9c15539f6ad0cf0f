// OpenAPI 3.1 from the operations in api.ts: the schemas that validate are the ones that are published.
import { z } from 'zod'
import { type Operation, operations, Problem } from './api.ts'

export function openApi(version: string): unknown {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const [name, operation] of Object.entries<Operation>(operations)) {
    const path = operation.path.replace(/:([a-z]+)/g, '{$1}')
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: describe(name, operation) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Banyan admin API', version },
    servers: [{ url: '/api/v1' }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: schemaOf(Problem, 'output') },
    },
  }
}

function describe(name: string, operation: Operation): unknown {
  const parameters = [
    ...parametersOf(operation.params, 'path'),
    ...parametersOf(operation.query, 'query'),
    ...(operation.conditional ? [{ name: 'If-Match', in: 'header', schema: { type: 'string' } }] : []),
  ]
  return {
    operationId: name,
    summary: operation.summary,
    ...(operation.scope === null ? {} : { description: `Scope: ${scopesOf(operation)}`, security: [{ token: [] }] }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(operation.body === undefined
      ? {}
      : {
          requestBody: {
            required: !operation.body.safeParse({}).success,
            content: { 'application/json': { schema: schemaOf(operation.body, 'input') } },
          },
        }),
    responses: {
      200: {
        description: 'Done',
        content:
          operation.answer === null
            ? { 'text/event-stream': {} }
            : { 'application/json': { schema: schemaOf(operation.answer, 'output') } },
      },
      default: {
        description: 'Refused',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  }
}

function scopesOf({ scope, andScope }: Operation): string {
  return andScope === undefined ? `${scope}` : `${scope} and ${andScope}`
}

function parametersOf(schema: z.ZodObject | undefined, place: 'path' | 'query'): unknown[] {
  if (schema === undefined) return []
  return Object.entries(schema.shape).map(([name, field]) => ({
    name,
    in: place,
    required: place === 'path',
    schema: schemaOf(field as z.ZodType, 'input'),
  }))
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): unknown {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Record<string, unknown>
  return rest
}
