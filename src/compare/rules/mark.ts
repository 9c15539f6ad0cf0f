// What all rules that name one place say of it together.
import type { Rule } from '../../model/comparison.ts'
import type { Compare, Compared, Mark, RuleId } from '../json/marks.ts'
import type { Json } from '../json/read.ts'
import { sameScalar } from '../json/same.ts'
import { isEqualBy } from './equalities.ts'
import type { IdPairs } from './id-pairs.ts'
import { type Normaliser, normaliserOf } from './normalise.ts'
import { isTolerated } from './tolerance.ts'

const DIFFERENT: Compared = { equal: false, rule: null }

/** Of rules that contradict each other, the first counts. */
export function markOf(rules: readonly Rule[], ids: ReadonlyMap<RuleId, IdPairs>): Partial<Mark> {
  const compare = comparesOf(rules, ids)
  return {
    ignore: rules.find(rule => rule.does === 'ignore')?.id ?? null,
    unordered: rules.find(rule => rule.does === 'unordered')?.id ?? null,
    keyed: first(rules, rule => (rule.does === 'keyed' ? { rule: rule.id, by: rule.by } : null)),
    compare: compare.length === 0 ? null : compare,
    confirm: confirmOf(rules, ids),
    severity: severityOf(rules),
    expect: first(rules, rule => (rule.does === 'expect' ? { rule: rule.id, kinds: rule.kinds } : null)),
  }
}

export function severityOf(rules: readonly Rule[]): Mark['severity'] {
  return first(rules, rule => (rule.does === 'severity' ? { rule: rule.id, severity: rule.severity } : null))
}

export function comparesOf(rules: readonly Rule[], ids: ReadonlyMap<RuleId, IdPairs>): readonly Compare[] {
  const chain: Link[] = []
  const compares: Compare[] = []
  for (const rule of rules) {
    if (rule.does === 'tolerance') {
      const isNear = (a: Json | undefined, b: Json | undefined) =>
        a !== undefined && b !== undefined && isTolerated(a, b, rule)
      compares.push(hiding(rule.id, isNear))
    } else if (rule.does === 'equal') compares.push(hiding(rule.id, (a, b) => isEqualBy(rule.what, a, b)))
    else if (rule.does === 'idMap') {
      const pairs = ids.get(rule.id)
      if (pairs !== undefined) compares.push(hiding(rule.id, (a, b) => pairs.agree(a, b)))
    } else if (rule.does === 'normalise') {
      const normalise = normaliserOf(rule)
      if (normalise !== null) chain.push({ rule: rule.id, normalise })
    }
  }
  return chain.length === 0 ? compares : [normalising(chain), ...compares]
}

/** Ids that stay the same stand for each other, too. */
function confirmOf(rules: readonly Rule[], ids: ReadonlyMap<RuleId, IdPairs>): Mark['confirm'] {
  const pairs = rules.flatMap(rule => ids.get(rule.id) ?? [])
  return pairs.length === 0 ? null : value => pairs.every(each => each.confirms(value))
}

function hiding(rule: RuleId, isEqual: (legacy: Json | undefined, fresh: Json | undefined) => boolean): Compare {
  const equal: Compared = { equal: true, rule }
  return (legacy, fresh) => (isEqual(legacy, fresh) ? equal : DIFFERENT)
}

interface Link {
  readonly rule: RuleId
  readonly normalise: Normaliser
}

/** One after another on what the one before has left: case and white space together are no difference, either. */
function normalising(chain: readonly Link[]): Compare {
  return (legacy, fresh) => {
    if (legacy === undefined || fresh === undefined || typeof legacy !== typeof fresh) return DIFFERENT
    let [a, b] = [legacy, fresh]
    for (const { rule, normalise } of chain) {
      a = normalise(a)
      b = normalise(b)
      if (sameScalar(a, b)) return { equal: true, rule }
    }
    return DIFFERENT
  }
}

function first<T>(rules: readonly Rule[], said: (rule: Rule) => T | null): T | null {
  for (const rule of rules) {
    const found = said(rule)
    if (found !== null) return found
  }
  return null
}
