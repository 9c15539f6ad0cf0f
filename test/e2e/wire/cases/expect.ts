// Expect and interim answers: the backend decides whether it wants the body, and what it says before its answer arrives
// before its answer.
import assert from 'node:assert'
import type { Case } from '../case.ts'
import { group } from '../case.ts'
import type { Client } from '../client.ts'
import { isRefused } from '../outcomes.ts'
import type { Scene } from '../scene.ts'

const EXPECT = 'Expect: 100-continue\r\nContent-Length: 5\r\n'

export const expectations: Case[] = group('expect', {
  relayed: {
    title: 'the backend’s 100 is what the client gets, and only then is the body asked for',
    source: ['row:expect', 'rule:20', 'F:7'],
    async run(scene) {
      scene.serve(async request => {
        assert.equal(request.body.size, 0, 'nothing of the body came before the backend’s 100')
        request.write('HTTP/1.1 100 Continue\r\n\r\n')
        await request.whole()
        request.answer()
      })
      const client = scene.client()
      await client.send(scene.post('', EXPECT, ''))
      assert.match(
        (await scene.request()).values('expect').join(),
        /^100-continue$/i,
        'the backend sees the expectation',
      )
      assert.equal((await scene.during(client.anyHead())).status, 100)
      await client.send('hello')
      assert.equal((await client.answer()).status, 200)
      assert.equal((await scene.request()).body.data, 'hello')
    },
  },
  refused: {
    title: 'a 413 arrives without the body being asked for, and the next request gets its own answer',
    source: ['row:expect', 'rule:20', 'advisory:unread-body'],
    async run(scene) {
      scene.serve(request => {
        request.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig')
      })
      const client = scene.client()
      await client.send(scene.post('', EXPECT, ''))
      const answer = await client.answer()
      assert.deepEqual([answer.status, answer.interim.length, answer.body.data], [413, 0, 'big'])
      await goesOnOrEnds(scene, client)
      await scene.victim()
      const request = await scene.request()
      if (!request.body.done) await request.gone()
    },
  },
  silent: {
    title: 'a backend that says nothing gets the body once the client sends it',
    source: ['row:expect', 'rule:20'],
    async run(scene) {
      const client = scene.client()
      await client.send(scene.post('', EXPECT, ''))
      const request = await scene.request()
      await client.send('hello')
      await request.whole()
      const answer = await client.answer()
      assert.equal(answer.status, 200)
      assert.equal(request.body.data, 'hello')
    },
  },
  'sent-at-once': {
    title: 'a body that comes with its expectation is forwarded, and the 100 harms nobody',
    source: ['row:expect', 'rule:20'],
    async run(scene) {
      scene.serve(async request => {
        request.write('HTTP/1.1 100 Continue\r\n\r\n')
        await request.whole()
        request.answer()
      })
      const client = scene.client()
      const other = scene.scene()
      await client.send(scene.post('/x', EXPECT) + other.get('/next'))
      await scene.isServed(client, '/x', 'POST')
      await other.isServed(client, '/next')
    },
  },
  chunked: {
    title: 'a chunked body may be expected too',
    source: ['row:expect', 'rule:20'],
    async run(scene) {
      scene.serve(async request => {
        request.write('HTTP/1.1 100 Continue\r\n\r\n')
        await request.whole()
        request.answer()
      })
      const client = scene.client()
      await client.send(scene.post('', 'Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n', ''))
      assert.equal((await scene.during(client.anyHead())).status, 100)
      await client.send('5\r\nhello\r\n0\r\n\r\n')
      assert.equal((await client.answer()).status, 200)
      assert.equal((await scene.request()).body.data, 'hello')
    },
  },
  unknown: {
    title: 'any other expectation is 417',
    source: ['rule:20', 'F:7'],
    async run(scene) {
      for (const value of ['a', '100-continue, a', '200-ok']) {
        const client = scene.client()
        await client.send(scene.post('', `Expect: ${value}\r\nContent-Length: 5\r\n`, ''))
        await isRefused(scene, client, [417])
      }
    },
  },
  'http-1.0': {
    title: 'an HTTP/1.0 client gets no 100, also where the backend was asked for one',
    source: ['row:expect', 'row:interim', 'rule:21'],
    async run(scene) {
      scene.serve(async request => {
        if (request.values('expect').length > 0) request.write('HTTP/1.1 100 Continue\r\n\r\n')
        await request.whole()
        request.answer()
      })
      const client = scene.client()
      await client.send(`POST ${scene.path()} HTTP/1.0\r\n${EXPECT}\r\nhello`)
      const answer = await client.answer()
      assert.deepEqual([answer.status, answer.interim.length], [200, 0])
    },
  },
  'no-body': {
    title: 'an expectation without a body does not stall',
    source: ['rule:20', 'F:7'],
    async run(scene) {
      const answer = await scene.ask(scene.get('', 'Expect: 100-continue\r\n'))
      assert.equal(answer.status, 200)
    },
  },
})

