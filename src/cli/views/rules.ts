// Rules, what was learned to be noise, and what a rule would hide, for people.
import type { NoiseAnswer, RuleAnswer, TriedRule } from '../../admin/api-compare.ts'
import { type Column, count, type Look, moment, orNothing, safe, table } from '../print.ts'
import { number } from './divergences.ts'

const RULE_COLUMNS: readonly Column<RuleAnswer>[] = [
  { title: 'ID', of: rule => rule.id },
  { title: 'RULE', cut: true, of: rule => rule.text },
  { title: 'HID', right: true, of: rule => number(rule.hits) },
  { title: 'OF', right: true, of: rule => number(rule.comparisons) },
  { title: 'STATE', of: stateOf, style: rule => (stateOf(rule) === 'in force' ? null : 'yellow') },
  { title: 'UNTIL', of: rule => (rule.until === null ? 'for ever' : moment(rule.until)) },
  { title: 'OWNER', cut: true, of: rule => orNothing(rule.owner ?? rule.by) },
  { title: 'REASON', cut: true, of: rule => orNothing(rule.reason) },
]

export function rulesView(rules: readonly RuleAnswer[], look: Look): readonly string[] {
  return rules.length === 0 ? ['no rules'] : table(RULE_COLUMNS, rules, look)
}

function stateOf({ expired, dead }: RuleAnswer): string {
  return expired ? 'expired' : dead ? 'dead' : 'in force'
}

const NOISE_COLUMNS: readonly Column<NoiseAnswer>[] = [
  { title: 'ID', of: one => one.id },
  { title: 'TEMPLATE', cut: true, of: one => one.template },
  { title: 'KIND', of: one => one.kind },
  { title: 'PATH', cut: true, of: one => one.path },
  { title: 'STATE', of: one => one.state },
  { title: 'ASKED TWICE', right: true, of: one => number(one.repeats) },
  { title: 'ONLY NEW', right: true, of: one => number(one.onlyNew) },
  { title: 'ONLY ITSELF', right: true, of: one => number(one.onlySelf) },
  { title: 'BOTH', right: true, of: one => number(one.both) },
  { title: 'EXPIRES', of: one => (one.expiresAt === null ? 'never' : moment(one.expiresAt)) },
  { title: 'WHY', of: one => one.why },
]

export function noiseView(noise: readonly NoiseAnswer[], look: Look): readonly string[] {
  return noise.length === 0 ? ['nothing is known to be noise'] : table(NOISE_COLUMNS, noise, look)
}

type Hidden = TriedRule['hides'][number]

const HIDDEN_COLUMNS: readonly Column<Hidden>[] = [
  { title: 'SIGNATURE', of: one => one.signature },
  { title: 'FIELD', cut: true, of: one => one.field },
  { title: 'STATE', of: one => one.state },
  { title: 'SEVERITY', of: one => one.severity },
  { title: 'DIFFERENCES', right: true, of: one => number(one.count) },
  { title: 'ALL OF IT', of: one => (one.whole ? 'yes' : 'in part') },
  { title: 'PLACES', cut: true, of: one => one.places.map(({ template, path }) => `${template} ${path}`).join(', ') },
]

export function triedView({ text, hides, unknown, hidden, of }: TriedRule, look: Look): readonly string[] {
  const unknowable = unknown.reduce((sum, one) => sum + one.count, 0)
  return [
    `${safe(text)}: would hide ${number(hidden)} of ${number(of)} stored differences, ${count(hides.length, 'signature')}`,
    ...(hides.length === 0 ? [] : ['', ...table(HIDDEN_COLUMNS, hides, look)]),
    ...(unknown.length === 0
      ? []
      : [
          '',
          `cannot be known: ${number(unknowable)} more, because it depends on values, which are not kept (${unknown.map(({ field }) => safe(field)).join(', ')})`,
        ]),
  ]
}
