// The question "do slow clients harm others?": how long a normal client waits with and without 300 heads that drip and 300 readers
// that sip.
import type { Bench, Question } from './kit/bench.ts'
import { type Answering, LOAD_CORE } from './kit/children.ts'
import { cpuSeconds } from './kit/cpu.ts'
import { MIB, median, type Spread, shown, spreadOf, table, type Verdict } from './kit/figures.ts'
import { forgetPeak, peakBytes, residentBytes } from './kit/memory.ts'
import { createPatience } from './kit/quiet.ts'
import { compared } from './kit/report.ts'
import type { SlowClients, SlowRequest } from './kit/slow-process.ts'
import type { Steady, SteadyRequest } from './kit/steady-process.ts'
import { alternate, disturbance, othersShare, type Rounds } from './kit/turns.ts'
import { warmUp } from './kit/warm-up.ts'
import { startBanyan } from './peers/banyan.ts'
import type { OriginPorts } from './peers/origin.ts'

export const slow: Question = {
  name: 'slow',
  asks: 'how long a normal client waits with and without 300 dripping heads and 300 slow readers',
  run,
}

const DRIPS = 300
const READERS = 300
const PER_SECOND = 200
/** Of a core: below it the buffers are full. */
const CALM_SHARE = 0.3
const LOOK_MS = 250
const MOST_FILL_MS = 30_000

type Company = 'alone' | 'with slow clients'

interface Turn extends Steady {
  /** At the end of the turn; null: there were none. */
  readonly company: SlowClients | null
  /** Peak of the proxy's memory, above what it was at the beginning of the turn. */
  readonly grownBytes: number
}

async function run(bench: Bench): Promise<readonly Verdict[]> {
  const { children, turns } = bench
  const origin = children.startFile('origin', 'peers/full-origin.ts', LOAD_CORE)
  const ports = await origin.ask<OriginPorts>({}, 10_000)
  const { child, port } = await startBanyan(children, bench.directory, ports, {
    name: 'banyan',
    access: 'off',
    store: 'memory:',
    paths: ['/*'],
    profile: null,
    // Slow readers hold a connection to the backend each, here as behind any proxy that does not store answers.
    connections: 2 * READERS,
  })
  await warmUp(bench, port, [child.pid])
  const slowly = children.startFile('slow clients', 'kit/slow-process.ts', LOAD_CORE)
  const normal = children.startFile('normal client', 'kit/steady-process.ts', LOAD_CORE)

  const patience = createPatience(turns.patienceMs)
  const companies: readonly Company[] = ['alone', 'with slow clients']
  const rounds = await alternate<Company, Turn>(companies, { rounds: turns.rounds, patience }, async (one, round) => {
    bench.told(`slow: round ${round} of ${turns.rounds}: ${one}`)
    forgetPeak([child.pid])
    const beforeBytes = residentBytes([child.pid])
    if (one === 'with slow clients') await begin(slowly, port, child.pid)
    const request: SteadyRequest = {
      port,
      perSecond: PER_SECOND,
      warmupMs: 0,
      measureMs: turns.measureMs,
      pids: { proxy: [child.pid], origins: [origin.pid, slowly.pid] },
    }
    const turn = await normal.ask<Steady>(request, turns.measureMs + 30_000)
    const company = one === 'alone' ? null : await ended(slowly)
    return { ...turn, company, grownBytes: peakBytes([child.pid]) - beforeBytes }
  })

  report(bench, rounds)
  const ratio = (figure: (turn: Turn) => number) => compared(rounds, 'with slow clients', 'alone', figure)
  const failed = [...rounds.of.values()].flat().reduce((sum, turn) => sum + turn.failed, 0)
  return [
    {
      asked: 'requests of the normal client that failed',
      figure: spreadOf([failed]),
      unit: 'requests',
      bar: { kind: 'at most', value: 0 },
    },
    told(
      'its p50 with slow clients against alone',
      ratio(turn => turn.p50Ms),
    ),
    told(
      'its p99 with slow clients against alone',
      ratio(turn => turn.p99Ms),
    ),
  ]
}

function told(asked: string, figure: Spread): Verdict {
  return { asked, figure, unit: '×', bar: null }
}

/** The readers first: their answers fill the buffers on the way, and that is work, not slowness. */
async function begin(slowly: Answering, port: number, pid: number): Promise<void> {
  await slowly.ask({ port, kind: 'reader', count: READERS } satisfies SlowRequest, 60_000)
  await calm(pid)
  await slowly.ask({ port, kind: 'drip', count: DRIPS } satisfies SlowRequest, 60_000)
}

async function calm(pid: number): Promise<void> {
  for (let left = MOST_FILL_MS; left > 0; left -= LOOK_MS) {
    const before = cpuSeconds([pid])
    await new Promise(resolve => setTimeout(resolve, LOOK_MS))
    if (cpuSeconds([pid]) - before < (CALM_SHARE * LOOK_MS) / 1000) return
  }
}

async function ended(slowly: Answering): Promise<SlowClients> {
  const seen = await slowly.ask<SlowClients>('look', 10_000)
  await slowly.ask('end', 10_000)
  return seen
}

function report(bench: Bench, rounds: Rounds<Company, Turn>): void {
  const head = ['p50 ms', 'p99 ms', 'max p99', 'asked', 'failed', 'its core', 'load’s core', 'others', 'grown MiB']
  bench.print(table([['', ...head], ...[...rounds.of].map(([company, turns]) => rowOf(company, turns))]))
  const slowOnes = (rounds.of.get('with slow clients') ?? []).map(({ company }) => company as SlowClients)
  const least = (of: (one: SlowClients) => number) => Math.min(...slowOnes.map(of))
  const cut = slowOnes.reduce((sum, one) => sum + one.cut, 0)
  bench.print(
    `slow clients at the end of a turn, at least: ${least(one => one.dripping)} heads of ${DRIPS} that dripped, ` +
      `${least(one => one.reading)} readers of ${READERS}; cut in all turns, and opened again: ${cut}`,
  )
  const first = [...rounds.of.values()].flat().find(turn => turn.firstFailed !== null)?.firstFailed
  if (first != null) bench.print(`the first request that failed: ${first}`)
  const disturbed = disturbance(rounds)
  if (disturbed !== null) bench.print(disturbed)
}

function rowOf(company: Company, turns: readonly Turn[]): readonly string[] {
  const sum = (of: (turn: Turn) => number) => turns.reduce((total, turn) => total + of(turn), 0)
  const percent = (of: (turn: Turn) => number) => `${(100 * median(turns.map(of))).toFixed(0)} %`
  return [
    company,
    shown(median(turns.map(turn => turn.p50Ms))),
    shown(median(turns.map(turn => turn.p99Ms))),
    shown(Math.max(...turns.map(turn => turn.p99Ms))),
    String(sum(turn => turn.asked)),
    String(sum(turn => turn.failed)),
    percent(turn => turn.proxyCore.own / turn.seconds),
    percent(turn => turn.loadCore.own / turn.seconds),
    percent(othersShare),
    shown(Math.max(...turns.map(turn => turn.grownBytes / MIB))),
  ]
}
