// Heads of answers: strict, and what each quirk lets in where it was accepted by name.
import fc from 'fast-check'
import t from 'tap'
import type { Quirk } from '../../src/model/route.ts'
import { readAnswer } from '../../src/wire/head.ts'
import { type HeadError, type Lenience, STRICT } from '../../src/wire/lenience.ts'
import { plainFields, value } from './heads.ts'
import { runs, SEED } from './seed.ts'

t.comment(`SEED=${SEED}`)

function accepting(...quirks: Quirk[]): Lenience & { readonly noted: Set<Quirk> } {
  const noted = new Set<Quirk>()
  return { accept: new Set(quirks), note: quirk => noted.add(quirk), noted }
}

const ok = (fields: string) => `HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`

const REFUSED: readonly (readonly [text: string, why: string, code?: HeadError['code']])[] = [
  ['HTTP/2 200 OK\r\n\r\n', 'the status line has no known version'],
  ['HTTP/1.2 200 OK\r\n\r\n', 'the status line has no known version'],
  ['HTTP/1.1\r\n\r\n', 'the status line has no status'],
  ['HTTP/1.1 20\r\n\r\n', 'the status line has no status'],
  ['HTTP/1.1 099 OK\r\n\r\n', 'the status line has no status'],
  ['HTTP/1.1 2000 OK\r\n\r\n', 'the status line has no status'],
  ['HTTP/1.1  200 OK\r\n\r\n', 'the status line has no status'],
  ['HTTP/1.1 200OK\r\n\r\n', 'the status line has no status'],
  ['HTTP/1.1\t200 OK\r\n\r\n', 'the status line has no status'],
  [ok('X: a\0b'), 'a NUL or a bare CR in the head'],
  [ok('X: a\rb'), 'a NUL or a bare CR in the head'],
  [ok('\rX: a'), 'a NUL or a bare CR in the head'],
  [ok('X'), 'a line without a colon'],
  [ok('X: a\r\n folded'), 'a line without a colon'],
  [ok('X: a\r\n folded: b'), 'a folded line or an empty name'],
  [ok(': a'), 'a folded line or an empty name'],
  [ok('Content-Length: 1, 1'), 'Content-Length is not one number'],
  [ok('Content-Length: -1'), 'Content-Length is not one number'],
  [ok('Content-Length: 1\r\nContent-Length: 2'), 'Content-Lengths that differ'],
  [ok('Transfer-Encoding: gzip, chunked'), 'a transfer coding that is not one final chunked'],
  [ok('Transfer-Encoding: chunked\r\nContent-Length: 2'), 'both Transfer-Encoding and Content-Length'],
  [ok('X: y\r\n'.repeat(21).trimEnd()), 'too many fields', 'too_many_fields'],
]

t.test('refused with the reason, whatever is accepted', async t => {
  const lenience = accepting(
    'bare-lf',
    'double-content-length',
    'odd-header-name',
    'control-byte',
    'te-identity',
    'http-1.0',
  )
  for (const [text, message, code = 'bad_request'] of REFUSED) {
    for (const how of [STRICT, lenience]) t.throws(() => readAnswer(text, 20, how), { message, code, quirk: null })
  }
})

const QUIRKY: readonly (readonly [quirk: Quirk, text: string, why: string, list: readonly string[]])[] = [
  ['bare-lf', 'HTTP/1.1 200 OK\nX: a\n\n', 'a line ends with a bare LF', ['X', 'a']],
  ['bare-lf', 'HTTP/1.1 200 OK\r\nX: a\r\n\n', 'a line ends with a bare LF', ['X', 'a']],
  ['bare-lf', 'HTTP/1.1 200 OK\r\nX: a\n\r\n', 'a line ends with a bare LF', ['X', 'a']],
  ['control-byte', ok('X: a\x01\x0bb'), 'a control byte in the head', ['X', 'a\x01\x0bb']],
  [
    'double-content-length',
    ok('Content-Length: 2\r\ncontent-length: 02'),
    'Content-Length twice',
    ['Content-Length', '2', 'content-length', '02'],
  ],
  ['te-identity', ok('Transfer-Encoding: Identity'), 'Transfer-Encoding: identity', ['Transfer-Encoding', 'Identity']],
  ['http-1.0', 'HTTP/1.0 200 OK\r\nX: a\r\n\r\n', 'the answer is HTTP/1.0', ['X', 'a']],
  ['odd-header-name', ok('X (y) \t: a'), 'a field name is not a token', ['X (y)', 'a']],
  ['odd-header-name', ok('Content-Length : 2'), 'a field name is not a token', ['Content-Length', '2']],
  ['odd-header-name', ok('Content-Length\xa0: 2'), 'a field name is not a token', ['Content-Length\xa0', '2']],
  ['odd-header-name', ok('\xa0: 2'), 'a field name is not a token', ['\xa0', '2']],
]

