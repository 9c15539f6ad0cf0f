// npm run fuzz -- --minutes 10 --seed 1: a longer run. What it finds is kept in the corpus, which is a part of the tests.
import type { Test } from 'tap'
import { type Kind, keep } from './corpus.ts'
import { fuzz, LANES_OF, uncaught } from './fuzz.ts'
import type { Finding } from './lane.ts'
import { MOST_KEPT, readOptions, USAGE } from './options.ts'

const options = readOptions(process.argv.slice(2), Date.now() % 2 ** 31)
if (options === 'help') {
  process.stdout.write(USAGE)
  process.exit()
}
if ('wrong' in options) {
  process.stderr.write(`fuzz: ${options.wrong} (--help says more)\n`)
  process.exit(2)
}
const { minutes, seed, keep: keeps } = options
const until = performance.now() + minutes * 60_000
console.log(`seed ${seed}, ${minutes} min`)

const endings: (() => unknown)[] = []
const t = { teardown: (ending: () => unknown) => endings.push(ending) } as unknown as Test
const { errors } = uncaught()
const findings: Finding[] = []

function found(finding: Finding): void {
  findings.push(finding)
  const name = keeps && findings.length <= MOST_KEPT ? keep(finding.kind, { ...finding.input, why: finding.what }) : ''
  console.log(`${finding.lane} ${finding.kind} ${name} (of ${finding.input.name}): ${finding.what}`)
  if (!keeps) console.log(JSON.stringify(finding.input))
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
