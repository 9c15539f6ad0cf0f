// Registers: how right they are, also for keys of one side only; merging; as text.
import fc from 'fast-check'
import t from 'tap'
import {
  estimate,
  mergeRegisters,
  noteHash,
  REGISTERS,
  registersFrom,
  textOfRegisters,
} from '../../src/inventory/registers.ts'
import { createBucketer, thresholdOf } from '../../src/routing/bucket.ts'

const bucketOf = createBucketer('seed', 'orders')

function registersOf(buckets: Iterable<number>): Uint8Array {
  const registers = new Uint8Array(REGISTERS)
  for (const bucket of buckets) noteHash(registers, bucket)
  return registers
}

const buckets = (count: number) => Array.from({ length: count }, (_, i) => bucketOf(`user-${i}`))

t.test('right within 7 %, thrice that at most; also of those that are drawn to a small side', async t => {
  t.equal(estimate(registersOf([])), 0)
  for (const count of [1, 10, 100, 1_000, 20_000, 100_000]) {
    const all = buckets(count)
    for (const percent of [100, 50, 1]) {
      const drawn = all.filter(bucket => bucket < thresholdOf(percent))
      const found = estimate(registersOf([...drawn, ...drawn]))
      const allowed = Math.max(1, 0.21 * drawn.length)
      t.ok(Math.abs(found - drawn.length) <= allowed, `${percent} % of ${count}: ${found} for ${drawn.length}`)
    }
  }
})

t.test('merged is the same as seen together, in any order and as often as one likes', async t => {
  const some = fc.array(fc.nat(2 ** 31 - 1), { maxLength: 300 })
  fc.assert(
    fc.property(some, some, (one, other) => {
      const merged = registersOf(one)
      for (let i = 0; i < 2; i++) mergeRegisters(merged, registersOf(other))
      t.same([...merged], [...registersOf([...other, ...one])])
      t.same([...(registersFrom(JSON.parse(JSON.stringify(textOfRegisters(merged)))) ?? [])], [...merged])
    }),
    { numRuns: 50 },
  )
  t.pass()
})

t.test('a text that is none', async t => {
  const good = textOfRegisters(registersOf(buckets(1_000)))
  for (const text of [null, 5, '', good.slice(1), `${good}0`, `~${good.slice(1)}`, ` ${good.slice(1)}`])
    t.equal(registersFrom(text), null)
})
