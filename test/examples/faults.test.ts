// The two sample services agree on everything but the three planted faults: over all seeded data, and over random writes.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { startLegacy } from '../../examples/orders/legacy.ts'
import { startNew } from '../../examples/orders/new.ts'
import { ORDER_STATUSES, type Order, seedData } from '../../examples/orders/seed.ts'
import { runs } from '../runs.ts'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** JSON without what is generated, or text. */
  readonly body: unknown
}

interface Difference {
  readonly path: string
  readonly legacy: unknown
  readonly new: unknown
}

const { customers, products, orders } = seedData()
const totals = new Map(orders.map(order => [order.id, totalCents(order)]))

const directory = mkdtempSync(join(tmpdir(), 'banyan-faults-'))
const options = { port: 0, directory, slow: { percent: 0, ms: 0 }, clock: () => Date.UTC(2026, 2, 1) }
const legacy = await startLegacy(options)
const fresh = await startNew(options)
t.teardown(async () => {
  await Promise.all([legacy.close(), fresh.close()])
  rmSync(directory, { recursive: true, force: true })
})

t.test('single orders: the total of some, the reason of the cancelled, nothing else', async t => {
  const rounded: number[] = []
  for (const order of orders) {
    const expected = order.status === 'cancelled' ? [['/cancel_reason', order.cancelReason, undefined]] : []
    const found = differences(...(await askBoth(`/orders/${order.id}`)))
    const total = found.find(difference => difference.path === '/total_cents')
    const others = found.filter(difference => difference !== total).map(each => [each.path, each.legacy, each.new])
    if (!isDeepStrictEqual(others, expected)) t.strictSame(others, expected, `order ${order.id}`)
    if (total === undefined) continue
    rounded.push(order.id)
    t.equal(total.legacy, totals.get(order.id), `legacy is right about order ${order.id}`)
    t.equal(Math.abs(Number(total.new) - Number(total.legacy)), 1, 'and new is a cent off')
  }
  t.ok(rounded.length > 30 && rounded.length < 200, `${rounded.length} of ${orders.length} totals differ`)

  t.test('invoices and lists show the same totals, and are otherwise equal', async t => {
    for (const order of orders) {
      const [old, now] = await askBoth(`/orders/${order.id}/invoice`)
      const total = /<total_cents>(\d+)<\/total_cents>/
      const differs = total.exec(String(old.body))?.[1] !== total.exec(String(now.body))?.[1]
      if (differs !== rounded.includes(order.id)) t.fail(`total on invoice ${order.id}`)
      const blank = (answer: Answer) => ({ ...answer, body: String(answer.body).replace(total, '') })
      const found = differences(blank(old), blank(now))
      if (found.length > 0) t.fail(`invoice ${order.id}`, { found })
    }
    for (const status of [null, ...ORDER_STATUSES]) {
      const wanted = orders.filter(order => status === null || order.status === status)
      for (let page = 1; page <= Math.ceil(wanted.length / 20) + 1; page++) {
        const query = status === null ? `?page=${page}` : `?page=${page}&status=${status}`
        const found = differences(...(await askBoth(`/orders${query}`))).map(difference => difference.path)
        const expected = wanted
          .slice((page - 1) * 20, page * 20)
          .flatMap((order, index) => (rounded.includes(order.id) ? [`/orders/${index}/total_cents`] : []))
        t.strictSame(found, expected, query)
      }
    }
  })
})

t.test('unknown orders: the status, nothing else', async t => {
  for (const path of ['/orders/1', '/orders/999999', '/orders/999999/invoice']) {
    t.strictSame(differences(...(await askBoth(path))), [{ path: 'status', legacy: 404, new: 400 }], path)
  }
  const cancel = await askBoth('/orders/999999/cancel', { method: 'POST' })
  t.strictSame(differences(...cancel), [{ path: 'status', legacy: 404, new: 400 }])
})

t.test('no difference anywhere else', async t => {
  const paths = [
    ...customers.map(customer => `/customers/${customer.id}`),
    ...customers.map(customer => `/login?user=${customer.login}`),
    ...['/', '/health', '/login', '/login?user=nobody', '/customers/999', '/customers/x', '/orders/x', '/nothing'],
    ...['/orders?page=0', '/orders?page=x', '/orders?status=lost', '/orders?status=lost&status=open'],
  ]
  for (const path of paths) t.strictSame(differences(...(await askBoth(path))), [], path)
  for (const method of ['HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    for (const path of ['/orders', '/orders/1001/cancel', '/health', '/nothing']) {
      t.strictSame(differences(...(await askBoth(path, { method }))), [], `${method} ${path}`)
    }
  }
})

