// Upgrades: tunnels that carry bytes, refusals that are answers, and 101s that nobody may have.
import assert from 'node:assert'
import type { Case } from '../case.ts'
import { group } from '../case.ts'
import { isBadGateway, lacksFields } from '../outcomes.ts'
import type { Scene } from '../scene.ts'

const OFFER =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n'
const ACCEPT =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'

/** Bytes that no WebSocket reader would take: a tunnel does not look. */
const NOISE = '\x8f\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\r\n\r\nGET /x HTTP/1.1\r\n\r\n\xc1\x7f'

export const upgrade: Case[] = group('upgrade', {
  tunnel: {
    title: 'an accepted upgrade is a tunnel, byte for byte both ways, whatever the bytes are',
    source: ['row:upgrade', 'rule:23', 'advisory:websocket-bombs'],
    async run(scene) {
      scene.serve(async request => {
        request.write(ACCEPT)
        await request.tunnelled('end')
        request.write(`<${request.tunnel}>`)
      })
      const client = scene.client()
      await client.send(scene.get('', OFFER))
      const answer = await client.head()
      assert.equal(answer.status, 101)
      assert.deepEqual(answer.values('sec-websocket-accept'), ['s3pPLMBiTxaQ9kYGzzhZRbK+xOo='])
      assert.match(answer.values('upgrade').join(), /websocket/i)
      const request = await scene.request()
      assert.match(request.values('upgrade').join(), /websocket/i)
      assert.match(request.values('connection').join(), /upgrade/i)
      assert.deepEqual(request.values('sec-websocket-key'), ['dGhlIHNhbXBsZSBub25jZQ=='])
      await client.send(`${NOISE}end`)
      await scene.during(
        client.until(
          () => client.unread.endsWith('end>'),
          'the tunnel’s echo',
          () => client.unread,
        ),
      )
      assert.equal(client.unread, `<${NOISE}end>`)
    },
  },
  'first-bytes': {
    title: 'bytes in one piece with the 101 are the tunnel’s first',
    source: ['row:upgrade', 'rule:23'],
    async run(scene) {
      scene.serve(request => void request.write(`${ACCEPT}${NOISE}`))
      const client = scene.client()
      await client.send(scene.get('', OFFER))
      assert.equal((await client.head()).status, 101)
      await client.until(() => client.unread.length >= NOISE.length, 'the first bytes')
      assert.equal(client.unread, NOISE)
    },
  },
  'no-byte-before-101': {
    title: 'no byte of the client goes upstream before the 101, and all do behind it',
    source: ['row:upgrade', 'rule:23', 'advisory:upgrade-before-101'],
    async run(scene) {
      const may = Promise.withResolvers<void>()
      scene.serve(async request => {
        await may.promise
        assert.equal(request.tunnel, '', 'bytes came before the upgrade was accepted')
        request.write(ACCEPT)
        await request.tunnelled('early')
        request.write('seen')
      })
      const client = scene.client()
      await client.send(`${scene.get('', OFFER)}early`)
      await scene.request()
      await scene.victim()
      may.resolve()
      assert.equal((await scene.during(client.head())).status, 101)
      await scene.during(client.until(() => client.unread === 'seen', 'the early bytes at the backend'))
    },
  },
  refused: {
    title: 'a refused upgrade is an answer like any other, and what the client sent behind it is no tunnel',
    source: ['row:upgrade', 'rule:23', 'advisory:upgrade-before-101'],
    async run(scene) {
      scene.serve(request => {
        request.write('HTTP/1.1 403 Forbidden\r\nX-A: b\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno')
        request.connection.end()
      })
      const client = scene.client()
      await client.send(scene.get('', OFFER))
      const answer = await client.answer()
      assert.deepEqual([answer.status, answer.head.reason, answer.body.data], [403, 'Forbidden', 'no'])
      assert.deepEqual(answer.values('x-a'), ['b'])
      await scene.victim()
      assert.equal((await scene.request()).tunnel, '')
    },
  },
  'refused-keep-alive': {
    title: 'after a refusal with keep-alive no byte is tunnelled: the next request gets its own answer or the end',
    source: ['row:upgrade', 'advisory:upgrade-before-101'],
    async run(scene) {
      scene.serve(request => void request.write('HTTP/1.1 426 Upgrade\r\nContent-Length: 2\r\n\r\nno'))
      const client = scene.client()
      const other = scene.scene()
      await client.send(scene.get('', OFFER))
      assert.equal((await client.answer()).status, 426)
      await client.send(other.get('/next'))
      await client.until(() => client.ended !== null || client.unread.includes('\r\n\r\n'), 'an answer or the end')
      if (client.unread !== '') await other.isServed(client, '/next')
      assert.equal((await scene.request()).tunnel, '')
      await scene.victim()
    },
  },
  'client-half-close': {
    title: 'the client’s FIN goes through, and what the backend still sends arrives',
    source: ['row:upgrade', 'rule:23'],
    async run(scene) {
      scene.serve(async request => {
        request.write(ACCEPT)
        await request.connection.until(() => request.connection.halfClosed, 'the client’s FIN at the backend')
        request.connection.end(`last: ${request.tunnel}`)
      })
      const client = scene.client()
      await client.send(scene.get('', OFFER))
      assert.equal((await client.head()).status, 101)
      client.socket.end('bye')
      assert.equal(await scene.during(client.closed()), 'last: bye')
      assert.equal(client.ended, 'end')
    },
  },
  'backend-half-close': {
    title: 'the backend’s FIN goes through, and what the client still sends arrives',
    source: ['row:upgrade', 'rule:23'],
    async run(scene) {
      scene.serve(async request => {
        request.connection.end(`${ACCEPT}bye`)
        await request.tunnelled('still here')
      })
      const client = scene.client()
      await client.send(scene.get('', OFFER))
      assert.equal((await client.head()).status, 101)
      assert.equal(await client.closed(), 'bye')
      client.socket.end('still here')
      const request = await scene.request()
      await scene.during(request.tunnelled('still here'))
      await request.gone()
    },
  },
  'client-reset': {
    title: 'a reset of the client ends the tunnel on the other side',
    source: ['row:upgrade', 'rule:23'],
    async run(scene) {
      scene.serve(request => void request.write(ACCEPT))
      const client = scene.client()
      await client.send(scene.get('', OFFER))
      await client.head()
      client.reset()
      await (await scene.request()).gone()
    },
  },
  'backend-reset': {
    title: 'a reset of the backend ends the tunnel on the client’s side',
    source: ['row:upgrade', 'rule:23'],
    async run(scene) {
      scene.serve(request => void request.write(ACCEPT))
      const client = scene.client()
      await client.send(scene.get('', OFFER))
      await client.head()
      ;(await scene.request()).connection.reset()
      await client.closed()
    },
  },
  'client-leaves': {
    title: 'a client that leaves while its upgrade is pending frees the backend',
    source: ['row:client-leaves', 'rule:17', 'rule:23'],
    async run(scene) {
      scene.serve(() => {})
      for (const how of ['end', 'reset'] as const) {
        const inner = scene.scene()
        inner.serve(() => {})
        const client = inner.client()
        await client.send(inner.get('', OFFER))
        const request = await inner.request()
        client[how]()
        await request.gone()
      }
    },
  },
  'unasked-101': {
    title: 'a 101 that nobody asked for is 502, and opens nothing',
    source: ['row:upgrade', 'rule:21', 'F:12'],
    async run(scene) {
      scene.serve(request => void request.write(`${ACCEPT}EVIL`))
      for (const fields of ['', 'Connection: Upgrade\r\n', 'Upgrade: websocket\r\n']) {
        const inner = scene.scene()
        inner.serve(request => void request.write(`${ACCEPT}EVIL`))
        const client = inner.client()
        await client.send(inner.get('', fields))
        await isBadGateway(inner, client, await inner.request())
      }
    },
  },
  'other-protocol': {
    title: 'a 101 to a protocol that was not offered is 502',
    source: ['row:upgrade', 'rule:21'],
    async run(scene) {
      scene.serve(request => {
        request.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nEVIL')
      })
      const client = scene.client()
      await client.send(scene.get('', OFFER))
      await isBadGateway(scene, client, await scene.request())
    },
  },
  h2c: {
    title: 'h2c is not passed on: no upgrade to a protocol whose requests the proxy could not see',
    source: ['row:hop-by-hop', 'advisory:upgrade-before-101', 'advisory:http2'],
    async run(scene) {
      const answer = await scene.ask(
        scene.get('', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'),
      )
      assert.equal(answer.status, 200)
      lacksFields((await scene.request()).head.fields, ['upgrade', 'http2-settings'])
    },
  },
  'without-connection': {
    title: 'Upgrade that Connection does not name is dropped',
    source: ['row:hop-by-hop', 'rule:10'],
    async run(scene) {
      const answer = await scene.ask(scene.get('', 'Upgrade: websocket\r\n'))
      assert.equal(answer.status, 200)
      lacksFields((await scene.request()).head.fields, ['upgrade'])
    },
  },
  'http-1.0': {
    title: 'HTTP/1.0 cannot upgrade',
    source: ['rule:23', 'rule:10'],
    async run(scene) {
      const answer = await scene.ask(`GET ${scene.path()} HTTP/1.0\r\nHost: a.test\r\n${OFFER}\r\n`)
      assert.equal(answer.status, 200)
      lacksFields((await scene.request()).head.fields, ['upgrade'])
    },
  },
  injection: {
    title: 'what is offered cannot bring line ends into the head that goes upstream',
    source: ['advisory:crlf-into-upgrade'],
    async run(scene) {
      for (const value of ['websocket\rX-Evil: 1', 'websocket\nX-Evil: 1', 'web\0socket', 'websocket\r\n X-Evil: 1']) {
        await refusedOffer(scene.scene(), value)
      }
    },
  },
})

async function refusedOffer(scene: Scene, value: string): Promise<void> {
  const client = scene.client()
  await client.send(scene.get('', `Connection: Upgrade\r\nUpgrade: ${value}\r\n`))
  assert.equal((await client.answer()).status, 400)
  await client.closed()
  await scene.victim()
  assert.deepEqual(scene.lines(), [])
}
