// The circuit's transitions, and that nothing but them happens.
import fc from 'fast-check'
import t from 'tap'
import { Circuit, REFUSED } from '../../src/upstream/circuit.ts'
import { SEED } from './kit.ts'

const POLICY = { errorPercent: 50, minRequests: 4, windowMs: 1_000, openMs: 500 }

/** Asked and answered at once. */
function ask(circuit: Circuit, ok: boolean, now: number): boolean {
  const generation = circuit.admit(now)
  if (generation === REFUSED) return false
  circuit.told(generation, ok, now)
  return true
}

function opened(): Circuit {
  const circuit = new Circuit(POLICY)
  for (let i = 0; i < 4; i++) ask(circuit, false, 0)
  return circuit
}

t.test('too few requests open nothing; a large enough share of enough does', async t => {
  const circuit = new Circuit(POLICY)
  for (const ok of [false, false, false]) ask(circuit, ok, 0)
  t.ok(circuit.isClosed)
  ask(circuit, true, 0)
  t.ok(circuit.isClosed, 'counted when an error comes')
  ask(circuit, false, 0)
  t.notOk(circuit.isClosed)
  t.notOk(circuit.admits(0))
})

t.test('a smaller share does not', async t => {
  const circuit = new Circuit(POLICY)
  for (let i = 0; i < 40; i++) ask(circuit, i % 5 !== 0, i)
  t.ok(circuit.isClosed)
})

t.test('what is older than the window is forgotten', async t => {
  const circuit = new Circuit(POLICY)
  for (let i = 0; i < 3; i++) ask(circuit, false, 0)
  ask(circuit, false, 1_001)
  t.ok(circuit.isClosed)
})

t.test('open: one tries each openMs; its failure changes nothing, its success closes', async t => {
  const circuit = opened()
  t.notOk(ask(circuit, true, 499))
  t.ok(circuit.admits(500))
  t.ok(ask(circuit, false, 500))
  t.notOk(circuit.isClosed)
  t.notOk(ask(circuit, true, 999))
  t.ok(ask(circuit, true, 1_000))
  t.ok(circuit.isClosed)
  t.ok(ask(circuit, false, 1_000), 'and it begins with nothing')
  t.ok(circuit.isClosed)
})

t.test(
  'who was asked before it opened cannot close it; who was asked while it was open cannot open it again',
  async t => {
    const circuit = new Circuit(POLICY)
    const early = circuit.admit(0)
    for (let i = 0; i < 4; i++) ask(circuit, false, 0)
    circuit.told(early, true, 10)
    t.notOk(circuit.isClosed)
    const first = circuit.admit(500)
    const second = circuit.admit(1_000)
    t.not(second, REFUSED, 'one that hangs does not keep the next from trying')
    circuit.told(second, true, 1_001)
    t.ok(circuit.isClosed)
    for (let i = 0; i < 9; i++) circuit.told(first, false, 1_002)
    t.ok(circuit.isClosed)
  },
)

t.test('a try that nothing was learnt from is followed by the next', async t => {
  const circuit = opened()
  const generation = circuit.admit(500)
  t.notOk(circuit.admits(501))
  circuit.unheard(generation, 501)
  t.ok(circuit.admits(501))
})

t.test(`open circuits let one through each openMs, at most (seed ${SEED})`, async () => {
  const steps = fc.array(fc.record({ ms: fc.nat(200), ok: fc.boolean() }), { maxLength: 200 })
  fc.assert(
    fc.property(steps, list => {
      const circuit = new Circuit(POLICY)
      let now = 0
      let lastTry: number | null = null
      for (const { ms, ok } of list) {
        now += ms
        const wasClosed = circuit.isClosed
        const admits = circuit.admits(now)
        if (ask(circuit, ok, now) !== admits) throw new Error('admits and admit differ')
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
