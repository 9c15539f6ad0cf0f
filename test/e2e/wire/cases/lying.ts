// Lying backends: answers that two readers could take differently. The client gets 502, or a cut when it has the head
// already; the upstream connection is destroyed; the bytes reach nobody, neither this client nor the next.
import assert from 'node:assert'
import type { Case, Draft } from '../case.ts'
import { group } from '../case.ts'
import { hasNothingOf, isBadGateway, isCut } from '../outcomes.ts'
import type { Scene } from '../scene.ts'
import type { Source } from '../sources.ts'

/** A second answer, as an attacker would have it read. */
const EVIL = 'HTTP/1.1 200 OK\r\nX-Echo: EVIL\r\nContent-Length: 4\r\n\r\nEVIL'

const framing: readonly Source[] = ['row:malformed', 'rule:1', 'rule:2', 'rule:3', 'F:10']
const syntax: readonly Source[] = ['row:malformed', 'rule:4', 'F:10']

interface Lie {
  readonly title: string
  readonly source: readonly Source[]
  readonly bytes: string
  /** What the backend does behind its bytes. */
  readonly ends?: 'end' | 'reset'
}

const head = (title: string, fields: string, source = framing): Lie => ({
  title,
  source,
  bytes: `HTTP/1.1 200 OK\r\n${fields}\r\n4\r\nEVIL\r\n0\r\n\r\n${EVIL}`,
})

