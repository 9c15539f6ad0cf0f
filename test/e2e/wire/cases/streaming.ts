// Bodies under way: heads and pieces at once, back-pressure end to end, large bodies whole.
import assert from 'node:assert'
import type { Case } from '../case.ts'
import { group } from '../case.ts'
import type { Scene } from '../scene.ts'

/** More than kernel buffers take, less than a proxy may hold. */
const OFFERED = 64 * 2 ** 20
const HELD_AT_MOST = 24 * 2 ** 20
const PIECE = 'x'.repeat(64 * 1024)

export const streaming: Case[] = group('streaming', {
  'head-first': {
    title: 'the head reaches the client before the backend has a byte of the body',
    source: ['row:first-byte-late', 'rule:16'],
    async run(scene) {
      for (const framing of ['Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n', 'Connection: close\r\n']) {
        const inner = scene.scene()
        const seen = Promise.withResolvers<void>()
        inner.serve(async request => {
          request.write(`HTTP/1.1 200 OK\r\n${framing}\r\n`)
          await seen.promise
          request.connection.end(framing.startsWith('T') ? '5\r\nhello\r\n0\r\n\r\n' : 'hello')
        })
        const client = inner.client()
        await client.send(inner.get())
        const answer = await inner.during(client.head())
        seen.resolve()
        assert.equal((await client.whole(answer)).body.data, 'hello')
      }
    },
  },
  'piece-by-piece': {
    title: 'each event of a stream reaches the client before the next one is sent',
    source: ['row:first-byte-late', 'rule:16'],
    async run(scene) {
      const steps = Array.from({ length: 10 }, () => Promise.withResolvers<void>())
      scene.serve(async request => {
        request.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
        for (const [at, step] of steps.entries()) {
          request.write(`9\r\ndata: ${at}\n\n\r\n`)
          await step.promise
        }
        request.write('0\r\n\r\n')
      })
      const client = scene.client()
      await client.send(scene.get())
      const answer = await scene.during(client.head())
      for (const [at, step] of steps.entries()) {
        await scene.during(client.has(answer, `data: ${at}\n\n`))
        step.resolve()
      }
      await client.whole(answer)
    },
  },
  'upload-piece-by-piece': {
    title: 'each piece of an upload reaches the backend before the next one is sent, sized or chunked',
    source: ['rule:16'],
    async run(scene) {
      for (const framing of ['Content-Length: 30\r\n', 'Transfer-Encoding: chunked\r\n']) {
        const inner = scene.scene()
        const client = inner.client()
        await client.send(inner.post('', framing, ''))
        const request = await inner.request()
        for (let at = 0; at < 10; at++) {
          await client.send(framing.startsWith('C') ? `<${at}>` : `3\r\n<${at}>\r\n`)
          await inner.during(request.has(`<${at}>`))
        }
        if (framing.startsWith('T')) await client.send('0\r\n\r\n')
        assert.equal((await inner.during(client.answer())).status, 200)
      }
    },
  },
  'slow-client': {
    title: 'a client that does not read stops the backend; when it reads, every byte comes',
    source: ['row:slow-reader', 'rule:16'],
    async run(scene) {
      let written = 0
      const stalled = Promise.withResolvers<void>()
      scene.serve(async request => {
        request.write(`HTTP/1.1 200 OK\r\nContent-Length: ${OFFERED}\r\n\r\n`)
        while (written < OFFERED) {
          written += PIECE.length
          if (!request.write(PIECE)) await drained(request.connection.socket, stalled.resolve)
        }
        stalled.resolve()
      })
      const client = scene.client()
      client.keep = false
      client.socket.pause()
      await client.send(scene.get())
      await scene.during(stalled.promise)
      assert.ok(written <= HELD_AT_MOST, `${written} bytes were taken for a client that read none`)
      client.socket.resume()
      const answer = await client.head()
      answer.body.keep = false
      assert.equal((await client.whole(answer)).body.size, OFFERED)
    },
  },
  'slow-backend': {
    title: 'a backend that does not read stops the client; when it reads, every byte comes',
    source: ['row:slow-reader', 'rule:16'],
    async run(scene) {
      const read = Promise.withResolvers<void>()
      scene.serve(async request => {
        request.body.keep = false
        request.connection.socket.pause()
        await read.promise
        request.connection.socket.resume()
        await request.whole()
        request.answer()
      })
      const client = scene.client()
      await client.send(scene.post('', `Content-Length: ${OFFERED}\r\n`, ''))
      const request = await scene.request()
      let written = 0
      const stalled = Promise.withResolvers<void>()
      const writing = (async () => {
        while (written < OFFERED) {
          written += PIECE.length
          if (!client.socket.write(PIECE, 'latin1')) await drained(client.socket, stalled.resolve)
        }
        stalled.resolve()
      })()
      await scene.during(stalled.promise)
      assert.ok(written <= HELD_AT_MOST, `${written} bytes were taken for a backend that read none`)
      read.resolve()
      await scene.during(writing)
      assert.equal((await scene.during(client.answer('POST'))).status, 200)
      assert.equal(request.body.size, OFFERED)
    },
  },
  'large-both-ways': {
    title: '3 MB of every byte value arrive whole both ways, sized and chunked',
    source: ['rule:8', 'rule:11'],
    async run(scene) {
      const data = everyByte(3_000_000)
      for (const chunked of [false, true]) {
        const inner = scene.scene()
        const framed = chunked ? inChunks(data) : data
        const fields = chunked ? 'Transfer-Encoding: chunked\r\n' : `Content-Length: ${data.length}\r\n`
        inner.serve(async request => {
          await request.whole()
          request.write(`HTTP/1.1 200 OK\r\n${fields}\r\n${framed}`)
        })
        const client = inner.client()
        client.keep = false
        await client.send(inner.post('', fields, framed))
        const answer = await inner.during(client.answer('POST'))
        assert.ok(answer.body.data === data, 'the answer’s bytes')
        assert.ok((await inner.request()).body.data === data, 'the request’s bytes')
      }
    },
  },
  'tiny-chunks': {
    title: '20,000 chunks of one byte are a body of 20,000 bytes',
    source: ['rule:8', 'F:12'],
    async run(scene) {
      const data = everyByte(20_000)
      const answer = await scene.ask(scene.post('', 'Transfer-Encoding: chunked\r\n', inChunks(data, 1)))
      assert.equal(answer.status, 200)
      assert.ok((await scene.request()).body.data === data)
    },
  },
  'chunk-extensions': {
    title: 'chunk extensions without end are refused: one endless, or one with every byte',
    source: ['advisory:chunk-extension', 'F:12'],
    async run(scene) {
      await overhead(scene, '5;', 'a'.repeat(16_384))
      await overhead(scene, '', `1;${'a'.repeat(4_000)}\r\nx\r\n`)
    },
  },
  'endless-trailers': {
    title: 'trailers without end are refused',
    source: ['advisory:chunk-extension', 'F:12', 'rule:7'],
    async run(scene) {
      await overhead(scene, '5\r\nhello\r\n0\r\n', `X-A: ${'a'.repeat(4_000)}\r\n`)
    },
  },
})

