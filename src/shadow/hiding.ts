// Which rule hides a place by now: it was seen before somebody said that it does not count. Only what is sure by the place
// alone; what depends on values shows by not being seen any more.
import { type PlacePaths, placePaths } from '../compare/place-paths.ts'
import type { DivergenceKind, FoundPlace, Rule } from '../model/comparison.ts'
import type { EpochMs } from '../model/units.ts'

interface Hider {
  readonly id: string
  readonly until: EpochMs | null
  /** null: of any kind. */
  readonly kinds: readonly DivergenceKind[] | null
  readonly hidesStatus: boolean
  readonly paths: PlacePaths
}

/** The id of a rule; null: none hides it. */
export type HidingRule = (place: Pick<FoundPlace, 'kind' | 'path'>, at: EpochMs) => string | null

export function hidingRule(rules: readonly Rule[]): HidingRule {
  const hiders = rules.flatMap(rule => hiderOf(rule) ?? [])
  return (place, at) => hiders.find(hider => (hider.until ?? at + 1) > at && hides(hider, place))?.id ?? null
}

function hiderOf(rule: Rule): Hider | null {
  if (rule.does !== 'ignore' && rule.does !== 'expect') return null
  const { id, until, paths } = rule
  const kinds = rule.does === 'expect' ? rule.kinds : null
  return { id, until, kinds, hidesStatus: paths.includes('status'), paths: placePaths(paths, false) }
}

function hides({ kinds, hidesStatus, paths }: Hider, { kind, path }: Pick<FoundPlace, 'kind' | 'path'>): boolean {
  if (kinds !== null && !kinds.includes(kind)) return false
  if (kind === 'status') return hidesStatus
  return kind === 'header' ? paths.headers.has(path.split('/')[1] ?? '') : paths.covers(path)
}
