// Bodies out of their framing: wherever the bytes are cut, and what is refused.
import fc from 'fast-check'
import t from 'tap'
import type { Quirk } from '../../src/model/route.ts'
import { type BodyReader, bodyReader, chunkLine, lastChunk } from '../../src/wire/body.ts'
import { CHUNKED, NO_BODY, UNTIL_CLOSE } from '../../src/wire/framing.ts'
import { HeadError, type Lenience } from '../../src/wire/lenience.ts'
import { changes, mutated, plainFields } from './heads.ts'
import { plainChunks } from './reference.ts'
import { runs, SEED } from './seed.ts'

t.comment(`SEED=${SEED}`)

/** In pieces that end where `cuts` say; what was taken, and where the body ended in all of it. */
function read(reader: BodyReader | null, text: string, cuts: readonly number[]) {
  let data = ''
  let end = 0
  let from = 0
  for (const to of [...cuts, text.length]) {
    if (reader === null || reader.done) break
    // Something stands before it, as a head does: nobody may count from the beginning of the bytes.
    const taken = reader.read(Buffer.from(`--${text.slice(from, to)}`, 'latin1'), 2, piece => {
      data += piece.toString('latin1')
    })
    end = from + taken - 2
    from = to
  }
  return { data, end, done: reader?.done, trailers: reader?.trailers }
}

const WHOLE = [
  '0\r\n\r\n',
  '5\r\nhello\r\n0\r\n\r\n',
  '00A;ext="a;b"\r\n0123456789\r\n1\r\n\n\r\n000\r\n\r\n',
  '2;a\tb\xe9\r\n\r\n\r\n0;last\r\nX-A: 1\r\nX-B:\r\nx-a: \t2 \t\r\n\r\n',
]

t.test('cut at every byte, and at every two', async t => {
  for (const text of WHOLE) {
    const wanted = read(bodyReader(CHUNKED), `${text}NEXT`, [])
    const plain = plainChunks(`${text}NEXT`)
    t.same(wanted, { data: plain?.data, end: text.length, done: true, trailers: plain?.trailers }, JSON.stringify(text))
    let wrong = 0
    for (let a = 1; a < text.length + 4; a++) {
      for (let b = a; b < text.length + 4; b++) {
        if (JSON.stringify(read(bodyReader(CHUNKED), `${text}NEXT`, [a, b])) !== JSON.stringify(wanted)) wrong++
      }
    }
    t.equal(wrong, 0)
  }
})

const REFUSED: readonly (readonly [text: string, why: string])[] = [
  ['\r\n', 'a chunk without a size'],
  [';a\r\n', 'a chunk without a size'],
  ['-1\r\n', 'a chunk without a size'],
  [' 1\r\n', 'a chunk without a size'],
  ['1g\r\n', 'a chunk’s size is not hexadecimal'],
  ['0x1\r\n', 'a chunk’s size is not hexadecimal'],
  ['1\n', 'a chunk’s size is not hexadecimal'],
  ['00000000000001', 'a chunk that is too large'],
  ['fffffffffffff0', 'a chunk that is too large'],
  ['1;a\n', 'a control byte in a chunk extension'],
  ['1;a\0', 'a control byte in a chunk extension'],
  ['1;a\x7f', 'a control byte in a chunk extension'],
  [`1;${'a'.repeat(16 * 1024 + 1)}`, 'chunk extensions without end'],
  [`1;${'a'.repeat(9000)}\r\nx\r\n1;${'a'.repeat(9000)}`, 'chunk extensions without end'],
  ['1\rx', 'a chunk’s size line does not end with CR LF'],
  ['1;a\r\r', 'a chunk’s size line does not end with CR LF'],
  ['1\r\nab', 'a chunk is longer than its size'],
  ['1\r\na\n', 'a chunk is longer than its size'],
  ['1\r\na\ra', 'a chunk does not end with CR LF'],
  ['1 \r\n', 'a space in a chunk’s size'],
  ['1\t\r\n', 'a space in a chunk’s size'],
  ['0\r\n\n', 'a trailer ends with a bare LF'],
  ['0\r\nX: a\n', 'a trailer ends with a bare LF'],
  ['0\r\nX: a\n\r\n\r\n', 'a control byte, a bare CR or a bare LF in the trailers'],
  ['0\r\nX: a\0\r\n\r\n', 'a control byte, a bare CR or a bare LF in the trailers'],
  ['0\r\nX: a\rb\r\n\r\n', 'a control byte, a bare CR or a bare LF in the trailers'],
  ['0\r\nX\r\n\r\n', 'a line without a colon'],
  ['0\r\nX : a\r\n\r\n', 'a trailer’s name is not a token'],
  ['0\r\n X: a\r\n\r\n', 'a folded line or an empty name'],
  ['0\r\n: a\r\n\r\n', 'a folded line or an empty name'],
  [`0\r\n${'X: y\r\n'.repeat(101)}\r\n`, 'too many fields'],
  [`0\r\nX: ${'y'.repeat(16 * 1024)}`, 'trailers without end'],
]

