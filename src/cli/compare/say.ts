// What `banyan compare` prints: the report of a route, and below it what only a run that is over can say: examples with their
// values, where they were asked for, and what keeps a difference undecided.
import type { ReportAnswer, SignatureAnswer } from '../../admin/api-compare.ts'
import { fieldOf } from '../../compare/collapse.ts'
import type { ExitCode } from '../io.ts'
import { safe } from '../print.ts'
import { exitOf, judgeReport } from '../report-verdict.ts'
import type { Session } from '../session.ts'
import { differenceText, isOpen, requestText } from '../views/divergences.ts'
import { reportMarkdown, reportView } from '../views/report.ts'

const MOST_LINES = 20
/** Times to ask again that are enough for what always differs, and for noise. */
const FEWEST_TO_SETTLE = 30

export interface SayFlags {
  /** 0 to 1. */
  readonly minMatch?: number
  readonly severity: ReportAnswer['items'][number]['severity']
  readonly minCompared: number
  readonly repeat: number
  readonly values?: true
  readonly markdown?: true
  readonly json?: true
}

interface Section {
  readonly title: string
  readonly lines: readonly string[]
}

/** Prints it, and answers with the exit code of its verdict. */
export function sayCompared(session: Session, report: ReportAnswer, flags: SayFlags): ExitCode {
  const { minMatch = null, severity, minCompared } = flags
  const bound = { minMatch, severity, fewest: minCompared }
  const verdict = judgeReport(report, bound)
  const sections = sectionsOf(report.items, flags)
  if (flags.json === true) session.json({ ...verdict, ...report })
  else if (flags.markdown === true) session.data([...reportMarkdown(report, verdict), ...inMarkdown(sections)])
  else session.data([...reportView(report, verdict, session.look()), ...asText(sections, session)])
  if (verdict.verdict === 'inconclusive' && judgeReport(report, { ...bound, fewest: 1 }).verdict === 'good') {
    const { of } = report.matchBySeverity[severity]
    session.say(`hint: give it more different requests, or --min-compared ${of} where these are all there are`)
  }
  return exitOf(verdict)
}

function sectionsOf(items: readonly SignatureAnswer[], flags: SayFlags): readonly Section[] {
  const sections = [
    { title: 'Examples', lines: flags.values === true ? items.flatMap(exampleLine) : [] },
    { title: 'Undecided', lines: undecidedLines(items, flags.repeat) },
  ]
  return sections.filter(({ lines }) => lines.length > 0)
}

/** `total  value  GET /orders/7  10 → 11`. */
function exampleLine(item: SignatureAnswer, index: number): readonly string[] {
  const exemplar = item.exemplar ?? item.latest
  if (exemplar === null || !isOpen(item.state) || index >= MOST_LINES) return []
  const { differences } = exemplar
  const ofKind = differences.filter(({ kind }) => kind === item.kind)
  const difference = ofKind.find(({ kind, path }) => fieldOf(kind, path) === item.field) ?? ofKind[0]
  if (difference === undefined) return []
  const { legacy, new: fresh } = exemplar.statuses
  const what = item.kind === 'status' ? `${legacy} → ${fresh}` : `${difference.path}: ${differenceText(difference)}`
  return [`${item.field}  ${item.kind}  ${requestText(exemplar)}  ${what}`]
}

function undecidedLines(items: readonly SignatureAnswer[], repeat: number): readonly string[] {
  const open = items.flatMap(({ differences }) => differences.filter(({ state }) => state === 'undecided'))
  if (open.length === 0) return []
  const shown = open.slice(0, MOST_LINES).map(place => `${place.template}  ${place.path}  ${place.kind}: ${place.why}`)
  const more = open.length > MOST_LINES ? [`and ${open.length - MOST_LINES} more`] : []
  return [...shown, ...more, ...adviceOf(repeat)]
}

/** How to come to know. What is asked again cannot prove what does not come again. */
function adviceOf(repeat: number): readonly string[] {
  const times = Math.max(FEWEST_TO_SETTLE, 2 * repeat)
  const now = repeat === 0 ? 'nothing now' : `${repeat} times now`
  return [
    `--repeat ${times} asks again up to ${times} times (${now}): 10 repeats in which only new differs prove a fault, noise takes 20`,
    ...(repeat === 0 ? [] : ['what did not differ when it was asked again was a race, or data that changed']),
    '--noise 0 learns nothing: every difference is divergent then',
  ]
}

function asText(sections: readonly Section[], session: Session): readonly string[] {
  return sections.flatMap(({ title, lines }) => ['', session.look().paint('bold', title), ...lines.map(safe)])
}

function inMarkdown(sections: readonly Section[]): readonly string[] {
  const text = (line: string): string => safe(line).replace(/[\\|`*_<>[\]]/g, '\\$&')
  return sections.flatMap(({ title, lines }) => ['', `## ${title}`, '', ...lines.map(line => `- ${text(line)}`)])
}
