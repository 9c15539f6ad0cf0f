// The question "do bad shadows harm clients?": how long clients wait beside shadows that are healthy, dead, slow, silent, endless
// or huge, and what memory that takes in the long run.

import type { Bench, Question } from './kit/bench.ts'
import { LOAD_CORE } from './kit/children.ts'
import { MIB, median, type Spread, shown, spreadOf, table, type Verdict } from './kit/figures.ts'
import { metric } from './kit/health.ts'
import { residentBytes } from './kit/memory.ts'
import { createPatience } from './kit/quiet.ts'
import { perSecond } from './kit/report.ts'
import type { Steady, SteadyRequest } from './kit/steady-process.ts'
import { alternate, BY_HOST, disturbance, type Rounds, stolenShare } from './kit/turns.ts'
import { warmUp } from './kit/warm-up.ts'
import { BAD, type BadPorts } from './peers/bad-origin.ts'
import { type Banyan, startBanyan } from './peers/banyan.ts'
import type { OriginPorts } from './peers/origin.ts'
import { EVERY } from './shadow.ts'

export const badShadows: Question = {
  name: 'bad-shadows',
  asks: 'clients’ p99, and memory, beside shadows that are healthy, dead, slow, silent, endless or huge',
  run,
}

const KINDS = ['healthy', ...BAD] as const
const OFF = 'no shadow'
/** The origin asked directly: what client, origins and machine make of it by themselves. */
const NO_PROXY = 'no proxy'
/** Of the requests per second that are reached with every request shadowed. */
const HALF = 0.5
/** A process that was idle for some turns has given memory back, and has to ask for it again. */
const WARM_UP = 4
/** Before anything is measured: compilers are at work for as long. */
const WARM_TURNS = 3
/** The long run, in turns: ten minutes where a turn has three seconds. */
const LONG_TURNS = 200
const LONG_PER_SECOND = 50
const LOOKS = 60
/** Between the second and the last third. */
const MOST_GROWTH = 1.1

async function run(bench: Bench): Promise<readonly Verdict[]> {
  const { children } = bench
  const origin = children.startFile('origin', 'peers/origin.ts', LOAD_CORE)
  const good = await origin.ask<OriginPorts>({}, 10_000)
  const bad = children.startFile('bad origins', 'peers/bad-origin.ts', LOAD_CORE)
  const ports = await bad.ask<BadPorts>({}, 10_000)
  const beside = new Map<string, Banyan>([[OFF, await start(bench, OFF, good, {})]])
  for (const kind of KINDS) {
    beside.set(kind, await start(bench, `beside ${kind}`, { legacy: good.legacy, new: ports[kind] }, EVERY))
  }
  let most = 0
  for (const [name, { child, port }] of beside) {
    for (let i = 1; i <= WARM_TURNS; i++) {
      bench.told(`bad-shadows: warming up ${name}`)
      const round = await warmUp(bench, port, [child.pid])
      if (name === 'healthy') most = perSecond(round)
    }
  }
  const rate = Math.round(most * HALF)
  const origins = [origin.pid, bad.pid]
  return [...(await waits(bench, beside, good.legacy, rate, origins)), ...(await memory(bench, beside, origins))]
}

// ---- how long clients wait

async function waits(
  bench: Bench,
  beside: ReadonlyMap<string, Banyan>,
  legacy: number,
  rate: number,
  origins: readonly number[],
): Promise<readonly Verdict[]> {
  const { children, turns } = bench
  const normal = children.startFile('normal client', 'kit/steady-process.ts', LOAD_CORE)
  const patience = createPatience(turns.patienceMs)
  const rounds = await alternate<string, Steady>(
    [NO_PROXY, ...beside.keys()],
    { rounds: turns.rounds, patience, by: BY_HOST },
    (name, round) => {
      bench.told(`bad-shadows: round ${round} of ${turns.rounds}: ${name}`)
      const banyan = beside.get(name)
      const request: SteadyRequest = {
        port: banyan?.port ?? legacy,
        perSecond: rate,
        warmupMs: WARM_UP * turns.warmupMs,
        measureMs: turns.measureMs,
        pids: { proxy: banyan === undefined ? [] : [banyan.child.pid], origins },
      }
      return normal.ask<Steady>(request, turns.measureMs + 30_000)
    },
  )
  await normal.stop()
  report(bench, rate, rounds)
  const failed = [...rounds.of.values()].flat().reduce((sum, turn) => sum + turn.failed, 0)
  return [
    atMost('client requests that failed', spreadOf([failed]), 'requests', 0),
    ...KINDS.map(kind =>
      atMost(
        `client p99 beside a shadow that is “${kind}”, above 1.3 × + 1 ms of shadow off`,
        excess(rounds, kind),
        'ms',
        0,
      ),
    ),
  ]
}

