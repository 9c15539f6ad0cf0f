// One comparison from copies of two answers to what may be kept of it: places without data, and perhaps an exemplar.
import type { AnswerCopy, ComparePolicy, Finding, Rule } from '../model/comparison.ts'
import type { RouteId, Side } from '../model/route.ts'
import type { EpochMs, Milliseconds } from '../model/units.ts'
import { compareAnswers } from './compare.ts'
import { exemplarOf } from './exemplar.ts'
import { foundPlaces } from './found-places.ts'
import { type CompiledRules, compileRules } from './rules/compile.ts'

/** All that is needed to compare two answers. Plain data: it is handed to another thread. */
export interface Job {
  readonly route: RouteId
  readonly method: string
  /** The fine one, of the request itself. */
  readonly template: string
  /** As the client sent it. */
  readonly target: string
  readonly at: EpochMs
  readonly exchange: string
  readonly traceId: string
  readonly primary: Side
  readonly keyHash: string | null
  readonly legacy: AnswerCopy
  readonly new: AnswerCopy
  readonly policy: ComparePolicy
  readonly wantsExemplar: boolean
}

/** `now`: monotonic, for the budget. */
export function examine(job: Job, now: () => Milliseconds): Finding {
  const { legacy, new: fresh, policy, method, at } = job
  const compared = compareAnswers(legacy, fresh, policy, { method, at, now, rules: rulesAt(policy.rules, at) })
  const { result, differences, suppressed, why } = compared
  return {
    result,
    why: result === 'undecided' ? (why ?? 'not compared to the end') : null,
    places: foundPlaces(differences, at),
    suppressed: [...suppressed].map(([rule, count]) => ({ rule, count })),
    exemplar: job.wantsExemplar && result === 'different' ? exemplarOf(job, compared) : null,
  }
}

interface Ready {
  readonly rules: CompiledRules
  /** When the first of them ends. */
  readonly until: EpochMs
}

/** A policy serves many comparisons. */
const ready = new WeakMap<readonly Rule[], Ready>()

function rulesAt(rules: readonly Rule[], at: EpochMs): CompiledRules | null {
  if (rules.length === 0) return null
  let known = ready.get(rules)
  if (known === undefined || known.until <= at) {
    const ends = rules.flatMap(({ until }) => (until !== null && until > at ? [until] : []))
    known = { rules: compileRules(rules, at), until: Math.min(Number.POSITIVE_INFINITY, ...ends) }
    ready.set(rules, known)
  }
  return known.rules
}
