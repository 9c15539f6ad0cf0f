// How far a route has come, how much it needs somebody, and the order that follows: by need.

/** In the order of a migration. */
export const PHASES = ['legacy-only', 'legacy', 'shadow', 'canary', 'growth', 'full', 'retired'] as const
export type Phase = (typeof PHASES)[number]

/** From nothing to do, to harm. */
export const LEVELS = ['none', 'look', 'wrong'] as const
export type Level = (typeof LEVELS)[number]

/** Percent: up to it a route is a canary. */
const CANARY = 10

export interface Standing {
  readonly hasLegacy: boolean
  readonly hasNew: boolean
  /** The weight in force. */
  readonly effective: number
  readonly isShadowed: boolean
}

export function phaseOf({ hasLegacy, hasNew, effective, isShadowed }: Standing): Phase {
  if (!hasNew) return 'legacy-only'
  if (!hasLegacy) return 'retired'
  if (effective >= 100) return 'full'
  if (effective > 0) return effective > CANARY ? 'growth' : 'canary'
  return isShadowed ? 'shadow' : 'legacy'
}

export interface Needy {
  readonly id: string
  readonly phase: Phase
  readonly attention: { readonly level: Level }
}

/** What is under way between both ends comes before what has not begun, and that before what is over. */
const BY_NEED: readonly Phase[] = ['canary', 'growth', 'shadow', 'full', 'legacy', 'legacy-only', 'retired']

/** For sorting: first what needs somebody most; of those that need the same, by name. */
export function byNeed(one: Needy, other: Needy): number {
  return (
    LEVELS.indexOf(other.attention.level) - LEVELS.indexOf(one.attention.level) ||
    BY_NEED.indexOf(one.phase) - BY_NEED.indexOf(other.phase) ||
    (one.id < other.id ? -1 : one.id > other.id ? 1 : 0)
  )
}
