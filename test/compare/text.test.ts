// The place where two texts begin to differ, in pieces that a person can read.
import t from 'tap'
import { excerpt, firstTextDifference } from '../../src/compare/text.ts'

t.test('short texts are shown whole', async t => {
  t.same(firstTextDifference('hello\nworld', 'hello\nwurld'), {
    legacy: 'hello\nworld',
    new: 'hello\nwurld',
    note: 'line 2, column 2',
  })
  t.equal(firstTextDifference('a', 'ab').note, 'line 1, column 2')
  t.equal(firstTextDifference('', 'ab').note, 'line 1, column 1')
  t.equal(firstTextDifference('a\n', 'a\r\n').note, 'line 1, column 2')
})

t.test('long ones around the place', async t => {
  const text = 'x'.repeat(1000)
  const shown = firstTextDifference(`${text}A${text}`, `${text}B${text}`)
  t.equal(shown.legacy, `…${'x'.repeat(40)}A${'x'.repeat(79)}…`)
  t.equal(shown.new, `…${'x'.repeat(40)}B${'x'.repeat(79)}…`)
  t.equal(shown.note, 'line 1, column 1001')
  t.equal(excerpt(`${text}A`, 1000), `…${'x'.repeat(40)}A`)
  t.equal(excerpt(`A${text}`, 0), `A${'x'.repeat(119)}…`)
  t.equal(excerpt('😀'.repeat(200), 101).isWellFormed(), true, 'no half of a character')
})
