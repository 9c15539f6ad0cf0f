// The new order service: documents and euros inside, the legacy wire format outside, and three planted faults.
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createRandom, ORDER_STATUSES, type OrderStatus, seedData } from './seed.ts'

export interface NewOptions {
  /** 0 takes a free one. */
  readonly port: number
  /** Where `new.db` is kept; made and filled when missing. */
  readonly directory: string
  /** How many answers are slow, in percent, and by how many milliseconds. Default none; never `/health`. */
  readonly slow?: { readonly percent: number; readonly ms: number }
  /** Decides which answers are slow. Default 1. */
  readonly seed?: number
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number
  /** How a slow answer waits. Default a timer. */
  readonly wait?: (ms: number) => Promise<unknown>
  /** As it is once its team has mended the three faults. Default false. */
  readonly mended?: boolean
}

export interface NewService {
  readonly url: string
  readonly port: number
  /** Resolves when the port is free and the database closed; requests under way get half a second. */
  close(): Promise<void>
}

interface Order {
  readonly customerId: number
  readonly status: OrderStatus
  readonly placedAt: string
  /** 0.19 for 19 % */
  readonly taxRate: number
  readonly items: readonly OrderItem[]
  readonly cancelledAt: string | null
  readonly cancelReason: string | null
}

interface OrderItem {
  readonly sku: string
  readonly title: string
  readonly quantity: number
  /** In euros. */
  readonly unitPrice: number
}

interface Customer {
  readonly name: string
  readonly email: string
  readonly city: string
  readonly country: string
  readonly since: string
  readonly taxRate: number
}

interface Context {
  readonly db: DatabaseSync
  readonly now: Date
  /** The number in the path; NaN when there is none. */
  readonly id: number
  readonly query: URLSearchParams
  readonly cookies: string
  readonly body: string
  /** Without the planted faults. */
  readonly mended: boolean
}

interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

interface Endpoint {
  readonly method: 'GET' | 'POST'
  readonly path: RegExp
  readonly handle: (context: Context) => Reply
}

