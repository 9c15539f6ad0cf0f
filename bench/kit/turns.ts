// Contestants that take turns, so that whatever disturbs the machine for a while disturbs all of them.
import { MOST_OTHERS, type Patience } from './quiet.ts'

export interface Turns {
  readonly rounds: number
  readonly warmupMs: number
  readonly measureMs: number
  /** Time for waiting until the machine is quiet, in all. */
  readonly patienceMs: number
}

/** Seconds on one core. */
export interface CoreUse {
  /** By the bench's own processes there. */
  readonly own: number
  /** By everything. Counted in ticks by the kernel: exact to a few percent only. */
  readonly all: number
}

/** What every turn tells, whatever is measured in it. */
export interface Timed {
  readonly seconds: number
  readonly proxyCore: CoreUse
  readonly loadCore: CoreUse
  /** Seconds for which the machine's host kept the core waiting that it kept waiting longer. */
  readonly stolen: number
}

export interface Rounds<One, Turn extends Timed> {
  readonly of: ReadonlyMap<One, readonly Turn[]>
  /** How many turns were taken again, because they were disturbed. */
  readonly repeated: number
  /** How many of those that count were disturbed nevertheless. */
  readonly disturbed: number
  readonly by: Disturbance
}

/** What makes a turn worthless, and how much of it is too much. */
export interface Disturbance {
  readonly of: (turn: Timed) => number
  readonly most: number
  /** Of what is too much. */
  readonly text: string
}

/** For throughput: what others took makes it less by as much. */
export const BY_OTHERS: Disturbance = {
  of: othersShare,
  most: MOST_OTHERS,
  text: `others took more than ${MOST_OTHERS * 100} % of a core`,
}

/** For the slowest one in a hundred: one pause of 1 % of a turn delays as many. */
export const BY_HOST: Disturbance = {
  of: stolenShare,
  most: 0.005,
  text: 'the host kept a core waiting for more than 0.5 % of the time',
}

/** Disturbed turns that are taken again, at most, for each turn that counts. */
const MOST_REPEATS = 2

/** A B C A B C …; a turn that was disturbed is taken again, and the quieter of both counts. */
export async function alternate<One, Turn extends Timed>(
  contestants: readonly One[],
  {
    rounds,
    patience,
    by = BY_OTHERS,
  }: { readonly rounds: number; readonly patience: Patience; readonly by?: Disturbance },
  take: (one: One, round: number) => Promise<Turn>,
): Promise<Rounds<One, Turn>> {
  let repeated = 0
  const most = MOST_REPEATS * rounds * contestants.length
  const turns = new Map<One, Turn[]>(contestants.map(one => [one, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const one of contestants) {
      await patience.untilQuiet()
      let best = await take(one, round)
      while (by.of(best) > by.most && repeated < most) {
        repeated++
        await patience.untilQuiet()
        const again = await take(one, round)
        if (by.of(again) < by.of(best)) best = again
      }
      turns.get(one)?.push(best)
    }
  }
  const disturbed = [...turns.values()].flat().filter(turn => by.of(turn) > by.most).length
  return { of: turns, repeated, disturbed, by }
}

/** Of the core that had more of it, the share that went to processes that are not ours. */
export function othersShare({ proxyCore, loadCore, seconds }: Timed): number {
  return Math.max(0, proxyCore.all - proxyCore.own, loadCore.all - loadCore.own) / seconds
}

export function stolenShare({ stolen, seconds }: Timed): number {
  return stolen / seconds
}

/** What to say of the quiet that the rounds had; null when there is nothing to say. */
export function disturbance({ repeated, disturbed, by }: Rounds<unknown, Timed>): string | null {
  if (repeated === 0 && disturbed === 0) return null
  const kept = disturbed === 0 ? '' : `; of those that count, disturbed all the same: ${disturbed}`
  return `rounds taken again because ${by.text}: ${repeated}${kept}`
}
