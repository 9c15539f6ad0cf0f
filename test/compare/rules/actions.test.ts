// Every action of rules on whole answers: what it hides, in whose name, and what it does not hide.
import fc from 'fast-check'
import t from 'tap'
import { compileRules } from '../../../src/compare/rules/compile.ts'
import type { Rule } from '../../../src/model/comparison.ts'
import { AT, compareGiven, type Given, placesOf, rule } from '../answers.ts'

const json = (value: unknown): Given => ({
  type: 'application/json',
  body: typeof value === 'string' ? value : JSON.stringify(value),
})

function compared(legacy: unknown, fresh: unknown, ...rules: readonly Rule[]) {
  return compareGiven(json(legacy), json(fresh), { rules })
}

const places = (legacy: unknown, fresh: unknown, ...rules: readonly Rule[]) =>
  placesOf(compared(legacy, fresh, ...rules))

const tolerance = (limits: { absolute?: number; relative?: number; timeMs?: number }, ...paths: string[]) =>
  rule({ does: 'tolerance', absolute: null, relative: null, timeMs: null, ...limits }, ...paths)

t.test('ignore, expect, severity: there and below', async t => {
  const [legacy, fresh] = [
    { a: { b: 1, c: 1 }, d: 1 },
    { a: { b: 2 }, d: 2 },
  ]
  t.same(places(legacy, fresh), ['value /d', 'value /a/b', 'missing /a/c'])
  const ignored = compared(legacy, fresh, rule({ does: 'ignore' }, '$.a'))
  t.same(placesOf(ignored), ['value /d'])
  t.same([...ignored.suppressed], [['file:0', 1]])
  t.equal(compared(legacy, fresh, rule({ does: 'ignore' }, '$.a', '$.d')).result, 'tolerated')
  t.equal(compared(legacy, legacy, rule({ does: 'ignore' }, '$.a')).result, 'match')
  t.same(places(legacy, fresh, rule({ does: 'expect', kinds: ['value'] }, '$.a')), ['value /d', 'missing /a/c'])
  t.same(places(legacy, fresh, rule({ does: 'expect', kinds: null }, '$')), [])
  const weighed = compared(legacy, fresh, rule({ does: 'severity', severity: 'low' }, '$'))
  t.same(
    weighed.differences.map(one => one.severity),
    ['low', 'low', 'low'],
  )
})

t.test('unordered, keyed', async t => {
  t.same(places({ l: [1, 2, 3] }, { l: [3, 1, 2] }), ['order /l'])
  t.same(places({ l: [1, 2, 3] }, { l: [3, 1, 2] }, rule({ does: 'unordered' }, '$.l')), [])
  const [legacy, fresh] = [
    [
      { id: 1, v: 1 },
      { id: 2, v: 2 },
    ],
    [
      { id: 2, v: 2 },
      { id: 1, v: 9 },
    ],
  ]
  t.same(places(legacy, fresh, rule({ does: 'keyed', by: ['id'] }, '$')), ['value /0/v'])
})

t.test('tolerance of numbers and times', async t => {
  const near = (a: unknown, b: unknown, limits: Parameters<typeof tolerance>[0]) =>
    compared({ v: a }, { v: b }, tolerance(limits, '$.v')).result === 'tolerated'
  t.ok(near(1, 1.01, { absolute: 0.01 }), 'as people count')
  t.notOk(near(1, 1.0101, { absolute: 0.01 }))
  t.ok(near(100, 99, { relative: 0.01 }))
  t.notOk(near(100, 98.9, { relative: 0.01 }))
  t.notOk(near(1, '1', { absolute: 5 }), 'a type is no distance')
  const big = (a: string, b: string, absolute: number) =>
    compared(`{"v":${a}}`, `{"v":${b}}`, tolerance({ absolute }, '$.v')).result
  t.equal(big('9007199254740992', '9007199254740993', 1), 'tolerated')
  t.equal(big('90071992547409920', '90071992547409933', 12), 'different')
  t.ok(near('2026-01-15T10:00:00Z', '2026-01-15T11:00:01.5+01:00', { timeMs: 2000 }))
  t.notOk(near('2026-01-15T10:00:00Z', '2026-01-15T10:00:03Z', { timeMs: 2000 }))
  t.notOk(near('2026-01-15T10:00:00Z', 'Thu, 15 Jan 2026 10:00:00 GMT', { timeMs: 2000 }), 'another form')
  t.ok(near(1768471200, 1768471201, { timeMs: 2000 }), 'seconds')
  t.ok(near(1768471200000, 1768471201000, { timeMs: 2000 }), 'milliseconds')
  t.notOk(near(10, 11, { timeMs: 2000 }), 'no time')
})

