// Several requests on one connection: answered in order, each by its own, and nothing behind the last one is read.
import assert from 'node:assert'
import { setImmediate as turn } from 'node:timers/promises'
import type { Case } from '../case.ts'
import { group } from '../case.ts'
import type { Scene } from '../scene.ts'
import { excerpt } from '../watched.ts'

export const pipelined: Case[] = group('pipelined', {
  order: {
    title: 'twenty pipelined requests of several methods get their answers in order',
    source: ['rule:8', 'F:1'],
    async run(scene) {
      const methods = ['GET', 'POST', 'HEAD', 'DELETE', 'PUT']
      const sent = Array.from({ length: 20 }, (_, at) => [methods[at % methods.length] ?? '', `/${at}`] as const)
      const client = scene.client()
      await client.send(
        sent
          .map(([method, rest], at) => {
            const framing =
              at % 2 === 0
                ? 'Content-Length: 5\r\n\r\nhello'
                : 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'
            return `${method} ${scene.path(rest)} HTTP/1.1\r\nHost: a.test\r\n${framing}`
          })
          .join(''),
      )
      for (const [method, rest] of sent) await scene.isServed(client, rest, method)
      assert.deepEqual(
        scene.lines().toSorted(),
        sent.map(([method, rest]) => `${method} ${scene.path(rest)}`).toSorted(),
      )
      assert.ok(scene.received.every(request => request.body.data === 'hello'))
    },
  },
  'cut-anywhere': {
    title: 'a request that comes in two pieces is the same request, wherever it is cut',
    source: ['F:1', 'F:12', 'rule:8'],
    async run(scene) {
      const framed = 'X-A: b\r\nTransfer-Encoding: chunked\r\n'
      const length = scene.post('/x', framed, '05\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n').length
      const cuts = Array.from({ length: length - 1 }, (_, at) => at + 1)
      await Promise.all(
        [0, 1, 2, 3].map(lane =>
          inTwo(
            scene,
            framed,
            cuts.filter(at => at % 4 === lane),
          ),
        ),
      )
    },
  },
  'unsafe-waits': {
    title: 'a request behind a POST is not sent before the POST is answered',
    source: ['rule:8'],
    async run(scene) {
      const may = Promise.withResolvers<void>()
      scene.serve(async request => {
        if (request.head.method === 'POST') await may.promise
        request.answer()
      })
      const client = scene.client()
      await client.send(scene.post('/first') + scene.get('/second'))
      await scene.request()
      await scene.victim()
      assert.deepEqual(scene.lines(), [`POST ${scene.path('/first')}`])
      may.resolve()
      await scene.isServed(client, '/first', 'POST')
      await scene.isServed(client, '/second')
    },
  },
  'after-close': {
    title: 'what follows a request with Connection: close is not read',
    source: ['row:connection-named', 'rule:10'],
    async run(scene) {
      const client = scene.client()
      await client.send(scene.get('/last', 'Connection: close\r\n') + scene.get('/smuggled'))
      const answer = await scene.isServed(client, '/last')
      assert.match(answer.values('connection').join(), /close/i)
      assert.equal(await client.closed(), '')
      await scene.victim()
      assert.deepEqual(scene.lines(), [`GET ${scene.path('/last')}`])
    },
  },
  'good-then-bad': {
    title: 'garbage behind a request does not harm its answer, and is refused behind it',
    source: ['row:malformed', 'rule:4', 'F:12'],
    async run(scene) {
      const may = Promise.withResolvers<void>()
      scene.serve(async request => {
        request.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello')
        await may.promise
        request.write('world')
      })
      const client = scene.client()
      await client.send(scene.get())
      const answer = await client.head()
      await client.has(answer, 'hello')
      await client.send('GARBAGE\0\r\n\r\n')
      await scene.victim()
      may.resolve()
      if ((await client.outcome(answer)) === 'whole') assert.equal(answer.body.data, 'helloworld')
      assert.match(await client.closed(), /^(HTTP\/1\.1 400 |$)/)
    },
  },
  'blank-lines': {
    title: 'blank lines before a request are skipped or refused, never sent on',
    source: ['rule:4'],
    async run(scene) {
      const client = scene.client()
      await client.send(`${scene.post('/1')}\r\n${scene.get('/2')}`)
      await scene.isServed(client, '/1', 'POST')
      await client.until(() => client.unread.includes('\r\n\r\n') || client.ended !== null, 'an answer or the end')
      if (client.unread.startsWith('HTTP/1.1 200')) await scene.isServed(client, '/2')
      else assert.match(client.unread, /^(HTTP\/1\.1 400 |$)/)
      await scene.victim()
    },
  },
  'unread-body': {
    title: 'a body that the backend did not wait for is never read as a request',
    source: ['advisory:unread-body', 'row:any-method-body', 'rule:8'],
    async run(scene) {
      for (const method of ['GET', 'DELETE', 'OPTIONS', 'POST']) {
        const inner = scene.scene()
        inner.serve(request => void request.answer())
        const client = inner.client()
        const body = inner.get('/smuggled')
        await client.send(
          `${method} ${inner.path('/x')} HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${body.length}\r\n\r\n`,
        )
        await inner.isServed(client, '/x', method)
        await client.send(body + inner.get('/next'))
        await client.until(() => client.unread.includes('\r\n\r\n') || client.ended !== null, 'an answer or the end')
        if (client.unread !== '') await inner.isServed(client, '/next')
        await inner.victim()
        assert.ok(!inner.lines().some(line => line.endsWith('/smuggled')), `${method}: ${inner.lines().join(', ')}`)
      }
    },
  },
})

/** One connection, and a request on it for each place to cut. */
async function inTwo(scene: Scene, fields: string, cuts: readonly number[]): Promise<void> {
  const client = scene.client()
  for (const at of cuts) {
    const inner = scene.scene()
    const bytes = inner.post('/x', fields, '05\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n')
    const [first, second] = [bytes.slice(0, at), bytes.slice(at)]
    await client.send(first)
    await turn()
    await client.send(second)
    try {
      await inner.isServed(client, '/x', 'POST')
    } catch (error) {
      const where = `${excerpt(first.slice(-12))} | ${excerpt(second.slice(0, 12))}`
      throw Object.assign(error as Error, { message: `cut at ${where}: ${(error as Error).message}` })
    }
    assert.equal((await inner.request()).body.data, 'hello')
  }
}
