// Whole answers: what the field's tools were tested with, what they get wrong, and what a policy may say, as rows of data.
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { type Compared, isSame } from '../../src/compare/compare.ts'
import type { ComparePolicy, Rule } from '../../src/model/comparison.ts'
import { answer, compareGiven, type Given, POLICY, placesOf, rule } from './answers.ts'

/** Expected: the result, or the differences as `kind path`, in their order. */
interface Row {
  readonly name: string
  readonly legacy: Given
  readonly fresh: Given
  readonly expect: Compared['result'] | readonly string[]
  readonly policy?: Partial<ComparePolicy>
  readonly method?: string
}

const JSON_TYPE = 'application/json'

function json(legacy: string, fresh: string): Pick<Row, 'legacy' | 'fresh'> {
  return { legacy: { type: JSON_TYPE, body: legacy }, fresh: { type: JSON_TYPE, body: fresh } }
}

function typed(type: string, legacy: string, fresh: string): Pick<Row, 'legacy' | 'fresh'> {
  return { legacy: { type, body: legacy }, fresh: { type, body: fresh } }
}

function page(name: string): string {
  return `<html><head></head><body><h1 class="${name}">Hello</h1></body></html>`
}

/** Diffy's own specs (research/compare.md 4b), by their numbers; those about one tree are tested with the tree comparison. */
const DIFFY: readonly Row[] = [
  { name: '1', ...json('{"a":1,"b":[1,2,3]}', '{"b":[1,2,3],"a":1}'), expect: 'match' },
  { name: '2 numbers', ...json('1.8', '3.9'), expect: ['value'] },
  { name: '3', ...json('"hello"', 'false'), expect: ['type'] },
  { name: '4', ...json('null', '[1]'), expect: ['type'] },
  { name: '5', ...json('null', ' null'), expect: 'match' },
  { name: '8', ...json('["a","b","c"]', '["a","b","d"]'), expect: ['value /2'] },
  { name: '11', ...json('{"f":"puneet","l":"k"}', '{"f":"prashant","l":"k"}'), expect: ['value /f'] },
  { name: '12', legacy: { body: 'leftBuffer' }, fresh: { body: 'rightBuffer' }, expect: ['value'] },
  { name: '13', ...typed('text/html', page('box'), page('round')), expect: ['value'] },
  { name: '14', ...json('{"1":1}', '{"a":1}'), expect: ['missing /1', 'extra /a'] },
  { name: '15 text', ...typed('text/plain', 'hello world!', 'hello  world!'), expect: ['value'] },
  {
    name: '15 JSON without a type',
    legacy: { body: '{"a":1,"b":2}' },
    fresh: { body: '{"b":2,"a":1.0}' },
    expect: 'match',
  },
  { name: '15 JSON as text', ...typed('text/plain', '{"a":1}', '{"a": 1}'), expect: ['value'] },
  { name: '16 on one side', ...json('{"a":1}', '<html>'), expect: ['body'] },
  { name: '16 on the other side', ...json('', '{"a":1}'), expect: ['body'] },
  { name: '16 on both, equal', ...json('{"a":', '{"a":'), expect: 'match' },
  { name: '16 on both, different', ...json('{"a":', '{"b":'), expect: ['value'] },
  { name: '17', ...typed('text/plain', 'a', 'b'), expect: ['value'] },
  { name: '18 status', legacy: { status: 200 }, fresh: { status: 202 }, expect: ['status'] },
  { name: '18 equal', legacy: { body: 'x' }, fresh: { body: 'x' }, expect: 'match' },
]

