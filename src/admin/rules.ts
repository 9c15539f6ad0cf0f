// Rules about what does not count as a difference: those of the file and those that operators added, tried before they are kept.
import { randomBytes } from 'node:crypto'
import { covers } from '../compare/rules/covers.ts'
import { describeRule } from '../compare/rules/describe.ts'
import { mistake, type RuleMistake } from '../compare/rules/mistakes.ts'
import { ruleFrom, ruleMistakes } from '../compare/rules/parse.ts'
import type { Rule, StoredRule } from '../model/comparison.ts'
import { BanyanError } from '../model/errors.ts'
import type { Route, RouteId } from '../model/route.ts'
import type { EpochMs } from '../model/units.ts'
import type { SignatureView } from '../shadow/view.ts'
import type { RuleAnswer, TriedRule } from './api-compare.ts'
import type { DivergenceParts, ShadowQuery } from './divergences.ts'
import type { Call, Handler } from './handlers.ts'
import { routeOf } from './route-of.ts'

/** What a rule did so far. */
export interface RuleHits {
  readonly hits: number
  readonly lastHit: EpochMs | null
  readonly comparisons: number
  readonly dead: boolean
}

const NO_HITS: RuleHits = { hits: 0, lastHit: null, comparisons: 0, dead: false }
const EVERYTHING: ShadowQuery = { since: null, severity: null, kind: null, path: null, state: null, limit: 1000 }

export type RuleCall = 'rules' | 'addRule' | 'removeRule' | 'tryRule'

export function createRuleHandlers(parts: DivergenceParts): Readonly<Record<RuleCall, Handler>> {
  const { control, clock, shadow, said } = parts

  function changing(call: Call) {
    return { ...said(call), ...(call.ifRevision === null ? {} : { ifRevision: call.ifRevision }) }
  }

  return {
    rules: async call => ({ rules: await rulesOf(parts, routeOf(control, call)) }),
    async addRule(call) {
      const route = routeOf(control, call)
      const mistakes = [...ruleMistakes(call.body, clock.now()), ...reasonMistakes(call.body)]
      const rule = ruleOf(call, `rule-${randomBytes(5).toString('hex')}`, mistakes)
      const { applied } = await control.apply({ type: 'add-rule', route: route.id, rule, ...changing(call) })
      return { ...applied, rule: (await rulesOf(parts, route)).find(one => one.id === rule.id) }
    },
    async removeRule(call) {
      // Also of a route that is gone: nothing else would ever end its rules.
      const { id: route, rule: id } = call.params as { readonly id: RouteId; readonly rule: string }
      return (await control.apply({ type: 'remove-rule', route, id, ...changing(call) })).applied
    },
    async tryRule(call) {
      const route = routeOf(control, call)
      const rule = ruleOf(call, 'rule-tried', ruleMistakes(call.body, clock.now()))
      return tried(rule, (await shadow.view(route.id, EVERYTHING)).items)
    },
  }
}

/** Those of the file first, in its order. */
export async function rulesOf({ control, clock, shadow }: DivergenceParts, route: Route): Promise<RuleAnswer[]> {
  const hits = await shadow.ruleHits(route.id)
  const added = control.state().rules.filter(stored => stored.route === route.id)
  const view = (rule: Rule, stored: StoredRule | null): RuleAnswer => {
    const { id, does, paths, owner, reason, until } = rule
    return {
      id,
      text: textOf(rule),
      does,
      paths: [...paths],
      owner,
      reason,
      until,
      source: stored === null ? 'file' : 'added',
      by: stored?.by ?? null,
      at: stored?.at ?? null,
      ...(hits.get(id) ?? NO_HITS),
      expired: until !== null && until <= clock.now(),
    }
  }
  return [
    // Compiled together with those that were added, or not: these are not twice in the list.
    ...route.compare.rules.filter(({ id }) => id.startsWith('file:')).map(rule => view(rule, null)),
    ...added.map(stored => view(stored.rule, stored)),
  ]
}

/** Owner, reason and end are fields of their own. */
function textOf(rule: Rule): string {
  return describeRule({ ...rule, owner: null, reason: null, until: null })
}

/** A file is reviewed, and says why in its history; of what is added while it runs nobody knows later, unless it says so. */
function reasonMistakes({ reason = null }: Readonly<Record<string, unknown>>): readonly RuleMistake[] {
  if (reason !== null && (typeof reason !== 'string' || reason.trim() !== '')) return []
  return [mistake('/reason', 'missing: a rule that is added says why', { hint: '"reason": "an id of each request"' })]
}

/** What would only be a warning in a file, an end in the past, is refused here: nothing is gained by such a rule. */
function ruleOf(call: Call, id: string, mistakes: readonly RuleMistake[]): Rule {
  const [first] = mistakes
  if (first === undefined) return ruleFrom(call.body, id)
  const hint = hintOf(first)
  throw new BanyanError('invalid', `${first.path === '' ? 'the rule' : first.path}: ${first.message}`, {
    ...(hint === null ? {} : { hint }),
    details: { errors: mistakes.map(({ path, message }) => ({ pointer: path, message })) },
  })
}

function hintOf({ hint, allowed }: RuleMistake): string | null {
  if (allowed === null) return hint
  if (hint === null) return `allowed: ${allowed}`
  return `${hint}${hint.endsWith('?') ? '' : ';'} allowed: ${allowed}`
}

/** Of stored differences only places are known, not values: what looks at values cannot be told. */
function tried(rule: Rule, items: readonly SignatureView[]): TriedRule {
  const hides: TriedRule['hides'] = []
  const unknown: TriedRule['unknown'] = []
  for (const { signature, field, state, severity, differences } of items) {
    const judged = differences.map(place => ({ place, covered: covers(rule, place) }))
    const hidden = judged.filter(({ covered }) => covered === true).map(({ place }) => place)
    const open = judged.filter(({ covered }) => covered === null).map(({ place }) => place)
    if (hidden.length > 0) {
      hides.push({
        signature,
        field,
        state,
        severity,
        whole: hidden.length === differences.length,
        count: sum(hidden),
        places: hidden.map(({ template, kind, path }) => ({ template, kind, path })),
      })
    }
    if (open.length > 0) {
      unknown.push({ signature, field, count: sum(open), why: 'it depends on the values, which are not kept' })
    }
  }
  return {
    text: textOf(rule),
    hides,
    unknown,
    hidden: sum(hides),
    of: sum(items.flatMap(({ differences }) => differences)),
  }
}

function sum(counted: readonly { readonly count: number }[]): number {
  return counted.reduce((all, { count }) => all + count, 0)
}
