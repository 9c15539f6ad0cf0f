// What a report comes to, for people and for CI: good, divergent, or not known well enough.
import type { ReportAnswer } from '../admin/api-compare.ts'
import type { Severity } from '../model/comparison.ts'
import { SEVERITIES } from '../model/comparison.ts'
import { EXIT, type ExitCode } from './io.ts'

export interface ReportBound {
  /** The least share of matches, 0 to 1; null: no divergence is allowed that is known to be one. */
  readonly minMatch: number | null
  /** Differences of that severity or above count. */
  readonly severity: Severity
}

export interface ReportVerdict {
  readonly verdict: 'good' | 'divergent' | 'inconclusive'
  readonly because: string
}

/** All that is needed of a report; `banyan compare` makes one of its own. */
export type Judged = Pick<ReportAnswer, 'matchBySeverity' | 'items' | 'totals'>

export function judgeReport({ matchBySeverity, items, totals }: Judged, bounds: ReportBound): ReportVerdict {
  const { minMatch, severity } = bounds
  const { of, count, interval } = matchBySeverity[severity]
  if (of === 0) return { verdict: 'inconclusive', because: 'nothing was compared' }
  const weighs = (one: Severity) => SEVERITIES.indexOf(one) >= SEVERITIES.indexOf(severity)
  if (minMatch === null) {
    const open = items.filter(item => weighs(item.severity))
    const divergent = open.filter(({ state }) => state === 'divergent')
    const undecided = open.filter(({ state }) => state === 'undecided')
    if (divergent.length > 0) {
      return {
        verdict: 'divergent',
        because: `${divergent
          .map(({ field }) => field)
          .slice(0, 5)
          .join(', ')}`,
      }
    }
    if (undecided.length === 0) return { verdict: 'good', because: `no divergence in ${of} comparisons` }
    return {
      verdict: 'inconclusive',
      because: `undecided: ${undecided
        .map(({ field }) => field)
        .slice(0, 5)
        .join(', ')}`,
    }
  }
  const bound = `the bound of ${Number((minMatch * 100).toFixed(4))} %`
  if (interval === null)
    return { verdict: 'inconclusive', because: `there is no interval yet to hold against ${bound}` }
  if (interval[1] < minMatch) return { verdict: 'divergent', because: `the match rate is below ${bound}` }
  // An undecided comparison may be anything.
  if (count / (of + totals.undecided) < minMatch) {
    return { verdict: 'inconclusive', because: `${totals.undecided} undecided comparisons are too many for ${bound}` }
  }
  if (interval[0] >= minMatch) return { verdict: 'good', because: `the match rate is above ${bound}` }
  return { verdict: 'inconclusive', because: `${bound} is within the interval: more comparisons are needed` }
}

export function exitOf({ verdict }: ReportVerdict): ExitCode {
  return { good: EXIT.done, divergent: EXIT.error, inconclusive: EXIT.inconclusive }[verdict]
}
