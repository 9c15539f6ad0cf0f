// Compares two answers to one request. The rules of the order: what has another status answers something else, so nothing more
// of it is compared; bodies that are the same bytes are never read.
import type { AnswerCopy, ComparePolicy, Divergence } from '../model/comparison.ts'
import type { EpochMs, Milliseconds } from '../model/units.ts'
import { compareBodies } from './bodies.ts'
import { sameBytes } from './body-copy.ts'
import { Findings } from './findings.ts'
import { compareHeaders, sameHeaders } from './headers.ts'
import { isReadAlike } from './media.ts'
import type { CompiledRules, KnownIds } from './rules/compile.ts'

export interface CompareContext {
  readonly method: string
  readonly at: EpochMs
  /** Monotonic, for the budget. */
  readonly now: () => Milliseconds
  /** null: there are none. */
  readonly rules: CompiledRules | null
  readonly ids?: KnownIds
}

export interface Compared {
  /** `tolerated`: all that differs is hidden by rules. `undecided`: nothing differs as far as it was looked at. */
  readonly result: 'match' | 'tolerated' | 'different' | 'undecided'
  readonly differences: readonly Divergence[]
  /** Differences beyond those. */
  readonly more: number
  /** Differences that rules hid, by the rule's id. */
  readonly suppressed: ReadonlyMap<string, number>
  /** What could not be compared; null: nothing. Also where something else differs. */
  readonly why: string | null
}

const SAME: Compared = { result: 'match', differences: [], more: 0, suppressed: new Map(), why: null }

/** Whether they would be found equal without reading a body. Cheap: it runs on the data path's thread. */
export function isSame(legacy: AnswerCopy, fresh: AnswerCopy, policy: ComparePolicy): boolean {
  return (
    legacy.status === fresh.status &&
    sameBytes(legacy.body, fresh.body) === true &&
    sameHeaders(legacy.headers, fresh.headers, policy.headers) &&
    (policy.headers === null || legacy.body.length === 0 || isReadAlike(legacy.headers, fresh.headers))
  )
}

export function compareAnswers(
  legacy: AnswerCopy,
  fresh: AnswerCopy,
  policy: ComparePolicy,
  context: CompareContext,
): Compared {
  if (isSame(legacy, fresh, policy)) return SAME
  const session = context.rules === null || context.rules.isEmpty ? null : context.rules.begin(context.ids)
  const found = new Findings(policy.budget.differences)
  if (measured(legacy.status, policy) !== measured(fresh.status, policy)) {
    const difference: Divergence = {
      kind: 'status',
      path: '',
      legacy: legacy.status,
      new: fresh.status,
      severity: 'high',
    }
    // A rule hides the status and no more: what is under it is still compared. Else a rule about 200 and 201 would hide every 500.
    if (found.addPlain(difference, session?.status ?? null)) return concluded(found)
  }
  if (!sameHeaders(legacy.headers, fresh.headers, policy.headers)) {
    for (const difference of compareHeaders(legacy.headers, fresh.headers, policy.headers)) {
      const name = difference.path.split('/', 2)[1] as string
      found.addPlain(difference, session?.header(name) ?? null)
    }
  }
  // An answer to HEAD talks about a body that it has not.
  if (context.method !== 'HEAD') compareBodies(legacy, fresh, { policy, session, now: context.now, found })
  return concluded(found)
}

function measured(status: number, policy: ComparePolicy): number {
  return policy.status === 'exact' ? status : Math.floor(status / 100)
}

function concluded(found: Findings): Compared {
  const { differences, more, suppressed, why } = found
  const calm = why !== null ? 'undecided' : suppressed.size > 0 ? 'tolerated' : 'match'
  return { result: found.isClean ? calm : 'different', differences, more, suppressed, why }
}
