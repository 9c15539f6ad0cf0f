// Charts with a store: what is kept where, a store that is away, instances beside each other and after each other.

import type { Test } from 'tap'
import t from 'tap'
import { type Charts, createCharts } from '../../src/charts/charts.ts'
import { createMemoryDatabase } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { type Counts, readingsOf } from './make.ts'

const NOON = Date.parse('2026-11-27T12:00:00Z')
const ALL = { days: 90, shows: () => true, unitOf: (route: string) => route }
const STEP = 10_000

let names = 0

async function start(t: Test, store: Store, time: { now: number }, more: { known?: Promise<never> } = {}) {
  let counts: Readonly<Record<string, Counts>> = {}
  let pairs = { compared: 100, matching: 90 }
  const lines: string[] = []
  const charts: Charts = await createCharts({
    clock: { now: () => time.now, monotonic: () => time.now },
    instance: `i${++names}`,
    look: async () => {},
    readings: () => readingsOf(counts),
    routes: () => new Map([['orders', 20]]),
    pairs: () => new Map([['orders', pairs]]),
    store,
    known: more.known ?? store.kept(),
    newName: () => `n${++names}`,
    log: (level, message) => lines.push(`${level} ${message}`),
  })
  t.teardown(() => charts.close())
  return {
    charts,
    lines,
    serve: (next: Readonly<Record<string, Counts>>) => (counts = next),
    compare: (next: typeof pairs) => (pairs = next),
    days: async () => (await charts.burndown(ALL)).days,
  }
}

t.test('history counts what is compared since the start, not before; a question takes nothing from it', async t => {
  const time = { now: NOON + STEP + 50 }
  const { charts, serve, compare } = await start(t, createMemoryDatabase().open('a'), time)
  serve({ orders: { legacy: 2, new: 1 } })
  compare({ compared: 103, matching: 92 })
  t.match(await charts.burndown(ALL), { since: NOON + STEP + 50, days: [{ legacy: 2, new: 1 }] })
  await charts.sample()
  const { sides, compared, matching, effective } = charts.history('orders', '1h')
  t.equal(sides.legacy.requests.at(-1), 2)
  t.same([compared.at(-1), matching.at(-1), effective.at(-1)], [3, 2, 20])
})

t.test('days of all instances add up; one that starts later takes over what a gone one kept, once', async t => {
  const time = { now: NOON }
  const database = createMemoryDatabase({ now: () => time.now })
  const [a, b] = [database.open('a'), database.open('b')]
  const [one, other] = [await start(t, a, time), await start(t, b, time)]
  one.serve({ orders: { legacy: 5 } })
  other.serve({ orders: { legacy: 2 } })
  await one.days()
  await one.charts.save()
  t.match(await other.days(), [{ legacy: 7 }])
  await other.charts.close()
  time.now += 60_000
  await one.charts.save()
  t.match(await one.days(), [{ legacy: 7 }])

  time.now += 120_000
  await one.days()
  one.serve({ orders: { legacy: 6 } })
  await one.days()
  await one.charts.save()
  const c = database.open('c')
  t.equal(await c.shared?.inherit(60_000), 'b')
  const heir = await start(t, c, time)
  heir.serve({ orders: { legacy: 1 } })
  t.match(await heir.days(), [{ legacy: 9 }])
  await heir.charts.save()
  time.now += STEP
  t.match(await one.days(), [{ legacy: 9 }])
  t.equal((await c.kept()).length, 1, 'it goes on with the record')
})

t.test('a store that is away: counting goes on, and is saved when it answers, beside what was there', async t => {
  const time = { now: NOON }
  const database = createMemoryDatabase()
  const store = database.open('a')
  const before = await start(t, store, time)
  before.serve({ orders: { legacy: 5 } })
  await before.days()
  await before.charts.close()

  time.now += 60_000
  database.fail(true)
  const known = Promise.reject(new Error('away'))
  known.catch(() => {})
  const one = await start(t, store, time, { known })
  one.serve({ orders: { legacy: 2 } })
  t.match(await one.days(), [{ legacy: 2 }])
  await one.charts.save()
  database.fail(false)
  await one.charts.save()
  t.match(await one.days(), [{ legacy: 7 }])
  database.fail(true)
  one.serve({ orders: { legacy: 3 } })
  await one.days()
  await one.charts.save()
  await one.charts.save()
  t.equal(one.lines.length, 1, 'said once')
  database.fail(false)
  await one.charts.close()
  const after = await start(t, store, time)
  t.match(await after.days(), [{ legacy: 8 }])
})

t.test('one of them keeps copies of days that are over, before what is gone is swept away', async t => {
  const time = { now: NOON }
  const database = createMemoryDatabase({ now: () => time.now })
  const gone = await start(t, database.open('gone'), time)
  gone.serve({ orders: { legacy: 5 } })
  await gone.days()
  await gone.charts.close()
  const stores = [database.open('a'), database.open('b')]
  const [one, other] = await Promise.all(stores.map(store => start(t, store, time)))
  for (let day = 0; day < 3; day++) {
    time.now += 86_400_000
    for (const each of [one, other]) {
      each?.serve({ orders: { legacy: day + 1 } })
      await each?.days()
      await each?.charts.save()
    }
  }
  const copies = await Promise.all(stores.map(async store => (await store.kept()).filter(([key]) => /11-27/.test(key))))
  t.same(copies.map(({ length }) => length).sort(), [1, 3], 'its own, and those of the two others')
  const lease = await stores[0]?.lease('janitor', 'a', 1_000)
  await stores[0]?.shared?.sweep(86_400_000, { lease: 'janitor', token: lease?.token ?? 0 })
  time.now += STEP
  for (const each of [one, other]) t.match((await each?.days())?.[0], { day: '2026-11-27', legacy: 5 })
})
