// Who leaves when: a client that goes away, a backend that ends inside a body, an answer while the upload runs.
import assert from 'node:assert'
import type { Case, Draft } from '../case.ts'
import { group } from '../case.ts'
import type { Client } from '../client.ts'
import { isCut } from '../outcomes.ts'
import type { Received } from '../received.ts'
import type { Scene } from '../scene.ts'

const left: Draft['source'] = ['row:client-leaves', 'rule:17', 'F:8']

export const leaving: Case[] = group('client-leaves', {
  'waiting-reset': gone(
    'a reset while it waits frees the upstream',
    get,
    () => {},
    client => client.reset(),
  ),
  'waiting-end': gone(
    'a FIN while it waits frees the upstream',
    get,
    () => {},
    client => client.end(),
  ),
  'posted-end': gone(
    'a FIN behind a complete body, while it waits, frees the upstream',
    scene => scene.post(),
    request => request.whole(),
    client => client.end(),
  ),
  'in-answer': gone(
    'a reset inside a sized answer frees the upstream',
    get,
    request => request.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello'),
    async (client, scene) => {
      await scene.during(client.has(await client.head(), 'hello'))
      client.reset()
    },
  ),
  'in-stream': gone(
    'a reset inside a stream frees the upstream before another piece is sent',
    get,
    request => request.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'),
    async (client, scene) => {
      await scene.during(client.has(await client.head(), 'hello'))
      client.reset()
    },
  ),
  'upload-reset': gone(
    'a reset inside a sized upload frees the upstream',
    scene => scene.post('', 'Content-Length: 100\r\n', 'hello'),
    request => request.has('hello'),
    async (client, scene) => {
      await (await scene.request()).has('hello')
      client.reset()
    },
  ),
  'upload-end': gone(
    'a FIN inside a sized upload frees the upstream',
    scene => scene.post('', 'Content-Length: 100\r\n', 'hello'),
    request => request.has('hello'),
    async (client, scene) => {
      await (await scene.request()).has('hello')
      client.end()
    },
  ),
  'upload-chunked-end': gone(
    'a FIN inside a chunked upload frees the upstream',
    scene => scene.post('', 'Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n'),
    request => request.has('hello'),
    async (client, scene) => {
      await (await scene.request()).has('hello')
      client.end()
    },
  ),
  'short-chunk': gone(
    'a chunk larger than what was sent is no whole body: the upstream is destroyed, not used again',
    scene => scene.post('', 'Transfer-Encoding: chunked\r\n', 'ff\r\nhello'),
    request => request.has('hello'),
    async (client, scene) => {
      await (await scene.request()).has('hello')
      client.reset()
    },
    ['advisory:short-chunk', ...left],
  ),
  'pipelined-waiting': {
    title: 'a pipelined request that waits is not sent for a client that left',
    source: left,
    async run(scene) {
      scene.serve(() => {})
      const client = scene.client()
      await client.send(scene.post('/1') + scene.post('/2') + scene.post('/3'))
      const request = await scene.request()
      client.reset()
      await request.gone()
      await scene.victim()
      assert.deepEqual(scene.lines(), [`POST ${scene.path('/1')}`])
    },
  },
  'unread-answer': {
    title: 'a client that never reads and leaves frees the upstream',
    source: left,
    async run(scene) {
      scene.serve(request => {
        request.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        const piece = `10000\r\n${'x'.repeat(0x10000)}\r\n`
        const more = () => {
          while (request.write(piece)) if (!request.connection.open) return
        }
        request.connection.socket.on('drain', more)
        more()
      })
      const client = scene.client()
      client.socket.pause()
      await client.send(scene.get())
      const request = await scene.request()
      client.reset()
      await request.gone()
    },
  },
})

function get(scene: Scene): string {
  return scene.get()
}

/** The script never answers to the end; when the client goes, the upstream connection must. */
function gone(
  title: string,
  bytes: (scene: Scene) => string,
  serve: (request: Received) => unknown,
  leave: (client: Client, scene: Scene) => void | Promise<void>,
  source: Draft['source'] = left,
): Draft {
  return {
    title,
    source,
    async run(scene) {
      const served = Promise.withResolvers<void>()
      scene.serve(async request => {
        await serve(request)
        served.resolve()
      })
      const client = scene.client()
      await client.send(bytes(scene))
      const request = await scene.request()
      await scene.during(served.promise)
      await leave(client, scene)
      await request.gone()
      await scene.victim()
      assert.equal(scene.received.length, 1, 'and it was not asked again')
      if (!title.includes('complete body') && request.head.framing.kind !== 'none') {
        assert.ok(!request.body.done, 'the backend must not take the upload for complete')
      }
    },
  }
}

