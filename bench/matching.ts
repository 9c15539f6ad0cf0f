// The question "do many routes cost anything?": the whole path with 10 and with 10,000 routes, and match() by itself.
import type { Bench, Question } from './kit/bench.ts'
import { ANSWER_BYTES } from './kit/canned.ts'
import { LOAD_CORE, PROXY_CORE } from './kit/children.ts'
import { median, spreadOf, table, type Verdict } from './kit/figures.ts'
import { type Contestant, requestOf, takeTurns, USERS } from './kit/load.ts'
import { patternOf, seeded, shuffled, targetOf } from './kit/many-routes.ts'
import type { MatchRequest } from './kit/match-process.ts'
import { compared, microseconds, perSecond, printRounds, wrongAnswers } from './kit/report.ts'
import { startBanyan } from './peers/banyan.ts'
import type { OriginPorts } from './peers/origin.ts'

export const matching: Question = {
  name: 'matching',
  asks: 'requests per second with 10,000 routes against 10, and the time of one match()',
  run,
}

const FEW = 10
const MANY = 10_000
/** Enough to meet each of the many routes. */
const REQUESTS = 10_000

async function run(bench: Bench): Promise<readonly Verdict[]> {
  const { children } = bench
  const calls = await timeCalls(bench)
  const origin = children.startFile('origin', 'peers/origin.ts', LOAD_CORE)
  const ports = await origin.ask<OriginPorts>({}, 10_000)
  const few = await contestant(bench, ports, FEW)
  const many = await contestant(bench, ports, MANY)
  // The same process again, with traffic for the first few routes only: what routes cost that nobody asks for.
  const idle: Contestant = { ...many, name: `${routesText(MANY)}, ${FEW} of them used`, requests: few.requests }
  const rounds = await takeTurns(children, [few, many, idle], bench.turns, {
    origins: [origin],
    length: ANSWER_BYTES,
    told: text => bench.told(`matching: ${text}`),
  })

  printRounds(bench, rounds)
  bench.print(table([['match() alone', 'ns'], ...calls.map(([routes, ns]) => [routesText(routes), ns.toFixed(0)])]))
  const slowestNs = calls.find(([routes]) => routes === MANY)?.[1] ?? 0
  const shares = (rounds.of.get(many) ?? []).map(round => slowestNs / 10 / microseconds(round))
  return [
    {
      asked: `requests per second with ${routesText(MANY)} against ${routesText(FEW)}, all used alike`,
      figure: compared(rounds, many, few, perSecond),
      unit: '×',
      bar: { kind: 'at least', value: 0.95 },
    },
    {
      asked: `the same, ${FEW} of them used`,
      figure: compared(rounds, idle, few, perSecond),
      unit: '×',
      bar: null,
    },
    {
      asked: `one match() of ${routesText(MANY)}, part of a request's CPU time`,
      figure: spreadOf(shares),
      unit: '%',
      bar: { kind: 'at most', value: 5 },
    },
    wrongAnswers(rounds),
  ]
}

/** Median nanoseconds of a call, by number of routes; rounds alternate here too. */
async function timeCalls(bench: Bench): Promise<readonly (readonly [number, number])[]> {
  const sizes = [FEW, 1_000, MANY]
  const found = new Map<number, number[]>(sizes.map(routes => [routes, []]))
  for (let round = 1; round <= bench.turns.rounds; round++) {
    bench.told(`matching: match() alone, round ${round} of ${bench.turns.rounds}`)
    for (const routes of sizes) {
      const child = bench.children.startFile('match()', 'kit/match-process.ts', PROXY_CORE)
      const request: MatchRequest = { routes, measureMs: bench.turns.measureMs / 5 }
      found.get(routes)?.push(await child.ask<number>(request, request.measureMs * 2 + 60_000))
      await child.stop()
    }
  }
  return sizes.map(routes => [routes, median(found.get(routes) ?? [])] as const)
}

async function contestant(bench: Bench, ports: OriginPorts, count: number): Promise<Contestant> {
  const name = routesText(count)
  bench.told(`matching: starting with ${name}`)
  const { child, port, startMs } = await startBanyan(bench.children, bench.directory, ports, {
    name,
    access: 'off',
    store: 'memory:',
    paths: Array.from({ length: count }, (_, i) => patternOf(i)),
    profile: null,
  })
  bench.print(`${name}: ready ${(startMs / 1000).toFixed(1)} s after its start`)
  const requests = shuffled(count, REQUESTS, seeded(4711)).map((route, i) => requestOf(targetOf(route), i % USERS))
  return { name, port, pids: () => [child.pid], requests }
}

function routesText(count: number): string {
  return `${count.toLocaleString('en-US')} routes`
}
