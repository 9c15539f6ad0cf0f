// Which traces are recorded: by the parent's word, by a percent, or by both.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { isRecorded } from '../../src/telemetry/sampling.ts'

const parent = (isSampled: boolean) => ({ traceId: 'a', spanId: 'b', isSampled, isRandom: false })
const LOW = `${'f'.repeat(19)}${'0'.repeat(13)}`
const HIGH = `${'0'.repeat(19)}${'f'.repeat(13)}`

t.test('the parent’s word, and nothing else', async t => {
  const sampling = { byParent: true, percent: 0 }
  t.equal(isRecorded(sampling, LOW, parent(true)), true)
  t.equal(isRecorded(sampling, HIGH, parent(false)), false)
  t.equal(isRecorded(sampling, HIGH, null), false)
})

t.test('a percent of all: by the digits at the end, whatever a client says', async t => {
  const sampling = { byParent: false, percent: 1 }
  t.equal(isRecorded(sampling, LOW, parent(true)), false)
  t.equal(isRecorded(sampling, HIGH, parent(false)), true)
  for (const percent of [0, 100]) {
    for (const id of [LOW, HIGH]) t.equal(isRecorded({ byParent: false, percent }, id, null), percent === 100)
  }
})

t.test('a percent of those that begin here', async t => {
  const sampling = { byParent: true, percent: 100 }
  t.equal(isRecorded(sampling, LOW, null), true)
  t.equal(isRecorded(sampling, LOW, parent(false)), false)
})

t.test('of ids by chance, about so many', async t => {
  const ids = Array.from({ length: 20_000 }, () => randomBytes(16).toString('hex'))
  const recorded = ids.filter(id => isRecorded({ byParent: false, percent: 25 }, id, null)).length
  // 5,000 with a deviation of 61: outside of this once in 10^15 runs.
  t.ok(recorded > 4_500 && recorded < 5_500, String(recorded))
})
