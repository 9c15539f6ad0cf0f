// Who is chosen: fair shares, the least loaded, slow starts.
import fc from 'fast-check'
import t from 'tap'
import { Balancer, type Candidate, shareOf } from '../../src/upstream/balance.ts'
import { dice, SEED } from './kit.ts'

interface One extends Candidate {
  inFlight: number
  fraction: number
  chosen: number
}

function candidates(count: number): One[] {
  return Array.from({ length: count }, (_, at) => ({
    name: `10.0.0.${at}:80`,
    inFlight: 0,
    fraction: 1,
    chosen: 0,
    share() {
      return this.fraction
    },
  }))
}

const never = () => {
  throw new Error('no die was needed')
}

for (const kind of ['least', 'round'] as const) {
  t.test(`${kind}: among equals everybody in turn (seed ${SEED})`, async () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 20 }), (count, rounds) => {
        const all = candidates(count)
        const balancer = new Balancer(kind, never)
        for (let i = 0; i < count * rounds; i++) balancer.choose(all, null, null).chosen++
        return all.every(one => one.chosen === rounds)
      }),
      { seed: SEED },
    )
  })

  t.test(`${kind}: what is to be avoided is chosen only where there is nothing else (seed ${SEED})`, async () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { minLength: 1, maxLength: 6 }), fc.nat(), (loads, which) => {
        const all = candidates(loads.length)
        for (const [at, one] of all.entries()) one.inFlight = loads[at] as number
        const { name } = all[which % all.length] as One
        const chosen = new Balancer(kind, never).choose(all, name, null)
        return (chosen.name === name) === (all.length === 1)
      }),
      { seed: SEED },
    )
  })

  for (const fraction of [0.25, 0.5, 0.75]) {
    t.test(`${kind}: ${fraction} of its share, with little and with much to do (seed ${SEED})`, async t => {
      // With little to do its turn is skipped, and the other two have it; with much to do, loads are in proportion.
      const [least, most] = [(fraction / 3) * 0.9, (fraction / (2 + fraction)) * 1.1]
      for (const atOnce of [1, 300]) {
        const all = candidates(3)
        const [fresh] = all as [One, One, One]
        fresh.fraction = fraction
        const roll = dice(SEED)
        const balancer = new Balancer(kind, roll)
        const running: One[] = []
        for (let i = 0; i < 30_000; i++) {
          const one = balancer.choose(all, null, 0)
          one.chosen++
          one.inFlight++
          running.push(one)
          if (running.length < atOnce) continue
          const [done] = running.splice(Math.floor(roll() * running.length), 1)
          if (done !== undefined) done.inFlight--
        }
        const got = fresh.chosen / 30_000
        t.ok(
          got > least && got < most,
          `${atOnce} at once: ${got.toFixed(3)} of ${least.toFixed(3)} to ${most.toFixed(3)}`,
        )
      }
    })
  }
}

t.test(`least: nobody has fewer under way than the one who is chosen (seed ${SEED})`, async () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { minLength: 1, maxLength: 9 }), fc.nat(20), (loads, turns) => {
      const all = candidates(loads.length)
      for (const [at, one] of all.entries()) one.inFlight = loads[at] as number
      const balancer = new Balancer('least', never)
      for (let i = 0; i < turns; i++) balancer.choose(all, null, null)
      return balancer.choose(all, null, null).inFlight === Math.min(...loads)
    }),
    { seed: SEED },
  )
})

t.test('nobody waits for the die: where all have just begun, all are equal', async t => {
  const all = candidates(3)
  for (const one of all) one.fraction = 0
  const balancer = new Balancer('least', never)
  for (let i = 0; i < 9; i++) balancer.choose(all, null, 0).chosen++
  t.strictSame(
    all.map(one => one.chosen),
    [3, 3, 3],
  )
})

t.test(`a share grows, never falls, from 0 to 1 (seed ${SEED})`, async t => {
  fc.assert(
    fc.property(fc.nat(1e6), fc.integer({ min: 1, max: 1e5 }), fc.nat(2e5), fc.nat(2e5), (since, slowStartMs, a, b) => {
      const [early, later] = [Math.min(a, b), Math.max(a, b)]
      const before = shareOf(since, slowStartMs, since + early)
      const after = shareOf(since, slowStartMs, since + later)
      return before >= 0 && before <= after && after <= 1 && (later < slowStartMs || after === 1)
    }),
    { seed: SEED },
  )
  t.equal(shareOf(1_000, 10_000, 6_000), 0.5)
  t.equal(shareOf(1_000, 10_000, 1_000), 0)
  t.equal(shareOf(1_000, 0, 1_000), 1)
  t.equal(shareOf(null, 10_000, 0), 1)
})
