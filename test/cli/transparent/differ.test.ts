// Every way in which an answer can differ on the wire is found, named and shown; nothing else is.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import type { FieldList, WireAnswer } from '../../../src/cli/asking/answer.ts'
import { differ } from '../../../src/cli/transparent/differ.ts'
import { answer, body, FIELDS, refused } from './answers.ts'

const keys = (changed: Partial<WireAnswer>, from: Partial<WireAnswer> = {}, method = 'GET') =>
  differ(method, answer(from), answer(changed)).map(({ key }) => key)

t.test('the same is the same', async t => {
  t.same(differ('GET', answer(), answer({ elapsedMs: 99 })), [])
  t.same(differ('GET', refused, { ...refused, why: 'otherwise' }), [])
})

t.test('what belongs to one connection, or tells the time, is not compared', async t => {
  const own = ['Date', 'AGE', 'connection', 'Keep-Alive', 'Proxy-Connection'].map(name => [name, 'x'] as const)
  t.same(keys({ fields: [...own, ...FIELDS] }), [])
  // As Apache says it.
  const offered = [
    ['Upgrade', 'h2,h2c'],
    ['Connection', 'Upgrade, X-Hop, Keep-Alive'],
    ['X-Hop', '1'],
  ] as const
  t.same(keys({}, { fields: [...offered, ...FIELDS] }), [])
})

t.test('head', async t => {
  t.same(keys({ status: 201 }), ['status'])
  t.same(keys({ reason: 'Okay' }), ['reason phrase'])
  t.same(keys({ fields: FIELDS.slice(0, 2) }), ['header x-one: missing'])
  t.same(keys({ fields: [...FIELDS, ['Via', '1.1 x']] }), ['header via: added'])
  t.same(keys({ fields: [...FIELDS, ['X-One', '1']] }), ['header x-one: repetition'])
  t.same(keys({ fields: [...FIELDS.slice(0, 2), ['x-one', '1']] }), ['header x-one: case of the name'])
  t.same(keys({ fields: [...FIELDS.slice(0, 2), ['X-One', '1 ']] }), ['header x-one: value'])
  t.same(keys({ fields: [FIELDS[2]!, FIELDS[1]!, FIELDS[0]!] }), ['order of headers'])
  const one: FieldList = [
    ['A', '1'],
    ['A', '2'],
    ['B', '3'],
  ]
  t.same(
    keys(
      {
        fields: [
          ['A', '2'],
          ['A', '1'],
          ['B', '3'],
        ],
      },
      { fields: one },
    ),
    ['header a: value'],
  )
  t.same(
    keys(
      {
        fields: [
          ['A', '1'],
          ['B', '3'],
          ['A', '2'],
        ],
      },
      { fields: one },
    ),
    ['order of headers'],
  )
  t.same(
    keys(
      {
        fields: [
          ['A', '1'],
          ['C', '4'],
        ],
      },
      { fields: one },
    ),
    ['header a: repetition', 'header b: missing', 'header c: added'],
    'a missing one is not also an order',
  )
})

t.test("framing and version are the hop's own", async t => {
  const chunked: FieldList = [FIELDS[0]!, ['Transfer-Encoding', 'Chunked'], FIELDS[2]!]
  const found = differ('GET', answer({ version: '1.0' }), answer({ fields: chunked }))
  t.same(found, [
    { key: 'protocol version', hop: true, direct: 'HTTP/1.0', via: 'HTTP/1.1' },
    { key: 'framing', hop: true, direct: 'content-length', via: 'chunked' },
  ])
  const open = differ('GET', answer({ fields: [FIELDS[0]!, FIELDS[2]!] }), answer({ fields: chunked }))
  t.match(open, [{ direct: 'until the connection closes', via: 'chunked', hop: true }])
})

