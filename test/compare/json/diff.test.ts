// Comparing trees: the rows of Diffy's specs and what other tools get wrong, as data; properties; budgets; suites.
import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { usualSeverity } from '../../../src/compare/json/diff.ts'
import { pointerOf } from '../../../src/compare/json/pointer.ts'
import { Exact, type Json, readJson } from '../../../src/compare/json/read.ts'
import { runs, SEED } from '../../wire/seed.ts'
import { anyTree, diff, ROOMY, shown, treeOf } from './trees.ts'

t.comment(`SEED=${SEED}`)

/** Legacy, new, and what is found, as `shown` says it. */
type Row = readonly [legacy: string, fresh: string, found: readonly string[]]

const SAME: readonly string[] = []
const VALUE = ['value ']
const TYPE = ['type ']

/** What Diffy's specs say, in our words (research/compare.md, 4b). */
const DIFFY: readonly Row[] = [
  ['true', 'true', SAME],
  ['1', '1', SAME],
  ['"hello"', '"hello"', SAME],
  ['[1,2,3]', '[1,2,3]', SAME],
  ['{"a":1,"b":2}', '{"b":2,"a":1}', SAME],
  ['true', 'false', VALUE],
  ['1', '2', VALUE],
  ['"hello"', '"world"', VALUE],
  ['1.8', '3.9', VALUE],
  ['true', '1', TYPE],
  ['1', '"hello"', TYPE],
  ['"hello"', '1.2', TYPE],
  // JSON has one kind of number.
  ['3.2', '2', VALUE],
  ['"hello"', 'false', TYPE],
  ['null', 'true', TYPE],
  ['null', '1', TYPE],
  ['null', '"hello"', TYPE],
  ['null', '[1,2,3]', TYPE],
  ['null', '{}', TYPE],
  ['null', 'null', SAME],
  ['["a","b","c"]', '["c","b","a"]', ['order ']],
  ['["a","a","b","b"]', '["a","b","b","c","c"]', ['missing /1', 'extra /3', 'extra /4']],
  ['["a","b","c"]', '["a","b","d"]', ['value /2']],
  ['{"1":2,"2":3,"3":4}', '{"1":2,"2":4,"4":5}', ['value /2', 'missing /3', 'extra /4']],
  ['{"first":"puneet","last":"khanduri"}', '{"first":"prashant","last":"khanduri"}', ['value /first']],
  ['{"body":{"1":1}}', '{"body":{"a":1}}', ['missing /body/1', 'extra /body/a']],
  ['"{\\"a\\":1}"', '"{ \\"a\\": 1 }"', VALUE],
]

/** What other tools get wrong. */
const ADVERSARIAL: readonly Row[] = [
  ['{"feet":"4"}', '{"feet":4}', ['type /feet']],
  ['"12 apples"', '"12 pears"', VALUE],
  ['[]', '[]', SAME],
  ['{}', '{}', SAME],
  ['[]', '{}', TYPE],
  ['[0,[1],{"a":[]}]', '[0,[1],{"a":[]}]', SAME],
  ['{"n":9007199254740992}', '{"n":9007199254740993}', ['value /n']],
  ['{"n":9007199254740993}', '{"n":9007199254740993.0}', SAME],
  ['[1e400]', '[1e401]', ['value /0']],
  ['[1e400]', '["1e400"]', ['type /0']],
  ['[1,0,10]', '[1.0,-0,1e1]', SAME],
  ['{"a":null}', '{}', ['missing /a']],
  ['{}', '{"a":null}', ['extra /a']],
  ['{"__proto__":{"a":1}}', '{"__proto__":{"a":2}}', ['value /__proto__/a']],
  ['{"__proto__":1}', '{}', ['missing /__proto__']],
  ['{}', '{"__proto__":{}}', ['extra /__proto__']],
  ['{"__proto__":null}', '{"__proto__":null}', SAME],
  ['{"constructor":1,"toString":2}', '{}', ['missing /constructor', 'missing /toString']],
  ['{}', '{"hasOwnProperty":1,"valueOf":null}', ['extra /hasOwnProperty', 'extra /valueOf']],
  [
    '{"":1,"a/b":1,"m~n":1,"a.b":1}',
    '{"":2,"a/b":2,"m~n":2,"a.b":2}',
    ['value /', 'value /a~1b', 'value /m~0n', 'value /a.b'],
  ],
  ['{"length":1,"0":2}', '[1,2]', TYPE],
  ['"é"', '"e\\u0301"', VALUE],
  ['"\\u00e9"', '"é"', SAME],
  ['"\\ud800"', '"\\ud801"', VALUE],
]

