// What the proxy says by itself: problem documents with a code, and time limits.
import assert from 'node:assert'
import type { Script } from '../backend.ts'
import type { Case, Draft } from '../case.ts'
import { group } from '../case.ts'
import type { Answer } from '../client.ts'
import { isBadGateway } from '../outcomes.ts'

export const problems: Case[] = group('problems', {
  protocol: backend('an answer that is no HTTP', request => void request.write('SMTP 220 secret\r\n\r\n')),
  reset: backend('a reset instead of an answer', request => request.connection.reset()),
  closed: backend('an end instead of an answer', request => request.connection.end()),
  client: {
    title: '400, 405, 417, 431 and 505 are problem documents with a code and an exchange id',
    source: ['row:problem', 'rule:28'],
    async run(scene) {
      const asked: Readonly<Record<number, string>> = {
        400: 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
        405: 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n',
        417: scene.post('', 'Expect: x\r\nContent-Length: 5\r\n', ''),
        431: scene.get('', `X-A: ${'x'.repeat(70_000)}\r\n`),
        505: 'GET / HTTP/2.0\r\nHost: a\r\n\r\n',
      }
      for (const [status, bytes] of Object.entries(asked)) {
        const client = scene.client()
        await client.send(bytes)
        isProblem(await client.answer('POST'), Number(status))
        await client.closed()
      }
      assert.deepEqual(scene.lines(), [])
    },
  },
  'head-timeout': {
    title: 'a backend that is silent for longer than its limit is 504, and its connection is destroyed',
    source: ['row:problem', 'rule:28', 'rule:29'],
    setup: 'impatient',
    async run(scene) {
      scene.serve(() => {})
      const answer = await scene.ask(scene.get())
      isProblem(answer, 504)
      await (await scene.request()).gone()
    },
  },
  'idle-timeout': {
    title: 'a backend that stops inside its body for longer than its limit is a cut',
    source: ['rule:29', 'row:backend-cuts'],
    setup: 'impatient',
    async run(scene) {
      scene.serve(request => void request.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello'))
      const client = scene.client()
      await client.send(scene.get())
      const answer = await client.head()
      assert.equal(await client.outcome(answer), 'cut')
      await (await scene.request()).gone()
    },
  },
  'progress-is-not-idle': {
    title: 'a stream that goes on is not cut, however long it takes in all',
    source: ['rule:29'],
    setup: 'impatient',
    async run(scene) {
      scene.serve(async request => {
        request.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        // Well under the limit apart, well over it together.
        for (let at = 0; at < 20; at++) {
          request.write('1\r\nx\r\n')
          await new Promise(resolve => setTimeout(resolve, 100))
        }
        request.write('0\r\n\r\n')
      })
      assert.equal((await scene.ask(scene.get())).body.size, 20)
    },
  },
  'request-head-timeout': {
    title: 'a client that never ends its head is told or cut; others are served meanwhile',
    source: ['rule:29', 'F:12'],
    setup: 'impatient',
    async run(scene) {
      const client = scene.client()
      await client.send(`GET ${scene.path()} HTTP/1.1\r\nHost: a.test\r\nX-A`)
      await scene.victim()
      await client.closed()
      assert.match(client.text, /^(HTTP\/1\.1 408 |$)/)
      assert.deepEqual(scene.lines(), [])
    },
  },
})

function backend(title: string, serve: Script): Draft {
  return {
    title: `${title} is a 502 problem document that shows none of the backend’s bytes`,
    source: ['row:problem', 'rule:28', 'F:10'],
    async run(scene) {
      scene.serve(async request => {
        await serve(request)
      })
      const client = scene.client()
      await client.send(scene.post())
      isProblem(await isBadGateway(scene, client, await scene.request(), 'secret'), 502)
    },
  }
}

function isProblem(answer: Answer, status: number): void {
  assert.equal(answer.status, status)
  assert.match(answer.values('content-type').join(), /^application\/problem\+json/)
  const problem = JSON.parse(answer.body.data) as Record<string, unknown>
  assert.equal(problem.status, status)
  assert.equal(typeof problem.code, 'string', 'a stable code')
  assert.ok(typeof problem.exchange === 'string' && problem.exchange !== '', 'the exchange it was')
}
