// Every endpoint of the two sample services, what they refuse, and that nothing a client sends brings them down.
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startLegacy } from '../../examples/orders/legacy.ts'
import { startNew } from '../../examples/orders/new.ts'
import { seedData } from '../../examples/orders/seed.ts'

const { orders } = seedData()
const open = orders.find(order => order.status === 'open')!
const shipped = orders.find(order => order.status === 'shipped')!
const now = Date.UTC(2026, 2, 1, 12)
const never = { percent: 0, ms: 0 }
const services = [
  { side: 'legacy', start: startLegacy, unknownOrder: 404, file: 'legacy.db' },
  { side: 'new', start: startNew, unknownOrder: 400, file: 'new.db' },
] as const

for (const { side, start, unknownOrder } of services) {
  async function begin(t: Test) {
    const service = await start({ port: 0, directory: temporary(t), slow: never, clock: () => now })
    t.teardown(() => service.close())
    const ask = async (path: string, init: RequestInit = {}) => {
      const response = await fetch(`${service.url}${path}`, init)
      t.equal(response.headers.get('x-served-by'), side, `${init.method ?? 'GET'} ${path} says who served it`)
      const text = await response.text()
      const json = response.headers.get('content-type')?.startsWith('application/json') && text !== ''
      return { status: response.status, headers: response.headers, text, json: json ? JSON.parse(text) : null }
    }
    const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
      ask(path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers })
    return { service, ask, post }
  }

  t.test(`${side}: reading`, async t => {
    const { ask } = await begin(t)
    t.match(await ask('/health'), { status: 200, json: { status: 'ok' } })

    const first = await ask('/orders')
    t.match(first, { status: 200, json: { page: 1, next_page: 2, served_at: '2026-03-01T12:00:00.000Z' } })
    t.equal(first.json.orders.length, 20)
    t.strictSame(Object.keys(first.json.orders[0]), ['id', 'customer_id', 'status', 'placed_at', 'total_cents'])
    t.match((await ask('/orders?page=30')).json, { page: 30, next_page: null })
    t.match((await ask('/orders?page=31')).json, { page: 31, next_page: null, orders: [] })
    const cancelled = (await ask('/orders?status=cancelled&page=2')).json.orders as { status: string }[]
    t.ok(cancelled.length > 0 && cancelled.every(order => order.status === 'cancelled'))

    const one = await ask(`/orders/${shipped.id}`)
    t.match(one, { status: 200, json: { id: shipped.id, status: 'shipped', currency: 'EUR' } })
    t.strictSame(
      one.json.lines,
      shipped.lines.map(({ unitPriceCents, ...line }) => ({ ...line, unit_price_cents: unitPriceCents })),
    )
    t.match(one.json.request_id, /^[0-9a-f-]{36}$/)
    t.not((await ask(`/orders/${shipped.id}`)).json.request_id, one.json.request_id)
    t.equal(one.json.cancelled_at, undefined)

    const odd = orders.find(order => order.lines.some(line => line.title.includes('<1x4>')))!
    const invoice = await ask(`/orders/${odd.id}/invoice`)
    t.equal(invoice.headers.get('content-type'), 'application/xml; charset=utf-8')
    t.match(invoice.text, `<invoice order_id="${odd.id}"`)
    t.match(invoice.text, 'Paper filters &#60;1x4&#62;, 40 pcs')

    t.strictSame(Object.keys((await ask('/customers/7')).json), ['id', 'name', 'email', 'city', 'country', 'since'])
    t.equal((await ask('/reports/monthly')).status, side === 'legacy' ? 200 : 404, 'reports are legacy only')

    const head = await ask('/orders', { method: 'HEAD' })
    t.equal(head.status, 200)
    t.equal(head.text, '')
  })

  t.test(`${side}: signing in, ordering, cancelling`, async t => {
    const { ask, post } = await begin(t)
    const signedIn = await ask('/login?user=user-3')
    t.match(signedIn, { status: 200, json: { customer_id: 3 } })
    const cookie = signedIn.headers.get('set-cookie') ?? ''
    t.match(cookie, /^sid=[0-9a-f]{32}; Path=\/; HttpOnly; SameSite=Lax$/)

    const lines = [{ sku: 'TEA-100', quantity: 2 }]
    const placed = await post('/orders', { lines }, { cookie: `theme=dark; ${cookie.split(';')[0]}` })
    t.match(placed, {
      status: 201,
      json: { id: 1601, customer_id: 3, status: 'open', placed_at: '2026-03-01T12:00:00Z' },
    })
    t.equal(placed.headers.get('location'), '/orders/1601')
    t.match((await post('/orders', { customer_id: 5, lines })).json, { id: 1602, customer_id: 5 })
    t.match((await ask('/orders/1601')).json, { id: 1601, lines: [{ sku: 'TEA-100', quantity: 2 }] })

    const gone = await post('/orders/1601/cancel', { reason: 'too much tea' })
    t.match(gone, { status: 200, json: { status: 'cancelled', cancelled_at: '2026-03-01T12:00:00Z' } })
    t.match((await post('/orders/1602/cancel', '')).json, { status: 'cancelled' })
    t.match(await post('/orders/1601/cancel', ''), { status: 409, json: { error: 'not_open' } })
    t.match(await post(`/orders/${shipped.id}/cancel`, ''), { status: 409, json: { error: 'not_open' } })
    t.equal((await post(`/orders/${open.id}/cancel`, {})).status, 200)
  })

  t.test(`${side}: refusals`, async t => {
    const { ask, post } = await begin(t)
    const lines = [{ sku: 'TEA-100', quantity: 2 }]
    for (const path of ['/orders/999999', '/orders/0', '/orders/999999/invoice', '/orders/123456789012345']) {
      t.match(await ask(path), { status: unknownOrder, json: { error: 'unknown_order' } }, path)
    }
    t.match(await post('/orders/999999/cancel', ''), { status: unknownOrder, json: { error: 'unknown_order' } })
    t.match(await ask('/customers/999'), { status: 404, json: { error: 'unknown_customer' } })
    for (const path of [
      '/',
      '/nothing',
      '/orders/',
      '/orders/abc',
      '/orders/-1',
      '/orders/1e3',
      '/orders/1001/lines',
    ]) {
      t.match(await ask(path), { status: 404, json: { error: 'no_such_page' } }, path)
    }
    for (const query of [
      'page=0',
      'page=-1',
      'page=two',
      'page=1e2',
      'page=',
      'status=lost',
      'status=',
      'status=OPEN',
    ]) {
      t.match(await ask(`/orders?${query}`), { status: 400, json: { error: 'bad_request' } }, query)
    }
    t.equal((await ask('/login')).status, 400)
    t.equal((await ask("/login?user=x'%20OR%201=1")).status, 401)

    const wrongMethod = await ask('/orders', { method: 'DELETE' })
    t.equal(wrongMethod.status, 405)
    t.equal(wrongMethod.headers.get('allow'), 'GET, HEAD, POST')
    t.equal((await post('/health', '')).status, 405)

    const bodies = [
      ...['', '{', 'null', '[]', '"text"', '7', '{"lines":'.repeat(5000), '['.repeat(60_000)],
      ...[{}, { customer_id: 1 }, { lines }, { customer_id: '1', lines }, { customer_id: 1e300, lines }],
      ...[
        { customer_id: -1, lines },
        { customer_id: 1.5, lines },
        { customer_id: null, lines },
      ],
      ...[[], null, {}, [null], ['x'], [{}], [[]], Array(21).fill(lines[0])].map(bad => ({
        customer_id: 1,
        lines: bad,
      })),
      ...[0, -1, 1.5, 100, '2', null].map(quantity => ({ customer_id: 1, lines: [{ sku: 'TEA-100', quantity }] })),
      ...['NONE', '__proto__', 7, null, {}].map(sku => ({ customer_id: 1, lines: [{ sku, quantity: 1 }] })),
    ]
    for (const body of bodies) {
      const shown = JSON.stringify(body).slice(0, 80)
      t.match(await post('/orders', body), { status: 400, json: { error: 'bad_request' } }, shown)
    }
    for (const body of ['[]', { reason: 7 }, { reason: 'x'.repeat(201) }]) {
      t.equal((await post(`/orders/${open.id}/cancel`, body)).status, 400)
    }
    t.match(await post('/orders', 'x'.repeat(3_000_000)), { status: 413, json: { error: 'too_large' } })
    t.equal((await post('/orders', { customer_id: 1, lines })).json.id, 1601, 'nothing of all this was stored')
  })

  t.test(`${side}: hostile bytes do not bring it down`, async t => {
    const { service, ask } = await begin(t)
    const host = 'Host: x\r\n'
    const attacks = [
      '\r\n\r\n\r\n',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      'GET / HTTP/9.9\r\n\r\n',
      `GET http://[ HTTP/1.1\r\n${host}\r\n`,
      `GET //evil//..%2f HTTP/1.1\r\n${host}\r\n`,
      `GET /login?user=%ff%00%zz HTTP/1.1\r\n${host}\r\n`,
      `GET /orders?page=${'9'.repeat(10_000)} HTTP/1.1\r\n${host}\r\n`,
      `GET /orders HTTP/1.1\r\n${host}Cookie: ${'sid=;'.repeat(1000)}\r\n\r\n`,
      `GET /orders HTTP/1.1\r\n${host}X-Big: ${'x'.repeat(100_000)}\r\n\r\n`,
      `OPTIONS * HTTP/1.1\r\n${host}\r\n`,
      `CONNECT x:1 HTTP/1.1\r\n${host}\r\n`,
      `GET /orders HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      `POST /orders HTTP/1.1\r\n${host}Content-Length: 100\r\n\r\n{"customer_id":`,
      `POST /orders HTTP/1.1\r\n${host}Content-Length: -5\r\n\r\n{}`,
      `POST /orders HTTP/1.1\r\n${host}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`,
      `POST /orders HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n`,
      `GET /orders HTTP/1.1\r\n${host}\r\n`.repeat(50),
    ]
    for (const attack of attacks) await sendRaw(service.port, attack)
    t.equal((await ask('/health')).status, 200)
  })

  t.test(`${side}: a client that leaves while its answer is slow does no harm`, async t => {
    const slow = Promise.withResolvers<void>()
    const waiting = Promise.withResolvers<void>()
    const wait = () => {
      waiting.resolve()
      return slow.promise
    }
    const service = await start({ port: 0, directory: temporary(t), slow: { percent: 100, ms: 1 }, wait })
    t.teardown(() => service.close())
    const leaver = new AbortController()
    const left = fetch(`${service.url}/orders`, { signal: leaver.signal })
    await waiting.promise
    leaver.abort()
    await t.rejects(left)
    slow.resolve()
    t.equal((await fetch(`${service.url}/orders`)).status, 200)
  })

  t.test(`${side}: the seed alone decides which answers are slow`, async t => {
    async function slowOnes(seed: number) {
      const waits: number[] = []
      let asked = 0
      const wait = async () => waits.push(asked)
      const service = await start({ port: 0, directory: temporary(t), slow: { percent: 20, ms: 1 }, seed, wait })
      for (; asked < 100; asked++) await (await fetch(`${service.url}/customers/1`)).text()
      await (await fetch(`${service.url}/health`)).text()
      await service.close()
      return waits
    }
    const waits = await slowOnes(4)
    t.strictSame(await slowOnes(4), waits)
    t.notSame(await slowOnes(5), waits)
    t.ok(waits.length > 5 && waits.length < 40, `${waits.length} of 100 at 20 %`)
  })

  t.test(`${side}: orders survive a restart, a taken port is refused, closing twice is fine`, async t => {
    const directory = temporary(t)
    const before = await start({ port: 0, directory, slow: never })
    const body = JSON.stringify({ customer_id: 1, lines: [{ sku: 'COF-500', quantity: 1 }] })
    t.equal((await fetch(`${before.url}/orders`, { method: 'POST', body })).status, 201)
    await t.rejects(start({ port: before.port, directory: temporary(t) }), { code: 'EADDRINUSE' })
    await before.close()
    await before.close()
    const after = await start({ port: 0, directory, slow: never })
    t.equal((await fetch(`${after.url}/orders/1601`)).status, 200)
    await after.close()
    await t.rejects(fetch(`${after.url}/health`))
  })
}

function temporary(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'banyan-orders-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Sends the bytes, says that nothing follows, and waits until the other end has closed too. */
function sendRaw(port: number, bytes: string): Promise<void> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes, 'latin1'))
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    socket.resume()
  })
}
