// One key with most of the traffic, requests without a key, one address for many: said with enough samples, never in the clear.
import { hash } from 'node:crypto'
import t from 'tap'
import { createKeys, type Keys } from '../../src/doctor/keys.ts'
import type { Route } from '../../src/model/route.ts'
import { matching, route } from '../routing/make.ts'
import { sample, testClock } from './make.ts'

const orders = route(0, matching('/orders/*'), {
  id: 'orders',
  sticky: [{ kind: 'header', name: 'x-user-id' }],
})

function make(): Keys {
  return createKeys({
    clock: testClock(),
    keyOf: ({ headers }) => (headers.length < 2 ? null : { from: 'header:x-user-id', value: headers[1] as string }),
  })
}

/** One in so many requests is not the robot's. */
function feed(keys: Keys, of: Route, count: number, robotEvery: number): void {
  for (let i = 0; i < count; i++) {
    const user = i % robotEvery === 0 ? `user-${i}` : 'crawler-7'
    keys.sample(sample(of, { headers: ['x-user-id', user], address: `192.0.2.${i % 200}` }))
  }
}

t.test('a robot is named by its hash', async t => {
  const keys = make()
  feed(keys, orders, 1000, 4)
  const [found, ...more] = keys.findings([orders])
  t.same(more, [])
  t.match(found, {
    code: 'one_key',
    level: 'warn',
    route: 'orders',
    evidence: { from: 'header:x-user-id', sampled: 1000 },
  })
  t.equal(found?.evidence.hashed, hash('sha256', 'crawler-7').slice(0, 8))
  t.ok(Math.abs((found?.evidence.share as number) - 0.75) < 0.02)
  t.notMatch(JSON.stringify(found), /crawler-7|user-\d/, 'no key in the clear')
})

t.test('few samples say nothing, and many users are fine', async t => {
  const keys = make()
  feed(keys, orders, 150, 4)
  t.match(keys.findings([orders]), [{ code: 'keys_unknown', level: 'note' }])
  const spread = make()
  feed(spread, orders, 1000, 1)
  t.match(spread.findings([orders]), [{ code: 'keys_spread', level: 'ok' }])
  t.same(spread.findings([]), [], 'of a route that is gone')
  t.same(spread.findings([orders]), [], 'and forgotten')
})

t.test('the share of requests without a key', async t => {
  const keys = make()
  for (let i = 0; i < 1000; i++) keys.sample(sample(orders, i % 2 === 0 ? { headers: ['x-user-id', `u${i}`] } : {}))
  t.match(keys.findings([orders]), [
    {
      code: 'no_key',
      level: 'warn',
      evidence: { share: 0.5 },
      remedy: { kind: 'sticky', sources: ['header:x-user-id', 'auto'] },
    },
  ])
  const none = route(0, matching('/x'), { id: 'none' })
  for (let i = 0; i < 300; i++) keys.sample(sample(none))
  t.match(keys.findings([none]), [{ code: 'no_key', level: 'note', evidence: { share: 1 } }])
})

t.test('samples that stand for many count as many', async t => {
  const keys = make()
  for (let i = 0; i < 500; i++) {
    keys.sample(sample(orders, { headers: ['x-user-id', 'busy'], standsFor: 10 }))
    keys.sample(sample(orders, { headers: ['x-user-id', `u${i}`], standsFor: 10 }))
  }
  t.match(keys.findings([orders]), [{ code: 'one_key', evidence: { share: 0.5 } }])
})

t.test('routes with one side are not split', async t => {
  const keys = make()
  const { sides } = orders
  feed(keys, { ...orders, sides: { ...sides, new: null } }, 1000, 4)
  t.same(keys.findings([orders]), [])
})

t.test('addresses: who has most, and for how many it forwards', async t => {
  const keys = make()
  for (let i = 0; i < 900; i++) {
    keys.sample(sample(orders, { address: '10.0.0.7', headers: ['X-Forwarded-For', `198.51.100.${i % 90}`] }))
    if (i % 9 === 0) keys.sample(sample(orders, { address: `192.0.2.${i % 50}` }))
  }
  const [first, second] = keys.addresses()
  t.match(first, { address: '10.0.0.7', forwards: true, clients: 16, hasMost: true })
  t.match(second, { forwards: false, clients: 0, hasMost: false })
})

t.test('memory is bounded, whatever clients send', async t => {
  const keys = make()
  for (let i = 0; i < 20_000; i++) {
    const of = route(i, matching('/x'), { id: `r${i % 1000}`, sticky: orders.sticky })
    keys.sample(sample(of, { headers: ['x-user-id', `k${i}`], address: `10.${i % 250}.${i % 249}.${i % 248}` }))
  }
  t.ok(keys.addresses().length <= 64)
  const known = keys.findings(Array.from({ length: 1000 }, (_, i) => route(i, matching('/x'), { id: `r${i}` })))
  t.ok(known.length <= 256)
})
