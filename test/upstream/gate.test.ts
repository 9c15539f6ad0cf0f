// The gate: never too many inside, order, bounded waiting, nobody lost and nobody twice, whatever happens in which order.
import fc from 'fast-check'
import t from 'tap'
import { Gate, type Later, type Rank, Waiter } from '../../src/upstream/gate.ts'
import { handClock, SEED } from './kit.ts'

type State = 'new' | 'waiting' | 'inside' | 'left' | 'full' | 'late' | 'withdrawn'

class Visitor extends Waiter {
  readonly id: number
  state: State = 'new'
  calls = 0
  readonly #told: (visitor: Visitor) => void

  constructor(id: number, rank: Rank, told: (visitor: Visitor) => void = () => {}) {
    super(rank)
    this.id = id
    this.#told = told
  }

  admitted(): void {
    this.calls++
    this.state = 'inside'
    this.#told(this)
  }

  refused(why: 'full' | 'late'): void {
    this.calls++
    this.state = why
    this.#told(this)
  }
}

/** A clock whose timers run when it is turned. */
function timedClock() {
  const clock = handClock()
  let timers: { readonly at: number; readonly run: () => void }[] = []
  const later: Later = (run, afterMs) => {
    timers.push({ at: clock.monotonic() + afterMs, run })
  }
  return {
    ...clock,
    later,
    turn(ms: number) {
      clock.turn(ms)
      const due = timers.filter(({ at }) => at <= clock.monotonic())
      timers = timers.filter(({ at }) => at > clock.monotonic())
      for (const { run } of due) run()
    },
  }
}

function enter(gate: Gate, visitor: Visitor): void {
  if (gate.pass(visitor.rank)) visitor.admitted()
  else {
    visitor.state = 'waiting'
    gate.wait(visitor)
  }
}

type Step =
  | { readonly kind: 'enter'; readonly rank: Rank }
  | { readonly kind: 'leave' | 'withdraw'; readonly which: number }
  | { readonly kind: 'turn'; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('enter' as const), rank: fc.constantFrom<Rank[]>(0, 1, 2) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('leave' as const), which: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('withdraw' as const), which: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('turn' as const), ms: fc.nat(80) }) },
)

t.test(`whatever happens (seed ${SEED})`, async () => {
  const limits = fc.record({ limit: fc.integer({ min: 1, max: 5 }), size: fc.nat(5) })
  fc.assert(
    fc.property(limits, fc.array(step, { maxLength: 120 }), ({ limit, size }, steps) => {
      const clock = timedClock()
      const gate = new Gate(limit, { size, waitMs: 100 }, clock, clock.later)
      const all: Visitor[] = []
      const admitted: Visitor[] = []
      const of = (state: State) => all.filter(visitor => visitor.state === state)

      function told(visitor: Visitor): void {
        if (visitor.state !== 'inside') return
        admitted.push(visitor)
        // Nobody of the same or a higher rank came earlier and still waits.
        for (const other of of('waiting')) {
          if (other.rank < visitor.rank || (other.rank === visitor.rank && other.id < visitor.id)) {
            throw new Error(`${visitor.id} went before ${other.id}`)
          }
        }
      }

      for (const one of steps) {
        if (one.kind === 'enter') {
          const visitor = new Visitor(all.length, one.rank, told)
          all.push(visitor)
          enter(gate, visitor)
          if (visitor.state === 'full' && of('waiting').some(({ rank }) => rank > visitor.rank)) {
            throw new Error('refused, though somebody less urgent waits')
          }
        } else if (one.kind === 'turn') clock.turn(one.ms)
        else {
          const among = of(one.kind === 'leave' ? 'inside' : 'waiting')
          const visitor = among[one.which % Math.max(1, among.length)]
          if (visitor === undefined) continue
          if (one.kind === 'leave') {
            visitor.state = 'left'
            gate.leave(visitor.rank)
          } else {
            visitor.state = 'withdrawn'
            gate.withdraw(visitor)
            gate.withdraw(visitor)
          }
        }
        if (of('inside').length > limit) throw new Error('too many inside')
        if (of('waiting').length > size) throw new Error('too many waiting')
        if (gate.inside !== of('inside').length || gate.waiting !== of('waiting').length) throw new Error('miscounted')
        // Primary work never waits while there is a place.
        if (of('inside').length < limit && of('waiting').some(({ rank }) => rank === 0)) throw new Error('idle')
        if (of('waiting').some(({ until }) => until <= clock.monotonic())) throw new Error('waited for too long')
      }
      // Everybody leaves: nobody is lost.
      for (let inside = of('inside'); inside.length > 0; inside = of('inside')) {
        for (const visitor of inside) {
          visitor.state = 'left'
          gate.leave(visitor.rank)
        }
      }
      if (gate.inside !== 0 || gate.waiting !== 0 || of('waiting').length > 0) throw new Error('somebody is lost')
      for (const { calls, state } of all)
        if (calls !== (state === 'withdrawn' ? 0 : 1)) throw new Error('not told once')
    }),
    { seed: SEED, numRuns: 3000 },
  )
})