/** What the tools of the field get wrong. */
const ADVERSARIAL: readonly Row[] = [
  { name: 'a number and its text', ...json('{"feet":"4"}', '{"feet":4}'), expect: ['type /feet'] },
  { name: '12 apples', ...json('"12 apples"', '"12 pears"'), expect: ['value'] },
  { name: 'empty arrays', ...json('[]', '[ ]'), expect: 'match' },
  { name: 'equal arrays', ...json('[1,2]', '[1, 2]'), expect: 'match' },
  { name: 'neighbours', ...json('{"n":9007199254740992}', '{"n":9007199254740993}'), expect: ['value /n'] },
  { name: '1 and 1.0', ...json('[1,0,1e2]', '[1.0,-0,100]'), expect: 'match' },
  { name: 'duplicate keys', ...json('{"a":1,"b":2}', '{"a":2,"a":1,"b":2}'), expect: ['extra /a'] },
  { name: 'null and absent', ...json('{"a":null}', '{}'), expect: ['missing /a'] },
  { name: '__proto__', ...json('{"__proto__":1}', '{"__proto__":2}'), expect: ['value /__proto__'] },
  {
    name: 'odd keys',
    ...json('{"":1,"a.b":1,"a/b":1}', '{"":2,"a.b":2,"a/b":2}'),
    expect: ['value /', 'value /a.b', 'value /a~1b'],
  },
  { name: 'JSON with parameters', ...typed('application/json;charset=utf-8', '{"a":1}', '{"a": 1}'), expect: 'match' },
  { name: 'problem+json', ...typed('application/problem+json', '{"a":1}', '{"a": 1}'), expect: 'match' },
  {
    name: 'cookies in another order, Expires drifts',
    legacy: { headers: ['Set-Cookie', 'a=1; Expires=Thu, 15 Jan 2026 10:00:00 GMT', 'Set-Cookie', 'b=1'] },
    fresh: { headers: ['Set-Cookie', 'b=2', 'Set-Cookie', 'a=2; Expires=Thu, 15 Jan 2026 10:00:09 GMT'] },
    expect: 'match',
  },
  { name: '204 and an empty 200', legacy: { status: 204 }, fresh: { status: 200 }, expect: ['status'] },
  { name: '304 and 200', legacy: { status: 304 }, fresh: { status: 200, body: 'x' }, expect: ['status'] },
  { name: 'cut off in the middle', ...json('{"a":[1,2,3]}', '{"a":[1,2'), expect: ['body'] },
  {
    name: 'octets',
    legacy: { type: 'image/png', body: Buffer.from([0x89, 0x50, 0, 1]) },
    fresh: { type: 'image/png', body: Buffer.from([0x89, 0x50, 0, 2]) },
    expect: ['body'],
  },
  {
    name: '10,000 elements, one inserted first',
    ...json(JSON.stringify(numbers(10_000)), JSON.stringify(['new', ...numbers(10_000)])),
    expect: ['extra /0'],
  },
  {
    name: '1,000 members, one changed',
    ...json(JSON.stringify(members(1)), JSON.stringify(members(2))),
    expect: ['value /k500'],
  },
  { name: 'depth 100,000', ...json(nested('1'), nested('1 ')), expect: 'match' },
]

function numbers(length: number): number[] {
  return Array.from({ length }, (_, i) => i)
}

function members(changed: number): Record<string, number> {
  return Object.fromEntries(numbers(1000).map(i => [`k${i}`, i === 500 ? changed : 0]))
}

function nested(core: string): string {
  return '['.repeat(99_999) + core + ']'.repeat(99_999)
}

const PACT: readonly Row[] = [
  {
    name: 'a name in another case',
    legacy: { headers: ['VARY', 'a'] },
    fresh: { headers: ['vary', 'a'] },
    expect: 'match',
  },
  { name: 'a value in another case', ...listed('Alligators', 'alligators'), expect: ['header /x-a'] },
  { name: 'spaces after commas', ...listed('a,b', 'a, b'), expect: 'match' },
  { name: 'another order', ...listed('a, b', 'b, a'), expect: ['header /x-a'] },
  {
    name: 'parameters in another order, case of a charset',
    legacy: { type: 'text/plain; charset=UTF-8; a=1' },
    fresh: { type: 'text/plain;a=1;charset=utf-8' },
    expect: 'match',
  },
  { name: 'another order of an array', ...json('[1,2]', '[2,1]'), expect: 'different' },
  { name: 'another order of members', ...json('{"a":1,"b":2}', '{"b":2,"a":1}'), expect: 'match' },
  {
    name: 'another prefix',
    ...typed('application/xml', '<a:x xmlns:a="urn:1"><a:y>1</a:y></a:x>', '<b:x xmlns:b="urn:1"><b:y>1</b:y></b:x>'),
    expect: 'match',
  },
  {
    name: 'another namespace',
    ...typed('application/xml', '<a:x xmlns:a="urn:1"/>', '<a:x xmlns:a="urn:2"/>'),
    expect: ['value /x/@xmlns'],
  },
]