t.test('Content-Length of an answer without a body is a field like others', async t => {
  const empty = { body: body('') }
  const without = { ...empty, fields: [FIELDS[0]!, FIELDS[2]!] }
  t.same(keys(without, empty, 'HEAD'), ['header content-length: missing'])
  t.same(keys({ ...without, status: 304 }, { ...empty, status: 304 }), ['header content-length: missing'])
})

t.test('body', async t => {
  const [found] = differ('GET', answer(), answer({ body: body('hellO') }))
  t.same(found, { key: 'body', hop: false, direct: '5 bytes, at byte 4: hello', via: '5 bytes, at byte 4: hellO' })
  t.match(differ('GET', answer(), answer({ body: body('hell') })), [{ via: '4 bytes, at byte 4: its end' }])
  t.match(differ('GET', answer(), answer({ body: body('hello\n\x1b[31m\xff') })), [
    { direct: '5 bytes, at byte 5: its end', via: '13 bytes, at byte 5: hello\\x0a\\x1b[31m\\xc3\\xbf' },
  ])
})

t.test('body beyond what is kept: by block', async t => {
  const long = randomBytes(300_000)
  const other = Buffer.from(long)
  t.same(keys({ body: body(other) }, { body: body(long) }), [])
  other[250_000]! ^= 1
  t.match(differ('GET', answer({ body: body(long) }), answer({ body: body(other) })), [
    { key: 'body', direct: '300000 bytes, differs after byte 196608' },
  ])
  t.match(differ('GET', answer({ body: body(long) }), answer({ body: body(long.subarray(0, 262_144)) })), [
    { via: '262144 bytes, at byte 262144: its end' },
  ])
  t.match(differ('GET', answer({ body: body(long) }), answer({ body: body(long.subarray(0, 270_000)) })), [
    { via: '270000 bytes, differs after byte 262144' },
  ])
  t.same(keys({ body: body(other, 200_000) }, { body: body(long, 200_000) }), [], 'equal up to the bound')
  t.match(body(other, 200_000), { length: 200_000, cut: true })
})

t.test('trailers and informational answers', async t => {
  t.same(keys({ trailers: [['X-Sum', '1']] }), ['trailer x-sum: added'])
  t.same(keys({ trailers: [['x-sum', '1']] }, { trailers: [['X-Sum', '1']] }), ['trailer x-sum: case of the name'])
  const early = { status: 103, reason: 'Early Hints', fields: [['Link', '</a>']] as FieldList }
  t.same(differ('GET', answer({ interim: [early] }), answer()), [
    { key: 'informational answers', hop: false, direct: '103', via: '(none)' },
  ])
  t.same(keys({ interim: [{ ...early, fields: [['Link', '</b>']] }] }, { interim: [early] }), [
    'informational answer 103: header link: value',
  ])
})

t.test('no answer on one way', async t => {
  t.same(differ('GET', answer(), refused), [
    { key: 'no answer', hop: false, direct: 'answers 200', via: 'nothing listens there' },
  ])
})

t.test('what is shown is short, printable and keeps secrets', async t => {
  const cookie = (value: string) => answer({ fields: [['Set-Cookie', value]] })
  const [found] = differ('GET', cookie('sid=abcdef; Path=/; HttpOnly'), cookie('sid=ghijkl; Path=/'))
  t.match(found, { direct: 'sid=*** (6 bytes); Path=/; HttpOnly', via: 'sid=*** (6 bytes); Path=/' })
  const [token] = differ('GET', answer({ fields: [['X-Auth-Token', 'secret']] }), answer({ fields: [] }))
  t.match(token, { direct: '*** (6 bytes)', via: '(none)' })
  const location = (value: string) => answer({ fields: [['Location', value]] })
  const [where] = differ('GET', location('/a?x=1&token=abc'), location(`/b?${'x'.repeat(300)}`))
  t.equal(where?.direct, '/a?x=1&token=***')
  t.equal(where?.via.length, 80)
  t.match(differ('GET', answer(), answer({ reason: '\x1b]0;x\x07' })), [{ via: '\\x1b]0;x\\x07' }])
})
