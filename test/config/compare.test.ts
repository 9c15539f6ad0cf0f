// What a configuration says of comparing: the policy that it compiles to, and what is refused. What a rule
// means has its own tests (test/compare/rules); here is how rules come in.
import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { ruleFrom } from '../../src/compare/rules/parse.ts'
import { jsonSchema } from '../../src/config/json-schema.ts'
import { loadText } from '../../src/config/load.ts'
import { DEFAULT_COMPARE_POLICY } from '../../src/model/comparison.ts'
import { compiled, linesOf, planOf, routeWith, twoSided, wordsOf } from './read.ts'

const compareOf = async (compare: object) => (await routeWith({ compare })).compare

const words = async (compare: object) =>
  (await wordsOf({ routes: [twoSided({ compare })] })).map(one => one.replace('/routes/0/compare/', ''))

const NOW = Date.parse('2026-06-01T12:00:00Z')

/** Read at noon on 1 June 2026. */
function readThen(compare: object) {
  return loadText({
    text: JSON.stringify({ routes: [twoSided({ compare })] }),
    file: 'routes.yaml',
    interpolate: true,
    now: () => NOW,
  })
}

t.test('the defaults of the schema are those of the model', async t => {
  t.equal((await routeWith({})).compare, DEFAULT_COMPARE_POLICY)
  t.same(await compareOf({}), DEFAULT_COMPARE_POLICY)
  t.same(await compareOf({ budget: {}, noise: {}, rules: [], redact: [], keep: [] }), DEFAULT_COMPARE_POLICY)
  const { fallback } = await planOf({ backends: { legacy: { url: 'http://l' } } })
  t.equal(fallback?.compare, DEFAULT_COMPARE_POLICY)
})

t.test('everything said', async t => {
  t.match(
    await compareOf({
      status: 'class',
      headers: ['ETag', 'content-type'],
      maxBody: '64KiB',
      budget: { time: '1s', nodes: 5, depth: 6, keys: 7, differences: 8 },
      noise: { percent: '0.5%' },
      redact: ['$.card', '$..email'],
      keep: ['$.total', "$['a b'][*]"],
    }),
    {
      status: 'class',
      headers: ['etag', 'content-type'],
      maxBodyBytes: 65536,
      budget: { timeMs: 1000, nodes: 5, depth: 6, keys: 7, differences: 8 },
      rules: [],
      noisePercent: 0.5,
      redact: ['$.card', '$..email'],
      keep: ['$.total', "$['a b'][*]"],
      valuesUntil: null,
    },
  )
  t.equal((await compareOf({ noise: { percent: 0 } })).noisePercent, 0)
  t.same((await compareOf({ headers: [] })).headers, [], 'none at all')
})

t.test('inherited as a whole; a route with one side may have it', async t => {
  const plan = await planOf({
    defaults: { compare: { status: 'class', noise: { percent: 1 } } },
    routes: [
      twoSided(),
      twoSided({ id: 'b', match: { path: '/b' }, compare: { noise: { percent: 2 } } }),
      { id: 'c', match: { path: '/c' }, legacy: 'http://l' },
    ],
  })
  t.same(
    plan.routes.map(({ compare }) => [compare.status, compare.noisePercent]),
    [
      ['class', 1],
      ['exact', 2],
      ['class', 1],
    ],
  )
})

