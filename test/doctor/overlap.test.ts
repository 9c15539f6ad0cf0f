// Session locks against simulated backends: seen where there is one, whatever the times look like; never where there is none.
import t from 'tap'
import { type Alone, newTally, type Tally, tally, type Visit, verdictOf } from '../../src/doctor/overlap.ts'

type Random = () => number

/** Mulberry32: the same numbers on every machine. */
function randomOf(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Backend {
  readonly service: (random: Random, at: number) => number
  /** Whom a request waits for. */
  readonly lock: 'session' | 'all' | 'none'
  /** In milliseconds, between the requests of a page. */
  readonly gap?: (random: Random) => number
}

/** Users who load pages of some requests each, which begin one after another while earlier ones may still run. */
function simulate(seed: number, { service, lock, gap = random => random() * 60 }: Backend): Visit[] {
  const random = randomOf(seed)
  const asked: { session: number; at: number }[] = []
  for (let session = 0; session < 12; session++) {
    let at = random() * 300
    for (let page = 0; page < 12; page++) {
      const requests = 1 + Math.floor(random() * 4)
      for (let i = 0; i < requests; i++) {
        asked.push({ session, at })
        at += gap(random)
      }
      at += 1200 + random() * 900
    }
  }
  asked.sort((a, b) => a.at - b.at)
  const freeAt = new Map<number, number>()
  return asked.map(({ session, at }) => {
    const line = lock === 'all' ? -1 : session
    const begins = lock === 'none' ? at : Math.max(at, freeAt.get(line) ?? 0)
    const end = begins + service(random, at)
    freeAt.set(line, end)
    return { session, backend: 'legacy', kind: 'page', start: at, end }
  })
}

function judged(visits: readonly Visit[]): Tally {
  const one = newTally()
  const alone: Alone = new Map()
  // In windows, as they come.
  for (let i = 0; i < visits.length; i += 100) tally(visits.slice(i, i + 100), alone, () => one)
  return one
}

const SERVICES: Readonly<Record<string, Backend['service']>> = {
  constant: () => 100,
  'nearly constant': random => 100 + random() * 10,
  uniform: random => 20 + random() * 180,
  exponential: random => 5 - 100 * Math.log(1 - random()),
  'heavy tail': random => Math.min(5_000, 30 / Math.sqrt(1 - random())),
  'fast or slow': random => (random() < 0.3 ? 400 : 30) + random() * 10,
}

for (const [name, service] of Object.entries(SERVICES)) {
  t.test(`${name} times: a lock is seen, and none where there is none`, async t => {
    const locked = { locking: 0, free: 0, unknown: 0 }
    const free = { locking: 0, free: 0, unknown: 0 }
    for (let seed = 1; seed <= 30; seed++) {
      locked[verdictOf(judged(simulate(seed, { service, lock: 'session' })))]++
      free[verdictOf(judged(simulate(seed, { service, lock: 'none' })))]++
    }
    t.equal(free.locking, 0, 'false alarms')
    t.equal(locked.free, 0, 'locks that are denied')
    t.ok(locked.locking >= 20, `${locked.locking} of 30 seen`)
  })
}

t.test('what slows everybody is no lock of sessions', async t => {
  for (let seed = 1; seed <= 30; seed++) {
    // One worker for all: requests of all sessions wait for each other.
    const one = simulate(seed, { service: random => 4 + random() * 4, lock: 'all' })
    t.not(verdictOf(judged(one)), 'locking', `one worker, seed ${seed}`)
    // A pause each second, in which everything that runs stands still.
    const pausing = (random: Random, at: number) => 30 + random() * 20 + (at % 1000 < 150 ? 300 : 0)
    t.not(verdictOf(judged(simulate(seed, { service: pausing, lock: 'none' }))), 'locking', `pauses, seed ${seed}`)
    // Load that comes and goes.
    const loaded = (random: Random, at: number) => (30 + random() * 40) * (1 + 3 * Math.max(0, Math.sin(at / 4000)))
    t.not(verdictOf(judged(simulate(seed, { service: loaded, lock: 'none' }))), 'locking', `load, seed ${seed}`)
  }
})

t.test('a client that asks for the next when the first is nearly over raises no alarm', async t => {
  for (let seed = 1; seed <= 30; seed++) {
    const visits = simulate(seed, {
      service: random => 100 + random() * 30,
      lock: 'none',
      gap: random => 95 + random() * 5,
    })
    t.not(verdictOf(judged(visits)), 'locking', `seed ${seed}`)
  }
})

t.test('requests without company say nothing', async t => {
  const alone = judged(simulate(1, { service: () => 5, lock: 'session', gap: () => 500 }))
  t.same([alone.pairs, verdictOf(alone)], [0, 'unknown'])
})

t.test('what is kept is bounded', async t => {
  const known: Alone = new Map()
  const one = newTally()
  for (let round = 0; round < 40; round++) {
    const visits = simulate(round, { service: random => 50 + random() * 100, lock: 'session' })
    tally(
      visits.map((visit, i) => ({ ...visit, kind: `k${round}-${i % 40}` })),
      known,
      () => one,
    )
    tally(visits, known, () => one)
  }
  t.ok(known.size <= 512)
  t.ok([...known.values()].every(times => times.length <= 64))
  t.ok(one.pairs <= 1000 && one.waits.length <= 64)
  t.equal(verdictOf(one), 'locking')
})