t.test('mended: no difference is left', async t => {
  const mended = await startNew({ ...options, mended: true })
  t.teardown(() => mended.close())
  const paths = [
    ...orders.flatMap(({ id }) => [`/orders/${id}`, `/orders/${id}/invoice`]),
    ...Array.from({ length: 31 }, (_, page) => `/orders?page=${page + 1}`),
    '/orders/999999',
  ]
  for (const path of paths) {
    const found = differences(await ask(`${legacy.url}${path}`), await ask(`${mended.url}${path}`))
    if (found.length > 0) t.fail(path, { found })
  }
})

t.test('random writes: the same orders, the same refusals', async t => {
  const seed = Date.now() % 2 ** 31
  t.comment(`seed ${seed}`)
  const line = fc.record({
    sku: fc.constantFrom(...products.map(p => p.sku)),
    quantity: fc.integer({ min: 1, max: 99 }),
  })
  const sane = fc.record({
    customer_id: fc.integer({ min: 1, max: customers.length }),
    lines: fc.array(line, { minLength: 1, maxLength: 5 }),
  })
  const wild = fc.record(
    {
      customer_id: fc.oneof(fc.integer(), fc.double(), fc.jsonValue()),
      lines: fc.oneof(fc.jsonValue(), fc.array(fc.oneof(line, fc.jsonValue()))),
      reason: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  const body = fc.oneof(
    sane.map(value => JSON.stringify(value)),
    wild.map(value => JSON.stringify(value)),
    fc.json(),
    fc.string(),
  )
  const path = fc.oneof(
    fc.constant('/orders'),
    fc.integer({ min: 1580, max: 1620 }).map(id => `/orders/${id}/cancel`),
  )
  const write = fc.asyncProperty(path, body, async (path, body) => {
    const [old, now] = await askBoth(path, { method: 'POST', body })
    if (old.status >= 500) return false
    return differences(old, now).every(difference => {
      if (difference.path === 'status') return difference.legacy === 404 && difference.new === 400
      // Half a cent for each line, and half for the sum.
      const cents = (Object(Object(old.body).lines).length + 1) / 2
      if (difference.path === '/total_cents')
        return Math.abs(Number(difference.legacy) - Number(difference.new)) <= cents
      return difference.path === '/cancel_reason' && difference.new === undefined
    })
  })
  await fc.assert(write, { seed, numRuns: runs(300) })
  t.pass()
})

/** As an invoice has it: the tax on the sum, half a cent up. */
function totalCents(order: Order): number {
  const net = order.lines.reduce((sum, line) => sum + line.quantity * line.unitPriceCents, 0)
  return net + Number((BigInt(net) * BigInt(order.taxPercent) + 50n) / 100n)
}

async function askBoth(path: string, init: RequestInit = {}): Promise<[legacy: Answer, fresh: Answer]> {
  return Promise.all([ask(`${legacy.url}${path}`, init), ask(`${fresh.url}${path}`, init)])
}

async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init)
  const {
    'x-served-by': _side,
    date: _date,
    'content-length': _length,
    ...headers
  } = Object.fromEntries(response.headers)
  if (headers['set-cookie'] !== undefined) headers['set-cookie'] = headers['set-cookie'].replace(/[0-9a-f]{32}/, '…')
  const text = await response.text()
  if (text === '' || !headers['content-type']?.startsWith('application/json')) {
    return { status: response.status, headers, body: text }
  }
  const { request_id: _id, served_at: _at, ...body } = JSON.parse(text)
  return { status: response.status, headers, body }
}

function differences(legacy: Answer, fresh: Answer): Difference[] {
  return [
    ...leaves('status', legacy.status, fresh.status),
    ...leaves('headers', legacy.headers, fresh.headers),
    ...leaves('', legacy.body, fresh.body),
  ]
}

function leaves(path: string, legacy: unknown, fresh: unknown): Difference[] {
  if (isDeepStrictEqual(legacy, fresh)) return []
  if (!isContainer(legacy) || !isContainer(fresh)) return [{ path, legacy, new: fresh }]
  const names = new Set([...Object.keys(legacy), ...Object.keys(fresh)])
  return [...names].flatMap(name => leaves(`${path}/${name}`, legacy[name], fresh[name]))
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