const HEADS: Readonly<Record<string, Lie>> = {
  'te-and-length': head('a coding and a length', 'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n'),
  'length-and-te': head('a length and a coding', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n'),
  'length-twice': head('the same length twice', 'Content-Length: 4\r\nContent-Length: 4\r\n'),
  'length-two': head('two lengths', 'Content-Length: 4\r\ncontent-length: 40\r\n'),
  'length-list': head('a list of lengths', 'Content-Length: 4, 4\r\n'),
  'length-plus': head('a signed length', 'Content-Length: +4\r\n'),
  'length-minus': head('a negative length', 'Content-Length: -4\r\n'),
  'length-huge': head('a length over 64 bits', 'Content-Length: 99999999999999999999\r\n'),
  'length-empty': head('an empty length', 'Content-Length:\r\n', [...framing, 'advisory:empty-name']),
  'length-hex': head('a length in hex', 'Content-Length: 0x4\r\n'),
  'te-x': head('an unknown coding', 'Transfer-Encoding: xchunked\r\n'),
  'te-gzip': head('a coding before chunked', 'Transfer-Encoding: gzip, chunked\r\n'),
  'te-twice': head('chunked twice', 'Transfer-Encoding: chunked, chunked\r\n'),
  'te-two-lines': head('chunked on two lines', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'),
  'te-identity': head('identity', 'Transfer-Encoding: identity\r\n', ['row:legacy-quirks', 'row:malformed', 'rule:3']),
  'te-empty': head('an empty coding', 'Transfer-Encoding:\r\n'),
  'te-space': head('a space before the coding’s colon', 'Transfer-Encoding : chunked\r\n', syntax),
  fold: head('a folded line', 'X-A: b\r\n c\r\nContent-Length: 4\r\n', syntax),
  'lf-line': head('a line that ends with LF', 'X-A: b\nContent-Length: 4\r\n', ['row:legacy-quirks', ...syntax]),
  'lf-only': {
    title: 'lines that end with LF only',
    source: ['row:legacy-quirks', ...syntax],
    bytes: `HTTP/1.1 200 OK\nContent-Length: 4\n\nEVIL${EVIL}`,
  },
  'bare-cr': head('a bare CR in a value', 'X-A: b\rX-B: c\r\nContent-Length: 4\r\n', syntax),
  'nul-value': head('a NUL in a value', 'X-A: b\0c\r\nContent-Length: 4\r\n', syntax),
  'nul-name': head('a NUL in a name', 'X\0A: b\r\nContent-Length: 4\r\n', syntax),
  'empty-name': head('an empty name', ': b\r\nContent-Length: 4\r\n', syntax),
  'no-colon': head('a line without a colon', 'X-A\r\nContent-Length: 4\r\n', syntax),
  'space-in-name': head('a space in a name', 'X A: b\r\nContent-Length: 4\r\n', ['row:legacy-quirks', ...syntax]),
  'control-in-value': head('a control byte in a value', 'X-A: b\x01\r\nContent-Length: 4\r\n', [
    'row:legacy-quirks',
    ...syntax,
  ]),
  'cr-head-end': head('CRLF CR X as the end of the head', 'Content-Length: 4\r\n\rX', [
    'advisory:head-ended-early',
    ...syntax,
  ]),
  garbage: { title: 'no status line', source: syntax, bytes: '220 mail.EVIL.test ESMTP\r\n\r\n' },
  'nothing-but-body': {
    title: 'a page without a head',
    source: syntax,
    bytes: '<html>EVIL</html>\r\n\r\n',
    ends: 'end',
  },
  'http-2': {
    title: 'HTTP/2.0 in the status line',
    source: syntax,
    bytes: `HTTP/2.0 200 OK\r\nContent-Length: 4\r\n\r\nEVIL`,
  },
  'lower-case': {
    title: 'http/1.1 in lower case',
    source: syntax,
    bytes: `http/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL`,
  },
  'code-short': {
    title: 'a status of two digits',
    source: syntax,
    bytes: `HTTP/1.1 20 OK\r\nContent-Length: 4\r\n\r\nEVIL`,
  },
  'code-long': {
    title: 'a status of four digits',
    source: syntax,
    bytes: `HTTP/1.1 2000 OK\r\nContent-Length: 4\r\n\r\nEVIL`,
  },
  'code-zero': { title: 'a status of 000', source: syntax, bytes: `HTTP/1.1 000 OK\r\nContent-Length: 4\r\n\r\nEVIL` },
  'code-word': {
    title: 'a word for a status',
    source: syntax,
    bytes: `HTTP/1.1 OK 200\r\nContent-Length: 4\r\n\r\nEVIL`,
  },
  'reason-nul': {
    title: 'a NUL in the reason',
    source: syntax,
    bytes: `HTTP/1.1 200 O\0K\r\nContent-Length: 4\r\n\r\nEVIL`,
  },
  'space-first': {
    title: 'a space before the status line',
    source: syntax,
    bytes: ` HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL`,
  },
  'head-truncated': {
    title: 'an end inside the head',
    source: ['row:backend-cuts', 'F:9', 'rule:28'],
    bytes: 'HTTP/1.1 200 OK\r\nX-Evil: EVIL\r\n',
    ends: 'end',
  },
  'head-reset': {
    title: 'a reset inside the head',
    source: ['row:backend-cuts', 'F:9', 'rule:28'],
    bytes: 'HTTP/1.1 200 OK\r\nX-Evil: EVIL',
    ends: 'reset',
  },
  'nothing-reset': { title: 'a reset instead of an answer', source: ['rule:28'], bytes: '', ends: 'reset' },
  '101-unasked': {
    title: 'a 101 that nobody asked for',
    source: ['rule:21', 'row:upgrade'],
    bytes: `HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${EVIL}`,
  },
}

const chunks = (title: string, body: string): Lie => ({
  title,
  source: [...syntax, 'rule:18', 'F:9'],
  bytes: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n${body}`,
})

/** The head is fine, so the client may have it. */
const BODIES: Readonly<Record<string, Lie>> = {
  'chunk-no-hex': chunks('a chunk size that is no number', `EVIL\r\n${EVIL}`),
  'chunk-minus': chunks('a negative chunk size', `-1\r\nEVIL\r\n0\r\n\r\n`),
  'chunk-plus': chunks('a signed chunk size', `+4\r\nEVIL\r\n0\r\n\r\n`),
  'chunk-0x': chunks('0x before a chunk size', `0x4\r\nEVIL\r\n0\r\n\r\n`),
  'chunk-space': chunks('a space behind a chunk size', `4 \r\nEVIL\r\n0\r\n\r\n`),
  'chunk-huge': chunks('a chunk size over 64 bits', `10000000000000004\r\nEVIL\r\n0\r\n\r\n`),
  'chunk-empty-size': chunks('a chunk without a size', `\r\nEVIL\r\n0\r\n\r\n`),
  'chunk-lf': chunks('a chunk line that ends with LF', `4\nEVIL\n0\n\n`),
  'chunk-too-long': chunks('more data than the chunk size says', `4\r\nEVILEVIL\r\n0\r\n\r\n`),
  'trailer-fold': chunks('a folded trailer', `0\r\nX-A: b\r\n EVIL\r\n\r\n`),
  'trailer-nul': chunks('a NUL in a trailer', `0\r\nX-A: EVIL\0\r\n\r\n`),
}

export const lying: Case[] = group('lying', {
  ...Object.fromEntries(
    Object.entries(HEADS).map(([key, lie]): [string, Draft] => [
      key,
      {
        title: `${lie.title}: 502, and nobody gets the bytes`,
        source: lie.source,
        run: scene => isRefusedLie(scene, lie),
      },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(BODIES).map(([key, lie]): [string, Draft] => [
      key,
      {
        title: `${lie.title}: cut or 502, and nobody gets what follows`,
        source: lie.source,
        run: scene => isCutLie(scene, lie),
      },
    ]),
  ),
  'sized-extra': extra(
    'bytes behind a sized body',
    'GET',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    'hello',
  ),
  'chunked-extra': extra(
    'bytes behind a chunked body',
    'GET',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    'hello',
  ),
  '204-extra': extra('a body behind a 204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n'),
  '204-length': extra(
    'a 204 with a length and that body',
    'GET',
    `HTTP/1.1 204 X\r\nContent-Length: ${EVIL.length}\r\n\r\n`,
  ),
  '204-chunked': extra(
    'a 204 with a coding and a body',
    'GET',
    'HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nEVIL\r\n0\r\n\r\n',
  ),
  '304-extra': extra('a body behind a 304', 'GET', `HTTP/1.1 304 X\r\nContent-Length: ${EVIL.length}\r\n\r\n`),
  'head-extra': extra(
    'a body behind an answer to HEAD',
    'HEAD',
    `HTTP/1.1 200 OK\r\nContent-Length: ${EVIL.length}\r\n\r\n`,
  ),
  'head-chunked-extra': extra(
    'a chunked body behind an answer to HEAD',
    'HEAD',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nEVIL\r\n0\r\n\r\n',
  ),
  'length-0-extra': extra('a body behind a length of 0', 'POST', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
  'interim-length': {
    title: 'a length in a 103 frames nothing: its answer is the next head, or it is 502',
    source: ['rule:21', 'row:interim', 'F:10'],
    async run(scene) {
      scene.serve(request => {
        request.write('HTTP/1.1 103 X\r\nContent-Length: 4\r\n\r\n')
        request.answer('mine')
      })
      const answer = await scene.ask(scene.get())
      if (answer.status === 200) assert.equal(answer.body.data, 'mine')
      else assert.equal(answer.status, 502)
      await scene.victim()
    },
  },
  'interim-flood': endless('interim answers without end', '', 'HTTP/1.1 103 X\r\nLink: <a>\r\n\r\n'),
  'endless-head': endless('a head without end', 'HTTP/1.1 200 OK\r\n', `X-A: ${'a'.repeat(1_000)}\r\n`),
  'endless-line': endless('a field line without end', 'HTTP/1.1 200 OK\r\nX-A: ', 'a'.repeat(1_000)),
  'endless-status': endless('a status line without end', 'HTTP/1.1 200 ', 'a'.repeat(1_000)),
  'endless-fields': endless('tiny fields without end', 'HTTP/1.1 200 OK\r\n', 'a:\r\n'.repeat(100)),
  'endless-blank-lines': endless('blank lines without end', '', '\r\n'.repeat(500)),
  'large-head': {
    title: 'a head of 2 MB is 502',
    source: ['rule:7', 'F:12', 'rule:28'],
    async run(scene) {
      scene.serve(request => {
        request.write(`HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(2_000_000)}EVIL\r\nContent-Length: 0\r\n\r\n`)
      })
      const client = scene.client()
      await client.send(scene.get())
      await isBadGateway(scene, client, await scene.request())
    },
  },
  'endless-extension': endlessBody('a chunk extension without end', '5;', 'a'.repeat(1_000)),
  'endless-trailers': endlessBody('trailers without end', '5\r\nhello\r\n0\r\n', `X-A: ${'a'.repeat(1_000)}\r\n`),
})

async function isRefusedLie(scene: Scene, lie: Lie): Promise<void> {
  for (const method of ['GET', 'POST']) {
    const inner = scene.scene()
    inner.serve(async request => {
      await request.whole()
      if (lie.bytes !== '') request.write(lie.bytes)
      if (lie.ends !== undefined) request.connection[lie.ends]()
    })
    const client = inner.client()
    await client.send(method === 'GET' ? inner.get() : inner.post())
    await isBadGateway(inner, client, await inner.request())
  }
}

async function isCutLie(scene: Scene, lie: Lie): Promise<void> {
  scene.serve(request => void request.write(lie.bytes))
  const client = scene.client()
  await client.send(scene.get())
  const request = await scene.request()
  await client.until(() => client.text !== '' || client.ended !== null, 'an answer or the end')
  if (client.text.startsWith('HTTP/1.1 502')) await isBadGateway(scene, client, request)
  else if (client.text !== '') await isCut(scene, client, request)
  await request.gone()
  if (!lie.title.startsWith('more data')) hasNothingOf(client, 'EVIL')
}

/** The answer is good, or refused for what follows it; what follows reaches nobody. */
function extra(title: string, method: string, answer: string, data = ''): Draft {
  return {
    title: `${title}: the upstream connection is destroyed, the bytes reach nobody`,
    source: ['row:extra-bytes', 'rule:9', 'advisory:queue-poisoning'],
    async run(scene) {
      for (const pipelined of [true, false]) {
        const inner = scene.scene()
        inner.serve(async request => {
          await request.whole()
          request.write(answer + EVIL)
        })
        const next = inner.scene()
        const client = inner.client()
        const fields = method === 'POST' ? 'Content-Length: 0\r\n' : ''
        const bytes = `${method} ${inner.path()} HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`
        await client.send(pipelined ? bytes + next.get('/next') : bytes)
        const got = await client.answer(method)
        if (got.status !== 502) assert.equal(got.body.data, data)
        await (await inner.request()).gone()
        if (pipelined && client.ended === null) await next.isServed(client, '/next')
        await inner.victim()
        hasNothingOf(client, 'EVIL')
      }
    },
  }
}

/** The backend never stops; the proxy must, long before 64 MB. */
function endless(title: string, first: string, more: string): Draft {
  return {
    title: `${title}: given up, the upstream connection is destroyed`,
    source: ['rule:7', 'F:12', 'rule:28'],
    async run(scene) {
      const sent = pourInto(scene, first, more)
      const client = scene.client()
      await client.send(scene.get())
      await (await scene.request()).gone()
      assert.ok((await sent) < LIMIT, 'given up long before 64 MB')
      await client.until(() => client.text.includes('HTTP/1.1 502') || client.ended !== null, 'a 502 or the end')
      await scene.victim()
    },
  }
}

function endlessBody(title: string, first: string, more: string): Draft {
  return endless(title, `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${first}`, more)
}

const LIMIT = 64 * 2 ** 20

/** Answers with bytes until the proxy closes; tells how many they were. */
function pourInto(scene: Scene, first: string, more: string): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  scene.serve(async ({ connection }) => {
    let sent = connection.write(first) ? first.length : 0
    const piece = more.repeat(Math.ceil(16_384 / more.length))
    while (connection.open && connection.socket.writable && sent < LIMIT) {
      sent += piece.length
      connection.write(piece)
      await new Promise(setImmediate)
      if (connection.socket.writableLength > 1_000_000) await drainedOrGone(connection.socket)
    }
    resolve(sent)
  })
  return promise
}

function drainedOrGone(socket: import('node:net').Socket): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
  })
}
