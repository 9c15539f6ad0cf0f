// Framing behind a crowd of tiny fields, where a reader that stops counting loses the field that frames the body; and the
// limits of field count, head and target.
import assert from 'node:assert'
import type { Case } from '../case.ts'
import { group } from '../case.ts'
import type { Field } from '../message.ts'
import { fieldLines, isRefused, keptFields } from '../outcomes.ts'
import type { Scene } from '../scene.ts'
import { FIRST, isForwarded, LAST, METHODS, methodsOf, type Played, write } from './play.ts'

const COUNTS = [100, 1_000, 1_021, 1_100, 2_000, 2_100, 5_000]

const ENDS = {
  length: { fields: 'Content-Length: 5\r\n', body: 'hello', data: 'hello' },
  chunked: { fields: 'Transfer-Encoding: chunked\r\n', body: '5\r\nhello\r\n0\r\n\r\n', data: 'hello' },
} as const

export const crowd: Case[] = group('crowd', {
  length: {
    title: 'a length behind 100 to 5,000 tiny fields still frames the body, or 431: every method',
    source: ['row:field-count', 'rule:7', 'F:3', 'advisory:hidden-framing'],
    run: scene => crowded(scene, ENDS.length),
  },
  chunked: {
    title: 'a coding behind 100 to 5,000 tiny fields still frames the body, or 431: every method',
    source: ['row:field-count', 'rule:7', 'F:3', 'advisory:hidden-framing'],
    run: scene => crowded(scene, ENDS.chunked),
  },
  conflict: {
    title: 'TE and CL with 1,100 tiny fields before, between or behind them are refused',
    source: ['advisory:hidden-framing', 'rule:1', 'F:3'],
    async run(scene) {
      const tiny = 'a:1\r\n'.repeat(1_100)
      const [te, cl] = ['Transfer-Encoding: chunked\r\n', 'Content-Length: 5\r\n']
      for (const fields of [tiny + te + cl, te + tiny + cl, cl + tiny + te, cl + te + tiny]) {
        for (const method of ['GET', 'POST', 'DELETE']) {
          const inner = scene.scene()
          const client = inner.client()
          await client.send(
            `${method} ${inner.path()} HTTP/1.1\r\nHost: a\r\n${fields}\r\n0\r\n\r\n${inner.get('/smuggled')}`,
          )
          await isRefused(inner, client, [400, 431], method)
        }
      }
    },
  },
  'authorization-kept': {
    title: 'with 100 to 5,000 fields, each arrives or the request is 431; none is dropped silently',
    source: ['row:field-count', 'rule:7', 'F:3'],
    async run(scene) {
      for (const count of COUNTS) {
        const inner = scene.scene()
        const fields: Field[] = [...numbered(count), ['Authorization', 'Basic eDp5']]
        const answer = await inner.ask(inner.get('', fieldLines(fields)))
        if (answer.status === 431) continue
        assert.equal(answer.status, 200, `${count} fields`)
        keptFields((await inner.request()).head.fields, fields)
      }
    },
  },
})

async function crowded(scene: Scene, end: (typeof ENDS)[keyof typeof ENDS]): Promise<void> {
  for (const count of COUNTS) {
    await Promise.all(methodsOf(scene, METHODS).map(method => crowdedOne(scene.scene(), end, count, method)))
  }
}

async function crowdedOne(scene: Scene, end: (typeof ENDS)[keyof typeof ENDS], count: number, method: string) {
  const client = scene.client()
  const played: Played = {
    head:
      `${method} ${scene.path('/attack')} HTTP/1.1\r\nHost: a.test\r\n${fieldLines(FIRST)}` +
      `${'a:\r\n'.repeat(count)}${end.fields}${fieldLines(LAST)}\r\n`,
    body: end.body,
    next: scene.get('/next'),
  }
  await write(client, played, 'pipelined')
  const line = await client.until(() => client.text.length >= 12 && client.text, 'an answer')
  if (!line.startsWith('HTTP/1.1 200')) {
    await isRefused(scene, client, [431], method)
    return
  }
  const expected = { method, data: end.data, framing: undefined, kept: [...FIRST, ...LAST] }
  await isForwarded(scene, client, played, 'pipelined', expected)
  assert.equal(scene.received[0]?.values('a').length, count, 'every tiny field arrived')
  client.end()
}

function numbered(count: number): Field[] {
  return Array.from({ length: count }, (_, at) => [`x${at}`, '1'])
}