t.test('normalise: alone and together', async t => {
  const same = (a: unknown, b: unknown, ...as: readonly ('uuid' | 'timestamp' | 'url-host' | 'case' | 'space')[]) =>
    compared({ v: a }, { v: b }, ...as.map(one => rule({ does: 'normalise', as: one }, '$.v'))).result === 'tolerated'
  t.ok(same('6f1c3d1e-0000-4000-8000-000000000001', '7A1C3D1E-0000-4000-8000-00000000000B', 'uuid'))
  t.notOk(same('6f1c3d1e-0000-4000-8000-000000000001', 'uuid', 'uuid'))
  t.ok(same('2026-01-15T10:00:00Z', '2020-02-29T23:59:60.123+02:00', 'timestamp'))
  t.notOk(same('2026-01-15T10:00:00Z', '2026-01-15 10:00', 'timestamp'))
  t.notOk(same('2026-01-15', '2026-02-30', 'timestamp'), 'there is no such day')
  t.ok(same(1768471200, 1768479999, 'timestamp'))
  t.notOk(same(1768471200, '1768471200', 'timestamp'))
  t.ok(same('https://old:8443/a?b', 'https://new/a?b', 'url-host'))
  t.notOk(same('https://old/a', 'http://old/a', 'url-host'))
  t.ok(same('<a href="http://u@old/x">', '<a href="http://new/x">', 'url-host'))
  t.ok(same('TITLE', 'title', 'case'))
  t.ok(same(' a \n b', 'a b', 'space'))
  t.notOk(same(' A b', 'a  B', 'case'))
  t.ok(same(' A b', 'a  B', 'case', 'space'))
  const pattern = rule({ does: 'normalise', as: 'pattern', pattern: '(\\w+)-\\d+', replace: '$1' }, '$..v')
  t.equal(compared({ v: 'req-17 ok' }, { v: 'req-18 ok' }, pattern).result, 'tolerated')
  t.equal(compared({ v: 'req-17 ok' }, { v: 'res-17 ok' }, pattern).result, 'different')
})

t.test('equal', async t => {
  const kinds = [
    ['null=absent', '{"v":null}', '{}'],
    ['""=null', '{"v":""}', '{"v":null}'],
    ['""=absent', '{"v":""}', '{}'],
    ['[]=absent', '{"v":[]}', '{}'],
    ['"1"=1', '{"v":"1.50"}', '{"v":1.5}'],
  ] as const
  for (const [what, one, other] of kinds) {
    for (const [said] of kinds) {
      const equal = rule({ does: 'equal', what: [said] }, '$.v')
      const wanted = said === what ? 'tolerated' : 'different'
      t.equal(compared(one, other, equal).result, wanted, `${one} and ${other} by ${said}`)
      t.equal(compared(other, one, equal).result, wanted, `${other} and ${one} by ${said}`)
    }
  }
  t.equal(compared('{"v":1}', '{"v":1.0}').result, 'match', 'the default')
})

t.test('idMap: one for one, and back', async t => {
  const ids = rule({ does: 'idMap' }, '$..id', '$..ref', '$.ids[*]')
  const found = (legacy: unknown, fresh: unknown) => places(legacy, fresh, ids)
  t.same(found({ id: 1, ref: 1 }, { id: 7, ref: 7 }), [])
  t.same(found({ id: 1, ref: 1 }, { id: 7, ref: 8 }), ['value /ref'])
  t.same(found({ id: 1, ref: 2 }, { id: 7, ref: 7 }), ['value /ref'])
  t.same(found({ id: 1, ref: 2 }, { id: 2, ref: 1 }), [], 'a swap')
  t.same(found({ id: 1, ref: 1 }, { id: 1, ref: 2 }), ['value /ref'], 'kept in one place, not in the other')
  t.same(found({ id: 2, ref: 1 }, { id: 1, ref: 1 }), ['value /ref'])
  t.same(found({ l: [{ id: 1 }, { id: 1, ref: 1 }] }, { l: [{ id: 1 }, { id: 1, ref: 3 }] }), ['value /l/1/ref'])
  t.same(found({ ids: [1, 2, 1] }, { ids: [1, 5, 5] }), ['value /ids/2'])
  t.same(found({ id: 1 }, { id: '1' }), ['type /id'], 'a number is no text')
  t.same(found({ id: 1 }, {}), ['missing /id'])
  t.same(found({ id: null, ref: true }, { id: null, ref: true }), [], 'no ids')
  t.equal(compared({ id: 1, ref: 1 }, { id: 1, ref: 1 }, ids).result, 'match', 'nothing is hidden')
  const apart = [rule({ does: 'idMap' }, '$.order'), { ...rule({ does: 'idMap' }, '$.user'), id: 'file:1' }]
  t.same(places({ order: 1, user: 1 }, { order: 7, user: 8 }, ...apart), [], 'sorts of things')
  const known = { known: (id: string) => (id === '1' ? '9' : undefined) }
  const context = { ids: known, rules: compileRules([ids], AT) }
  t.equal(compareGiven(json({ id: 1 }), json({ id: 9 }), {}, context).result, 'tolerated')
  t.same(placesOf(compareGiven(json({ id: 1 }), json({ id: 8 }), {}, context)), ['value /id'])
  t.same(placesOf(compareGiven(json({ id: 1 }), json({ id: 1 }), {}, context)), [], 'equal bytes end it')
})

