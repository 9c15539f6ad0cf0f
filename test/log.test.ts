// The log: what a line looks like, and that no secret of a user reaches it or any other place where people look.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { createLog, type LogOptions } from '../src/log.ts'
import { httpBackend, rawBackend, rawClient, startBanyan, temporary } from './e2e/harness.ts'
import { ask, houseOf, operatorOf } from './e2e/operator.ts'
import { decided, exchange, failure } from './exchanges.ts'
import { matching, route } from './routing/make.ts'

function logTo(t: Test, more: Partial<LogOptions> = {}) {
  const file = join(temporary(t), 'log')
  const fd = openSync(file, 'a')
  const log = createLog({ level: 'info', access: true, format: 'json', instance: 'a-1', ...more }, fd)
  return { log, text: () => readFileSync(file, 'utf8') }
}

const lines = (text: string) =>
  text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))

t.test('one JSON line for an event, with its details and the instance', async t => {
  const { log, text } = logTo(t)
  log.line('info', 'set-weight orders', { by: 'ann', reason: 'a\n"b"' })
  log.line('warn', 'held')
  log.flush()
  t.match(lines(text()), [
    { level: 'info', instance: 'a-1', msg: 'set-weight orders', by: 'ann', reason: 'a\n"b"', time: /^\d{4}-.*Z$/ },
    { level: 'warn', instance: 'a-1', msg: 'held' },
  ])
})

t.test('errors are on disk when the call returns; the rest after a flush', async t => {
  const { log, text } = logTo(t)
  log.line('info', 'waits')
  log.line('error', 'does not')
  t.match(lines(text()), [{ msg: 'waits' }, { msg: 'does not' }])
  log.flush()
  log.flush()
  t.equal(lines(text()).length, 2)
})

t.test('the access log: one line a request, only words of ours in it', async t => {
  const { log, text } = logTo(t)
  const orders = route(0, matching('/orders/:id'), { id: 'orders' })
  log.access?.(exchange(decided(orders, 'new'), { totalMs: 1.23456, backendMs: 1.0001 }))
  const failed = { status: 502, ending: 'error' as const, failure: failure('new', 'reset') }
  log.access?.(exchange(decided(orders, 'new', 'override'), failed))
  log.access?.(exchange(null, { status: 404, traceId: null, backendMs: null }))
  log.flush()
  const [first, second, third] = lines(text())
  const { time: _, level: _level, instance: _instance, ...said } = first
  t.same(said, {
    msg: 'request',
    route: 'orders',
    side: 'new',
    reason: 'weight',
    backend: 'new',
    backendAddress: '10.0.0.1:8080',
    method: 'GET',
    template: '/orders/:id',
    status: 200,
    ending: 'complete',
    ms: 1.235,
    backendMs: 1,
    exchange: '1',
    trace: '0af7651916cd43dd8448eb211c80319c',
  })
  t.match(second, { reason: 'override', status: 502, ending: 'error', failure: 'backend_reset', phase: 'headers' })
  const none = {
    route: null,
    side: null,
    backend: null,
    backendAddress: null,
    template: null,
    trace: null,
    backendMs: null,
  }
  t.match(third, { ...none, status: 404 })
})

t.test('off is null: by its own switch, or by a level above it', async t => {
  t.equal(logTo(t, { access: false }).log.access, null)
  for (const level of ['warn', 'error', 'silent'] as const) t.equal(logTo(t, { level }).log.access, null, level)
  const { log, text } = logTo(t, { level: 'warn' })
  log.line('info', 'not worth a line')
  log.line('warn', 'worth one')
  log.flush()
  t.equal(lines(text()).length, 1)
})