export const interim: Case[] = group('interim', {
  '103': {
    title: '103 reaches the client before the backend has answered, with its fields',
    source: ['row:interim', 'rule:21', 'F:7'],
    async run(scene) {
      const seen = Promise.withResolvers<void>()
      scene.serve(async request => {
        request.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>\r\n\r\n')
        await seen.promise
        request.answer()
      })
      const client = scene.client()
      await client.send(scene.get())
      const hint = await scene.during(client.anyHead())
      assert.equal(hint.status, 103)
      assert.deepEqual(hint.fields, [
        ['Link', '</a.css>; rel=preload'],
        ['Link', '</b.js>'],
      ])
      seen.resolve()
      assert.equal((await client.answer()).status, 200)
    },
  },
  several: {
    title: 'several interim answers arrive in order, and the next request gets its own answer',
    source: ['row:interim', 'rule:21'],
    async run(scene) {
      scene.serve(request => {
        const hints = [102, 103, 103, 199].map((status, at) => `HTTP/1.1 ${status} X\r\nX-At: ${at}\r\n\r\n`)
        request.write(hints.join(''))
        request.answer('ok')
      })
      const client = scene.client()
      const other = scene.scene()
      await client.send(scene.get() + other.get('/next'))
      const answer = await client.answer()
      assert.deepEqual(
        answer.interim.map(one => one.status),
        [102, 103, 103, 199],
      )
      assert.equal(answer.body.data, 'ok')
      await other.isServed(client, '/next')
    },
  },
  'http-1.0': {
    title: 'an HTTP/1.0 client gets the answer without the interim ones',
    source: ['row:interim', 'rule:21'],
    async run(scene) {
      scene.serve(request => {
        request.write('HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n')
        request.answer('ok')
      })
      const answer = await scene.ask(`GET ${scene.path()} HTTP/1.0\r\n\r\n`)
      assert.deepEqual([answer.status, answer.interim.length, answer.body.data], [200, 0, 'ok'])
    },
  },
  'hop-by-hop': {
    title: 'fields of one hop in a 103 are dropped like everywhere',
    source: ['row:hop-by-hop', 'rule:10', 'rule:21'],
    async run(scene) {
      scene.serve(request => {
        request.write('HTTP/1.1 103 X\r\nConnection: X-Hop\r\nX-Hop: a\r\nKeep-Alive: b\r\nX-Stays: c\r\n\r\n')
        request.answer('ok')
      })
      const [hint] = (await scene.ask(scene.get())).interim
      assert.deepEqual(hint?.fields, [['X-Stays', 'c']])
    },
  },
  'unasked-100': {
    title: 'a 100 that nobody expected is refused, dropped or relayed; the answer behind it is never lost or shifted',
    source: ['row:legacy-quirks', 'rule:20'],
    async run(scene) {
      scene.serve(async request => {
        await request.whole()
        request.write('HTTP/1.1 100 Continue\r\n\r\n')
        request.answer('ok')
      })
      const client = scene.client()
      await client.send(scene.post())
      const answer = await client.answer('POST')
      if (answer.status === 200) assert.equal(answer.body.data, 'ok')
      else assert.equal(answer.status, 502)
      const other = scene.scene()
      if (client.ended === null) {
        await client.send(other.get('/next'))
        await other.isServed(client, '/next')
      }
      await scene.victim()
    },
  },
})

/** After an answer that did not want the body: either the end, or the body may still come and the next request is its own. */
async function goesOnOrEnds(scene: Scene, client: Client): Promise<void> {
  if (/^connection: close\r$/im.test(client.text)) {
    await client.closed()
    return
  }
  const other = scene.scene()
  await client.send(`hello${other.get('/next')}`)
  await other.isServed(client, '/next')
}
