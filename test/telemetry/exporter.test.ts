// The queue of spans: batches, tries, and that a collector that is slow, dead or foul costs spans which are counted, no more.
import { mock } from 'node:test'
import type { Test } from 'tap'
import t from 'tap'
import { Exporter } from '../../src/telemetry/exporter.ts'
import type { Posted } from '../../src/telemetry/post.ts'

const TAKEN: Posted = { kind: 'taken', rejected: 0 }
const refused = (more: Partial<Extract<Posted, { kind: 'refused' }>> = {}): Posted => ({
  kind: 'refused',
  why: 'status 503',
  mayTryAgain: true,
  afterMs: null,
  ...more,
})

/** `answers` one after another; when they are used up, it hangs. */
function make(t: Test, answers: Posted[]) {
  mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const posts: string[][] = []
  const counts = { exported: 0, dropped: 0, failed: 0 }
  const lines: string[] = []
  let now = 0
  const exporter = new Exporter({
    clock: { monotonic: () => now },
    random: () => 0.5,
    async post(body) {
      posts.push(body.toString().split(','))
      return answers.shift() ?? new Promise<Posted>(() => {})
    },
    bodyOf: spans => spans.join(','),
    counted: (result, times) => {
      counts[result] += times
    },
    log: (level, message, details) => lines.push(`${level} ${message} ${details?.why ?? ''}`),
  })
  return {
    exporter,
    posts,
    counts,
    lines,
    async pass(ms: number) {
      now += ms
      mock.timers.tick(ms)
      await settled()
    },
  }
}

/** What was promised has been done. */
function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

t.test('what has come goes out together, after a while', async t => {
  const { exporter, posts, counts, pass } = make(t, [TAKEN, TAKEN])
  exporter.add('a')
  exporter.add('b')
  await settled()
  t.same(posts, [])
  await pass(2_000)
  t.same(posts, [['a', 'b']])
  await pass(10_000)
  t.equal(posts.length, 1, 'nothing is not exported')
  t.same(counts, { exported: 2, dropped: 0, failed: 0 })
})

t.test('a full batch does not wait', async t => {
  const { exporter, posts } = make(t, [TAKEN, TAKEN, TAKEN])
  for (let i = 0; i < 1_100; i++) exporter.add('s')
  await settled()
  t.same(
    posts.map(batch => batch.length),
    [512, 512],
    'one after the other; the rest waits for more',
  )
})

t.test('spans that the collector rejects have failed', async t => {
  const { exporter, counts, pass } = make(t, [
    { kind: 'taken', rejected: 1 },
    { kind: 'taken', rejected: 1_000 },
  ])
  for (const span of ['a', 'b', 'c']) exporter.add(span)
  await pass(2_000)
  t.same(counts, { exported: 2, dropped: 0, failed: 1 })
  exporter.add('d')
  await pass(2_000)
  t.same(counts, { exported: 2, dropped: 0, failed: 2 }, 'no more than there were')
})

t.test('tried again later and later, five times, then they have failed', async t => {
  const { exporter, posts, counts, pass } = make(
    t,
    [1, 2, 3, 4, 5].map(() => refused()),
  )
  exporter.add('a')
  await pass(2_000)
  for (const [index, ms] of [1_000, 2_000, 4_000, 8_000].entries()) {
    t.equal(posts.length, index + 1)
    await pass(ms - 1)
    t.equal(posts.length, index + 1)
    await pass(1)
  }
  t.equal(posts.length, 5)
  await pass(60_000)
  t.equal(posts.length, 5)
  t.same(counts, { exported: 0, dropped: 0, failed: 1 })
})

t.test('left alone for as long as it wants, within reason', async t => {
  const { exporter, posts, pass } = make(t, [refused({ afterMs: 7_000 }), refused({ afterMs: 86_400_000 }), TAKEN])
  exporter.add('a')
  await pass(2_000)
  await pass(6_999)
  t.equal(posts.length, 1)
  await pass(1)
  t.equal(posts.length, 2)
  await pass(30_000)
  t.equal(posts.length, 3)
})

t.test('what it does not take at all is not sent again', async t => {
  const { exporter, posts, counts, pass } = make(t, [refused({ why: 'status 400', mayTryAgain: false }), TAKEN])
  exporter.add('a')
  await pass(2_000)
  exporter.add('b')
  await pass(2_000)
  t.same(posts, [['a'], ['b']])
  t.same(counts, { exported: 1, dropped: 0, failed: 1 })
})

t.test('while it hangs, so much waits and no more; the newest are dropped', async t => {
  const { exporter, posts, counts, pass } = make(t, [])
  const span = 'x'.repeat(1_024)
  exporter.add(span)
  await pass(2_000)
  for (let i = 0; i < 10_000; i++) exporter.add(span)
  await pass(60_000)
  t.equal(posts.length, 1)
  t.equal(counts.dropped, 10_000 - 4_096)
})

t.test('it is said when it begins and when it is over, and once a minute however often it comes and goes', async t => {
  const { exporter, lines, pass } = make(t, Array.from({ length: 25 }, () => [refused(), TAKEN]).flat())
  // Refused, and taken a second later: every five seconds.
  const flap = async () => {
    exporter.add('a')
    await pass(2_000)
    await pass(1_000)
    await pass(2_000)
  }
  const warned = /^warn traces: the collector does not take spans.* status 503$/
  const over = /^info traces: the collector takes spans again/
  await flap()
  t.match(lines, [warned, over])
  for (let times = 1; times < 11; times++) await flap()
  t.equal(lines.length, 2, 'nothing for most of a minute')
  for (let times = 11; times < 14; times++) await flap()
  t.match(lines, [warned, over, warned, over])
  t.equal(lines.length, 4)
})

t.test('it is said once, however long it stays away', async t => {
  const { exporter, posts, lines, pass } = make(
    t,
    Array.from({ length: 50 }, () => refused()),
  )
  for (let second = 0; second < 180; second++) {
    exporter.add('a')
    await pass(1_000)
  }
  t.ok(posts.length > 40, 'batch after batch')
  t.equal(lines.length, 1)
})

t.test('at the end everything is sent, the last few too', async t => {
  const { exporter, posts, counts } = make(t, [TAKEN, TAKEN])
  for (let i = 0; i < 513; i++) exporter.add('s')
  await exporter.close(1_000)
  t.same(
    posts.map(batch => batch.length),
    [512, 1],
  )
  exporter.add('late')
  t.same(counts, { exported: 513, dropped: 1, failed: 0 })
})

t.test('the end waits neither for a pause nor for a second try', async t => {
  const { exporter, posts, counts, pass } = make(t, [refused(), refused(), refused()])
  exporter.add('a')
  await pass(2_000)
  exporter.add('b')
  await exporter.close(1_000)
  t.same(posts, [['a'], ['a'], ['b']])
  t.same(counts, { exported: 0, dropped: 0, failed: 2 })
})

t.test('nor for a collector that hangs', async t => {
  const { exporter, counts, pass } = make(t, [])
  for (let i = 0; i < 600; i++) exporter.add('s')
  await pass(2_000)
  const closed = exporter.close(1_000)
  await pass(1_000)
  await closed
  t.equal(counts.dropped, 88)
})
