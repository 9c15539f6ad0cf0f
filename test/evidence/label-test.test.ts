// The label test against its table of vectors, and what makes it safe: it never favours new's guilt where there is none.
import fc from 'fast-check'
import t from 'tap'
import { labelEvidence, labelEvidenceOver, RARE } from '../../src/evidence/label-test.ts'
import { runs, SEED } from '../wire/seed.ts'

const ROWS: readonly (readonly [onNew: number, onLegacy: number, ...nats: number[]])[] = [
  [1, 0, 3.140345457, 2.107746125, 0.51818838],
  [2, 0, 7.267840498, 4.718227839, 1.065169023],
  [3, 0, 11.62374971, 7.507606076, 1.636683347],
  [4, 0, 16.056580179, 10.362893378, 2.228480328],
  [0, 1, -0.252768077, -0.478857166, -1.136261862],
  [2, 10, 2.611054394, 0.295358072, -3.752391051],
  [10, 20, 24.617975921, 10.076571557, -4.646237534],
  [10, 190, 6.522450485, -2.828720445, -42.653500723],
  [50, 950, 39.17393458, -6.498738264, -204.94973745],
]
const PAIRS = [
  [1, 0, 0.51818838],
  [5, 0, 2.836693561],
  [10, 1, 3.403321694],
  [12, 2, 2.991386127],
  [20, 8, 1.506304522],
] as const
/** New-side failures alone that raise an alarm, by α. */
const FAILURES: readonly (readonly [alpha: number, readonly number[]])[] = [
  [0.01, [2, 2, 2, 3, 4, 8, 19, 51]],
  [0.001, [2, 2, 3, 4, 6, 12, 28, 74]],
  [0.0001, [2, 3, 4, 5, 8, 15, 36, 97]],
]
const WEIGHTS = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9]

t.test('vectors to nine digits', async t => {
  for (const [onNew, onLegacy, ...nats] of ROWS) {
    const found = [0.01, 0.05, 0.5].map(weight => labelEvidence(onNew, onLegacy, weight).toFixed(9))
    t.same(
      found,
      nats.map(value => value.toFixed(9)),
      `${onNew} on new, ${onLegacy} on legacy`,
    )
  }
  for (const [onNew, onLegacy, nats] of PAIRS) {
    t.equal(labelEvidence(onNew, onLegacy, 0.5).toFixed(9), nats.toFixed(9), `pairs ${onNew}, ${onLegacy}`)
  }
})

t.test('failures of new alone until an alarm', async t => {
  for (const [alpha, counts] of FAILURES) {
    const found = WEIGHTS.map(weight => {
      let failures = 1
      while (labelEvidence(failures, 0, weight) < Math.log(1 / alpha)) failures++
      return failures
    })
    t.same(found, counts, `alpha ${alpha}`)
  }
  // Of pairs at 0.05: six.
  t.ok(labelEvidence(5, 0, 0.5) < Math.log(20) && labelEvidence(6, 0, 0.5) >= Math.log(20))
})

t.test('the stake is spent once', async t => {
  t.ok(Math.abs(RARE.reduce((sum, { stake }) => sum + stake, 0) - 1) < 1e-12)
  t.ok(Math.abs(labelEvidence(0, 0, 0.3)) < 1e-12, 'nothing seen, nothing known')
})

t.test('a step of the game is fair at the tolerated ratio, and loses below it', async t => {
  const seen = fc.record({ onNew: fc.nat(200), onLegacy: fc.nat(200) })
  const share = fc.double({ min: 0.001, max: 0.99, noNaN: true })
  const tolerated = fc.double({ min: 0.5, max: 3, noNaN: true })
  fc.assert(
    fc.property(seen, share, tolerated, fc.double({ min: 0.01, max: 1, noNaN: true }), (at, weight, most, part) => {
      const now = labelEvidence(at.onNew, at.onLegacy, weight, most)
      const up = Math.exp(labelEvidence(at.onNew + 1, at.onLegacy, weight, most) - now)
      const down = Math.exp(labelEvidence(at.onNew, at.onLegacy + 1, weight, most) - now)
      const mean = (ratio: number) => {
        const onNew = (ratio * weight) / (ratio * weight + 1 - weight)
        return onNew * up + (1 - onNew) * down
      }
      return Math.abs(mean(most) - 1) < 1e-9 && mean(most * part) <= 1 + 1e-9
    }),
    runs(100),
  )
  t.pass(`seed ${SEED}`)
})

t.test('counts of one weight add up; of several weights every event keeps its own', async t => {
  const first = { onNew: 3, onLegacy: 7, weight: 0.05 }
  const again = { onNew: 2, onLegacy: 1, weight: 0.05 }
  const near = (one: number, other: number) => Math.abs(one - other) < 1e-9
  t.ok(near(labelEvidenceOver([first, again]), labelEvidence(5, 8, 0.05)))
  const other = { onNew: 5, onLegacy: 4, weight: 0.5 }
  t.ok(near(labelEvidenceOver([first, other]), labelEvidenceOver([other, first])))
  t.notOk(near(labelEvidenceOver([first, other]), labelEvidence(8, 11, 0.05)))
})
