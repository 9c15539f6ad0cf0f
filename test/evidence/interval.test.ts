// Intervals of rates: reference values of confseq, the ends of the scale, and that they cover at all times.
import fc from 'fast-check'
import t from 'tap'
import { seeded } from '../../bench/kit/many-routes.ts'
import { rateInterval } from '../../src/evidence/interval.ts'
import { lnBeta, lnGamma } from '../../src/evidence/log-gamma.ts'
import { runs, SEED } from '../wire/seed.ts'

t.test('reference values', async t => {
  const rows = [
    [700, 1000, 100, 0.651629, 0.745949],
    [15, 50, 50, 0.129556, 0.511896],
    [5, 50, 50, 0.013021, 0.269264],
    [1, 50, 50, 0, 0.13489],
    [100, 200, 1, 0.328923, 0.671076],
  ] as const
  for (const [count, of, tightestAt, low, high] of rows) {
    const found = rateInterval(count, of, 0.05, tightestAt)
    t.ok(Math.abs(found[0] - low) < 2e-6 && Math.abs(found[1] - high) < 2e-6, `${count} of ${of}: ${found}`)
  }
})

t.test('the ends of the scale', async t => {
  t.same(rateInterval(0, 0), [0, 1])
  t.equal(rateInterval(0, 1000)[0], 0)
  t.equal(rateInterval(1000, 1000)[1], 1)
  const [low, high] = rateInterval(30, 10_000_000)
  t.ok(low > 5e-7 && high < 7e-6, `${low} … ${high}`)
})

t.test('what was seen is inside, misses mirror hits, and a smaller alpha is wider', async t => {
  fc.assert(
    fc.property(fc.nat(5000), fc.nat(5000), (hits, misses) => {
      const [low, high] = rateInterval(hits, hits + misses)
      const [mirroredLow, mirroredHigh] = rateInterval(misses, hits + misses)
      const [lower, higher] = rateInterval(hits, hits + misses, 0.01)
      const rate = hits + misses === 0 ? 0.5 : hits / (hits + misses)
      const isMirror = Math.abs(low - 1 + mirroredHigh) < 1e-9 && Math.abs(high - 1 + mirroredLow) < 1e-9
      return low <= rate && rate <= high && isMirror && lower <= low && high <= higher
    }),
    runs(50),
  )
  t.pass(`seed ${SEED}`)
})

t.test('looked at all the time, 95 % hold', async t => {
  const random = seeded(20_261)
  const looks = [5, 10, 20, 40, 80, 160, 320, 640]
  for (const rate of [0.02, 0.3]) {
    let missed = 0
    for (let run = 0; run < 200; run++) {
      let hits = 0
      let isOut = false
      for (let of = 1; of <= 640; of++) {
        if (random() < rate) hits++
        if (!looks.includes(of)) continue
        const [low, high] = rateInterval(hits, of)
        isOut ||= rate < low || rate > high
      }
      if (isOut) missed++
    }
    t.ok(missed <= 10, `rate ${rate}: ${missed} of 200 left the interval at some time`)
  }
})

t.test('gamma and beta', async t => {
  let factorial = 1
  for (let n = 1; n <= 20; n++) {
    t.ok(Math.abs(lnGamma(n) - Math.log(factorial)) < 1e-13 * Math.max(1, Math.log(factorial)), `Γ(${n})`)
    factorial *= n
  }
  t.ok(Math.abs(lnGamma(0.5) - Math.log(Math.PI) / 2) < 1e-14)
  t.ok(Math.abs(lnBeta(0.5, 0.5) - Math.log(Math.PI)) < 1e-13)
  t.ok(Math.abs(lnGamma(1e-9) - Math.log(1e9)) < 1e-8)
})
