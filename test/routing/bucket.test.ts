// The split's arithmetic: the published hash, exact shares, monotone weights, independent draws.
import fc from 'fast-check'
import t from 'tap'
import xxhash from 'xxhash-wasm'
import { BUCKETS, createBucketer, sampleScope, thresholdOf } from '../../src/routing/bucket.ts'

const SEED = Number(process.env.SEED ?? 4711)
const KEYS = 20_000

t.test('the formula of the file’s head, with a published hash', async t => {
  const { h64 } = await xxhash()
  // https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
  t.equal(h64('').toString(16), 'ef46db3751d8e999')
  t.equal(h64('abc').toString(16), '44bc2cf5ad770999')
  t.equal(createBucketer('s', 'orders')('7ä'), Number(h64('1:s,6:orders,3:7ä,') >> 11n))
  t.not(createBucketer('s', 'ab')('c'), createBucketer('s', 'a')('bc'))
})

t.test('0 is nobody and 100 is everybody', async t => {
  t.equal(thresholdOf(0), 0)
  t.equal(thresholdOf(100), BUCKETS)
  fc.assert(
    fc.property(fc.string(), fc.string(), (seed, key) => {
      const bucket = createBucketer(seed, 'unit')(key)
      return bucket >= 0 && bucket < BUCKETS && Number.isInteger(bucket)
    }),
    { seed: SEED },
  )
})

t.test(`a rising weight never moves a key back (seed ${SEED})`, async () => {
  const weight = fc.integer({ min: 0, max: 10_000 }).map(n => n / 100)
  fc.assert(
    fc.property(fc.string(), fc.string({ minLength: 1 }), fc.array(weight, { minLength: 2 }), (seed, key, weights) => {
      const bucket = createBucketer(seed, 'unit')(key)
      const rising = [...weights].sort((a, b) => a - b).map(percent => bucket < thresholdOf(percent))
      return rising.every((isNew, i) => isNew || !rising[i - 1])
    }),
    { seed: SEED, numRuns: 2000 },
  )
})

t.test('shares are within 5 binomial standard deviations', async t => {
  for (const seed of ['a', 'b', 'long seed with more than thirty-two characters']) {
    const bucket = createBucketer(seed, 'orders')
    for (const percent of [0.01, 1, 5, 12.5, 50, 87.65, 99]) {
      const threshold = thresholdOf(percent)
      let hits = 0
      for (let i = 0; i < KEYS; i++) if (bucket(`user-${i}`) < threshold) hits++
      const p = percent / 100
      const sd = Math.sqrt(KEYS * p * (1 - p))
      t.ok(Math.abs(hits - KEYS * p) <= 5 * sd, `${seed.slice(0, 4)} ${percent} %: ${hits} of ${KEYS}`)
    }
  }
})

t.test('groups, and the shadow sample of a unit, are independent of each other', async t => {
  const pairs: [string, string][] = [
    ['orders', 'cart'],
    ['orders', sampleScope('orders')],
    ['a', 'b'],
  ]
  for (const [one, other] of pairs) {
    const left = createBucketer('seed', one)
    const right = createBucketer('seed', other)
    const half = thresholdOf(50)
    let both = 0
    for (let i = 0; i < KEYS; i++) {
      if (left(`u${i}`) < half && right(`u${i}`) < half) both++
    }
    const sd = Math.sqrt(KEYS * 0.25 * 0.75)
    t.ok(Math.abs(both - KEYS / 4) <= 5 * sd, `${one} and ${other}: ${both} of ${KEYS} in both halves`)
  }
})
