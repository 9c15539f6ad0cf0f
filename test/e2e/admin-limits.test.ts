// What the admin face does with bodies, methods and paths that it does not expect: one answer each, in its own form, and
// nothing of it reaches the control state.
import t from 'tap'
import { type Operation, operations } from '../../src/admin/api.ts'
import { type Banyan, rawClient, TOKEN } from './harness.ts'
import { ask, hold, startHouse } from './operator.ts'

const BASE = '/api/v1'

t.test('bodies are JSON, by name and by nature', async t => {
  const { banyan } = await startHouse(t)
  const path = `${BASE}/routes/orders/weight`
  const rows: readonly (readonly [type: string, body: string | Buffer, status: number, code: string])[] = [
    ['text/plain', '{"percent":5}', 415, 'not_json_type'],
    ['text/plain;charset=UTF-8', '{"percent":5}', 415, 'not_json_type'],
    ['application/x-www-form-urlencoded', 'percent=5', 415, 'not_json_type'],
    ['multipart/form-data; boundary=x', '--x--', 415, 'not_json_type'],
    ['application/xml', '<a/>', 415, 'not_json_type'],
    ['nonsense', '{"percent":5}', 415, 'not_json_type'],
    ['application/json', 'percent=5', 400, 'not_json'],
    ['application/json', '', 400, 'invalid'],
    ['application/json', '{"percent":5} x', 400, 'not_json'],
    ['application/json', "{'percent':5}", 400, 'not_json'],
    ['application/json', Buffer.from([0xff, 0xfe, 0x00]), 400, 'not_json'],
  ]
  for (const [type, body, status, code] of rows) {
    const answer = await ask(banyan.admin, 'PUT', path, { body, headers: { 'content-type': type } })
    hold(t, 'PUT', path, answer)
    t.same([answer.status, answer.json?.code], [status, code], `${type}: ${body}`)
  }
  const named = await ask(banyan.admin, 'PUT', path, {
    body: '{"percent":5}',
    headers: { 'content-type': 'application/json; charset=utf-8' },
  })
  t.equal(named.status, 200)
})

t.test('a key that comes twice, and a number that nothing holds, are said to be that', async t => {
  const { banyan, api } = await startHouse(t)
  const put = async (body: string) => {
    const answer = await ask(banyan.admin, 'PUT', `${BASE}/routes/orders/weight`, { body })
    hold(t, 'PUT', '/routes/orders/weight', answer)
    return answer
  }
  t.match(await put('{"percent":5,"percent":50}'), {
    status: 400,
    json: {
      code: 'invalid',
      detail: '/percent: comes more than once',
      errors: [{ pointer: '/percent', message: 'comes more than once' }],
    },
  })
  t.match(await put('{"percent":1e400}'), {
    status: 400,
    json: { code: 'invalid', errors: [{ pointer: '/percent', message: /1\.8e308/ }] },
  })
  t.equal((await put('{"percent":5,"reason":"\\"percent\\":5,\\"percent\\":6"}')).status, 200)
  t.match((await api('GET', '/routes/orders')).json, { set: { percent: 5 } })
})

t.test('sizes: 1 MB of JSON is 413; a whole configuration goes to config/check only', async t => {
  const { banyan } = await startHouse(t, {}, { check: async () => Promise.reject(new Error('not asked')) })
  const megabyte = JSON.stringify({ percent: 5, reason: 'x'.repeat(1024 * 1024) })
  for (const [name, operation] of Object.entries<Operation>(operations)) {
    if (operation.body === undefined || name === 'configCheck') continue
    const path = operation.path.replace(':id', 'orders')
    const answer = await ask(banyan.admin, operation.method, `${BASE}${path}`, { body: megabyte })
    hold(t, operation.method, path, answer)
    t.same([answer.status, answer.json.code], [413, 'too_large'], name)
  }
  // Without a length, the count of what came decides.
  const client = rawClient(t, portOf(banyan))
  client.send(
    `PUT ${BASE}/routes/orders/weight HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n` +
      'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n' +
      `10000\r\n${' '.repeat(0x10000)}\r\n1\r\n \r\n`,
  )
  t.match(await client.until(text => text.includes('too_large')), /^HTTP\/1\.1 413 /)
  const beyond = JSON.stringify({ text: 'x'.repeat(256 * 1024 + 1) })
  const refused = await ask(banyan.admin, 'POST', `${BASE}/config/check`, { body: beyond })
  t.match(refused, { status: 400, json: { code: 'invalid', errors: [{ pointer: '/text' }] } })
  const far = await ask(banyan.admin, 'POST', `${BASE}/config/check`, {
    body: JSON.stringify({ text: 'x'.repeat(10_000_000) }),
  })
  t.match(far, { status: 413, json: { code: 'too_large' } })
})

