// Where the answers of the sides differ, for people: totals, then field → rate → example, then what was not counted.
import type { DivergencesAnswer, ExemplarView, Share, SignatureAnswer, Totals } from '../../admin/api-compare.ts'
import { cut, type Look, moment, type Style, safe } from '../print.ts'

const SEVERITY_STYLE: Readonly<Record<string, Style>> = { high: 'red', medium: 'yellow', low: 'cyan' }
const COMPARED = ['tolerated', 'noise', 'divergent', 'undecided'] as const
const NOT_COMPARED = ['candidate_error', 'primary_error', 'skipped', 'dropped', 'not_sampled'] as const
const NAMES: Readonly<Record<string, string>> = {
  candidate_error: 'without the other side’s answer',
  primary_error: 'without an answer to the client',
  not_sampled: 'not sampled',
}
const MOST_VALUE = 60
const MOST_PLACES = 3

/** `all`: also what is noise or ignored, which else is counted at the end. */
export function divergencesView(answer: DivergencesAnswer, all: boolean, look: Look): readonly string[] {
  const shown = answer.items.filter(({ state }) => all || isOpen(state))
  const quiet = all ? [] : answer.items.filter(({ state }) => !isOpen(state))
  return [
    `${look.paint('bold', safe(answer.route))}  ${safe(answer.template)}  since ${moment(answer.totals.since)}`,
    ...totalsView(answer.totals, answer.match),
    ...shown.flatMap(item => ['', ...itemView(item, look)]),
    ...(shown.length === 0 && answer.match.of > 0 ? ['', look.paint('green', 'no divergence')] : []),
    ...footView(answer, quiet),
  ]
}

export function isOpen(state: string): boolean {
  return state !== 'noise' && state !== 'ignored'
}

/** `12,345 eligible: 11,900 of 12,020 match (99 %, 95 %: 98.4 to 99.3) …`; what is tolerated or noise matches, too. */
export function totalsView(totals: Totals, match: Share): readonly string[] {
  const counted = (results: typeof COMPARED | typeof NOT_COMPARED) =>
    results.flatMap(result => (totals[result] > 0 ? [`${number(totals[result])} ${NAMES[result] ?? result}`] : []))
  const reasons = Object.entries(totals.unasked)
    .filter(([, count]) => count > 0)
    .toSorted(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${safe(reason)} ${number(count)}`)
  const unasked = counted(NOT_COMPARED)
  const compared =
    match.of === 0
      ? 'nothing was compared yet'
      : `${number(match.count)} of ${number(match.of)} match (${shareText(match)})`
  return [
    `${[`${number(totals.eligible)} eligible: ${compared}`, ...counted(COMPARED)].join(', ')}`,
    ...(unasked.length === 0
      ? []
      : [`not compared: ${unasked.join(', ')}${reasons.length === 0 ? '' : ` (${reasons.join(', ')})`}`]),
  ]
}

/** `96.4 %, 95 %: 95.9 to 96.8`. */
export function shareText({ rate, interval, of }: Share): string {
  if (rate === null || of === 0) return 'unknown'
  return `${percentOf(rate)} %${interval === null ? '' : `, 95 %: ${percentOf(interval[0])} to ${percentOf(interval[1])}`}`
}

export function itemView(item: SignatureAnswer, look: Look): readonly string[] {
  const { severity, state, kind, field, count, rate, interval, signature, differences } = item
  const label = look.paint(SEVERITY_STYLE[severity] ?? null, severity.toUpperCase().padEnd(6))
  const rateText = rate === null ? '' : `  ${shareText({ rate, interval, of: count, count })}`
  const said = state === 'divergent' ? '' : `  ${look.paint('dim', state)}`
  const places = differences.slice(0, MOST_PLACES).map(({ template, path }) => `${safe(template)}  ${safe(path)}`)
  return [
    `${label}  ${look.paint('bold', safe(field))}  ${safe(kind)}  ${number(count)}×${rateText}  ${safe(signature)}${said}`,
    ...places.map(place => `        ${place}`),
    ...(differences.length > MOST_PLACES ? [`        and ${differences.length - MOST_PLACES} more places`] : []),
    ...exampleLines(item).map(line => look.paint('dim', `        ${cut(line, (look.width ?? 160) - 8)}`)),
  ]
}

function exampleLines(item: SignatureAnswer): readonly string[] {
  const exemplar = item.latest ?? item.exemplar
  if (exemplar === null) return []
  const difference = exemplar.differences.find(({ kind }) => kind === item.kind) ?? exemplar.differences[0]
  const what = difference === undefined ? '' : `${differenceText(difference)}  `
  return [`such as ${what}${requestText(exemplar)}  ${moment(exemplar.at)}`]
}

/** Values where they are shown, else types. */
export function differenceText({
  legacy,
  legacyType,
  new: other,
  newType,
}: ExemplarView['differences'][number]): string {
  const text = (value: string | undefined, type: string | null): string =>
    type === null ? 'absent' : value === undefined ? type : cut(safe(value), MOST_VALUE)
  const [before, after] = [text(legacy, legacyType), text(other, newType)]
  return before === after && legacy === undefined ? `another ${before}` : `${before} → ${after}`
}

export function requestText({ method, target, template }: ExemplarView): string {
  return `${safe(method)} ${safe(target ?? template)}`
}

function footView(answer: DivergencesAnswer, quiet: readonly SignatureAnswer[]): readonly string[] {
  const { suspended, overflow, route } = answer
  const named = (state: string): readonly string[] => {
    const items = quiet.filter(item => item.state === state)
    if (items.length === 0) return []
    const fields = [...new Set(items.map(({ field }) => safe(field)))]
    const more = fields.length > 5 ? `, and ${fields.length - 5} more` : ''
    return [`${state}: ${fields.slice(0, 5).join(', ')}${more}`]
  }
  const lines = [
    ...named('noise').map(line => `${line}  (banyan noise ${safe(route)})`),
    ...named('ignored').map(line => `${line}  (banyan rules ${safe(route)})`),
    ...suspended.map(
      ({ template, side, why }) => `suspended: ${safe(side)} is not asked for ${safe(template)}: ${safe(why)}`,
    ),
    ...(overflow === 0 ? [] : [`${number(overflow)} more were counted and not kept, because there was too much`]),
  ]
  return lines.length === 0 ? [] : ['', ...lines]
}

/** Lines for `--watch` without a terminal: what is new, or has changed since the last look. */
export function createChanges(): (answers: readonly DivergencesAnswer[]) => readonly string[] {
  const known = new Map<string, { readonly state: string; readonly count: number }>()
  return answers =>
    answers.flatMap(({ route, items }) =>
      items.flatMap(({ signature, state, severity, kind, field, count, lastSeen }) => {
        const before = known.get(signature)
        known.set(signature, { state, count })
        if (before?.state === state && before.count === count) return []
        const added = before === undefined ? '' : ` (+${count - before.count})`
        return [
          `${moment(lastSeen)} route=${safe(route)} signature=${safe(signature)} state=${state}${before === undefined ? ' (new)' : ''} severity=${severity} kind=${kind} field=${safe(field)} count=${count}${added}`,
        ]
      }),
    )
}

export function number(value: number): string {
  return value.toLocaleString('en-US')
}

/** `99.95` of 0.9995; more digits only where they tell something from all or nothing. */
export function percentOf(share: number): string {
  const percent = share * 100
  for (const digits of [1, 2, 3, 4]) {
    const text = percent.toFixed(digits)
    if (share === 0 || share === 1 || (Number(text) !== 0 && Number(text) !== 100)) return String(Number(text))
  }
  return percent < 50 ? '0' : '100'
}
