// Caps hold at any moment, and a side that does not answer is left alone and tried again.
import fc from 'fast-check'
import t from 'tap'
import { Admission, Breaker } from '../../src/shadow/admission.ts'

function clockAt(ms = 0) {
  const at = { ms }
  return { at, clock: { monotonic: () => at.ms } }
}

t.test('never more at the same time, nor in any second, than the caps say', async t => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.record({ wait: fc.integer({ min: 0, max: 400 }), leaves: fc.boolean() }), { maxLength: 200 }),
      (concurrent, perSecond, steps) => {
        const { at, clock } = clockAt()
        const admission = new Admission({ concurrent, perSecond }, clock)
        const sent: number[] = []
        let inside = 0
        for (const { wait, leaves } of steps) {
          at.ms += wait
          if (leaves && inside > 0) {
            admission.leave(true)
            inside--
          }
          if (admission.enter() === null) {
            inside++
            sent.push(at.ms)
          }
          if (inside > concurrent) return false
        }
        return sent.every(from => sent.filter(ms => ms >= from && ms < from + 1_000).length <= perSecond)
      },
    ),
  )
  t.pass('for any history')
})

t.test('who is refused is told why', async t => {
  const { at, clock } = clockAt()
  const admission = new Admission({ concurrent: 1, perSecond: 2 }, clock)
  t.equal(admission.enter(), null)
  t.equal(admission.enter(), 'concurrency')
  admission.leave(true)
  t.equal(admission.enter(), null)
  admission.leave(true)
  t.equal(admission.enter(), 'rate')
  at.ms = 1_200
  t.equal(admission.enter(), null)
})

t.test('a side that fails five times in a row is asked one at a time, later and later, until it answers', async t => {
  const { at, clock } = clockAt()
  const breaker = new Breaker(clock)
  for (let i = 0; i < 5; i++) {
    t.ok(breaker.admits())
    breaker.told(false)
  }
  t.ok(breaker.isOpen)
  t.notOk(breaker.admits())
  at.ms = 5_000
  t.ok(breaker.admits(), 'a probe')
  t.notOk(breaker.admits(), 'one at a time')
  breaker.told(false)
  at.ms = 10_000
  t.notOk(breaker.admits(), 'the pause has doubled')
  at.ms = 15_000
  t.ok(breaker.admits())
  breaker.told(null)
  t.ok(breaker.isOpen, 'what says nothing proves nothing')
  t.ok(breaker.admits())
  breaker.told(true)
  t.notOk(breaker.isOpen)
})

t.test('failures between answers do not open it', async t => {
  const breaker = new Breaker(clockAt().clock)
  for (let i = 0; i < 40; i++) breaker.told(i % 5 === 4)
  t.notOk(breaker.isOpen)
})

t.test('an admission that the breaker refuses takes no place', async t => {
  const { at, clock } = clockAt()
  const admission = new Admission({ concurrent: 1, perSecond: null }, clock)
  for (let i = 0; i < 5; i++) {
    t.equal(admission.enter(), null)
    admission.leave(false)
  }
  t.equal(admission.enter(), 'breaker')
  at.ms = 5_000
  t.equal(admission.enter(), null)
})
