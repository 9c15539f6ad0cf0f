// What came since the last look: all of it, never less than nothing, whatever workers do.
import fc from 'fast-check'
import t from 'tap'
import { Counted } from '../../src/charts/counted.ts'
import { readingsOf, Workers } from './make.ts'

t.test('the difference of two looks, by side; routes without any are not in it', async t => {
  const counted = new Counted()
  t.same(
    [...counted.take(readingsOf({ orders: { legacy: 5, new: 2, errors: 1 }, cart: {} }))],
    [['orders', { requests: { legacy: 5, new: 2 }, errors: { legacy: 1, new: 1 } }]],
  )
  t.same([...counted.take(readingsOf({ orders: { legacy: 5, new: 2, errors: 1 } }))], [])
  t.match(
    [...counted.take(readingsOf({ orders: { legacy: 6, new: 2, errors: 1 }, cart: { new: 1 } }))],
    [
      ['orders', { requests: { legacy: 1, new: 0 }, errors: { legacy: 0, new: 0 } }],
      ['cart', { requests: { legacy: 0, new: 1 } }],
    ],
  )
})

t.test('a route that went away and came back begins anew', async t => {
  const counted = new Counted()
  counted.take(readingsOf({ orders: { legacy: 100 } }))
  t.same([...counted.take(readingsOf({ orders: { legacy: 3 } }))], [], 'between two looks: nothing is made up')
  t.match(counted.take(readingsOf({ orders: { legacy: 5 } })).get('orders'), { requests: { legacy: 2 } })
  t.same([...counted.take(readingsOf({}))], [])
  t.match(counted.take(readingsOf({ orders: { legacy: 7 } })).get('orders'), { requests: { legacy: 7 } })
})

t.test('whatever workers do: sums are what was seen', async t => {
  const serve = fc.record({
    type: fc.constant('serve' as const),
    worker: fc.nat(2),
    route: fc.constantFrom('orders', 'cart'),
    side: fc.constantFrom('legacy' as const, 'new' as const),
    times: fc.nat(50),
  })
  const step = fc.oneof(
    serve,
    fc.record({ type: fc.constant('crash' as const), worker: fc.nat(2) }),
    fc.record({ type: fc.constant('look' as const) }),
    fc.record({ type: fc.constant('take' as const) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const [workers, counted] = [new Workers(3), new Counted()]
      let [expected, found] = [0, 0]
      const take = () => {
        for (const { requests, errors } of counted.take(workers.readings()).values()) {
          for (const one of [requests, errors]) if (one.legacy < 0 || one.new < 0) throw new Error('below nothing')
          found += requests.legacy + requests.new
        }
      }
      for (const one of steps) {
        if (one.type === 'serve') {
          workers.serve(one.worker, one.route, one.side, one.times)
          expected += one.times
        } else if (one.type === 'crash') expected -= workers.crash(one.worker)
        else if (one.type === 'look') workers.look()
        else take()
      }
      workers.look()
      take()
      return found === expected
    }),
  )
  t.pass()
})
