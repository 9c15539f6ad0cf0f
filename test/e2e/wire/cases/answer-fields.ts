// Fields of answers: nothing invented, nothing joined, and what belongs to one hop dropped.
import assert from 'node:assert'
import type { Case } from '../case.ts'
import { group } from '../case.ts'
import type { Field } from '../message.ts'
import { fieldLines, lacksFields } from '../outcomes.ts'

/** What a proxy may say about its own connection. */
const OF_THE_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length'])

function withoutHop(fields: readonly Field[]): Field[] {
  return fields.filter(([name]) => !OF_THE_HOP.has(name.toLowerCase()))
}

export const answerFields: Case[] = group('answer-fields', {
  kept: {
    title: 'the answer’s fields are the backend’s: order, case, repetition, bytes, and none invented',
    source: ['row:repetition', 'rule:11'],
    async run(scene) {
      const fields: Field[] = [
        ['Set-Cookie', 'a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT'],
        ['X-b', 'caf\xe9'],
        ['SET-COOKIE', 'b=2'],
        ['ETag', '"1"'],
        ['etag', '"2"'],
        ['Vary', 'A'],
        ['Vary', 'B'],
        ['Location', '/caf\xc3\xa9?\\"'],
        ['X-Empty', ''],
        ['x_under', '1'],
        ['Content-Type', 'text/html;charset=x'],
        ['Content-Type', 'text/plain'],
      ]
      scene.serve(request => {
        request.write(`HTTP/1.1 200 OK\r\n${fieldLines(fields)}Content-Length: 2\r\n\r\nok`)
      })
      const answer = await scene.ask(scene.get())
      assert.deepEqual(withoutHop(answer.head.fields), fields)
      assert.deepEqual(answer.values('content-length'), ['2'])
      assert.equal(answer.body.data, 'ok')
    },
  },
  'date-kept': {
    title: 'Date, Server and Via of the backend stay its own',
    source: ['row:repetition', 'rule:11'],
    async run(scene) {
      const fields: Field[] = [
        ['Server', 'legacy/0.1'],
        ['Date', 'Thu, 01 Jan 1970 00:00:00 GMT'],
        ['Via', '1.0 fred'],
      ]
      scene.serve(request => void request.write(`HTTP/1.1 200 OK\r\n${fieldLines(fields)}Content-Length: 0\r\n\r\n`))
      assert.deepEqual(withoutHop((await scene.ask(scene.get())).head.fields), fields)
    },
  },
  reason: {
    title: 'status and reason phrase arrive as they are, empty or latin1',
    source: ['row:repetition', 'rule:11'],
    async run(scene) {
      for (const [status, reason] of [
        [200, 'Quite Fine'],
        [299, 'd\xe9j\xe0 vu \xc3\xa9'],
        [404, ''],
        [599, 'x'],
        [418, "I'm a teapot"],
        [226, 'a\tb'],
      ] as const) {
        const inner = scene.scene()
        inner.serve(request => void request.write(`HTTP/1.1 ${status} ${reason}\r\nContent-Length: 0\r\n\r\n`))
        const answer = await inner.ask(inner.get())
        assert.deepEqual([answer.status, answer.head.reason], [status, reason])
      }
    },
  },
  'hop-by-hop': {
    title: 'Keep-Alive, Proxy-*, Upgrade and what Connection names do not reach the client',
    source: ['row:hop-by-hop', 'row:connection-named', 'rule:10', 'advisory:answer-nominations'],
    async run(scene) {
      scene.serve(request => {
        request.write(
          'HTTP/1.1 200 OK\r\nX-Hop: a\r\nConnection: keep-alive, X-Hop\r\nConnection: x-other\r\nX-Other: b\r\nX-Stays: c\r\n' +
            'Keep-Alive: timeout=99\r\nProxy-Connection: x\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nTE: x\r\nContent-Length: 0\r\n\r\n',
        )
      })
      const answer = await scene.ask(scene.get())
      lacksFields(answer.head.fields, ['X-Hop', 'X-Other', 'Proxy-Connection', 'Proxy-Authenticate', 'Upgrade', 'TE'])
      assert.deepEqual(answer.values('x-stays'), ['c'])
      assert.ok(!answer.values('keep-alive').includes('timeout=99'))
      assert.ok(!/hop|other/i.test(answer.values('connection').join()))
    },
  },
  'connection-names-length': {
    title: 'a backend that names its length in Connection cannot unframe its body',
    source: ['row:connection-named', 'advisory:answer-nominations', 'rule:8'],
    async run(scene) {
      scene.serve(request => {
        request.write('HTTP/1.1 200 OK\r\nConnection: content-length\r\nContent-Length: 5\r\n\r\nhello')
      })
      const client = scene.client()
      await client.send(scene.get())
      assert.equal((await client.answer()).body.data, 'hello')
      const other = scene.scene()
      await client.send(other.get('/next'))
      if (client.ended === null) await other.isServed(client, '/next')
    },
  },
  'close-is-per-hop': {
    title: 'the backend’s Connection: close ends its own connection, not the client’s',
    source: ['rule:10', 'rule:30'],
    async run(scene) {
      scene.serve(request => {
        request.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')
        request.connection.end()
      })
      const client = scene.client()
      for (const rest of ['/1', '/2', '/3']) {
        await client.send(scene.get(rest))
        assert.equal((await client.answer()).body.data, 'ok')
      }
      assert.equal(new Set(scene.received.map(request => request.connection)).size, 3, 'none was used again')
    },
  },
  'large-head': {
    title: 'a head of 32 KiB from the backend, many cookies, arrives whole',
    source: ['rule:7', 'rule:11'],
    async run(scene) {
      const fields = Array.from({ length: 320 }, (_, at): Field => ['Set-Cookie', `c${at}=${'x'.repeat(80)}`])
      scene.serve(request => void request.write(`HTTP/1.1 200 OK\r\n${fieldLines(fields)}Content-Length: 0\r\n\r\n`))
      assert.deepEqual(withoutHop((await scene.ask(scene.get())).head.fields), fields)
    },
  },
  'cut-anywhere': {
    title: 'an answer that comes in two pieces is the same answer, wherever it is cut',
    source: ['rule:11', 'rule:8', 'F:12'],
    async run(scene) {
      const bytes =
        'HTTP/1.1 200 Fine\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n05\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n'
      const client = scene.client()
      for (let at = 1; at < bytes.length; at++) {
        scene.serve(async request => {
          request.write(bytes.slice(0, at))
          await new Promise(setImmediate)
          request.write(bytes.slice(at))
        })
        await client.send(scene.get())
        const answer = await scene.during(client.answer())
        const got = [answer.head.reason, answer.values('x-a'), answer.body.data]
        assert.deepEqual(got, ['Fine', ['b'], 'hello'], `cut behind ${JSON.stringify(bytes.slice(0, at).slice(-12))}`)
      }
    },
  },
  'head-in-pieces': {
    title: 'a head that comes byte by byte is the same head',
    source: ['rule:11', 'F:12'],
    async run(scene) {
      scene.serve(async request => {
        for (const byte of 'HTTP/1.1 200 Fine\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n') {
          request.write(byte)
          await new Promise(setImmediate)
        }
      })
      const answer = await scene.ask(scene.get())
      assert.deepEqual([answer.head.reason, answer.values('x-a'), answer.body.data], ['Fine', ['b'], 'ok'])
    },
  },
})
