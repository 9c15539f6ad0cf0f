// What marks do to a comparison: each kind, on either side, in arrays, and counted by the rule that hid something.
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { type Compare, type Mark, Marks } from '../../../src/compare/json/marks.ts'
import { tokensOf } from '../../../src/compare/json/pointer.ts'
import type { Json } from '../../../src/compare/json/read.ts'
import { diff, shown, treeOf } from './trees.ts'

type Said = readonly (readonly [pointer: string, mark: Partial<Mark>])[]

/** At pointers; a segment `*` is every element or member. What is not there is not marked. */
function marksOf(tree: Json, said: Said): Marks {
  const marks = new Marks()
  for (const [pointer, mark] of said) {
    const tokens = tokensOf(pointer)
    const last = tokens.at(-1)
    if (last === undefined) {
      marks.addRoot(mark)
      continue
    }
    let at: unknown[] = [tree]
    for (const token of tokens.slice(0, -1)) {
      at = at.filter(one => typeof one === 'object' && one !== null)
      at = at.flatMap(one => (token === '*' ? Object.values(one as object) : [(one as Record<string, unknown>)[token]]))
    }
    for (const container of at) {
      if (typeof container !== 'object' || container === null) continue
      for (const key of last === '*' ? Object.keys(container) : [last]) {
        if (Object.hasOwn(container, key)) marks.add(container, Array.isArray(container) ? Number(key) : key, mark)
      }
    }
  }
  return marks
}

/** What is found, and what is hidden: `rule 2`. */
function found(legacy: string, fresh: string, said: Said, newSaid: Said = said): readonly [string[], string[]] {
  const [one, other] = [treeOf(legacy), treeOf(fresh)]
  const result = diff(one, other, { legacyMarks: marksOf(one, said), newMarks: marksOf(other, newSaid) })
  return [shown(result).sort(), [...result.suppressed].map(([rule, count]) => `${rule} ${count}`)]
}

const near: Compare = (one, other) => {
  const equal = typeof one === 'number' && typeof other === 'number' && Math.abs(one - other) <= 1
  return { equal, rule: equal ? 'near' : null }
}
const nullIsAbsent: Compare = (one, other) => ({ equal: (one ?? null) === (other ?? null), rule: 'null' })

t.test('ignore', async t => {
  const ignore = { ignore: 'i' }
  t.same(found('{"a":1,"b":1}', '{"a":2,"b":2}', [['/a', ignore]]), [['value /b'], ['i 1']])
  t.same(found('{"a":{"x":1}}', '{"a":{"x":2,"y":[]}}', [['/a', ignore]]), [[], ['i 1']], 'all below, as one')
  t.same(found('{"a":1}', '{}', [['/a', ignore]]), [[], ['i 1']], 'missing')
  t.same(found('{}', '{"a":1}', [['/a', ignore]]), [[], ['i 1']], 'extra')
  t.same(found('{"a":1}', '{"a":2}', [['/a', ignore]], []), [[], ['i 1']], 'in one tree only')
  t.same(found('{"a":1}', '{"a":2}', [], [['/a', ignore]]), [[], ['i 1']], 'in the other only')
  t.same(found('{"a":[1,{}]}', '{"a":[1,{}]}', [['/a', ignore]]), [[], []], 'what is equal needs no rule')
  t.same(found('1', '[]', [['', ignore]]), [[], ['i 1']], 'the whole')
  t.same(found('[1,2,3]', '[1,2,4,5]', [['/3', ignore]]), [['value /2'], ['i 1']])
  t.same(found('[1,"ad",2,3]', '[1,2,"AD",3]', [['/1', ignore]], [['/2', ignore]]), [[], ['i 2']])
})

t.test('ignored members do not hinder the alignment of elements', async t => {
  const legacy = '[{"id":1,"n":"a"},{"id":2,"n":"b"},{"id":3,"n":"c"}]'
  const fresh = '[{"id":7,"n":"new"},{"id":8,"n":"a"},{"id":9,"n":"b"},{"id":10,"n":"c"}]'
  t.same(found(legacy, fresh, [['/*/id', { ignore: 'i' }]]), [['extra /0'], ['i 3']])
  const reordered = '[{"id":7,"n":"c"},{"id":8,"n":"a"},{"id":9,"n":"b"}]'
  t.same(found(legacy, reordered, [['/*/id', { ignore: 'i' }]]), [['order '], ['i 3']])
  t.same(
    found(legacy, reordered, [
      ['/*/id', { ignore: 'i' }],
      ['', { unordered: 'u' }],
    ]),
    [[], ['u 1', 'i 3']],
  )
})

