// The legacy order service, as it has run for years: SQL in the handlers, money in cents, XML invoices, a session cookie.
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createRandom, ORDER_STATUSES, seedData } from './seed.ts'

export interface LegacyOptions {
  /** 0 takes a free one. */
  readonly port: number
  /** Where `legacy.db` is kept; made and filled when missing. */
  readonly directory: string
  /** How many answers are slow, in percent, and by how many milliseconds. Default 2 % by 300 ms; never `/health`. */
  readonly slow?: { readonly percent: number; readonly ms: number }
  /** Decides which answers are slow. Default 1. */
  readonly seed?: number
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number
  /** How a slow answer waits. Default a timer. */
  readonly wait?: (ms: number) => Promise<unknown>
}

export interface LegacyService {
  readonly url: string
  readonly port: number
  /** Resolves when the port is free and the database closed; requests under way get half a second. */
  close(): Promise<void>
}

interface Call {
  readonly db: DatabaseSync
  /** Milliseconds since 1970. */
  readonly now: number
  /** The number in the path; NaN when there is none. */
  readonly id: number
  readonly query: URLSearchParams
  readonly cookies: string
  readonly body: string
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

interface OrderRow {
  readonly id: number
  readonly customer_id: number
  readonly status: string
  readonly placed_at: string
  readonly tax_percent: number
  readonly total_cents: number
  readonly cancelled_at: string | null
  readonly cancel_reason: string | null
}

interface LineRow {
  readonly sku: string
  readonly title: string
  readonly quantity: number
  readonly unit_price_cents: number
}

/** What the caller did wrong; becomes a 4xx answer. */
class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }
}

const JSON_TYPE = 'application/json; charset=utf-8'
const PAGE_SIZE = 20
const MAX_BODY_BYTES = 64 * 1024
const SESSION_MS = 30 * 60_000
const MAX_SESSIONS = 10_000

const ROUTES: readonly (readonly [method: string, path: RegExp, handle: (call: Call) => Answer])[] = [
  ['GET', /^\/health$/, () => json(200, { status: 'ok' })],
  ['GET', /^\/login$/, login],
  ['GET', /^\/orders$/, listOrders],
  ['POST', /^\/orders$/, createOrder],
  ['GET', /^\/orders\/(\d{1,15})$/, showOrder],
  ['GET', /^\/orders\/(\d{1,15})\/invoice$/, showInvoice],
  ['POST', /^\/orders\/(\d{1,15})\/cancel$/, cancelOrder],
  ['GET', /^\/customers\/(\d{1,15})$/, showCustomer],
  ['GET', /^\/reports\/monthly$/, monthlyReport],
]

/** Starts the service on 127.0.0.1. Rejects when the port is taken or the directory cannot be written. */
export async function startLegacy(options: LegacyOptions): Promise<LegacyService> {
  const { slow = { percent: 2, ms: 300 }, seed = 1, clock = Date.now, wait = waitQuietly } = options
  const random = createRandom(seed)
  const db = openDatabase(options.directory)

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer
    try {
      if (request.url !== '/health' && random() * 100 < slow.percent) await wait(slow.ms)
      const body = request.method === 'POST' ? await readBody(request) : ''
      if (response.destroyed) return
      answer = dispatch(db, clock(), request, body)
    } catch (error) {
      if (response.destroyed) return
      answer = refuse(error)
    }
    response.writeHead(answer.status, { ...answer.headers, 'x-served-by': 'legacy' }).end(answer.body)
  }

  const server = createServer({ keepAliveTimeout: 75_000, requestTimeout: 30_000 }, serve)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(options.port, '127.0.0.1', resolve)
    })
  } catch (error) {
    db.close()
    throw error
  }
  const { port } = server.address() as AddressInfo

  async function close(): Promise<void> {
    const impatience = setTimeout(() => server.closeAllConnections(), 500)
    await new Promise(resolve => server.close(resolve))
    clearTimeout(impatience)
    if (db.isOpen) db.close()
  }
  return { url: `http://127.0.0.1:${port}`, port, close }
}

