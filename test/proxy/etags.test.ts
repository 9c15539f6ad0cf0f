// Entity tags of two sides under one URL.
import fc from 'fast-check'
import t from 'tap'
import { areForeign, conditionForSide, etagForSide, etagPerSide } from '../../src/proxy/etags.ts'

/** What may stand in a field: any byte. */
const latin1 = fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes).toString('latin1'))

t.test('a tag bears its side and keeps its form', async t => {
  const cases: [etag: string, marked: string][] = [
    ['"abc"', '"abc~n"'],
    ['W/"abc"', 'W/"abc~n"'],
    ['""', '"~n"'],
    ['"a~l"', '"a~l~n"'],
    ['abc', 'abc~n'],
    ['"', '"~n'],
    ['', '~n'],
  ]
  for (const [etag, marked] of cases) t.equal(etagPerSide(etag, 'new'), marked, etag)
  t.equal(etagPerSide('"abc"', 'legacy'), '"abc~l"')
})

t.test('If-None-Match: a side gets its own back', async t => {
  const cases: [text: string, left: string][] = [
    ['"a~n"', '"a"'],
    ['W/"a~n"', 'W/"a"'],
    ['"a~n", W/"b~l" ,"c~n"', '"a", "c"'],
    ['"a~l"', ''],
    ['"a"', ''],
    ['*', '*'],
    ['"a,~n"', '"a,"'],
    ['"a\\", "b~n"', '"b"'],
    ['a~n', 'a'],
    ['"~n"', '""'],
    ['~n', ''],
    ['"a~n', ''],
    ['', ''],
  ]
  for (const [text, left] of cases) t.equal(etagForSide(text, 'new'), left, text)
})

t.test('If-Match and If-Range fail where they cannot be asked', async t => {
  t.equal(conditionForSide('if-match', '"a~n", "b~l"', 'new'), '"a"')
  t.equal(conditionForSide('if-match', '"b~l"', 'new'), '"banyan:other-side"')
  t.equal(conditionForSide('if-match', '"b"', 'new'), '"banyan:other-side"')
  t.equal(conditionForSide('if-match', '*', 'new'), '*')
  t.equal(conditionForSide('if-range', '"a~l"', 'legacy'), '"a"')
  t.equal(conditionForSide('if-range', '"a~l"', 'new'), '"banyan:other-side"')
  t.equal(conditionForSide('if-range', 'a~l', 'legacy'), 'a')
  t.equal(conditionForSide('if-range', 'Tue, 15 Nov 1994 12:45:26 GMT', 'new'), 'Tue, 15 Nov 1994 12:45:26 GMT')
  t.equal(conditionForSide('if-none-match', '"a~l"', 'new'), '')
  t.ok(areForeign('"a~l", "b"', 'new'))
  t.notOk(areForeign('"a~l", "b~n"', 'new') || areForeign('*', 'new'))
})

t.test('there and back, among others’', async () => {
  const tag = fc
    .tuple(fc.constantFrom('', 'W/'), fc.stringMatching(/^[!#-~\x80-\xff]{0,10}$/))
    .map(([weak, text]) => `${weak}"${text}"`)
  const side = fc.constantFrom('legacy' as const, 'new' as const)
  fc.assert(
    fc.property(fc.array(fc.tuple(tag, side), { maxLength: 5 }), side, (tags, mine) => {
      const text = tags.map(([tag, side]) => etagPerSide(tag, side)).join(', ')
      const expected = tags.filter(([, side]) => side === mine).map(([tag]) => tag)
      return etagForSide(text, mine) === expected.join(', ')
    }),
  )
  fc.assert(fc.property(latin1, side, (text, side) => etagForSide(text, side).length <= text.length + 2))
  for (const piece of ['"', ',', '"a~n",', '\\']) etagForSide(piece.repeat(200_000), 'new')
})
