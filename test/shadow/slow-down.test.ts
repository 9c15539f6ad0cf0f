// `stopAbove`: a quiet minute to measure, then asked until legacy is slower by more than is allowed.
import t from 'tap'
import { SlowDown } from '../../src/shadow/slow-down.ts'

t.test('stops when legacy has become slower, and measures anew after a pause', async t => {
  const at = { ms: 0 }
  const p95 = { ms: 100 as number | null }
  const slowDown = new SlowDown({ monotonic: () => at.ms })
  const stops = () => slowDown.stops(0.2, () => p95.ms)
  t.ok(stops(), 'not measured yet')
  at.ms = 60_000
  t.notOk(stops(), 'it is 100 ms')
  p95.ms = 119
  at.ms += 5_000
  t.notOk(stops())
  p95.ms = 121
  t.notOk(stops(), 'looked at every five seconds')
  at.ms += 5_000
  t.ok(stops())
  p95.ms = 50
  at.ms += 299_999
  t.ok(stops(), 'a pause')
  at.ms += 1
  t.notOk(stops(), 'and a new measure')
  p95.ms = 70
  at.ms += 5_000
  t.ok(stops(), 'against which it is slower')
})

t.test('without traffic nothing is known, and nobody asked', async t => {
  const at = { ms: 60_000 }
  const slowDown = new SlowDown({ monotonic: () => at.ms })
  at.ms = 120_000
  t.ok(slowDown.stops(0.2, () => null))
})
