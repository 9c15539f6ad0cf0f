// Redaction: secrets and people are gone from every form that they come in, and what is none of both stays readable.
import fc from 'fast-check'
import t from 'tap'
import { redactForm, redactHeaders, redactTarget, redactText } from '../../src/compare/redact.ts'
import { redactJson } from '../../src/compare/redact-json.ts'
import { secretsIn } from '../../src/compare/secrets.ts'
import { CANARIES, escaped, isGone } from './canaries.ts'

const NONE: ReadonlySet<string> = new Set()
const nothing = () => false
const json = (value: unknown) => redactJson(JSON.stringify(value), { hidden: nothing, most: 1e6 })

/** Ends where a word ends, as all around a canary does. */
const around = fc.constantFrom('', 'to ', 'a b ', '(', '["', "'", '<p>', '; ', '\n', 'sent: ', 'x=', '🙂 ')
t.test('no canary is left in any text, in any escape', async t => {
  fc.assert(
    fc.property(around, escaped, around, (before, { text, written }, after) =>
      isGone(redactText(`${before}${written} ${after}`), text),
    ),
    { numRuns: 500 },
  )
  t.pass('0 hits')
})

t.test('no canary is left in JSON: as a value, a key, nested, a number, in JSON in a string', async t => {
  const { value } = fc.letrec(tie => ({
    value: fc.oneof({ depthSize: 'small' }, fc.constantFrom(1, true, null, 'word'), tie('array'), tie('object')),
    array: fc.array(tie('value'), { maxLength: 3 }),
    object: fc.dictionary(fc.constantFrom('id', 'name', 'total', '__proto__'), tie('value'), { maxKeys: 3 }),
  }))
  const wraps: readonly ((inner: unknown, other: unknown) => unknown)[] = [
    (inner, other) => ({ a: other, note: inner, z: other }),
    (inner, other) => [other, inner, other],
    (inner, other) => ({ [JSON.stringify(inner)]: other }),
    inner => ({
      deep: [{ deeper: { text: `for ${typeof inner === 'string' ? inner : JSON.stringify(inner)} only` } }],
    }),
    inner => JSON.stringify({ to: inner }),
  ]
  const wrap = fc.constantFrom(...wraps)
  fc.assert(
    fc.property(escaped, wrap, wrap, value, ({ text, written }, first, second, other) =>
      isGone(json(first(second(written, other), other)), text),
    ),
    { numRuns: 500 },
  )
  isGone(json({ card: 4111111111111111 }), '4111111111111111')
  isGone(
    redactJson('{"m":"ann.canary\\u002bx\\u0040example.com"}', { hidden: nothing, most: 1e6 }),
    CANARIES[0] as string,
  )
  t.pass('0 hits')
})

t.test('no canary is left in headers, targets and forms', async t => {
  const name = fc.constantFrom(
    'X-Note',
    'Location',
    'Set-Cookie',
    'ETag',
    'Link',
    'Authorization',
    'Cookie',
    'X-Api-Key',
  )
  fc.assert(
    fc.property(name, escaped, around, (name, { text, written }, before) => {
      isGone(redactHeaders([name, `${before}${written}`], NONE).join('\n'), text)
      isGone(redactHeaders([name, `sid=${written}; Path=/${written}`], NONE).join('\n'), text)
      const inUrl = encodeURIComponent(written)
      isGone(redactTarget(`/a/${inUrl}/b?q=${inUrl}&${inUrl}=1#${inUrl}`), text)
      isGone(redactForm(`q=${inUrl}&${inUrl}=1&${inUrl}`), text)
    }),
    { numRuns: 500 },
  )
  t.pass('0 hits')
})

