// What is kept of a comparison: places without data; no value of anybody by default; never a secret.
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { examine, type Job } from '../../src/compare/examine.ts'
import type { AnswerCopy, ComparePolicy } from '../../src/model/comparison.ts'

const AT = Date.UTC(2026, 0, 2)
const POLICY: ComparePolicy = {
  status: 'exact',
  headers: null,
  maxBodyBytes: 1024 * 1024,
  budget: { timeMs: 10_000, nodes: 100_000, depth: 1000, keys: 10_000, differences: 1000 },
  rules: [],
  noisePercent: 0,
  redact: [],
  keep: [],
  valuesUntil: null,
}

function answer(
  body: unknown,
  headers: readonly string[] = ['Content-Type', 'application/json'],
  status = 200,
): AnswerCopy {
  const start = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return { status, headers, body: { length: start.length, complete: true, start, blocks: null } }
}

function examined(legacy: AnswerCopy, fresh: AnswerCopy, policy: Partial<ComparePolicy> = {}, job: Partial<Job> = {}) {
  return examine(
    {
      route: 'orders',
      method: 'GET',
      template: '/orders/:id',
      target: '/orders/17?token=canary-target&page=2',
      at: AT,
      exchange: 'x-1',
      traceId: 't-1',
      primary: 'legacy',
      keyHash: 'k-1',
      legacy,
      new: fresh,
      policy: { ...POLICY, ...policy },
      wantsExemplar: true,
      ...job,
    },
    () => 0,
  )
}

const VALUES = { valuesUntil: AT + 1 }
const SECRETS = [
  ...['Bearer canary-bearer', 'canary-cookie', '4111111111111111', 'ann.canary@example.com', 'canary-target'],
  ...['canary-password', 'canary-name', 'canary-tenant'],
]
const BODY = {
  total_cents: 100,
  name: 'canary-name',
  password: 'canary-password',
  contact: 'ann.canary@example.com',
  'ann.canary@example.com': 1,
  card: '4111 1111 1111 1111',
  number: 4111111111111111,
  log: 'Authorization: Bearer canary-bearer',
  tenant: 'canary-tenant',
}
const HEADERS = [
  ...['Content-Type', 'application/json', 'Set-Cookie', 'sid=canary-cookie; Path=/', 'X-Tenant', 'canary-tenant'],
  ...['Location', '/x?token=canary-target', 'Authorization', 'Bearer canary-bearer'],
]
/** All that differs is a canary. */
const OTHER = Object.fromEntries(
  Object.entries(BODY).map(([key, value]) => [key, typeof value === 'number' ? value - 1 : `${value}!`]),
)

t.test('by default: no value, no key that is data, no target', async t => {
  const { exemplar, places, result } = examined(
    answer(BODY, HEADERS),
    answer(
      { ...OTHER, more: ['canary-name'] },
      HEADERS.map(text => `${text}`),
    ),
  )
  t.equal(result, 'different')
  t.ok(places.length > 0)
  const text = JSON.stringify({ exemplar, places })
  for (const secret of SECRETS) t.notMatch(text.replaceAll(' ', ''), secret.replaceAll(' ', ''))
  t.match(exemplar, { at: AT, exchange: 'x-1', target: null, answers: null, statuses: { legacy: 200, new: 200 } })
  for (const difference of exemplar?.differences ?? []) {
    t.notOk('legacy' in difference || 'new' in difference)
    t.notMatch(difference.path, /canary|@/)
  }
})

