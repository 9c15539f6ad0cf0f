// What two answers are to each other when they have come over real sockets: codings, charsets, framing and sizes as backends
// send them. Each pair ends in one bucket, with exactly these differences.
import type { ServerResponse } from 'node:http'
import { brotliCompressSync, deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { sendBytes } from '../scripted.ts'
import { resultsOf, type Serve, type Shadowed, type Side, shadowed } from './shadowed.ts'

interface More {
  readonly method?: string
  readonly compare?: Record<string, unknown>
  readonly unasked?: Record<string, number>
}
/** Differences are `kind path`, sorted. */
type Case = readonly [what: string, legacy: Serve, fresh: Serve, bucket: string, differences: readonly string[], More?]

type Body = string | Uint8Array
type Fields = Record<string, string>

const answer =
  (type: string | null, body: Body, fields: Fields = {}, status = 200): Serve =>
  (_, reply) =>
    reply.writeHead(status, { ...(type === null ? {} : { 'content-type': type }), ...fields }).end(body)
const json = (body: Body, fields: Fields = {}, charset = '') => answer(`application/json${charset}`, body, fields)
const coded = (coding: string, bytes: Uint8Array) => json(bytes, { 'content-encoding': coding })
const empty = (status: number) => answer(null, '', {}, status)
const cut =
  (fields: Fields): Serve =>
  (_, reply) => {
    reply.writeHead(200, { 'content-type': 'application/json', ...fields }).write(TEXT)
    gone(reply)
  }
/** After what was written has gone out. */
const gone = (reply: ServerResponse) => reply.write('', () => reply.destroy())

const TEXT = '{"total":100,"name":"Zoë"}'
const OTHER = '{"total":101,"name":"Zoë"}'
const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le')
const latin1 = (text: string) => Buffer.from(text, 'latin1')
const long = (of: string) => JSON.stringify({ of, more: 'm'.repeat(5000) })
const LINES = '{"n":1}\n{"n":2}\n'
/** Does not get smaller. */
const NOISE = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * i * 7919 + (i >> 3)) & 255))
const small = { compare: { maxBody: '1KiB' } }
const lines = (body: string) => answer('application/x-ndjson', body)
const form = (body: string) => answer('application/x-www-form-urlencoded', body)
const xml = (body: Body) => answer('application/xml', body)
const bytes = (body: Body) => answer('application/octet-stream', body)

const CODING = 'header /content-encoding'
const TYPE = 'header /content-type'
const LATIN1 = '; charset=latin1'
const GZIP = gzipSync(TEXT)

const codings: Case[] = [
  ['gzip, packed less', coded('gzip', GZIP), coded('gzip', gzipSync(TEXT, { level: 0 })), 'match', []],
  ['gzip and its old name', coded('x-gzip', GZIP), coded('gzip', gzipSync(TEXT)), 'divergent', [CODING]],
  ['gzip and br', coded('gzip', GZIP), coded('br', brotliCompressSync(TEXT)), 'divergent', [CODING]],
  ['br and zstd', coded('br', brotliCompressSync(TEXT)), coded('zstd', zstdCompressSync(TEXT)), 'divergent', [CODING]],
  ['zstd and none', coded('zstd', zstdCompressSync(TEXT)), json(TEXT), 'divergent', [CODING]],
  ['none and bare deflate', json(TEXT), coded('deflate', deflateRawSync(TEXT)), 'divergent', [CODING]],
  ['none and identity', json(TEXT), coded('identity', Buffer.from(TEXT)), 'divergent', [CODING]],
  ['two codings', json(TEXT), coded('gzip, br', brotliCompressSync(GZIP)), 'divergent', [CODING]],
  ['the header ignored', coded('gzip', GZIP), json(TEXT), 'tolerated', [], ignoring('content-encoding')],
  ['another value in it', coded('gzip', GZIP), json(OTHER), 'divergent', [CODING, 'value /total']],
  ['new is not what it says', coded('gzip', GZIP), coded('gzip', Buffer.from(TEXT)), 'divergent', ['body ']],
  ['neither is', coded('gzip', Buffer.from(TEXT)), coded('gzip', Buffer.from(OTHER)), 'undecided', []],
  ['nobody knows it', coded('odd', Buffer.from(TEXT)), coded('odd', Buffer.from(OTHER)), 'undecided', []],
  ['nobody knows it, same bytes', coded('odd', GZIP), coded('odd', GZIP), 'match', []],
]

