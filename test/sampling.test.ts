// The sample of traffic: bounded work, and numbers that add up to the whole.
import t from 'tap'
import { createSampling, PER_SECOND } from '../src/sampling.ts'

/** Chance with a seed: mulberry32. */
function dice(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let x = Math.imul(a ^ (a >>> 15), 1 | a)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

t.test('little traffic is looked at whole', async t => {
  const at = { ms: 0 }
  const samples = createSampling({ monotonic: () => at.ms }, dice(1))
  for (let i = 0; i < PER_SECOND * 10; i++) {
    at.ms += 1000 / PER_SECOND
    t.equal(samples(), 1)
  }
})

t.test('much is looked at by chance, and what is looked at stands for the rest', async t => {
  const at = { ms: 0 }
  const samples = createSampling({ monotonic: () => at.ms }, dice(7))
  let looked = 0
  let most = 0
  let stoodFor = 0
  const seconds = 50
  const rate = 5_000
  for (let second = 0; second < seconds; second++) {
    let inSecond = 0
    for (let i = 0; i < rate; i++) {
      at.ms += 1000 / rate
      const standsFor = samples()
      if (standsFor === 0) continue
      inSecond++
      // The first second does not know yet how many come.
      if (second > 0) stoodFor += standsFor
    }
    looked += inSecond
    most = Math.max(most, inSecond)
  }
  t.ok(most <= 2 * PER_SECOND, `at most ${most} in a second`)
  t.ok(looked > (seconds * PER_SECOND) / 2, `${looked} in all`)
  const share = stoodFor / (rate * (seconds - 1))
  t.ok(share > 0.9 && share < 1.1, `they stand for ${share} of the whole`)
})
