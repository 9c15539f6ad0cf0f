// Heads of requests: what is refused and why, and that a slow, plain reader takes and refuses the same.
import fc from 'fast-check'
import t from 'tap'
import { endOfRequest, readRequest } from '../../src/wire/head.ts'
import { HeadError } from '../../src/wire/lenience.ts'
import { changes, head, mutated, render } from './heads.ts'
import { plainRequest } from './reference.ts'
import { runs, SEED } from './seed.ts'

t.comment(`SEED=${SEED}`)

const line = (text: string) => `${text}\r\nHost: a\r\n\r\n`
const field = (text: string) => `POST / HTTP/1.1\r\nHost: a\r\n${text}\r\n\r\n`

const REFUSED: readonly (readonly [text: string, why: string, code?: HeadError['code']])[] = [
  [line('GET /'), 'the request line is not METHOD TARGET VERSION'],
  [line(' / HTTP/1.1'), 'the request line is not METHOD TARGET VERSION'],
  [line('GET / HTTP/2.0'), 'HTTP/1.0 and HTTP/1.1 are served here', 'version_unsupported'],
  [line('PRI * HTTP/2'), 'HTTP/1.0 and HTTP/1.1 are served here', 'version_unsupported'],
  [line('GET / HTTP/1.1 '), 'the request line does not end with a version'],
  [line('GET / http/1.1'), 'the request line does not end with a version'],
  [line('GET / HTTP/1.1x'), 'the request line does not end with a version'],
  [line('G(T / HTTP/1.1'), 'the method is not a token'],
  [line(`${'A'.repeat(65)} / HTTP/1.1`), 'the method is not a token'],
  [line('GET  HTTP/1.1'), 'the request target has a control byte, a space or a #'],
  [line('GET /a b HTTP/1.1'), 'the request target has a control byte, a space or a #'],
  [line('GET /a#b HTTP/1.1'), 'the request target has a control byte, a space or a #'],
  [line('GET /a\tb HTTP/1.1'), 'the request target has a control byte, a space or a #'],
  [line('GET /a\x7f HTTP/1.1'), 'the request target has a control byte, a space or a #'],
  [field('X: a\0b'), 'a control byte, a bare CR or a bare LF in the head'],
  [field('X: a\x0bb'), 'a control byte, a bare CR or a bare LF in the head'],
  [field('X: a\rb'), 'a control byte, a bare CR or a bare LF in the head'],
  [field('X: a\nY: b'), 'a control byte, a bare CR or a bare LF in the head'],
  ['GET / HTTP/1.1\r\nHost: a\r\n\rX: y\r\n\r\n', 'a control byte, a bare CR or a bare LF in the head'],
  [field('no colon'), 'a line without a colon'],
  [field('X: a\r\n folded'), 'a line without a colon'],
  [field('X: a\r\n folded: b'), 'a folded line or an empty name'],
  [field('\tX: a'), 'a folded line or an empty name'],
  [field(': a'), 'a folded line or an empty name'],
  [field('Content-Length : 3'), 'a field name is not a token'],
  [field('X\xa0: 3'), 'a field name is not a token'],
  [field('X(: 3'), 'a field name is not a token'],
  [`GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(50)}\r\n`, 'too many fields', 'too_many_fields'],
  [field('Content-Length:'), 'Content-Length is not one number'],
  ...['-1', '+1', '1, 1', '0x1', '1 1', '1.0', '1'.repeat(16), 'ten'].map(
    length => [field(`Content-Length: ${length}`), 'Content-Length is not one number'] as const,
  ),
  [field('Content-Length: 1\r\ncontent-length: 2'), 'Content-Lengths that differ'],
  [field('Content-Length: 1\r\ncontent-length: 1'), 'Content-Length twice'],
  [field('Transfer-Encoding: identity'), 'Transfer-Encoding: identity'],
  ...['', 'gzip', 'gzip, chunked', 'chunked, chunked', 'chunked;q=1', ',chunked', 'xchunked', 'chunked\xa0'].map(
    coding => [field(`Transfer-Encoding: ${coding}`), 'a transfer coding that is not one final chunked'] as const,
  ),
  [
    field('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'),
    'a transfer coding that is not one final chunked',
  ],
  [field('Transfer-Encoding: chunked\r\nContent-Length: 3'), 'both Transfer-Encoding and Content-Length'],
  [field('Content-Length: 3\r\nTransfer-Encoding: chunked'), 'both Transfer-Encoding and Content-Length'],
  ['POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', 'a transfer coding in HTTP/1.0'],
  [field('Host: b'), 'more than one Host'],
  ['GET / HTTP/1.1\r\n\r\n', 'no Host'],
  ['GET / HTTP/1.1\r\nHost:\r\n\r\n', 'empty Host'],
  ...['a/b', 'a b', 'u@a', 'a:b', 'a:123456', '[::1', 'a\\b', 'a,b c', '\xe4', 'a:1:2'].map(
    host => [`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 'the Host is neither a name nor an address'] as const,
  ),
  [field('Expect: 200-ok'), 'the only expectation is 100-continue', 'expectation_failed'],
  [field('Expect:'), 'the only expectation is 100-continue', 'expectation_failed'],
  [field('Expect: 100-continue\r\nExpect: x'), 'the only expectation is 100-continue', 'expectation_failed'],
]

t.test('refused, with the reason', async t => {
  for (const [text, why, code = 'bad_request'] of REFUSED) {
    t.throws(() => readRequest(text, 40), { message: why, code }, JSON.stringify(text))
  }
})

t.test('a bare LF is refused before the head is complete, wherever it is cut', async t => {
  for (const text of ['GET / HTTP/1.1\n', 'GET / HTTP/1.1\r\nHost: a\n\n']) {
    t.throws(() => endOfRequest(text), { message: 'a line ends with a bare LF' }, JSON.stringify(text))
  }
  t.equal(endOfRequest('\nHost: a\r\n'), -1, 'this may be the second half of a line end')
})

t.test('what the fields say', async t => {
  const { fields } = readRequest(
    field(
      'Connection: Keep-Alive, X-Mine , upgrade,,TE, close\r\nUpgrade: a\r\nUpgrade: b\r\nTE: gzip, Trailers\r\nCookie: a\r\n' +
        'Traceparent: t\r\nX-Banyan-Loop: l\r\nForwarded: for=x\r\nKeep-Alive: timeout=5\r\nContent-Length: 007\r\nExpect: 100-Continue',
    ),
    40,
  )
  t.match(fields, {
    host: 'a',
    hosts: 1,
    length: 7,
    isChunked: false,
    closes: true,
    stays: true,
    upgrades: true,
    named: new Set(['x-mine']),
    upgrade: 'a, b',
    takesTrailers: true,
    hasCookie: true,
    traceparent: 't',
    loopMark: 'l',
    forwards: true,
    keepAlive: 'timeout=5',
    expect: '100-Continue',
    odd: false,
  })
  t.match(readRequest('GET * HTTP/1.0\r\n\r\n', 40), { minor: 0, target: '*', fields: { hosts: 0, host: null } })
})

t.test('what is rendered is read back, byte for byte', async () => {
  fc.assert(
    fc.property(head, one => {
      const text = render(one)
      const { method, target, fields } = readRequest(text, 100)
      const lines = fields.at.slice(0, -1).map((from, i) => text.slice(from, fields.at[i + 1]))
      return (
        endOfRequest(text) === text.length &&
        method === one.method &&
        target === one.target &&
        same(fields.list, one.fields.flat()) &&
        same(
          [fields.length, fields.isChunked],
          typeof one.framing === 'number' ? [one.framing, false] : [-1, one.framing !== null],
        ) &&
        text.endsWith(`HTTP/1.1\r\n${lines.join('')}\r\n`)
      )
    }),
    runs(1000),
  )
})

t.test('a plain reader takes and refuses the same, whatever goes wrong on the way', async () => {
  fc.assert(
    fc.property(head, changes, (one, by) => {
      const bytes = mutated(render(one), by).replace(/^[\r\n]+/, '')
      const end = bytes.indexOf('\r\n\r\n')
      if (end === -1) return
      const text = bytes.slice(0, end + 4)
      const plain = plainRequest(text)
      const read = attempt(() => readRequest(text, 100))
      if (read === null || plain === null) {
        if (read !== plain)
          throw new Error(`${read === null ? 'only the plain one' : 'only ours'} takes ${JSON.stringify(text)}`)
        return
      }
      const framing = read.fields.isChunked ? 'chunked' : read.fields.length === -1 ? null : read.fields.length
      const ours = [read.method, read.target, framing, ...read.fields.list]
      if (!same(ours, [plain.method, plain.target, plain.framing, ...plain.fields.flat()]))
        throw new Error(JSON.stringify(text))
    }),
    runs(10_000),
  )
})

t.test('a head that drips is read or refused as a whole one is', async () => {
  const steps = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 })
  fc.assert(
    fc.property(head, changes, steps, (one, by, steps) => {
      const bytes = `${mutated(render(one), by).replace(/^[\r\n]+/, '')}BODY`
      const [once, dripped] = [readIn(bytes, [bytes.length]), readIn(bytes, steps)]
      if (once !== dripped) throw new Error(`${once} at once, ${dripped} in pieces: ${JSON.stringify(bytes)}`)
    }),
    runs(5_000),
  )
})

/** As ClientConnection does: the seam's last three bytes, and what is new. Where the head ended; -1: not yet. */
function readIn(bytes: string, steps: readonly number[]): number | 'refused' {
  let tail = ''
  let before = 0
  for (let turn = 0; before < bytes.length; turn++) {
    const chunk = bytes.slice(before, before + (steps[turn % steps.length] as number))
    const end = attempt(() => endOfRequest(tail + chunk))
    if (end === null) return 'refused'
    if (end !== -1) {
      const whole = before - tail.length + end
      return attempt(() => readRequest(bytes.slice(0, whole), 100)) === null ? 'refused' : whole
    }
    before += chunk.length
    tail = (tail + chunk).slice(-3)
  }
  return -1
}

function attempt<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if (error instanceof HeadError) return null
    throw error
  }
}

function same(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i])
}