t.test('deep, wide and poisoned JSON is refused, and pollutes nobody', async t => {
  const { banyan } = await startHouse(t)
  const put = async (body: string, path = '/routes/orders/weight') => {
    const answer = await ask(banyan.admin, 'PUT', `${BASE}${path}`, { body })
    hold(t, 'PUT', path, answer)
    return answer
  }
  const explain = async (body: string) => {
    const answer = await ask(banyan.admin, 'POST', `${BASE}/explain`, { body })
    hold(t, 'POST', '/explain', answer)
    return answer
  }
  const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  t.equal((await put(deep(32_000))).status, 400)
  t.equal((await put(`{"percent":${deep(32_000)}}`)).status, 400)
  t.equal((await explain(`{"url":"/orders/1","headers":${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}}`)).status, 400)
  t.equal((await put(`{"percent":5,${Array.from({ length: 5_000 }, (_, i) => `"k${i}":1`).join(',')}}`)).status, 400)
  const poisoned = [
    '{"percent":5,"__proto__":{"polluted":1}}',
    '{"percent":5,"constructor":{"prototype":{"polluted":1}}}',
    '{"percent":5,"\\u005f_proto__":{"polluted":1}}',
    '{"__proto__":{"percent":5}}',
  ]
  for (const body of poisoned) t.equal((await put(body)).status, 400, body)
  t.equal((await explain('{"url":"/orders/1","headers":{"__proto__":"x"}}')).status, 400)
  for (const name of ['constructor', 'toString', 'hasOwnProperty']) {
    const answer = await explain(JSON.stringify({ url: '/orders/1', headers: { [name]: 'x' } }))
    t.equal(answer.status, 200, `a header may be called ${name}`)
  }
  const token = '{"name":"t","scopes":["read"],"routes":["__proto__"]}'
  t.equal((await ask(banyan.admin, 'POST', `${BASE}/tokens`, { body: token })).status, 404)
  t.equal((await ask(banyan.admin, 'GET', `${BASE}/audit?__proto__[limit]=5`)).status, 400)
  t.equal(({} as Record<string, unknown>).polluted, undefined)
  t.equal((await ask(banyan.admin, 'GET', `${BASE}/routes/orders`)).json.set, null)
})

t.test('methods: HEAD is GET without its body; others are 405 and name what is allowed', async t => {
  const { banyan } = await startHouse(t)
  const head = await ask(banyan.admin, 'HEAD', `${BASE}/status`)
  t.same([head.status, head.text], [200, ''])
  t.equal((await ask(banyan.admin, 'HEAD', `${BASE}/status`, { token: null })).status, 401)
  const rows = [
    ['POST', '/status', /\bGET\b/],
    ['OPTIONS', '/status', /\bGET\b/],
    ['PATCH', '/routes/orders/weight', /\bPUT\b.*\bDELETE\b|\bDELETE\b.*\bPUT\b/],
    ['GET', '/routes/orders/weight', /\bPUT\b/],
    ['GET', '/rollback', /\bPOST\b/],
    ['GET', '/routes/orders/rollback', /\bPOST\b/],
    ['HEAD', '/rollback', /\bPOST\b/],
    ['PROPFIND', '/status', /\bGET\b/],
    ['TRACE', '/status', /\bGET\b/],
  ] as const
  for (const [method, path, allowed] of rows) {
    const answer = await ask(banyan.admin, method, `${BASE}${path}`)
    t.equal(answer.status, 405, `${method} ${path}`)
    t.match(answer.headers.allow ?? '', allowed, `Allow of ${method} ${path}`)
    if (method !== 'HEAD') hold(t, method, path, answer)
  }
  t.same(banyan.app.control.state().rollbacks, [], 'no state changes on GET')
})

