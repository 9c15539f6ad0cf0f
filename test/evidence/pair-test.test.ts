// The test of discordant pairs: how soon, how its blocks are renewed, when a crossing is over, and how often it is wrong.
import t from 'tap'
import { seeded } from '../../bench/kit/many-routes.ts'
import {
  ALPHA,
  afterPair,
  BLOCK,
  evidenceOf,
  isWorse,
  LONGEST,
  missing,
  UNTESTED,
} from '../../src/evidence/pair-test.ts'
import { spendingThreshold } from '../../src/evidence/spending.ts'

type Only = 'new' | 'legacy'

function after(count: number, only: (i: number) => Only, from = UNTESTED) {
  let test = from
  for (let i = 0; i < count; i++) test = afterPair(test, only(i))
  return test
}

const fair = (i: number): Only => (i % 2 === 0 ? 'legacy' : 'new')

t.test('shares of alpha', async t => {
  t.equal(spendingThreshold(1, 0.01).toFixed(9), Math.log(200).toFixed(9))
  let spent = 0
  for (let k = 1; k <= 10_000; k++) spent += Math.exp(-spendingThreshold(k, ALPHA))
  t.ok(spent < ALPHA && spent > 0.999 * ALPHA, `${spent}`)
})

t.test('ten pairs in which only new differs, and what is missing is told', async t => {
  for (let pairs = 0; pairs <= 10; pairs++) {
    const test = after(pairs, () => 'new')
    t.equal(missing(test), 10 - pairs)
    t.equal(isWorse(test), pairs === 10)
  }
  t.ok(missing(after(10, fair)) > 10)
})

t.test('the newest process begins after each block, the longest after many', async t => {
  t.match(after(BLOCK - 1, fair), { longest: { k: 1 }, newest: null })
  t.match(after(BLOCK, fair), {
    longest: { k: 1, onlyNew: BLOCK / 2, onlyLegacy: BLOCK / 2 },
    newest: { k: 2, onlyNew: 0, onlyLegacy: 0 },
  })
  t.match(after(LONGEST - 1, fair), { longest: { k: 1 }, newest: { k: LONGEST / BLOCK } })
  t.match(after(LONGEST, fair), { longest: { k: LONGEST / BLOCK + 1, onlyNew: 0 }, newest: null })
})

t.test('it does not go blind: a fault after a long fair time is seen in tens of pairs, not in thousands', async t => {
  const before = after(10 * BLOCK, fair)
  let test = before
  let pairs = 0
  for (; !isWorse(test); pairs++) test = afterPair(test, 'new')
  t.ok(pairs <= 20, `${pairs} pairs`)
  t.equal(evidenceOf(test).threshold, spendingThreshold(11, ALPHA), 'proven by the newest')
})

t.test('a crossing stands until a whole block has passed without one', async t => {
  let test = after(15, () => 'new')
  let pairs = 0
  for (; isWorse(test); pairs++) test = afterPair(test, fair(pairs))
  t.ok(pairs > BLOCK && pairs <= 2 * BLOCK, `${pairs} pairs`)
})

t.test('of fields that only drift less than one in a hundred is ever called worse', async t => {
  const random = seeded(7_001)
  let wrong = 0
  for (let field = 0; field < 1000; field++) {
    let test = UNTESTED
    let isEver = false
    for (let pair = 0; pair < 400; pair++) {
      test = afterPair(test, random() < 0.5 ? 'new' : 'legacy')
      isEver ||= isWorse(test)
    }
    if (isEver) wrong++
  }
  t.ok(wrong < 10, `${wrong} of 1000`)
})
