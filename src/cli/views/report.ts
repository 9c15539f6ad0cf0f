// The report about one route, as text for a terminal and as Markdown for a pull request or a ticket. Both say the same.
import type { ReportAnswer, RuleAnswer, Share, SignatureAnswer } from '../../admin/api-compare.ts'
import { DROP_REASONS, SEVERITIES, SKIP_REASONS, type UnaskedReason } from '../../model/comparison.ts'
import { type Column, type Look, listing, millis, moment, type Style, safe, wrap } from '../print.ts'
import type { ReportVerdict } from '../report-verdict.ts'
import { isOpen, many, number, percentOf, placeText, reasonsOf, shareText, totalsView } from './divergences.ts'

const MOST_ITEMS = 20
const STYLE: Readonly<Record<ReportVerdict['verdict'], Style>> = {
  good: 'green',
  divergent: 'red',
  inconclusive: 'yellow',
}

interface Section {
  readonly title: string
  readonly lines: readonly string[]
  readonly grid: Grid | null
}

interface Grid {
  readonly titles: readonly string[]
  /** Titles of what a row is called by, and of sentences. */
  readonly heads: readonly string[]
  readonly sentences: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export function reportView(report: ReportAnswer, verdict: ReportVerdict, look: Look): readonly string[] {
  return [
    ...wrap(`${look.paint(STYLE[verdict.verdict], verdict.verdict)}: ${safe(verdict.because)}`, look.width),
    ...wrap(safe(headline(report)), look.width),
    ...sectionsOf(report).flatMap(({ title, lines, grid }) => [
      '',
      look.paint('bold', title),
      ...(grid === null ? [] : gridView(grid, look)),
      ...lines.flatMap(line => wrap(safe(line), look.width)),
    ]),
  ]
}

export function reportMarkdown(report: ReportAnswer, verdict: ReportVerdict): readonly string[] {
  const cell = (text: string): string => safe(text).replace(/[\\|`*_<>[\]]/g, '\\$&')
  const row = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`
  return [
    `# ${cell(report.route)}: ${verdict.verdict}`,
    '',
    cell(verdict.because),
    '',
    cell(headline(report)),
    ...sectionsOf(report).flatMap(({ title, lines, grid }) => [
      '',
      `## ${title}`,
      '',
      ...(grid === null ? [] : [row(grid.titles), `|${'---|'.repeat(grid.titles.length)}`, ...grid.rows.map(row), '']),
      ...lines.map(line => `- ${cell(line)}`),
    ]),
  ]
}

function headline({ route, template, totals, at }: ReportAnswer): string {
  return `${route}  ${template}  ${moment(totals.since)} to ${moment(at)}`
}

function sectionsOf(report: ReportAnswer): readonly Section[] {
  const open = report.items.filter(({ state }) => isOpen(state))
  const sections: readonly Section[] = [
    { title: 'Match rate', lines: totalsView(report.totals, report.match), grid: matchGrid(report) },
    {
      title: 'Differences',
      lines: open.length > MOST_ITEMS ? [`and ${open.length - MOST_ITEMS} more`] : open.length === 0 ? ['none'] : [],
      grid: open.length === 0 ? null : itemsGrid(open.slice(0, MOST_ITEMS)),
    },
    { title: 'Not counted', lines: ignoredLines(report), grid: rulesGrid(report.rules) },
    { title: 'Never compared', lines: uncomparedLines(report), grid: null },
    { title: 'Time', lines: latencyLines(report), grid: null },
  ]
  return sections.filter(({ lines, grid }) => lines.length > 0 || grid !== null)
}

function matchGrid({ matchBySeverity }: ReportAnswer): Grid {
  const row = (name: string, share: Share): readonly string[] => [
    name,
    number(share.of),
    number(share.of - share.count),
    share.rate === null || share.of === 0 ? 'unknown' : `${percentOf(share.rate)} %`,
    share.interval === null ? '' : `${percentOf(share.interval[0])} to ${percentOf(share.interval[1])} %`,
  ]
  return {
    titles: ['Differences', 'Compared', 'With one', 'Match', '95 % interval'],
    heads: ['Differences'],
    sentences: [],
    rows: [...SEVERITIES]
      .toReversed()
      .map(severity =>
        row(severity === 'high' ? 'high' : severity === 'low' ? 'any' : 'medium or high', matchBySeverity[severity]),
      ),
  }
}

function itemsGrid(items: readonly SignatureAnswer[]): Grid {
  return {
    titles: ['Severity', 'Field', 'Kind', 'Count', 'Rate', 'State', 'Where', 'Signature'],
    heads: ['Severity', 'Field', 'Kind', 'Signature'],
    sentences: [],
    rows: items.map(({ severity, field, kind, count, rate, interval, state, differences, signature }) => [
      severity,
      field,
      kind,
      number(count),
      rate === null ? '' : shareText({ rate, interval, of: count, count }),
      state,
      `${differences[0]?.template ?? ''}${differences.length > 1 ? ` and ${differences.length - 1} more` : ''}`,
      signature,
    ]),
  }
}

function rulesGrid(rules: readonly RuleAnswer[]): Grid | null {
  if (rules.length === 0) return null
  return {
    titles: ['Rule', 'What', 'Hid', 'State', 'Until', 'Owner', 'Reason'],
    heads: ['Rule', 'What'],
    sentences: ['Reason'],
    rows: rules.map(({ id, text, hits, expired, dead, until, owner, by, reason }) => [
      id,
      text,
      number(hits),
      expired ? 'expired' : dead ? 'dead: it never hid anything' : 'in force',
      until === null ? '' : moment(until),
      owner ?? by ?? '',
      reason ?? '',
    ]),
  }
}

function ignoredLines({ noise, items }: ReportAnswer): readonly string[] {
  const learned = noise.filter(({ state }) => state === 'noise')
  const ignored = items.filter(({ state }) => state === 'ignored')
  return [
    ...learned.map(one => `noise: ${one.template} ${placeText(one)} ${one.kind}: ${one.why}`),
    ...ignored.map(({ field, kind, count, why }) => `ignored: ${field} ${kind} ${number(count)}×: ${why}`),
  ]
}

function uncomparedLines({ totals, suspended, overflow }: ReportAnswer): readonly string[] {
  const some = (count: number, what: string): readonly string[] => (count === 0 ? [] : [`${number(count)} ${what}`])
  const unasked = (result: 'skipped' | 'dropped', reasons: readonly UnaskedReason[]): readonly string[] => {
    const said = reasonsOf(totals.unasked, reasons).map(([reason, count]) => `${number(count)} ${result}: ${reason}`)
    return said.length > 0 ? said : some(totals[result], result)
  }
  return [
    ...some(totals.not_sampled, 'not sampled'),
    ...unasked('skipped', SKIP_REASONS),
    ...unasked('dropped', DROP_REASONS),
    ...some(totals.candidate_error, 'without the other side’s answer'),
    ...some(totals.primary_error, 'without an answer to the client'),
    ...some(totals.undecided, 'compared and undecided'),
    ...suspended.map(({ template, side, why }) => `${template}: ${side} is not asked: ${why}`),
    ...(overflow === 0 ? [] : [`${many(overflow, 'difference')} counted and not kept`]),
  ]
}

function latencyLines({ latency }: ReportAnswer): readonly string[] {
  const { pairs, legacy, new: other, delta, newSlower } = latency
  if (pairs === 0) return []
  const slower = newSlower === null ? '' : `; new was slower in ${percentOf(newSlower)} %`
  return [
    `${many(pairs, 'pair')}: legacy P50 ${millis(legacy.p50Ms)}, P95 ${millis(legacy.p95Ms)}; new P50 ${millis(other.p50Ms)}, P95 ${millis(other.p95Ms)}`,
    `new − legacy of the same request: P50 ${millis(delta.p50Ms)}, P95 ${millis(delta.p95Ms)}${slower}`,
  ]
}

function gridView({ titles, heads, sentences, rows }: Grid, look: Look): readonly string[] {
  const columns = titles.map(
    (title, i): Column<readonly string[]> => ({
      title: title.toUpperCase(),
      ...(heads.includes(title) && { head: true as const }),
      ...(sentences.includes(title) && { below: true as const }),
      of: row => row[i] ?? '',
    }),
  )
  return listing(columns, rows, look)
}
