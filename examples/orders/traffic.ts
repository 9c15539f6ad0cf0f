// Makes bounded, believable traffic on the order service: users who keep their id and their connection.
//
// Every user does one thing at a time and has an own stream of random numbers, so the same seed gives every user the
// same requests, whatever the timing. What users read is what the seed data holds: pages and orders that no new order
// and no cancellation changes. So when writes go to one side only, as at the start of a migration, the two sides still
// have the same answers to give; the difference in their data is not mistaken for a fault of the new service.
import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { parseArgs } from 'node:util'
import { createRandom, type Order, type OrderStatus, pick, seedData } from './seed.ts'

export interface TrafficOptions {
  /** Where to send: the origin of the proxy, or of one service. Plain `http:` only. */
  readonly url: string
  /** How many: `user-1`, `user-2`, … in the header `x-user-id`. Default 40. */
  readonly users?: number
  /** Turns per second over all users. Default 60. */
  readonly perSecond?: number
  /** Default 1. */
  readonly seed?: number
  /** Milliseconds; null: until `stop` or `maxRequests`. Default null. */
  readonly durationMs?: number | null
  /** Turns in all. Default 200,000. A turn at which every user still waits for an answer is skipped, but counts. */
  readonly maxRequests?: number
  /** Share of requests that write, 0 to 1. Default 0.05. */
  readonly unsafe?: number
  /** Told of each request that got no complete answer. */
  readonly onError?: (
    error: Error,
    request: { readonly user: string; readonly method: string; readonly path: string },
  ) => void
  /** Milliseconds that never go back. Default `performance.now`. */
  readonly clock?: () => number
}

export interface TrafficStats {
  readonly sent: number
  /** Complete answers of any status. */
  readonly answered: number
  /** No complete answer. */
  readonly failed: number
  /** Still under way when the traffic was stopped, and cut off. */
  readonly cutOff: number
  /** Turns at which every user was still waiting, or this process was held up. */
  readonly skipped: number
  readonly byStatus: Readonly<Record<'2xx' | '3xx' | '4xx' | '5xx', number>>
  /** By the `x-served-by` header; `other`: answers of neither service, such as an error of the proxy. */
  readonly byServedBy: Readonly<Record<Side | 'other', number>>
  /** Users whose safe requests of one kind were answered by both sides, and how often that turned, since `forgetSides`. */
  readonly flips: { readonly users: number; readonly toNew: number; readonly toLegacy: number }
}

export interface Traffic {
  stats(): TrafficStats
  /** Counts flips afresh: call it after a change of weight, which moves users on purpose. */
  forgetSides(): void
  /** Sends nothing more, gives what is under way a second, closes the connections. May be called again. */
  stop(): Promise<void>
  /** Resolves when the traffic has stopped, by itself or by `stop`. */
  readonly finished: Promise<TrafficStats>
}

export interface User {
  readonly id: string
  readonly customerId: number
  readonly random: () => number
  /** Ids of orders this user has made and not cancelled; the last few. */
  readonly created: number[]
}

export interface Plan {
  readonly kind: 'list' | 'order' | 'invoice' | 'customer' | 'report' | 'login' | 'create' | 'cancel'
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body: string | null
}

type Side = 'legacy' | 'new'

interface Visitor extends User {
  readonly agent: Agent
  cookie: string | null
  busy: boolean
}

const TICK_MS = 10
const ANSWER_TIMEOUT_MS = 10_000
const STOP_GRACE_MS = 1000
const MAX_KEPT_BYTES = 64 * 1024
const { customers, products, orders } = seedData()
const cancelledOrders = orders.filter(order => order.status === 'cancelled')

/** Lists that users look at, and how many of their pages: full ones in the seed data, and never the last. */
const LISTS: readonly (readonly [status: OrderStatus | null, pages: number])[] = [
  [null, 20],
  [null, 20],
  ['open', 3],
  ['shipped', 15],
  ['cancelled', 2],
]

/** How often a reading user does what; the numbers add up to 100. */
const READS: readonly (readonly [share: number, plan: (user: User) => Plan])[] = [
  [26, listOrders],
  [33, user => read('order', `/orders/${anOrder(user, orders).id}`)],
  [8, user => read('order', `/orders/${anOrder(user, cancelledOrders).id}`)],
  [3, user => read('order', `/orders/${900_000 + Math.floor(user.random() * 100_000)}`)],
  [12, user => read('invoice', `/orders/${anOrder(user, orders).id}/invoice`)],
  [14, user => read('customer', `/customers/${user.customerId}`)],
  [2, user => read('login', `/login?user=${customers[user.customerId - 1]!.login}`)],
  [2, () => read('report', '/reports/monthly')],
]