t.test('what a secret name names is hidden, whatever it is', async t => {
  t.equal(
    json({
      password: 'x',
      apiKey: 7,
      'X-Access-Key': [1, { a: 2 }],
      session: { id: 'a' },
      pin: null,
      user_ssn: '1',
      ok: 1,
    }),
    '{"password":"***","apiKey":"***","X-Access-Key":"***","session":"***","pin":"***","user_ssn":"***","ok":1}',
  )
  t.equal(redactTarget('/o?token=abc&page=2&code=x&Api%5FKey=9'), '/o?token=***&page=2&code=***&Api%5FKey=***')
  t.equal(redactTarget('/p/token/zebra/x?page=2'), '/p/token/***/x?page=2')
  t.equal(redactTarget('/password/reset?page=2'), '/password/reset?page=2')
  t.equal(redactText('token: hunter2, page: 2'), 'token: ***, page: 2')
  t.equal(redactText('{"password":"hunter2","page":2}'), '{"password":***,"page":2}')
  t.equal(redactText('session={"id":"a"} page'), 'session=*** page')
  t.equal(
    redactText('<user><password>hunter2</password><n>1</n></user>'),
    '<user><password>***</password><n>1</n></user>',
  )
  t.equal(redactText('<s:pin a="1"><![CDATA[12]]></s:pin><n/>'), '<s:pin a="1">***</s:pin><n/>')
  t.equal(
    redactText('<input type="hidden" name="csrf_token" value="abc">'),
    '<input type="hidden" name="csrf_token" value=***>',
  )
  t.notMatch(redactText('token: password: hunter2'), 'hunter2')
  t.equal(redactText('see https://ann:hunter2@host/'), 'see https://***/')
  t.equal(redactText('Cookie: a=b; c=d\nx: 1'), 'Cookie: ***\nx: 1')
})

t.test('headers: cookies keep names and attributes', async t => {
  const shown = redactHeaders(
    [
      ...['Set-Cookie', 'sid=abc; Path=/; HttpOnly', 'Authorization', 'Digest x', 'Content-Type', 'text/html'],
      ...['Location', '/next?token=abc', 'Access-Control-Allow-Credentials', 'true', 'X-Tenant', 'acme'],
    ],
    new Set(['x-tenant']),
  )
  t.same(shown, [
    ...['Set-Cookie', 'sid=***; Path=/; HttpOnly', 'Authorization', '***', 'Content-Type', 'text/html'],
    ...['Location', '/next?token=***', 'Access-Control-Allow-Credentials', 'true', 'X-Tenant', '***'],
  ])
})

t.test('what is neither secret nor a person stays', async t => {
  for (const text of [
    '2026-01-02T03:04:05.678Z',
    '1764145000123',
    '550e8400-e29b-41d4-a716-446655440000',
    '19.99 EUR',
    'OrderItemDetailsController/2024/CustomerAddress',
    'a-rather-long-slug-with-numbers-2024-and-words',
    'text/html; charset=utf-8',
    'order 12345678 of 2026-01-02',
    '0123456789',
    '@media (max-width: 600px)',
  ]) {
    t.equal(redactText(text), text)
  }
  t.equal(json({ total: 9, tags: ['a'], n: null }), '{"total":9,"tags":["a"],"n":null}')
})

t.test('JSON texts: lossless, cut, broken, several, by pointer', async t => {
  const show = (text: string, most = 1000, hidden: readonly string[] = []) =>
    redactJson(text, { hidden: pointer => hidden.includes(pointer), most })
  t.equal(show('{ "n": 9007199254740993, "n": 1e400 }'), '{"n":9007199254740993,"n":1e400}')
  t.equal(show('{"a":1}\n{"a":2}\n'), '{"a":1}\n{"a":2}')
  t.equal(show('{"a":"un'), '{"a":…')
  t.equal(show('not json'), '…')
  t.equal(show('{"a":{"b":[1,2]},"c/d":3,"e":4}', 1000, ['/a/b/1', '/c~1d']), '{"a":{"b":[1,"***"]},"c/d":"***","e":4}')
  t.equal(show('{"a":{"b":1}}', 1000, ['']), '"***"')
  t.ok(show(JSON.stringify(Array(10_000).fill('word')), 100).length < 120)
  t.ok(show(JSON.stringify('x'.repeat(1e6)), 100).length < 120)
  t.ok(show('['.repeat(200_000), 1000).length < 1010)
  t.equal(redactJson('"v"', { hidden: pointer => pointer === '/a/b', most: 100, pointer: '/a/b' }), '"***"')
})

t.test('hostile texts take no time: nothing is looked for within what is found', async t => {
  for (const text of [
    'a',
    '"',
    '<',
    '4 ',
    '=',
    '%41',
    'eyJ',
    '-',
    '{"token":',
    '<token>',
    'token:"',
    'bearer ',
    '//',
  ]) {
    t.equal(typeof redactText(text.repeat(Math.ceil(40_000 / text.length))), 'string', text)
  }
  for (const text of ['{"token":', '<token>', 'cookie: ', 'password:{']) {
    const found = [...secretsIn(text.repeat(4000))].length
    t.ok(found < 10, `${text}: ${found}`)
  }
})
