// Heads that no proxy may let through: each is refused once, the connection is closed, and nothing of it goes upstream.
import assert from 'node:assert'
import type { Case, Draft } from '../case.ts'
import { group } from '../case.ts'
import { isRefused } from '../outcomes.ts'
import type { Scene } from '../scene.ts'
import type { Source } from '../sources.ts'

interface Bad {
  readonly title: string
  readonly bytes: (scene: Scene) => string
  readonly statuses?: readonly number[]
  readonly source?: readonly Source[]
}

/** Lines between Host and the end of a good head. */
function lines(title: string, text: string, source: readonly Source[] = []): Bad {
  return { title, source, bytes: scene => `POST ${scene.path()} HTTP/1.1\r\nHost: a.test\r\n${text}\r\n` }
}

/** A whole first line. */
function first(title: string, line: (path: string) => string, more: Partial<Bad> = {}): Bad {
  return { title, ...more, bytes: scene => `${line(scene.path())}\r\nHost: a.test\r\n\r\n` }
}

const HEADS: Readonly<Record<string, Bad>> = {
  'lf-only': {
    title: 'lines that end with LF only',
    bytes: scene => `GET ${scene.path()} HTTP/1.1\nHost: a.test\n\n`,
  },
  'lf-inside': lines('one field line that ends with LF', 'X-A: b\nX-C: d\r\n'),
  'lf-lf-end': {
    title: 'LF LF as the end of a head',
    bytes: scene => `${scene.get().slice(0, -4)}\n\nGET / HTTP/1.1\r\n\r\n`,
  },
  'crlf-lf-end': lines('CRLF LF as the end of a head', 'X-A: b\r\n\n'),
  'crlf-cr-x': lines('CRLF CR and a byte as the end of a head', '\rX: y\r\n', ['advisory:head-ended-early']),
  'crlf-cr-length': lines('a length behind CRLF CR', '\rContent-Length: 5\r\n', ['advisory:head-ended-early']),
  'cr-in-value': lines('a bare CR in a value', 'X-A: b\rc\r\n', ['advisory:space-before-length']),
  'cr-before-crlf': lines('CR before CRLF', 'X-A: b\r\r\n'),
  'cr-in-name': lines('a bare CR in a name', 'X\r-A: b\r\n'),
  'nul-in-value': lines('a NUL in a value', 'X-A: b\0c\r\n'),
  'nul-in-name': lines('a NUL in a name', 'X\0A: b\r\n'),
  'space-before-colon': lines('a space before a colon', 'X-A : b\r\n'),
  'space-before-length-colon': lines('a space before the colon of Content-Length', 'Content-Length : 0\r\n', [
    'advisory:space-before-length',
  ]),
  'tab-before-colon': lines('a tab before a colon', 'X-A\t: b\r\n'),
  'space-in-name': lines('a space in a name', 'X A: b\r\n'),
  fold: lines('a folded line', 'X-A: b\r\n c\r\n'),
  'fold-tab': lines('a line folded by a tab', 'X-A: b\r\n\tc\r\n'),
  'fold-first': {
    title: 'a first field line that begins with a space',
    bytes: scene => `GET ${scene.path()} HTTP/1.1\r\n Host: a.test\r\nHost: a.test\r\n\r\n`,
  },
  'empty-name': lines('an empty name', ': b\r\n', ['advisory:empty-name']),
  'no-colon': lines('a line without a colon', 'X-A\r\n'),
  'name-bytes': lines('brackets in a name', 'X(A): b\r\n'),
  'name-high-byte': lines('a byte over 127 in a name', 'X\xe9A: b\r\n'),
  'name-control': lines('a control byte in a name', 'X\x01A: b\r\n'),
  'target-space': first('a space in the target', path => `GET ${path}/a b HTTP/1.1`, {
    source: ['row:odd-targets', 'F:5'],
  }),
  'target-nul': first('a NUL in the target', path => `GET ${path}/a\0b HTTP/1.1`, {
    source: ['row:odd-targets', 'F:5'],
  }),
  'target-control': first('a control byte in the target', path => `GET ${path}/a\x01b HTTP/1.1`, {
    source: ['row:odd-targets', 'F:5'],
  }),
  'target-delete': first('a DEL in the target', path => `GET ${path}/a\x7fb HTTP/1.1`, {
    source: ['row:odd-targets', 'F:5'],
  }),
  'target-tab': first('a tab in the target', path => `GET ${path}/a\tb HTTP/1.1`, {
    source: ['row:odd-targets', 'F:5'],
  }),
  'target-cr': first('a bare CR in the target', path => `GET ${path}/a\rb HTTP/1.1`),
  'target-word': first('a target that does not begin with a slash', path => `GET ${path.slice(1)} HTTP/1.1`, {
    source: ['F:5'],
  }),
  'target-query': first('a target that begins with a question mark', path => `GET ?${path} HTTP/1.1`, {
    source: ['F:5'],
  }),
  'target-empty': first('no target', () => 'GET  HTTP/1.1'),
  'two-spaces': first('two spaces behind the method', path => `GET  ${path} HTTP/1.1`),
  'tab-separators': first('tabs between the words', path => `GET\t${path}\tHTTP/1.1`),
  'line-leading-space': first('a space before the method', path => ` GET ${path} HTTP/1.1`),
  'line-trailing-space': first('a space behind the version', path => `GET ${path} HTTP/1.1 `),
  'line-more-words': first('a word behind the version', path => `GET ${path} HTTP/1.1 x`),
  'method-bytes': first('a bracket in the method', path => `G(T ${path} HTTP/1.1`),
  'method-high-byte': first('a byte over 127 in the method', path => `G\xc9T ${path} HTTP/1.1`),
  'version-case': first('http in lower case', path => `GET ${path} http/1.1`),
  'version-long': first('a minor version of two digits', path => `GET ${path} HTTP/1.12`, { statuses: [400, 505] }),
  'version-no-dot': first('a version without a dot', path => `GET ${path} HTTP/11`, { statuses: [400, 505] }),
  'version-word': first('another protocol', path => `GET ${path} ICY/1.1`, { statuses: [400, 505] }),
  garbage: { title: 'bytes that are no HTTP', bytes: () => '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n' },
  'http-2.0': first('HTTP/2.0 on the line', path => `GET ${path} HTTP/2.0`, {
    statuses: [505],
    source: ['row:host-version-connect', 'rule:6'],
  }),
  'http-3.0': first('HTTP/3.0 on the line', path => `GET ${path} HTTP/3.0`, {
    statuses: [505],
    source: ['row:host-version-connect', 'rule:6'],
  }),
  'http-0.9': first('HTTP/0.9 on the line', path => `GET ${path} HTTP/0.9`, {
    statuses: [400, 505],
    source: ['row:host-version-connect', 'rule:6'],
  }),
  'no-version': {
    title: 'a line without a version, as HTTP/0.9 had it',
    bytes: scene => `GET ${scene.path()}\r\n\r\n`,
    statuses: [400, 505],
    source: ['row:host-version-connect', 'rule:6'],
  },
  'http-2-preface': {
    title: 'the preface of HTTP/2',
    bytes: () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0',
    statuses: [400, 505],
    source: ['advisory:http2', 'rule:6'],
  },
}

export const syntax: Case[] = group(
  'syntax',
  Object.fromEntries(
    Object.entries(HEADS).map(([key, bad]): [string, Draft] => [
      key,
      {
        title: `${bad.title}: ${(bad.statuses ?? [400]).join(' or ')}, and the end`,
        source: bad.source === undefined || bad.source.length === 0 ? ['row:malformed', 'rule:4'] : bad.source,
        run: scene => refusedTwice(scene, bad),
      },
    ]),
  ),
)

/** As the first request of a connection, and behind one that was fine. */
async function refusedTwice(scene: Scene, bad: Bad): Promise<void> {
  const client = scene.client()
  await client.send(bad.bytes(scene))
  await isRefused(scene, client, bad.statuses)

  const second = scene.client()
  const fine = scene.scene()
  await second.send(fine.get('/fine'))
  await fine.isServed(second, '/fine')
  await second.send(bad.bytes(scene) + scene.get('/smuggled'))
  await isRefused(scene, second, bad.statuses)
  assert.deepEqual(fine.lines(), [`GET ${fine.path('/fine')}`])
}
