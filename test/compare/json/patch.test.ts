// Patches: applied to legacy's tree they give new's.
import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { type Operation, toPatch } from '../../../src/compare/json/patch.ts'
import type { Json } from '../../../src/compare/json/read.ts'
import { runs, SEED } from '../../wire/seed.ts'
import { anyTree, applied, diff, shown, treeOf } from './trees.ts'

t.comment(`SEED=${SEED}`)

function patchOf(legacy: Json, fresh: Json): Operation[] {
  return toPatch(diff(legacy, fresh).differences)
}

t.test('operations, in the order in which their indexes are right', async t => {
  const rows: readonly (readonly [string, string, readonly Operation[]])[] = [
    ['1', '1', []],
    ['1', '"x"', [{ op: 'replace', path: '', value: 'x' }]],
    [
      '{"a":1}',
      '{"b":1}',
      [
        { op: 'remove', path: '/a' },
        { op: 'add', path: '/b', value: 1 },
      ],
    ],
    ['[1,2]', '[2,1]', [{ op: 'replace', path: '', value: [2, 1] }]],
    [
      '[1,2,3,4]',
      '[2]',
      [
        { op: 'remove', path: '/3' },
        { op: 'remove', path: '/2' },
        { op: 'remove', path: '/0' },
      ],
    ],
    [
      '[0,1,{"a":1},9]',
      '[1,{"a":2,"b":3},8,9]',
      [
        { op: 'replace', path: '/2/a', value: 2 },
        { op: 'remove', path: '/0' },
        { op: 'add', path: '/1/b', value: 3 },
        { op: 'add', path: '/2', value: 8 },
      ],
    ],
  ]
  for (const [legacy, fresh, patch] of rows)
    t.same(patchOf(treeOf(legacy), treeOf(fresh)), patch, `${legacy} → ${fresh}`)
  const many = Array.from({ length: 12 }, (_, i) => `n${i}`)
  t.same(applied(['x'], patchOf(['x'], [...many, 'x'])), [...many, 'x'], '10 comes after 9')
})

t.test('applied to legacy, a patch gives new', async t => {
  fc.assert(
    fc.property(anyTree, anyTree, (legacy, fresh) => {
      const result = applied(legacy, patchOf(legacy, fresh))
      return shown(diff(result, fresh)).length === 0
    }),
    runs(1_500),
  )
  t.pass('1,500 pairs')
})

t.test('the same of arrays of much the same', async t => {
  const element = fc.oneof(
    fc.nat(4),
    fc.record({ id: fc.nat(3), v: fc.nat(2), w: fc.array(fc.nat(2), { maxLength: 3 }) }),
  )
  const array = fc.array(element, { maxLength: 14 }) as fc.Arbitrary<Json>
  fc.assert(
    fc.property(
      array,
      array,
      (legacy, fresh) => shown(diff(applied(legacy, patchOf(legacy, fresh)), fresh)).length === 0,
    ),
    runs(1_500),
  )
  t.pass('1,500 pairs')
})

t.test('suite of wI2L/jsondiff: patches of ours give `after`', async t => {
  const suite = '../shared/suites/jsondiff/'
  if (!existsSync(suite)) return t.pass(`skipped: ${suite} is absent`)
  const files = ['array', 'object', 'rfc', 'root', 'options/lcs', 'options/factorization', 'options/rationalization']
  const more = ['options/all', 'options/invertible', 'options/ignore', 'options/equivalence', 'options/lcs+equivalence']
  const merges = ['array', 'object', 'rfc'].map(name => `mergepatch/${name}`)
  let count = 0
  for (const file of [...[...files, ...more].map(name => `jsonpatch/${name}`), ...merges]) {
    const text = readFileSync(`${suite}${file}.json`, 'utf8')
    for (const { name, before, after } of JSON.parse(text) as { name: string; before: Json; after: Json }[]) {
      t.same(applied(before, patchOf(before, after)), after, `${file}: ${name}`)
      count++
    }
  }
  t.ok(count > 100, `${count} pairs`)
})
