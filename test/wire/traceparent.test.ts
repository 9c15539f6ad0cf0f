// `traceparent` by the rules of W3C Trace Context: what is one, what is none, and that ours can be read again.
import fc from 'fast-check'
import t from 'tap'
import { readTraceparent, writeTraceparent } from '../../src/wire/traceparent.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length })
    .map(digits => digits.join(''))
const id = (length: number) => hex(length).filter(text => !/^0+$/.test(text))

t.test('the example of the specification', async t => {
  t.same(readTraceparent(`00-${TRACE}-${SPAN}-01`), { traceId: TRACE, spanId: SPAN, isSampled: true, isRandom: false })
  t.same(readTraceparent(`00-${TRACE}-${SPAN}-02`), { traceId: TRACE, spanId: SPAN, isSampled: false, isRandom: true })
})

t.test('none, and malformed ones', async t => {
  t.equal(readTraceparent(null), null)
  for (const value of [
    '',
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01-`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}-${SPAN}-0g`,
    `ff-${TRACE}-${SPAN}-01`,
    `0-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
    `00_${TRACE}_${SPAN}_01`,
    ` 00-${TRACE}-${SPAN}-01`,
    `cc-${TRACE}-${SPAN}-01.more`,
  ]) {
    t.equal(readTraceparent(value), null, value)
  }
})

t.test('a later version is read as far as it is known', async t => {
  for (const more of ['', '-', '-what-the-future-will-be-like']) {
    t.match(readTraceparent(`cc-${TRACE}-${SPAN}-01${more}`), { traceId: TRACE, isSampled: true }, more)
  }
})

t.test('every valid one is read, whatever its flags; ours is the first version of it', async t => {
  const version = hex(2).filter(text => text !== 'ff')
  fc.assert(
    fc.property(version, id(32), id(16), hex(2), (version, traceId, spanId, flags) => {
      const read = readTraceparent(`${version}-${traceId}-${spanId}-${flags}`)
      const bits = Number.parseInt(flags, 16)
      t.same(read, { traceId, spanId, isSampled: bits % 2 === 1, isRandom: (bits >> 1) % 2 === 1 })
      const written = writeTraceparent(read as NonNullable<typeof read>)
      t.match(written, /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/)
      t.same(readTraceparent(written), read)
    }),
    { numRuns: 200 },
  )
  t.pass('checked')
})

t.test('whatever else comes is none, and nothing is thrown', async t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), text => readTraceparent(text) === null),
    { numRuns: 500 },
  )
  // One digit away from a valid one.
  const valid = `00-${TRACE}-${SPAN}-01`
  fc.assert(
    fc.property(fc.nat(valid.length - 1), fc.constantFrom(...'gGZ_ .\u00e9,'), (at, letter) => {
      return readTraceparent(`${valid.slice(0, at)}${letter}${valid.slice(at + 1)}`) === null
    }),
  )
  t.pass('checked')
})
