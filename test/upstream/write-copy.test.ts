// What is written is what the piece was at that moment, however slowly it is read and whoever is cut meanwhile.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { writeCopy, writeFramed } from '../../src/upstream/write-copy.ts'

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31)
t.comment(`SEED=${SEED}`)

/** mulberry32 */
function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

async function pair(t: Test): Promise<{ readonly near: Socket; readonly far: Socket }> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [far] = (await accepted) as [Socket]
  server.close()
  for (const socket of [near, far]) socket.on('error', () => {})
  t.teardown(() => {
    near.destroy()
    far.destroy()
  })
  return { near, far }
}

t.test('bytes arrive as they were, from a buffer that has changed since', async t => {
  const random = dice(SEED)
  const lines = await Promise.all(Array.from({ length: 4 }, () => pair(t)))
  const wanted = lines.map(() => [] as Buffer[])
  const source = Buffer.alloc(96 * 1024)
  const got = lines.map(({ far }, i) => {
    const chunks: Buffer[] = []
    far.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      // A slow reader: what waits is copies in blocks.
      far.pause()
      setImmediate(() => far.resume())
    })
    // One of them goes in the middle: its blocks serve the others then.
    return once(far, i === 0 ? 'close' : 'end').then(() => Buffer.concat(chunks))
  })
  for (let turn = 0; turn < 300; turn++) {
    for (const [i, { near }] of lines.entries()) {
      if (near.destroyed) continue
      if (i === 0 && turn === 150) near.destroy()
      const piece = source.subarray(0, Math.floor(random() ** 3 * source.length) + 1)
      piece.fill(Math.floor(random() * 256))
      const framed = random() < 0.3
      ;(wanted[i] as Buffer[]).push(
        Buffer.from(framed ? `<${piece.toString('latin1')}>` : piece.toString('latin1'), 'latin1'),
      )
      if (framed) writeFramed(near, '<', piece, '>')
      else writeCopy(near, piece)
      source.fill(0)
    }
    if (random() < 0.5) await new Promise(resolve => setImmediate(resolve))
  }
  for (const { near } of lines) near.end()
  for (const [i, arrived] of (await Promise.all(got)).entries()) {
    const all = Buffer.concat(wanted[i] as Buffer[])
    if (i === 0) t.ok(arrived.equals(all.subarray(0, arrived.length)), `cut after ${arrived.length} bytes`)
    else t.ok(arrived.equals(all), `${all.length} bytes`)
  }
})

t.test('a socket that is gone takes nothing and says so by its own error only', async t => {
  const { near } = await pair(t)
  near.destroy()
  t.equal(writeCopy(near, Buffer.alloc(20_000)), false)
  t.equal(writeFramed(near, 'a', Buffer.alloc(40_000), 'b'), false)
})