t.test('HEAD of the event stream is no listener', async t => {
  const { banyan } = await startHouse(t)
  const client = rawClient(t, portOf(banyan))
  client.send(
    `HEAD ${BASE}/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: close\r\n\r\n`,
  )
  // Calls that come after it and are answered meanwhile.
  for (let i = 0; i < 50 && client.text() === ''; i++) await ask(banyan.admin, 'GET', `${BASE}/status`)
  t.match(client.text(), /^HTTP\/1\.1 (200|404|405) /, 'it is answered')
  client.socket.destroy()
})

t.test('paths that are not there, and texts that are no paths', async t => {
  const { banyan } = await startHouse(t)
  const paths = [
    '/nowhere',
    '/assets/',
    '/index.html',
    '/api',
    '/api/v1',
    '/api/v1/',
    '/api/v1/unknown',
    '/api/v2/status',
    '/api/v1/status/',
    '/API/v1/status',
    '/api/v1//status',
    '/api/v1/../v1/status',
    '/metrics',
    '/healthz',
    '/api/v1/routes/orders/weight/5',
    '/api/v1/routes/%2e%2e/status',
  ]
  for (const path of paths) {
    const answer = await ask(banyan.admin, 'GET', path)
    hold(t, 'GET', path, answer)
    t.ok(answer.status === 404 || (answer.status === 400 && path.includes('%')), `${path} → ${answer.status}`)
  }
  for (const path of [`${BASE}/routes/%zz`, `${BASE}/%`, `${BASE}/routes/${'a'.repeat(300)}`, `${BASE}/routes/%00`]) {
    const answer = await ask(banyan.admin, 'GET', path)
    hold(t, 'GET', path, answer)
    t.ok(answer.status >= 400 && answer.status < 500, `${path.slice(0, 40)} → ${answer.status}`)
  }
  const foreign = await ask(banyan.admin, 'GET', `${BASE}/%zz`, { headers: { host: 'evil.example' } })
  t.ok(foreign.status >= 400 && foreign.status < 500)
})

t.test('bytes that are no HTTP end with a 400, and the listener goes on', async t => {
  const { banyan } = await startHouse(t)
  const heads = [
    'GET /api/v1/status HTTP/1.1\r\nHost localhost\r\n\r\n',
    'GET /api/v1/status HTTP/9.9\r\nHost: localhost\r\n\r\n',
    'PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
    `GET /${'a'.repeat(70_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
  ]
  for (const head of heads) {
    const client = rawClient(t, portOf(banyan))
    client.send(head)
    t.match(await client.closed, /^HTTP\/1\.1 (400|431|505) /, head.slice(0, 30))
  }
  t.equal((await ask(banyan.admin, 'GET', `${BASE}/status`)).status, 200)
})

t.test('the admin listener has no way to the data plane, nor the data plane to it', async t => {
  const { banyan } = await startHouse(t, { default: 404 })
  t.equal((await ask(banyan.admin, 'GET', '/orders/1')).status, 404)
  const through = await ask(`http://127.0.0.1:${banyan.port}`, 'GET', `${BASE}/status`)
  t.match(through, { status: 404, json: { code: 'no_route' } })
})

function portOf(banyan: Banyan): number {
  return Number(new URL(banyan.admin).port)
}

t.test('what Node does not read as a request is refused by a problem document as well', async t => {
  const { banyan } = await startHouse(t)
  const rows = [
    ['BREW /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'bad_request'],
    ['GET /api/v1/status HTTP/1.1\r\nno field\r\n\r\n', 400, 'bad_request'],
    [`GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nX-A: ${'x'.repeat(17_000)}\r\n\r\n`, 431, 'head_too_large'],
  ] as const
  for (const [text, status, code] of rows) {
    const client = rawClient(t, portOf(banyan))
    client.send(text)
    const [head = '', body = ''] = (await client.closed).split('\r\n\r\n')
    t.match(head, new RegExp(`^HTTP/1\\.1 ${status} `), code)
    t.match(head, /\r\nContent-Type: application\/problem\+json\r\nContent-Length: \d+\r\nConnection: close$/)
    t.match(head, /\r\nX-Content-Type-Options: nosniff\r\n/)
    t.match(head, `Content-Length: ${body.length}\r\n`)
    t.match(JSON.parse(body), { type: `urn:banyan:${code}`, status, code, title: String, detail: String })
  }
})
