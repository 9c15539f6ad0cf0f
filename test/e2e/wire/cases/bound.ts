// NTLM and Negotiate authenticate a connection, not a request: the upstream connection belongs to one client for its life.
import assert from 'node:assert'
import type { Case } from '../case.ts'
import { group } from '../case.ts'
import type { Scene } from '../scene.ts'

export const bound: Case[] = group('bound', {
  ntlm: {
    title: 'NTLM: each of two clients keeps the upstream connection it authenticated, and nobody else gets it',
    source: ['row:bound-connection'],
    alone: true,
    run: scene => pinned(scene, 'NTLM', 'NTLM TlRMTVNTUAAB'),
  },
  negotiate: {
    title: 'Negotiate: each of two clients keeps the upstream connection it authenticated, and nobody else gets it',
    source: ['row:bound-connection'],
    alone: true,
    run: scene => pinned(scene, 'Negotiate', 'Negotiate YIIB'),
  },
  unasked: {
    title: 'credentials that were sent unasked bind the connection too: no other client is that user',
    source: ['row:bound-connection'],
    alone: true,
    async run(scene) {
      for (const credentials of ['NTLM TlRMTVNTUAAD', 'negotiate YIIC']) {
        const inner = scene.scene()
        const client = inner.client()
        await client.send(inner.get('/1', `Authorization: ${credentials}\r\n`))
        assert.equal((await inner.during(client.answer())).status, 200)
        const { connection } = await inner.request()
        await inner.victim()
        await client.send(inner.get('/2'))
        assert.equal((await inner.during(client.answer())).status, 200)
        assert.ok(
          inner.received.every(request => request.connection === connection),
          'the client keeps it',
        )
        client.end()
        await inner.received[0]?.gone()
      }
    },
  },
  released: {
    title: 'when the client leaves, its bound upstream connection is closed, not given to others',
    source: ['row:bound-connection'],
    alone: true,
    async run(scene) {
      challenge(scene, 'NTLM')
      const client = scene.client()
      await client.send(scene.get('/1'))
      assert.equal((await client.answer()).status, 401)
      client.end()
      await (await scene.request()).gone()
      await scene.victim()
    },
  },
})

/** 401 until a request carries credentials; who a connection is, is what it was told. */
function challenge(scene: Scene, scheme: string): void {
  scene.serve(request => {
    if (request.values('authorization').length > 0) {
      request.answer()
      return
    }
    const authenticated = request.connection.requests.some(one => one.values('authorization').length > 0)
    if (authenticated) request.answer()
    else request.write(`HTTP/1.1 401 No\r\nWWW-Authenticate: ${scheme}\r\nContent-Length: 0\r\n\r\n`)
  })
}

async function pinned(scene: Scene, scheme: string, credentials: string): Promise<void> {
  const scenes = [scene.scene(), scene.scene()]
  for (const inner of scenes) challenge(inner, scheme)
  const clients = scenes.map(inner => inner.client())
  // The two take turns, so that a pool that does not pin would mix them up.
  for (const [rest, fields] of [
    ['/1', ''],
    ['/2', `Authorization: ${credentials}\r\n`],
    ['/3', ''],
    ['/4', ''],
  ] as const) {
    for (const [at, inner] of scenes.entries()) {
      const client = clients[at]
      assert.ok(client)
      await client.send(inner.get(rest, fields))
      const answer = await inner.during(client.answer())
      assert.equal(answer.status, rest === '/1' ? 401 : 200, `client ${at + 1}, request ${rest}`)
      await inner.victim()
    }
  }
  for (const inner of scenes) {
    const [first] = inner.received
    assert.ok(first)
    const { connection, before } = first
    assert.ok(
      inner.received.every(request => request.connection === connection),
      'one client, one upstream connection',
    )
    // Before it was bound it may have served anybody.
    const since = connection.requests.slice(before)
    assert.ok(
      since.every(request => request.head.raw.includes(inner.mark)),
      'nobody else’s request went over it since',
    )
  }
}
