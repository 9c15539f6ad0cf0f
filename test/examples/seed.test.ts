// The seed data: the same on every run, and with everything in it that the demo shows.
import t from 'tap'
import { createRandom, ORDER_STATUSES, pick, seedData } from '../../examples/orders/seed.ts'

t.test('every call gives the same data', async t => {
  t.strictSame(seedData(), seedData())
})

t.test('random numbers depend on the seed alone and fill [0, 1)', async t => {
  const draw = (seed: number) => Array.from({ length: 1000 }, createRandom(seed))
  t.strictSame(draw(7), draw(7))
  t.not(draw(7)[0], draw(8)[0])
  t.ok(draw(7).every(number => number >= 0 && number < 1))
  const mean = draw(7).reduce((sum, number) => sum + number, 0) / 1000
  t.ok(mean > 0.45 && mean < 0.55, `mean ${mean}`)
  t.equal(
    pick(() => 0.999999, ['a', 'b', 'c']),
    'c',
  )
})

t.test('the data is whole', async t => {
  const { customers, products, orders } = seedData()
  t.strictSame(
    customers.map(customer => customer.id),
    customers.map((_, index) => index + 1),
  )
  t.strictSame(
    orders.map(order => order.id),
    orders.map((_, index) => 1001 + index),
  )
  const prices = new Map(products.map(product => [product.sku, product.priceCents]))
  for (const order of orders) {
    const cancelled = order.status === 'cancelled'
    const customer = customers[order.customerId - 1]
    const whole =
      customer?.taxPercent === order.taxPercent &&
      order.lines.length >= 1 &&
      order.lines.every(line => prices.get(line.sku) === line.unitPriceCents && line.quantity >= 1) &&
      (order.cancelledAt !== null) === cancelled &&
      (order.cancelReason !== null) === cancelled &&
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(order.placedAt)
    if (!whole) t.fail(`order ${order.id}`, order)
  }
  for (const status of ORDER_STATUSES) t.ok(orders.filter(order => order.status === status).length > 40, status)
})
