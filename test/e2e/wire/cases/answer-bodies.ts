// Bodies of answers: where they end, where they have none, for HTTP/1.0 clients, and trailers behind them.
import assert from 'node:assert'
import type { Case, Draft } from '../case.ts'
import { group } from '../case.ts'
import { lacksFields } from '../outcomes.ts'
import type { Source } from '../sources.ts'

const source: readonly Source[] = ['row:bodiless', 'rule:9']

export const answerBodies: Case[] = group('answer-bodies', {
  'head-length': bodiless(
    'HEAD',
    '200 OK',
    'Content-Length: 1234\r\n',
    ['1234'],
    'HEAD keeps the length, without a body',
  ),
  'head-chunked': bodiless(
    'HEAD',
    '200 OK',
    'Transfer-Encoding: chunked\r\n',
    [],
    'HEAD of a chunked answer has no body',
  ),
  '304-length': bodiless('GET', '304 Not Modified', 'Content-Length: 1234\r\n', ['1234'], '304 keeps the length'),
  '304': bodiless('GET', '304 Not Modified', '', [], '304 without a length gets none'),
  '204': bodiless('GET', '204 No Content', '', [], '204 has no body and no length'),
  '204-post': bodiless('POST', '204 No Content', '', [], '204 to a POST has no body and no length'),
  '204-length-0': bodiless('DELETE', '204 No Content', 'Content-Length: 0\r\n', [], '204 with a length of 0'),
  sized: body('a sized answer keeps its length', 'Content-Length: 5\r\n\r\nhello', 'hello', 'length'),
  'sized-0': body('an answer of no bytes keeps its length of 0', 'Content-Length: 0\r\n\r\n', '', 'none'),
  chunked: body(
    'a chunked answer stays chunked',
    'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    'hello',
    'chunked',
  ),
  'chunked-case': body(
    'Chunked is chunked',
    'transfer-encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    'hello',
    'chunked',
  ),
  'chunked-odd': body(
    'zeros, extensions and both cases of hex in chunk sizes do no harm',
    `Transfer-Encoding: chunked\r\n\r\n0000000B;a=b;c="d"\r\nhello hello\r\n00b\r\n hello hell\r\n000\r\n\r\n`,
    'hello hello hello hell',
    'chunked',
  ),
  'to-the-end': {
    title: 'an answer that ends with its connection is whole, and the client’s connection goes on or ends with it',
    source: ['row:legacy-quirks', 'rule:8'],
    async run(scene) {
      scene.serve(request => request.connection.end('HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nhello'))
      const client = scene.client()
      await client.send(scene.get())
      const answer = await client.answer()
      assert.equal(answer.body.data, 'hello')
      if (answer.head.framing.kind === 'close') await client.closed()
      else {
        const other = scene.scene()
        await client.send(other.get('/next'))
        await other.isServed(client, '/next')
      }
    },
  },
  'http-1.0-backend': {
    title:
      'answers of an HTTP/1.0 backend arrive whole, sized or not; its connection is not used again unless it says so',
    source: ['row:legacy-quirks'],
    async run(scene) {
      scene.serve(request => {
        const sized = request.head.target.endsWith('/sized')
        request.connection.end(`HTTP/1.0 200 OK\r\n${sized ? 'Content-Length: 5\r\n' : ''}\r\nhello`)
      })
      for (const rest of ['/sized', '/to-the-end', '/sized']) {
        assert.equal((await scene.ask(scene.get(rest))).body.data, 'hello')
      }
      assert.equal(new Set(scene.received.map(request => request.connection)).size, 3)
    },
  },
  'http-1.0-client': {
    title: 'an HTTP/1.0 client gets a chunked answer without chunks, ended by the connection',
    source: ['row:http-1.0-client', 'rule:8'],
    async run(scene) {
      scene.serve(request => {
        request.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\n yo\r\n0\r\n\r\n')
      })
      for (const fields of ['', 'Connection: keep-alive\r\n']) {
        const client = scene.client()
        await client.send(`GET ${scene.path()} HTTP/1.0\r\nHost: a.test\r\n${fields}\r\n`)
        const answer = await client.answer()
        lacksFields(answer.head.fields, ['transfer-encoding', 'trailer'])
        assert.equal(answer.body.data, 'hello yo')
        if (answer.head.framing.kind === 'close') assert.equal(await client.closed(), '')
      }
    },
  },
  'http-1.0-sized': {
    title: 'an HTTP/1.0 client without keep-alive gets its answer and the end',
    source: ['row:http-1.0-client'],
    async run(scene) {
      const client = scene.client()
      await client.send(`GET ${scene.path('/x')} HTTP/1.0\r\n\r\n`)
      await scene.isServed(client, '/x')
      await client.closed()
    },
  },
  trailers: {
    title: 'trailers of a chunked answer reach an HTTP/1.1 client that asked for them',
    source: ['row:trailers', 'rule:22'],
    async run(scene) {
      scene.serve(request => {
        request.write(
          'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: caf\xe9\r\nX-More: 1\r\n\r\n',
        )
      })
      const answer = await scene.ask(scene.get('', 'TE: trailers\r\nConnection: TE\r\n'))
      assert.equal(answer.body.data, 'hello')
      assert.deepEqual(
        answer.body.trailers.filter(([name]) => name === 'X-Sum'),
        [['X-Sum', 'caf\xe9']],
      )
    },
  },
  'trailers-http-1.0': {
    title: 'where trailers cannot go, neither they nor Trailer are passed on',
    source: ['row:trailers', 'rule:22'],
    async run(scene) {
      scene.serve(request => {
        const sized = request.head.target.endsWith('/sized')
        request.write(
          sized
            ? 'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nContent-Length: 5\r\n\r\nhello'
            : 'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n',
        )
      })
      const old = await scene.ask(`GET ${scene.path('/chunked')} HTTP/1.0\r\n\r\n`)
      lacksFields(old.head.fields, ['trailer', 'x-sum'])
      assert.equal(old.body.data, 'hello', 'and no trailer in the body')
      const sized = await scene.ask(scene.get('/sized'))
      lacksFields(sized.head.fields, ['trailer'])
    },
  },
  'trailers-forbidden': {
    title: 'trailers that would frame, route or authorize are not merged into anything',
    source: ['row:trailers', 'rule:22', 'advisory:te-te'],
    async run(scene) {
      const client = scene.client()
      await client.send(
        scene.post(
          '/attack',
          'Transfer-Encoding: chunked\r\n',
          '5\r\nhello\r\n0\r\nContent-Length: 99\r\nHost: b.test\r\nTransfer-Encoding: x\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n',
        ) + scene.get('/next'),
      )
      const line = await client.until(() => client.text.length >= 12 && client.text, 'an answer')
      if (line.startsWith('HTTP/1.1 200')) {
        await scene.isServed(client, '/attack', 'POST')
        await scene.isServed(client, '/next')
        const { trailers } = (await scene.request()).body
        lacksFields(trailers, ['content-length', 'host', 'transfer-encoding', 'x-forwarded-for'])
      } else assert.match(line, /^HTTP\/1\.1 400/)
      await scene.victim()
    },
  },
})