function dispatch(db: DatabaseSync, now: number, request: IncomingMessage, body: string): Answer {
  const [path = '', search = ''] = (request.url ?? '').split('?', 2)
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const here = ROUTES.filter(([, pattern]) => pattern.test(path))
  if (here.length === 0) throw new Refusal(404, 'no_such_page', 'There is nothing at this address.')
  const route = here.find(([wanted]) => wanted === method)
  if (route === undefined) {
    const allow = here.map(([wanted]) => (wanted === 'GET' ? 'GET, HEAD' : wanted)).join(', ')
    throw new Refusal(405, 'method_not_allowed', `Allowed here: ${allow}.`, { allow })
  }
  const id = Number(route[1].exec(path)?.[1])
  return route[2]({ db, now, id, query: new URLSearchParams(search), cookies: request.headers.cookie ?? '', body })
}

function login({ db, now, query }: Call): Answer {
  const user = query.get('user')
  if (user === null) throw new Refusal(400, 'bad_request', 'Who? Say ?user=….')
  const customer = db.prepare('SELECT id AS customer_id, name FROM customers WHERE login = ?').get(user)
  if (customer === undefined) throw new Refusal(401, 'unknown_user', 'Nobody signs in by this name.')
  const sid = randomBytes(16).toString('hex')
  db.prepare('INSERT INTO sessions (sid, customer_id, expires_ms) VALUES (:sid, :customer_id, :expires_ms)').run({
    sid,
    customer_id: customer.customer_id!,
    expires_ms: now + SESSION_MS,
  })
  db.prepare('DELETE FROM sessions WHERE id <= (SELECT max(id) FROM sessions) - ?').run(MAX_SESSIONS)
  return json(200, customer, { 'set-cookie': `sid=${sid}; Path=/; HttpOnly; SameSite=Lax` })
}

function listOrders({ db, now, query }: Call): Answer {
  const status = query.get('status')
  if (status !== null && !ORDER_STATUSES.some(known => known === status)) {
    throw new Refusal(400, 'bad_request', `status is one of ${ORDER_STATUSES.join(', ')}.`)
  }
  const page = query.get('page') ?? '1'
  if (!/^[1-9]\d{0,5}$/.test(page)) throw new Refusal(400, 'bad_request', 'page is a number from 1.')
  const rows = db
    .prepare(`SELECT id, customer_id, status, placed_at, total_cents FROM orders
              WHERE :status IS NULL OR status = :status ORDER BY id LIMIT :limit OFFSET :offset`)
    .all({ status, limit: PAGE_SIZE + 1, offset: (Number(page) - 1) * PAGE_SIZE })
  const next_page = rows.length > PAGE_SIZE ? Number(page) + 1 : null
  return json(200, { ...stamp(now), page: Number(page), next_page, orders: rows.slice(0, PAGE_SIZE) })
}

function showOrder({ db, now, id }: Call): Answer {
  const { cancelled_at, cancel_reason, ...order } = findOrder(db, id)
  const cancelled = order.status === 'cancelled' ? { cancelled_at, cancel_reason } : {}
  return json(200, { ...stamp(now), ...order, currency: 'EUR', lines: findLines(db, id), ...cancelled })
}

function showInvoice({ db, id }: Call): Answer {
  const order = findOrder(db, id)
  const customer = db.prepare('SELECT name FROM customers WHERE id = ?').get(order.customer_id)
  const lines = findLines(db, id).map(({ sku, title, quantity, unit_price_cents }) => {
    return `<line sku="${xml(sku)}" quantity="${quantity}" unit_price_cents="${unit_price_cents}">${xml(title)}</line>`
  })
  const body = `<?xml version="1.0" encoding="UTF-8"?>
<invoice order_id="${order.id}" status="${order.status}" currency="EUR">
  <customer id="${order.customer_id}">${xml(String(customer?.name))}</customer>
  <placed_at>${order.placed_at}</placed_at>
  <lines>
    ${lines.join('\n    ')}
  </lines>
  <tax_percent>${order.tax_percent}</tax_percent>
  <total_cents>${order.total_cents}</total_cents>
</invoice>
`
  return { status: 200, headers: headersFor('application/xml; charset=utf-8', body), body }
}

function createOrder(call: Call): Answer {
  const { db, now, cookies } = call
  const { customer_id = sessionCustomer(db, now, cookies), lines } = parseObject(call.body)
  const customer =
    typeof customer_id === 'number'
      ? db.prepare('SELECT id, tax_percent FROM customers WHERE id = ?').get(customer_id)
      : undefined
  if (customer === undefined) throw new Refusal(400, 'bad_request', 'customer_id is not one of ours.')
  if (!Array.isArray(lines) || lines.length < 1 || lines.length > 20) {
    throw new Refusal(400, 'bad_request', 'lines is a list of 1 to 20 lines.')
  }
  const { id: customerId, tax_percent } = customer as { id: number; tax_percent: number }
  const order = { customer_id: customerId, status: 'open', placed_at: isoSeconds(now), tax_percent }
  const bought = lines.map(line => readLine(db, line))
  const id = inTransaction(db, () => {
    return insertOrder(db, { ...order, id: null, cancelled_at: null, cancel_reason: null }, bought)
  })
  const { body } = showOrder({ ...call, id })
  return { status: 201, headers: { ...headersFor(JSON_TYPE, body), location: `/orders/${id}` }, body }
}