function listed(legacy: string, fresh: string): Pick<Row, 'legacy' | 'fresh' | 'policy'> {
  return { legacy: { headers: ['X-A', legacy] }, fresh: { headers: ['X-A', fresh] }, policy: { headers: ['x-a'] } }
}

const TEXT = '{"a":[1,2,3]}'
const CODED: Readonly<Record<string, Uint8Array>> = {
  gzip: gzipSync(TEXT),
  deflate: deflateSync(TEXT),
  br: brotliCompressSync(TEXT),
  zstd: zstdCompressSync(TEXT),
}

function coded(coding: string, body: Uint8Array, more: Given = {}): Given {
  return { type: JSON_TYPE, headers: ['Content-Encoding', coding], body, ...more }
}

const NO_HEADERS = { headers: [] }
const LEVELS = [gzipSync(TEXT.repeat(30), { level: 1 }), gzipSync(TEXT.repeat(30), { level: 9 })] as const
const BOMB = gzipSync(Buffer.alloc(3_000_000))

const CODINGS: readonly Row[] = [
  ...Object.entries(CODED).flatMap(([coding, body]): Row[] => [
    {
      name: `${coding} and none`,
      legacy: { type: JSON_TYPE, body: TEXT },
      fresh: coded(coding, body),
      expect: ['header /content-encoding'],
    },
    {
      name: `${coding} and none, by bodies`,
      legacy: { body: TEXT },
      fresh: coded(coding, body),
      policy: NO_HEADERS,
      expect: 'match',
    },
  ]),
  { name: 'another level', legacy: coded('gzip', LEVELS[0]), fresh: coded('gzip', LEVELS[1]), expect: 'match' },
  {
    name: 'broken on one side',
    legacy: coded('gzip', CODED.gzip as Uint8Array),
    fresh: coded('gzip', Buffer.from('x')),
    expect: ['body'],
  },
  {
    name: 'broken on both',
    legacy: coded('gzip', Buffer.from('x')),
    fresh: coded('gzip', Buffer.from('y')),
    expect: 'undecided',
  },
  {
    name: 'unknown',
    legacy: coded('x-own', Buffer.from('x')),
    fresh: coded('x-own', Buffer.from('y')),
    expect: 'undecided',
  },
  {
    name: 'unknown, the same bytes',
    legacy: coded('x-own', Buffer.from('x')),
    fresh: coded('x-own', Buffer.from('x')),
    expect: 'match',
  },
  {
    name: 'a bomb on one side',
    legacy: coded('gzip', CODED.gzip as Uint8Array),
    fresh: coded('gzip', BOMB),
    expect: ['body'],
  },
  {
    name: 'bombs',
    legacy: coded('gzip', BOMB),
    fresh: coded('gzip', Buffer.concat([BOMB, BOMB])),
    expect: 'undecided',
  },
  {
    name: 'the same bytes, one said to be coded',
    legacy: { body: TEXT },
    fresh: coded('gzip', Buffer.from(TEXT)),
    policy: NO_HEADERS,
    expect: ['body'],
  },
  {
    name: 'too large to be decoded',
    legacy: coded('gzip', LEVELS[0], { keep: 10 }),
    fresh: coded('gzip', LEVELS[1], { keep: 10 }),
    expect: 'undecided',
  },
  {
    name: 'HEAD has no body',
    legacy: coded('gzip', new Uint8Array(0)),
    fresh: coded('gzip', new Uint8Array(0)),
    method: 'HEAD',
    expect: 'match',
  },
]

