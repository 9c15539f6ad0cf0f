// Rollback, the heart: after the API's answer no new exchange is given to the new side as primary. Watched at the socket
// write inside the proxy and at the backends, under load, with kept-alive sockets, sticky users and overrides.
import diagnostics from 'node:diagnostics_channel'
import { existsSync, mkdirSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import {
  type Banyan,
  configured,
  eventually,
  httpBackend,
  named,
  rawBackend,
  rawClient,
  startBanyan,
  temporary,
} from './harness.ts'

function split(legacy: string, fresh: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    backends: { legacy: { url: legacy }, new: { url: fresh } },
    routes: [
      {
        id: 'orders',
        match: { path: '/orders/*' },
        legacy: 'legacy',
        new: 'new',
        data: 'shared',
        weight: 100,
        sticky: ['header:x-user-id'],
        override: { from: ['127.0.0.0/8'] },
        ...more,
      },
    ],
  }
}

function get(port: number, agent: Agent, headers: Record<string, string>, path = '/orders/1'): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, agent, headers }, res => {
      let body = ''
      res.on('data', chunk => {
        body += chunk
      })
      res.on('end', () => resolve(body))
      res.on('error', reject)
    })
      .on('error', reject)
      .end()
  })
}

t.test('under load: after the answer not one request is written to, or arrives at, the new side', async t => {
  const legacy = await named(t, 'legacy')
  const arrivals: number[] = []
  const fresh = await httpBackend(t, (req, res) => {
    arrivals.push(performance.now())
    req.resume()
    req.on('end', () => res.end('new'))
  })
  const banyan = await startBanyan(t, split(legacy.url, fresh.url))
  const agent = new Agent({ keepAlive: true, maxSockets: 32 })
  t.teardown(() => agent.destroy())

  // Told at the moment when a head goes to a socket.
  const writes: { at: number; origin: string }[] = []
  let seen = 0
  const seeWrite = (message: unknown) => {
    const { address } = message as { address: string }
    writes.push({ at: performance.now(), origin: `http://${address}` })
    seen++
  }
  diagnostics.subscribe('banyan:request-written', seeWrite)
  t.teardown(() => diagnostics.unsubscribe('banyan:request-written', seeWrite))

  for (let round = 0; round < 8; round++) {
    let running = true
    const answers = { legacy: 0, new: 0 }
    let answeredAt = Number.POSITIVE_INFINITY
    const lateAnswers: string[] = []
    const users = Array.from({ length: 32 }, async (_, user) => {
      const headers: Record<string, string> = { 'x-user-id': `u${user}` }
      if (user % 4 === 0) headers['x-banyan-side'] = 'new'
      while (running) {
        const sentAt = performance.now()
        const body = (await get(banyan.port, agent, headers)) as 'legacy' | 'new'
        answers[body]++
        if (sentAt > answeredAt && body === 'new') lateAnswers.push(body)
      }
    })
    await eventually(() => answers.new > 200, 'load is on the new side')
    const answer = await banyan.api('POST', '/routes/orders/rollback', { reason: `round ${round}` })
    answeredAt = performance.now()
    const legacyThen = answers.legacy
    await eventually(() => answers.legacy > legacyThen + 200, 'load is on legacy')
    running = false
    await Promise.all(users)
    t.equal(answer.status, 200)
    t.match(answer.json, { durable: true, pending: [], routes: ['orders'], skipped: [] })
    const late = writes.filter(write => write.at > answeredAt && write.origin === fresh.url)
    t.equal(late.length, 0, `round ${round}: heads written to new after the answer, of ${writes.length}`)
    t.equal(lateAnswers.length, 0, 'no request sent after the answer came back from new')
    // An arrival is later than its write by the way between two sockets of this machine.
    t.ok(
      arrivals.every(at => at < answeredAt + 250),
      'the backend heard nothing new',
    )
    const restored = await banyan.api('POST', '/routes/orders/restore', {})
    t.same(restored.json.ended, [answer.json.rollback])
    t.same(restored.json.remaining, [])
    t.ok(seen > 400, 'heads were seen as they were written')
    writes.length = 0
    arrivals.length = 0
  }
})

