// How the answers of a route are compared now: its own policy with the rules that operators added. One object as long as both
// stay, because a policy is known by identity where it is compiled.
import type { ComparePolicy, Rule } from '../model/comparison.ts'
import type { Route } from '../model/route.ts'

/** `rulesOf`: those that operators added; null: none. */
export function createPolicies(rulesOf: (route: Route) => readonly Rule[] | null): (route: Route) => ComparePolicy {
  const known = new WeakMap<readonly Rule[], Map<ComparePolicy, ComparePolicy>>()
  return function policyOf(route) {
    const rules = rulesOf(route)
    if (rules === null || rules.length === 0) return route.compare
    let made = known.get(rules)
    if (made === undefined) {
      made = new Map()
      known.set(rules, made)
    }
    let policy = made.get(route.compare)
    if (policy === undefined) {
      policy = { ...route.compare, rules: [...route.compare.rules, ...rules] }
      made.set(route.compare, policy)
    }
    return policy
  }
}
