// Few repetitions for what was asked lately, three always; and the window that counts.
import fc from 'fast-check'
import t from 'tap'
import { Recent } from '../../src/upstream/recent.ts'
import { RetryBudget } from '../../src/upstream/retry-budget.ts'
import { SEED } from './kit.ts'

function repeats(budget: RetryBudget, now: number): number {
  let count = 0
  while (budget.mayRetry(now)) count++
  return count
}

t.test('three where little was asked', async t => {
  t.equal(repeats(new RetryBudget(20), 0), 3)
  t.equal(repeats(new RetryBudget(0), 0), 3)
})

t.test('a share of what was asked in ten seconds, and again when they have passed', async t => {
  const budget = new RetryBudget(20)
  for (let i = 0; i < 100; i++) budget.asked()
  t.equal(repeats(budget, 0), 20)
  t.equal(repeats(budget, 8_999), 0)
  t.equal(repeats(budget, 10_000), 3, 'the requests are forgotten too')
})

t.test('a steady stream has its share for ever', async t => {
  const budget = new RetryBudget(20)
  let repeated = 0
  for (let second = 0; second < 120; second++) {
    for (let i = 0; i < 50; i++) {
      budget.asked()
      if (budget.mayRetry(second * 1_000)) repeated++
    }
  }
  t.ok(repeated > 0.15 * 120 * 50 && repeated <= 0.2 * 120 * 50 + 3, `${repeated} of ${120 * 50}`)
})

t.test(`a window counts what is in it, give or take one slot (seed ${SEED})`, async () => {
  const steps = fc.array(fc.record({ ms: fc.nat(400), add: fc.boolean() }), { maxLength: 200 })
  fc.assert(
    fc.property(steps, list => {
      const recent = new Recent(1_000)
      const added: number[] = []
      let now = 0
      for (const { ms, add } of list) {
        now += ms
        recent.turn(now)
        if (add) {
          recent.add()
          added.push(now)
        }
        const within = (span: number) => added.filter(at => at > now - span).length
        if (recent.count < within(900) || recent.count > within(1_001)) throw new Error(`${recent.count} at ${now}`)
      }
    }),
    { seed: SEED, numRuns: 2000 },
  )
})
