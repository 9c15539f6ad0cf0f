// Rounds of load: what is asked of the load generator, what it reports, and contestants that take turns.
import { type Answering, type Child, type Children, LOAD_CORE } from './children.ts'
import { createPatience, MOST_OTHERS } from './quiet.ts'

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
  /** Processes of the proxy, and the others of the bench beside the load generator itself. */
  readonly pids: { readonly proxy: readonly number[]; readonly origins: readonly number[] }
}

/** Seconds on one core. */
export interface CoreUse {
  /** By the bench's own processes there. */
  readonly own: number
  /** By everything. Counted in ticks by the kernel: exact to a few percent only. */
  readonly all: number
}

/** Disturbed rounds that are taken again, at most, for each round that counts. */
const MOST_REPEATS = 2

/** One contestant's turn. */
export interface Round {
  readonly done: number
  readonly byNew: number
  /** Answers that were not what was expected, and connections that broke, warm-up included: has to be 0. */
  readonly wrong: number
  readonly firstWrong: string | null
  readonly seconds: number
  readonly proxyCore: CoreUse
  readonly loadCore: CoreUse
}

/** Who takes a turn. */
export interface Contestant {
  readonly name: string
  readonly port: number
  /** Asked before each turn: processes whose CPU time counts. */
  readonly pids: () => readonly number[]
  readonly requests: readonly string[]
}

export interface Turns {
  readonly rounds: number
  readonly warmupMs: number
  readonly measureMs: number
  /** Time for waiting until the machine is quiet, in all. */
  readonly patienceMs: number
}

/** What is the same for all contestants. */
export interface Field {
  readonly origins: readonly Child[]
  /** Content-Length of a right answer. */
  readonly length: number
  told(text: string): void
}

export interface Rounds {
  readonly of: ReadonlyMap<Contestant, readonly Round[]>
  /** How many rounds were taken again, because others used the cores. */
  readonly repeated: number
  /** How many of those that count were disturbed nevertheless. */
  readonly disturbed: number
}

/** A B C A B C …: whatever disturbs the machine for a while disturbs all of them. */
export async function takeTurns(
  children: Children,
  contestants: readonly Contestant[],
  turns: Turns,
  field: Field,
): Promise<Rounds> {
  const load = children.startFile('load generator', 'kit/load-process.ts', LOAD_CORE)
  const patience = createPatience(turns.patienceMs)
  let repeated = 0
  const most = MOST_REPEATS * turns.rounds * contestants.length
  const rounds = new Map<Contestant, Round[]>(contestants.map(one => [one, []]))
  try {
    // Compilers and pools settle first: a turn that does not count.
    for (const one of contestants) await turn(load, one, { ...turns, measureMs: turns.warmupMs * 3 }, field)
    for (let round = 1; round <= turns.rounds; round++) {
      for (const one of contestants) {
        field.told(`round ${round} of ${turns.rounds}: ${one.name}`)
        await patience.untilQuiet()
        let best = await turn(load, one, turns, field)
        while (othersShare(best) > MOST_OTHERS && repeated < most) {
          repeated++
          await patience.untilQuiet()
          const again = await turn(load, one, turns, field)
          if (othersShare(again) < othersShare(best)) best = again
        }
        rounds.get(one)?.push(best)
      }
    }
  } finally {
    await load.stop()
  }
  const disturbed = [...rounds.values()].flat().filter(round => othersShare(round) > MOST_OTHERS).length
  return { of: rounds, repeated, disturbed }
}

/** Of the core that had more of it, the share that went to processes that are not ours. */
export function othersShare({ proxyCore, loadCore, seconds }: Round): number {
  return Math.max(0, proxyCore.all - proxyCore.own, loadCore.all - loadCore.own) / seconds
}

/** What to say of the quiet that the rounds had; null when there is nothing to say. */
export function disturbance({ repeated, disturbed }: Rounds): string | null {
  if (repeated === 0 && disturbed === 0) return null
  const percent = MOST_OTHERS * 100
  const kept = disturbed === 0 ? '' : `; of those that count, disturbed all the same: ${disturbed}`
  return `rounds taken again because others took more than ${percent} % of a core: ${repeated}${kept}`
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
