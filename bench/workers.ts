// The question "what do workers cost?": CPU per request of two workers, all processes together, against one process; and how
// evenly connections fall on them. Both workers have the proxy's one core here: what counts is the CPU, not the throughput.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Bench, Question } from './kit/bench.ts'
import { ANSWER_BYTES } from './kit/canned.ts'
import { canPin, LOAD_CORE, PROXY_CORE } from './kit/children.ts'
import { connectionsOf } from './kit/connections.ts'
import { cpuSeconds, ticksOf } from './kit/cpu.ts'
import { median, table, type Verdict } from './kit/figures.ts'
import { type Contestant, type LoadRequest, type Round, requestOf, takeTurns, USERS } from './kit/load.ts'
import { compared, microseconds, printRounds, wrongAnswers } from './kit/report.ts'
import { startBanyan } from './peers/banyan.ts'
import type { OriginPorts } from './peers/origin.ts'

export const workers: Question = {
  name: 'workers',
  asks: 'what two workers cost, CPU per request against one process',
  run,
}

/** How evenly they fall is asked with so many, each several times: with two of them it is a throw of dice. */
const COUNTS = [2, 16, 128]
const OPENINGS = 7
const REQUESTS = Array.from({ length: USERS }, (_, user) => requestOf('/orders/4711', user))

async function run(bench: Bench): Promise<readonly Verdict[]> {
  const origin = bench.children.startFile('origin', 'peers/origin.ts', LOAD_CORE)
  const ports = await origin.ask<OriginPorts>({}, 10_000)
  const one = await banyan(bench, ports, 1, 'off')
  const two = await banyan(bench, ports, 2, 'off')
  const oneLogged = await banyan(bench, ports, 1, 'on')
  const twoLogged = await banyan(bench, ports, 2, 'on')
  const rounds = await takeTurns(bench.children, [one, two, oneLogged, twoLogged], bench.turns, {
    origins: [origin],
    length: ANSWER_BYTES,
    told: text => bench.told(`workers: ${text}`),
  })
  printRounds(bench, rounds)
  bench.print(sharesText(two.pids()))
  bench.print(await evenness(bench, two, origin.pid, 'both on one core'))
  if (canPin()) {
    for (const pid of two.pids()) execFileSync('taskset', ['-acp', `${PROXY_CORE},${LOAD_CORE}`, String(pid)])
    bench.print(await evenness(bench, two, origin.pid, 'free on both cores'))
  }
  return [
    {
      asked: 'two workers, CPU per request against one process',
      figure: compared(rounds, two, one, microseconds),
      unit: '×',
      bar: { kind: 'at most', value: 1.15 },
    },
    {
      asked: 'the same with the access log',
      figure: compared(rounds, twoLogged, oneLogged, microseconds),
      unit: '×',
      bar: { kind: 'at most', value: 1.15 },
    },
    wrongAnswers(rounds),
  ]
}

async function banyan(bench: Bench, ports: OriginPorts, count: number, access: 'on' | 'off'): Promise<Contestant> {
  const name = `banyan, ${count === 1 ? 'one process' : `${count} workers`}${access === 'on' ? ', access log' : ''}`
  const options = { name, access, profile: null, store: 'memory:', paths: ['/orders/*'], workers: count }
  const { child, port } = await startBanyan(bench.children, bench.directory, ports, options)
  return { name, port, pids: () => familyOf(child.pid), requests: REQUESTS }
}

/** A process and all that it has started. */
export function familyOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  const children = text === '' ? [] : text.split(' ').map(Number)
  return [pid, ...children.flatMap(familyOf)]
}

function sharesText(pids: readonly number[]): string {
  const ticks = pids.map(pid => ticksOf(readFileSync(`/proc/${pid}/stat`, 'utf8')))
  const all = ticks.reduce((sum, one) => sum + one, 0)
  const shares = ticks.map(one => `${Math.round((100 * one) / all)} %`)
  return `of the CPU of two workers the primary and each of them had, since the start: ${shares.join(', ')}`
}

/** Opened at once, as after a restart of what is in front. Who has fewer of them, and who less work. */
async function evenness(bench: Bench, { port, pids }: Contestant, origin: number, where: string): Promise<string> {
  const workerPids = pids().slice(1)
  const load = bench.children.startFile('load generator', 'kit/load-process.ts', LOAD_CORE)
  const rows: string[][] = []
  for (const connections of COUNTS) {
    const held: (readonly number[])[] = []
    const used: number[] = []
    for (let opening = 1; opening <= OPENINGS; opening++) {
      bench.told(`workers: ${connections} connections, ${where}: ${opening} of ${OPENINGS}`)
      const request: LoadRequest = {
        port,
        connections,
        requests: REQUESTS,
        length: ANSWER_BYTES,
        warmupMs: 200,
        measureMs: 600,
        pids: { proxy: workerPids, origins: [origin] },
      }
      const before = workerPids.map(pid => cpuSeconds([pid]))
      const loaded = load.ask<Round>(request, 15_000)
      await new Promise(resolve => setTimeout(resolve, 500))
      held.push([...connectionsOf(workerPids, port)].sort((a, b) => a - b))
      const { wrong, firstWrong } = await loaded
      if (wrong > 0) throw new Error(`${wrong} requests went wrong; the first:\n${firstWrong}`)
      used.push(lesserShare(workerPids.map((pid, i) => cpuSeconds([pid]) - (before[i] as number))))
    }
    const lesser = held.map(lesserShare)
    rows.push([
      String(connections),
      ...[median(lesser), Math.min(...lesser), median(used), Math.min(...used)].map(percent),
      held.map(both => both.join(':')).join(' '),
    ])
  }
  await load.stop()
  const head = [`${where}: connections`, 'the lesser’s', 'least', 'its CPU', 'least', `${OPENINGS} openings`]
  return table([head, ...rows])
}

function lesserShare(values: readonly number[]): number {
  return (
    Math.min(...values) /
    Math.max(
      1e-9,
      values.reduce((sum, one) => sum + one, 0),
    )
  )
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}