function cancelOrder(call: Call): Answer {
  const { db, now, id, body } = call
  const { reason = 'no reason given' } = body === '' ? {} : parseObject(body)
  if (typeof reason !== 'string' || reason.length > 200) {
    throw new Refusal(400, 'bad_request', 'reason is a text of at most 200 characters.')
  }
  const { status } = findOrder(db, id)
  if (status !== 'open') throw new Refusal(409, 'not_open', `This order is ${status}.`)
  db.prepare("UPDATE orders SET status = 'cancelled', cancelled_at = :at, cancel_reason = :reason WHERE id = :id").run({
    at: isoSeconds(now),
    reason,
    id,
  })
  return showOrder(call)
}

function showCustomer({ db, id }: Call): Answer {
  const customer = db.prepare('SELECT id, name, email, city, country, since FROM customers WHERE id = ?').get(id)
  if (customer === undefined) throw new Refusal(404, 'unknown_customer', `There is no customer ${id}.`)
  return json(200, customer)
}

/** The new service has no such page (yet). */
function monthlyReport({ db }: Call): Answer {
  const months = db
    .prepare(`SELECT substr(placed_at, 1, 7) AS month, count(*) AS orders, sum(total_cents) AS total_cents
              FROM orders WHERE status <> 'cancelled' GROUP BY month ORDER BY month`)
    .all()
  return json(200, { months })
}

function findOrder(db: DatabaseSync, id: number): OrderRow {
  const order = db.prepare('SELECT * FROM orders WHERE id = ?').get(id)
  if (order === undefined) throw new Refusal(404, 'unknown_order', `There is no order ${id}.`)
  return order as unknown as OrderRow
}

function findLines(db: DatabaseSync, orderId: number): LineRow[] {
  const lines = db.prepare(`SELECT sku, title, quantity, unit_price_cents FROM order_lines
                            WHERE order_id = ? ORDER BY line_no`)
  return lines.all(orderId) as unknown as LineRow[]
}

function readLine(db: DatabaseSync, line: unknown): LineRow {
  const { sku, quantity } = Object(line) as Record<string, unknown>
  const product = db.prepare('SELECT title, price_cents FROM products WHERE sku = ?').get(String(sku))
  if (typeof sku !== 'string' || product === undefined) throw new Refusal(400, 'bad_request', 'sku is not one of ours.')
  if (typeof quantity !== 'number' || !Number.isInteger(quantity) || quantity < 1 || quantity > 99) {
    throw new Refusal(400, 'bad_request', 'quantity is a whole number from 1 to 99.')
  }
  const { title, price_cents } = product as { title: string; price_cents: number }
  return { sku, title, quantity, unit_price_cents: price_cents }
}

function sessionCustomer(db: DatabaseSync, now: number, cookies: string): unknown {
  const sid = /(?:^|;\s*)sid=([0-9a-f]{32})(?:;|$)/.exec(cookies)?.[1] ?? ''
  return db.prepare('SELECT customer_id FROM sessions WHERE sid = ? AND expires_ms > ?').get(sid, now)?.customer_id
}

/** Writes an order with its total, and gives its id. Tax is taken once, on the sum, half a cent up, all in integers. */
function insertOrder(
  db: DatabaseSync,
  order: Omit<OrderRow, 'id' | 'total_cents'> & { readonly id: number | null },
  lines: readonly LineRow[],
): number {
  const netCents = lines.reduce((sum, line) => sum + line.quantity * line.unit_price_cents, 0)
  const total_cents = netCents + Math.floor((netCents * order.tax_percent + 50) / 100)
  const { lastInsertRowid } = db
    .prepare(`INSERT INTO orders VALUES (:id, :customer_id, :status, :placed_at, :tax_percent, :total_cents,
                                         :cancelled_at, :cancel_reason)`)
    .run({ ...order, total_cents })
  const insertLine = db.prepare(`INSERT INTO order_lines
                                 VALUES (:order_id, :line_no, :sku, :title, :quantity, :unit_price_cents)`)
  for (const [index, line] of lines.entries())
    insertLine.run({ order_id: lastInsertRowid, line_no: index + 1, ...line })
  return Number(lastInsertRowid)
}

