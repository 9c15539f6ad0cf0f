// The budget of answers that are held: never exceeded, and everything comes back once.
import fc from 'fast-check'
import t from 'tap'
import { Memory } from '../../src/shadow/memory.ts'

t.test('never more than the limit, and nothing is left when all accounts are closed', async t => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(9), fc.nat(400), fc.boolean())), steps => {
      const memory = new Memory(() => 1_000)
      const accounts = Array.from({ length: 10 }, () => memory.account())
      for (const [which, bytes, closes] of steps) {
        const account = accounts[which] as (typeof accounts)[number]
        if (closes) account.close()
        else account.hold(bytes)
        if (memory.held > 1_000 || memory.held < 0) return false
      }
      for (const account of accounts) account.close()
      return memory.held === 0
    }),
  )
  t.pass('for any history')
})

t.test('a closed account holds nothing, and closing twice gives back once', async t => {
  const memory = new Memory(() => 100)
  const account = memory.account()
  t.ok(account.hold(60))
  t.notOk(account.hold(60))
  account.close()
  account.close()
  t.equal(memory.held, 0)
  t.notOk(account.hold(1))
})
