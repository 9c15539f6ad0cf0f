// npm run fuzz -- --minutes 10 --seed 1: a longer run. What it finds is kept in the corpus, which is a part of the tests.
import { parseArgs } from 'node:util'
import type { Test } from 'tap'
import { type Kind, keep } from './corpus.ts'
import { fuzz, LANES_OF, uncaught } from './fuzz.ts'
import type { Finding } from './lane.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    keep: { type: 'boolean', default: true },
  },
  allowNegative: true,
})
const seed = Number(values.seed ?? Date.now() % 2 ** 31)
const until = performance.now() + Number(values.minutes) * 60_000
console.log(`seed ${seed}, ${values.minutes} min`)

const endings: (() => unknown)[] = []
const t = { teardown: (ending: () => unknown) => endings.push(ending) } as unknown as Test
const { errors } = uncaught()
const findings: Finding[] = []

function found(finding: Finding): void {
  findings.push(finding)
  // One fault is found by many: the first few say it all.
  const name = values.keep && findings.length <= 20 ? keep(finding.kind, { ...finding.input, why: finding.what }) : ''
  console.log(`${finding.lane} ${finding.kind} ${name} (of ${finding.input.name}): ${finding.what}`)
  if (!values.keep) console.log(JSON.stringify(finding.input))
}

const runs = (Object.keys(LANES_OF) as Kind[]).flatMap((kind, i) =>
  LANES_OF[kind].map((lane, j) => fuzz(t, kind, lane, { seed: seed + 10 * i + j, until, found })),
)
const counts = await Promise.all(runs).catch(error => {
  console.log(error)
  process.exit(2)
})
for (const ending of endings.reverse()) await ending()
for (const error of errors) console.log(`uncaught: ${(error as Error)?.stack ?? error}`)
console.log(
  `${counts.reduce((sum, count) => sum + count, 0)} inputs, ${findings.length} findings, ${errors.length} uncaught`,
)
await new Promise(resolve => setTimeout(resolve, 500))
const sockets = process.getActiveResourcesInfo().filter(one => one === 'TCPSocketWrap').length
if (sockets > 0) console.log(`${sockets} sockets are left`)
process.exit(findings.length + errors.length + sockets > 0 ? 1 : 0)