const latin = (text: string) => Buffer.from(text, 'latin1')
const wide = (text: string) => Buffer.from(text, 'utf16le')

const CHARSETS: readonly Row[] = [
  {
    name: 'another charset, the same text',
    legacy: { type: 'text/plain; charset=iso-8859-1', body: latin('Grüße') },
    fresh: { type: 'text/plain; charset=utf-8', body: 'Grüße' },
    policy: NO_HEADERS,
    expect: 'match',
  },
  {
    name: 'the same bytes in another charset',
    legacy: { type: 'text/plain; charset=iso-8859-1', body: 'Grüße' },
    fresh: { type: 'text/plain; charset=utf-8', body: 'Grüße' },
    policy: NO_HEADERS,
    expect: ['value'],
  },
  { name: 'a byte order mark', ...json('\ufeff{"a":1}', '{"a":1}'), expect: 'match' },
  {
    name: 'JSON in UTF-16',
    legacy: { type: JSON_TYPE, body: wide('\ufeff{"a":1}') },
    fresh: { type: JSON_TYPE, body: '{"a":1}' },
    expect: 'match',
  },
  {
    name: 'no text',
    legacy: { type: 'text/plain', body: latin('Grüße') },
    fresh: { type: 'text/plain', body: 'Grüße' },
    expect: ['body'],
  },
  {
    name: 'XML that names its charset',
    legacy: { type: 'text/xml', body: latin('<?xml version="1.0" encoding="latin1"?><a>ü</a>') },
    fresh: { type: 'text/xml', body: '<a>ü</a>' },
    expect: 'match',
  },
  {
    name: 'a page that names its charset',
    legacy: { type: 'text/html', body: latin('<meta charset="iso-8859-1">ü') },
    fresh: { type: 'text/html', body: latin('<meta charset="iso-8859-1">ö') },
    expect: ['value'],
  },
  { name: 'a charset nobody knows', ...typed('text/plain; charset=own', 'a', 'b'), expect: ['body'] },
]

