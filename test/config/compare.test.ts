// What a configuration says of comparing: the policy that it compiles to, and what is refused. Rules have their own tests
// beside compare/rules; here is how they come in.
import t from 'tap'
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
