// Rules that operators add to a route and remove again. Pure, as all of reduce.
import { isDeepStrictEqual } from 'node:util'
import type { Rule, StoredRule } from '../model/comparison.ts'
import type { Command, ControlState } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { Route, UnitId } from '../model/route.ts'
import type { EpochMs } from '../model/units.ts'
import type { Change, Moment } from './reduce.ts'

/** More than these belong into the file, where they are reviewed. */
const MOST_RULES = 200
/** Of all routes together, as JSON: the state is saved as a whole with every change. */
const MOST_RULES_BYTES = 64 * 1024

export function addRule(
  state: ControlState,
  command: Extract<Command, { type: 'add-rule' }>,
  route: Route,
  moment: Moment,
): Change {
  const { rule } = command
  refuseOver(rule, moment.at)
  const standing = standingAt(state.rules, moment.at)
  const ofRoute = standing.filter(one => one.route === route.id)
  if ([...route.compare.rules, ...ofRoute.map(one => one.rule)].some(({ id }) => id === rule.id)) {
    throw new BanyanError('rule_exists', `route ${route.id} has a rule ${rule.id} already`, {
      hint: 'remove that one first, or take another id',
    })
  }
  const same = [...route.compare.rules, ...ofRoute.map(one => one.rule)].find(
    one => isStanding(one, moment.at) && doesTheSame(one, rule),
  )
  if (same !== undefined) {
    throw new BanyanError('rule_exists', `route ${route.id} has that rule already: ${same.id}`, {
      hint: same.id.startsWith('file:')
        ? 'it is in the configuration'
        : `to change its owner, reason or end, end ${same.id} first`,
    })
  }
  const stored: StoredRule = { route: route.id, rule, by: command.actor.name, at: moment.at }
  const rules = [...standing, stored]
  refuseTooMany(route, ofRoute.length + 1, Buffer.byteLength(JSON.stringify(rules.map(one => one.rule))))
  return { ...withRules(state, rules, route.unit, moment), subject: route.id, before: null, after: rule }
}

export function removeRule(
  state: ControlState,
  command: Extract<Command, { type: 'remove-rule' }>,
  stored: StoredRule | null,
  unit: UnitId | '*',
  moment: Moment,
): Change {
  if (stored === null) {
    throw new BanyanError('unknown_rule', `route ${command.route} has no added rule ${command.id}`, {
      hint: command.id.startsWith('file:')
        ? 'this one is in the configuration: remove it there, and reload'
        : 'GET /api/v1/routes/{id}/rules lists them',
    })
  }
  const rules = standingAt(state.rules, moment.at).filter(one => one !== stored)
  return { ...withRules(state, rules, unit, moment), subject: command.route, before: stored.rule, after: null }
}

/** Rules that are over go when the list is touched. */
function standingAt(rules: readonly StoredRule[], at: EpochMs): readonly StoredRule[] {
  return rules.filter(({ rule }) => isStanding(rule, at))
}

function isStanding({ until }: Rule, at: EpochMs): boolean {
  return until === null || until > at
}

/** At the same places, with the same parameters; whoever wanted it, why, and until when. */
function doesTheSame(one: Rule, other: Rule): boolean {
  return isDeepStrictEqual(meaningOf(one), meaningOf(other))
}

function meaningOf({ id: _, owner: __, reason: ___, until: ____, paths, ...action }: Rule): unknown {
  const names = paths.map(path => (path.startsWith('header:') ? path.toLowerCase() : path))
  return { ...action, paths: new Set(names) }
}

function withRules(
  state: ControlState,
  rules: readonly StoredRule[],
  unit: UnitId | '*',
  { revision }: Moment,
): Pick<Change, 'state'> {
  return { state: { ...state, revision, rules, changed: { ...state.changed, [unit]: revision } } }
}

function refuseOver(rule: Rule, at: EpochMs): void {
  if (isStanding(rule, at)) return
  throw new BanyanError('invalid', 'the rule would end before it begins', {
    hint: 'a later time, or none',
    details: { errors: [{ pointer: '/until', message: 'must be in the future' }] },
  })
}

function refuseTooMany(route: Route, count: number, bytes: number): void {
  const hint = 'remove some, or move them to compare.rules in the configuration, where there may be any number'
  if (count > MOST_RULES)
    throw new BanyanError('too_many_rules', `route ${route.id} has ${MOST_RULES} added rules already`, { hint })
  if (bytes > MOST_RULES_BYTES)
    throw new BanyanError('too_many_rules', `all added rules together would be over ${MOST_RULES_BYTES / 1024} KiB`, {
      hint,
    })
}
