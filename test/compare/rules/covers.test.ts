// Which stored places a rule would hide, against what it marks in bodies that have such places.
import fc from 'fast-check'
import t from 'tap'
import { collapsePointer } from '../../../src/compare/collapse.ts'
import type { Marks } from '../../../src/compare/json/marks.ts'
import { pointerOf } from '../../../src/compare/json/pointer.ts'
import type { Json } from '../../../src/compare/json/read.ts'
import { compileRules } from '../../../src/compare/rules/compile.ts'
import { covers } from '../../../src/compare/rules/covers.ts'
import { isContainer } from '../../../src/compare/rules/select.ts'
import { DIVERGENCE_KINDS, type DivergenceKind, type RuleAction } from '../../../src/model/comparison.ts'
import { AT, rule } from '../answers.ts'

const IGNORE: RuleAction = { does: 'ignore' }

const at = (path: string, place: string, action: RuleAction = IGNORE, kind: DivergenceKind = 'value') =>
  covers(rule(action, path), { kind, path: place })

t.test('ignore: the place and what is below', async t => {
  const rows: readonly (readonly [path: string, place: string, covered: boolean | null])[] = [
    ['$', '', true],
    ['$', '/a/*/b', true],
    ['$.a', '/a', true],
    ['$.a', '/a/*/b', true],
    ['$.a', '/b/a', false],
    ['$.a.b', '/a', false],
    ['$.a[*].b', '/a/*/b', true],
    ['$.a[0].b', '/a/*/b', null],
    ['$.a[-1]', '/a/b', false],
    ['$.a[1:]', '/a/*', null],
    ['$.a[?@.x]', '/a/b', null],
    ['$.a[?@.x].c', '/a/b/d', false],
    ['$..b', '/a/*/b', true],
    ['$..b', '/a/*/b/c', true],
    ['$..b', '/a/*/c', false],
    ['$..a..c', '/a/b/a/b/c', true],
    ['$..[0]', '/a/*', null],
    ["$['a','b']", '/b', true],
    ['$.INV-2024-0012', '/*', null],
    ['$.total', '/*', false],
    ['$.a.b', '/a/**/c', null],
    ['$.a', '/a/**/c', true],
    ['$.b', '/a/**/c', null],
  ]
  for (const [path, place, covered] of rows) t.equal(at(path, place), covered, `${path} and ${place}`)
})

t.test('by action and kind', async t => {
  const rows: readonly (readonly [
    action: RuleAction,
    place: string,
    kinds: Partial<Record<DivergenceKind, true | null>>,
  ])[] = [
    [{ does: 'expect', kinds: ['missing'] }, '/a', { missing: true }],
    [{ does: 'expect', kinds: ['missing'] }, '/a/b', { missing: true }],
    [{ does: 'severity', severity: 'low' }, '/a', {}],
    [{ does: 'idMap' }, '/a', { value: null }],
    [{ does: 'idMap' }, '/a/b', {}],
    [{ does: 'normalise', as: 'case' }, '/a', { value: null }],
    [{ does: 'tolerance', absolute: 1, relative: null, timeMs: null }, '/a', { value: null }],
    [{ does: 'equal', what: ['null=absent'] }, '/a', { missing: null, extra: null }],
    [{ does: 'equal', what: ['"1"=1'] }, '/a', { type: null }],
    [{ does: 'unordered' }, '/a', { order: true }],
    [{ does: 'keyed', by: ['id'] }, '/a', { order: true }],
  ]
  const body = DIVERGENCE_KINDS.filter(kind => kind !== 'status' && kind !== 'header')
  for (const [action, place, kinds] of rows) {
    for (const kind of body)
      t.equal(
        at('$.a', place, action, kind),
        kinds[kind] === undefined ? false : kinds[kind],
        `${action.does} ${place} ${kind}`,
      )
  }
  for (const kind of body)
    t.equal(at('$.a', '/a/*/b', { does: 'unordered' }, kind), null, `below an unordered array: ${kind}`)
})

t.test('headers and the status', async t => {
  t.equal(at('header:Vary', '/vary', IGNORE, 'header'), true)
  t.equal(at('header:set-cookie', '/set-cookie/sid/path', IGNORE, 'header'), true)
  t.equal(at('header:vary', '/link', IGNORE, 'header'), false)
  t.equal(at('header:vary', '/vary', { does: 'normalise', as: 'case' }, 'header'), null)
  t.equal(at('$.vary', '/vary', IGNORE, 'header'), false)
  t.equal(at('header:vary', '/vary'), false)
  t.equal(at('status', '/404/400', IGNORE, 'status'), true)
  t.equal(at('$', '/404/400', IGNORE, 'status'), false)
  t.equal(covers(rule(IGNORE, '$.a[0]', '$.b'), { kind: 'value', path: '/b' }), true, 'the best of several')
  t.equal(covers(rule(IGNORE, '$.a[0]', '$.b'), { kind: 'value', path: '/a/*' }), null)
})

t.test('property: what is covered is marked, what is not is not', async t => {
  const name = fc.constantFrom('a', 'b', 'c', 'INV-2024-0012', 'k1234')
  const { tree } = fc.letrec<{ tree: Json }>(tie => ({
    tree: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      fc.constant(1),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(name, tie('tree'), { maxKeys: 4, noNullPrototype: true }),
    ),
  }))
  const segment = fc.oneof(
    name.map(one => `['${one}']`),
    name.map(one => `..['${one}']`),
    fc.constantFrom('[*]', '..[*]', '[0]', "['a','b']", "[0,'a']", '[1:]'),
  )
  const path = fc.array(segment, { maxLength: 4 }).map(segments => `$${segments.join('')}`)
  fc.assert(
    fc.property(tree, path, (tree, path) => {
      const ignoring = rule(IGNORE, path)
      const marks = compileRules([ignoring], AT).begin().marksFor(tree)
      for (const { pointer, isIgnored } of placesIn(tree, marks)) {
        const covered = covers(ignoring, { kind: 'value', path: collapsePointer(pointer) })
        if (covered !== null && covered !== isIgnored) throw new Error(`${pointer}: ${covered}, marked: ${isIgnored}`)
      }
    }),
    { numRuns: 500 },
  )
  t.pass('held')
})

function* placesIn(
  tree: Json,
  marks: Marks | null,
): Iterable<{ readonly pointer: string; readonly isIgnored: boolean }> {
  const waiting = [{ value: tree, steps: [] as readonly (string | number)[], isIgnored: marks?.root != null }]
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const { value, steps, isIgnored } = place
    yield { pointer: pointerOf(steps), isIgnored }
    if (!isContainer(value)) continue
    for (const [name, inner] of Object.entries(value)) {
      const key = Array.isArray(value) ? Number(name) : name
      const isMarked = (marks?.at(value, key) ?? null) !== null
      waiting.push({ value: inner, steps: [...steps, key], isIgnored: isIgnored || isMarked })
    }
  }
}
