// The sketch: what it says of traffic, that it loses no request, and that any number of random paths do not make it grow.
import fc from 'fast-check'
import t from 'tap'
import { type Inventory, type InventoryEntry, type Seen, Sketch } from '../../src/inventory/sketch.ts'
import { MOST_TALLIES } from '../../src/inventory/tree.ts'
import { seen } from './make.ts'

function inventoryOf(requests: Iterable<Seen>, period: Parameters<Sketch['view']>[0] = LOG): Inventory {
  const sketch = new Sketch()
  for (const one of requests) sketch.take(one)
  return sketch.view(period)
}

const LOG = { source: 'log', since: null, until: null } as const
const LIVE = { source: 'live', since: 0, until: 10_000 } as const

function entry(inventory: Inventory, template: string, method = 'GET'): InventoryEntry {
  const found = inventory.entries.find(one => one.template === template && one.method === method)
  if (found === undefined) throw new Error(`no ${method} ${template}: ${inventory.entries.map(one => one.template)}`)
  return found
}

function totalOf({ entries, other }: Inventory): number {
  return entries.reduce((sum, { requests }) => sum + requests, 0) + other.refused + other.forgotten
}

function* repeat(times: number, make: (i: number) => Seen): Generator<Seen> {
  for (let i = 0; i < times; i++) yield make(i)
}

t.test('rate, times, bytes and callers, by what each request stands for', async t => {
  const inventory = inventoryOf(
    repeat(100, i =>
      seen('GET', `/orders/${i}`, { standsFor: 3, durationMs: i < 90 ? 10 : 200, caller: `10.0.0.${i % 40}` }),
    ),
    LIVE,
  )
  const orders = entry(inventory, '/orders/:id')
  t.match(orders, { requests: 300, perSecond: 30, answerBytes: 30_000, callers: 40, statuses: { '2xx': 300 } })
  t.ok(Math.abs((orders.p95Ms ?? 0) - 200) < 30, `P95 ${orders.p95Ms}`)
  t.ok(Math.abs((orders.p50Ms ?? 0) - 10) < 2, `P50 ${orders.p50Ms}`)
  t.match(inventory, { requests: 300, sampled: 100, since: 0, until: 10_000 })
})

t.test('many callers are counted within 20 %', async t => {
  const inventory = inventoryOf(repeat(20_000, i => seen('GET', '/a', { caller: `user-${i % 5000}` })))
  const { callers } = entry(inventory, '/a')
  t.ok(Math.abs(callers - 5000) < 1000, String(callers))
})

t.test('a log has its own times', async t => {
  const inventory = inventoryOf(repeat(101, i => seen('GET', '/a', { at: 1_000_000 + (100 - i) * 1000 })))
  t.match(inventory, { since: 1_000_000, until: 1_100_000 })
  t.equal(entry(inventory, '/a').perSecond, 1.01)
  t.equal(entry(inventoryOf([seen('GET', '/a')]), '/a').perSecond, null, 'without times there is no rate')
})

t.test('sessions, writes, streams', async t => {
  const inventory = inventoryOf([
    seen('POST', '/login', { setCookies: ['JSESSIONID=1; Path=/', 'lang=en', 'shop_session=2'] }),
    seen('GET', '/logout-page', { setCookies: ['sid=; Max-Age=0'] }),
    seen('GET', '/orders/1/delete'),
    seen('GET', '/do?action=saveOrder'),
    seen('GET', '/list?action=view&x=deleted'),
    seen('GET', '/order/5'),
    seen('HEAD', '/orders'),
    seen('GET', '/events', { contentType: 'text/event-stream; charset=utf-8', durationMs: 9_000 }),
    seen('GET', '/ws', { status: 101 }),
    seen('GET', '/cam', { contentType: 'multipart/x-mixed-replace;boundary=a' }),
    seen('GET', '/poll', { durationMs: 55_000 }),
    seen('GET', '/cart;jsessionid=5'),
  ])
  t.match(entry(inventory, '/login', 'POST'), { sessionCookies: ['JSESSIONID', 'shop_session'], write: 'method' })
  t.match(entry(inventory, '/logout-page'), { sessionCookies: [], write: 'looks-like' }, 'one that is taken away')
  t.match(entry(inventory, '/orders/:id/delete'), { write: 'looks-like', writeSign: '"delete" in the path' })
  t.match(entry(inventory, '/do'), { write: 'looks-like', writeSign: '"action=saveOrder" in the query' })
  for (const template of ['/list', '/order/:id']) t.equal(entry(inventory, template).write, 'no', template)
  t.equal(entry(inventory, '/orders', 'HEAD').write, 'no')
  t.match(entry(inventory, '/events'), { stream: 'events', p95Ms: null })
  t.equal(entry(inventory, '/ws').stream, 'upgrade')
  t.equal(entry(inventory, '/cam').stream, 'multipart')
  t.equal(entry(inventory, '/poll').stream, 'long')
  t.equal(entry(inventory, '/cart').sessionInPath, true)
})

t.test('static files of a directory are one template; at the top they are files', async t => {
  const inventory = inventoryOf([
    seen('GET', '/static/js/app.3f2a1b9c.js'),
    seen('GET', '/static/css/a.css'),
    seen('GET', '/shop/img/a.png'),
    seen('GET', '/shop/cart'),
    seen('GET', '/favicon.ico'),
  ])
  t.same(inventory.entries.map(({ template }) => template).sort(), [
    '/favicon.ico',
    '/shop/cart',
    '/shop/img/*',
    '/static/*',
  ])
  t.match(entry(inventory, '/static/*'), { requests: 2, kind: 'assets' })
})

