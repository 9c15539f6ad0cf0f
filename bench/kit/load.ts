// Rounds of small requests: what is asked of the load generator, what it reports, and who takes turns.
import { type Answering, type Child, type Children, LOAD_CORE } from './children.ts'
import type { Pids } from './core-use.ts'
import { createPatience } from './quiet.ts'
import { alternate, type Rounds, type Timed, type Turns } from './turns.ts'

export const CONNECTIONS = 64
export const USERS = 1_000

export interface LoadRequest {
  readonly port: number
  readonly connections: number
  /** Whole requests as text, sent in turn. */
  readonly requests: readonly string[]
  /** Content-Length of a right answer. */
  readonly length: number
  readonly warmupMs: number
  readonly measureMs: number
  readonly pids: Pids
}

/** One contestant's turn. */
export interface Round extends Timed {
  readonly done: number
  readonly byNew: number
  /** Answers that were not what was expected, and connections that broke, warm-up included: has to be 0. */
  readonly wrong: number
  readonly firstWrong: string | null
}

/** Who takes a turn. */
export interface Contestant {
  readonly name: string
  readonly port: number
  /** Asked before each turn: processes whose CPU time counts. */
  readonly pids: () => readonly number[]
  readonly requests: readonly string[]
}

/** What is the same for all contestants. */
export interface Field {
  readonly origins: readonly Child[]
  /** Content-Length of a right answer. */
  readonly length: number
  told(text: string): void
}

export async function takeTurns(
  children: Children,
  contestants: readonly Contestant[],
  turns: Turns,
  field: Field,
): Promise<Rounds<Contestant, Round>> {
  const load = children.startFile('load generator', 'kit/load-process.ts', LOAD_CORE)
  try {
    // Compilers and pools settle first: a turn that does not count.
    for (const one of contestants) await turn(load, one, { ...turns, measureMs: turns.warmupMs * 3 }, field)
    const patience = createPatience(turns.patienceMs)
    return await alternate(contestants, { rounds: turns.rounds, patience }, (one, round) => {
      field.told(`round ${round} of ${turns.rounds}: ${one.name}`)
      return turn(load, one, turns, field)
    })
  } finally {
    await load.stop()
  }
}

async function turn(
  load: Answering,
  one: Contestant,
  { warmupMs, measureMs }: Turns,
  { length, origins }: Field,
): Promise<Round> {
  const request: LoadRequest = {
    port: one.port,
    connections: CONNECTIONS,
    requests: one.requests,
    length,
    warmupMs,
    measureMs,
    pids: { proxy: one.pids(), origins: origins.map(({ pid }) => pid) },
  }
  const round = await load.ask<Round>(request, warmupMs + measureMs + 15_000)
  if (round.done === 0)
    throw new Error(`${one.name}: no answers${round.firstWrong === null ? '' : `; instead:\n${round.firstWrong}`}`)
  return round
}

/** As an API client sends it: a few fields, one of them who the user is. */
export function requestOf(path: string, user: number): string {
  return [
    `GET ${path} HTTP/1.1`,
    'Host: shop.example.com',
    'User-Agent: banyan-bench/1',
    'Accept: application/json',
    'Accept-Encoding: gzip, br',
    'Accept-Language: en',
    `X-User-Id: user-${String(user).padStart(4, '0')}`,
    '',
    '',
  ].join('\r\n')
}
