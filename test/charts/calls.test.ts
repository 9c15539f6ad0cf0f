// Calls per day: what is counted when, over midnight, restarts, takeovers and several instances; records that are damaged or old.
import fc from 'fast-check'
import t from 'tap'
import { Calls } from '../../src/charts/calls.ts'
import { Counted } from '../../src/charts/counted.ts'
import { noteHash, REGISTERS } from '../../src/inventory/registers.ts'
import { createBucketer } from '../../src/routing/bucket.ts'
import type { KeptRecord } from '../../src/store/store.ts'
import type { KeysReading } from '../../src/traffic.ts'
import { type Counts, readingsOf, Workers } from './make.ts'

const NOON = Date.parse('2026-11-27T12:00:00Z')
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

let names = 0
const newName = () => `n${++names}`

/** One process: its calls, and where they are kept. */
function make(now: number, store = new Map<string, string>()) {
  const [calls, counted] = [new Calls(now, newName), new Counted()]
  calls.load([...store])
  return {
    calls,
    store,
    count(at: number, counts: Readonly<Record<string, Counts>>) {
      const readings = readingsOf(counts)
      calls.count(counted.take(readings), readings, at)
    },
    save() {
      const { put, remove } = calls.changes()
      for (const key of remove) store.delete(key)
      for (const [key, text] of put) store.set(key, text)
      return { put, remove }
    },
    days: (at: number, others: Iterable<KeptRecord> = [], days = 90) => view(calls, at, others, days).days,
  }
}

function view(calls: Calls, at: number, others: Iterable<KeptRecord> = [], days = 90) {
  return calls.view({ days, shows: () => true, unitOf: route => route }, [...others], at)
}

const bucketOf = createBucketer('seed', 'orders')

function keys(at: number, users: readonly number[], isNew: (user: number) => boolean): KeysReading {
  const found = { day: Math.floor(at / DAY), all: new Uint8Array(REGISTERS), new: new Uint8Array(REGISTERS) }
  for (const user of users) {
    noteHash(found.all, bucketOf(`user-${user}`))
    if (isNew(user)) noteHash(found.new, bucketOf(`user-${user}`))
  }
  return found
}

const users = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)

t.test('counted by day and route; today is not complete', async t => {
  const one = make(NOON)
  one.count(NOON + MINUTE, { orders: { legacy: 5, new: 1 }, cart: { legacy: 2 } })
  t.same(one.days(NOON + MINUTE), [{ day: '2026-11-27', legacy: 7, new: 1, keys: null, complete: false }])
  const only = (route: string) => ({ days: 5, shows: (id: string) => id === route, unitOf: (id: string) => id })
  t.match(one.calls.view(only('cart'), [], NOON + MINUTE), { since: NOON, days: [{ legacy: 2, new: 0 }] })
  t.match(one.calls.view(only('none'), [], NOON + MINUTE).days, [{ legacy: 0, new: 0 }])
})

t.test('what comes around midnight is of the day that most of the time was in', async t => {
  const midnight = NOON + DAY / 2
  const one = make(midnight - 10_000)
  one.count(midnight + 50, { orders: { legacy: 5 } })
  one.count(midnight + 10_050, { orders: { legacy: 6 } })
  t.match(one.days(midnight + 10_050), [
    { day: '2026-11-27', legacy: 5, complete: false },
    { day: '2026-11-28', legacy: 1, complete: false },
  ])
})

t.test('a day is complete when somebody counted all of it, but for a restart', async t => {
  const begin = Date.parse('2026-11-27T00:00:00Z')
  for (const [pauseMs, complete] of [
    [4 * MINUTE, true],
    [6 * MINUTE, false],
  ] as const) {
    const store = new Map<string, string>()
    const first = make(begin, store)
    for (let at = begin; at < NOON; at += MINUTE) first.count(at, {})
    first.save()
    const second = make(NOON + pauseMs, store)
    for (let at = NOON + pauseMs; at <= begin + DAY + MINUTE; at += MINUTE) second.count(at, { orders: { new: 1 } })
    const [day, next] = second.days(begin + DAY + MINUTE)
    t.match(day, { day: '2026-11-27', new: 1, complete })
    t.match(next, { day: '2026-11-28', complete: false })
    t.equal([...store.keys()].length, 1, 'the record of before goes on')
  }
})

