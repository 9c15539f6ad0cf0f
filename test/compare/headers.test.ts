// Headers: by what their values say; cookies by name; what is chosen, and what each difference weighs.
import { equal } from 'node:assert'
import t from 'tap'
import { compareHeaders, sameHeaders } from '../../src/compare/headers.ts'
import type { HeaderList } from '../../src/model/exchange.ts'

/** `null`: the header is not there. */
type Row = readonly [name: string, legacy: string | null, fresh: string | null, expected: string]

const ROWS: readonly Row[] = [
  ['Content-Type', 'application/json', 'application/json', ''],
  ['Content-Type', 'text/html; charset=UTF-8; a=b', 'TEXT/html;a=b ; charset="utf-8"', ''],
  ['Content-Type', 'text/html; charset=utf-8', 'text/html', '/content-type high'],
  ['Content-Type', 'application/json', 'text/plain', '/content-type high'],
  ['Content-Type', 'multipart/mixed; boundary=aB', 'multipart/mixed; boundary=ab', '/content-type high'],
  ['Content-Type', 'text/plain', null, '/content-type high'],
  ['Location', '/a,b', '/a,b', ''],
  ['Location', '/a,b', '/a, b', '/location medium'],
  ['Location', '/a', '/b', '/location medium'],
  ['Cache-Control', 'private, max-age=60', 'Max-Age="60",private', ''],
  ['Cache-Control', 'max-age=60', 'max-age=61', '/cache-control medium'],
  ['Cache-Control', 'no-cache="a, b"', 'no-cache="a"', '/cache-control medium'],
  ['ETag', '"abc"', '"def"', ''],
  ['ETag', '"abc"', 'W/"abc"', '/etag medium'],
  ['ETag', '"abc"', null, '/etag medium'],
  ['WWW-Authenticate', 'Digest realm="a", nonce="1", opaque="x"', 'Digest realm="a", nonce="2", opaque="y"', ''],
  ['WWW-Authenticate', 'Basic realm="a"', 'Basic realm="b"', '/www-authenticate medium'],
  ['Vary', 'Accept, Cookie', 'cookie,accept', ''],
  ['Vary', 'Accept', 'Accept, Cookie', '/vary medium'],
  ['Link', '</a>; rel=next,</b>; rel=prev', '</a>; rel=next, </b>; rel=prev', ''],
  ['Link', '</a>; rel=next, </b>; rel=prev', '</b>; rel=prev, </a>; rel=next', '/link low'],
  ['Allow', 'GET, HEAD', 'HEAD,GET', ''],
  ['Allow', 'GET', 'get', '/allow medium'],
  ['Retry-After', '10', '20', ''],
  ['Retry-After', '10', null, '/retry-after low'],
  ['Content-Language', 'de, EN', 'en, de', ''],
  ['Content-Disposition', 'attachment; filename="a b.txt"; size=1', 'Attachment; size=1; filename="a b.txt"', ''],
  ['Content-Disposition', 'attachment; filename=a', 'attachment; filename=b', '/content-disposition medium'],
  ['Content-Encoding', 'gzip', 'br', '/content-encoding medium'],
  ['Access-Control-Allow-Origin', '*', 'https://a.example', '/access-control-allow-origin medium'],
  ['Access-Control-Allow-Headers', 'X-A, x-b', 'X-B,x-a', ''],
  ['Access-Control-Allow-Methods', 'GET,PUT', 'PUT, GET', ''],
  // Not chosen.
  ['Date', 'Thu, 15 Jan 2026 00:00:00 GMT', null, ''],
  ['X-Request-Id', '1', null, ''],
  ['Server', 'Apache', 'nginx', ''],
]

/** With the header's name as the policy's only one. */
const LISTED: readonly Row[] = [
  ['X-Custom', 'a,b', 'a, b', ''],
  ['X-Custom', 'a, b', 'b, a', '/x-custom low'],
  ['X-Custom', 'Alpha', 'alpha', '/x-custom medium'],
  ['X-Custom', '"a,b"', '"a, b"', '/x-custom medium'],
  ['X-Custom', '', null, '/x-custom medium'],
  ['Content-Length', '10', '11', '/content-length medium'],
  ['Server', 'Apache', 'nginx', '/server medium'],
  ['Age', '1', '2', ''],
  ['Expires', '0', null, '/expires low'],
  ...[
    'Date',
    'Last-Modified',
    'X-Request-ID',
    'Request-Id',
    'X-Correlation-Id',
    'X-Runtime',
    'traceparent',
    'tracestate',
  ].map(name => [name, '1', '2', ''] as const),
  ...['b3', 'X-B3-TraceId', 'x-datadog-trace-id', 'x-amzn-trace-id', 'X-Cloud-Trace-Context', 'sentry-trace'].map(
    name => [name, '1', null, `/${name.toLowerCase()} low`] as const,
  ),
]

function listed(name: string, value: string | null): HeaderList {
  return value === null ? ['Server', 'x'] : [name, value]
}

function found(legacy: HeaderList, fresh: HeaderList, names: readonly string[] | null = null): string {
  const shown = (a: HeaderList, b: HeaderList) =>
    compareHeaders(a, b, names)
      .map(({ path, severity }) => `${path} ${severity}`)
      .join(' ')
  equal(shown(fresh, legacy), shown(legacy, fresh), 'the same the other way round')
  equal(sameHeaders(legacy, fresh, names), shown(legacy, fresh) === '', 'as the quick look has it')
  return shown(legacy, fresh)
}

t.test('of the chosen set', async t => {
  for (const [name, legacy, fresh, expected] of ROWS) {
    t.equal(found(listed(name, legacy), listed(name, fresh)), expected, `${name}: ${legacy} | ${fresh}`)
  }
})

t.test('of those that a policy lists', async t => {
  for (const [name, legacy, fresh, expected] of LISTED) {
    const names = [name.toLowerCase()]
    t.equal(found(listed(name, legacy), listed(name, fresh), names), expected, `${name}: ${legacy} | ${fresh}`)
  }
  t.equal(found(['Content-Type', 'a/b'], ['Content-Type', 'c/d'], ['x-custom']), '', 'those and no others')
  t.equal(found(['Content-Type', 'a/b'], [], []), '', 'none')
  const long = `x-${'y'.repeat(400)}`
  t.equal(found([long, '1'], [long, '2'], [long]), `/${long} medium`)
})

t.test('names have no case, lines no order; lines of one name are joined', async t => {
  t.equal(found(['CONTENT-TYPE', 'a/b', 'Vary', 'a'], ['vary', 'a', 'content-type', 'a/b']), '')
  t.equal(found(['vary', 'a', 'vary', 'b'], ['Vary', 'b, a']), '')
  t.equal(found(['x-a', '1', 'x-a', '2'], ['x-a', '1, 2'], ['x-a']), '')
  t.equal(found(['date', '1', 'vary', 'a', 'server', 'x'], ['vary', 'a', 'date', '2']), '')
  const [difference] = compareHeaders(['vary', 'a'], [], null)
  t.same(difference, { kind: 'header', path: '/vary', legacy: 'a', severity: 'medium' })
})

t.test('the quick look finds what the other one finds, in any order', async t => {
  const lists: HeaderList[] = [
    [],
    ['vary', 'a'],
    ['vary', 'a', 'allow', 'GET'],
    ['allow', 'GET', 'vary', 'a'],
    ['etag', '"1"'],
  ]
  for (const a of lists) for (const b of lists) found(a, b)
  t.ok(sameHeaders(lists[2] as HeaderList, lists[3] as HeaderList, null))
})