t.test('each mistake has its place', async t => {
  const text = `defaults:
  compare:
    status: loose
    headers: ["a b"]
    maxBody: 1GiB
    budget: { time: 0ms, nodes: 0, deph: 5 }
    noise: { percent: 101 }
    redact: [card, "$.a["]
    keep: ["$..email"]
    values: all
`
  t.same(await linesOf(text), [
    '3:13 /defaults/compare/status not one of the allowed words',
    '4:15 /defaults/compare/headers/0 not the name of a header',
    '5:14 /defaults/compare/maxBody out of range: 1KiB to 256MiB',
    '6:21 /defaults/compare/budget/time too short: at least 1ms',
    '6:33 /defaults/compare/budget/nodes less than 1',
    '6:36 /defaults/compare/budget/deph unknown key',
    '7:23 /defaults/compare/noise/percent a percent is 0 to 100',
    "8:14 /defaults/compare/redact/0 not a JSONPath: expected '$', found 'c', at character 1",
    '8:20 /defaults/compare/redact/1 not a JSONPath: unclosed [ ], at character 5',
    '10:13 /defaults/compare/values not one of the allowed words',
  ])
  t.match(await words({ redact: ['items[*].card'] }), [/: write \$\.items\[\*\]\.card$/])
  t.same(await words({ keep: ['$.a', '$.b'], redact: ['$.b'] }), [
    'keep/1 it stands under redact, too: leave it out of one of them',
  ])
})

t.test('values are kept for a while only', async t => {
  const said = async (compare: object) => {
    const { mistakes } = await readThen(compare)
    return mistakes.map(({ level, path, message, allowed, hint }) =>
      [level, path.replace('/routes/0/compare/', ''), message, allowed, hint].join(' | '),
    )
  }
  const help = 'a date up to 2026-07-01 | for a week: valuesUntil: 2026-06-08'
  t.same(await said({ values: 'redacted' }), [
    `error | valuesUntil | until when may answers be kept? valuesUntil is missing | ${help}`,
  ])
  t.same(await said({ values: 'redacted', valuesUntil: '2026-06-08' }), [])
  t.same(await said({ values: 'redacted', valuesUntil: '2026-07-01' }), [])
  t.same(await said({ values: 'redacted', valuesUntil: '2026-07-01T14:00:00+02:00' }), [], 'to the minute')
  t.same(await said({ values: 'redacted', valuesUntil: '2026-07-01T12:01:00Z' }), [
    `error | valuesUntil | more than 30 days ahead | ${help}`,
  ])
  for (const passed of ['2026-06-01', '2025-01-01', '2026-06-01T12:00:00Z']) {
    t.same(
      await said({ values: 'redacted', valuesUntil: passed }),
      [`warning | valuesUntil | this has passed: no values are kept, as with values: paths | ${help}`],
      passed,
    )
  }
  t.match(await said({ valuesUntil: '2026-06-08' }), [
    /^warning \| valuesUntil \| no values are kept, whatever the date/,
  ])
  for (const wrong of ['2026-02-30', '2026-13-01', '2026-06-08T25:00:00Z', '2026-02-30T10:00:00Z']) {
    t.match(await said({ values: 'redacted', valuesUntil: wrong }), [/ no such day or time /], wrong)
  }
  for (const wrong of ['2026-06-08T10:00', '8.6.2026', '']) {
    t.match(await said({ values: 'redacted', valuesUntil: wrong }), [/ not a date, and not a date and time /], wrong)
  }
})

t.test('what the date means for the plan', async t => {
  const until = async (compare: object) => {
    const loaded = await readThen(compare)
    return compiled(loaded, NOW).routes[0]?.compare.valuesUntil
  }
  t.equal(await until({ values: 'redacted', valuesUntil: '2026-06-08' }), Date.parse('2026-06-08T00:00:00Z'))
  t.equal(
    await until({ values: 'redacted', valuesUntil: '2026-06-08T10:00+02:00' }),
    Date.parse('2026-06-08T08:00:00Z'),
  )
  t.equal(await until({ values: 'redacted', valuesUntil: '2026-05-01' }), null, 'it has passed')
  t.equal(await until({ values: 'paths', valuesUntil: '2026-06-08' }), null)
})

// ---- rules

