// Content codings come off, within a limit; what cannot come off says why.
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { codingsOf, type Decoded, decoded } from '../../src/compare/decode.ts'
import { answer } from './answers.ts'

const TEXT = Buffer.from('{"hello":"world"}'.repeat(20))
const MAX = 10_000

function decode(body: Uint8Array, codings: readonly string[], max = MAX): Decoded {
  return decoded(answer({ body }).body, codings, max)
}

t.test('each coding, and several in a row', async t => {
  const rows: readonly (readonly [codings: readonly string[], body: Uint8Array])[] = [
    [[], TEXT],
    [['gzip'], gzipSync(TEXT)],
    [['x-gzip'], gzipSync(TEXT)],
    [['gzip'], Buffer.concat([gzipSync(TEXT.subarray(0, 100)), gzipSync(TEXT.subarray(100))])],
    [['deflate'], deflateSync(TEXT)],
    [['deflate'], deflateRawSync(TEXT)],
    [['br'], brotliCompressSync(TEXT)],
    [['zstd'], zstdCompressSync(TEXT)],
    [['deflate', 'gzip'], gzipSync(deflateSync(TEXT))],
  ]
  for (const [codings, body] of rows) {
    const result = decode(body, codings)
    t.ok('bytes' in result && Buffer.compare(result.bytes, TEXT) === 0, codings.join())
    t.match(decode(body, codings, 100), codings.length > 0 ? { problem: 'huge' } : {}, `${codings.join()}, too large`)
  }
})

t.test('what does not come off', async t => {
  t.match(decode(TEXT, ['gzip']), { problem: 'broken', what: /^not gzip: / })
  t.match(decode(gzipSync(TEXT).subarray(0, 30), ['gzip']), { problem: 'broken' }, 'cut off')
  t.match(decode(TEXT, ['br']), { problem: 'broken' })
  t.match(decode(TEXT, ['zstd']), { problem: 'broken' })
  t.match(decode(TEXT, ['deflate']), { problem: 'broken' })
  t.match(decode(TEXT, ['aws-chunked']), { problem: 'unknown' })
  t.match(decode(TEXT, Array(5).fill('gzip')), { problem: 'unknown', what: '5 content codings' })
  t.same(decode(new Uint8Array(0), ['gzip']), { bytes: new Uint8Array(0) }, 'nothing is nothing in any coding')
})

t.test('bombs', async t => {
  const zeros = Buffer.alloc(50_000_000)
  for (const [coding, compress] of [
    ['gzip', gzipSync],
    ['br', brotliQuick],
    ['zstd', zstdCompressSync],
  ] as const) {
    const bomb = compress(zeros)
    t.ok(bomb.length * 900 < zeros.length, `${coding}: ${bomb.length} bytes`)
    t.match(decode(bomb, [coding]), { problem: 'huge' }, coding)
  }
  t.match(decode(gzipSync(gzipSync(zeros)), ['gzip', 'gzip'], 1_000_000), { problem: 'huge' }, 'one in another')
})

function brotliQuick(bytes: Uint8Array): Buffer {
  return brotliCompressSync(bytes, { params: { 1: 1 } })
}

t.test('what an answer says of its codings', async t => {
  t.same(codingsOf(['Content-Encoding', 'GZIP, br', 'content-encoding', 'identity', 'content-encoding', ' zstd ']), [
    'gzip',
    'br',
    'zstd',
  ])
  t.same(codingsOf(['Content-Type', 'gzip']), [])
})
