// What rules say about a header or about the status.
import type { Rule } from '../../model/comparison.ts'
import type { Mark, RuleId } from '../json/marks.ts'
import type { IdPairs } from './id-pairs.ts'
import { comparesOf, severityOf } from './mark.ts'

/** What rules say about a place that is no part of a tree. */
export interface PlainRules {
  /** The rule in whose name a difference is hidden; null: none hides it. A header's value is null where it is absent. */
  hiddenBy(legacy: string | null, fresh: string | null): RuleId | null
  readonly severity: Mark['severity']
}

export function plainRules(
  kind: 'header' | 'status',
  rules: readonly Rule[],
  ids: ReadonlyMap<RuleId, IdPairs>,
): PlainRules {
  const whatever = rules.find(
    rule => rule.does === 'ignore' || (rule.does === 'expect' && (rule.kinds === null || rule.kinds.includes(kind))),
  )
  const compares = comparesOf(rules, ids)
  const tolerances = comparesOf(
    rules.filter(rule => rule.does === 'tolerance'),
    ids,
  )
  return {
    severity: severityOf(rules),
    hiddenBy(legacy, fresh) {
      if (whatever !== undefined) return whatever.id
      for (const compare of compares) {
        const { equal, rule } = compare(legacy ?? undefined, fresh ?? undefined)
        if (equal) return rule
      }
      for (const compare of tolerances) {
        const { equal, rule } = compare(asNumber(legacy), asNumber(fresh))
        if (equal) return rule
      }
      return null
    },
  }
}

/** Headers have no numbers, but texts that are meant as such. */
function asNumber(value: string | null): number | undefined {
  return value !== null && /^-?\d{1,15}(?:\.\d{1,15})?$/.test(value) ? Number(value) : undefined
}
