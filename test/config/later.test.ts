// Every key that the design names and this version does not build: refused, unless it says what runs anyway.
import t from 'tap'
import { z } from 'zod'
import { child, keysOf, said, unwrap } from '../../src/config/about.ts'
import { configSchema } from '../../src/config/schema.ts'
import { read } from './read.ts'

/** Where, a value that is refused, and the value that is off; undefined where only absence is. */
type Case = readonly [path: string, refused: unknown, off?: unknown]

const ROUTE: readonly Case[] = [
  ['writes.mode', 'legacy-first', 'legacy-only'],
  ['writes.mode', 'new-first', 'legacy-only'],
  ['writes.strict', true, false],
  ['writes.onStoreDown', 'refuse'],
  ['writes.key', ['path:id', 'answer:$.id']],
  ['writes.ids', { legacy: 'answer:$.id' }],
  ['writes.honours', { legacy: false, new: true }],
  ['writes.repair', { read: 'GET /orders/{id}' }],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the configuration
  ['writes.identity', { new: '${SECRET}' }],
  ['writes.replayHeaders', ['accept']],
  ['writes.retry', { first: '200ms', factor: 2, max: '5m', attempts: 20 }],
  ['writes.limit', { body: '1MiB', bytes: '1GiB', age: '72h', whenFull: 'refuse' }],
  ['writes.onTooLarge', 'repair'],
  ['writes.retention', '7d'],
  ['translate.toNew.path', '/v2/orders/{id}'],
  ['translate.toNew.body', 'file:orders.jsonata'],
  ['translate.toNew.headers.set', { 'x-a': 'b' }, {}],
  ['translate.toLegacy.path', '/orders/{id}'],
  ['translate.samples', 'orders-samples/'],
  ['ramp.mode', 'advise'],
  ['ramp.steps', [1, 5, { weight: 10, min: '10m', approve: true }], []],
  ['ramp.alpha', 0.001],
  ['ramp.gates', { errors: { harm: 'rollback', safeRatio: 2 }, slo: { errors: '2%', action: 'pause' } }],
  ['ramp.holdBack', '5%'],
  ['ramp.bake', '24h'],
  ['ramp.noData', 'hold'],
  ['ramp.version', 'header:x-build'],
  ['ramp.notify', [{ url: 'http://hook' }], []],
  ['ramp.keepWarm', true, false],
]

const TOP: readonly Case[] = [
  ['admin.tls', { cert: 'file:cert.pem', key: 'file:key.pem' }],
  ['rollback.inFlight', 'replay-safe', 'finish'],
]

const route = (more: object) => ({ id: 'a', match: { path: '/a' }, legacy: 'http://a:1', ...more })
const nested = (path: string, value: unknown): Record<string, unknown> =>
  path.split('.').reduceRight<unknown>((inside, key) => ({ [key]: inside }), value) as Record<string, unknown>

const PLACES: readonly (readonly [string, readonly Case[], (path: string, value: unknown) => object])[] = [
  ['', TOP, nested],
  ['/defaults', ROUTE, (path, value) => ({ defaults: nested(path, value) })],
  ['/routes/0', ROUTE, (path, value) => ({ routes: [route(nested(path, value))] })],
]

for (const [above, cases, build] of PLACES) {
  t.test(`later keys of ${above === '' ? 'the process' : above}`, async t => {
    for (const [path, refused, off] of cases) {
      const pointer = `${above}/${path.replaceAll('.', '/')}`
      const { mistakes } = await read(JSON.stringify(build(path, refused)))
      t.match(mistakes, [{ path: pointer, message: 'not in this version' }], `${pointer} ${JSON.stringify(refused)}`)
      if (off === undefined) continue
      t.same((await read(JSON.stringify(build(path, off)))).mistakes, [], `${pointer} ${JSON.stringify(off)} is off`)
    }
  })
}

t.test('the tables above name every later key of the schema', async t => {
  const named = new Set(
    PLACES.flatMap(([above, cases]) => cases.map(([path]) => `${above}/${path.replaceAll('.', '/')}`)),
  )
  const paths = laterPaths(configSchema, '').map(path => path.replace(/^\/routes\/\*/, '/routes/0'))
  // Both ways of a translation are one schema.
  const missing = paths.filter(
    path => !named.has(path) && !path.includes('/toLegacy/') && !path.endsWith('/toNew/headers/remove'),
  )
  t.same(missing, [])
  t.ok(paths.length > 60, `${paths.length} later keys`)
})

function laterPaths(schema: z.ZodType, above: string): string[] {
  if (said(schema, 'later') !== undefined) return [above]
  const bare = unwrap(schema)
  const keys = bare instanceof z.ZodRecord || bare instanceof z.ZodArray ? ['*'] : keysOf(bare)
  return keys.flatMap(key => {
    const inside = child(schema, key)
    return inside === null ? [] : laterPaths(inside, `${above}/${key}`)
  })
}

t.test('empty blocks are off', async t => {
  const off = { fallback: {}, shadow: {}, compare: {}, writes: {}, translate: {}, ramp: {}, override: {} }
  t.same((await read(JSON.stringify({ defaults: off, routes: [route(off)] }))).mistakes, [])
})

t.test('the value that runs is named', async t => {
  t.match((await read('rollback: { inFlight: replay-safe }')).mistakes, [{ found: 'replay-safe', allowed: 'finish' }])
  t.match((await read('rollback: { inFlight: many }')).mistakes, [
    { found: 'many', allowed: 'finish', message: 'not in this version' },
  ])
  t.match((await read('defaults: { ramp: { bake: 5m } }')).mistakes, [{ found: '5m', allowed: 'leave the key out' }])
})
