// The configuration as it is in force: the file with its defaults, and in it what operators said since. Who said so is told
// beside it. In the words of the file, so that it can become the file.
import { z } from 'zod'
import { compare as compareSchema } from '../config/compare-schema.ts'
import type { Rule } from '../model/comparison.ts'
import { type ControlState, isInForce, unitStateOf } from '../model/control.ts'
import type { Route } from '../model/route.ts'
import type { Plan, Snapshot } from '../model/snapshot.ts'
import type { EpochMs } from '../model/units.ts'
import type { InForce } from './api-config.ts'

type Words = Readonly<Record<string, unknown>>

/** What counts where a route says nothing. */
const NO_COMPARE = z.encode(compareSchema, compareSchema.parse({}))

/** @param shown the file's configuration as JSON, secrets as `***` */
export function effective(
  shown: unknown,
  { plan, state, snapshot, now }: { plan: Plan; state: ControlState; snapshot: Snapshot; now: EpochMs },
): { readonly config: unknown; readonly inForce: InForce } {
  const config = shown as Words & {
    readonly routes: readonly Words[]
    readonly groups: Readonly<Record<string, Words>>
  }
  const weights: InForce['weights'] = []
  const rules: InForce['rules'] = []
  const groups: Record<string, Words> = { ...config.groups }
  const routes = [...config.routes]

  for (const [unit, members] of plan.units) {
    const route = members.find(({ sides }) => sides.legacy !== null && sides.new !== null)
    const split = route === undefined ? undefined : snapshot.splits[route.index]
    if (route === undefined || split === undefined) continue
    const { declared, desired, effective, held } = split
    const path = route.group === null ? `/routes/${route.index}/weight` : `/groups/${pointed(route.group)}/weight`
    if (route.group === null) routes[route.index] = { ...routes[route.index], weight: effective }
    else groups[route.group] = { ...groups[route.group], weight: effective }
    weights.push({ path, unit, declared, desired, effective, held, ...saidOf(route, plan, state) })
  }
  for (const { id, index } of plan.routes) {
    const added = state.rules.filter(stored => stored.route === id)
    if (added.length === 0) continue
    const compare = (routes[index]?.compare ?? NO_COMPARE) as Words
    const own = (compare.rules ?? []) as readonly unknown[]
    routes[index] = {
      ...routes[index],
      compare: { ...compare, rules: [...own, ...added.map(({ rule }) => ruleInFile(rule))] },
    }
    for (const [i, { rule, by, at }] of added.entries()) {
      rules.push({ path: `/routes/${index}/compare/rules/${own.length + i}`, rule: rule.id, by, at })
    }
  }
  const pins = state.pins.filter(({ until }) => until > now).length
  return { config: { ...config, groups, routes }, inForce: { weights, rules, pins } }
}

function saidOf(route: Route, plan: Plan, state: ControlState) {
  const { weight, frozen } = unitStateOf(state, route.unit)
  const rollbacks = state.rollbacks.filter(rollback => isInForce(rollback, route)).map(({ id }) => id)
  return { set: weight, overruled: weight !== null && plan.controlledByFile, frozen, rollbacks }
}

/** As somebody would write it; its id is given anew by its place. */
export function ruleInFile(rule: Rule): Words {
  const { does, paths, owner, reason, until } = rule
  return {
    [does]: [...paths],
    ...actionInFile(rule),
    ...(owner === null ? {} : { owner }),
    ...(reason === null ? {} : { reason }),
    ...(until === null ? {} : { until: new Date(until).toISOString() }),
  }
}

function actionInFile(rule: Rule): Words {
  switch (rule.does) {
    case 'keyed':
      return { by: [...rule.by] }
    case 'tolerance':
      return {
        ...(rule.absolute === null ? {} : { absolute: rule.absolute }),
        ...(rule.relative === null ? {} : { relative: rule.relative }),
        ...(rule.timeMs === null ? {} : { time: `${rule.timeMs}ms` }),
      }
    case 'normalise':
      return rule.as === 'pattern' ? { as: rule.as, pattern: rule.pattern, replace: rule.replace } : { as: rule.as }
    case 'equal':
      return { what: [...rule.what] }
    case 'expect':
      return rule.kinds === null ? {} : { kinds: [...rule.kinds] }
    case 'severity':
      return { is: rule.severity }
    default:
      return {}
  }
}

function pointed(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}