const KINDS: readonly Row[] = [
  {
    name: 'JSON and HTML',
    legacy: { type: JSON_TYPE, body: '{}' },
    fresh: { type: 'text/html', body: '<p>' },
    expect: ['header /content-type', 'body'],
  },
  {
    name: 'JSON without a type on one side',
    legacy: { type: JSON_TYPE, body: '{"a":1}' },
    fresh: { body: '{"a": 1}' },
    expect: ['header /content-type'],
  },
  { name: 'no JSON after all', legacy: { body: '[x' }, fresh: { body: '[1]' }, expect: ['value'] },
  {
    name: 'lines',
    ...typed('application/x-ndjson', '{"a":1}\n{"b":2}\n', '{"a":1.0}\n{"b":3}'),
    expect: ['value /1/b'],
  },
  { name: 'broken lines', ...typed('application/x-ndjson', '{"a":1}\n', '{"a":1}\n{'), expect: ['body'] },
  {
    name: 'events',
    ...typed('text/event-stream', 'data: {"a":1,"b":2}\n\n', ': x\ndata:{"b":2,"a":3}\r\n\r\n'),
    expect: ['value /0/data/a'],
  },
  { name: 'a form', ...typed('application/x-www-form-urlencoded', 'a=1&b=2', 'b=2&a=3'), expect: ['value /a'] },
  {
    name: 'XML by its places',
    ...typed('application/xml', invoice(1), invoice(2)),
    expect: ['value /invoice/lines/line/1/@sku'],
  },
  {
    name: 'XML in another order',
    ...typed('application/xml', '<a><b/><c/></a>', '<a><c/><b/></a>'),
    expect: ['order /a'],
  },
  {
    name: 'XML in several orders, and one element less',
    ...typed('application/xml', items('<a/><b/>', '<b/><a/>'), items('<a/><b/>', '<b/>')),
    expect: ['missing /l/i/1/a'],
  },
  {
    name: 'XML in several orders, and another element',
    ...typed('application/xml', items('<a/><b/>', '<b/><a/>'), items('<a/><b/>', '<b/><c/>')),
    expect: ['missing /l/i/1/a', 'extra /l/i/1/c'],
  },
  {
    name: 'one XML element more',
    ...typed('application/xml', '<a><b>1</b></a>', '<a><b>0</b><b>1</b></a>'),
    expect: ['extra /a/b/0'],
  },
  {
    name: 'another instruction of XML',
    ...typed('application/xml', '<?xml-stylesheet href="a"?><a/>', '<?xml-stylesheet href="b"?><a/>'),
    expect: ['value /?xml-stylesheet'],
  },
  {
    name: 'an instruction with another target',
    ...typed('application/xml', '<a><?p i?></a>', '<a><?q i?></a>'),
    expect: ['missing /a/?p', 'extra /a/?q'],
  },
  {
    name: 'one instruction less, in a text that is the same',
    ...typed('application/xml', '<a>x<?p i?>y</a>', '<a>xy</a>'),
    expect: ['missing /a/?p'],
  },
  {
    name: 'one instruction more of several',
    ...typed('application/xml', '<a><?p 1?><b/></a>', '<a><?p 1?><?p 2?><b/></a>'),
    expect: ['extra /a/?p/1'],
  },
  {
    name: 'an instruction in another element',
    ...typed('application/xml', '<a><b><?p i?></b><c/></a>', '<a><b/><c><?p i?></c></a>'),
    expect: ['missing /a/b/?p', 'extra /a/c/?p'],
  },
  {
    name: 'an instruction at another place of its element',
    ...typed('application/xml', '<a>x<?p i?>y</a>', '<a>xy<?p i?></a>'),
    expect: ['order /a/?'],
  },
  {
    name: 'elements around an instruction in another order',
    ...typed('application/xml', '<a><b/><?p i?><c/></a>', '<a><c/><?p i?><b/></a>'),
    expect: ['order /a'],
  },
  {
    name: 'an instruction beside the root',
    ...typed('application/xml', '<?p i?><a/>', '<a/><?p i?>'),
    expect: ['order /?'],
  },
  { name: 'no XML', ...typed('application/xml', '<a/>', '<a>'), expect: ['body'] },
  {
    name: 'HTML otherwise written',
    ...typed('text/html', '<P a=1 b=2>x</P>\n', '<p b="2" a="1">x</p>'),
    expect: 'match',
  },
  { name: 'multipart', ...typed('multipart/mixed; boundary=x', '--x--', '--x--\n'), expect: ['body'] },
  { name: 'one body is empty', ...typed('text/plain', '', 'x'), expect: ['value'] },
]

function items(...contents: readonly string[]): string {
  return `<l>${contents.map(content => `<i>${content}</i>`).join('')}</l>`
}

function invoice(sku: number): string {
  return `<invoice><lines><line sku="0"/><line sku="${sku}"/></lines></invoice>`
}

const large = (byte: number) => Buffer.alloc(300_000, 'x').fill(byte, 200_000, 200_001)

const LARGE: readonly Row[] = [
  { name: 'equal', legacy: { body: large(1), keep: 1000 }, fresh: { body: large(1), keep: 1000 }, expect: 'match' },
  { name: 'a byte', legacy: { body: large(1), keep: 1000 }, fresh: { body: large(2), keep: 1000 }, expect: ['body'] },
  {
    name: 'above the limit, but kept',
    legacy: { body: large(1) },
    fresh: { body: large(2) },
    policy: { maxBodyBytes: 10 },
    expect: ['body'],
  },
  {
    name: 'both not read to the end',
    legacy: { body: 'x', complete: false },
    fresh: { body: 'x', complete: false },
    expect: 'undecided',
  },
  {
    name: 'one ends where the other goes on',
    legacy: { body: 'x' },
    fresh: { body: 'x', complete: false },
    expect: ['body'],
  },
  {
    name: 'one longer than what was read',
    legacy: { body: 'xyz' },
    fresh: { body: 'x', complete: false },
    expect: 'undecided',
  },
  {
    name: 'not read to the end, but another',
    legacy: { body: 'xyz' },
    fresh: { body: 'a', complete: false },
    expect: ['body'],
  },
]

