// A bounded fuzz: what both sides may send, changed at random, through a live Banyan. FUZZ_SEED repeats a run, FUZZ_SECONDS gives
// it more time; a longer one is `npm run fuzz -- --minutes 10`.
import t from 'tap'
import { eventually } from '../e2e/harness.ts'
import type { Kind } from './corpus.ts'
import { escaped } from './corpus.ts'
import { fuzz, LANES_OF, uncaught } from './fuzz.ts'
import type { Finding } from './lane.ts'

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 4)

const sockets = () => process.getActiveResourcesInfo().filter(one => one === 'TCPSocketWrap').length

t.comment(`FUZZ_SEED=${seed}`)

t.test('no input breaks it, desyncs it, or stays', async t => {
  const before = sockets()
  const { errors, stop } = uncaught()
  t.teardown(stop)
  await t.test('for a while', async t => {
    const findings: Finding[] = []
    const bounds = { seed, until: performance.now() + SECONDS * 1000, found: (one: Finding) => findings.push(one) }
    const runs = (Object.keys(LANES_OF) as Kind[]).flatMap((kind, i) =>
      LANES_OF[kind].map((name, j) => fuzz(t, kind, name, { ...bounds, seed: seed + 10 * i + j })),
    )
    const counts = await Promise.all(runs)
    t.comment(`${counts.join(' + ')} inputs`)
    t.ok(counts.every(count => count > 0))
    for (const { lane, kind, input, what } of findings.slice(0, 5)) {
      t.fail(`${what} (${kind}, ${lane})`, { seed, ...input, bytes: escaped(input.bytes) })
    }
  })
  t.same(errors, [], 'nothing uncaught')
  await eventually(() => sockets() <= before, 'every socket was closed')
})