const ARRAYS: readonly Row[] = [
  ['[1,2,3]', '[0,1,2,3]', ['extra /0']],
  ['[1,2,3]', '[2,3]', ['missing /0']],
  ['[1,2,3]', '[1,2,3,4]', ['extra /3']],
  ['[1,2,3]', '[]', ['missing /0', 'missing /1', 'missing /2']],
  ['[1,2,3,4,5]', '[1,9,3,4,8]', ['value /1', 'value /4']],
  ['[1,2,3,4,5]', '[2,3,4,5,1]', ['order ']],
  ['[1,2]', '[2,1]', ['order ']],
  ['[1,1,2]', '[2,1,1]', ['order ']],
  ['{"a":[[1,2],[3]]}', '{"a":[[3],[1,2]]}', ['order /a']],
  ['[[1,2],[3]]', '[[2,1],[3]]', ['order /0']],
  ['[{"a":1},{"a":2}]', '[{"a":1},{"a":3}]', ['value /1/a']],
  [
    '[{"id":1,"v":1},{"id":2,"v":1}]',
    '[{"id":0,"v":1},{"id":1,"v":2},{"id":2,"v":1}]',
    ['extra /0', 'value /0/v → /1/v'],
  ],
  ['["x",{"a":1},["b"]]', '[{"a":2},["b"]]', ['missing /0', 'value /1/a → /0/a']],
  ['[1,{"a":[5,6]},7]', '[{"a":[5]},7]', ['missing /0', 'missing /1/a/1']],
  ['[0,0,0,0]', '[0,0,0]', ['missing /3']],
  ['[[[[]]]]', '[[[]]]', ['missing /0/0/0']],
]

for (const [name, rows] of Object.entries({ DIFFY, ADVERSARIAL, ARRAYS })) {
  t.test(name, async t => {
    for (const [legacy, fresh, found] of rows) {
      t.same(shown(diff(treeOf(legacy), treeOf(fresh))).sort(), [...found].sort(), `${legacy} → ${fresh}`)
    }
  })
}

t.test('numbers as they were written differ where that is asked for', async t => {
  const [legacy, fresh] = [readJson('[1,0,2]', 'lexeme'), readJson('[1.0,-0,2]', 'lexeme')]
  if ('wrong' in legacy || 'wrong' in fresh) throw new Error('not read')
  t.same(shown(diff(legacy.tree, fresh.tree)), ['value /0', 'value /1'])
})

t.test('values, severities', async t => {
  const { differences } = diff(treeOf('{"a":1,"b":1,"c":[1,2],"e":"x"}'), treeOf('{"b":"1","c":[2,1],"d":[],"e":"y"}'))
  t.same(differences, [
    { kind: 'missing', path: '/a', legacy: 1, severity: 'high' },
    { kind: 'type', path: '/b', legacy: 1, new: '1', severity: 'high' },
    { kind: 'value', path: '/e', legacy: 'x', new: 'y', severity: 'medium' },
    { kind: 'extra', path: '/d', new: [], severity: 'low' },
    { kind: 'order', path: '/c', legacy: [1, 2], new: [2, 1], severity: 'low' },
  ])
  const own = diff(1, 2, { severityOf: kind => (kind === 'value' ? 'low' : usualSeverity(kind)) })
  t.equal(own.differences[0]?.severity, 'low')
})