t.test('a clock that jumps ahead and back: what is counted after is of the day that it is', async t => {
  const one = make(NOON)
  one.count(NOON + MINUTE, { orders: { legacy: 20 } })
  one.count(NOON + 3 * DAY, { orders: { legacy: 27 } })
  one.count(NOON + 2 * MINUTE, { orders: { legacy: 57 } })
  const today = (days: ReturnType<typeof one.days>) => days.find(({ day }) => day === '2026-11-27')?.legacy
  t.equal(today(one.days(NOON + 3 * MINUTE)), 50)
  one.save()
  const next = make(NOON + HOUR, one.store)
  t.equal(today(next.days(NOON + HOUR)), 50, 'after a restart as well')
})

t.test('several instances cover a day together; a day that nobody counted is there, and not complete', async t => {
  const begin = Date.parse('2026-11-27T00:00:00Z')
  const [one, other] = [make(begin), make(begin + 11 * HOUR)]
  for (let at = begin; at < NOON; at += MINUTE) one.count(at, { orders: { legacy: 3 } })
  for (let at = begin + 11 * HOUR; at <= begin + DAY + MINUTE; at += MINUTE) other.count(at, { orders: { legacy: 4 } })
  one.save()
  const day = (all: readonly unknown[]) => all[0]
  t.match(day(other.days(begin + DAY + MINUTE)), { legacy: 4, complete: false })
  t.match(day(other.days(begin + DAY + MINUTE, one.store)), { legacy: 7, complete: true })
  other.save()
  const late = make(begin + 3 * DAY, other.store)
  t.match(late.days(begin + 3 * DAY, one.store), [
    { day: '2026-11-27', legacy: 7, complete: true },
    { day: '2026-11-28', legacy: 0, complete: false },
    { day: '2026-11-29', legacy: 0, new: 0, complete: false },
    { day: '2026-11-30' },
  ])
  t.equal(late.days(begin + 3 * DAY, one.store, 2).length, 2)
  t.equal(view(late.calls, begin + 3 * DAY, one.store, 2).since, begin)
})

t.test('a record that is in two places is counted once: the one that knows more', async t => {
  const one = make(NOON)
  one.count(NOON + MINUTE, { orders: { legacy: 5 } })
  one.save()
  const early = [...one.store]
  one.count(NOON + 2 * MINUTE, { orders: { legacy: 9 } })
  one.save()
  const other = make(NOON + 3 * MINUTE)
  t.match(other.days(NOON + 3 * MINUTE, [...early, ...one.store, ...early]), [{ legacy: 9 }])
  t.match(one.days(NOON + 3 * MINUTE, early), [{ legacy: 9 }])
})

t.test('what could not be read at the start is found later, and goes on', async t => {
  const before = make(NOON - HOUR)
  before.count(NOON - MINUTE, { orders: { legacy: 5 } })
  before.save()
  const one = make(NOON)
  one.count(NOON + MINUTE, { orders: { legacy: 2 } })
  one.calls.load([...before.store])
  t.match(one.days(NOON + MINUTE), [{ legacy: 7 }])
  one.save()
  t.equal(one.calls.changes().put.length, 0)
  const after = make(NOON + HOUR, new Map([...before.store, ...one.store]))
  t.match(after.days(NOON + HOUR), [{ legacy: 7 }])
})

t.test('written when something came, and now and then that nothing did', async t => {
  const one = make(NOON)
  one.count(NOON, {})
  t.equal(one.save().put.length, 1, 'that it began')
  for (let i = 1; i < 4; i++) {
    one.count(NOON + i * MINUTE, {})
    t.equal(one.save().put.length, 0)
  }
  one.count(NOON + 4 * MINUTE, {})
  t.equal(one.save().put.length, 1)
  one.count(NOON + 5 * MINUTE, { orders: { new: 1 } })
  const { put } = one.save()
  t.equal(put.length, 1)
  t.equal(one.save().put.length, 0)
  one.calls.unsaved({ put, remove: [] })
  t.equal(one.save().put.length, 1, 'again, if it could not be saved')
})

