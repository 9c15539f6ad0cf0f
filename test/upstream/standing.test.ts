// What is thought of an address: when it is avoided, for how long, and what brings it back.
import fc from 'fast-check'
import t from 'tap'
import { Standing, Streak } from '../../src/upstream/standing.ts'
import { SEED } from './kit.ts'

/** How long until it is to be tried. */
function avoidedFor(standing: Standing, now: number): number {
  let ms = 0
  while (!standing.isProofDue(now + ms)) ms += 100
  return ms
}

t.test('one refused connection is enough; without an answer three in a row', async t => {
  const refused = new Standing('good')
  refused.failed('connecting', 0)
  t.equal(refused.opinion, 'avoided')

  const silent = new Standing('good')
  silent.failed('answering', 0)
  silent.failed('answering', 0)
  silent.answered()
  silent.failed('answering', 0)
  silent.failed('answering', 0)
  t.equal(silent.opinion, 'good')
  silent.failed('answering', 0)
  t.equal(silent.opinion, 'avoided')
})

t.test('many failures at once are one; each time it is longer, up to half a minute; an answer heals', async t => {
  const standing = new Standing('good')
  for (let i = 0; i < 64; i++) standing.failed('connecting', 0)
  t.equal(avoidedFor(standing, 0), 1_000)
  const spans = Array.from({ length: 7 }, () => {
    standing.proofBegins()
    standing.proved(false, 0)
    return avoidedFor(standing, 0)
  })
  t.strictSame(spans, [2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  standing.answered()
  t.ok(standing.isSpotless)
  standing.failed('connecting', 0)
  t.equal(avoidedFor(standing, 0), 1_000)
})

t.test('one that only takes connections is back on probation', async t => {
  const standing = new Standing('good')
  for (let i = 0; i < 3; i++) standing.failed('answering', 0)
  standing.proofBegins()
  t.notOk(standing.isProofDue(1e9), 'one proof at a time')
  standing.proved(true, 1_000)
  t.equal(standing.opinion, 'good')
  standing.failed('answering', 1_000)
  t.equal(standing.opinion, 'avoided')
  t.equal(avoidedFor(standing, 1_000), 2_000)
})

t.test('untried: a proof is due at once; its success leaves no trace', async t => {
  const standing = new Standing('untried')
  t.ok(standing.isProofDue(0))
  standing.proofBegins()
  standing.proved(true, 0)
  t.ok(standing.isSpotless)
})

t.test(`it never stays away: a proof is always due within half a minute (seed ${SEED})`, async () => {
  const event = fc.constantFrom('connecting', 'answering', 'answered', 'proved', 'disproved')
  fc.assert(
    fc.property(fc.array(fc.record({ event, ms: fc.nat(5_000) })), events => {
      const standing = new Standing('good')
      let now = 0
      let proving = false
      for (const { event, ms } of events) {
        now += ms
        if (event === 'answered') standing.answered()
        else if (event === 'connecting' || event === 'answering') standing.failed(event, now)
        else if (proving) {
          standing.proved(event === 'proved', now)
          proving = false
        }
        if (!proving && standing.isProofDue(now)) {
          standing.proofBegins()
          proving = true
        }
      }
      if (proving) standing.proved(false, now)
      return standing.opinion === 'good' || standing.isProofDue(now + 30_000)
    }),
    { seed: SEED },
  )
})

t.test('probes: so many in a row, either way', async t => {
  const streak = new Streak({ healthyAfter: 2, unhealthyAfter: 3 })
  const told = [false, false, true, false, false, false, false, true, false, true, true, true].map(ok => {
    streak.probed(ok)
    return streak.isWell
  })
  t.strictSame(told, [true, true, true, true, true, false, false, false, false, false, true, true])
})
