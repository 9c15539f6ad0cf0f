// Which rule hides a place by now: it was seen before somebody said that it does not count. Some is sure by the place alone;
// what depends on values (a tolerance, a key, a filter) shows by not being seen any more.
import { type PlacePaths, placePaths } from '../compare/place-paths.ts'
import type { DivergenceKind, FoundPlace, Rule } from '../model/comparison.ts'
import type { EpochMs } from '../model/units.ts'

/** What is known of a rule: since when it takes part here, and how many differences it hid; null: nothing. */
export type RuleRecord = (rule: string) => { readonly since: EpochMs; readonly hits: number } | null

export interface Hiding {
  readonly rule: string
  /** Whatever the values are; else it was seen before the rule began to hide, and not since. */
  readonly isSure: boolean
}

type SeenPlace = Pick<FoundPlace, 'kind' | 'path'> & { readonly lastSeen: EpochMs }

/** null: none hides it. */
export type HidingRule = (place: SeenPlace, at: EpochMs) => Hiding | null

interface Hider extends Hiding {
  readonly until: EpochMs | null
  /** null: of any kind. */
  readonly kinds: readonly DivergenceKind[] | null
  readonly hidesStatus: boolean
  readonly paths: PlacePaths
}

export function hidingRule(rules: readonly Rule[], known: RuleRecord): HidingRule {
  const hiding = rules.filter(({ does }) => does !== 'severity')
  const sure = hiding.filter(({ does }) => does === 'ignore' || does === 'expect').map(rule => hiderOf(rule, true))
  const hiders = [...sure, ...hiding.map(rule => hiderOf(rule, false))]
  return (place, at) => {
    const found = hiders.find(
      hider =>
        (hider.until ?? at + 1) > at && hides(hider, place) && (hider.isSure || isGone(place, known(hider.rule))),
    )
    return found ?? null
  }
}

function isGone({ lastSeen }: SeenPlace, known: ReturnType<RuleRecord>): boolean {
  return known !== null && known.hits > 0 && lastSeen < known.since
}

function hiderOf(rule: Rule, isSure: boolean): Hider {
  const { id, until, paths } = rule
  return {
    rule: id,
    isSure,
    until,
    kinds: rule.does === 'expect' ? rule.kinds : null,
    hidesStatus: paths.includes('status'),
    paths: placePaths(paths, !isSure),
  }
}

function hides({ kinds, hidesStatus, paths }: Hider, { kind, path }: Pick<FoundPlace, 'kind' | 'path'>): boolean {
  if (kinds !== null && !kinds.includes(kind)) return false
  if (kind === 'status') return hidesStatus
  return kind === 'header' ? paths.headers.has(path.split('/')[1] ?? '') : paths.covers(path)
}
