// The question "what do workers cost?": CPU per request of two workers, all processes together, against one process; and how
// evenly connections fall on them. Both workers have the proxy's one core here: what counts is the CPU, not the throughput.
import { readFileSync } from 'node:fs'
import type { Bench, Question } from './kit/bench.ts'
import { ANSWER_BYTES } from './kit/canned.ts'
import { LOAD_CORE } from './kit/children.ts'
import { ticksOf } from './kit/cpu.ts'
import type { Verdict } from './kit/figures.ts'
import { type Contestant, requestOf, takeTurns, USERS } from './kit/load.ts'
import { compared, microseconds, printRounds, wrongAnswers } from './kit/report.ts'
import { startBanyan } from './peers/banyan.ts'
import type { OriginPorts } from './peers/origin.ts'

export const workers: Question = {
  name: 'workers',
  asks: 'what two workers cost, CPU per request against one process',
  run,
}

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