const PATHS = ['$.request_id', 'header:etag', 'status']
const RULES = [
  { ignore: PATHS, owner: 'team-orders', reason: 'an id of each request', until: '2026-12-01' },
  { unordered: '$.tags' },
  { keyed: '$.items', by: ['sku', 'size'] },
  { keyed: '$.items', by: 'sku' },
  { tolerance: ['$.price', '$.tax'], absolute: 0.01, relative: '1%', time: '2s' },
  { tolerance: '$.price', relative: 0.01 },
  { normalise: '$.id', as: 'uuid' },
  { normalise: '$.build', pattern: 'v[0-9]+', replace: 'v' },
  { equal: '$..note', what: ['null=absent', '""=null'] },
  { idMap: '$..id' },
  { expect: '$.total', kinds: ['value', 'type'], reason: 'rounded', owner: 'ann', until: '2026-12-01T10:00:00Z' },
  { severity: '$.debug', is: 'low' },
]

t.test('rules come in as they are read everywhere else, with their place as id', async t => {
  const { rules } = await compareOf({ rules: RULES })
  t.same(
    rules,
    RULES.map((rule, index) => ruleFrom(rule, `file:${index}`)),
  )
  t.match(rules[0], { id: 'file:0', does: 'ignore', paths: PATHS, until: Date.parse('2026-12-01T00:00:00Z') })
})

t.test('editors take every form of a rule, and refuse what is none', async t => {
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(jsonSchema())
  const inFile = (rule: object) => ({ defaults: { compare: { rules: [rule] } } })
  for (const rule of RULES) t.ok(validate(inFile(rule)), `${JSON.stringify(rule)} ${JSON.stringify(validate.errors)}`)
  const wrong = [
    { ignored: '$.a' },
    { ignore: 'a' },
    { ignore: [] },
    { tolerance: '$.a', relative: 'a lot' },
    { tolerance: '$.a', time: '2 s' },
    { normalise: '$.a', as: 'guid' },
    { equal: '$.a', what: 'null=0' },
    { expect: '$.a', kinds: ['values'] },
    { severity: '$.a', is: 'none' },
    { ignore: '$.a', until: 'tomorrow' },
  ]
  for (const rule of wrong) {
    t.notOk(validate(inFile(rule)), JSON.stringify(rule))
    t.not((await wordsOf(inFile(rule))).length, 0, JSON.stringify(rule))
  }
})

t.test('each mistake of a rule has its place, and is told once', async t => {
  const text = `routes:
  - id: a
    match: { path: /a }
    legacy: http://l
    compare:
      rules:
        - { ignore: request_id }
        - { ignroe: $.a }
        - { ignore: $.a, unordered: $.b }
        - { keyed: [$.a, "$.b["], by: id }
        - { tolerance: $.a, relative: 5 }
        - { ignore: $.a, why: x }
        - { normalise: $.a, pattern: "(a+)+" }
        - { ignore: $.a, until: 2001-01-01 }
        - ignore
`
  const lines = await linesOf(text)
  t.match(lines, [
    /^7:21 \/routes\/0\/compare\/rules\/0\/ignore not a path/,
    /^8:13 \/routes\/0\/compare\/rules\/1\/ignroe unknown key/,
    /^9:11 \/routes\/0\/compare\/rules\/2 either ignore or unordered/,
    /^10:26 \/routes\/0\/compare\/rules\/3\/keyed\/1 not a JSONPath: unclosed \[ \], at character 5/,
    /^11:39 \/routes\/0\/compare\/rules\/4\/relative out of bounds/,
    /^12:26 \/routes\/0\/compare\/rules\/5\/why unknown key/,
    /^13:38 \/routes\/0\/compare\/rules\/6\/pattern a regular expression that could take for ever/,
    /^! 14:33 \/routes\/0\/compare\/rules\/7\/until its time is over/,
    /^15:11 \/routes\/0\/compare\/rules\/8 must be a mapping/,
  ])
  t.equal(lines.length, 9)
  t.match(await wordsOf({ defaults: { compare: { rules: [{ ignore: 'a.b' }] } } }), [/: write \$\.a\.b$/])
})
