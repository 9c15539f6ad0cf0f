// `inventory` and `init` against the real proxy: what passes through is known afterwards, and the file that is made of it
// starts, serves, and changes nothing.
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run } from '../cli/fake-admin.ts'
import { eventually, httpBackend, startBanyan, TOKEN, temporary } from './harness.ts'
import { listening, spawnBanyan } from './process.ts'

async function legacyOf(t: Test) {
  return httpBackend(t, (request, response) => {
    const url = request.url ?? ''
    if (url.startsWith('/nothing')) return response.writeHead(404).end()
    response.setHeader(
      'content-type',
      url === '/' ? 'text/html' : url === '/events' ? 'text/event-stream' : 'application/json',
    )
    if (url === '/login') response.setHeader('set-cookie', ['JSESSIONID=abc; Path=/', 'theme=dark'])
    request.resume()
    response.end(`${request.method} ${url}`)
  })
}

function ask(base: string, method: string, path: string, headers: Record<string, string> = {}): Promise<string> {
  const { hostname, port } = new URL(base)
  return new Promise((resolve, reject) => {
    const call = request({ hostname, port, method, path, headers, agent: false }, response => {
      let text = ''
      response.setEncoding('utf8').on('data', chunk => {
        text += chunk
      })
      response.on('end', () => resolve(`${response.statusCode} ${text}`))
    })
    call.on('error', reject).end(method === 'POST' ? 'a=1' : undefined)
  })
}

async function visit(base: string): Promise<readonly string[]> {
  const said: string[] = []
  for (let i = 0; i < 5; i++) {
    said.push(await ask(base, 'GET', `/api/orders/${100 + i}?x=1`, { referer: `${base}/`, 'sec-fetch-dest': 'empty' }))
  }
  said.push(await ask(base, 'GET', '/', { 'sec-fetch-dest': 'document' }))
  said.push(await ask(base, 'POST', '/login'))
  said.push(await ask(base, 'GET', '/cart.do?action=removeItem'))
  said.push(await ask(base, 'GET', '/events'))
  said.push(await ask(base, 'GET', '/static/app.css'))
  said.push(await ask(base, 'GET', '/nothing/here'))
  said.push(await ask(base, 'GET', `/a"b:%20\${HOME}/%23%0a-%20id:x`))
  return said
}

t.test('what passes is in the inventory, and init makes a file of it that changes nothing', async t => {
  const legacy = await legacyOf(t)
  const cwd = temporary(t)
  const env = { BANYAN_ADMIN_TOKEN: TOKEN }
  const banyan = await startBanyan(t, { backends: { legacy: { url: legacy.url } } })
  const base = `http://127.0.0.1:${banyan.port}`
  const said = await visit(base)

  const { status, json } = await banyan.api('GET', '/inventory')
  t.equal(status, 200)
  t.match(json, { source: 'live', requests: said.length, sampled: said.length, other: { refused: 1, forgotten: 0 } })
  const entry = (template: string) => json.entries.find((one: { template: string }) => one.template === template)
  t.match(entry('/api/orders/:id'), { requests: 5, callers: 1, calledFrom: '/', write: 'no', statuses: { '2xx': 5 } })
  t.ok(entry('/api/orders/:id').p95Ms > 0)
  t.equal(entry('/api/orders/:id').answerBytes, 5 * 'GET /api/orders/100?x=1'.length)
  t.equal(entry('/').kind, 'page')
  t.match(entry('/login'), { write: 'method', sessionCookies: ['JSESSIONID'], requestBytes: 3 })
  t.match(entry('/cart.do'), { write: 'looks-like', writeSign: '"action=removeItem" in the query' })
  t.equal(entry('/events').stream, 'events')
  t.equal(entry('/static/*').kind, 'assets')

  const cli = { url: banyan.admin }
  const shown = await run(cli, ['inventory'], { env: { BANYAN_TOKEN: TOKEN } })
  t.equal(shown.code, 0, shown.err)
  t.match(shown.out, /GET +\/api\/orders\/:id/)

  const made = await run(cli, ['init'], { env: { BANYAN_TOKEN: TOKEN }, cwd })
  t.equal(made.code, 0, made.err)
  const text = readFileSync(join(cwd, 'routes.yaml'), 'utf8')
  t.match(text, `legacy: { url: "${legacy.url}" }`)
  t.match(text, /# group: home/)
  await banyan.stop()

  // As it is made, but for listeners that are free here.
  const free = text
    .replace(/listen: .*/, 'listen: 127.0.0.1:0')
    .concat('admin: { listen: 127.0.0.1:0 }\nhealth: { listen: 127.0.0.1:0 }\n')
  writeFileSync(join(cwd, 'routes.yaml'), free)
  const checked = await spawnBanyan(t, ['check'], { cwd, env }).ended
  t.equal(checked.end, 0, checked.stdout + checked.stderr)
  const started = await listening(spawnBanyan(t, ['start'], { cwd, env }))
  t.same(await visit(started.proxy), said, 'the same answers, from legacy')
  const { json: routes } = await started.api('GET', '/routes')
  t.ok(routes.routes.length >= 7)
  t.ok(routes.routes.every((route: { sides: { new: unknown } }) => route.sides.new === null))
  const { json: explained } = await started.api('POST', '/explain', { url: '/api/orders/7' })
  t.match(explained, { route: 'api-orders-id', side: 'legacy', reason: 'only' })
  await started.kill()
})

t.test('a token that is limited to routes sees nothing of what others ask', async t => {
  const legacy = await legacyOf(t)
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: legacy.url } },
    routes: [{ id: 'orders', match: { path: '/orders/*' }, legacy: 'legacy' }],
  })
  const made = await banyan.api('POST', '/tokens', { name: 'ci', scopes: ['read'], routes: ['orders'] })
  const { status, json } = await banyan.api('GET', '/inventory', undefined, {
    authorization: `Bearer ${made.json.secret}`,
  })
  t.equal(status, 403)
  t.equal(json.code, 'forbidden')
})

t.test('a crowd is sampled, and stands for all of it', async t => {
  const legacy = await legacyOf(t)
  const banyan = await startBanyan(t, { backends: { legacy: { url: legacy.url } } })
  const base = `http://127.0.0.1:${banyan.port}`
  const total = 3000
  const next = Array.from({ length: total }, (_, i) => i)
  const workers = Array.from({ length: 16 }, async () => {
    for (let i = next.pop(); i !== undefined; i = next.pop()) await (await fetch(`${base}/orders/${i}`)).arrayBuffer()
  })
  await Promise.all(workers)
  await eventually(async () => (await banyan.api('GET', '/inventory')).json.sampled > 0, 'something was looked at')
  const { json } = await banyan.api('GET', '/inventory')
  t.comment(`${json.sampled} looked at, they stand for ${json.requests} of ${total}`)
  t.ok(json.sampled <= total)
  t.equal(json.entries.length, 1)
  t.equal(json.entries[0].template, '/orders/:id')
})
