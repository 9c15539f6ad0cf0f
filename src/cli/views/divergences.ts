// Where the answers of the sides differ, for people: totals, then field → rate → example, then what was not counted.
import type {
  DivergencesAnswer,
  ExemplarView,
  Share,
  ShownDifference,
  SignatureAnswer,
  Totals,
} from '../../admin/api-compare.ts'
import { collapsePointer } from '../../compare/collapse.ts'
import { firstHtmlDifference } from '../../compare/html.ts'
import { firstTextDifference } from '../../compare/text.ts'
import { DROP_REASONS, SKIP_REASONS, type UnaskedReason } from '../../model/comparison.ts'
import { cut, type Look, moment, type Style, safe, wrap } from '../print.ts'

/** What a list was asked for, and what else there is. */
export interface Listed {
  /** Also what is noise or ignored, which else is counted at the end. */
  readonly all: boolean
  /** The flags that choose; empty: none. */
  readonly filter: string
  /** How many more the filter lets through, beyond the limit. */
  readonly more: { readonly open: number; readonly quiet: number }
  /** How many there are without it that count; null: nobody asked. */
  readonly unfiltered: number | null
}

type State = SignatureAnswer['state']
type Place = SignatureAnswer['differences'][number]

const SEVERITY_STYLE: Readonly<Record<string, Style>> = { high: 'red', medium: 'yellow', low: 'cyan' }
const EVERYTHING: Listed = { all: false, filter: '', more: { open: 0, quiet: 0 }, unfiltered: null }
const MOST_VALUE = 60
const MOST_PLACES = 3
const HEADINGS: Readonly<Record<State, string>> = {
  divergent: 'divergent',
  undecided: 'undecided: not known yet whether they are noise',
  noise: 'noise',
  ignored: 'ignored by a rule',
}

export function divergencesView(answer: DivergencesAnswer, look: Look, listed: Listed = EVERYTHING): readonly string[] {
  const { all, filter } = listed
  const shown = answer.items.filter(({ state }) => all || isOpen(state))
  const quiet = all ? [] : answer.items.filter(({ state }) => !isOpen(state))
  return [
    `${look.paint('bold', safe(answer.route))}  ${safe(answer.template)}  since ${moment(answer.totals.since)}`,
    ...totalsView(answer.totals, answer.match).flatMap(line => wrap(line, look.width)),
    ...(filter === '' ? [] : wrap(`those are of the whole route; listed is what ${safe(filter)} asks for`, look.width)),
    ...itemsView(shown, look),
    ...(shown.length === 0 ? noneView(answer, listed, look) : moreView(listed)),
    ...footView(answer, quiet),
  ]
}

/** What counts, and what may. */
export function isOpen(state: State): boolean {
  return state !== 'noise' && state !== 'ignored'
}

/** Under headings where they are in several states: what is known to differ comes first, however severe the others are. */
function itemsView(items: readonly SignatureAnswer[], look: Look): readonly string[] {
  const states = [...Map.groupBy(items, ({ state }) => state)]
  return states.flatMap(([state, those]) => [
    ...(states.length === 1 ? [] : ['', look.paint('bold', `${number(those.length)} ${HEADINGS[state]}`)]),
    ...those.flatMap(item => ['', ...itemView(item, look)]),
  ])
}

function noneView({ match, items }: DivergencesAnswer, { filter, unfiltered }: Listed, look: Look): readonly string[] {
  if (filter !== '') {
    const others =
      unfiltered === null ? '' : `: there ${unfiltered === 1 ? 'is' : 'are'} ${number(unfiltered)} without it`
    return ['', `none${items.length === 0 ? '' : ' that counts'} matches the filter${others}`]
  }
  return match.of > 0 ? ['', look.paint('green', 'no divergence')] : []
}

function moreView({ all, more: { open, quiet } }: Listed): readonly string[] {
  if (open + quiet === 0) return []
  const parts = all
    ? [`${number(open + quiet)} more`]
    : [
        ...(open === 0 ? [] : [`${number(open)} more`]),
        ...(quiet === 0 ? [] : [`${number(quiet)} that are noise or ignored`]),
      ]
  return ['', `and ${parts.join(', and ')}, not listed: raise --limit`]
}