const framing: Case[] = [
  ['new ends before its length', json(TEXT), cut({ 'content-length': '100' }), 'candidate_error', []],
  ['new ends before its last chunk', json(TEXT), cut({}), 'candidate_error', []],
  ['legacy ends before its length', cut({ 'content-length': '100' }), json(TEXT), 'primary_error', []],
  ['a length, and chunks', json(TEXT, { 'content-length': '27' }), json(TEXT), 'match', []],
  ['HEAD, whatever the length', json(TEXT), json('{}'), 'match', [], { method: 'HEAD' }],
  ['HEAD, another type', json(TEXT), answer('text/plain', TEXT), 'divergent', [TYPE], { method: 'HEAD' }],
  ['204 and nothing', empty(204), empty(200), 'divergent', ['status /204/200']],
  ['204 and nothing, by class', empty(204), empty(200), 'match', [], { compare: { status: 'class' } }],
  ['nothing at all', empty(200), empty(200), 'match', []],
  ['304', empty(304), json(TEXT), 'skipped', [], { unasked: { not_comparable: 1 } }],
  ['304 of new, that nobody asked for', json(TEXT), empty(304), 'divergent', ['status /200/304']],
  ['another status, and all else', json(TEXT), answer('text/html', OTHER, {}, 404), 'divergent', ['status /200/404']],
]

const sizes: Case[] = [
  ['above maxBody, equal', json(long('a')), json(long('a')), 'match', [], small],
  ['above maxBody', json(long('a')), json(long('b')), 'divergent', ['body '], small],
  ['only one is above', json(TEXT), json(long('a')), 'divergent', ['body '], small],
  ['one is the beginning of the other', bytes(NOISE.subarray(0, 2000)), bytes(NOISE), 'divergent', ['body '], small],
  ['coded, above as it is', coded('gzip', NOISE), coded('gzip', NOISE.toReversed()), 'undecided', [], small],
  ['coded, above when read', ...two(gzipSync(long('a')), gzipSync(long('b'))), 'undecided', [], small],
  ['only new is above when read', ...two(GZIP, gzipSync(long('b'))), 'divergent', ['body '], small],
]