t.test('what waits for a connection of the new side goes to legacy at once', async t => {
  const legacy = await named(t, 'legacy')
  // It takes requests and never answers: one connection is allowed, so the second request waits.
  const stuck = await rawBackend(t, () => {})
  const banyan = await startBanyan(t, split(legacy.url, stuck.url, { new: { url: stuck.url, connections: 1 } }))
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const first = get(banyan.port, agent, { 'x-user-id': 'a' }).catch(() => 'cut')
  await eventually(() => stuck.sockets.length === 1, 'the first is with the new side')
  await eventually(() => (stuck.sockets[0]?.bytesRead ?? 0) > 0, 'its head arrived')
  const waiting = [1, 2, 3, 4].map(i => get(banyan.port, agent, { 'x-user-id': `w${i}` }))
  await eventually(async () => (await banyan.api('GET', '/status')).status === 200, 'they wait')
  const upload = rawClient(t, banyan.port)
  upload.send(
    'POST /orders/2 HTTP/1.1\r\nHost: a\r\nX-User-Id: up\r\nContent-Length: 10\r\nConnection: close\r\n\r\n01234',
  )
  await new Promise(resolve => setImmediate(resolve))
  await banyan.api('POST', '/rollback', {})
  t.same(await Promise.all(waiting), ['legacy', 'legacy', 'legacy', 'legacy'], 'before the new side moved at all')
  upload.send('56789')
  t.match(await upload.closed, /^HTTP\/1\.1 200[\s\S]*legacy$/, 'also a waiting upload, with its whole body')
  const posted = legacy.seen.find(req => req.method === 'POST')
  t.equal(posted?.headers['content-length'], '10')
  stuck.sockets[0]?.destroy()
  t.match(await first, /backend_reset/, 'what the new side had already, it had')
  const metrics = await (await fetch(`${banyan.health}/metrics`)).text()
  t.match(metrics, /banyan_requests_total\{route="orders",side="legacy",reason="rollback",code="2xx"\} 5/)
})

t.test(
  'an upload whose head the new side has when the rollback comes finishes there; the next one does not go there',
  async t => {
    const legacy = await named(t, 'legacy')
    const fresh = await named(t, 'new')
    const banyan = await startBanyan(t, split(legacy.url, fresh.url))
    const upload = 'POST /orders/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n'
    const client = rawClient(t, banyan.port)
    client.send(upload)
    await eventually(() => fresh.seen.length === 1, 'the head is there')
    await banyan.api('POST', '/routes/orders/rollback', {})
    client.send('5\r\nhello\r\n0\r\n\r\n')
    t.match(await client.closed, /new/)
    const next = rawClient(t, banyan.port)
    next.send(`${upload}5\r\nhello\r\n0\r\n\r\n`)
    t.match(await next.closed, /legacy/)
    t.equal(fresh.seen.length, 1)
  },
)

t.test('a connection that is still being made is no way to the new side', async t => {
  const legacy = await named(t, 'legacy')
  // It accepts, and never says a word of the TLS handshake.
  const mute = await rawBackend(t, () => {})
  const banyan = await startBanyan(t, split(legacy.url, mute.url.replace('http:', 'https:')))
  const agent = new Agent()
  const pending = get(banyan.port, agent, { 'x-user-id': 'a' })
  await eventually(() => mute.sockets.length === 1, 'a connection is being made')
  await banyan.api('POST', '/routes/orders/rollback', {})
  t.equal(await pending, 'legacy')
})

t.test('rollbacks are a set: each ends by its own restore; repeating one changes nothing', async t => {
  const legacy = await named(t, 'legacy')
  const fresh = await named(t, 'new')
  const config = split(legacy.url, fresh.url)
  const routes = config.routes as Record<string, unknown>[]
  routes.push(
    { id: 'gone', match: { path: '/gone' }, new: 'new' },
    { id: 'cart', match: { path: '/cart' }, legacy: 'legacy', new: 'new', data: 'shared', weight: 40 },
  )
  const banyan = await startBanyan(t, config)
  const side = async (path: string) =>
    (await fetch(`http://127.0.0.1:${banyan.port}${path}`)).headers.get('x-served-by')

  const one = (await banyan.api('POST', '/routes/orders/rollback', {})).json
  t.equal(one.standing, null)
  const again = (await banyan.api('POST', '/routes/orders/rollback', { reason: 'another' })).json
  t.equal(again.rollback, one.rollback)
  t.match(again.standing, { at: Number, by: 'environment', reason: null }, 'its reason is the first one')
  t.equal(again.revision, one.revision)
  const all = (await banyan.api('POST', '/rollback', { reason: 'all' })).json
  t.not(all.rollback, one.rollback)
  t.same(all.skipped, [{ route: 'gone', why: 'it has no legacy side' }])
  t.equal(await side('/gone'), 'new')
  t.match((await banyan.api('POST', '/routes/gone/rollback', {})).json, { status: 409, code: 'new_only' })

  const partly = (await banyan.api('POST', '/routes/orders/restore', { rollbacks: [all.rollback] })).json
  t.same(partly.remaining, [one.rollback])
  t.equal(await side('/orders/1'), 'legacy')
  const whole = (await banyan.api('POST', '/routes/orders/restore', { rollbacks: [one.rollback] })).json
  t.same(whole.remaining, [])
  t.equal(await side('/orders/1'), 'new')
  t.equal(await side('/cart'), 'legacy', 'the rollback of everything stands for the others')
  t.match((await banyan.api('POST', '/restore', { rollbacks: ['rb-nonsense'] })).json, {
    status: 404,
    code: 'unknown_rollback',
  })
  await banyan.api('POST', '/restore', {})
  t.same((await banyan.api('GET', '/status')).json.rollbacks, [])
  t.equal((await banyan.api('GET', '/routes/cart')).json.weight.effective, 40)
})

