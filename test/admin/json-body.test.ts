// Bodies of calls: what JSON.parse would take without a word, and must not.
import t from 'tap'
import { twiceIn } from '../../src/admin/json-body.ts'

t.test('keys that come twice are named by their place', async t => {
  const rows: readonly (readonly [text: string, ...pointers: string[]])[] = [
    ['{"percent":5,"percent":50}', '/percent'],
    ['{"percent":5,"percent":5}', '/percent'],
    ['{"percent":5,"perc\\u0065nt":50}', '/percent'],
    ['{"a":{"b":[{"c/d":1,"c/d":2}]}}', '/a/b/0/c~1d'],
    ['{"a":1,"a":2,"a":3,"b":{"c":1,"c":1}}', '/a', '/b/c'],
    ['{"a":{"b":1},"c":{"b":1}}'],
    ['[{"a":1},{"a":1}]'],
    ['{"reason":"\\"a\\":1,\\"a\\":2"}'],
    ['{"percent":0.1234567890123456789}'],
    ['5'],
  ]
  for (const [text, ...pointers] of rows) {
    t.same(
      (twiceIn(text)?.details.errors as { pointer: string }[] | undefined)?.map(one => one.pointer) ?? [],
      pointers,
      text,
    )
  }
})

t.test('many are not listed, nor long ones repeated', async t => {
  const many = `{${Array.from({ length: 500 }, (_, i) => `"${'k'.repeat(100)}${i}":1,"${'k'.repeat(100)}${i}":1`).join()}}`
  const said = JSON.stringify(twiceIn(many)?.details)
  t.equal(said.split('comes more than once').length, 6)
  t.ok(said.length < 1_000)
})
