// Heavy hitters: the bounds of Space-Saving hold for every stream, memory is what was asked for, old traffic fades.
import fc from 'fast-check'
import t from 'tap'
import { HeavyHitters, wilsonHigh, wilsonLow } from '../../src/doctor/heavy-hitters.ts'

const still = { monotonic: () => 0 }

function make(counters: number, clock: { monotonic: () => number } = still): HeavyHitters<null> {
  return new HeavyHitters({ counters, halfLifeMs: 1000, clock, about: () => null })
}

t.test(
  'no key is said to have more than it has, or at most less than it has; whoever has more than N / k is kept',
  t => {
    const stream = fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1, max: 9 })), { minLength: 1 })
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 12 }), (adds, counters) => {
        const hitters = make(counters)
        const truth = new Map<string, number>()
        let total = 0
        for (const [key, weight] of adds) {
          hitters.add(`k${key}`, weight)
          truth.set(`k${key}`, (truth.get(`k${key}`) ?? 0) + weight)
          total += weight
        }
        const kept = hitters.top(100)
        const by = new Map(kept.map(one => [one.key, one]))
        const close = 1e-9
        return (
          kept.length <= counters &&
          kept.every(({ key, share, atMost }) => {
            const has = (truth.get(key) as number) / total
            return share <= has + close && has <= atMost + close && atMost - share <= 1 / counters + close
          }) &&
          [...truth].every(([key, weight]) => weight <= total / counters || by.has(key))
        )
      }),
    )
    t.end()
  },
)

t.test('what has no key counts in the whole', async t => {
  const hitters = make(4)
  for (let i = 0; i < 30; i++) hitters.add('a', 1)
  for (let i = 0; i < 70; i++) hitters.add(null, 1)
  t.match(hitters.top(1), [{ key: 'a', share: 0.3 }])
  t.equal(hitters.keylessShare, 0.7)
})

t.test('old traffic fades, and the worth of the samples does not', async t => {
  const clock = { now: 0, monotonic: () => clock.now }
  const hitters = make(4, clock)
  for (let i = 0; i < 100; i++) hitters.add('old', 1)
  clock.now = 10_000
  for (let i = 0; i < 100; i++) hitters.add('new', 1)
  const [first, second] = hitters.top(2)
  t.equal(first?.key, 'new')
  t.ok((second?.share ?? 1) < 0.01)
})

t.test('samples that stand for many are worth less than their weight', async t => {
  const even = make(4)
  for (let i = 0; i < 100; i++) even.add('a', 50)
  t.equal(even.samples, 100)
  const uneven = make(4)
  uneven.add('a', 10_000)
  for (let i = 0; i < 100; i++) uneven.add('b', 1)
  t.ok(uneven.samples < 2)
  t.equal(make(4).samples, 0)
})

t.test('intervals hold what is known of them', async t => {
  // Wilson's interval of 15 in 20, as tables have it.
  t.ok(Math.abs(wilsonLow(0.75, 20) - 0.531) < 0.002)
  t.ok(Math.abs(wilsonHigh(0.75, 20) - 0.888) < 0.002)
  t.same([wilsonLow(0.5, 0), wilsonHigh(0.5, 0)], [0, 1])
})
