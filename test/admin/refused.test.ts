// What a refused call says: what is wrong, where, and what is allowed instead.
import t from 'tap'
import type { z } from 'zod'
import { type Operation, type OperationName, operations } from '../../src/admin/api.ts'
import { refusedIn } from '../../src/admin/refused.ts'

function said(name: OperationName, part: 'body' | 'query' | 'params', value: unknown): string[] {
  const schema = (operations[name] as Partial<Record<typeof part, z.ZodType>>)[part] as z.ZodType
  const { error } = schema.safeParse(value)
  const refused = error === undefined ? [] : refusedIn(error, schema, value, part !== 'body')
  return refused.map(one => `${one.pointer} ${one.message}`)
}

t.test('what, where, and what is allowed', async t => {
  const body: readonly (readonly [OperationName, unknown, ...string[]])[] = [
    ['setWeight', { percent: 5 }],
    [
      'setWeight',
      { percent: 101, resaon: 'x' },
      '/percent must be at most 100',
      ' unknown key "resaon" (did you mean reason?); allowed: percent, reason',
    ],
    ['setWeight', { percent: -1 }, '/percent must be at least 0'],
    ['setWeight', { percent: 1.234 }, '/percent must be a multiple of 0.01'],
    ['setWeight', { percent: '5' }, '/percent must be a number; it is a text'],
    ['setWeight', { percent: null }, '/percent must be a number; it is null'],
    [
      'setWeight',
      { percent: Number.POSITIVE_INFINITY },
      '/percent must be a number; it is beyond 1.8e308, the largest that is taken',
    ],
    [
      'setWeight',
      { percent: Number.NEGATIVE_INFINITY },
      '/percent must be a number; it is beyond 1.8e308, the largest that is taken',
    ],
    [
      'createToken',
      { name: 'a', scopes: ['read'], expiresInSeconds: Number.POSITIVE_INFINITY },
      '/expiresInSeconds must be a number; it is beyond 1.8e308, the largest that is taken',
    ],
    ['setWeight', {}, '/percent is missing: it must be a number'],
    ['setWeight', [], ' must be an object; it is a list'],
    ['setWeight', { percent: 1, reason: 'x'.repeat(501) }, '/reason must be a text, at most 500 long'],
    ['restore', { rollbacks: ['a', 5] }, '/rollbacks/1 must be a text; it is a number'],
    ['explain', { url: '/', method: 'G ET' }, '/method must be a method, as in GET'],
    ['explain', { url: '/', headers: { 'a/b': 1 } }, '/headers/a~1b must be a text or a list'],
    ['createToken', { name: 'a', scopes: [] }, '/scopes must be a list, at least 1 long'],
    ['createToken', { name: 'ä', scopes: ['read'] }, '/name must be 1 to 64 of A-Z, a-z, 0-9 and . _ @ -'],
    [
      'createToken',
      { name: 'a', scopes: ['raed'], expiresInSeconds: 1.5 },
      '/scopes/0 must be read or bodies or operate or rollback or admin; did you mean read?',
      '/expiresInSeconds must be a whole number; it is 1.5',
    ],
  ]
  for (const [name, value, ...expected] of body) t.same(said(name, 'body', value), expected, JSON.stringify(value))
  t.same(said('audit', 'query', { limit: 'ten', befor: '2' }), [
    '/limit must be a whole number from 1 to 1000; it is "ten"',
    ' unknown key "befor" (did you mean before?); allowed: limit, before, route',
  ])
  t.same(said('route', 'params', { id: 'Orders' }), [
    '/id must be 1 to 64 of a-z, 0-9 and -, or _default; it is "Orders"',
  ])
  t.same(said('freeze', 'params', { id: '_default' }), ['/id must be 1 to 64 of a-z, 0-9 and -; it is "_default"'])
  const span = '/for must be a time from 1s to 400d, such as 2h or 7d, or seconds as a number'
  for (const wrong of ['500d', 'x', 0.1]) t.same(said('link', 'body', { side: 'new', for: wrong }), [span])
})

t.test('in a query every parameter says the same: what it must be, and what came', async t => {
  const days = '/days must be a whole number from 1 to 400'
  const since = '/since must be milliseconds since 1970, or a time until now such as 1h'
  const query: readonly (readonly [OperationName, Record<string, unknown>, ...string[]])[] = [
    ['audit', { route: '*' }, '/route must be 1 to 64 of a-z, 0-9 and -; it is "*"'],
    ['audit', { before: '0' }, '/before must be a whole number from 1 on; it is "0"'],
    ['burndown', { days: '1.5' }, `${days}; it is "1.5"`],
    ['burndown', { days: '1e99' }, `${days}; it is "1e99"`],
    ['burndown', { days: ['1', '2'] }, `${days}; it comes more than once`],
    ['burndown', { days: 'x'.repeat(9_000) }, `${days}; it is "${'x'.repeat(64)}…"`],
    ['burndown', { route: '*' }, '/route must be 1 to 64 of a-z, 0-9 and -, or _default; it is "*"'],
    ['history', { span: '2h' }, '/span must be 1h or 24h; it is "2h"; did you mean 1h?'],
    ['divergences', { since: '400' }, `${since}; it is "400"`],
    ['divergences', { severity: 'Low' }, '/severity must be low or medium or high; it is "Low"; did you mean low?'],
    ['who', { key: ['a', 'b'] }, '/key must be a text; it comes more than once'],
    ['who', {}, '/key is missing: it must be a text'],
  ]
  for (const [name, value, ...expected] of query) t.same(said(name, 'query', value), expected, JSON.stringify(value))
  for (const [name, { query: schema }] of Object.entries<Operation>(operations)) {
    for (const key of Object.keys(schema?.shape ?? {})) {
      const [message = ''] = said(name as OperationName, 'query', { [key]: { odd: true } })
      t.match(message, new RegExp(`^/${key} must be [^/]+; it is `), `${name} ${key}`)
    }
  }
})

t.test('many unknown keys, and long ones, are not repeated in full', async t => {
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`${'k'.repeat(1_000)}${i}`, 1]))
  const [message = ''] = said('freeze', 'body', many)
  t.match(message, /^ unknown keys "k+", .* and 4995 more; allowed: reason$/)
  t.ok(message.length < 500)
})