t.test('with values: no secret, in bodies of any kind', async t => {
  const xml = `<user><name>n</name><password>canary-password</password><mail>ann.canary&#64;example.com</mail></user>`
  const bodies: readonly (readonly [string, string, string])[] = [
    ['application/json', JSON.stringify(BODY), JSON.stringify(OTHER)],
    ['application/x-ndjson', `${JSON.stringify(BODY)}\n`, `${JSON.stringify(OTHER)}\n`],
    ['text/event-stream', `data: ${JSON.stringify(BODY)}\n\n`, `data: ${JSON.stringify(OTHER)}\n\n`],
    ['application/x-www-form-urlencoded', 'a=1&password=canary-password&m=ann.canary%40example.com', 'a=2&password=x'],
    ['application/xml', xml, xml.replace('>n<', '>m<')],
    ['text/html', `<p>a</p><input type=password value=canary-password><p>ann.canary@example.com</p>`, '<p>b</p>'],
    ['text/plain', 'a password: canary-password ann.canary@example.com', 'b password: canary-password'],
    ['application/json', `{"password":"canary-password`, '{}'],
  ]
  for (const [type, legacy, fresh] of bodies) {
    const headers = HEADERS.with(1, type)
    // A name that is no secret by itself is a value like others.
    const { exemplar } = examined(answer(legacy, headers), answer(fresh, headers), {
      ...VALUES,
      redact: ['header:X-Tenant'],
    })
    const text = JSON.stringify(exemplar).replaceAll(' ', '')
    for (const secret of SECRETS.filter(one => !['canary-name', 'canary-tenant'].includes(one))) {
      t.notMatch(text, secret.replaceAll(' ', ''), type)
    }
    t.type(exemplar?.answers?.legacy.body, 'string', type)
    t.match(exemplar?.target, '/orders/17?token=***&page=2')
  }
})

t.test('redact: at JSONPaths of JSON bodies, in all bodies else, and in headers', async t => {
  const redact = ['$..tenant', '$.items[*].who', 'header:X-Tenant']
  const body = { tenant: 'canary-tenant', items: [{ who: { name: 'canary-name' }, n: 1 }], n: 1 }
  const { exemplar } = examined(answer(body, HEADERS), answer({ ...body, n: 2 }, HEADERS), { ...VALUES, redact })
  t.equal(exemplar?.answers?.legacy.body, '{"tenant":"***","items":[{"who":"***","n":1}],"n":1}')
  t.notMatch(JSON.stringify(exemplar), /canary/)
  const text = examined(answer('a', ['Content-Type', 'text/plain']), answer('b', ['Content-Type', 'text/plain']), {
    ...VALUES,
    redact,
  })
  t.equal(text.exemplar?.answers?.legacy.body, null)
})

t.test('coded, cut and large bodies', async t => {
  const headers = ['Content-Type', 'application/json', 'Content-Encoding', 'gzip']
  const gzip = (body: unknown) => answer(gzipSync(JSON.stringify(body)), headers)
  const { exemplar } = examined(gzip({ a: 1, token: 'canary' }), gzip({ a: 2, token: 'canary' }), VALUES)
  t.equal(exemplar?.answers?.legacy.body, '{"a":1,"token":"***"}')
  const large = examined(answer({ a: 'x'.repeat(100_000), b: 1 }), answer({ a: 'y'.repeat(100_000), b: 1 }), VALUES)
  t.ok(Buffer.byteLength(large.exemplar?.answers?.new.body ?? '') <= 16 * 1024 + 8)
  const { differences = [] } = large.exemplar ?? {}
  t.ok(differences.every(one => (one.legacy ?? '').length < 300))
  const binary = examined(answer(Buffer.from([1, 2, 255]), []), answer(Buffer.from([1, 2, 254]), []), VALUES)
  t.equal(binary.exemplar?.answers?.legacy.body, null)
})

t.test('another status is one place, and its bodies do not matter', async t => {
  const { places, exemplar } = examined(answer({ a: 1 }, [], 404), answer({ b: 1 }, [], 400))
  t.same(places, [{ kind: 'status', path: '/404/400', severity: 'high', prior: null }])
  t.match(exemplar?.differences, [{ kind: 'status', path: '/404/400', legacy: '404', new: '400' }])
})

t.test('equal answers have no places; nobody wanted an exemplar: there is none', async t => {
  t.same(examined(answer(BODY), answer(BODY)), {
    result: 'match',
    why: null,
    places: [],
    suppressed: [],
    exemplar: null,
  })
  t.equal(examined(answer({ a: 1 }), answer({ a: 2 }), {}, { wantsExemplar: false }).exemplar, null)
})
