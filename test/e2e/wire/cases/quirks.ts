// A legacy is what it is: quirks of its answers are refused by name, let in where the configuration names them, and what is
// let in is re-framed for the client and its connection never used again. And the ways in which an old backend is spoken to.
import assert from 'node:assert'
import type { Case, Draft } from '../case.ts'
import { group } from '../case.ts'
import { isBadGateway } from '../outcomes.ts'
import type { Source } from '../sources.ts'

interface Quirk {
  readonly title: string
  readonly bytes: string
  /** A field of it that arrives. */
  readonly field?: readonly [name: string, value: string]
  /** Letting it in is letting it through: this is what the client, who knows it, gets. */
  readonly through?: string
  /** It may only be seen when the head has gone to the client. */
  readonly late?: boolean
}

const source: readonly Source[] = ['row:legacy-quirks']

const QUIRKS: Readonly<Record<string, Quirk>> = {
  'bare-lf': {
    title: 'lines that end with LF',
    bytes: 'HTTP/1.1 200 OK\nX-A: b\nContent-Length: 5\n\nhello',
    field: ['x-a', 'b'],
  },
  'double-content-length': {
    title: 'the same Content-Length twice',
    bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello',
  },
  'odd-header-name': {
    title: 'a name that is no token',
    bytes: 'HTTP/1.1 200 OK\r\nX(A): b\r\nContent-Length: 5\r\n\r\nhello',
    through: 'X(A): b\r\n',
  },
  'control-byte': {
    title: 'a control byte in a value',
    bytes: 'HTTP/1.1 200 OK\r\nX-A: b\x01c\r\nContent-Length: 5\r\n\r\nhello',
  },
  'te-identity': {
    title: 'Transfer-Encoding: identity beside a length',
    bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello',
  },
  'space-in-chunk-size': {
    title: 'a space behind a chunk size',
    bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5  \r\nhello\r\n0\r\n\r\n',
    late: true,
  },
  'http-0.9': { title: 'a body without a head', bytes: 'hello' },
}