/** Sends `more` for ever behind `first` in a chunked body; the proxy must end it long before 16 MB. */
async function overhead(scene: Scene, first: string, more: string): Promise<void> {
  const client = scene.client()
  await client.send(scene.post('', 'Transfer-Encoding: chunked\r\n', first))
  let sent = 0
  while (client.ended === null && sent < 16_000_000) {
    await client.send(more)
    sent += more.length
    await new Promise(setImmediate)
  }
  await client.closed()
  assert.ok(!client.text.startsWith('HTTP/1.1 2'), 'not answered as if it were whole')
  for (const request of scene.received) {
    await request.gone()
    assert.ok(!request.body.done)
  }
  await scene.victim()
}

/** Waits for room; what has none for a second has stopped. A slow machine can only make this case milder, not fail it. */
function drained(socket: import('node:net').Socket, stalled: () => void): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(stalled, 1_000)
    const done = () => {
      clearTimeout(timer)
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
  })
}

function everyByte(size: number): string {
  const round = Buffer.from(Array.from({ length: 256 }, (_, at) => at)).toString('latin1')
  return round.repeat(Math.ceil(size / 256)).slice(0, size)
}

function inChunks(data: string, size = 9_999): string {
  const chunks: string[] = []
  for (let at = 0; at < data.length; at += size) {
    const piece = data.slice(at, at + size)
    chunks.push(`${piece.length.toString(16)}\r\n${piece}\r\n`)
  }
  return `${chunks.join('')}0\r\n\r\n`
}