function bodiless(method: string, status: string, fields: string, length: readonly string[], title: string): Draft {
  return {
    title: `${title}; the next request on the connection gets its own answer`,
    source,
    async run(scene) {
      scene.serve(async request => {
        await request.whole()
        request.write(`HTTP/1.1 ${status}\r\nX-A: b\r\n${fields}\r\n`)
      })
      const client = scene.client()
      const other = scene.scene()
      const sized = method === 'GET' || method === 'HEAD' ? '' : 'Content-Length: 0\r\n'
      await client.send(`${method} ${scene.path()} HTTP/1.1\r\nHost: a.test\r\n${sized}\r\n${other.get('/next')}`)
      const answer = await client.answer(method)
      assert.equal(answer.status, Number(status.slice(0, 3)))
      assert.deepEqual(answer.values('content-length'), length)
      await other.isServed(client, '/next')
    },
  }
}

function body(title: string, answer: string, data: string, framing: 'length' | 'chunked' | 'none'): Draft {
  return {
    title: `${title}, and the connection goes on`,
    source: ['rule:8', 'row:repetition'],
    async run(scene) {
      scene.serve(request => void request.write(`HTTP/1.1 200 OK\r\n${answer}`))
      const client = scene.client()
      const other = scene.scene()
      await client.send(scene.get() + other.get('/next'))
      const got = await client.answer()
      assert.equal(got.body.data, data)
      if (framing !== 'none') assert.equal(got.head.framing.kind, framing)
      await other.isServed(client, '/next')
    },
  }
}
