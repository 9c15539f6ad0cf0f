// Answers that nobody asked for: a backend says one more thing 0 to 5 ms after its real answer. Whoever is served next must
// get its own answer, every time.
import assert from 'node:assert'
import type { Case } from '../case.ts'
import { group } from '../case.ts'
import type { Client } from '../client.ts'
import type { Scene } from '../scene.ts'

const EVIL = 'HTTP/1.1 200 OK\r\nX-Echo: EVIL\r\nContent-Length: 4\r\n\r\nEVIL'
const TRIES = 40

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

/** Four clients are connected already and ask as soon as the real answer is out; each waits for its own. */
async function raced(scene: Scene, delay: number, answered: 'at once' | 'behind it'): Promise<void> {
  let foreign = 0
  for (let at = 0; at < TRIES; at++) {
    const inner = scene.scene()
    const lied = Promise.withResolvers<void>()
    inner.serve(request => {
      const lie = () => {
        request.write(EVIL)
        lied.resolve()
      }
      request.answer('real')
      if (delay === 0) setImmediate(lie)
      else setTimeout(lie, delay)
    })
    const victims = Array.from({ length: 4 }, () => inner.scene())
    for (const victim of victims) {
      victim.serve(async request => {
        if (answered === 'behind it') await lied.promise
        request.answer()
      })
    }
    const clients = await Promise.all(victims.map(victim => connected(victim)))
    await inner.ask(inner.get())
    const served = await Promise.all(victims.map((victim, nth) => ask(victim, clients[nth] as Client)))
    foreign += served.filter(own => !own).length
    inner.close()
  }
  assert.equal(foreign, 0, `of ${TRIES * 4} victims, ${foreign} got bytes that were not theirs`)
}

async function connected(scene: Scene): Promise<Client> {
  const client = scene.client()
  await client.until(() => !client.socket.connecting, 'a connection').catch(() => {})
  return client
}

async function ask(scene: Scene, client: Client): Promise<boolean> {
  // Behind the poison a backend's answer is late by one; it must not be served to this one.
  await client.send(scene.get('/victim'))
  try {
    await scene.isServed(client, '/victim')
    return true
  } catch {
    return false
  }
}
