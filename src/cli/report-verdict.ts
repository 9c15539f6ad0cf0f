// What a report comes to, for people and for CI: good, divergent, or not known well enough. The sentence always says of how many
// comparisons, and what the match rate may be after so many.
//
// Without a bound nothing may be divergent. Good is what also left nothing open: no undecided difference that counts, no more
// undecided comparisons than decided ones, and enough of them, because one request without a difference says nothing of the rest.
import type { ReportAnswer, Share, SignatureAnswer } from '../admin/api-compare.ts'
import type { Severity } from '../model/comparison.ts'
import { SEVERITIES } from '../model/comparison.ts'
import { EXIT, type ExitCode } from './io.ts'
import { count } from './print.ts'
import { number, percentOf } from './views/divergences.ts'

/** Comparisons without a difference from which on there is something to call good: the match rate is above 71 % then. */
export const FEWEST_COMPARED = 20
const MOST_FIELDS = 5

export interface ReportBound {
  /** The least share of matches, 0 to 1; null: no divergence is allowed that is known to be one. */
  readonly minMatch: number | null
  /** Differences of that severity or above count. */
  readonly severity: Severity
  /** Good needs so many comparisons, where there is no bound whose interval says how many; absent: `FEWEST_COMPARED`. */
  readonly fewest?: number
}

export interface ReportVerdict {
  readonly verdict: 'good' | 'divergent' | 'inconclusive'
  readonly because: string
}

/** All that is needed of a report; `banyan compare` makes one of its own. */
export type Judged = Pick<ReportAnswer, 'matchBySeverity' | 'items' | 'totals'>

export function judgeReport(report: Judged, bounds: ReportBound): ReportVerdict {
  const share = report.matchBySeverity[bounds.severity]
  const weighs = (one: Severity) => SEVERITIES.indexOf(one) >= SEVERITIES.indexOf(bounds.severity)
  const open = report.items.filter(item => weighs(item.severity))
  if (share.of === 0) return uncompared(report, open)
  const undecided = undecidedOf(report, share)
  if (bounds.minMatch !== null) return judgeBound(share, undecided, bounds.minMatch)
  return judgeAll(share, undecided, open, bounds.fewest ?? FEWEST_COMPARED)
}

export function exitOf({ verdict }: ReportVerdict): ExitCode {
  return { good: EXIT.done, divergent: EXIT.error, inconclusive: EXIT.inconclusive }[verdict]
}

/** Nothing is known to match or not: there was no answer to compare, or all that differs is undecided. */
function uncompared({ totals }: Judged, open: readonly SignatureAnswer[]): ReportVerdict {
  if (totals.undecided === 0) return { verdict: 'inconclusive', because: 'nothing was compared' }
  const fields = fieldsOf(open, 'undecided')
  const where = fields === '' ? '' : `: ${fields}`
  return { verdict: 'inconclusive', because: `undecided in ${whole(totals.undecided)}${where}` }
}

function judgeAll(share: Share, undecided: number, open: readonly SignatureAnswer[], fewest: number): ReportVerdict {
  const divergent = fieldsOf(open, 'divergent')
  if (divergent !== '') {
    const differ = `in ${number(share.of - share.count)} of ${comparisons(share.of)}${chance(share)}`
    return { verdict: 'divergent', because: `${divergent}, ${differ}` }
  }
  const none = `no divergence in ${comparisons(share.of)}${chance(share)}`
  const fields = fieldsOf(open, 'undecided')
  if (fields !== '') return { verdict: 'inconclusive', because: `undecided: ${fields}; ${none}` }
  if (undecided > share.of) {
    return { verdict: 'inconclusive', because: `${number(undecided)} are undecided, more than not; ${none}` }
  }
  if (share.of < fewest) return { verdict: 'inconclusive', because: `${none}, and good takes ${number(fewest)}` }
  return { verdict: 'good', because: none }
}

function judgeBound(share: Share, undecided: number, minMatch: number): ReportVerdict {
  const { of, count: matches, interval } = share
  const bound = `the bound of ${Number((minMatch * 100).toFixed(4))} %`
  const seen = `${number(matches)} of ${comparisons(of)} match${chance(share)}`
  const inconclusive = (why: string): ReportVerdict => ({ verdict: 'inconclusive', because: `${why}; ${seen}` })
  if (interval === null) return inconclusive(`there is no interval yet to hold against ${bound}`)
  if (interval[1] < minMatch) return { verdict: 'divergent', because: `the match rate is below ${bound}: ${seen}` }
  // An undecided comparison may be anything.
  if (matches / (of + undecided) < minMatch) {
    return inconclusive(`${count(undecided, 'undecided comparison')} may be too many for ${bound}`)
  }
  if (interval[0] >= minMatch) return { verdict: 'good', because: `the match rate is above ${bound}: ${seen}` }
  return inconclusive(`${bound} is within the interval: more comparisons are needed`)
}

/** Comparisons that may hold a difference that counts. Where only lesser places of one are undecided, it is among the decided. */
function undecidedOf({ totals }: Judged, { of }: Share): number {
  const { match, tolerated, noise, divergent, undecided } = totals
  return Math.max(0, Math.min(undecided, match + tolerated + noise + divergent + undecided - of))
}

function fieldsOf(items: readonly SignatureAnswer[], state: SignatureAnswer['state']): string {
  const fields = [...new Set(items.filter(item => item.state === state).map(({ field }) => field))]
  const more = fields.length > MOST_FIELDS ? ` and ${fields.length - MOST_FIELDS} more` : ''
  return `${fields.slice(0, MOST_FIELDS).join(', ')}${more}`
}

function whole(of: number): string {
  return of === 1 ? 'the only comparison' : `all ${comparisons(of)}`
}

function comparisons(of: number): string {
  return `${number(of)} comparison${of === 1 ? '' : 's'}`
}

function chance({ interval }: Share): string {
  if (interval === null) return ''
  return ` (match rate ${percentOf(interval[0])} to ${percentOf(interval[1])} %, 95 % sure)`
}