const media: Case[] = [
  ['JSON, written otherwise', json(TEXT), json('{ "name": "Zo\\u00eb", "total": 100 }'), 'match', []],
  ['JSON, the last digit', json('[12345678901234567890]'), json('[12345678901234567891]'), 'divergent', ['value /*']],
  ['JSON and none', json(TEXT), json('<p>sorry'), 'divergent', ['body ']],
  ['lines', lines(LINES), lines('{ "n":1}\r\n\n{"n": 2}'), 'match', []],
  ['a line differs', lines(LINES), lines('{"n":1}\n{"n":3}\n'), 'divergent', ['value /*/n']],
  ['a line is no JSON', lines(LINES), lines('{"n":1}\n{"n":'), 'divergent', ['body ']],
  ['form', form('a=1&b=%C3%AB+x'), form('b=%c3%ab%20x&a=1'), 'match', []],
  ['a field of a form', form('a=1&b=2'), form('a=1&b=3'), 'divergent', ['value /b']],
  ['a field too few', form('a=1&b=2'), form('a=1'), 'divergent', ['missing /b']],
  ['XML', xml('<a x="1" y="2"><b/></a>'), xml(`<?xml version="1.0"?><a y='2' x="&#49;"><b></b></a>`), 'match', []],
  ['XML, a prefix', xml('<p:a xmlns:p="urn:u">1</p:a>'), xml('<a xmlns="urn:u"><![CDATA[1]]></a>'), 'match', []],
  ['XML in UTF-16', xml('<a>ë</a>'), xml(utf16('<a>ë</a>')), 'match', []],
  ['XML, broken', xml('<a>1</a>'), xml('<a>1</b>'), 'divergent', ['body ']],
  ['bytes', bytes(NOISE), bytes(NOISE), 'match', []],
  ['other bytes', bytes(NOISE), bytes(NOISE.toReversed()), 'divergent', ['body ']],
  ['UTF-16 by its mark', json(TEXT), json(utf16(TEXT)), 'match', []],
  ['UTF-16 by its mark, a value', json(TEXT), json(utf16(OTHER)), 'divergent', ['value /total']],
  ['Latin-1, said', json(TEXT), json(latin1(TEXT), {}, '; charset=iso-8859-1'), 'divergent', [TYPE]],
  ['that ignored', json(TEXT), json(latin1(TEXT), {}, LATIN1), 'tolerated', [], ignoring('content-type')],
  ['Latin-1, unsaid', json(TEXT), json(latin1(TEXT)), 'divergent', ['body ']],
  ['same bytes, said otherwise', json(TEXT), json(TEXT, {}, LATIN1), 'divergent', [TYPE, 'value /name']],
]

for (const [what, cases] of Object.entries({ codings, framing, sizes, media })) {
  t.test(what, async t => {
    const now: Record<Side, Serve> = { legacy: empty(200), new: empty(200) }
    const sides = { legacy: ((...of) => now.legacy(...of)) as Serve, new: ((...of) => now.new(...of)) as Serve }
    /** One for each policy; starting one takes longer than all of its cases. */
    const shops = new Map<string, Promise<Shadowed>>()
    const shopOf = (compare: Record<string, unknown>) => {
      const key = JSON.stringify(compare)
      const policy = { noise: { percent: 0 }, ...compare }
      const shop = shops.get(key) ?? shadowed(t, { ...sides, compare: policy })
      shops.set(key, shop)
      return shop
    }
    for (const [name, legacy, fresh, bucket, differences, given = {}] of cases) {
      const { method = 'GET', compare = {}, unasked = {} } = given
      Object.assign(now, { legacy, new: fresh })
      const shop = await shopOf(compare)
      const before = await shop.totals()
      const head = `${method} /a HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n`
      await sendBytes(t, shop.banyan.port, head).answer
      const after = await shop.counted(before.eligible + 1)
      t.same(more(resultsOf(before), resultsOf(after)), { [bucket]: 1 }, `${name}: ${bucket}`)
      t.same(more(before.unasked, after.unasked), unasked, `${name}: why it was not asked`)
      t.same(await takeDifferences(shop), differences, `${name}: differences`)
    }
  })
}

function more(before: Readonly<Record<string, number>>, after: Readonly<Record<string, number>>) {
  const grown = Object.entries(after).map(([key, count]) => [key, count - (before[key] ?? 0)] as const)
  return Object.fromEntries(grown.filter(([, count]) => count !== 0))
}

/** They are new when they come again. */
async function takeDifferences(shop: Shadowed): Promise<string[]> {
  const items = (await shop.items()) as { signature: string; differences: { kind: string; path: string }[] }[]
  for (const { signature } of items) await shop.banyan.api('DELETE', `/divergences/${signature}`)
  return items.flatMap(({ differences }) => differences.map(({ kind, path }) => `${kind} ${path}`)).sort()
}

function ignoring(header: string): More {
  return { compare: { rules: [{ ignore: `header:${header}` }] } }
}

function two(legacy: Uint8Array, fresh: Uint8Array): [Serve, Serve] {
  return [coded('gzip', legacy), coded('gzip', fresh)]
}
