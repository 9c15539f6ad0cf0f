// The report as people read it: the verdict first, then what varies by itself, what differs, what it costs in time.
import { type Column, count, cut, type Look, safe, table } from '../print.ts'
import { IGNORED } from './differ.ts'
import type { Counted, Group, Report } from './tally.ts'
import type { AddedTime, Spread } from './time.ts'

const MOST_NAMED = 6

const COLUMNS: readonly Column<Group>[] = [
  { title: 'REQUESTS', right: true, of: group => String(group.count) },
  { title: 'TEMPLATE', cut: true, of: group => `${group.method} ${group.template}` },
  { title: 'WHAT DIFFERS', of: group => `${group.what}${group.kind === 'unsteady' ? ' (once)' : ''}` },
  { title: 'DIRECT', cut: true, of: group => group.example.direct, style: () => 'green' },
  { title: 'VIA', cut: true, of: group => group.example.via, style: () => 'red' },
  { title: 'SUCH AS', cut: true, of: group => group.example.target },
]

export function reportView(report: Report, look: Look): readonly string[] {
  return [
    look.paint(
      report.verdict === 'different' ? 'red' : report.verdict === 'identical' ? 'green' : 'yellow',
      headline(report),
    ),
    ...report.because.map(why =>
      look.paint('yellow', `${report.verdict === 'inconclusive' ? 'inconclusive' : 'besides'}: ${safe(why)}`),
    ),
    ...asides(report),
    ...(report.differences.length === 0 ? [] : ['', ...table(COLUMNS, report.differences, look)]),
    ...(report.moreDifferences === 0 ? [] : [`and ${report.moreDifferences} more that are not listed`]),
    ...(report.differences.some(({ what }) => /set-cookie/.test(what))
      ? ['A cookie that the proxy adds by itself (banyan_id, balance: cookie) is configured, not an accident.']
      : []),
    '',
    ...timeView(report.time),
    ...(report.time === null
      ? []
      : [
          `  ${count(report.warmUpPairs, 'pair')} of warm-up not counted; it has the noise of backend and machine in it`,
        ]),
    `not compared: ${IGNORED.join(', ')} and what Connection names; blanks around values; bodies beyond --max-body`,
  ]
}

function headline({ identical, asked, varies, different, unsteady, failed }: Report): string {
  const parts = [
    [varies, varies === 1 ? 'varies by itself' : 'vary by themselves'],
    [different, different === 1 ? 'differs' : 'differ'],
    [unsteady, 'differed once'],
    [failed.direct, 'without a direct answer'],
    [failed.both, 'without an answer both ways'],
  ] as const
  return [
    `${identical} of ${asked} identical`,
    ...parts.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`),
  ].join('; ')
}

function asides(report: Report): readonly string[] {
  return [
    ...(report.varying.length === 0 ? [] : [`  by themselves, and so not proven there: ${named(report.varying)}`]),
    ...report.reframed.map(
      ({ what, count, direct, via }) =>
        `  ${what} (no difference to users): ${safe(direct)} became ${safe(via)} in ${count}`,
    ),
    ...(report.cut === 0 ? [] : [`  compared up to --max-body only: ${report.cut}`]),
    ...(report.failures.length === 0 ? [] : [`  without an answer: ${named(report.failures)}`]),
  ]
}

function named(counted: readonly (Counted & { readonly example?: string })[]): string {
  const some = counted
    .slice(0, MOST_NAMED)
    .map(
      ({ what, count, example }) =>
        `${safe(what)} (${count}${example === undefined ? '' : `, such as ${cut(example, 60)}`})`,
    )
  const left = counted.length - some.length
  return `${some.join(', ')}${left > 0 ? ` and ${left} more` : ''}`
}

function timeView(time: AddedTime | null): readonly string[] {
  if (time === null) return ['added time: unknown, there is no pair to measure']
  const interval =
    time.intervalMs === null
      ? 'too few pairs for an interval'
      : `95 %: ${signed(time.intervalMs[0])} to ${signed(time.intervalMs[1])} ms`
  return [
    `added time: median ${signed(time.medianMs)} ms (${interval}), p95 ${signed(time.p95Ms)} ms, over ${count(time.pairs, 'pair')}`,
    `  direct: ${spread(time.direct)}; via: ${spread(time.via)}; connecting is not in it`,
  ]
}

function spread({ medianMs, p95Ms }: Spread): string {
  return `median ${digits(medianMs)} ms, p95 ${digits(p95Ms)} ms`
}

function signed(ms: number): string {
  return `${ms < 0 ? '−' : '+'}${digits(Math.abs(ms))}`
}

function digits(ms: number): string {
  return ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)
}
