// Retries: a reused connection that the backend closed is worth one more try for a safe request, and nothing else is.
import assert from 'node:assert'
import type { Case, Draft } from '../case.ts'
import { group } from '../case.ts'
import type { Answer } from '../client.ts'
import type { Received } from '../received.ts'
import type { Scene } from '../scene.ts'

export const retry: Case[] = group('retry', {
  'get-retried': reused('GET', 'end', 'retried'),
  'get-retried-reset': reused('GET', 'reset', 'retried'),
  'head-retried': reused('HEAD', 'end', 'retried'),
  'options-retried': reused('OPTIONS', 'end', 'retried'),
  'post-not': reused('POST', 'end', 'never'),
  'post-not-reset': reused('POST', 'reset', 'never'),
  'patch-not': reused('PATCH', 'end', 'never'),
  'put-not': reused('PUT', 'end', 'never'),
  'delete-not': reused('DELETE', 'end', 'never'),
  'invented-not': reused('BREW', 'end', 'never'),
  'once-only': {
    title: 'a GET that fails again is 502: two tries, not more',
    source: ['row:reused-closed', 'rule:24', 'rule:27'],
    alone: true,
    async run(scene) {
      const closed: Received[] = []
      scene.serve(request => {
        if (closed.length === 0 && request.before === 0) {
          request.answer()
          return
        }
        closed.push(request)
        request.connection.end()
      })
      const answer = await untilReused(scene, 'GET', () => closed.length > 0)
      assert.equal(answer.status, 502)
      await scene.victim()
      assert.equal(closed.length, 2)
    },
  },
  'fresh-not': {
    title: 'a GET on a fresh connection that the backend closes is 502 after one try',
    source: ['rule:24', 'rule:28'],
    alone: true,
    async run(scene) {
      await scene.backend.closeConnections()
      scene.serve(request => request.connection.end())
      const answer = await scene.ask(scene.get())
      assert.equal(answer.status, 502)
      assert.equal(scene.received.length, 1)
    },
  },
  'first-byte-not': {
    title: 'a GET whose answer has begun, by one byte, is not asked again',
    source: ['row:reused-closed', 'rule:24'],
    alone: true,
    async run(scene) {
      const closed: Received[] = []
      scene.serve(request => {
        if (closed.length > 0 || request.before === 0) {
          request.answer()
          return
        }
        closed.push(request)
        request.connection.end('H')
      })
      const answer = await untilReused(scene, 'GET', () => closed.length > 0)
      assert.equal(answer.status, 502)
      await scene.victim()
      assert.equal(scene.received.at(-1), closed[0], 'and nothing came behind it')
    },
  },
  'idle-closed': {
    title: 'a connection that the backend closed while it was idle costs no request, a POST neither',
    source: ['row:reused-closed', 'rule:30'],
    alone: true,
    async run(scene) {
      await warm(scene)
      await scene.backend.closeConnections()
      for (let at = 0; at < 5; at++) assert.equal((await scene.ask(scene.post(`/${at}`))).status, 200)
    },
  },
  'connect-refused': {
    title: 'no backend is 502, and the first request after it is back is served',
    source: ['row:problem', 'rule:25', 'rule:28'],
    alone: true,
    async run(scene) {
      await scene.backend.refuse()
      try {
        assert.equal((await scene.ask(scene.post())).status, 502)
      } finally {
        await scene.backend.listenAgain()
      }
      await scene.victim()
    },
  },
  ...Object.fromEntries(
    [503, 502, 504, 429, 500].map((status): [string, Draft] => [
      `one-${status}`,
      {
        title: `a ${status} of the backend is its answer: one request, and Retry-After passed on`,
        source: ['row:one-503', 'rule:27'],
        async run(scene) {
          scene.serve(request => {
            request.write(`HTTP/1.1 ${status} Busy\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy`)
          })
          const answer = await scene.ask(scene.get())
          assert.deepEqual([answer.status, answer.head.reason, answer.body.data], [status, 'Busy', 'busy'])
          assert.deepEqual(answer.values('retry-after'), ['1'])
          await scene.victim()
          assert.equal(scene.received.length, 1)
        },
      },
    ]),
  ),
})

/** Leaves at least one idle connection in the proxy's pool. */
async function warm(scene: Scene): Promise<void> {
  await scene.victim()
}

/**
 * Asks until a connection was used again and the backend closed it; a proxy may let connections rest, or open new ones.
 * Gives the answer to the request that met it.
 */
async function untilReused(scene: Scene, method: string, closed: () => boolean): Promise<Answer> {
  const sized = ['GET', 'HEAD', 'OPTIONS'].includes(method) ? '' : 'Content-Length: 5\r\n'
  for (let at = 0; at < 50; at++) {
    const answer = await scene.ask(
      `${method} ${scene.path(`/${at}`)} HTTP/1.1\r\nHost: a.test\r\n${sized}\r\n${sized === '' ? '' : 'hello'}`,
    )
    if (closed()) return answer
    assert.equal(answer.status, 200, 'nothing was closed yet')
    await new Promise(resolve => setTimeout(resolve, at))
  }
  throw new assert.AssertionError({ message: 'the proxy never uses a connection again, so there is nothing to see' })
}

/** The backend closes a connection that has served before, at the next request, before any byte. */
function reused(method: string, how: 'end' | 'reset', expected: 'retried' | 'never'): Draft {
  const verb = how === 'end' ? 'closes' : 'resets'
  const what = expected === 'retried' ? 'is asked once more' : 'is never asked again: 502'
  return {
    title: `a backend that ${verb} a reused connection before any byte: ${method} ${what}`,
    source: ['row:reused-closed', 'rule:24'],
    alone: true,
    async run(scene) {
      let closed: Received | null = null
      scene.serve(async request => {
        if (closed === null && request.before > 0) {
          closed = request
          request.connection[how]()
          return
        }
        await request.whole()
        request.answer()
      })
      const answer = await untilReused(scene, method, () => closed !== null)
      assert.equal(answer.status, expected === 'retried' ? 200 : 502)
      await scene.victim()
      const same = scene.received.filter(request => request.line === closed?.line)
      assert.equal(same.length, expected === 'retried' ? 2 : 1)
    },
  }
}
