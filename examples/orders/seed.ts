// The data both order services start with: the same customers, products and orders on every run, made from one number.

export interface Customer {
  readonly id: number
  /** What the customer signs in with: `user-1`, `user-2`, … */
  readonly login: string
  readonly name: string
  readonly email: string
  readonly city: string
  readonly country: string
  /** Whole percent. */
  readonly taxPercent: number
  /** `YYYY-MM-DD` */
  readonly since: string
}

export interface Product {
  readonly sku: string
  readonly title: string
  readonly priceCents: number
}

export interface OrderLine {
  readonly sku: string
  readonly title: string
  readonly quantity: number
  readonly unitPriceCents: number
}

export const ORDER_STATUSES = ['open', 'shipped', 'cancelled'] as const
export type OrderStatus = (typeof ORDER_STATUSES)[number]

export interface Order {
  readonly id: number
  readonly customerId: number
  readonly status: OrderStatus
  /** ISO 8601 in UTC, whole seconds. */
  readonly placedAt: string
  readonly taxPercent: number
  readonly lines: readonly OrderLine[]
  /** Both null unless the order is cancelled. */
  readonly cancelledAt: string | null
  readonly cancelReason: string | null
}

export interface SeedData {
  readonly customers: readonly Customer[]
  readonly products: readonly Product[]
  readonly orders: readonly Order[]
}

const CUSTOMERS = 60
const ORDERS = 600
const FIRST_ORDER_ID = 1001
/** The newest orders are still open; what is older has been shipped. */
const OPEN_ORDERS = 90
const CANCELLED_SHARE = 0.12

const FIRST_NAMES = ['Anna', 'Bram', 'Chloé', 'Daan', 'Elif', 'Franz', 'Greta', 'Hugo', 'Inès', 'Jonas', 'Katja', 'Luc']
const LAST_NAMES = ['Aydın', 'Becker', 'Claes', 'Dubois', 'Egger', 'Faure', 'de Groot', 'Huber', 'Janssens', 'König']
const PLACES = [
  { city: 'Köln', country: 'DE', taxPercent: 19 },
  { city: 'Leipzig', country: 'DE', taxPercent: 19 },
  { city: 'Wien', country: 'AT', taxPercent: 20 },
  { city: 'Lyon', country: 'FR', taxPercent: 20 },
  { city: 'Utrecht', country: 'NL', taxPercent: 21 },
  { city: 'Liège', country: 'BE', taxPercent: 21 },
] as const
const PRODUCTS: readonly Product[] = [
  { sku: 'TEA-100', title: 'Green tea, 100 g', priceCents: 649 },
  { sku: 'TEA-250', title: 'Earl Grey, 250 g', priceCents: 1195 },
  { sku: 'COF-500', title: 'Coffee beans, 500 g', priceCents: 1249 },
  { sku: 'MUG-001', title: 'Mug "Good morning"', priceCents: 899 },
  { sku: 'POT-012', title: 'Teapot, 1.2 l', priceCents: 3490 },
  { sku: 'KET-017', title: 'Kettle, 1.7 l', priceCents: 4999 },
  { sku: 'GRI-002', title: 'Salt & pepper mills', priceCents: 2795 },
  { sku: 'FIL-040', title: 'Paper filters <1x4>, 40 pcs', priceCents: 279 },
  { sku: 'SPO-006', title: 'Spoons, set of 6', priceCents: 1533 },
  { sku: 'JAR-003', title: 'Storage jars, set of 3', priceCents: 2217 },
  { sku: 'HON-450', title: 'Acacia honey, 450 g', priceCents: 743 },
  { sku: 'CHO-085', title: 'Chocolate 85 %', priceCents: 361 },
]
const CANCEL_REASONS = ['changed my mind', 'ordered twice', 'found it cheaper', 'delivery too late', 'wrong address']

/** The same data on every call. */
export function seedData(): SeedData {
  const random = createRandom(2011)
  const customers = makeCustomers(random)
  return { customers, products: PRODUCTS, orders: makeOrders(random, customers) }
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed | 0
  return function random() {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** One element of a list that is not empty. */
export function pick<T>(random: () => number, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)]!
}

function makeCustomers(random: () => number): Customer[] {
  return Array.from({ length: CUSTOMERS }, (_, index) => {
    const id = index + 1
    return {
      id,
      login: `user-${id}`,
      name: `${pick(random, FIRST_NAMES)} ${pick(random, LAST_NAMES)}`,
      email: `user-${id}@example.com`,
      ...pick(random, PLACES),
      since: isoTime(Date.UTC(2012, 0, 1) + random() * 10 * 365 * 86_400_000).slice(0, 10),
    }
  })
}

function makeOrders(random: () => number, customers: readonly Customer[]): Order[] {
  let placedMs = Date.UTC(2024, 0, 8, 8)
  return Array.from({ length: ORDERS }, (_, index) => {
    placedMs += random() * 2 * 86_400_000
    const customer = pick(random, customers)
    const cancelled = random() < CANCELLED_SHARE
    return {
      id: FIRST_ORDER_ID + index,
      customerId: customer.id,
      status: cancelled ? 'cancelled' : index < ORDERS - OPEN_ORDERS ? 'shipped' : 'open',
      placedAt: isoTime(placedMs),
      taxPercent: customer.taxPercent,
      lines: makeLines(random),
      cancelledAt: cancelled ? isoTime(placedMs + random() * 86_400_000) : null,
      cancelReason: cancelled ? pick(random, CANCEL_REASONS) : null,
    }
  })
}

function makeLines(random: () => number): OrderLine[] {
  return Array.from({ length: pick(random, [1, 1, 2, 2, 3]) }, () => {
    const { sku, title, priceCents } = pick(random, PRODUCTS)
    return { sku, title, quantity: 1 + Math.floor(random() * 4), unitPriceCents: priceCents }
  })
}

function isoTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`
}