t.test('large arrays: one insertion is one extra, wherever; objects too', async t => {
  const rows = Array.from({ length: 10_000 }, (_, id) => ({ id, name: `n${id % 7}`, tags: [id % 3, 'x'] }))
  for (const at of [0, 1, 5_000, 9_999, 10_000]) {
    const more = structuredClone(rows).toSpliced(at, 0, { id: -1, name: 'new', tags: [] })
    t.same(shown(diff(rows, more)), [`extra /${at}`])
    t.same(shown(diff(more, rows)), [`missing /${at}`])
  }
  const both = structuredClone(rows).toSpliced(7_000, 1).toSpliced(20, 0, { id: -1, name: 'new', tags: [] })
  t.same(shown(diff(rows, both)).sort(), ['extra /20', 'missing /7000'])
  t.same(shown(diff(rows, structuredClone(rows).toReversed())), ['order '])
  const changed = rows.toSpliced(0, 0, { id: -1, name: 'new', tags: [] }).map(row => ({ ...row, name: `${row.name}!` }))
  const found = shown(diff(rows, changed))
  t.equal(found.length, 10_001, 'all are changed, and one is new')
  t.equal(found.filter(one => one === 'extra /0').length, 1)
  const bits = Array.from({ length: 10_000 }, (_, i) => (i * i) % 7 < 3)
  t.equal(shown(diff(bits, bits.toSpliced(1, 0, false).toSpliced(9_000, 1))).length, 2)
  const wide = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`k${i}`, i]))
  t.same(shown(diff(wide, { ...wide, k777: 'x' })), ['type /k777'])
})

t.test('depth 100,000', async t => {
  const deep = (open: string, leaf: string, close: string) =>
    treeOf(open.repeat(100_000) + leaf + close.repeat(100_000))
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
    ['[0,', ',0]'],
    ['{"a":[', ']}'],
  ] as const) {
    const legacy = deep(open, '1', close)
    t.same(diff(legacy, deep(open, '1', close)).differences, [])
    const { differences } = diff(legacy, deep(open, '2', close))
    t.equal(differences.length, 1)
    t.ok((differences[0]?.path.length ?? 0) >= 200_000)
    const shallow = diff(legacy, deep(open, '2', close), { budget: { ...ROOMY, depth: 1_000 } })
    t.equal(shallow.undecided, 'deeper than 1000')
  }
  const shifted = diff([[1, deep('[', '1', ']')], 5, 6], [7, 8, [1, deep('[', '1', ']')], 5])
  t.equal(shifted.undecided, null)
})

t.test('over budget it is undecided, never a match', async t => {
  const budget = (less: Partial<typeof ROOMY>) => ({ budget: { ...ROOMY, ...less } })
  const rows = Array.from({ length: 20_000 }, (_, i) => ({ a: i }))
  const more = [{ b: 1 }, ...rows.map(row => ({ ...row }))]
  t.equal(diff(rows, more, budget({ nodes: 1_000 })).undecided, 'more than 1000 values')
  t.equal(
    diff(
      rows.slice(),
      rows.map(row => ({ ...row })),
      budget({ nodes: 1_000 }),
    ).undecided,
    'more than 1000 values',
  )
  const wide = Object.fromEntries(rows.map(({ a }) => [`k${a}`, a]))
  t.equal(diff(wide, { ...wide }, budget({ keys: 500 })).undecided, 'an object with more than 500 members')
  t.equal(diff([wide], [{ ...wide }], budget({ keys: 500 })).undecided, 'an object with more than 500 members')
  t.equal(diff([[[1]]], [[[2]]], budget({ depth: 1 })).undecided, 'deeper than 1')
  let clock = 0
  const late = diff(rows, more, { ...budget({ timeMs: 5 }), now: () => clock++ * 3 })
  t.equal(late.undecided, 'it took longer than 5 ms')
  const few = diff(
    rows,
    rows.map(({ a }) => ({ a: -a - 1 })),
    budget({ differences: 10 }),
  )
  t.same([few.differences.length, few.more, few.undecided], [10, 19_990, null])
})