/** Starts at once. Throws a RangeError on options that make no sense, a TypeError on a bad `url`. */
export function startTraffic(options: TrafficOptions): Traffic {
  const { users = 40, perSecond = 60, seed = 1, durationMs = null, maxRequests = 200_000, unsafe = 0.05 } = options
  const { onError = () => {}, clock = () => performance.now() } = options
  const { protocol, origin } = new URL(options.url)
  if (protocol !== 'http:') throw new TypeError(`url starts with http:, not ${protocol}`)
  requireRange('users', users, 1, 10_000)
  requireRange('perSecond', perSecond, 0.01, 10_000)
  requireRange('maxRequests', maxRequests, 0, 1e9)
  requireRange('unsafe', unsafe, 0, 1)
  if (durationMs !== null) requireRange('durationMs', durationMs, 0, 2 ** 31)

  const random = createRandom(seed)
  const visitors = Array.from({ length: Math.floor(users) }, (_, index) => createVisitor(index, seed))
  const underWay = new Set<ClientRequest>()
  const finished = Promise.withResolvers<TrafficStats>()
  const drained = Promise.withResolvers<void>()
  const count = { sent: 0, answered: 0, failed: 0, cutOff: 0, skipped: 0 }
  const byStatus = { '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0 }
  const byServedBy = { legacy: 0, new: 0, other: 0 }
  const startedAt = clock()
  let sides = createSides()
  let turns = 0
  let stopping: Promise<void> | null = null
  const timer = setInterval(tick, TICK_MS)

  function tick(): void {
    const elapsedMs = clock() - startedAt
    const due = Math.min(maxRequests, Math.floor((elapsedMs / 1000) * perSecond))
    // After a pause of this process at most a second's worth is caught up with.
    const missed = Math.max(0, Math.floor(due - perSecond) - turns)
    turns += missed
    count.skipped += missed
    for (; turns < due; turns++) takeTurn()
    if (turns >= maxRequests || (durationMs !== null && elapsedMs >= durationMs)) void stop()
  }

  function takeTurn(): void {
    const first = Math.floor(random() * visitors.length)
    for (let step = 0; step < visitors.length; step++) {
      const visitor = visitors[(first + step) % visitors.length]!
      if (visitor.busy) continue
      send(visitor, planRequest(visitor, unsafe))
      return
    }
    count.skipped++
  }

  function send(visitor: Visitor, plan: Plan): void {
    const { method, path, body } = plan
    const headers: Record<string, string> = { 'x-user-id': visitor.id, accept: 'application/json, application/xml' }
    if (visitor.cookie !== null) headers.cookie = visitor.cookie
    if (body !== null) headers['content-type'] = 'application/json'
    if (body !== null) headers['content-length'] = String(Buffer.byteLength(body))
    const sidesThen = sides
    const request = httpRequest(`${origin}${path}`, { agent: visitor.agent, method, headers })
    visitor.busy = true
    underWay.add(request)
    count.sent++
    request.setTimeout(ANSWER_TIMEOUT_MS, () => request.destroy(new Error(`no answer in ${ANSWER_TIMEOUT_MS} ms`)))
    request.on('error', fail)
    request.on('response', response => {
      response.on('error', fail)
      collect(response, plan.kind === 'create', text => succeed(response, text))
    })
    request.end(body ?? undefined)

    function succeed(response: IncomingMessage, text: string): void {
      if (!settle()) return
      const side = sideOf(response)
      count.answered++
      byServedBy[side ?? 'other']++
      byStatus[statusClass(response.statusCode ?? 500)]++
      if (method === 'GET' && side !== null) sidesThen.note(visitor.id, plan.kind, side)
      remember(visitor, plan, response, text)
    }

    function fail(error: Error): void {
      if (!settle()) return
      count.failed++
      onError(error, { user: visitor.id, method, path })
    }

    /** False when this request is over already, one way or another. */
    function settle(): boolean {
      if (!underWay.delete(request)) return false
      visitor.busy = false
      if (stopping !== null && underWay.size === 0) drained.resolve()
      return true
    }
  }

  function stats(): TrafficStats {
    return { ...count, byStatus: { ...byStatus }, byServedBy: { ...byServedBy }, flips: sides.flips() }
  }

  async function windDown(): Promise<void> {
    clearInterval(timer)
    if (underWay.size === 0) drained.resolve()
    const grace = setTimeout(() => {
      count.cutOff = underWay.size
      const late = [...underWay]
      underWay.clear()
      for (const request of late) request.destroy()
      drained.resolve()
    }, STOP_GRACE_MS)
    await drained.promise
    clearTimeout(grace)
    for (const visitor of visitors) visitor.agent.destroy()
    finished.resolve(stats())
  }

  function stop(): Promise<void> {
    stopping ??= windDown()
    return stopping
  }

  function forgetSides(): void {
    // Answers to what is under way still go to the old book: they may come from before the change.
    sides = createSides()
  }
  return { stats, forgetSides, stop, finished: finished.promise }
}

/** What this user does next. */
export function planRequest(user: User, unsafe: number): Plan {
  if (user.random() < unsafe) return planWrite(user)
  let ticket = user.random() * 100
  for (const [share, plan] of READS) {
    if (ticket < share) return plan(user)
    ticket -= share
  }
  return listOrders(user)
}

/** Mostly a new order, sometimes the cancellation of one made before; orders of the seed data are left alone. */
function planWrite(user: User): Plan {
  if (user.created.length > 0 && user.random() < 0.3) {
    const path = `/orders/${user.created.shift()}/cancel`
    return { kind: 'cancel', method: 'POST', path, body: JSON.stringify({ reason: 'changed my mind' }) }
  }
  const lines = Array.from({ length: pick(user.random, [1, 2, 3]) }, () => {
    return { sku: pick(user.random, products).sku, quantity: 1 + Math.floor(user.random() * 4) }
  })
  const body = JSON.stringify({ customer_id: user.customerId, lines })
  return { kind: 'create', method: 'POST', path: '/orders', body }
}

/** Mostly the first page, and never one that new orders would reach. */
function listOrders({ random }: User): Plan {
  const [status, pages] = pick(random, LISTS)
  const page = 1 + Math.floor(random() ** 3 * pages)
  const query = [...(status === null ? [] : [`status=${status}`]), ...(page === 1 ? [] : [`page=${page}`])].join('&')
  return read('list', query === '' ? '/orders' : `/orders?${query}`)
}

function read(kind: Plan['kind'], path: string): Plan {
  return { kind, method: 'GET', path, body: null }
}

function anOrder(user: User, list: readonly Order[]): Order {
  return pick(user.random, list)
}

function createVisitor(index: number, seed: number): Visitor {
  return {
    id: `user-${index + 1}`,
    customerId: (index % customers.length) + 1,
    random: createRandom(seed * 1_000_003 + index + 1),
    created: [],
    // One connection each, kept open, as a browser or an app does.
    agent: new Agent({ keepAlive: true, maxSockets: 1 }),
    cookie: null,
    busy: false,
  }
}

function remember(visitor: Visitor, plan: Plan, response: IncomingMessage, text: string): void {
  const session = response.headers['set-cookie']?.find(cookie => cookie.startsWith('sid='))
  if (session !== undefined) visitor.cookie = session.split(';', 1)[0]!
  if (plan.kind !== 'create' || response.statusCode !== 201) return
  const id = /"id":(\d{1,15})\b/.exec(text)?.[1]
  if (id !== undefined) visitor.created.push(Number(id))
  if (visitor.created.length > 10) visitor.created.shift()
}

/** Reads an answer to its end, keeping the text only when it is wanted. Says nothing when the answer breaks off. */
function collect(response: IncomingMessage, wanted: boolean, done: (text: string) => void): void {
  let text = ''
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    if (wanted && text.length < MAX_KEPT_BYTES) text += chunk
  })
  response.on('end', () => done(text))
}