export const cuts: Case[] = group('backend-cuts', {
  ...cut('length', 'Content-Length: 10\r\n\r\nhello', 'inside a sized body'),
  ...cut('chunked', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', 'between two chunks'),
  ...cut('chunk', 'Transfer-Encoding: chunked\r\n\r\nff\r\nhello', 'inside a chunk'),
  ...cut('last-chunk', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n', 'between last chunk and end'),
  ...cut('trailer', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n', 'inside trailers'),
  'to-the-end-reset': {
    title: 'a reset inside an answer that ends with its connection is a cut, not an end',
    source: ['row:backend-cuts', 'rule:18', 'F:9'],
    async run(scene) {
      const seen = Promise.withResolvers<void>()
      scene.serve(async request => {
        request.write('HTTP/1.1 200 OK\r\n\r\nhello')
        await seen.promise
        request.connection.reset()
      })
      const client = scene.client()
      await client.send(scene.get())
      const answer = await client.head()
      await client.has(answer, 'hello')
      seen.resolve()
      // Where this hop's body ends with the connection as well, only a reset can say that it did not end.
      const outcome = await client.outcome(answer)
      assert.ok(outcome === 'cut' || client.ended === 'reset', 'the answer ended as if it were whole')
    },
  },
  'http-1.0-client': {
    title: 'for an HTTP/1.0 client a cut is a reset, because a FIN would be a clean end',
    source: ['row:backend-cuts', 'row:http-1.0-client', 'rule:18', 'F:9'],
    async run(scene) {
      const seen = Promise.withResolvers<void>()
      scene.serve(async request => {
        request.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
        await seen.promise
        request.connection.end()
      })
      const client = scene.client()
      await client.send(`GET ${scene.path()} HTTP/1.0\r\n\r\n`)
      const answer = await client.head()
      await client.has(answer, 'hello')
      seen.resolve()
      await client.closed()
      assert.equal(client.ended, 'reset')
    },
  },
})

function cut(key: string, answer: string, where: string): Record<string, Draft> {
  const one = (how: 'end' | 'reset'): Draft => ({
    title: `a backend that ${how === 'end' ? 'ends' : 'resets'} ${where} cuts the client`,
    source: ['row:backend-cuts', 'rule:18', 'F:9'],
    async run(scene) {
      const seen = Promise.withResolvers<void>()
      scene.serve(async request => {
        request.write(`HTTP/1.1 200 OK\r\n${answer}`)
        await seen.promise
        request.connection[how]()
      })
      const client = scene.client()
      await client.send(scene.get())
      await client.until(() => client.text.includes('hello'), 'the part that came')
      seen.resolve()
      await isCut(scene, client, await scene.request())
    },
  })
  return { [`${key}-end`]: one('end'), [`${key}-reset`]: one('reset') }
}

export const early: Case[] = group('early-answer', {
  delivered: {
    title: 'an answer while the upload runs is delivered whole, with Connection: close, and then the end',
    source: ['row:early-answer', 'rule:19', 'F:11'],
    async run(scene) {
      scene.serve(async request => {
        await request.has('first')
        request.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig')
      })
      const client = scene.client()
      await client.send(scene.post('', 'Content-Length: 10000000\r\n', 'first'))
      const answer = await client.answer()
      assert.deepEqual([answer.status, answer.body.data], [413, 'big'])
      assert.match(answer.values('connection').join(), /close/i)
      await client.closed()
      const request = await scene.request()
      await request.gone()
      assert.ok(!request.body.done)
      await scene.victim()
    },
  },
  'still-sending': {
    title: 'a client that goes on sending can still read the early answer; what it sends is no next request',
    source: ['row:early-answer', 'rule:19', 'F:11', 'advisory:unread-body'],
    async run(scene) {
      scene.serve(async request => {
        await request.has('first')
        request.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig')
      })
      const client = scene.client()
      const piece = scene.get('/smuggled').padEnd(1_000, ' ')
      await client.send(scene.post('', 'Content-Length: 1000000\r\n', 'first'))
      // It writes without reading: only behind 256 KB does it look at what came.
      client.socket.pause()
      for (let sent = 0; sent < 256_000 && client.ended === null; sent += piece.length) await client.send(piece)
      client.socket.resume()
      const answer = await client.answer()
      assert.deepEqual([answer.status, answer.body.data], [413, 'big'])
      await client.closed()
      await scene.victim()
      assert.equal(scene.received.length, 1)
    },
  },
  'backend-closes': {
    title: 'a backend that answers inside the upload and closes: its answer arrives, not a 502',
    source: ['row:early-answer', 'rule:19', 'F:11'],
    async run(scene) {
      scene.serve(async request => {
        await request.has('first')
        request.connection.end('HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno')
      })
      const client = scene.client()
      await client.send(scene.post('', 'Transfer-Encoding: chunked\r\n', '5\r\nfirst\r\n'))
      const answer = await client.answer()
      assert.deepEqual([answer.status, answer.body.data], [403, 'no'])
      await client.closed()
    },
  },
  streaming: {
    title: 'an answer that begins inside the upload and ends behind it is an ordinary dialogue',
    source: ['row:early-answer', 'rule:16'],
    async run(scene) {
      scene.serve(async request => {
        await request.has('first')
        request.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nA1\r\n')
        await request.whole()
        request.write('2\r\nA2\r\n0\r\n\r\n')
      })
      const client = scene.client()
      await client.send(scene.post('', 'Transfer-Encoding: chunked\r\n', '5\r\nfirst\r\n'))
      const answer = await client.head()
      await client.has(answer, 'A1')
      await client.send('6\r\nsecond\r\n0\r\n\r\n')
      assert.equal((await client.whole(answer)).body.data, 'A1A2')
      assert.equal((await scene.request()).body.data, 'firstsecond')
    },
  },
})
