// Stands in for compare/rules until that is there.
import type { FoundPlace, Rule } from '../model/comparison.ts'

export interface RuleMistake {
  readonly pointer: string
  readonly message: string
  readonly hint: string | null
}

export function ruleMistakes(_input: unknown): readonly RuleMistake[] {
  return [{ pointer: '', message: 'rules are not there yet', hint: null }]
}

export function ruleFrom(_input: unknown, _id: string): Rule {
  throw new Error('not yet')
}

export function covers(_rule: Rule, _place: Pick<FoundPlace, 'kind' | 'path'>): 'yes' | 'no' | 'unknown' {
  return 'unknown'
}

export function describeRule(rule: Rule): string {
  return `${rule.does} ${rule.paths.join(', ')}`
}