const POLICIES: readonly Row[] = [
  {
    name: 'status by class',
    legacy: { status: 200 },
    fresh: { status: 201 },
    policy: { status: 'class' },
    expect: 'match',
  },
  {
    name: 'another class',
    legacy: { status: 404 },
    fresh: { status: 200 },
    policy: { status: 'class' },
    expect: ['status'],
  },
  {
    name: 'class, another body',
    legacy: { status: 204 },
    fresh: { status: 200, body: 'x' },
    policy: { status: 'class' },
    expect: ['value'],
  },
  {
    name: 'nothing is compared under another status',
    legacy: { status: 404, type: 'text/html', body: 'a' },
    fresh: { status: 200, type: JSON_TYPE, body: '{}' },
    expect: ['status'],
  },
  {
    name: 'another header that nobody chose',
    legacy: { headers: ['Server', 'a'] },
    fresh: { headers: ['Server', 'b'] },
    expect: 'match',
  },
  {
    name: 'the header that was chosen',
    legacy: { headers: ['Server', 'a'] },
    fresh: { headers: ['Server', 'b'] },
    policy: { headers: ['server'] },
    expect: ['header /server'],
  },
]

const IGNORE = { does: 'ignore' } as const
const SPACE = { does: 'normalise', as: 'space' } as const

function ruled(...rules: readonly Rule[]): Pick<Row, 'policy'> {
  return { policy: { rules } }
}

