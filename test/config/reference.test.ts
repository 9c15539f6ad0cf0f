// The reference page: nothing that the schema knows is missing from it.
import t from 'tap'
import { z } from 'zod'
import { child, descriptionOf, keysOf, unwrap } from '../../src/config/about.ts'
import { configReference } from '../../src/config/reference.ts'
import { configSchema } from '../../src/config/schema.ts'

t.test('every key says what it is', async t => {
  t.same(undescribed(configSchema, ''), [])
})

t.test('every key has its row', async t => {
  const page = configReference()
  const sections = page.split('\n## ').slice(1)
  t.same(
    sections.map(section => section.slice(0, section.indexOf('\n'))),
    keysOf(configSchema),
  )
  for (const key of [
    '`clientIp.hops`',
    '`<name>.timeouts.connect`',
    '`match.headers`',
    '`legacy.timeouts.head`',
    '`ramp.steps[].weight`',
  ]) {
    t.match(page, key)
  }
})

t.test('rows are whole: four cells, allowed values, defaults, marks', async t => {
  const rows = configReference()
    .split('\n')
    .filter(line => line.startsWith('| `'))
  for (const row of rows) t.equal(row.split(/(?<!\\)\|/).length, 6, row)
  t.ok(
    rows.includes(
      '| `listen` | host:port, such as 127.0.0.1:8080, :8080 or [::1]:8080 | `0.0.0.0:8080` | where clients come in |',
    ),
  )
  t.ok(
    rows.includes(
      '| `inFlight` | finish or replay-safe | `finish` | *(not in this version)* requests that a backend has when a rollback comes |',
    ),
  )
  t.ok(rows.some(row => row.startsWith('| `weight` | 0 to 100') && row.includes('| `0` |')))
})

function undescribed(schema: z.ZodType, above: string): string[] {
  const bare = unwrap(schema)
  const element = bare instanceof z.ZodRecord || bare instanceof z.ZodArray
  const keys = element ? ['*'] : keysOf(bare)
  return keys.flatMap(key => {
    const inside = child(schema, key)
    if (inside === null) return []
    const own = !element && descriptionOf(inside) === '' ? [`${above}/${key}`] : []
    return [...own, ...undescribed(inside, `${above}/${key}`)]
  })
}
