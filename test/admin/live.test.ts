// Traffic told live: all of it first, then what changed; nothing is looked at while nobody listens.
import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Test } from 'tap'
import t from 'tap'
import type { TrafficEvent } from '../../src/admin/api.ts'
import { createLive } from '../../src/admin/live.ts'

function make(t: Test) {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const looks = { count: 0, fails: false }
  const perSecond: Record<string, number> = { orders: 1, cart: 1 }
  const told: { whole: string[]; changed: string[] }[] = []
  const house = { listeners: 0, join: () => {} }
  const lines: string[] = []
  const live = createLive({
    events: {
      live(type, whole, change) {
        t.equal(type, 'traffic')
        const ids = (event: unknown) => (event as TrafficEvent).routes.map(({ id }) => id)
        told.push({ whole: ids(whole()), changed: ids(change) })
      },
      count: () => house.listeners,
      joined(tell) {
        house.join = tell
      },
    },
    async look() {
      looks.count++
      if (looks.fails) throw new Error('no')
    },
    view: () => ({
      at: 0,
      routes: Object.entries(perSecond).map(([id, rate]) => ({
        id,
        perSecond: rate,
      })) as unknown as TrafficEvent['routes'],
      default: null,
    }),
    log: (_, message) => lines.push(message),
  })
  t.teardown(live.close)
  return {
    looks,
    perSecond,
    told,
    lines,
    live,
    listen() {
      house.listeners++
      house.join()
      return setImmediate()
    },
    leave: () => house.listeners--,
    async pass(ms: number) {
      mock.timers.tick(ms)
      await setImmediate()
    },
  }
}

t.test('at once to who comes, then every two seconds what changed', async t => {
  const { told, perSecond, listen, pass } = make(t)
  await listen()
  t.same(told, [{ whole: ['orders', 'cart'], changed: ['orders', 'cart'] }])
  perSecond.cart = 2
  await pass(1_999)
  t.equal(told.length, 1)
  await pass(1)
  t.same(told.at(-1), { whole: ['orders', 'cart'], changed: ['cart'] })
  await pass(2_000)
  t.same(told.at(-1)?.changed, [], 'that nothing changed is told, too')
})

t.test('nobody listens: nothing is looked at', async t => {
  const { looks, told, listen, leave, pass } = make(t)
  await pass(60_000)
  t.equal(looks.count, 0)
  await listen()
  leave()
  await pass(2_000)
  const { count } = looks
  await pass(60_000)
  t.equal(looks.count, count)
  await listen()
  t.same(told.at(-1)?.changed, ['orders', 'cart'], 'what was told to others is forgotten')
})

t.test('many who come at once are told together', async t => {
  const { looks, listen, pass } = make(t)
  await Promise.all(Array.from({ length: 60 }, listen))
  await setImmediate()
  t.ok(looks.count <= 2, `${looks.count} looks`)
  await pass(2_000)
  t.ok(looks.count <= 3, 'and one timer goes on')
})

t.test('a look that fails is logged, and the next one comes', async t => {
  const { looks, told, lines, listen, pass, live } = make(t)
  looks.fails = true
  await listen()
  t.same([told.length, lines.length], [0, 1])
  looks.fails = false
  await pass(2_000)
  t.equal(told.length, 1)
  live.close()
  await pass(10_000)
  t.equal(told.length, 1)
})