t.test('a reload that regroups or removes a rolled-back route does not bring it back', async t => {
  const legacy = await named(t, 'legacy')
  const fresh = await named(t, 'new')
  const held: (() => void)[] = []
  const slow = await httpBackend(t, (_req, res) => {
    held.push(() => res.end('new'))
  })
  const first = split(legacy.url, fresh.url)
  let next = configured(first)
  const banyan = await startBanyan(t, first, { reread: async () => next })
  const side = async () => (await fetch(`http://127.0.0.1:${banyan.port}/orders/1`)).headers.get('x-served-by')
  const rolled = (await banyan.api('POST', '/routes/orders/rollback', {})).json
  const [{ weight: _, ...ungrouped }] = first.routes as [Record<string, unknown>]
  next = configured({ ...first, groups: { g: { weight: 100 } }, routes: [{ ...ungrouped, group: 'g' }] })
  t.equal((await banyan.api('POST', '/config/reload', {})).status, 200)
  t.equal(await side(), 'legacy')
  t.same((await banyan.api('POST', '/routes/orders/restore', {})).json.ended, [rolled.rollback])
  t.equal(await side(), 'new')
  const grouped = (await banyan.api('POST', '/routes/orders/rollback', {})).json
  next = configured(first)
  await banyan.api('POST', '/config/reload', {})
  t.equal(await side(), 'legacy', 'ungrouped again')
  t.same((await banyan.api('POST', '/routes/orders/restore', { rollbacks: [grouped.rollback] })).json.remaining, [])

  // One waits for the only connection of the new side while its route is removed, and everything is rolled back.
  next = configured(split(legacy.url, slow.url, { new: { url: slow.url, connections: 1 } }))
  await banyan.api('POST', '/config/reload', {})
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const taken = get(banyan.port, agent, {})
  await eventually(() => held.length === 1, 'the connection is taken')
  const waits = get(banyan.port, agent, {})
  await fetch(`http://127.0.0.1:${banyan.port}/nothing`)
  next = configured({ backends: { legacy: { url: legacy.url } }, routes: [] })
  await banyan.api('POST', '/config/reload', {})
  await banyan.api('POST', '/rollback', {})
  t.equal(await waits, 'legacy')
  held[0]?.()
  t.equal(await taken, 'new')
  t.equal(slow.seen.length, 1)
})

t.test('break glass: what was there before the start, a pipe, a directory, an old date, a dead link', async t => {
  const legacy = await named(t, 'legacy')
  const fresh = await named(t, 'new')
  const ways: Record<string, (file: string) => void> = {
    directory: file => mkdirSync(file),
    'an old date': file => {
      writeFileSync(file, '')
      utimesSync(file, 0, 0)
    },
    'a dead link': file => symlinkSync('/nowhere/at/all', file),
    'a huge file': file => {
      writeFileSync(file, '')
      truncateSync(file, 700 * 1024 * 1024)
    },
  }
  for (const [name, make] of Object.entries(ways)) {
    const directory = temporary(t)
    make(join(directory, 'rollback'))
    const config = { ...split(legacy.url, fresh.url), store: `sqlite:${join(directory, 'state.db')}` }
    const banyan = await startBanyan(t, config, { directory })
    t.equal(await sideOf(banyan), 'legacy', name)
    await banyan.stop()
  }
})

t.test('break glass: a file beside the store, without token or API', async t => {
  const legacy = await named(t, 'legacy')
  const fresh = await named(t, 'new')
  const directory = temporary(t)
  const config = { ...split(legacy.url, fresh.url), store: `sqlite:${join(directory, 'state.db')}` }
  const banyan = await startBanyan(t, config, { directory })
  t.equal(await sideOf(banyan), 'new')
  writeFileSync(join(directory, 'rollback'), 'pager at 3 am\n')
  await eventually(async () => (await sideOf(banyan)) === 'legacy', 'everything is on legacy')
  await eventually(() => existsSync(join(directory, 'rollback.done')), 'the file was taken')
  const { entries } = (await banyan.api('GET', '/audit?limit=1')).json
  t.match(entries[0], { action: 'rollback', subject: '*', reason: 'pager at 3 am', actor: { name: 'break_glass' } })
  await banyan.api('POST', '/restore', {})
  t.equal(await sideOf(banyan), 'new')
  writeFileSync(join(directory, 'rollback'), '')
  await eventually(async () => (await sideOf(banyan)) === 'legacy', 'it works a second time')
})

async function sideOf(banyan: Banyan): Promise<string | null> {
  return (await fetch(`http://127.0.0.1:${banyan.port}/orders/1`)).headers.get('x-served-by')
}
