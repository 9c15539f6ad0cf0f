// Side by side: what is marked, which lines stand beside each other, what is shown of lines that are too long.
import t from 'tap'
import type { Look } from '../../../src/cli/print.ts'
import { sideBySide } from '../../../src/cli/views/side-by-side.ts'
import { type Line, linesOf } from '../../../src/compare/beside.ts'

const look: Look = { paint: (_, text) => text, width: 43 }

function bodies(legacy: unknown, fresh: unknown, path: string): readonly string[] {
  const lines = (body: unknown) => linesOf(JSON.stringify(body), pointer => pointer === path)
  return sideBySide(lines(legacy), lines(fresh), look).lines.map(line => line.replace(/ +/g, ' ').trim())
}

t.test('only what is looked at is marked as that', async t => {
  t.same(bodies({ id: 1, total: 2, at: 3 }, { id: 1, total: 9, at: 4 }, '/total'), [
    '{ {',
    '"id": 1, "id": 1,',
    '"total": 2, ≠ "total": 9,',
    '"at": 3 ~ "at": 4',
    '} }',
  ])
})

t.test('members with different names are no pair, and a comma is no difference', async t => {
  t.same(bodies({ a: 1, gone: 2 }, { a: 1, added: 3, b: 4 }, '/gone'), [
    '{ {',
    '"a": 1, "a": 1,',
    '"gone": 2 <',
    '~ "added": 3,',
    '~ "b": 4',
    '} }',
  ])
  t.same(bodies({ a: 1, gone: 2 }, { a: 1 }, '/gone'), ['{ {', '"a": 1, "a": 1', '"gone": 2 <', '} }'])
  t.same(bodies({ a: 1 }, { a: 1, extra: 2 }, '/extra').at(2), '> "extra": 2')
})

t.test('headers with different names are no pair', async t => {
  const header = (about: string, value: string): Line => ({ text: `${about}: ${value}`, about, counts: false })
  const { lines, marks } = sideBySide(
    [header('etag', 'a'), header('server', 'x')],
    [header('date', 'z'), header('server', 'y')],
    look,
  )
  t.same(
    lines.map(line => line.replace(/ +/g, ' ').trim()),
    ['etag: a ~', '~ date: z', 'server: x ~ server: y'],
  )
  t.same([...marks], ['other'])
})

t.test('of long lines, the stretch around the first difference', async t => {
  const line = (end: string) => linesOf(`${'a'.repeat(100)}${end}${'z'.repeat(100)}`, () => true)
  const [only = ''] = sideBySide(line('1'), line('2'), look).lines
  t.match(only, /^…a+1z+… ≠ …a+2z+…$/)
  t.ok(only.length <= 43, only)
  const [near = ''] = sideBySide(
    linesOf(`b1${'z'.repeat(100)}`, () => true),
    linesOf(`b2${'z'.repeat(100)}`, () => true),
    look,
  ).lines
  t.match(near, /^b1z+… ≠ b2z+…$/)
  const member = (end: string) => linesOf(`{"at":"${'a'.repeat(50)}${end}"}`, () => true)
  t.match(sideBySide(member('1'), member('2'), look).lines[1], /^ {2}"at": …a+1" +≠ {3}"at": …a+2"$/)
})

t.test('what is no JSON stays as it is, and numbers beyond a double do', async t => {
  t.same(
    linesOf('a\r\nb', pointer => pointer === null),
    [
      { text: 'a', about: '', counts: true },
      { text: 'b', about: '', counts: true },
    ],
  )
  t.equal(linesOf('{"id":12345678901234567890}', () => false)[0]?.text, '{"id":12345678901234567890}')
  t.equal(linesOf(JSON.stringify(Array(5_000).fill(1)), () => false).at(-1)?.text, '…')
  t.same(
    linesOf('{"a/b":{},"list":[]}', pointer => pointer === '/a~1b').map(({ text, counts }) => [text, counts]),
    [
      ['{', false],
      ['  "a/b": {},', true],
      ['  "list": []', false],
      ['}', false],
    ],
  )
})