class HttpError extends Error {
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

const PAGE_SIZE = 20
const MAX_BODY_BYTES = 64 * 1024
const SESSION_MS = 30 * 60_000
const MAX_SESSIONS = 10_000

const ENDPOINTS: readonly Endpoint[] = [
  { method: 'GET', path: /^\/health$/, handle: () => json(200, { status: 'ok' }) },
  { method: 'GET', path: /^\/login$/, handle: login },
  { method: 'GET', path: /^\/orders$/, handle: listOrders },
  { method: 'POST', path: /^\/orders$/, handle: createOrder },
  { method: 'GET', path: /^\/orders\/(\d{1,15})$/, handle: getOrder },
  { method: 'GET', path: /^\/orders\/(\d{1,15})\/invoice$/, handle: getInvoice },
  { method: 'POST', path: /^\/orders\/(\d{1,15})\/cancel$/, handle: cancelOrder },
  { method: 'GET', path: /^\/customers\/(\d{1,15})$/, handle: getCustomer },
]

/** Starts the service on 127.0.0.1. Rejects when the port is taken or the directory cannot be written. */
export async function startNew(options: NewOptions): Promise<NewService> {
  const { slow = { percent: 0, ms: 0 }, seed = 1, clock = Date.now, wait = waitQuietly, mended = false } = options
  const random = createRandom(seed)
  const db = openDatabase(options.directory)

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Reply
    try {
      if (request.url !== '/health' && random() * 100 < slow.percent) await wait(slow.ms)
      const body = request.method === 'POST' ? await readBody(request) : ''
      if (response.destroyed) return
      answer = route({ db, now: new Date(clock()), body, mended }, request)
    } catch (error) {
      if (response.destroyed) return
      answer = replyToError(error)
    }
    response.writeHead(answer.status, { ...answer.headers, 'x-served-by': 'new' }).end(answer.body)
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

type Given = Pick<Context, 'db' | 'now' | 'body' | 'mended'>

function route(given: Given, request: IncomingMessage): Reply {
  const [path = '', search = ''] = (request.url ?? '').split('?', 2)
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const candidates = ENDPOINTS.filter(endpoint => endpoint.path.test(path))
  if (candidates.length === 0) throw new HttpError(404, 'no_such_page', 'There is nothing at this address.')
  const endpoint = candidates.find(candidate => candidate.method === method)
  if (endpoint === undefined) {
    const allow = candidates.map(candidate => (candidate.method === 'GET' ? 'GET, HEAD' : candidate.method)).join(', ')
    throw new HttpError(405, 'method_not_allowed', `Allowed here: ${allow}.`, { allow })
  }
  const id = Number(endpoint.path.exec(path)?.[1])
  const query = new URLSearchParams(search)
  return endpoint.handle({ ...given, id, query, cookies: request.headers.cookie ?? '' })
}

function login({ db, now, query }: Context): Reply {
  const user = query.get('user')
  if (user === null) throw new HttpError(400, 'bad_request', 'Who? Say ?user=….')
  const id = db.prepare('SELECT id FROM customers WHERE login = ?').get(user)?.id
  const customer = loadCustomer(db, id)
  if (customer === null) throw new HttpError(401, 'unknown_user', 'Nobody signs in by this name.')
  const sessionId = randomBytes(16).toString('hex')
  const expiresMs = now.getTime() + SESSION_MS
  db.prepare('INSERT INTO sessions (sessionId, customerId, expiresMs) VALUES (?, ?, ?)').run(sessionId, id!, expiresMs)
  db.prepare('DELETE FROM sessions WHERE id <= (SELECT max(id) FROM sessions) - ?').run(MAX_SESSIONS)
  const cookie = `sid=${sessionId}; Path=/; HttpOnly; SameSite=Lax`
  return json(200, { customer_id: id, name: customer.name }, { 'set-cookie': cookie })
}

function listOrders({ db, now, query, mended }: Context): Reply {
  const status = query.get('status')
  if (status !== null && !ORDER_STATUSES.some(known => known === status)) {
    throw new HttpError(400, 'bad_request', `status is one of ${ORDER_STATUSES.join(', ')}.`)
  }
  const page = query.get('page') ?? '1'
  if (!/^[1-9]\d{0,5}$/.test(page)) throw new HttpError(400, 'bad_request', 'page is a number from 1.')
  const rows = db
    .prepare(
      'SELECT id, document FROM orders WHERE :status IS NULL OR status = :status ORDER BY id LIMIT :n OFFSET :skip',
    )
    .all({ status, n: PAGE_SIZE + 1, skip: (Number(page) - 1) * PAGE_SIZE })
  const next_page = rows.length > PAGE_SIZE ? Number(page) + 1 : null
  const orders = rows
    .slice(0, PAGE_SIZE)
    .map(({ id, document }) => toListWire(Number(id), parseOrder(document), mended))
  return json(200, { ...stamp(now), page: Number(page), next_page, orders })
}

function getOrder({ db, now, id, mended }: Context): Reply {
  return json(200, { ...stamp(now), ...toWire(id, loadOrder(db, id, mended), mended) })
}

function getInvoice({ db, id, mended }: Context): Reply {
  const order = loadOrder(db, id, mended)
  const lines = order.items.map(({ sku, title, quantity, unitPrice }) => {
    const attributes = `sku="${escapeXml(sku)}" quantity="${quantity}" unit_price_cents="${cents(unitPrice)}"`
    return `    <line ${attributes}>${escapeXml(title)}</line>`
  })
  const invoice = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<invoice order_id="${id}" status="${order.status}" currency="EUR">`,
    `  <customer id="${order.customerId}">${escapeXml(loadCustomer(db, order.customerId)?.name ?? '')}</customer>`,
    `  <placed_at>${order.placedAt}</placed_at>`,
    '  <lines>',
    ...lines,
    '  </lines>',
    `  <tax_percent>${Math.round(order.taxRate * 100)}</tax_percent>`,
    `  <total_cents>${cents(totalOf(order, mended))}</total_cents>`,
    '</invoice>',
    '',
  ]
  return reply(200, 'application/xml; charset=utf-8', invoice.join('\n'))
}

function createOrder({ db, now, cookies, body, mended }: Context): Reply {
  const { customer_id = sessionCustomer(db, now, cookies), lines } = parseObject(body)
  const customer = loadCustomer(db, customer_id)
  if (customer === null) throw new HttpError(400, 'bad_request', 'customer_id is not one of ours.')
  if (!Array.isArray(lines) || lines.length < 1 || lines.length > 20) {
    throw new HttpError(400, 'bad_request', 'lines is a list of 1 to 20 lines.')
  }
  const order: Order = {
    customerId: customer_id as number,
    status: 'open',
    placedAt: isoSeconds(now),
    taxRate: customer.taxRate,
    items: lines.map(line => parseItem(db, line)),
    cancelledAt: null,
    cancelReason: null,
  }
  const id = Number(db.prepare('INSERT INTO orders (document) VALUES (?)').run(JSON.stringify(order)).lastInsertRowid)
  return json(201, { ...stamp(now), ...toWire(id, order, mended) }, { location: `/orders/${id}` })
}

function cancelOrder({ db, now, id, body, mended }: Context): Reply {
  const { reason = 'no reason given' } = body === '' ? {} : parseObject(body)
  if (typeof reason !== 'string' || reason.length > 200) {
    throw new HttpError(400, 'bad_request', 'reason is a text of at most 200 characters.')
  }
  const order = loadOrder(db, id, mended)
  if (order.status !== 'open') throw new HttpError(409, 'not_open', `This order is ${order.status}.`)
  const cancelled: Order = { ...order, status: 'cancelled', cancelledAt: isoSeconds(now), cancelReason: reason }
  db.prepare('UPDATE orders SET document = ? WHERE id = ?').run(JSON.stringify(cancelled), id)
  return json(200, { ...stamp(now), ...toWire(id, cancelled, mended) })
}

function getCustomer({ db, id }: Context): Reply {
  const customer = loadCustomer(db, id)
  if (customer === null) throw new HttpError(404, 'unknown_customer', `There is no customer ${id}.`)
  const { name, email, city, country, since } = customer
  return json(200, { id, name, email, city, country, since })
}

/**
 * PLANTED FAULT 1, a wrong status: an unknown order is refused like any other bad input, with 400. Legacy says 404.
 */
function loadOrder(db: DatabaseSync, id: number, mended: boolean): Order {
  const row = db.prepare('SELECT document FROM orders WHERE id = ?').get(id)
  if (row === undefined) throw new HttpError(mended ? 404 : 400, 'unknown_order', `There is no order ${id}.`)
  return parseOrder(row.document)
}

/**
 * PLANTED FAULT 2, a rounding error: tax is rounded on every item, in floating point. Legacy rounds once, on the sum,
 * in integers. Most totals agree; some orders are a cent off.
 */
function totalOf(order: Order, mended: boolean): number {
  if (mended) {
    const net = order.items.reduce((sum, { quantity, unitPrice }) => sum + quantity * cents(unitPrice), 0)
    return (net + Math.round((net * Math.round(order.taxRate * 100)) / 100)) / 100
  }
  let total = 0
  for (const { quantity, unitPrice } of order.items) {
    const net = quantity * unitPrice
    total += net + Math.round(net * order.taxRate * 100) / 100
  }
  return total
}

/** PLANTED FAULT 3, a missing field: `cancel_reason` is stored with every cancelled order, but was forgotten here. */
function toWire(id: number, order: Order, mended: boolean): object {
  return {
    id,
    customer_id: order.customerId,
    status: order.status,
    placed_at: order.placedAt,
    tax_percent: Math.round(order.taxRate * 100),
    total_cents: cents(totalOf(order, mended)),
    currency: 'EUR',
    lines: order.items.map(({ sku, title, quantity, unitPrice }) => {
      return { sku, title, quantity, unit_price_cents: cents(unitPrice) }
    }),
    ...(order.status === 'cancelled' ? { cancelled_at: order.cancelledAt } : {}),
    ...(order.status === 'cancelled' && mended ? { cancel_reason: order.cancelReason } : {}),
  }
}

function toListWire(id: number, order: Order, mended: boolean): object {
  const { customerId, status, placedAt } = order
  return { id, customer_id: customerId, status, placed_at: placedAt, total_cents: cents(totalOf(order, mended)) }
}

function parseOrder(document: unknown): Order {
  return JSON.parse(String(document))
}

function parseItem(db: DatabaseSync, line: unknown): OrderItem {
  const { sku, quantity } = Object(line) as Record<string, unknown>
  const product =
    typeof sku === 'string' ? db.prepare('SELECT title, price FROM products WHERE sku = ?').get(sku) : null
  if (typeof sku !== 'string' || !product) throw new HttpError(400, 'bad_request', 'sku is not one of ours.')
  if (typeof quantity !== 'number' || !Number.isInteger(quantity) || quantity < 1 || quantity > 99) {
    throw new HttpError(400, 'bad_request', 'quantity is a whole number from 1 to 99.')
  }
  return { sku, title: String(product.title), quantity, unitPrice: Number(product.price) }
}

function loadCustomer(db: DatabaseSync, id: unknown): Customer | null {
  if (typeof id !== 'number') return null
  const row = db.prepare('SELECT document FROM customers WHERE id = ?').get(id)
  return row === undefined ? null : JSON.parse(String(row.document))
}

function sessionCustomer(db: DatabaseSync, now: Date, cookies: string): unknown {
  const sessionId = /(?:^|;\s*)sid=([0-9a-f]{32})(?:;|$)/.exec(cookies)?.[1] ?? ''
  const session = db.prepare('SELECT customerId FROM sessions WHERE sessionId = ? AND expiresMs > ?')
  return session.get(sessionId, now.getTime())?.customerId
}

function openDatabase(directory: string): DatabaseSync {
  mkdirSync(directory, { recursive: true })
  const db = new DatabaseSync(join(directory, 'new.db'))
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  if (db.prepare('PRAGMA user_version').get()?.user_version === 0) migrate(db)
  return db
}

/** Orders and customers are documents here; on the way, cents became euros and percents became rates. */
function migrate(db: DatabaseSync): void {
  db.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE customers (id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE, document TEXT NOT NULL) STRICT;
    CREATE TABLE products (sku TEXT PRIMARY KEY, title TEXT NOT NULL, price REAL NOT NULL) STRICT;
    CREATE TABLE orders (id INTEGER PRIMARY KEY, document TEXT NOT NULL,
                         status TEXT NOT NULL GENERATED ALWAYS AS (document ->> 'status')) STRICT;
    CREATE TABLE sessions (id INTEGER PRIMARY KEY, sessionId TEXT NOT NULL UNIQUE, customerId INTEGER NOT NULL,
                           expiresMs INTEGER NOT NULL) STRICT;
    CREATE INDEX ordersByStatus ON orders (status, id)`)
  const { customers, products, orders } = seedData()
  const insertCustomer = db.prepare('INSERT INTO customers VALUES (?, ?, ?)')
  for (const { id, login, taxPercent, ...customer } of customers) {
    insertCustomer.run(id, login, JSON.stringify({ ...customer, taxRate: taxPercent / 100 }))
  }
  const insertProduct = db.prepare('INSERT INTO products VALUES (?, ?, ?)')
  for (const { sku, title, priceCents } of products) insertProduct.run(sku, title, priceCents / 100)
  const insertOrder = db.prepare('INSERT INTO orders (id, document) VALUES (?, ?)')
  for (const { id, taxPercent, lines, ...order } of orders) {
    const items = lines.map(({ unitPriceCents, ...line }) => ({ ...line, unitPrice: unitPriceCents / 100 }))
    insertOrder.run(id, JSON.stringify({ ...order, taxRate: taxPercent / 100, items } satisfies Order))
  }
  db.exec('PRAGMA user_version = 1; COMMIT')
}

/** Reads to the end even when it is too much: a caller who is still sending would not see the refusal. */
async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk)
  }
  if (bytes > MAX_BODY_BYTES) throw new HttpError(413, 'too_large', `At most ${MAX_BODY_BYTES} bytes.`)
  return Buffer.concat(chunks).toString('utf8')
}