t.test('pretty: for people, a line without JSON', async t => {
  const { log, text } = logTo(t, { format: 'pretty' })
  log.line('warn', 'held at 0 %', { route: 'orders' })
  log.flush()
  t.match(text(), /WARN.*held at 0 %[\s\S]*orders/)
  t.notMatch(text(), /^\{/)
})

t.test('pretty: an access line in short', async t => {
  const { log, text } = logTo(t, { format: 'pretty' })
  log.access?.(exchange(decided(route(0, matching('/orders/:id'), { id: 'orders' }), 'new')))
  log.flush()
  t.match(text(), /INFO.*GET \/orders\/:id 200 orders new \(weight\) 12 ms/)
  t.notMatch(text(), /backend|trace|10\.0\.0\.1/)
})

t.test('every field of an access line is in the runbook, and no other', async t => {
  const { log, text } = logTo(t)
  const orders = route(0, matching('/orders/:id'), { id: 'orders' })
  log.access?.(exchange(decided(orders, 'new'), { failure: failure('new', 'reset') }))
  log.flush()
  const { time: _, level: _level, instance: _instance, msg: _msg, ...said } = lines(text())[0]
  const page = readFileSync(join(import.meta.dirname, '../docs/operations.md'), 'utf8')
  const table = /\*\*The access log\*\*[\s\S]*?\n\n(\|[\s\S]*?)\n\n/.exec(page)?.[1] ?? ''
  const documented = table
    .split('\n')
    .slice(2)
    .flatMap(row => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name))
  t.same(documented.sort(), Object.keys(said).sort())
})

t.test('a log that cannot be written costs its lines, not the process', async t => {
  if (!existsSync('/dev/full')) {
    t.pass('checked', { skip: 'there is no /dev/full here' })
    return
  }
  const script = `
    const { createLog } = await import(process.argv[1])
    const options = { level: 'info', access: false, format: process.argv[2], instance: 'a' }
    const log = createLog(options, (await import('node:fs')).openSync('/dev/full', 'w'))
    log.line('info', 'x'.repeat(10_000))
    log.line('error', 'flushed at once')
    // Longer than the period after which a buffer is written by itself.
    await new Promise(resolve => setTimeout(resolve, 400))
    log.line('info', 'x')
    log.flush()
    process.stdout.write('alive')
    process.exit(0)`
  for (const format of ['json', 'pretty']) {
    const file = new URL('../src/log.ts', import.meta.url).href
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, file, format])
    // A writer that waits for room on the disk waits for ever.
    const end = setTimeout(() => child.kill('SIGKILL'), 30_000)
    t.teardown(() => child.kill('SIGKILL'))
    let said = ''
    child.stdout.on('data', chunk => {
      said += chunk
    })
    await once(child, 'close')
    clearTimeout(end)
    t.equal(said, 'alive', format)
  }
})

