// The circuit's transitions, and that nothing but them happens.
import fc from 'fast-check'
import t from 'tap'
import { Circuit, REFUSED } from '../../src/upstream/circuit.ts'
import { handClock, SEED } from './kit.ts'

const POLICY = { errorPercent: 50, minRequests: 4, windowMs: 1_000, openMs: 500 }

/** With a clock that begins at 0. */
function circuitAt() {
  const clock = handClock()
  const start = clock.monotonic()
  const circuit = new Circuit(POLICY, clock)
  const at = (ms: number): Circuit => {
    clock.turn(start + ms - clock.monotonic())
    return circuit
  }
  /** Asked and answered at once. */
  const ask = (ok: boolean, ms: number): boolean => {
    const generation = at(ms).admit()
    if (generation === REFUSED) return false
    circuit.told(generation, ok)
    return true
  }
  return { circuit, at, ask }
}

function opened() {
  const all = circuitAt()
  for (let i = 0; i < 4; i++) all.ask(false, 0)
  return all
}

t.test('too few requests open nothing; a large enough share of enough does', async t => {
  const { circuit, ask } = circuitAt()
  for (const ok of [false, false, false]) ask(ok, 0)
  t.ok(circuit.isClosed)
  ask(true, 0)
  t.ok(circuit.isClosed, 'counted when an error comes')
  ask(false, 0)
  t.notOk(circuit.isClosed)
  t.notOk(circuit.admits)
})

t.test('a smaller share does not', async t => {
  const { circuit, ask } = circuitAt()
  for (let i = 0; i < 40; i++) ask(i % 5 !== 0, i)
  t.ok(circuit.isClosed)
})

t.test('what is older than the window is forgotten', async t => {
  const { circuit, ask } = circuitAt()
  for (let i = 0; i < 3; i++) ask(false, 0)
  ask(false, 1_001)
  t.ok(circuit.isClosed)
})

t.test('open: one tries each openMs; its failure changes nothing, its success closes', async t => {
  const { circuit, at, ask } = opened()
  t.notOk(ask(true, 499))
  t.ok(at(500).admits)
  t.ok(ask(false, 500))
  t.notOk(circuit.isClosed)
  t.notOk(ask(true, 999))
  t.ok(ask(true, 1_000))
  t.ok(circuit.isClosed)
  t.ok(ask(false, 1_000), 'and it begins with nothing')
  t.ok(circuit.isClosed)
})

t.test(
  'who was asked before it opened cannot close it; who was asked while it was open cannot open it again',
  async t => {
    const { circuit, at, ask } = circuitAt()
    const early = circuit.admit()
    for (let i = 0; i < 4; i++) ask(false, 0)
    at(10).told(early, true)
    t.notOk(circuit.isClosed)
    const first = at(500).admit()
    const second = at(1_000).admit()
    t.not(second, REFUSED, 'one that hangs does not keep the next from trying')
    at(1_001).told(second, true)
    t.ok(circuit.isClosed)
    for (let i = 0; i < 9; i++) circuit.told(first, false)
    t.ok(circuit.isClosed)
  },
)

t.test('a try that nothing was learnt from is followed by the next', async t => {
  const { circuit, at } = opened()
  const generation = at(500).admit()
  t.notOk(at(501).admits)
  circuit.unheard(generation)
  t.ok(circuit.admits)
})

t.test(`open circuits let one through each openMs, at most (seed ${SEED})`, async () => {
  const steps = fc.array(fc.record({ ms: fc.nat(200), ok: fc.boolean() }), { maxLength: 200 })
  fc.assert(
    fc.property(steps, list => {
      const { circuit, at, ask } = circuitAt()
      let now = 0
      let lastTry: number | null = null
      for (const { ms, ok } of list) {
        now += ms
        const wasClosed = circuit.isClosed
        const { admits } = at(now)
        if (ask(ok, now) !== admits) throw new Error('admits and admit differ')
        if (wasClosed) {
          if (!admits) throw new Error('closed, and refused')
          lastTry = circuit.isClosed ? null : now
        } else if (admits) {
          if (lastTry !== null && now - lastTry < POLICY.openMs) throw new Error('too soon')
          if (circuit.isClosed !== ok) throw new Error('success closes, failure does not')
          lastTry = now
        }
      }
    }),
    { seed: SEED, numRuns: 2000 },
  )
})
