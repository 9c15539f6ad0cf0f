// One comparison from copies of two answers to what may be kept of it: places without data, and perhaps an exemplar.
import type { AnswerCopy, ComparePolicy, Finding } from '../model/comparison.ts'
import type { RouteId, Side } from '../model/route.ts'
import type { EpochMs } from '../model/units.ts'

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
export function examine(_job: Job, _now: () => number): Finding {
  return { result: 'undecided', why: 'not built yet', places: [], suppressed: [], exemplar: null }
}