t.test('a quirk is refused by name, and let in and noted where it was accepted', async t => {
  for (const [quirk, text, message, list] of QUIRKY) {
    t.throws(() => readAnswer(text, 20, STRICT), { message, quirk })
    const lenience = accepting(quirk)
    const found = readAnswer(`${text}BODY`, 20, lenience)
    t.same([...lenience.noted], [quirk], JSON.stringify(text))
    t.equal(found?.bytes, text.length, 'it ends where its own bytes end')
    t.same(found?.answer.fields.list, list)
    t.match(
      found?.answer.text,
      /^HTTP\/1\.[01] 200 OK\r\n(?:[^\r\n]+\r\n)*\r\n$/,
      'what is told on has lines as HTTP wants them',
    )
    for (let cut = 0; cut < text.length; cut++) {
      t.equal(
        readAnswer(text.slice(0, cut), 20, accepting(quirk, 'bare-lf')),
        null,
        `${JSON.stringify(text)} up to ${cut}`,
      )
    }
  }
})

t.test('a name with a blank behind it is known for what it is, and told on without', async t => {
  const found = readAnswer(ok('Content-Length : 2\r\nSet-Cookie\t: a'), 20, accepting('odd-header-name'))
  t.equal(found?.answer.fields.length, 2)
  t.equal(found?.answer.text, ok('Content-Length: 2\r\nSet-Cookie: a'))
  const { at, list } = found?.answer.fields ?? { at: [], list: [] }
  t.equal(found?.answer.text.slice(at[0], at[1]), `${list[0]}: ${list[1]}\r\n`)
})

t.test('HTTP/0.9: everything is content', async t => {
  t.throws(() => readAnswer('<html>', 20, STRICT), {
    message: 'the answer does not begin with a status line',
    quirk: 'http-0.9',
  })
  const alert = '\x15\x03\x03\x00\x02\x02\x46'
  const binary = { message: 'the answer is not HTTP: it begins with control bytes', quirk: null }
  for (const text of [alert, `SSH-2.0\r\n\0\0`]) t.throws(() => readAnswer(text, 20, STRICT), binary)
  t.match(readAnswer(alert, 20, accepting('http-0.9')), { bytes: 0 }, 'an image, say, where it was accepted')
  const lenience = accepting('http-0.9')
  for (const text of ['', 'H', 'HTTP', 'HTTP/'])
    t.equal(readAnswer(text, 20, lenience), null, `${text} may still be a status line`)
  t.match(readAnswer('HTTPS', 20, lenience), { bytes: 0, answer: { minor: 0, status: 200 } })
  t.same([...lenience.noted], ['http-0.9'])
})

t.test('what fields say of an answer', async t => {
  const text = ok(
    'WWW-Authenticate: Negotiate abc\r\nContent-Type: text/html; charset=x\r\nContent-Encoding: gzip\r\nExpires: 0\r\nLocation: /\r\nKeep-Alive: timeout=3',
  )
  const facts = { binds: true, isHtml: true, isEncoded: true, aged: true, special: true, keepAlive: 'timeout=3' }
  t.match(readAnswer(text, 20, STRICT)?.answer.fields, facts)
  t.match(
    readAnswer(ok('WWW-Authenticate: NegotiateX\r\nContent-Type: text/htmlx\r\nX-Location: /'), 20, STRICT)?.answer
      .fields,
    {
      binds: false,
      isHtml: false,
      special: false,
    },
  )
  for (const one of ['Content-Location: /', 'Link: </a>', 'ETag: "a"', 'Set-Cookie: a=1', 'Cache-Control: public']) {
    t.ok(readAnswer(ok(one), 20, STRICT)?.answer.fields.special, one)
  }
  for (const one of ['CDN-Cache-Control: max-age=1', 'surrogate-control: max-age=1', 'X-Accel-Expires: 1']) {
    t.match(readAnswer(ok(one), 20, STRICT)?.answer.fields, { special: true, aged: true }, one)
  }
})

t.test('what is rendered is read back, cut anywhere', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 999 }), value, plainFields, fc.nat(), (status, reason, fields, at) => {
      const text = `HTTP/1.1 ${status} ${reason}\r\n${fields.map(([name, one]) => `${name}: ${one}\r\n`).join('')}\r\n`
      const found = readAnswer(`${text}BODY`, 100, STRICT)
      return (
        readAnswer(text.slice(0, at % text.length), 100, STRICT) === null &&
        found?.bytes === text.length &&
        found.answer.status === status &&
        found.answer.reason === reason &&
        found.answer.text === text &&
        JSON.stringify(found.answer.fields.list) === JSON.stringify(fields.flat())
      )
    }),
    runs(1000),
  )
})