/** Pair by pair: what the p99 is above what it may be. */
function excess(rounds: Rounds<string, Steady>, kind: string): Spread {
  const off = rounds.of.get(OFF) ?? []
  const on = rounds.of.get(kind) ?? []
  return spreadOf(on.map((turn, i) => turn.p99Ms - (1.3 * (off[i] as Steady).p99Ms + 1)))
}

function report(bench: Bench, rate: number, rounds: Rounds<string, Steady>): void {
  const rows = [...rounds.of].map(([name, turns]) => [
    name,
    shown(median(turns.map(turn => turn.p50Ms))),
    shown(median(turns.map(turn => turn.p99Ms))),
    shown(Math.max(...turns.map(turn => turn.p99Ms))),
    `${(100 * median(turns.map(turn => turn.proxyCore.own / turn.seconds))).toFixed(0)} %`,
    `${(100 * median(turns.map(stolenShare))).toFixed(1)} %`,
  ])
  bench.print(`${shown(rate)} requests a second, half of what it does with every request shadowed`)
  bench.print(table([['the shadow', 'p50 ms', 'p99 ms', 'max p99', 'its core', 'stolen'], ...rows]))
  const disturbed = disturbance(rounds)
  if (disturbed !== null) bench.print(disturbed)
}

// ---- what it takes in the long run

async function memory(
  bench: Bench,
  beside: ReadonlyMap<string, Banyan>,
  origins: readonly number[],
): Promise<readonly Verdict[]> {
  const { children, turns } = bench
  const longMs = LONG_TURNS * turns.measureMs
  const bytes = new Map<string, number[]>([...beside.keys()].map(name => [name, []]))
  const held = new Map<string, number>([...beside.keys()].map(name => [name, 0]))
  const runs = [...beside].map(([name, { child, port }]) => {
    const request: SteadyRequest = {
      port,
      perSecond: LONG_PER_SECOND,
      warmupMs: 0,
      measureMs: longMs,
      pids: { proxy: [child.pid], origins },
    }
    return children
      .startFile(`client of ${name}`, 'kit/steady-process.ts', LOAD_CORE)
      .ask<Steady>(request, longMs + 30_000)
  })
  for (let i = 1; i <= LOOKS; i++) {
    bench.told(`bad-shadows: memory, look ${i} of ${LOOKS}`)
    await new Promise(resolve => setTimeout(resolve, longMs / LOOKS))
    for (const [name, { child, healthPort }] of beside) {
      bytes.get(name)?.push(residentBytes([child.pid]))
      held.set(name, Math.max(held.get(name) as number, await metric(healthPort, 'banyan_shadow_held_bytes')))
    }
  }
  const ends = await Promise.all(runs)
  const failed = ends.reduce((sum, { failed }) => sum + failed, 0)
  const first = ends.find(end => end.firstFailed !== null)?.firstFailed
  if (first != null) bench.print(`the first request that failed: ${first}`)
  const third = LOOKS / 3
  const of = (name: string, nth: number) => median((bytes.get(name) ?? []).slice(nth * third, (nth + 1) * third))
  const rows = [...beside.keys()].map(name => [
    name,
    ...[0, 1, 2].map(nth => shown(of(name, nth) / MIB)),
    shown((held.get(name) as number) / MIB),
  ])
  const head = ['the shadow', 'first third MiB', 'second', 'last', 'held, most']
  bench.print(`memory in ${shown(longMs / 60_000)} minutes of ${LONG_PER_SECOND} requests a second each`)
  bench.print(table([head, ...rows]))
  return [
    atMost('client requests that failed in the long run', spreadOf([failed]), 'requests', 0),
    ...KINDS.map(kind =>
      atMost(
        `memory beside a shadow that is “${kind}”, last third against the second`,
        spreadOf([of(kind, 2) / of(kind, 1)]),
        '×',
        MOST_GROWTH,
      ),
    ),
  ]
}

function atMost(asked: string, figure: Spread, unit: string, value: number): Verdict {
  return { asked, figure, unit, bar: { kind: 'at most', value } }
}

function start(bench: Bench, name: string, origin: OriginPorts, defaults: Record<string, unknown>): Promise<Banyan> {
  const options = {
    name,
    access: 'off' as const,
    profile: null,
    store: 'memory:',
    paths: ['/*'],
    defaults: { ...defaults, weight: 0 },
  }
  return startBanyan(bench.children, bench.directory, origin, options)
}
