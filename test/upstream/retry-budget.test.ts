// Few second tries of what is under way, three always.
import t from 'tap'
import { RetryBudget } from '../../src/upstream/retry-budget.ts'

/** Second tries that begin, and do not end. */
function secondTries(budget: RetryBudget): number {
  let count = 0
  while (budget.allows) {
    budget.entered(true)
    count++
  }
  return count
}

t.test('three where little is under way, however small the share', async t => {
  t.equal(secondTries(new RetryBudget(20)), 3)
  t.equal(secondTries(new RetryBudget(0)), 3)
})

t.test('a share of what is under way, second tries included', async t => {
  const budget = new RetryBudget(20)
  for (let i = 0; i < 100; i++) budget.entered(false)
  t.equal(secondTries(budget), 24, '24 of 124')
})

t.test('whoever is over gives its place to the next', async t => {
  const budget = new RetryBudget(20)
  t.equal(secondTries(budget), 3)
  budget.left(true)
  t.equal(secondTries(budget), 1)
  for (let i = 0; i < 3; i++) budget.left(true)
  for (let i = 0; i < 50; i++) budget.entered(false)
  t.equal(secondTries(budget), 12)
  for (let i = 0; i < 50; i++) budget.left(false)
  t.notOk(budget.allows, 'what is under way is less now, and it is over the share')
})