/** What was compared adds up, then what is eligible does; what is tolerated or noise matches, too. */
export function totalsView(totals: Totals, match: Share): readonly string[] {
  const some = (count: number, what: string): readonly string[] => (count === 0 ? [] : [`${number(count)} ${what}`])
  const within = [...some(totals.noise, 'noise'), ...some(totals.tolerated, 'tolerated')]
  const matches =
    match.of === 0
      ? 'nothing was compared yet'
      : `${number(match.count)} of ${number(match.of)} match (${shareText(match)})${within.length === 0 ? '' : `, of which ${within.join(', ')}`}`
  const divergent = some(totals.divergent, 'divergent').map(text => `; ${text}`)
  const beside = [
    ...some(totals.undecided, 'undecided'),
    ...some(totals.candidate_error, 'without the other side’s answer'),
    ...some(totals.primary_error, 'without an answer to the client'),
    ...some(totals.skipped, `skipped${reasonsText(totals, SKIP_REASONS)}`),
    ...some(totals.dropped, `dropped${reasonsText(totals, DROP_REASONS)}`),
    ...some(totals.not_sampled, 'not sampled'),
  ]
  return [
    `${number(totals.eligible)} eligible: ${matches}${divergent.join('')}`,
    ...(beside.length === 0 ? [] : [`beside them: ${beside.join(', ')}`]),
  ]
}

/** ` (method 10, writes 3)`: most frequent first. */
function reasonsText({ unasked }: Totals, reasons: readonly UnaskedReason[]): string {
  const said = reasonsOf(unasked, reasons).map(([reason, count]) => `${reason} ${number(count)}`)
  return said.length === 0 ? '' : ` (${said.join(', ')})`
}

export function reasonsOf(
  unasked: Totals['unasked'],
  reasons: readonly UnaskedReason[],
): readonly (readonly [UnaskedReason, number])[] {
  return reasons
    .map(reason => [reason, unasked[reason] ?? 0] as const)
    .filter(([, count]) => count > 0)
    .toSorted(([, a], [, b]) => b - a)
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
  const places = differences.slice(0, MOST_PLACES).map(place => `${safe(place.template)}  ${safe(placeText(place))}`)
  return [
    `${label}  ${look.paint('bold', safe(field))}  ${safe(kind)}  ${number(count)}×${rateText}  ${safe(signature)}${said}`,
    ...places.map(place => `        ${place}`),
    ...(differences.length > MOST_PLACES
      ? [`        and ${many(differences.length - MOST_PLACES, 'more place')}`]
      : []),
    ...exampleLines(item)
      .flatMap(line => wrap(line, look.width, '        '))
      .map(line => look.paint('dim', line)),
  ]
}

function exampleLines(item: SignatureAnswer): readonly string[] {
  const exemplar = item.latest ?? item.exemplar
  if (exemplar === null) return []
  const difference = exemplar.differences.find(one => isOf(one, item.differences))
  const what = difference === undefined ? '' : `${differenceText(difference, exemplar.answers)}  `
  return [`such as ${what}${requestText(exemplar)}  ${moment(exemplar.at)}`]
}

/** Whether a difference is at one of those places. An example holds those of other signatures, too. */
function isOf({ kind, path }: ShownDifference, places: readonly Place[]): boolean {
  const collapsed = kind === 'status' ? path : collapsePointer(path, kind === 'header')
  return places.some(place => place.kind === kind && place.path === collapsed)
}

/** As people read it: a status is no path, and the whole of a body has one that is empty. */
export function placeText({ kind, path }: Pick<Place, 'kind' | 'path'>): string {
  if (kind === 'status') return path.split('/').slice(1).join(' → ')
  return path === '' ? '(body)' : path
}

/** Values where they are shown, else types; of bodies as a whole what is said of them. */
export function differenceText(difference: ShownDifference, answers: ExemplarView['answers'] = null): string {
  const { legacy, legacyType, new: other, newType, note, path } = difference
  if (legacyType === null && newType === null) return safe(note ?? 'the bodies differ')
  const text = (value: string | undefined, type: string | null): string =>
    type === null ? 'absent' : value === undefined ? type : cut(safe(value), MOST_VALUE)
  const [before, after] = [text(legacy, legacyType), text(other, newType)]
  if (before !== after || legacy !== undefined) return `${before} → ${after}`
  if (path !== '' || legacyType !== 'string') return `another ${before}`
  const where = note === undefined ? '' : `${safe(note)}: `
  const pieces = piecesOf(answers)
  return `${where}${pieces === null ? 'another text' : pieces.map(piece => cut(safe(piece), MOST_VALUE)).join(' → ')}`
}

/** Of texts, what is around the first difference, as far as it is kept. The difference itself has no piece: what is secret in one cannot be told. */
function piecesOf(answers: ExemplarView['answers']): readonly [string, string] | null {
  const [legacy, other] = [answers?.legacy, answers?.new]
  if (legacy?.body == null || other?.body == null || legacy.body === other.body) return null
  const isHtml = legacy.headers.some(([name, value]) => name.toLowerCase() === 'content-type' && /html/i.test(value))
  const first = (isHtml ? firstHtmlDifference : firstTextDifference)(legacy.body, other.body)
  return first.legacy === first.new ? null : [JSON.stringify(first.legacy), JSON.stringify(first.new)]
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

/** `1 pair`, `1,234 pairs`. */
export function many(count: number, noun: string): string {
  return `${number(count)} ${noun}${count === 1 ? '' : 's'}`
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
