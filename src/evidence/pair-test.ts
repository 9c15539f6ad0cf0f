// Does new differ more often than legacy differs from itself? Of each discordant pair (exactly one of the two happened) is asked
// only which it was: a fair coin, while new is no worse.
//
// A process whose bets have been lost for long would need long to notice what begins today; one that is begun anew all the
// time never sees what is small. So two run beside each other: the longest counts `LONGEST` pairs, the newest is replaced after
// each `BLOCK`. Every process that is ever begun has its number and a share of ALPHA for it, so all together cross with a
// probability of at most ALPHA as long as new is no worse, however long that lasts.
//
// A crossing stands until a whole block after it has passed without one: that is the news that it is over.
import { type Bet, labelEvidence } from './label-test.ts'
import { spendingThreshold } from './spending.ts'

/** Of ever calling a place worse that is not. */
export const ALPHA = 0.01
/** Discordant pairs. */
export const BLOCK = 200
/** A multiple of it. */
export const LONGEST = 25 * BLOCK

/** Half on what is rare and clear, half on the small surpluses of a field that drifts by itself. */
const BETS: readonly Bet[] = [
  ...[1.1, 1.2, 1.35].map(ratio => ({ ratio, stake: 1 / 6 })),
  ...[1.5, 2, 3, 5, 10, 30, 100, 1000].map(ratio => ({ ratio, stake: 1 / 16 })),
]

/** One bet, in counts. */
export interface Process {
  readonly k: number
  readonly onlyNew: number
  readonly onlyLegacy: number
}

/** Plain data: it is stored as it is. */
export interface PairTest {
  readonly longest: Process
  /** null: the longest is still the newest. */
  readonly newest: Process | null
  /** Something crossed in this block; in the one before. */
  readonly crossed: boolean
  readonly crossedBefore: boolean
}

export interface Evidence {
  readonly nats: number
  readonly threshold: number
}

export const UNTESTED: PairTest = { longest: begun(1), newest: null, crossed: false, crossedBefore: false }

export function isWorse({ crossed, crossedBefore }: PairTest): boolean {
  return crossed || crossedBefore
}

/** After one more discordant pair. */
export function afterPair(test: PairTest, only: 'new' | 'legacy'): PairTest {
  const longest = counted(test.longest, only)
  const newest = test.newest === null ? null : counted(test.newest, only)
  const crossed = test.crossed || isOver(longest) || (newest !== null && isOver(newest))
  const block = newest ?? longest
  if (sizeOf(block) < BLOCK) return { longest, newest, crossed, crossedBefore: test.crossedBefore }
  const next = begun(block.k + 1)
  const ends = sizeOf(longest) >= LONGEST
  return { longest: ends ? next : longest, newest: ends ? null : next, crossed: false, crossedBefore: crossed }
}

/** Of the process that is nearest to its threshold. */
export function evidenceOf({ longest, newest }: PairTest): Evidence {
  const first = evidence(longest)
  if (newest === null) return first
  const second = evidence(newest)
  return second.nats - second.threshold > first.nats - first.threshold ? second : first
}

/** Pairs in which only new differs that are still needed, if nothing else comes. */
export function missing({ longest, newest }: PairTest): number {
  return Math.min(...[longest, newest].filter(process => process !== null).map(missingOf))
}

function missingOf({ k, onlyNew, onlyLegacy }: Process): number {
  let more = 0
  while (more < BLOCK && !isOver({ k, onlyNew: onlyNew + more, onlyLegacy })) more++
  return more
}

function begun(k: number): Process {
  return { k, onlyNew: 0, onlyLegacy: 0 }
}

function counted({ k, onlyNew, onlyLegacy }: Process, only: 'new' | 'legacy'): Process {
  return only === 'new' ? { k, onlyNew: onlyNew + 1, onlyLegacy } : { k, onlyNew, onlyLegacy: onlyLegacy + 1 }
}

function sizeOf({ onlyNew, onlyLegacy }: Process): number {
  return onlyNew + onlyLegacy
}

function isOver(bet: Process): boolean {
  // It has won nothing then.
  if (bet.onlyNew <= bet.onlyLegacy) return false
  const { nats, threshold } = evidence(bet)
  return nats >= threshold
}

function evidence({ k, onlyNew, onlyLegacy }: Process): Evidence {
  return { nats: labelEvidence(onlyNew, onlyLegacy, 1 / 2, 1, BETS), threshold: spendingThreshold(k, ALPHA) }
}