export const quirks: Case[] = group('quirks', {
  ...named('refused', (key, quirk) => ({
    title: `${quirk.title} is refused by default, and the 502 names the quirk and its setting`,
    source: [...source, 'row:problem'],
    async run(scene) {
      scene.serve(request => request.connection.end(quirk.bytes))
      const client = scene.client()
      await client.send(scene.get())
      const request = await scene.request()
      if (quirk.late === true) {
        // The head may have been passed on already: then only a cut is left.
        await client.until(() => client.ended !== null || client.text.includes(key), 'a 502 or a cut')
        if (!client.text.includes(key)) assert.ok(!client.text.includes('\r\n0\r\n\r\n'), 'a clean end')
        return
      }
      const answer = await isBadGateway(scene, client, request)
      assert.ok(answer.body.data.includes(key), `the quirk’s name, ${key}, in ${answer.body.data}`)
      assert.ok(answer.body.data.includes('accept'), 'the setting’s name')
    },
  })),
  ...named('accepted', (_, quirk) => ({
    title: `${quirk.title}, let in: the client gets well-formed HTTP, and the connection is not used again`,
    source,
    setup: 'lenient',
    async run(scene) {
      const unended = !quirk.bytes.includes('HTTP/')
      scene.serve(request => {
        request.write(quirk.bytes)
        // Without a head only the end of the connection ends the body.
        if (unended) request.connection.end()
      })
      const client = scene.client()
      await client.send(scene.get())
      if (quirk.through !== undefined) {
        const text = await client.until(() => client.text.endsWith('hello') && client.text, 'the answer')
        assert.ok(text.startsWith('HTTP/1.1 200 OK\r\n') && text.includes(quirk.through), text)
        await (await scene.request()).gone()
        return
      }
      const answer = await client.answer()
      assert.deepEqual([answer.status, answer.body.data], [200, 'hello'])
      if (quirk.field !== undefined) assert.deepEqual(answer.values(quirk.field[0]), [quirk.field[1]])
      await (await scene.request()).gone()
      await scene.victim()
    },
  })),
  'lenient-is-not-blind': {
    title: 'with every quirk let in, TE+CL, two lengths, a fold and a NUL are still 502',
    source: [...source, 'rule:1', 'rule:2', 'F:10'],
    setup: 'lenient',
    async run(scene) {
      for (const fields of [
        'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n',
        'Content-Length: 4\r\nContent-Length: 5\r\n',
        'Transfer-Encoding: gzip, chunked\r\n',
        'X-A: b\r\n c\r\nContent-Length: 4\r\n',
        'X-A: b\0\r\nContent-Length: 4\r\n',
      ]) {
        const inner = scene.scene()
        inner.serve(request => void request.write(`HTTP/1.1 200 OK\r\n${fields}\r\nEVIL`))
        const client = inner.client()
        await client.send(inner.get())
        await isBadGateway(inner, client, await inner.request())
      }
    },
  },
  'unasked-100': {
    title: 'a 100 that nobody expected, let in: the client gets the answer behind it',
    source: [...source, 'rule:20'],
    setup: 'lenient',
    async run(scene) {
      scene.serve(async request => {
        await request.whole()
        request.write('HTTP/1.1 100 Continue\r\n\r\n')
        request.answer('mine')
      })
      const answer = await scene.ask(scene.post())
      assert.deepEqual([answer.status, answer.body.data], [200, 'mine'])
      await (await scene.request()).gone()
    },
  },
  'standard-http-1.0': strict('HTTP/1.0 answers', 'HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nEVIL'),
  'standard-close-delimited': strict('answers that end unannounced', 'HTTP/1.1 200 OK\r\n\r\nEVIL'),
  'standard-close-announced': {
    title: 'in the standard profile an answer that announces its end by Connection: close is taken',
    source: [...source, 'rule:8'],
    setup: 'standard',
    async run(scene) {
      scene.serve(request => request.connection.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello'))
      assert.equal((await scene.ok(scene.get())).body.data, 'hello')
    },
  },
  'old-request-line': {
    title: 'towards an HTTP/1.0 backend the request line says 1.0, and a chunked body has its length',
    source,
    setup: 'old',
    async run(scene) {
      scene.serve(async request => {
        await request.whole()
        request.connection.end('HTTP/1.0 200 OK\r\n\r\nhello')
      })
      for (const bytes of [
        scene.get(),
        scene.post(),
        scene.post('', 'Transfer-Encoding: chunked\r\n', '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'),
      ]) {
        assert.equal((await scene.ok(bytes)).body.data, 'hello')
      }
      assert.deepEqual(
        scene.received.map(request => request.head.version),
        ['1.0', '1.0', '1.0'],
      )
      assert.deepEqual(
        scene.received.map(request => request.body.data),
        ['', 'hello', 'hello'],
      )
      assert.deepEqual(
        scene.received.map(request => request.head.framing.kind),
        ['none', 'length', 'length'],
      )
    },
  },
  'old-never-reused': {
    title: 'a backend whose connections carry one exchange each gets one for each, and each is closed',
    source: [...source, 'rule:30'],
    setup: 'old',
    async run(scene) {
      const client = scene.client()
      for (let at = 0; at < 5; at++) {
        await client.send(scene.get(`/${at}`))
        await scene.isServed(client, `/${at}`)
      }
      assert.equal(new Set(scene.received.map(request => request.connection)).size, 5)
      for (const request of scene.received) await request.gone()
    },
  },
})

function named(verb: string, draft: (key: string, quirk: Quirk) => Draft): Record<string, Draft> {
  return Object.fromEntries(Object.entries(QUIRKS).map(([key, quirk]) => [`${key}-${verb}`, draft(key, quirk)]))
}

function strict(what: string, bytes: string): Draft {
  return {
    title: `in the standard profile ${what} are 502`,
    source,
    setup: 'standard',
    async run(scene) {
      scene.serve(request => request.connection.end(bytes))
      const client = scene.client()
      await client.send(scene.get())
      await isBadGateway(scene, client, await scene.request())
    },
  }
}