/** Rules see every kind of body as a tree, and a body that is none as one place: `$`. */
const RULES: readonly Row[] = [
  { name: 'of JSON', ...json('{"a":1,"b":1}', '{"a":2,"b":1}'), ...ruled(rule(IGNORE, '$.a')), expect: 'tolerated' },
  {
    name: 'and no more',
    ...json('{"a":1,"b":1}', '{"a":2,"b":2}'),
    ...ruled(rule(IGNORE, '$.a')),
    expect: ['value /b'],
  },
  { name: 'that had nothing to do', ...json('[1]', '[ 1]'), ...ruled(rule(IGNORE, '$[0]')), expect: 'match' },
  {
    name: 'of XML',
    ...typed('text/xml', invoice(1), invoice(2)),
    ...ruled(rule(IGNORE, "$.invoice.lines.line[*]['@sku']")),
    expect: 'tolerated',
  },
  {
    name: 'of an order in XML',
    ...typed('text/xml', '<a><b/><c/></a>', '<a><c/><b/></a>'),
    ...ruled(rule(IGNORE, "$.a['#order']")),
    expect: 'tolerated',
  },
  {
    name: 'of an instruction in XML',
    ...typed('text/xml', '<a>x<?p i?>y</a>', '<a>xy</a>'),
    ...ruled(rule(IGNORE, "$..['?p']")),
    expect: 'tolerated',
  },
  {
    name: 'of an instruction, and no more',
    ...typed('text/xml', '<a><?p i?><b/><c/></a>', '<a><c/><b/></a>'),
    ...ruled(rule(IGNORE, "$..['?p']")),
    expect: ['order /a'],
  },
  {
    name: 'of the places of instructions in XML',
    ...typed('text/xml', '<a><?p i?><b/></a>', '<a><b/><?p i?></a>'),
    ...ruled(rule(IGNORE, "$.a['?']")),
    expect: 'tolerated',
  },
  {
    name: 'of records',
    ...typed('application/x-ndjson', '{"t":1}\n{"t":2}', '{"t":3}\n{"t":4}'),
    ...ruled(rule(IGNORE, '$[*].t')),
    expect: 'tolerated',
  },
  {
    name: 'of events',
    ...typed('text/event-stream', 'data:{"t":1}\n\n', 'data:{"t":2}\n\n'),
    ...ruled(rule(IGNORE, '$[*].data.t')),
    expect: 'tolerated',
  },
  { name: 'of a text', ...typed('text/plain', 'a  b', 'a b'), ...ruled(rule(SPACE, '$')), expect: 'tolerated' },
  {
    name: 'of a text that differs otherwise',
    ...typed('text/plain', 'a  b', 'a c'),
    ...ruled(rule(SPACE, '$')),
    expect: ['value'],
  },
  {
    name: 'of a page',
    ...typed('text/html', '<p id="a1">', '<p id="b2">'),
    ...ruled(rule({ does: 'normalise', as: 'pattern', pattern: 'id="[a-z0-9]+"', replace: '' }, '$')),
    expect: 'tolerated',
  },
  { name: 'of bytes', ...typed('image/png', 'a', 'b'), ...ruled(rule(IGNORE, '$')), expect: 'tolerated' },
  {
    name: 'of no JSON',
    ...json('{}', 'x'),
    ...ruled(rule({ does: 'expect', kinds: ['body'] }, '$')),
    expect: 'tolerated',
  },
  {
    name: 'of other kinds',
    ...json('{}', 'x'),
    ...ruled(rule({ does: 'expect', kinds: ['value'] }, '$')),
    expect: ['body'],
  },
  {
    name: 'of a duplicate key',
    ...json('{"a":{"b":1}}', '{"a":{"b":1,"b":1}}'),
    ...ruled(rule(IGNORE, '$.a')),
    expect: 'tolerated',
  },
  {
    name: 'of another duplicate key',
    ...json('[{"b":1}]', '[{"b":1,"b":1}]'),
    ...ruled(rule(IGNORE, '$[1]')),
    expect: ['extra /0/b'],
  },
  {
    name: 'of a header',
    legacy: { headers: ['Vary', 'a'] },
    fresh: { headers: ['Vary', 'b'] },
    ...ruled(rule(IGNORE, 'header:vary')),
    expect: 'tolerated',
  },
  {
    name: 'of cookies',
    legacy: { headers: ['Set-Cookie', 'a=1'] },
    fresh: {},
    ...ruled(rule(IGNORE, 'header:set-cookie')),
    expect: 'tolerated',
  },
  {
    name: 'of the status',
    legacy: { status: 200 },
    fresh: { status: 201 },
    ...ruled(rule(IGNORE, 'status')),
    expect: 'tolerated',
  },
  {
    name: 'of the status, which hides nothing else',
    legacy: { status: 200, body: 'a' },
    fresh: { status: 500, body: 'b' },
    ...ruled(rule({ does: 'expect', kinds: null }, 'status')),
    expect: ['value'],
  },
]

for (const [table, rows] of Object.entries({
  DIFFY,
  ADVERSARIAL,
  PACT,
  CODINGS,
  CHARSETS,
  KINDS,
  LARGE,
  POLICIES,
  RULES,
})) {
  t.test(table.toLowerCase(), async t => {
    for (const { name, legacy, fresh, expect, policy = {}, method = 'GET' } of rows) {
      const compared = compareGiven(legacy, fresh, policy, { method })
      const places = placesOf(compared)
      if (typeof expect === 'string') t.equal(compared.result, expect, `${name} ${places} ${compared.why}`)
      else t.same([compared.result, ...places], ['different', ...expect], name)
      t.equal(compared.why !== null, compared.result === 'undecided', `${name}: why`)
      const isQuick = isSame(answer(legacy), answer(fresh), { ...POLICY, ...policy })
      if (isQuick) t.equal(compared.result, 'match', `${name}: the quick look`)
      t.equal(
        compareGiven(legacy, legacy, policy, { method }).result === 'match',
        legacy.complete !== false,
        `${name}: legacy and itself`,
      )
      const back = compareGiven(fresh, legacy, policy, { method })
      t.equal(back.result, compared.result, `${name}, the other way round`)
      t.equal(back.differences.length, compared.differences.length, `${name}, as many the other way round`)
    }
  })
}

