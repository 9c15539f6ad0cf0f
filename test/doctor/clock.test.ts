// Clocks handed in: jumps of the wall are told, skews are medians, and what says nothing about a clock is left out.
import fc from 'fast-check'
import t from 'tap'
import { createClockWatch } from '../../src/doctor/clock.ts'
import { matching, route } from '../routing/make.ts'
import { sample, testClock } from './make.ts'

const orders = route(0, matching('/orders/*'), { id: 'orders' })
const dateOf = (ms: number) => new Date(Math.floor(ms / 1000) * 1000).toUTCString()

t.test('a clock that runs evenly did not jump; one that does, did', async t => {
  const clock = testClock()
  const watch = createClockWatch(clock)
  clock.pass(86_400_000)
  t.match(watch.findings(), [{ code: 'clock_steady', level: 'ok' }])
  clock.wall -= 3_600_000
  watch.sample(sample(orders))
  clock.wall += 30_000
  t.match(watch.findings(), [{ code: 'clock_jump', level: 'warn', evidence: { jumps: 2, largestMs: -3_600_000 } }])
})

t.test('slewing is no jump', async t => {
  const clock = testClock()
  const watch = createClockWatch(clock)
  for (let i = 0; i < 1000; i++) {
    clock.pass(1000)
    clock.wall += 0.5
    watch.sample(sample(orders))
  }
  t.match(watch.findings(), [{ code: 'clock_steady' }])
})

t.test('the skew of a backend, whatever its sign, and how long it takes to answer', t => {
  fc.assert(
    fc.property(
      fc.integer({ min: -7_200_000, max: 7_200_000 }),
      fc.integer({ min: 0, max: 1500 }),
      (skew, backendMs) => {
        const clock = testClock()
        const watch = createClockWatch(clock)
        for (let i = 0; i < 40; i++) {
          clock.pass(137)
          const written = clock.now() - backendMs / 2 + skew
          const exchange = { totalMs: backendMs + 1, overheadMs: 1, backendMs }
          watch.sample(sample(orders, { answer: ['Date', dateOf(written)], exchange }))
        }
        const found = watch.findings().find(({ code }) => code === 'clock_skew' || code === 'clock_agrees')
        const told = found?.evidence.skewMs as number
        const isTold = found?.code === 'clock_skew'
        return (
          Math.abs(told - skew) <= 1000 && (Math.abs(skew) < 1500 ? !isTold : Math.abs(skew) > 3500 ? isTold : true)
        )
      },
    ),
  )
  t.end()
})

t.test('caches, slow answers and nonsense are left out', async t => {
  const clock = testClock()
  const watch = createClockWatch(clock)
  const old = dateOf(clock.now() - 3_600_000)
  for (let i = 0; i < 20; i++) {
    watch.sample(sample(orders, { answer: ['Date', old, 'Age', '3600'] }))
    watch.sample(sample(orders, { answer: ['Date', old], exchange: { backendMs: 5_000, totalMs: 5_000 } }))
    watch.sample(sample(orders, { answer: ['Date', '2026-01-02'] }))
    watch.sample(sample(orders, { answer: ['Date', 'Xxx, 99 Foo 2026 10:00:00 GMT'] }))
    watch.sample(sample(orders))
  }
  t.same(
    watch.findings().map(({ code }) => code),
    ['clock_steady'],
  )
})

t.test('an hour is bad, seconds are a warning', async t => {
  for (const [skew, level] of [
    [3_600_000, 'bad'],
    [-10_000, 'warn'],
    [0, 'ok'],
  ] as const) {
    const clock = testClock()
    const watch = createClockWatch(clock)
    for (let i = 0; i < 20; i++) watch.sample(sample(orders, { answer: ['Date', dateOf(clock.now() + skew)] }))
    t.equal(watch.findings()[1]?.level, level)
  }
})
