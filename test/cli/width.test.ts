// Columns of a terminal: wide characters take two, combining marks none.
import t from 'tap'
import { cut } from '../../src/cli/print.ts'
import { beginningOf, columnsOf } from '../../src/cli/width.ts'

t.test('how wide', async t => {
  const rows: readonly (readonly [string, number])[] = [
    ['', 0],
    ['orders', 6],
    ['–…█│é', 5],
    ['e\u0301', 1],
    ['仮名', 4],
    ['ｆｕ', 4],
    ['한글', 4],
    ['🦜', 2],
    ['🇩🇪', 2],
    ['a仮b', 4],
  ]
  for (const [text, columns] of rows) t.equal(columnsOf(text), columns, JSON.stringify(text))
})

t.test('a beginning never takes more, and keeps marks with their letter', async t => {
  t.equal(beginningOf('仮名', 3), '仮')
  t.equal(beginningOf('e\u0301a', 1), 'e\u0301')
  t.equal(beginningOf('abc', 0), '')
  t.equal(beginningOf('abc', -1), '')
  t.equal(cut('仮名文字', 5), '仮名…')
  for (let width = 1; width < 12; width++) t.ok(columnsOf(cut('a仮b名c文d字e', width)) <= width)
})
