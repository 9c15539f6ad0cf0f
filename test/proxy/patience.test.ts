// Who is waited for, and how long: on a clock of the test’s own.
import t from 'tap'
import { Patience, type Phase, type Rules } from '../../src/proxy/patience.ts'

const TIMEOUTS = { requestHeadMs: 1_000, keepAliveMs: 5_000, stallMs: 3_000, minBytesPerSecond: 100 }
const STANDARD: Rules = { profile: 'standard', timeouts: TIMEOUTS }
const TRANSPARENT: Rules = { profile: 'transparent', timeouts: TIMEOUTS }

function patience(rules: Rules) {
  const reported: string[] = []
  const it = new Patience(limit => reported.push(limit))
  const tick = (now: number, phase: Phase, { takesBody = false, queuedBytes = 0 } = {}) =>
    it.tick(now, { phase, takesBody, queuedBytes }, rules)
  return { it, tick, reported }
}

t.test('a head and the time between two requests have their limits, counted from the next tick', async t => {
  for (const [phase, limit] of [
    ['silent', 1_000],
    ['head', 1_000],
    ['idle', 5_000],
  ] as const) {
    const { it, tick } = patience(STANDARD)
    t.equal(tick(100, phase), null)
    t.equal(tick(100 + limit - 1, phase), null)
    t.equal(tick(100 + limit, phase), phase)
    it.waits()
    t.equal(tick(100 + limit, phase), null, 'it waits for something else')
  }
})

t.test('a body that stalls, or drips more slowly than is allowed', async t => {
  const stalls = patience(STANDARD)
  stalls.it.bodyOpens()
  t.equal(stalls.tick(0, 'busy', { takesBody: true }), null)
  t.equal(stalls.tick(3_000, 'busy'), null, 'nobody takes it: it is not the client that is slow')
  t.equal(stalls.tick(3_000, 'busy', { takesBody: true }), 'body')

  for (const [bytes, late] of [
    [49, 'body'],
    [50, null],
  ] as const) {
    const drips = patience(STANDARD)
    drips.it.bodyOpens()
    for (let now = 0; now < 10_000; now += 500) {
      t.equal(drips.tick(now, 'busy', { takesBody: true }), null)
      drips.it.bodyBytes(bytes)
    }
    t.equal(drips.tick(10_000, 'busy', { takesBody: true }), late, `${bytes * 2} bytes a second`)
  }
})

t.test('an answer that is not read is ended; one that is read slowly is not', async t => {
  const { tick } = patience(STANDARD)
  for (const now of [0, 2_000, 4_000, 8_000]) t.equal(tick(now, 'busy', { queuedBytes: 10_000 - now }), null)
  t.equal(tick(10_999, 'busy', { queuedBytes: 2_000 }), null)
  t.equal(tick(11_000, 'busy', { queuedBytes: 2_000 }), 'answer')
})

t.test('transparent reports once a request, and ends what lasts ten times as long', async t => {
  const { it, tick, reported } = patience(TRANSPARENT)
  it.request()
  for (const now of [0, 3_000, 6_000, 29_999]) t.equal(tick(now, 'busy', { queuedBytes: 7 }), null)
  t.same(reported, ['answer_time'])
  t.equal(tick(30_000, 'busy', { queuedBytes: 7 }), 'answer')
  it.request()
  it.bodyOpens()
  tick(31_000, 'busy', { takesBody: true })
  tick(34_000, 'busy', { takesBody: true })
  t.same(reported, ['answer_time', 'request_body_time'])
})

t.test('whoever was told everything gets two seconds, whoever still uploads thirty at most', async t => {
  const quiet = patience(STANDARD)
  t.equal(quiet.tick(0, 'closing'), null)
  t.equal(quiet.tick(1_999, 'closing'), null)
  t.equal(quiet.tick(2_000, 'closing'), 'closing')

  const uploads = patience(STANDARD)
  for (let now = 0; now < 30_000; now += 1_000) {
    uploads.it.stillSends()
    t.equal(uploads.tick(now, 'closing'), null)
  }
  uploads.it.stillSends()
  t.equal(uploads.tick(31_000, 'closing'), 'closing')
})