t.test('primary before relay before shadow, each in its order', async t => {
  const clock = timedClock()
  const gate = new Gate(1, { size: 10, waitMs: 100 }, clock, clock.later)
  const order: number[] = []
  const told = ({ id }: Visitor) => order.push(id)
  enter(gate, new Visitor(0, 0, told))
  const ranks: Rank[] = [2, 1, 0, 2, 1, 0]
  for (const [at, rank] of ranks.entries()) enter(gate, new Visitor(at + 1, rank, told))
  for (const rank of [0, 0, 0, 1, 1, 2] as Rank[]) gate.leave(rank)
  t.strictSame(order, [0, 3, 6, 2, 5, 1, 4])
})

t.test('a full queue: a primary takes the place of the last shadow', async t => {
  const clock = timedClock()
  const gate = new Gate(1, { size: 2, waitMs: 100 }, clock, clock.later)
  const [inside, first, second, primary] = [0, 2, 2, 0].map((rank, id) => new Visitor(id, rank as Rank)) as Visitor[]
  for (const visitor of [inside, first, second, primary]) enter(gate, visitor as Visitor)
  t.equal(second?.state, 'full')
  t.equal(primary?.state, 'waiting')
  gate.leave(0)
  t.equal(primary?.state, 'inside')
  t.equal(first?.state, 'waiting')
})

t.test('late is after the wait, exactly', async t => {
  const clock = timedClock()
  const gate = new Gate(1, { size: 2, waitMs: 100 }, clock, clock.later)
  const [inside, first, second] = [0, 0, 0].map((_, id) => new Visitor(id, 0)) as [Visitor, Visitor, Visitor]
  enter(gate, inside)
  enter(gate, first)
  clock.turn(60)
  enter(gate, second)
  clock.turn(40)
  t.equal(first.state, 'late')
  t.equal(second.state, 'waiting')
  clock.turn(59)
  t.equal(second.state, 'waiting')
  clock.turn(1)
  t.equal(second.state, 'late')
})

t.test('shadows have half of the places while there is primary traffic, all without', async t => {
  const clock = timedClock()
  const gate = new Gate(4, { size: 9, waitMs: 1e9 }, clock, clock.later)
  const shadows = Array.from({ length: 6 }, (_, id) => new Visitor(id, 2))
  for (const shadow of shadows.slice(0, 4)) enter(gate, shadow)
  t.equal(gate.inside, 4, 'all')
  const user = new Visitor(9, 0)
  enter(gate, user)
  for (const shadow of shadows.slice(4)) enter(gate, shadow)
  gate.leave(2)
  t.equal(user.state, 'inside')
  gate.leave(2)
  gate.leave(2)
  t.equal(shadows[4]?.state, 'inside', 'with one left, a second one may')
  t.equal(shadows[5]?.state, 'waiting')
  t.equal(gate.inside, 3)
  t.ok(gate.pass(0), 'a place was kept')
})

t.test('a hundred thousand who leave at once are no recursion', async t => {
  const clock = timedClock()
  const gate = new Gate(1, { size: 100_000, waitMs: 100 }, clock, clock.later)
  let served = 0
  enter(gate, new Visitor(0, 0))
  for (let id = 1; id <= 100_000; id++) {
    enter(
      gate,
      new Visitor(id, 0, () => {
        served++
        gate.leave(0)
      }),
    )
  }
  gate.leave(0)
  t.equal(served, 100_000)
  t.equal(gate.inside, 0)
})