t.test('secrets that users send are in no log, metric, audit entry, status or problem document', async t => {
  const secrets = {
    bearer: 'canary-bearer-6f1d2c',
    basic: 'Y2FuYXJ5OmJhc2ljLTg4',
    cookie: 'canary-cookie-91ab3e',
    query: 'canary-query-5c77d0',
    path: 'canary-path-0e4f19',
    header: 'canary-header-aa31c2',
    card: '4111111111111111',
    body: 'canary-body-7d20f5',
    host: 'canary-host-3b6a',
    answer: 'canary-answer-e9d8',
  }
  const legacy = await httpBackend(t, (req, res) => {
    req.resume()
    req.on('end', () => {
      res.writeHead(req.url?.includes('fail') ? 500 : 200, {
        'set-cookie': `sid=${secrets.answer}`,
        'x-echo': secrets.answer,
      })
      res.end(secrets.answer)
    })
  })
  // It says what is no HTTP, with the secret in it.
  const broken = await rawBackend(t, socket =>
    socket.on('data', () => socket.end(`HTTP/1.1 ${secrets.answer}\r\nx: y\r\n\r\n`)),
  )
  const { log, text } = logTo(t)
  const banyan = await startBanyan(
    t,
    {
      ...houseOf(legacy, broken),
      default: 404,
      sides: { listen: '127.0.0.1:0' },
      proxy: { limits: { head: '4KiB' } },
    },
    { log },
  )
  const api = operatorOf(t, banyan)
  const proxy = `http://127.0.0.1:${banyan.port}`
  const headers = {
    authorization: `Bearer ${secrets.bearer}`,
    'proxy-authorization': `Basic ${secrets.basic}`,
    cookie: `session=${secrets.cookie}`,
    'x-api-key': secrets.header,
    'x-user-id': secrets.header,
    'x-forwarded-for': secrets.header,
    'x-banyan-side': secrets.header,
    traceparent: secrets.header,
    referer: `https://x/?${secrets.query}`,
    host: `${secrets.host}.example`,
  }
  const suffix = `${secrets.path}/${secrets.card}?token=${secrets.query}&card=${secrets.card}`
  const answers: string[] = []
  const paths = ['/orders/', '/orders/fail/', '/fresh/', '/nowhere/', '/x/../fresh/', '/cart/']
  for (const path of paths) {
    for (const method of ['GET', 'POST']) {
      const body = method === 'POST' ? { card: secrets.card, note: secrets.body } : undefined
      const answer = await ask(proxy, method, `${path}${suffix}`, { token: null, headers, body })
      // What a backend answers is the client's; what we answer ourselves is a problem document.
      if (answer.headers['content-type']?.includes('problem+json')) answers.push(answer.text)
    }
  }
  t.ok(answers.length >= 6, `${answers.length} problem documents of the proxy`)
  const malformed = [
    `GET /orders/${suffix} HTTP/1.1\r\nHost: a\r\nHost: ${secrets.host}\r\n\r\n`,
    `GET ftp://${secrets.host}/${suffix} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET /orders/${suffix} HTTP/1.1\r\nHost: a\r\nBad Header ${secrets.header}: x\r\n\r\n`,
    `GET /orders/${suffix} HTTP/1.1\r\nHost: a\r\nX: ${secrets.header.repeat(400)}\r\n\r\n`,
    `CONNECT ${secrets.host}:443 HTTP/1.1\r\nHost: ${secrets.host}:443\r\n\r\n`,
  ]
  for (const bytes of malformed) {
    const client = rawClient(t, banyan.port)
    client.send(bytes)
    const answer = await client.until(text => text.includes('problem+json') && text.endsWith('\n'))
    t.match(answer, /^HTTP\/1\.1 4\d\d /)
    answers.push(answer)
  }
  // An upload that is cut in the middle.
  const cut = rawClient(t, banyan.port)
  cut.send(`POST /orders/${suffix} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n${secrets.body}`)
  cut.socket.end()
  await cut.closed
  for (const door of ['/orders/legacy/', '/fresh/new/', '/nowhere/new/', '/orders/nowhere/']) {
    const own = { ...headers, 'x-banyan-token': secrets.bearer }
    answers.push((await ask(banyan.sides ?? '', 'GET', `${door}${suffix}`, { token: null, headers: own })).text)
  }
  for (const path of [
    '/status',
    `/routes/${secrets.path}`,
    `/audit?token=${secrets.query}`,
    `/nowhere/${secrets.path}`,
  ]) {
    answers.push((await ask(banyan.admin, 'GET', `/api/v1${path}`, { token: secrets.bearer })).text)
  }
  const explained = { url: `/orders/${suffix}`, headers: { 'X-User-Id': secrets.header, Cookie: secrets.cookie } }
  const places: Record<string, string> = {
    explain: (await api('POST', '/explain', explained)).text,
    problems: answers.join('\n'),
    metrics: await (await fetch(`${banyan.health}/metrics`)).text(),
    readyz: await (await fetch(`${banyan.health}/readyz`)).text(),
  }
  await api('POST', '/rollback', { reason: 'drill' })
  for (const path of ['/status', '/routes', '/audit', '/config', '/tokens'])
    places[path] = (await api('GET', path)).text
  await banyan.stop()
  log.flush()
  places.log = text()
  t.ok(lines(places.log).filter(line => line.msg === 'request').length >= 12, 'the access log was on')
  t.match(places['/status'], /unnamed_forwarder/)
  t.match(places['/routes'], /backend_protocol/, 'a failure is shown')
  for (const [place, shown] of Object.entries(places)) {
    for (const [name, secret] of Object.entries(secrets)) {
      // A path that a caller of the API types is repeated to that caller alone.
      if (place === 'problems' && name === 'path') continue
      t.notOk(shown.includes(secret), `${name} in ${place}`)
    }
  }
})
