// Rules of a route, made ready for comparing: which places of a body they name, and what differences there mean.
import type { Rule } from '../../model/comparison.ts'
import type { EpochMs } from '../../model/units.ts'
import type { Mark, Marks, RuleId } from '../json/marks.ts'
import type { Json } from '../json/read.ts'

/** The rules that count at one moment. */
export interface CompiledRules {
  readonly isEmpty: boolean
  /** For one comparison. `ids`: what is known of ids from elsewhere. */
  begin(ids?: KnownIds): RuleSession
}

/** The id map across exchanges: what legacy's id is called by new. */
export interface KnownIds {
  known(legacy: string): string | undefined
}

/** The rules within one comparison: `idMap` remembers which id stood for which. */
export interface RuleSession {
  /** What rules say about places of one tree (of either side); null: nothing. */
  marksFor(tree: Json): Marks | null
  /** About a header, by its name in lower case; null: nothing. */
  header(name: string): PlainRules | null
  readonly status: PlainRules | null
  /** Why the comparison must end `undecided`; null: it need not. Known after `marksFor`. */
  readonly undecided: string | null
}

/** What rules say about a place that is no part of a tree. */
export interface PlainRules {
  /** The rule in whose name a difference is hidden; null: none hides it. A header's value is null where it is absent. */
  hiddenBy(legacy: string | null, fresh: string | null): RuleId | null
  readonly severity: Mark['severity']
}

const NONE: RuleSession = { marksFor: () => null, header: () => null, status: null, undecided: null }

/** Rules whose time is over are left out at `at`. Bad rules are refused before (mistakes.ts): here they have no effect. */
export function compileRules(_rules: readonly Rule[], _at: EpochMs): CompiledRules {
  return { isEmpty: true, begin: () => NONE }
}