t.test('compare: tolerance and its like', async t => {
  const tolerance = { compare: [near] }
  t.same(found('{"a":1,"b":1}', '{"a":2,"b":3}', [['/*', tolerance]]), [['value /b'], ['near 1']])
  t.same(found('{"a":1}', '{"a":"1"}', [['/a', tolerance]]), [['type /a'], []])
  t.same(found('{"a":null}', '{}', [['/a', { compare: [near, nullIsAbsent] }]]), [[], ['null 1']])
  t.same(found('{}', '{"a":null}', [['/a', { compare: [nullIsAbsent] }]]), [[], ['null 1']])
  t.same(found('{}', '{"a":0}', [['/a', { compare: [nullIsAbsent] }]]), [['extra /a'], []])
  t.same(found('[1,5,9]', '[2,5,11]', [['/*', tolerance]]), [['value /2'], ['near 1']])
  t.same(
    found('[{"p":1,"n":"a"},{"p":5,"n":"b"}]', '[{"p":3,"n":"new"},{"p":2,"n":"a"},{"p":9,"n":"b"}]', [
      ['/*/p', tolerance],
    ]),
    [['extra /0', 'value /1/p → /2/p'], ['near 1']],
    'elements are aligned by the rest of them',
  )
  let asked = 0
  const counting: Compare = () => ({ equal: asked++ < 0, rule: null })
  found('{"a":1,"b":1}', '{"a":2,"b":1}', [['/*', { compare: [counting] }]])
  t.equal(asked, 1, 'asked once, and only where the plain comparison says different')
})

t.test('unordered', async t => {
  const unordered: Said = [['/a', { unordered: 'u' }]]
  t.same(found('{"a":[1,2,2,3]}', '{"a":[3,2,1,2]}', unordered), [[], ['u 1']])
  t.same(found('{"a":[1,2,2]}', '{"a":[2,1,1]}', unordered), [['value /a/2'], ['u 1']], 'how often counts')
  t.same(found('{"a":[1,2,3]}', '{"a":[1,2,3,4]}', unordered), [['extra /a/3'], []], 'nothing was hidden')
  t.same(found('{"a":[[1,2],[3]]}', '{"a":[[3],[2,1]]}', unordered), [['order /a/0 → /a/1'], []])
  t.same(
    found('{"a":[{"k":1,"v":1},{"k":2,"v":2},5]}', '{"a":[5,{"k":2,"v":9},{"k":1,"v":8}]}', unordered),
    [['value /a/0/v → /a/2/v', 'value /a/1/v'], []],
    'what is left belongs to what is most like it',
  )
  t.same(
    found('[[2,1],[1]]', '[[1],[1,2]]', [
      ['', { unordered: 'u' }],
      ['/*', { unordered: 'v' }],
    ]),
    [[], ['u 1', 'v 1']],
  )
})