t.test('what a difference shows', async t => {
  const first = (legacy: Given, fresh: Given) => compareGiven(legacy, fresh).differences[0]
  t.same(first({ status: 404 }, { status: 400 }), { kind: 'status', path: '', legacy: 404, new: 400, severity: 'high' })
  t.same(first({ type: 'text/html', body: page('box') }, { type: 'text/html', body: page('round') }), {
    kind: 'value',
    path: '',
    legacy: '<h1 class="box">',
    new: '<h1 class="round">',
    severity: 'medium',
    note: 'line 1, column 26',
  })
  t.match(first({ type: JSON_TYPE, body: '{"a":1}' }, { type: JSON_TYPE, body: 'Mr Secret' }), {
    kind: 'body',
    path: '',
    severity: 'high',
    note: /^new is not JSON: [^M]*$/,
  })
  t.equal(first({ type: 'a/b', body: 'xyz' }, { type: 'a/b', body: 'xy' })?.note, 'bytes: 3, new 2; equal up to byte 2')
  t.equal(
    first({ type: 'a/b', body: 'xyz' }, { type: 'a/b', body: 'xaz' })?.note,
    'bytes: 3, new 3; first differing byte 1',
  )
  t.equal(
    first(coded('gzip', CODED.gzip as Uint8Array), coded('gzip', Buffer.from('x')))?.note?.slice(0, 14),
    'new: not gzip:',
  )
  const far = compareGiven({ body: large(1), keep: 1000 }, { body: large(2), keep: 1000 }).differences[0]
  t.equal(far?.note, 'bytes: 300000, new 300000; first differing byte after 196608')
})

t.test('differences are listed up to a number', async t => {
  const headers = Array.from({ length: 20 }, (_, i) => `x-${i}`)
  const given = (value: string) => ({ headers: headers.flatMap(name => [name, value]) })
  const compared = compareGiven(given('a'), given('b'), { headers, budget: { ...POLICY.budget, differences: 5 } })
  t.equal(compared.differences.length, 5)
  t.equal(compared.more, 15)
})

t.test('what rules hid is counted by rule; a severity is theirs to say', async t => {
  const hidden = compareGiven(
    { type: JSON_TYPE, body: '[1,1,{}]', headers: ['Vary', 'a'] },
    { type: JSON_TYPE, body: '[2,2,{"a":1,"a":1}]', headers: ['Vary', 'b'] },
    { rules: [rule(IGNORE, '$[*]', 'header:vary')] },
  )
  t.same([...hidden.suppressed], [['file:0', 5]])
  t.same(hidden.differences, [])
  const weighed = (legacy: Given, fresh: Given, path: string) =>
    compareGiven(legacy, fresh, { rules: [rule({ does: 'severity', severity: 'high' }, path)] }).differences[0]
      ?.severity
  t.equal(weighed({ headers: ['Vary', 'a'] }, { headers: ['Vary', 'b'] }, 'header:vary'), 'high')
  t.equal(weighed({ type: 'text/plain', body: 'a' }, { type: 'text/plain', body: 'b' }, '$'), 'high')
  const order = ['<a><b/><c/></a>', '<a><c/><b/></a>'].map(body => ({ type: 'text/xml', body })) as [Given, Given]
  t.equal(weighed(...order, "$.a['#order']"), 'high')
  const low = compareGiven(
    { type: 'image/png', body: 'a' },
    { type: 'image/png', body: 'b' },
    { rules: [rule({ does: 'severity', severity: 'low' }, '$')] },
  )
  t.equal(low.differences[0]?.severity, 'low')
})

t.test('rules that cannot be applied leave it undecided', async t => {
  const body = (value: number) => ({ type: JSON_TYPE, body: JSON.stringify({ list: Array(2000).fill([value]) }) })
  const rules = Array.from({ length: 300 }, (_, i) => ({ ...rule(IGNORE, '$..x'), id: `file:${i}` }))
  const compared = compareGiven(body(1), body(2), { rules })
  t.equal(compared.result, 'undecided')
  t.match(compared.why, /^rules look at more than /)
})
