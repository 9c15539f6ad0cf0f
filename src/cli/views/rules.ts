// Rules, what was learned to be noise, and what a rule would hide, for people.
import type { NoiseAnswer, RuleAnswer, TriedRule } from '../../admin/api-compare.ts'
import { type Column, type Look, listing, moment, orNothing, safe, wrap } from '../print.ts'
import { many, number, placeText } from './divergences.ts'

const RULE_COLUMNS: readonly Column<RuleAnswer>[] = [
  { title: 'ID', head: true, of: rule => rule.id },
  { title: 'RULE', head: true, of: rule => rule.text },
  { title: 'HID', right: true, of: rule => number(rule.hits) },
  { title: 'OF', right: true, of: rule => number(rule.comparisons) },
  { title: 'STATE', of: stateOf, style: rule => (stateOf(rule) === 'in force' ? null : 'yellow') },
  { title: 'UNTIL', of: rule => (rule.until === null ? 'for ever' : moment(rule.until)) },
  { title: 'OWNER', of: rule => orNothing(rule.owner ?? rule.by) },
  { title: 'REASON', below: true, of: rule => orNothing(rule.reason) },
]

export function rulesView(rules: readonly RuleAnswer[], look: Look): readonly string[] {
  return rules.length === 0 ? ['no rules'] : listing(RULE_COLUMNS, rules, look)
}

function stateOf({ expired, dead }: RuleAnswer): string {
  return expired ? 'expired' : dead ? 'dead' : 'in force'
}

const NOISE_COLUMNS: readonly Column<NoiseAnswer>[] = [
  { title: 'ID', head: true, of: one => one.id },
  { title: 'TEMPLATE', head: true, of: one => one.template },
  { title: 'KIND', head: true, of: one => one.kind },
  { title: 'PATH', head: true, of: placeText },
  { title: 'STATE', of: one => one.state },
  { title: 'ASKED TWICE', right: true, of: one => number(one.repeats) },
  { title: 'ONLY NEW', right: true, of: one => number(one.onlyNew) },
  { title: 'ONLY ITSELF', right: true, of: one => number(one.onlySelf) },
  { title: 'BOTH', right: true, of: one => number(one.both) },
  { title: 'EXPIRES', of: one => (one.expiresAt === null ? 'never' : moment(one.expiresAt)) },
  { title: 'WHY', below: true, of: one => one.why },
]

export function noiseView(noise: readonly NoiseAnswer[], look: Look): readonly string[] {
  return noise.length === 0 ? ['nothing is known to be noise'] : listing(NOISE_COLUMNS, noise, look)
}

type Hidden = TriedRule['hides'][number]

const HIDDEN_COLUMNS: readonly Column<Hidden>[] = [
  { title: 'SIGNATURE', head: true, of: one => one.signature },
  { title: 'FIELD', head: true, of: one => one.field },
  { title: 'STATE', of: one => one.state },
  { title: 'SEVERITY', of: one => one.severity },
  { title: 'DIFFERENCES', right: true, of: one => number(one.count) },
  { title: 'ALL OF IT', of: one => (one.whole ? 'yes' : 'in part') },
  {
    title: 'PLACES',
    below: true,
    of: one => one.places.map(place => `${place.template} ${placeText(place)}`).join(', '),
  },
]

export function triedView({ text, hides, unknown, hidden, of }: TriedRule, look: Look): readonly string[] {
  const unknowable = unknown.reduce((sum, one) => sum + one.count, 0)
  return [
    ...wrap(
      `${safe(text)}: would hide ${number(hidden)} of ${many(of, 'stored difference')}, ${many(hides.length, 'signature')}`,
      look.width,
    ),
    ...(hides.length === 0 ? [] : ['', ...listing(HIDDEN_COLUMNS, hides, look)]),
    ...(unknown.length === 0
      ? []
      : [
          '',
          ...wrap(
            `cannot be known: ${number(unknowable)} more, because it depends on values, which are not kept (${unknown.map(({ field }) => safe(field)).join(', ')})`,
            look.width,
          ),
        ]),
  ]
}