t.test('property: a renaming is hidden; a broken one is found', async t => {
  const id = fc.integer({ min: 0, max: 5 })
  const body = fc.array(fc.record({ id, parent: id, tags: fc.array(id, { maxLength: 3 }) }), {
    minLength: 1,
    maxLength: 8,
  })
  const ids = rule({ does: 'idMap' }, '$[*].id', '$[*].parent', '$[*].tags[*]')
  const renamed = (value: unknown, map: (id: number) => number): unknown =>
    JSON.parse(JSON.stringify(value), (_, one) => (typeof one === 'number' ? map(one) : one))
  const numbers = (value: unknown) => JSON.stringify(value).match(/\d+/g)?.map(Number) ?? []
  fc.assert(
    fc.property(body, fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6], { minLength: 6, maxLength: 6 }), (legacy, names) => {
      const fresh = renamed(legacy, one => names[one] as number)
      return placesOf(compared(legacy, fresh, ids)).length === 0
    }),
  )
  fc.assert(
    fc.property(body, fc.array(id, { minLength: 60, maxLength: 60 }), (legacy, others) => {
      let at = 0
      const fresh = renamed(legacy, () => others[at++] as number)
      const pairs = numbers(legacy).map((one, i) => [one, numbers(fresh)[i]] as const)
      const toNew = new Map(pairs)
      const toLegacy = new Map(pairs.map(([a, b]) => [b, a]))
      const isRenaming = pairs.every(([a, b]) => toNew.get(a) === b && toLegacy.get(b) === a)
      return (placesOf(compared(legacy, fresh, ids)).length === 0) === isRenaming
    }),
  )
  t.pass('held')
})

t.test('headers and the status', async t => {
  const headers = (legacy: readonly string[], fresh: readonly string[], ...rules: readonly Rule[]) =>
    compareGiven({ headers: legacy }, { headers: fresh }, { rules, headers: ['x-left', 'location', 'x-at'] }).result
  const [legacy, fresh] = [
    ['X-Left', '30'],
    ['X-Left', '31'],
  ]
  t.equal(headers(legacy, fresh), 'different')
  t.equal(headers(legacy, fresh, rule({ does: 'ignore' }, 'header:X-Left')), 'tolerated')
  t.equal(headers(legacy, fresh, rule({ does: 'ignore' }, 'header:location')), 'different')
  t.equal(headers(legacy, fresh, tolerance({ absolute: 1 }, 'header:x-left')), 'tolerated')
  t.equal(headers(legacy, fresh, tolerance({ absolute: 0.5 }, 'header:x-left')), 'different')
  const [at, then] = [
    ['x-at', 'Thu, 15 Jan 2026 10:00:00 GMT'],
    ['x-at', 'Thu, 15 Jan 2026 10:00:01 GMT'],
  ]
  t.equal(headers(at, then, tolerance({ timeMs: 1000 }, 'header:x-at')), 'tolerated')
  const hosts = rule({ does: 'normalise', as: 'url-host' }, 'header:location')
  t.equal(headers(['Location', 'http://a/x'], ['Location', 'http://b:1/x'], hosts), 'tolerated')
  t.equal(headers(['Location', ''], [], rule({ does: 'equal', what: ['""=absent'] }, 'header:location')), 'tolerated')
  const status = (...rules: readonly Rule[]) => compareGiven({ status: 404 }, { status: 400 }, { rules })
  t.equal(status().result, 'different')
  t.equal(status(rule({ does: 'expect', kinds: ['status'] }, 'status')).result, 'tolerated')
  t.equal(status(rule({ does: 'expect', kinds: ['value'] }, 'status')).result, 'different')
  t.equal(status(rule({ does: 'severity', severity: 'low' }, 'status')).differences[0]?.severity, 'low')
})

t.test('which rules count', async t => {
  const ignore = rule({ does: 'ignore' }, '$.a')
  t.equal(compileRules([], AT).isEmpty, true)
  t.equal(compileRules([{ ...ignore, until: AT }], AT).isEmpty, true)
  t.equal(compileRules([{ ...ignore, until: AT + 1 }], AT).isEmpty, false)
  t.same(places({ a: 1 }, { a: 2 }, rule({ does: 'ignore' }, '$.a[', '/a')), ['value /a'], 'bad rules do nothing')
  const bad = rule({ does: 'normalise', as: 'pattern', pattern: '(', replace: '' }, '$.a')
  t.same(places({ a: 1 }, { a: 2 }, bad), ['value /a'])
  t.equal(compared({ a: 'x' }, { a: 'X' }, rule({ does: 'ignore' }, '$..[?@..b]')).result, 'different')
  const hungry = compareGiven(
    json(`${'['.repeat(3000)}${']'.repeat(3000)}`),
    json(`${'['.repeat(3000)}1${']'.repeat(3000)}`),
    {
      rules: [rule({ does: 'ignore' }, '$..*..*')],
    },
  )
  t.equal(hungry.result, 'undecided')
  t.match(hungry.why, /more than 1000000 places \(file:0\)/)
})