t.test('names beside each other become a param, file names their ending; pages stay', async t => {
  const name = (i: number) =>
    `n${'abcdefghij'[i % 10]}${'klmnopqrst'[Math.floor(i / 10) % 10]}${'uvwxyz'[Math.floor(i / 100)]}`
  const inventory = inventoryOf(
    repeat(6000, i => {
      if (i % 10 === 0) return seen('GET', '/users/search')
      if (i % 10 === 1) return seen('GET', ['/about', '/contact', '/imprint'][i % 3] as string)
      return i % 2 === 0 ? seen('GET', `/users/${name(i % 600)}`) : seen('GET', `/shop/${name(i % 600)}.do`)
    }),
  )
  t.ok(entry(inventory, '/users/search').requests > 550)
  t.ok(entry(inventory, '/users/:name').requests > 1000)
  t.ok(entry(inventory, '/shop/*.do').requests > 1000)
  for (const page of ['/about', '/contact', '/imprint']) t.ok(entry(inventory, page).requests > 150, page)
  t.equal(totalOf(inventory), 6000)
})

t.test('who only asks for what is not there makes no templates', async t => {
  const inventory = inventoryOf(repeat(1000, i => seen('GET', `/scan-${i}x/.env`, { status: 404 })))
  t.match(inventory, { entries: [], other: { refused: 1000 } })
  const known = inventoryOf([seen('GET', '/orders/1'), seen('GET', '/orders/2', { status: 404 })])
  t.match(entry(known, '/orders/:id').statuses, { '2xx': 1, '4xx': 1 })
  const wrong = [seen('GET', '/orders'), seen('POST', '/orders', { status: 400 }), seen('PUT', '/x', { status: 400 })]
  t.same(
    inventoryOf([...wrong, seen('DELETE', '/orders', { status: 405 })]).entries.map(({ method }) => method),
    ['GET', 'POST'],
    'a method that was found wrong at a known path exists',
  )
})

t.test('pages and what they call', async t => {
  const inventory = inventoryOf(
    [
      ...repeat(5, () => seen('GET', '/orders', { isPage: true })),
      ...repeat(9, i => seen('GET', `/api/orders/${i}`, { from: '/orders' })),
      ...repeat(9, i => seen('GET', '/api/other', { from: i < 4 ? '/orders' : null })),
    ],
    LIVE,
  )
  t.equal(entry(inventory, '/orders').kind, 'page')
  t.equal(entry(inventory, '/api/orders/:id').calledFrom, '/orders')
  t.equal(entry(inventory, '/api/other').calledFrom, null)
})

t.test('no request is lost, and the bound holds, whatever comes', async t => {
  const seed = Date.now()
  t.comment(`seed ${seed}`)
  const word = fc.constantFrom(...'abcdefghijklmnop'.split(''))
  const path = fc
    .array(fc.oneof(word, fc.string({ maxLength: 6 }), fc.constantFrom('a.do', 'b.css', '7', '*')), { maxLength: 5 })
    .map(segments => `/${segments.join('/')}`)
  const one = fc.record({
    method: fc.constantFrom('GET', 'POST', 'HEAD', 'A', 'B', 'C', 'D', 'E', 'F', 'G'),
    target: path,
    status: fc.constantFrom(200, 302, 404, 500, 0),
    standsFor: fc.integer({ min: 1, max: 5 }),
  })
  fc.assert(
    fc.property(fc.array(one, { maxLength: 600 }), requests => {
      const inventory = inventoryOf(requests.map(({ method, target, ...more }) => seen(method, target, more)))
      const keys = inventory.entries.map(({ template, method }) => `${method} ${template}`)
      return (
        totalOf(inventory) === requests.reduce((sum, { standsFor }) => sum + standsFor, 0) &&
        keys.length <= MOST_TALLIES &&
        new Set(keys).size === keys.length
      )
    }),
    { seed, numRuns: 150 },
  )
})

/** It folds them from the first 30,000 on; PATHS=1000000 goes on for as long again and again. */
const PATHS = Number(process.env.PATHS ?? 300_000)

t.test(`${PATHS} random paths: bounded, and what is busy is still there`, async t => {
  let state = 1
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    // The low bits of such a generator are no chance.
    return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32
  }
  const word = () =>
    Array.from({ length: 4 + random() * 6 }, () => 'abcdefghijklmnopqrstuvwxyz'[(random() * 26) | 0]).join('')
  const sketch = new Sketch()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < PATHS; i++) {
    if (i % 10 === 0) sketch.take(seen('GET', i % 20 === 0 ? '/about' : `/api/orders/${i}`))
    else
      sketch.take(
        seen(random() < 0.9 ? 'GET' : word().toUpperCase(), `/${word()}${i % 3 === 0 ? `/${word()}/${word()}` : ''}`),
      )
  }
  const inventory = sketch.view(LOG)
  const grown = (process.memoryUsage().heapUsed - before) / 2 ** 20
  t.comment(`${inventory.entries.length} entries, ${grown.toFixed(1)} MiB with what was not collected yet`)
  t.ok(inventory.entries.length <= MOST_TALLIES, `${inventory.entries.length} entries`)
  t.equal(totalOf(inventory), PATHS)
  t.ok(entry(inventory, '/about').requests > 0.04 * PATHS)
  t.ok(entry(inventory, '/api/orders/:id').requests > 0.04 * PATHS)
})
