// One after another, evenly, each once; and nobody who is no longer meant.
import fc from 'fast-check'
import t from 'tap'
import type { Side } from '../../src/model/route.ts'
import { type Open, Spread } from '../../src/proxy/spread.ts'
import { matching, route } from '../routing/make.ts'

const SEED = Number(process.env.SEED ?? 20261126)
const shop = route(0, matching('/*'), { id: 'shop' })

function open(name: string, cuts: string[], side: Side = 'new'): Open {
  return { route: shop, side, cut: () => cuts.push(name) }
}

t.test('evenly over the time, the first not at once and the last not at the very end', async t => {
  const cuts: string[] = []
  const spread = new Spread()
  t.equal(
    spread.schedule(
      ['a', 'b', 'c'].map(name => open(name, cuts)),
      400,
      1_000,
    ),
    3,
  )
  const at = (now: number) => {
    spread.tick(now)
    return cuts.join('')
  }
  t.same([1_000, 1_099, 1_100, 1_199, 1_200, 1_299, 1_300, 1_400, 9_999].map(at), [
    ...['', '', 'a', 'a', 'ab', 'ab', 'abc', 'abc', 'abc'],
  ])
})

t.test('one has half the time; none is nothing; no time is at once', async t => {
  const cuts: string[] = []
  const spread = new Spread()
  t.equal(spread.schedule([], 400, 0), 0)
  spread.schedule([open('a', cuts)], 400, 0)
  spread.tick(199)
  t.same(cuts, [])
  spread.tick(200)
  t.same(cuts, ['a'])
  spread.schedule(
    ['b', 'c'].map(name => open(name, cuts)),
    0,
    500,
  )
  spread.tick(500)
  t.same(cuts, ['a', 'b', 'c'])
})

t.test('who has a time keeps it; who is over is forgotten', async t => {
  const cuts: string[] = []
  const spread = new Spread()
  const [a, b, c] = ['a', 'b', 'c'].map(name => open(name, cuts)) as [Open, Open, Open]
  t.equal(spread.schedule([a, b], 300, 0), 2)
  t.equal(spread.schedule([a, b, c], 300, 90), 1, 'only the third is new')
  spread.over(a)
  spread.tick(100)
  t.same(cuts, [])
  spread.tick(200)
  t.same(cuts, ['b'])
  spread.tick(240)
  t.same(cuts, ['b', 'c'])
  t.equal(spread.schedule([a], 100, 1_000), 1, 'who was over may come again')
})

t.test('who is not meant any more when its time comes stays, and may be meant anew', async t => {
  const cuts: string[] = []
  const spread = new Spread()
  let isRolledBack = true
  const all = ['a', 'b', 'c'].map(name => open(name, cuts))
  spread.schedule(all, 400, 0, () => isRolledBack)
  spread.tick(100)
  isRolledBack = false
  spread.tick(200)
  t.same(cuts, ['a'])
  isRolledBack = true
  t.equal(
    spread.schedule(all.slice(1), 400, 250, () => isRolledBack),
    1,
    'the third has its time still',
  )
  spread.tick(300)
  t.same(cuts, ['a', 'c'])
  spread.tick(450)
  t.same(cuts, ['a', 'c', 'b'])
})

t.test('a cut that ends others in the same turn, or schedules more', async t => {
  const cuts: string[] = []
  const spread = new Spread()
  const b = open('b', cuts)
  const c = open('c', cuts)
  const a: Open = {
    ...open('a', cuts),
    cut() {
      cuts.push('a')
      spread.over(a)
      spread.over(b)
      spread.schedule([c], 100, 1_000)
    },
  }
  spread.schedule([a, b], 300, 0)
  spread.tick(1_000)
  t.same(cuts, ['a'])
  spread.tick(1_050)
  t.same(cuts, ['a', 'c'])
})

t.test(`each is cut once, within the time, in order (seed ${SEED})`, async () => {
  fc.assert(
    fc.property(fc.nat(60), fc.nat(100_000), fc.array(fc.nat(20_000), { maxLength: 30 }), (many, overMs, steps) => {
      const spread = new Spread()
      const cuts: number[] = []
      const all: Open[] = Array.from({ length: many }, (_, i) => ({
        route: shop,
        side: 'new',
        cut: () => cuts.push(i),
      }))
      spread.schedule(all, overMs, 5)
      let now = 5
      for (const step of steps) {
        now += step
        spread.tick(now)
        const due = all.filter((_, i) => 5 + (overMs * (i + 1)) / (many + 1) <= now).length
        if (cuts.length !== due) return false
      }
      spread.tick(5 + overMs)
      return cuts.length === many && cuts.every((one, i) => one === i)
    }),
    { seed: SEED, numRuns: 1_000 },
  )
})