t.test('damaged records are ignored, others are left alone, old ones go', async t => {
  const good = make(NOON - DAY)
  good.count(NOON - DAY + MINUTE, { orders: { legacy: 5 } })
  good.save()
  const [[key = '', text = ''] = []] = [...good.store]
  const bad = [
    ['calls 2026-11-26 a1', text.slice(0, -1)],
    ['calls 2026-11-26 a2', text.replace('"format":1', '"format":2')],
    ['calls 2026-11-26 a3', text.replace('[5,0]', '[-5,0]')],
    ['calls 2026-11-26 a4', text.replace('[5,0]', '["5",0]')],
    ['calls 2026-11-26 a5', 'null'],
    ['calls 2026-11-26', text],
    ['calls x y', text],
    ['calls 2026-11-27 a6', '{'],
    ['shadow orders counts', '{}'],
    ['calls 2025-10-23 old', text],
    ['calls 2025-10-24 old', text],
  ] as const
  const one = make(NOON, new Map([[key, text], ...bad]))
  t.match(one.days(NOON, [], 2), [
    { day: '2026-11-26', legacy: 5 },
    { day: '2026-11-27', legacy: 0 },
  ])
  t.match(one.days(NOON, [], 400).length, 400)
  t.equal(
    one.days(NOON, [], 400).reduce((sum, { legacy }) => sum + legacy, 0),
    10,
    '2025-10-24 is the 400th day',
  )
  t.same(one.save().remove, ['calls 2025-10-23 old'])
  t.ok(one.store.has('shadow orders counts'))
})

t.test('keys: different ones of the day, over workers, restarts and instances, and those on new', async t => {
  const isNew = (user: number) => user % 4 === 0
  const near = (found: number | undefined, expected: number) =>
    t.ok(found !== undefined && Math.abs(found / expected - 1) < 0.21, `${found} for ${expected}`)
  const one = make(NOON)
  one.count(NOON + 1, { orders: { legacy: 9, keys: keys(NOON, users(0, 2_000), isNew) } })
  one.count(NOON + 2, { orders: { legacy: 99, keys: keys(NOON, users(1_000, 2_000), isNew) } })
  one.save()
  const again = make(NOON + MINUTE, one.store)
  const [today] = again.days(NOON + MINUTE)
  near(today?.keys?.all, 3_000)
  near(today?.keys?.new, 750)
  const other = make(NOON)
  other.count(NOON + 1, { orders: { legacy: 9, keys: keys(NOON, users(2_000, 2_000), isNew) } })
  near(again.days(NOON + MINUTE)[0]?.keys?.all, 3_000)
  other.save()
  near(again.days(NOON + MINUTE, other.store)[0]?.keys?.all, 4_000)
  again.count(NOON + 2 * MINUTE, { orders: { legacy: 10, keys: keys(NOON - DAY, users(5_000, 9_000), isNew) } })
  near(again.days(NOON + 2 * MINUTE)[0]?.keys?.all, 3_000)

  const before = again.days(NOON + 2 * MINUTE, other.store)[0]?.keys
  for (const process of [again, other]) {
    process.count(NOON + 2 * DAY, { orders: { legacy: 999 } })
    process.save()
  }
  again.calls.tend([...other.store], false)
  again.save()
  const text = [...again.store].find(([key]) => key.startsWith('calls 2026-11-27'))?.[1] ?? ''
  t.match(JSON.parse(text), { sketches: {}, keys: { orders: [before?.all, before?.new] } }, 'numbers of all instances')
  t.ok(text.length < 200, text)
  other.calls.tend([...again.store], false)
  other.save()
  t.same(again.days(NOON + 2 * DAY, other.store)[0]?.keys, before, 'which are not added up')
})

