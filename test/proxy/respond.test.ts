// What the client hears when the proxy answers by itself.
import fc from 'fast-check'
import t from 'tap'
import { type Ask, problem, problemAnswer, UNKNOWN_ASK } from '../../src/proxy/respond.ts'

/** An answer taken apart, the way a client does it. */
function read(text: string) {
  const end = text.indexOf('\r\n\r\n')
  const [line = '', ...lines] = text.slice(0, end).split('\r\n')
  const fields = new Map(
    lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  )
  const bytes = Buffer.from(text.slice(end + 4), 'latin1')
  return { line, lines, fields, bytes, body: bytes.toString('utf8') }
}

const ask = (more: Partial<Ask> = {}): Ask => ({ ...UNKNOWN_ASK, ...more })
const busy = problem('backend_busy', 'new side: no place was free in time', 'x1')

t.test('every code has its status', async t => {
  const codes: Record<string, number> = {
    bad_request: 400,
    ambiguous_path: 400,
    host_mismatch: 400,
    no_route: 404,
    method_refused: 405,
    request_timeout: 408,
    body_too_large: 413,
    target_too_long: 414,
    expectation_failed: 417,
    head_too_large: 431,
    too_many_fields: 431,
    internal: 500,
    backend_connect: 502,
    backend_tls: 502,
    backend_reset: 502,
    backend_truncated: 502,
    backend_protocol: 502,
    no_side: 503,
    backend_busy: 503,
    circuit_open: 503,
    overloaded: 503,
    backend_timeout: 504,
    version_unsupported: 505,
    loop: 508,
    constructor: 500,
    'never heard of': 500,
  }
  for (const [code, status] of Object.entries(codes)) t.equal(problem(code, 'd', null).status, status, code)
})

t.test('a problem document', async t => {
  const { line, fields, body } = read(problemAnswer(problem('no_route', 'né ✓', 'x1'), ask(), null, true))
  t.equal(line, 'HTTP/1.1 404 No Route')
  t.equal(fields.get('content-type'), 'application/problem+json')
  t.equal(fields.get('connection'), 'close')
  t.equal(fields.get('cache-control'), 'no-store')
  t.equal(fields.get('content-length'), String(Buffer.byteLength(body)))
  t.same(JSON.parse(body), {
    type: 'urn:banyan:no_route',
    title: 'No Route',
    status: 404,
    detail: 'né ✓',
    code: 'no_route',
    exchange: 'x1',
  })
  for (const name of ['date', 'server', 'x-powered-by', 'via']) t.notOk(fields.has(name), name)
})

t.test('fields that depend on the problem', async t => {
  const answered = (code: string, retryAfter?: number) =>
    read(problemAnswer(problem(code, 'd', null, retryAfter), ask(), null, false)).fields
  t.equal(answered('overloaded').get('retry-after'), '1')
  t.equal(answered('overloaded', 30).get('retry-after'), '30')
  t.equal(answered('overloaded', 0.2).get('retry-after'), '1')
  t.equal(answered('overloaded', Number.NaN).get('retry-after'), '1')
  t.notOk(answered('backend_connect').has('retry-after'))
  t.match(answered('method_refused').get('allow'), /^GET, HEAD/)
  t.notOk(answered('no_route').has('allow'))
  t.notOk(answered('no_route').has('connection'))
  t.equal(answered('no_route').get('vary'), 'Accept, Origin')
})

t.test('HEAD: the same head, no body', async t => {
  const get = problemAnswer(busy, ask({ accept: 'text/html' }), null, false)
  const head = problemAnswer(busy, ask({ accept: 'text/html', isHead: true }), null, false)
  t.ok(get.startsWith(head))
  t.ok(head.endsWith('\r\n\r\n'))
})

t.test('HTML: ours and the operator’s, with everything escaped', async t => {
  const evil = problem('no_route', `<script>alert("1")</script>{code}'$&`, null)
  const own = read(problemAnswer(evil, ask({ accept: 'text/html' }), null, false))
  t.equal(own.fields.get('content-type'), 'text/html; charset=utf-8')
  t.notOk(own.body.includes('<script'))
  t.notMatch(own.body, /https?:|src=|href=|url\(/)
  t.match(own.body, '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;{code}&#39;$&amp;')
  const page = '<p title="{detail}">{status} {title} {code} {exchange}| {other} ✓</p>'
  const theirs = read(problemAnswer({ ...busy, detail: '"><b>' }, ask({ accept: 'text/html' }), page, false))
  t.equal(theirs.body, '<p title="&quot;&gt;&lt;b&gt;">503 Service Unavailable backend_busy x1| {other} ✓</p>')
})

t.test('text', async t => {
  const { body, fields } = read(
    problemAnswer({ ...busy, detail: 'a\x1b[31m\r\nb' }, ask({ accept: 'text/plain' }), null, false),
  )
  t.equal(fields.get('content-type'), 'text/plain; charset=utf-8')
  t.equal(body, '503 Service Unavailable\na\ufffd[31m\ufffd\ufffdb\n\ncode: backend_busy\nexchange: x1\n')
})

t.test('a page of another origin may read it', async t => {
  const told = (origin: string | null) => read(problemAnswer(busy, ask({ origin }), null, false)).fields
  const fields = told('https://shop.example')
  t.equal(fields.get('access-control-allow-origin'), 'https://shop.example')
  t.equal(fields.get('access-control-allow-credentials'), 'true')
  t.equal(fields.get('access-control-expose-headers'), 'Retry-After')
  t.equal(told('null').get('access-control-allow-origin'), 'null')
  for (const origin of [null, '', 'a b', 'a\r\nSet-Cookie: x=1', 'https://é', `https://${'a'.repeat(600)}`]) {
    t.notOk(told(origin).has('access-control-allow-origin'), String(origin).slice(0, 30))
    t.notOk(told(origin).has('set-cookie'))
  }
})

t.test('whatever is asked and told, the answer is one well-formed message', async () => {
  const latin1 = fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes).toString('latin1'))
  const text = fc.oneof(fc.string({ unit: fc.constantFrom('a', '\ud800', '✓', '\r', '\n', '<', '\0') }), latin1)
  const anything = fc.option(text, { nil: null })
  const accept = fc.oneof(anything, fc.constantFrom('text/html', 'text/plain', '*/*'))
  fc.assert(
    fc.property(text, text, anything, accept, anything, anything, (code, detail, exchange, accept, origin, page) => {
      const answer = problemAnswer(problem(code, detail, exchange), { accept, origin, isHead: false }, page, true)
      const { fields, bytes, lines } = read(answer)
      return (
        Number(fields.get('content-length')) === bytes.length &&
        lines.length === fields.size &&
        !/[^\0-\xff]/.test(answer)
      )
    }),
  )
})