function openDatabase(directory: string): DatabaseSync {
  mkdirSync(directory, { recursive: true })
  const db = new DatabaseSync(join(directory, 'legacy.db'))
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  if (db.prepare('PRAGMA user_version').get()?.user_version === 0) inTransaction(db, () => fillDatabase(db))
  return db
}

function fillDatabase(db: DatabaseSync): void {
  db.exec(`
    CREATE TABLE customers (id INTEGER PRIMARY KEY, login TEXT UNIQUE, name TEXT, email TEXT, city TEXT, country TEXT,
                            tax_percent INTEGER, since TEXT);
    CREATE TABLE products (sku TEXT PRIMARY KEY, title TEXT, price_cents INTEGER);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers, status TEXT, placed_at TEXT,
                         tax_percent INTEGER, total_cents INTEGER, cancelled_at TEXT, cancel_reason TEXT);
    CREATE TABLE order_lines (order_id INTEGER REFERENCES orders, line_no INTEGER, sku TEXT, title TEXT,
                              quantity INTEGER, unit_price_cents INTEGER, PRIMARY KEY (order_id, line_no));
    CREATE TABLE sessions (id INTEGER PRIMARY KEY, sid TEXT UNIQUE, customer_id INTEGER, expires_ms INTEGER);
    CREATE INDEX orders_by_status ON orders (status, id);
    PRAGMA user_version = 1`)
  const { customers, products, orders } = seedData()
  const insertCustomer = db.prepare('INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
  for (const c of customers) {
    insertCustomer.run(c.id, c.login, c.name, c.email, c.city, c.country, c.taxPercent, c.since)
  }
  const insertProduct = db.prepare('INSERT INTO products VALUES (?, ?, ?)')
  for (const product of products) insertProduct.run(product.sku, product.title, product.priceCents)
  for (const { id, customerId, status, placedAt, taxPercent, cancelledAt, cancelReason, lines } of orders) {
    const order = { id, customer_id: customerId, status, placed_at: placedAt, tax_percent: taxPercent }
    const rows = lines.map(({ unitPriceCents, ...line }) => ({ ...line, unit_price_cents: unitPriceCents }))
    insertOrder(db, { ...order, cancelled_at: cancelledAt, cancel_reason: cancelReason }, rows)
  }
}

function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}

/** Reads to the end even when it is too much: a caller who is still sending would not see the refusal. */
async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk)
  }
  if (bytes > MAX_BODY_BYTES) throw new Refusal(413, 'too_large', `At most ${MAX_BODY_BYTES} bytes.`)
  return Buffer.concat(chunks).toString('utf8')
}

function parseObject(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // Said below, in the words for everything that is not an object.
  }
  throw new Refusal(400, 'bad_request', 'The body is not a JSON object.')
}

function refuse(error: unknown): Answer {
  if (error instanceof Refusal) return json(error.status, { error: error.code, message: error.message }, error.headers)
  console.error('legacy orders:', error)
  return json(500, { error: 'internal', message: 'That went wrong on our side.' })
}

function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  const body = JSON.stringify(value)
  return { status, headers: { ...headersFor(JSON_TYPE, body), ...headers }, body }
}

function headersFor(type: string, body: string): Record<string, string> {
  return { 'content-type': type, 'content-length': String(Buffer.byteLength(body)) }
}

function stamp(now: number): object {
  return { request_id: randomUUID(), served_at: new Date(now).toISOString() }
}

function isoSeconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`
}

function xml(text: string): string {
  return text.replace(/[&<>"]/g, character => `&#${character.charCodeAt(0)};`)
}

/** Does not keep a process alive that has nothing else to do. */
function waitQuietly(ms: number): Promise<unknown> {
  return sleep(ms, undefined, { ref: false })
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { port: { type: 'string', default: '3001' }, db: { type: 'string', default: '.banyan/orders' } },
  })
  const service = await startLegacy({ port: Number(values.port), directory: values.db })
  console.log(`legacy orders on ${service.url}, data in ${join(values.db, 'legacy.db')}, Ctrl-C stops it`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void service.close())
}

if (import.meta.main) await main()
