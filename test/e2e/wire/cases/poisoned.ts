// Answers that nobody asked for: a backend says one more thing 0 to 5 ms after its real answer. Whoever is served next must
// get its own answer, every time.
import assert from 'node:assert'
import type { Case } from '../case.ts'
import { group } from '../case.ts'
import type { Client } from '../client.ts'
import type { Scene } from '../scene.ts'

const EVIL = 'HTTP/1.1 200 OK\r\nX-Echo: EVIL\r\nContent-Length: 4\r\n\r\nEVIL'
const TRIES = 40
/** 5 ms, as timers count them. */
const LATEST_MS = 5.5

export const poisoned: Case[] = group('poisoned', {
  'while-idle': {
    title: 'bytes on an idle upstream connection destroy it; a request behind them gets its own answer',
    source: ['advisory:queue-poisoning', 'row:extra-bytes', 'rule:9', 'rule:30'],
    alone: true,
    async run(scene) {
      for (let at = 0; at < TRIES; at++) {
        const inner = scene.scene()
        const may = Promise.withResolvers<void>()
        inner.serve(async request => {
          request.answer('real')
          await may.promise
          request.write(EVIL)
        })
        const answer = await inner.ask(inner.get())
        assert.equal(answer.body.data, 'real')
        may.resolve()
        await (await inner.request()).gone()
        await inner.victim()
      }
    },
  },
  'bytes-before-victim': {
    title: '40 tries: a second answer is on its way when the next client asks; it never gets it',
    source: ['advisory:queue-poisoning', 'row:extra-bytes', 'rule:30'],
    alone: true,
    async run(scene) {
      for (let at = 0; at < TRIES; at++) {
        const inner = scene.scene()
        const written = Promise.withResolvers<void>()
        inner.serve(request => {
          request.answer('real')
          setImmediate(() => request.connection.socket.write(EVIL, 'latin1', () => written.resolve()))
        })
        await inner.ask(inner.get())
        await written.promise
        await inner.victim()
      }
    },
  },
  ...Object.fromEntries(
    [0, 1, 2, 3, 4, 5].map(delay => [
      `after-${delay}-ms`,
      {
        title: `40 tries: a second answer comes ${delay} ms behind the real one; clients that ask at once get their own`,
        source: ['advisory:queue-poisoning', 'row:extra-bytes', 'rule:30'] as const,
        alone: true,
        run: (scene: Scene) => raced(scene, delay, 'at once'),
      },
    ]),
  ),
  'slow-victims': {
    title:
      '40 tries, 1 ms behind, and the backend is slow to answer the others: a used connection rests before others get it',
    source: ['advisory:queue-poisoning', 'rule:30'],
    alone: true,
    run: scene => raced(scene, 1, 'behind it'),
  },
  'client-garbage': {
    title: 'a client that is served behind a poisoned one on its own connection gets its own answer too',
    source: ['advisory:queue-poisoning', 'row:extra-bytes'],
    alone: true,
    async run(scene) {
      for (let at = 0; at < TRIES; at++) {
        const inner = scene.scene()
        const next = inner.scene()
        inner.serve(request => {
          request.answer('real')
          setImmediate(() => request.connection.write(EVIL))
        })
        const client = inner.client()
        await client.send(inner.get() + next.get('/next'))
        await client.answer()
        await next.isServed(client, '/next')
      }
    },
  },
})

/**
 * Four clients are connected already and ask as soon as the real answer is out; each waits for its own. A machine that was
 * too busy to write the second answer in time has tried something else: that try is made again.
 */
async function raced(scene: Scene, delay: number, answered: 'at once' | 'behind it'): Promise<void> {
  const troubles: string[] = []
  let counted = 0
  for (let at = 0; at < TRIES * 4 && counted < TRIES; at++) {
    const tried = await raceOnce(scene.scene(), delay, answered)
    if (tried.behindMs > LATEST_MS) continue
    counted++
    troubles.push(...tried.troubles)
  }
  assert.ok(counted > 0, 'this machine cannot write two answers within 5 ms')
  assert.equal(troubles.length, 0, `${troubles.length} of ${counted * 4} did not get their own: ${troubles.at(0)}`)
}

async function raceOnce(scene: Scene, delay: number, answered: 'at once' | 'behind it') {
  const lied = Promise.withResolvers<number>()
  scene.serve(request => {
    const from = performance.now()
    const lie = () => {
      request.write(EVIL)
      lied.resolve(performance.now() - from)
    }
    request.answer('real')
    if (delay === 0) setImmediate(lie)
    else setTimeout(lie, delay)
  })
  const victims = Array.from({ length: 4 }, () => scene.scene())
  for (const victim of victims) {
    victim.serve(async request => {
      if (answered === 'behind it') await lied.promise
      request.answer()
    })
  }
  const clients = await Promise.all(victims.map(connected))
  await scene.ask(scene.get())
  const served = await Promise.all(victims.map((victim, nth) => ask(victim, clients[nth] as Client)))
  const behindMs = await lied.promise
  scene.close()
  return { behindMs, troubles: served.filter(trouble => trouble !== null) }
}

async function connected(scene: Scene): Promise<Client> {
  const client = scene.client()
  await client.until(() => !client.socket.connecting, 'a connection').catch(() => {})
  return client
}

/** What went wrong; null: it got its own answer. */
async function ask(scene: Scene, client: Client): Promise<string | null> {
  await client.send(scene.get('/victim'))
  try {
    await scene.isServed(client, '/victim')
    return null
  } catch (error) {
    return (error as Error).message
  }
}