export const limits: Case[] = group('limits', {
  head: {
    title: 'a head over 64 KiB is 431, which the client can read although it wrote more',
    source: ['rule:7', 'F:3'],
    async run(scene) {
      for (const size of [70_000, 300_000]) {
        const client = scene.client()
        await client.send(scene.get('', `X-Large: ${'x'.repeat(size)}\r\n`))
        await isRefused(scene, client, [431])
      }
    },
  },
  'endless-head': {
    title: 'a head that never ends is 431, also without any line end',
    source: ['rule:7', 'F:12'],
    async run(scene) {
      for (const [first, more] of [
        ['', 'x'.repeat(10_000)],
        [`GET ${scene.path()} HTTP/1.1\r\n`, `X-A: ${'a'.repeat(1_000)}\r\n`],
        [`GET ${scene.path()} HTTP/1.1\r\nX-A: `, 'y'.repeat(10_000)],
      ] as const) {
        const client = scene.client()
        await client.send(first)
        let sent = 0
        while (client.ended === null && sent < 8_000_000) {
          await client.send(more)
          sent += more.length
          await new Promise(setImmediate)
        }
        await client.closed()
        assert.match(client.text, /^HTTP\/1\.1 4(00|14|31) /)
        assert.ok(sent < 8_000_000, 'refused long before 8 MB')
      }
      await scene.victim()
      assert.deepEqual(scene.lines(), [])
    },
  },
  'fields-hard': {
    title: 'more than 10,000 fields are 431',
    source: ['row:field-count', 'rule:7', 'F:3'],
    async run(scene) {
      const client = scene.client()
      await client.send(scene.get('', 'a:\r\n'.repeat(10_001)))
      await isRefused(scene, client, [431])
    },
  },
  'target-hard': {
    title: 'a target over 64 KiB is 414 or 431',
    source: ['rule:7'],
    async run(scene) {
      const client = scene.client()
      await client.send(scene.get(`/${'t'.repeat(70_000)}`))
      await isRefused(scene, client, [414, 431])
    },
  },
  'fields-transparent': {
    title: 'by default 1,100 fields, which the legacy took until today, are forwarded',
    source: ['row:field-count', 'rule:7'],
    async run(scene) {
      const answer = await scene.ask(scene.get('', fieldLines(numbered(1_100))))
      assert.equal(answer.status, 200)
      keptFields((await scene.request()).head.fields, numbered(1_100))
    },
  },
  'target-transparent': {
    title: 'by default a target of 20 KiB is forwarded byte for byte',
    source: ['rule:7', 'rule:15'],
    async run(scene) {
      const rest = `/${'long%2f'.repeat(3_000)}`
      const answer = await scene.ask(scene.get(rest))
      assert.equal(answer.status, 200)
      assert.equal((await scene.request()).head.target, scene.path(rest))
    },
  },
  'fields-standard': {
    title: 'in the standard profile more than 200 fields are 431, and 150 are not',
    source: ['row:field-count', 'rule:7', 'F:3'],
    setup: 'standard',
    async run(scene) {
      assert.equal((await scene.ask(scene.get('', fieldLines(numbered(150))))).status, 200)
      const inner = scene.scene()
      const client = inner.client()
      await client.send(inner.get('', fieldLines(numbered(201))))
      await isRefused(inner, client, [431])
    },
  },
  'body-standard': {
    title: 'in the standard profile a body over the limit is 413, read or not; the backend never has it whole',
    source: ['rule:7', 'rule:28', 'row:problem'],
    setup: 'standard',
    async run(scene) {
      const client = scene.client()
      await client.send(scene.post('', 'Content-Length: 1048577\r\n', 'hello'))
      await isRefused(scene, client, [413])

      const inner = scene.scene()
      const chunked = inner.client()
      await chunked.send(inner.post('', 'Transfer-Encoding: chunked\r\n', ''))
      const piece = `10000\r\n${'x'.repeat(0x10000)}\r\n`
      for (let sent = 0; sent < 4_000_000 && chunked.ended === null; sent += piece.length) await chunked.send(piece)
      assert.equal((await chunked.answer()).status, 413)
      await chunked.closed()
      for (const request of inner.received) {
        await request.gone()
        assert.ok(!request.body.done)
      }
      await scene.victim()
    },
  },
  'target-standard': {
    title: 'in the standard profile a target over 16 KiB is 414, and 15 KiB is not',
    source: ['rule:7'],
    setup: 'standard',
    async run(scene) {
      assert.equal((await scene.ask(scene.get(`/${'t'.repeat(15 * 1024)}`))).status, 200)
      const inner = scene.scene()
      const client = inner.client()
      await client.send(inner.get(`/${'t'.repeat(16 * 1024)}`))
      await isRefused(inner, client, [414])
    },
  },
})
