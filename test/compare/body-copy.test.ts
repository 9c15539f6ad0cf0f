// Copying bodies: whole below the limit, by blocks above it, whatever the pieces were; and what is known of two copies.
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import {
  BLOCK_BYTES,
  BodyCopier,
  detached,
  equalBytes,
  firstDifference,
  START_BYTES,
  sameBytes,
} from '../../src/compare/body-copy.ts'
import type { BodyCopy } from '../../src/model/comparison.ts'

const KEEP = 100_000

function copyOf(bytes: Uint8Array, { keep = KEEP, piece = 7001, complete = true } = {}): BodyCopy {
  const copier = new BodyCopier(keep)
  // One buffer for all pieces, as a socket has it.
  const shared = Buffer.alloc(piece)
  for (let at = 0; at < bytes.length; at += piece) {
    const part = bytes.subarray(at, at + piece)
    shared.set(part)
    copier.add(shared.subarray(0, part.length))
  }
  if (copier.length !== bytes.length) throw new Error('bytes are lost')
  return copier.end(complete)
}

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 255)
}

t.test('a small body is kept whole', async t => {
  t.equal(new BodyCopier(KEEP).end(true), BodyCopier.EMPTY)
  t.same(new BodyCopier(KEEP).end(false), { length: 0, complete: false, start: new Uint8Array(0), blocks: null })
  for (const length of [1, 200, 7001, 7002, 50_000, KEEP]) {
    const copy = copyOf(pattern(length))
    t.equal(copy.blocks, null)
    t.equal(Buffer.compare(copy.start, pattern(length)), 0)
    const own = detached(copy).start
    t.equal(own.buffer.byteLength, length, 'nothing else is in that memory')
    t.equal(Buffer.compare(own, copy.start), 0)
  }
})

t.test('a larger one by hashes of 64 KiB, whatever the pieces were', async t => {
  for (const length of [KEEP + 1, 2 * BLOCK_BYTES, 2 * BLOCK_BYTES + 1, 300_000]) {
    const bytes = pattern(length)
    const expected = Array.from({ length: Math.ceil(length / BLOCK_BYTES) }, (_, i) =>
      createHash('sha256')
        .update(bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES))
        .digest('hex'),
    )
    for (const piece of [1000, 65536, 99_999, 500_000]) {
      const copy = copyOf(bytes, { piece })
      t.same(copy.blocks, expected, `${length} in pieces of ${piece}`)
      t.equal(Buffer.compare(copy.start, bytes.subarray(0, START_BYTES)), 0)
      t.equal(copy.length, length)
    }
  }
  const tiny = copyOf(pattern(300), { keep: 100, piece: 30 })
  t.same(Buffer.from(tiny.start), Buffer.from(pattern(120)), 'up to the piece that was too much')
  t.equal(tiny.blocks?.length, 1)
  t.equal(copyOf(pattern(5), { keep: 0 }).blocks?.length, 1)
})

t.test('what can be known of two copies', async t => {
  const same = (a: BodyCopy, b: BodyCopy, expected: boolean | null, name: string) => {
    t.equal(sameBytes(a, b), expected, name)
    t.equal(sameBytes(b, a), expected, `${name}, turned around`)
  }
  const [small, large] = [pattern(1000), pattern(200_000)]
  const cut = (bytes: Uint8Array) => copyOf(bytes, { complete: false })
  same(copyOf(small), copyOf(small), true, 'whole')
  same(copyOf(large), copyOf(large), true, 'hashed')
  same(copyOf(large), copyOf(large, { keep: 500_000 }), true, 'one hashed, one whole')
  same(copyOf(small), copyOf(pattern(1001)), false, 'longer')
  same(copyOf(small), copyOf(large), false, 'longer and hashed')
  same(cut(small), cut(small), null, 'both cut')
  same(cut(small), cut(pattern(1001)), null, 'both cut, one later')
  same(cut(large), cut(pattern(250_000)), null, 'both cut, hashed')
  same(cut(small), copyOf(small), false, 'one is over, the other has more')
  same(cut(small), copyOf(pattern(1001)), null, 'one is cut, the other is longer')
  same(cut(small), copyOf(pattern(999)), false, 'one is cut after the other is over')
  same(copyOf(Buffer.from('a')), copyOf(Buffer.from('b')), false, 'another byte')
})

t.test('the first byte that differs', async t => {
  const large = pattern(200_000)
  const changed = (at: number) => Uint8Array.from(large, (byte, i) => (i === at ? byte ^ 1 : byte))
  const first = (at: number, keep = KEEP) => firstDifference(copyOf(large, { keep }), copyOf(changed(at), { keep }))
  t.same(first(10), { at: 10, exact: true })
  t.same(first(150_000, 200_000), { at: 150_000, exact: true })
  t.same(first(5000), { at: START_BYTES, exact: false })
  t.same(first(150_000), { at: 2 * BLOCK_BYTES, exact: false })
  t.same(first(199_999), { at: 3 * BLOCK_BYTES, exact: false })
  const half = copyOf(pattern(150_000))
  t.equal(firstDifference(copyOf(large), half), null, 'the beginning is the same')
  t.equal(equalBytes(copyOf(large), half), 2 * BLOCK_BYTES)
  t.equal(equalBytes(copyOf(large), copyOf(large)), 200_000)
  t.equal(equalBytes(copyOf(large), copyOf(pattern(100))), 100)
  t.equal(equalBytes(copyOf(pattern(100)), copyOf(pattern(90))), 90)
  const short = firstDifference(copyOf(large), copyOf(changed(70_000).subarray(0, 150_000)))
  t.same(short, { at: BLOCK_BYTES, exact: false })
})

t.test('property: copies are as same as the bytes, whatever the limits', async t => {
  const bytes = fc.uint8Array({ maxLength: 300 })
  fc.assert(
    fc.property(bytes, bytes, fc.nat(200), fc.nat(200), fc.integer({ min: 1, max: 50 }), (a, b, keep, other, piece) => {
      const expected = Buffer.compare(a, b) === 0
      if (sameBytes(copyOf(a, { keep, piece }), copyOf(b, { keep: other, piece })) !== expected) return false
      return sameBytes(copyOf(a, { keep, piece }), copyOf(Uint8Array.from(a), { keep: other, piece: 13 })) === true
    }),
  )
  t.pass('held')
})
