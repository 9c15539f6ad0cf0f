// The added time: medians of pairs, and the interval of order statistics against values from tables.
import t from 'tap'
import { addedTime, rankOfInterval } from '../../../src/cli/transparent/time.ts'

t.test('ranks of the interval', async t => {
  // From published tables of the sign test's 95 % interval of a median.
  const table = [
    [5, 0],
    [6, 1],
    [8, 1],
    [9, 2],
    [10, 2],
    [15, 4],
    [20, 6],
    [25, 8],
    [30, 10],
    [50, 18],
    [100, 40],
  ] as const
  for (const [n, k] of table) t.equal(rankOfInterval(n), k, `n = ${n}`)
  // Beyond tables: n/2 − 1.96·√n/2, also where the single terms are too small for a number.
  for (const n of [1000, 5000, 100_000])
    t.ok(Math.abs(rankOfInterval(n) - (n / 2 - 0.98 * Math.sqrt(n))) < 2, `n = ${n}`)
})

t.test('added time', async t => {
  t.equal(addedTime([]), null)
  t.match(addedTime([{ directMs: 2, viaMs: 3 }]), { pairs: 1, medianMs: 1, p95Ms: 1, intervalMs: null })
  const times = Array.from({ length: 100 }, (_, i) => ({ directMs: 10, viaMs: 10 + ((i * 37) % 100) }))
  t.same(addedTime(times), {
    pairs: 100,
    medianMs: 49.5,
    p95Ms: 94,
    intervalMs: [39, 60],
    direct: { medianMs: 10, p95Ms: 10 },
    via: { medianMs: 59.5, p95Ms: 104 },
  })
})

t.test('the interval holds the true median as often as it says', async t => {
  let seed = 7
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
  let held = 0
  for (let run = 0; run < 1000; run++) {
    const times = Array.from({ length: 40 }, () => ({ directMs: 0, viaMs: -Math.log(random()) }))
    const [least, most] = addedTime(times)!.intervalMs!
    if (least <= Math.LN2 && Math.LN2 <= most) held++
  }
  t.ok(held >= 940, `${held} of 1000`)
})
