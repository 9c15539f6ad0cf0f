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
}

export interface Rounds<One, Turn extends Timed> {
  readonly of: ReadonlyMap<One, readonly Turn[]>
  /** How many turns were taken again, because others used the cores. */
  readonly repeated: number
  /** How many of those that count were disturbed nevertheless. */
  readonly disturbed: number
}

/** Disturbed turns that are taken again, at most, for each turn that counts. */
const MOST_REPEATS = 2

/** A B C A B C …; a turn that was disturbed is taken again, and the quieter of both counts. */
export async function alternate<One, Turn extends Timed>(
  contestants: readonly One[],
  { rounds, patience }: { readonly rounds: number; readonly patience: Patience },
  take: (one: One, round: number) => Promise<Turn>,
): Promise<Rounds<One, Turn>> {
  let repeated = 0
  const most = MOST_REPEATS * rounds * contestants.length
  const turns = new Map<One, Turn[]>(contestants.map(one => [one, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const one of contestants) {
      await patience.untilQuiet()
      let best = await take(one, round)
      while (othersShare(best) > MOST_OTHERS && repeated < most) {
        repeated++
        await patience.untilQuiet()
        const again = await take(one, round)
        if (othersShare(again) < othersShare(best)) best = again
      }
      turns.get(one)?.push(best)
    }
  }
  const disturbed = [...turns.values()].flat().filter(turn => othersShare(turn) > MOST_OTHERS).length
  return { of: turns, repeated, disturbed }
}

/** Of the core that had more of it, the share that went to processes that are not ours. */
export function othersShare({ proxyCore, loadCore, seconds }: Timed): number {
  return Math.max(0, proxyCore.all - proxyCore.own, loadCore.all - loadCore.own) / seconds
}

/** What to say of the quiet that the rounds had; null when there is nothing to say. */
export function disturbance({ repeated, disturbed }: Rounds<unknown, Timed>): string | null {
  if (repeated === 0 && disturbed === 0) return null
  const percent = MOST_OTHERS * 100
  const kept = disturbed === 0 ? '' : `; of those that count, disturbed all the same: ${disturbed}`
  return `rounds taken again because others took more than ${percent} % of a core: ${repeated}${kept}`
}
