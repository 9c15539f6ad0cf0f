// Lines of JSON, event streams and forms as trees.
import t from 'tap'
import { Meter } from '../../src/compare/json/meter.ts'
import { readEvents, readForms, readLines } from '../../src/compare/records.ts'
import { POLICY } from './answers.ts'

let clock = 0
const meter = new Meter(POLICY.budget, () => 0)
/** Always later. */
const late = () => new Meter({ ...POLICY.budget, timeMs: 1 }, () => clock++)

t.test('lines', async t => {
  t.same(readLines('{"a":1}\n\n[2]\r\n"x"\n', meter), { tree: [{ a: 1 }, [2], 'x'], duplicates: [] })
  t.same(readLines('\u001e{"a":1}\n\u001e2\n', meter), { tree: [{ a: 1 }, 2], duplicates: [] }, 'a sequence')
  t.same(readLines('1\n{"a":1,"a":2}', meter), { tree: [1, { a: 2 }], duplicates: ['/1/a'] })
  t.same(readLines('', meter), { tree: [], duplicates: [] })
  for (const text of ['1\n{"a":', '1\n2,3', '1\n[2\n3]']) {
    t.match(readLines(text, meter), { wrong: /^record 1$/ }, text)
  }
  t.throws(() => readLines('1\n'.repeat(10_000), late()), { message: 'it took longer than 1 ms' })
})

t.test('events', async t => {
  const stream =
    ': hello\nevent: a\r\ndata: {"b":\r\ndata: 1}\n\nid:7\rdata\rdata: x\r\rretry: 10\n\n\nnonsense: 1\n\ndata:cut'
  t.same(readEvents(stream, meter).tree, [
    { event: 'a', data: { b: 1 } },
    { id: '7', data: '\nx' },
    { retry: '10' },
    { data: 'cut' },
  ])
  t.same(readEvents('data: {"a":1,"a":2}\n\n', meter).duplicates, ['/0/data/a'])
  t.throws(() => readEvents('data: 1\n'.repeat(10_000), late()), { message: 'it took longer than 1 ms' })
})

t.test('forms', async t => {
  t.same(readForms('a=1&b=x+y%21&b=2', 'b=3&a=1&c\n'), [
    { tree: { a: '1', b: ['x y!', '2'] }, duplicates: [] },
    { tree: { b: ['3'], a: '1', c: '' }, duplicates: [] },
  ])
  t.same(Object.keys(readForms('__proto__=1', '')[0].tree as object), ['__proto__'])
})
