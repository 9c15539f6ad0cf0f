// The published description: every operation once, every reference and parameter resolved, the limits that are enforced.
import t from 'tap'
import { z } from 'zod'
import { type Operation, operations } from '../../src/admin/api.ts'
import { openApi } from '../../src/admin/openapi.ts'

// biome-ignore lint/suspicious/noExplicitAny: a document
const document = openApi('1.2.3') as any

// biome-ignore lint/suspicious/noExplicitAny: a document
function described(operation: Operation): any {
  return document.paths[operation.path.replace(/:([a-z]+)/g, '{$1}')]?.[operation.method.toLowerCase()]
}

t.test('every operation is there once, by its name', async t => {
  t.match(document, { openapi: '3.1.0', info: { version: '1.2.3', title: String }, servers: [{ url: '/api/v1' }] })
  const listed = Object.values(document.paths).flatMap(path => Object.values(path as object))
  t.same(listed.map(one => one.operationId).sort(), Object.keys(operations).sort())
  for (const [name, operation] of Object.entries<Operation>(operations)) {
    const one = described(operation)
    t.equal(one?.operationId, name)
    t.equal(one.summary, operation.summary)
    if (operation.scope === null) t.equal(one.security, undefined)
    else {
      const and = operation.andScope === undefined ? '' : ` and ${operation.andScope}`
      t.same([one.security, one.description], [[{ token: [] }], `Scope: ${operation.scope}${and}`])
    }
    const parameters = (one.parameters ?? []) as { name: string; in: string; required: boolean }[]
    const inPath = [...operation.path.matchAll(/:([a-z]+)/g)].map(match => match[1])
    t.same(
      parameters.filter(({ in: place }) => place === 'path').map(({ name }) => name),
      inPath,
    )
    t.ok(parameters.filter(({ in: place }) => place === 'path').every(({ required }) => required))
    t.equal(
      parameters.some(({ name }) => name === 'If-Match'),
      operation.conditional === true,
    )
    t.same(Object.keys(one.responses), ['200', 'default'])
    t.same(one.responses.default.content['application/problem+json'].schema, { $ref: '#/components/schemas/Problem' })
  }
})

t.test('it is JSON, and its references lead somewhere', async t => {
  t.same(JSON.parse(JSON.stringify(document)), document)
  for (const [, reference] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    let found = document
    for (const key of (reference as string).split('/')) found = found?.[key]
    t.ok(found, `${reference}`)
  }
  t.notOk(JSON.stringify(document).includes('"$schema"'))
})

t.test('the limits that are enforced are published', async t => {
  const body = (name: keyof typeof operations) =>
    described(operations[name]).requestBody.content['application/json'].schema
  t.match(body('setWeight'), {
    type: 'object',
    required: ['percent'],
    additionalProperties: false,
    properties: { percent: { type: 'number', minimum: 0, maximum: 100, multipleOf: 0.01 }, reason: { maxLength: 500 } },
  })
  t.match(body('createToken').properties.scopes.items.enum, ['read', 'bodies', 'operate', 'rollback', 'admin'])
  t.same(body('explain').required, ['url'], 'what has a default need not be sent')
  const answer = described(operations.route).responses[200].content['application/json'].schema
  t.equal(answer.additionalProperties, false)
  t.ok(answer.required.includes('revision'))
  t.same(Object.keys(described(operations.events).responses[200].content), ['text/event-stream'])
})

t.test('a body that is needed is said to be needed, and one that is not is not', async t => {
  const needed = Object.entries<Operation>(operations)
    .filter(([, operation]) => operation.body !== undefined && described(operation).requestBody.required === true)
    .map(([name]) => name)
  t.same(needed.sort(), [
    'addRule',
    'createToken',
    'explain',
    'forget',
    'link',
    'pin',
    'preview',
    'previewAll',
    'setWeight',
    'signIn',
    'tryRule',
  ])
})

t.test('percents: two decimals pass, all ten thousand and one of them; a third does not', async t => {
  const { percent } = (operations.setWeight.body as z.ZodObject).shape as { percent: z.ZodType }
  let refused = 0
  for (let i = 0; i <= 10_000; i++) if (!percent.safeParse(i / 100).success) refused++
  t.equal(refused, 0)
  for (const value of [-0.01, 100.01, 0.001, 33.333, Number.NaN, Number.POSITIVE_INFINITY, '5', null, true]) {
    t.notOk(percent.safeParse(value).success, `${value}`)
  }
  t.ok(percent instanceof z.ZodNumber)
})
