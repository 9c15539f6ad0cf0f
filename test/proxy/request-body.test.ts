// A body that is collected: whatever its pieces, it is all there, and costs what it weighs.
import fc from 'fast-check'
import t from 'tap'
import { RequestBody } from '../../src/proxy/request-body.ts'
import { CHUNKED, NO_BODY } from '../../src/wire/framing.ts'

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31)
t.comment(`SEED=${SEED}`)

t.test('pieces of any size, from a buffer that has changed since', async () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 30 }), pieces => {
      const body = new RequestBody(CHUNKED)
      body.collect()
      for (const bytes of pieces) {
        const piece = Buffer.from(bytes)
        body.keep(piece)
        piece.fill(0)
      }
      body.complete()
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
      const { outFraming, whole } = body
      return (
        whole?.equals(Buffer.concat(pieces)) === true &&
        outFraming.kind === 'length' &&
        outFraming.bytes === length &&
        body.isIntact
      )
    }),
    { seed: SEED, numRuns: 300 },
  )
})

t.test('a million pieces of one byte are a megabyte, not a hundred', async t => {
  const body = new RequestBody(CHUNKED)
  body.collect()
  const before = process.memoryUsage()
  const piece = Buffer.from('x')
  for (let i = 0; i < 1_000_000; i++) body.keep(piece)
  const { heapUsed, external } = process.memoryUsage()
  t.ok(heapUsed + external - before.heapUsed - before.external < 16 * 1024 * 1024)
  body.complete()
  t.equal(body.whole?.length, 1_000_000)
})

t.test('what has left is not intact, unless all of it is here; no body is intact for ever', async t => {
  const streamed = new RequestBody({ kind: 'length', bytes: 3 })
  t.ok(streamed.isIntact)
  streamed.touch()
  t.notOk(streamed.isIntact)
  const none = new RequestBody(NO_BODY)
  t.ok(none.isEmpty && none.isIntact)
})
