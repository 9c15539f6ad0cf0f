// A head is the same head wherever the network cuts it.
import fc from 'fast-check'
import t from 'tap'
import { HeadPieces } from '../../src/wire/head-pieces.ts'
import { runs, SEED } from './seed.ts'

t.comment(`SEED=${SEED}`)

const HEAD = 'GET /a HTTP/1.1\r\nHost: a.example\r\nX-Latin: \xe4\r\n\r\n'

t.test('cut anywhere, with anything behind it', async () => {
  fc.assert(
    fc.property(fc.array(fc.nat(HEAD.length + 20), { maxLength: 6 }), fc.string({ maxLength: 20 }), (cuts, behind) => {
      const all = Buffer.from(`${HEAD}${behind}`, 'latin1')
      const pieces = new HeadPieces()
      let from = 0
      for (const to of [...cuts.filter(cut => cut < all.length).sort((a, b) => a - b), all.length]) {
        const found = pieces.add(all.subarray(from, to), 1000)
        from = to
        if (found === null) continue
        const { text, bytes, end } = found
        return text === HEAD && end === HEAD.length && bytes.equals(all.subarray(0, to)) && pieces.waitingBytes === 0
      }
      return false
    }),
    runs(2000),
  )
})

t.test('empty lines before it are passed over, and are nothing that waits', async t => {
  const pieces = new HeadPieces()
  t.equal(pieces.add(Buffer.from('\r\n\r\n'), 1000), null)
  t.equal(pieces.waitingBytes, 0)
  t.equal(pieces.add(Buffer.from(`\r\n${HEAD}`, 'latin1'), 1000)?.text, HEAD)
})

t.test('the next head begins anew', async t => {
  const pieces = new HeadPieces()
  pieces.add(Buffer.from('GET / HT'), 1000)
  t.equal(pieces.waitingBytes, 8)
  t.equal(pieces.add(Buffer.from('TP/1.1\r\n\r\n'), 1000)?.text, 'GET / HTTP/1.1\r\n\r\n')
  t.equal(pieces.add(Buffer.from(HEAD, 'latin1'), 1000)?.text, HEAD)
})

t.test('what is longer than allowed is not searched, and counted by its bytes', async t => {
  const pieces = new HeadPieces()
  t.equal(pieces.add(Buffer.from(`GET /${'a'.repeat(5000)} HTTP/1.1\r\n\r\n`), 100), null)
  t.equal(pieces.waitingBytes, 5018)
})