t.test('keys over routes: of a group the route with the most; only of routes that are asked for', async t => {
  const one = make(NOON)
  one.count(NOON + 1, {
    cart: { legacy: 1, keys: keys(NOON, users(0, 10), () => true) },
    pay: { legacy: 1, keys: keys(NOON, users(0, 20), () => false) },
    orders: { legacy: 1, keys: keys(NOON, users(0, 5), () => true) },
    old: { legacy: 1 },
  })
  const unitOf = (route: string) => (route === 'orders' || route === 'old' ? route : 'checkout')
  const ask = (...routes: string[]) =>
    one.calls.view({ days: 1, shows: route => routes.includes(route), unitOf }, [], NOON + 1).days[0]?.keys
  const [cart, pay, orders] = ['cart', 'pay', 'orders'].map(route => ask(route))
  t.ok((cart?.all ?? 0) >= 8 && (cart?.all ?? 0) <= 12 && cart?.new === cart?.all, JSON.stringify(cart))
  t.equal(pay?.new, 0)
  t.equal(ask('old'), null)
  t.same(ask('cart', 'pay', 'orders', 'old'), { all: (pay?.all ?? 0) + (orders?.all ?? 0), new: orders?.new })
})

t.test('records of those that are gone are adopted when their day is over, and counted once all the same', async t => {
  const gone = make(NOON)
  gone.count(NOON + 1, { orders: { legacy: 5, keys: keys(NOON, users(0, 10), () => true) } })
  gone.save()
  const one = make(NOON)
  one.count(NOON + 1, { orders: { legacy: 1 } })
  one.calls.tend([...gone.store], true)
  one.save()
  t.equal(one.store.size, 1, 'not yet: it may go on')
  one.count(NOON + 2 * DAY, { orders: { legacy: 2 } })
  one.calls.tend([...gone.store, ['calls 2026-11-20 bad', '{']], true)
  one.save()
  t.match(one.days(NOON + 2 * DAY, gone.store)[0], { legacy: 6, keys: { all: Number, new: Number } })
  t.match(one.days(NOON + 2 * DAY)[0], { legacy: 6, keys: { all: Number, new: Number } }, 'it may be swept away now')
  t.equal(one.store.has('calls 2026-11-20 bad'), false)
  const after = make(NOON + 3 * DAY, one.store)
  t.match(after.days(NOON + 3 * DAY)[0], { legacy: 6 })
})

t.test('whatever is restarted, killed or taken over: the sum is what was counted', async t => {
  const step = fc.oneof(
    fc.record({
      type: fc.constant('serve' as const),
      worker: fc.nat(1),
      side: fc.constantFrom('legacy' as const, 'new' as const),
      times: fc.nat(50),
    }),
    fc.record({ type: fc.constant('crash' as const), worker: fc.nat(1) }),
    fc.record({ type: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 9 * HOUR }) }),
    fc.record({ type: fc.constantFrom('save' as const, 'restart' as const, 'kill' as const, 'leave' as const) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      let now = NOON
      /** Of instances that are gone. */
      const others: [string, string][] = []
      let store = new Map<string, string>()
      let [workers, counted, calls] = [new Workers(2), new Counted(), new Calls(now, newName)]
      let [expected, unsaved] = [0, 0]
      const take = () => {
        workers.look()
        calls.count(counted.take(workers.readings()), workers.readings(), now)
      }
      const save = () => {
        take()
        for (const [key, text] of calls.changes().put) store.set(key, text)
        unsaved = 0
      }
      const begin = () => {
        ;[workers, counted, calls] = [new Workers(2), new Counted(), new Calls(now, newName)]
        calls.load([...store])
      }
      for (const one of steps) {
        if (one.type === 'serve') {
          workers.serve(one.worker, 'orders', one.side, one.times)
          expected += one.times
          unsaved += one.times
        } else if (one.type === 'crash') {
          const lost = workers.crash(one.worker)
          expected -= lost
          unsaved -= lost
        } else if (one.type === 'pass') {
          now += one.ms
          take()
        } else if (one.type === 'kill') {
          expected -= unsaved
          unsaved = 0
          begin()
        } else {
          save()
          if (one.type === 'leave') {
            others.push(...store)
            store = new Map()
          }
          if (one.type !== 'save') begin()
        }
      }
      take()
      calls.tend(others, true)
      const sum = view(calls, now, others, 400).days.reduce(
        (total, { legacy, new: fresh }) => total + legacy + fresh,
        0,
      )
      return sum === expected
    }),
    { numRuns: 200 },
  )
  t.pass()
})