function parseObject(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // Said below, in the words for everything that is not an object.
  }
  throw new HttpError(400, 'bad_request', 'The body is not a JSON object.')
}

function replyToError(error: unknown): Reply {
  if (error instanceof HttpError)
    return json(error.status, { error: error.code, message: error.message }, error.headers)
  console.error('new orders:', error)
  return json(500, { error: 'internal', message: 'That went wrong on our side.' })
}

function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return reply(status, 'application/json; charset=utf-8', JSON.stringify(value), headers)
}

function reply(status: number, type: string, body: string, headers: Readonly<Record<string, string>> = {}): Reply {
  const length = String(Buffer.byteLength(body))
  return { status, headers: { 'content-type': type, 'content-length': length, ...headers }, body }
}

function stamp(now: Date): object {
  return { request_id: randomUUID(), served_at: now.toISOString() }
}

function cents(euros: number): number {
  return Math.round(euros * 100)
}

function isoSeconds(now: Date): string {
  return `${now.toISOString().slice(0, 19)}Z`
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, character => `&#${character.charCodeAt(0)};`)
}

/** Does not keep a process alive that has nothing else to do. */
function waitQuietly(ms: number): Promise<unknown> {
  return sleep(ms, undefined, { ref: false })
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '3002' },
      db: { type: 'string', default: '.banyan/orders' },
      mended: { type: 'boolean', default: false },
    },
  })
  const service = await startNew({ port: Number(values.port), directory: values.db, mended: values.mended })
  console.log(`new orders on ${service.url}, data in ${join(values.db, 'new.db')}, Ctrl-C stops it`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void service.close())
}

if (import.meta.main) await main()
