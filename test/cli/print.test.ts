// Text is harmless, tables are aligned, numbers carry their units.
import t from 'tap'
import type { CliIo } from '../../src/cli/io.ts'
import {
  type Column,
  json,
  type Look,
  listing,
  lookOf,
  millis,
  moment,
  percent,
  rate,
  ratio,
  safe,
  safeLines,
  span,
  table,
  widthOf,
  wrap,
} from '../../src/cli/print.ts'

const plain: Look = { paint: (_, text) => text, width: null }

t.test('nothing moves a cursor or turns text around', async t => {
  t.equal(safe('a\x1b[31mb'), 'a\\x1b[31mb')
  t.equal(safe('a\nb\tc\rd\x07'), 'a\\nb\\tc\\rd\\x07')
  t.equal(safe('\x9b2J\x7f'), '\\x9b2J\\x7f', 'C1 and DEL too')
  t.equal(safe('abc\u202edef\u2066'), 'abc\\u{202e}def\\u{2066}')
  t.equal(safe('\ud800'), '\\u{d800}')
  t.equal(safe('żółw 🐢'), 'żółw 🐢')
  t.equal(safeLines('a\nb\x1b'), 'a\nb\\x1b')
})

t.test('JSON stays the same for a parser', async t => {
  const value = { text: 'a\x1b\x9b\u202e\u{e0001}"\n', list: [1, null] }
  const text = json(value)
  t.same(JSON.parse(text), value)
  t.notMatch(text, /[\p{Cf}\p{Zl}\x7f-\x9f]/u)
  t.match(text, /\n {2}"list"/)
  t.equal(json(undefined), 'null')
  t.equal(json({ a: 1 }, 0), '{"a":1}')
})

t.test('tables', async t => {
  interface Row {
    readonly id: string
    readonly n: number
  }
  const columns: readonly Column<Row>[] = [
    { title: 'ID', cut: true, of: row => row.id },
    { title: 'N', right: true, of: row => String(row.n) },
    { title: 'X', of: () => 'x' },
  ]
  const rows = [
    { id: 'a', n: 5 },
    { id: 'a-route-with-a-long-name', n: 1000 },
  ]
  t.same(table(columns, rows, plain), [
    'ID                           N  X',
    'a                            5  x',
    'a-route-with-a-long-name  1000  x',
  ])
  t.equal(widthOf(columns, rows), 33)
  t.same(table(columns, rows, { ...plain, width: 20 }), [
    'ID              N  X',
    'a               5  x',
    'a-route-wi…  1000  x',
  ])
  t.match(table(columns, rows, { ...plain, width: 5 })[2], /^a-route…/, 'never cut to nothing')
  t.match(table(columns, [{ id: 'x\x1b[2J', n: 1 }], plain)[1], /^x\\x1b\[2J/)
})

t.test('numbers', async t => {
  t.equal(percent(25), '25%')
  t.equal(percent(24.836), '24.84%')
  t.equal(percent(null), '–')
  t.equal(ratio(0.001), '0.10%')
  t.equal(ratio(null), '–')
  t.equal(rate(4.14), '4.1')
  t.equal(rate(1234.5), '1235')
  t.equal(millis(0.72), '0.7ms')
  t.equal(millis(12.6), '13ms')
  t.equal(millis(null), '–')
  t.equal(span(45), '45s')
  t.equal(span(200), '3m 20s')
  t.equal(span(18_720), '5h 12m')
  t.equal(span(187_200), '2d 4h')
  t.equal(moment(Date.UTC(2026, 0, 2, 10)), '2026-01-02T10:00:00Z')
  t.equal(moment(1e99), '–', 'a moment that no date can hold')
})

t.test('colour only where it is wanted', async t => {
  const io = (env: Record<string, string>) => ({ env }) as unknown as CliIo
  const tty = { write: () => true, isTTY: true, columns: 100 }
  const pipe = { write: () => true, isTTY: false }
  const red = (look: Look) => look.paint('red', 'x')
  t.equal(red(lookOf(io({}), tty, true)), '\x1b[31mx\x1b[39m')
  t.equal(red(lookOf(io({ NO_COLOR: '' }), tty, true)), '\x1b[31mx\x1b[39m', 'empty does not count (no-color.org)')
  t.equal(red(lookOf(io({ NO_COLOR: '1' }), tty, true)), 'x')
  t.equal(red(lookOf(io({ TERM: 'dumb' }), tty, true)), 'x')
  t.equal(red(lookOf(io({}), tty, false)), 'x', '--no-color')
  t.equal(red(lookOf(io({}), pipe, true)), 'x')
  t.equal(lookOf(io({}), pipe, true).width, null)
  t.equal(lookOf(io({}), tty, true).width, 100)
})

t.test(
  'listing: a table where it fits, then sentences below, then lines of its own for each row; nothing is cut',
  async t => {
    const columns: readonly Column<readonly string[]>[] = [
      { title: 'ID', head: true, of: row => row[0] ?? '' },
      { title: 'STATE', of: row => row[1] ?? '' },
      { title: 'OWNER', of: row => row[2] ?? '' },
      { title: 'WHY', below: true, of: row => row[3] ?? '' },
    ]
    const rows = [['0123456789ab', 'noise', '–', 'it is like that\x1b everywhere']]
    t.same(listing(columns, rows, { ...plain, width: null }), [
      'ID            STATE  OWNER  WHY',
      '0123456789ab  noise  –      it is like that\\x1b everywhere',
    ])
    t.same(listing(columns, rows, { ...plain, width: 30 }), [
      'ID            STATE  OWNER',
      '0123456789ab  noise  –',
      '  it is like that\\x1b',
      '    everywhere',
    ])
    t.same(listing(columns, rows, { ...plain, width: 10 }), [
      '0123456789ab',
      '  state noise',
      '  it is',
      '    like',
      '    that\\x1b',
      '    everywhere',
    ])
    const styled: Look = { paint: (_, text) => `\x1b[1m${text}\x1b[22m`, width: 12 }
    t.equal(
      listing(
        [
          { title: 'A', head: true, of: () => 'abc' },
          { title: 'B', head: true, of: () => 'defg' },
          { title: 'LONG', of: () => 'long enough' },
        ],
        ['x'],
        styled,
      )[0],
      '\x1b[1mabc\x1b[22m  \x1b[1mdefg\x1b[22m',
      'colours take no room',
    )
    t.same(wrap('a b', null), ['a b'])
    t.same(wrap('why:  one two', 9), ['why:  one', '  two'])
  },
)