function statusClass(status: number): keyof TrafficStats['byStatus'] {
  if (status < 300) return '2xx'
  if (status < 400) return '3xx'
  return status < 500 ? '4xx' : '5xx'
}

function sideOf(response: IncomingMessage): Side | null {
  const side = response.headers['x-served-by']
  return side === 'legacy' || side === 'new' ? side : null
}

/** Who answered whom last, per kind of request. */
function createSides() {
  const last = new Map<string, Side>()
  const moved = new Set<string>()
  let toNew = 0
  let toLegacy = 0
  return {
    note(user: string, kind: string, side: Side): void {
      const key = `${user} ${kind}`
      const before = last.get(key) ?? side
      last.set(key, side)
      if (before === side) return
      moved.add(user)
      if (side === 'new') toNew++
      else toLegacy++
    },
    flips: () => ({ users: moved.size, toNew, toLegacy }),
  }
}

function requireRange(name: string, value: number, min: number, max: number): void {
  if (!(value >= min && value <= max)) throw new RangeError(`${name} is a number from ${min} to ${max}, not ${value}`)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: 'string', default: 'http://127.0.0.1:8080' },
      users: { type: 'string', default: '40' },
      'per-second': { type: 'string', default: '60' },
      seconds: { type: 'string' },
      seed: { type: 'string', default: '1' },
      unsafe: { type: 'string', default: '0.05' },
    },
  })
  const traffic = startTraffic({
    url: values.url,
    users: Number(values.users),
    perSecond: Number(values['per-second']),
    durationMs: values.seconds === undefined ? null : Number(values.seconds) * 1000,
    seed: Number(values.seed),
    unsafe: Number(values.unsafe),
    onError: (error, { user, method, path }) => console.error(`${user} ${method} ${path}: ${error.message}`),
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void traffic.stop())
  console.log(JSON.stringify(await traffic.finished, null, 2))
}

if (import.meta.main) await main()