t.test('refused, with the reason; no quirk helps, but the one for blanks', async t => {
  for (const [text, why] of REFUSED) {
    const quirk = why.startsWith('a space') ? 'space-in-chunk-size' : null
    t.throws(() => read(bodyReader(CHUNKED), text, []), { message: why, quirk }, JSON.stringify(text.slice(0, 40)))
  }
})

t.test('blanks in a chunk’s size, where they are let in', async t => {
  const noted: Quirk[] = []
  const lenience: Lenience = { accept: new Set<Quirk>(['space-in-chunk-size']), note: quirk => noted.push(quirk) }
  t.match(read(bodyReader(CHUNKED, lenience), '2  \r\nhi\r\n0\t\r\n\r\n', []), { data: 'hi', done: true })
  t.same(noted, ['space-in-chunk-size', 'space-in-chunk-size'], 'once a chunk')
  for (const [text, why] of [
    ['2 3\r\n', 'a chunk’s size is not hexadecimal'],
    [`2${' '.repeat(16 * 1024 + 1)}`, 'blanks without end'],
  ] as const) {
    t.throws(() => read(bodyReader(CHUNKED, lenience), text, []), { message: why })
  }
})

t.test('by length, until the close, and none', async t => {
  for (let cut = 0; cut <= 8; cut++) {
    t.same(read(bodyReader({ kind: 'length', bytes: 5 }), 'helloNEXT', [cut]), {
      data: 'hello',
      end: 5,
      done: true,
      trailers: [],
    })
    t.match(read(bodyReader(UNTIL_CLOSE), 'helloNEXT', [cut]), { data: 'helloNEXT', end: 9, done: false })
  }
  t.equal(bodyReader({ kind: 'length', bytes: 0 })?.done, true)
  t.match(read(bodyReader({ kind: 'length', bytes: 10 }), 'short', []), { data: 'short', done: false })
  t.equal(bodyReader(NO_BODY), null)
})

const chunks = fc.array(fc.string({ minLength: 1, maxLength: 40, unit: 'binary-ascii' }), { maxLength: 5 })
const cuts = fc.array(fc.nat({ max: 200 }), { maxLength: 5 }).map(all => all.sort((a, b) => a - b))

function written(pieces: readonly string[], trailers: readonly (readonly string[])[]): string {
  return `${pieces.map(piece => `${chunkLine(piece.length)}${piece}\r\n`).join('')}${lastChunk(trailers.flat())}`
}

t.test('what is written is read back', async () => {
  fc.assert(
    fc.property(chunks, plainFields, cuts, (pieces, trailers, at) => {
      const text = written(pieces, trailers)
      const found = read(bodyReader(CHUNKED), `${text}NEXT`, at)
      const wanted = { data: pieces.join(''), end: text.length, done: true, trailers: trailers.flat() }
      return JSON.stringify(found) === JSON.stringify(wanted)
    }),
    runs(1000),
  )
})

t.test('a plain reader takes and refuses the same, whatever goes wrong on the way and wherever it is cut', async () => {
  fc.assert(
    fc.property(chunks, plainFields, changes, cuts, (pieces, trailers, by, at) => {
      const text = `${mutated(written(pieces, trailers), by)}NEXT`
      const plain = plainChunks(text)
      const ours = complete(text, at)
      const wanted = plain === null ? null : { data: plain.data, end: plain.end, trailers: plain.trailers }
      if (JSON.stringify(ours) !== JSON.stringify(wanted)) throw new Error(`${JSON.stringify({ text, ours, wanted })}`)
    }),
    runs(10_000),
  )
})

/** null: refused, or it has not ended. */
function complete(text: string, at: readonly number[]) {
  try {
    const { done, data, end, trailers } = read(bodyReader(CHUNKED), text, at)
    return done ? { data, end, trailers } : null
  } catch (error) {
    if (error instanceof HeadError) return null
    throw error
  }
}