t.test('keyed', async t => {
  const keyed: Said = [['', { keyed: { rule: 'k', by: ['id'] } }]]
  const rows = '[{"id":1,"v":1},{"id":2,"v":2},{"id":3,"v":3}]'
  t.same(found(rows, '[{"id":3,"v":3},{"id":1,"v":9}]', keyed), [['missing /1', 'value /0/v → /1/v'], ['k 1']])
  t.same(found(rows, '[{"id":1,"v":1},{"id":4,"v":2},{"id":3,"v":3}]', keyed), [['extra /1', 'missing /1'], []])
  t.same(found('[{"id":1},{"id":"1"}]', '[{"id":"1"},{"id":1}]', keyed), [[], ['k 1']], '1 is not "1"')
  const two: Said = [['', { keyed: { rule: 'k', by: ['a', 'b'] } }]]
  t.same(found('[{"a":1,"b":1},{"a":1,"b":2}]', '[{"a":1,"b":2},{"a":1,"b":1,"c":0}]', two), [['extra /1/c'], ['k 1']])
  t.same(
    found('[1,{"id":1,"v":1},{}]', '[{"id":1,"v":2},1,{}]', keyed),
    [['value /1/v → /0/v'], []],
    'without a key: by position',
  )
  const twice = '[{"id":1,"v":1},{"id":1,"v":2},{"id":2}]'
  t.same(found(twice, '[{"id":2},{"id":1,"v":1},{"id":1,"v":3}]', keyed), [['value /1/v → /2/v'], []])
  const [one, other] = [treeOf(twice), treeOf('[{"id":2},{"id":1,"v":1}]')]
  const { differences } = diff(one, other, { legacyMarks: marksOf(one, keyed) })
  t.same(
    differences.map(({ kind, note }) => [kind, note]),
    [['missing', 'by position: some have no key, or not a key of their own']],
  )
})

t.test('expect and severity hold below, too', async t => {
  const wanted: Said = [['/a', { expect: { rule: 'e', kinds: ['extra', 'value'] } }]]
  t.same(found('{"a":{"x":1,"y":1}}', '{"a":{"x":2,"z":1}}', wanted), [['missing /a/y'], ['e 2']])
  t.same(found('{"a":[1,2]}', '{"a":[2,1]}', [['/a', { expect: { rule: 'e', kinds: null } }]]), [[], ['e 1']])
  const said: Said = [
    ['/a', { severity: { rule: 's', severity: 'low' } }],
    ['/a/b', { severity: { rule: 't', severity: 'high' } }],
  ]
  const [one, other] = [treeOf('{"a":{"b":{"c":1},"d":1},"e":1}'), treeOf('{"a":{"b":{"c":2},"d":2},"e":2}')]
  const { differences } = diff(one, other, { newMarks: marksOf(other, said) })
  t.same(Object.fromEntries(differences.map(({ path, severity }) => [path, severity])), {
    '/a/b/c': 'high',
    '/a/d': 'low',
    '/e': 'medium',
  })
})

t.test('marks of one place are joined, the first counts first', async t => {
  const [marks, place] = [new Marks(), {}]
  marks.add(place, 'a', { ignore: 'one' })
  marks.add(place, 'a', { ignore: 'two', unordered: 'u', compare: [near] })
  marks.add(place, 'a', { compare: [nullIsAbsent] })
  t.match(marks.at(place, 'a'), { ignore: 'one', unordered: 'u', compare: [near, nullIsAbsent] })
  t.equal(marks.at(place, 'b'), null)
  t.equal(marks.at({}, 'a'), null)
  t.equal(marks.root, null)
})

t.test('suite of wI2L/jsondiff: ignored pointers, unordered arrays', async t => {
  const suite = '../shared/suites/jsondiff/jsonpatch/options/'
  if (!existsSync(suite)) return t.pass(`skipped: ${suite} is absent`)
  const read = (name: string) => JSON.parse(readFileSync(`${suite}${name}.json`, 'utf8'))
  for (const { name, before, after, ignores, partial_patch: rest } of read('ignore')) {
    const said: Said = (ignores as string[]).map(pointer => [pointer, { ignore: 'i' }])
    const { differences } = diff(before, after, { legacyMarks: marksOf(before, said), newMarks: marksOf(after, said) })
    // Where an element was added, the suite only says that it was.
    const wanted = ((rest ?? []) as { path: string }[]).map(({ path }) => path).filter(path => !path.endsWith('-'))
    t.equal(differences.length, rest?.length ?? 0, name)
    t.ok(
      wanted.every(path => differences.some(one => one.path === path)),
      name,
    )
  }
  for (const { name, before, after, patch } of [...read('equivalence'), ...read('lcs+equivalence')]) {
    const said: Said = [
      ['', { unordered: 'u' }],
      ['/*', { unordered: 'u' }],
    ]
    const { differences } = diff(before, after, { legacyMarks: marksOf(before, said), newMarks: marksOf(after, said) })
    t.equal(differences.length === 0, patch.length === 0, name)
  }
})