t.test('hostile shapes stay within linear work', async t => {
  const values = 100_000
  const nested = (leaf: string) => treeOf(`${'[[1,2,3],'.repeat(values / 8)}${leaf}${']'.repeat(values / 8)}`)
  const zeros = (count: number, last: number): Json => [...new Array<number>(count).fill(0), last]
  for (const [legacy, fresh] of [
    [nested('1'), nested('2')],
    [zeros(values / 2, 1), zeros(values / 2 + 1, 2)],
    [
      [1, ...(zeros(values / 2, 1) as Json[])],
      [2, ...(zeros(values / 2 - 9, 2) as Json[])],
    ],
  ] as const) {
    const found = diff(legacy, fresh, { budget: { ...ROOMY, nodes: 6 * values } })
    t.equal(found.undecided, null)
    t.ok(found.differences.length >= 1)
  }
})

t.test('a tree is equal to itself', async t => {
  fc.assert(
    fc.property(anyTree, tree => shown(diff(tree, structuredCopy(tree))).length === 0),
    runs(1_000),
  )
  t.pass('1,000 trees')
})

t.test('the other way round, what was missing is extra', async t => {
  const mirror = { missing: 'extra', extra: 'missing' } as const
  fc.assert(
    fc.property(anyTree, anyTree, (legacy, fresh) => {
      const there = diff(legacy, fresh).differences.map(({ kind, path, newPath, ...one }) =>
        JSON.stringify([
          kind === 'missing' || kind === 'extra' ? mirror[kind] : kind,
          newPath ?? path,
          one.legacy,
          one.new,
        ]),
      )
      const back = diff(fresh, legacy).differences.map(({ kind, path, ...one }) =>
        JSON.stringify([kind, path, one.new, one.legacy]),
      )
      t.same(there.sort(), back.sort())
    }),
    runs(1_000),
  )
})

t.test('one changed leaf is one difference, there', async t => {
  fc.assert(
    fc.property(anyTree, fc.nat(), fc.boolean(), (tree, chosen, otherType) => {
      const leaves = leavesOf(tree, [])
      const at = leaves[chosen % Math.max(1, leaves.length)]
      if (at === undefined) return
      const changed = withLeaf(tree, at, value => (typeof value === 'string' && !otherType ? 'changed' : -12345.5))
      const found = diff(tree, changed).differences
      t.same([found.length, found[0]?.path, found[0]?.newPath], [1, pointerOf(at), undefined])
    }),
    runs(1_000),
  )
})

interface Pair {
  readonly name: string
  readonly before: Json
  readonly after: Json
  readonly patch?: readonly unknown[]
}

t.test('suite of wI2L/jsondiff: an empty patch is no difference', async t => {
  const suite = '../shared/suites/jsondiff/jsonpatch/'
  if (!existsSync(suite)) return t.pass(`skipped: ${suite} is absent`)
  for (const file of [
    'array',
    'object',
    'rfc',
    'root',
    'options/factorization',
    'options/rationalization',
    'options/lcs',
  ]) {
    for (const { name, before, after, patch } of JSON.parse(readFileSync(`${suite}${file}.json`, 'utf8')) as Pair[]) {
      const { differences } = diff(before, after)
      t.equal(differences.length === 0, patch === undefined || patch.length === 0, `${file}: ${name}`)
    }
  }
})

function structuredCopy(tree: Json): Json {
  return withLeaf(tree, null, value => value)
}

/** With another leaf at `at`; null: only a copy. */
function withLeaf(tree: Json, at: readonly (string | number)[] | null, changed: (leaf: Json) => Json): Json {
  if (at?.length === 0) return changed(tree)
  const next = (key: string | number) => (at?.[0] === key ? at.slice(1) : null)
  if (Array.isArray(tree)) return tree.map((one, i) => withLeaf(one, next(i), changed))
  if (typeof tree !== 'object' || tree === null) return tree
  if (tree instanceof Exact) return new Exact(tree.text)
  return Object.fromEntries(Object.entries(tree).map(([name, value]) => [name, withLeaf(value, next(name), changed)]))
}

function leavesOf(tree: Json, at: readonly (string | number)[]): (readonly (string | number)[])[] {
  if (typeof tree !== 'object' || tree === null || tree instanceof Exact) return [at]
  if (Array.isArray(tree)) return tree.flatMap((one, i) => leavesOf(one, [...at, i]))
  return Object.entries(tree).flatMap(([name, value]) => leavesOf(value as Json, [...at, name]))
}
