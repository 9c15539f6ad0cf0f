// One divergence in full, for people: where, how often, why, the differing leaves, both answers, the request for each side.
import type { RouteView } from '../../admin/api.ts'
import type { ExemplarView, Replayed, ShownDifference, SignatureAnswer } from '../../admin/api-compare.ts'
import type { Mark } from '../../compare/beside.ts'
import { bodyLines, headLines } from '../../compare/shown-lines.ts'
import { type Column, type Look, listing, moment, safe, wrap } from '../print.ts'
import { differenceText, itemView, many, number, placeText } from './divergences.ts'
import { type SideBySide, sideBySide, titlesView } from './side-by-side.ts'

type Places = SignatureAnswer['differences']

/** Differences that read the same. */
interface Group {
  readonly kind: string
  readonly place: string
  readonly severity: string
  readonly text: string
  readonly note: string
  count: number
}

/** `route` null: it could not be read, and no request can be shown. */
export function signatureView(item: SignatureAnswer, route: RouteView | null, look: Look): readonly string[] {
  const { persistent, transient } = item.askedAgain
  const exemplar = item.latest ?? item.exemplar
  return [
    `${look.paint('bold', safe(item.route))}  ${safe(item.template)}`,
    ...itemView({ ...item, exemplar: null, latest: null, differences: [] }, look),
    ...placesView(item, look),
    '',
    `seen:       ${moment(item.firstSeen)} to ${moment(item.lastSeen)}`,
    ...(persistent + transient === 0
      ? []
      : [`asked again: ${number(persistent)} differed again, ${number(transient)} did not`]),
    ...(exemplar === null ? ['', 'no example is kept'] : exemplarView(exemplar, item.differences, route, look)),
    ...(item.exemplar !== null && item.latest !== null && item.exemplar.exchange !== item.latest.exchange
      ? ['', `the first one that is kept: ${moment(item.exemplar.at)}, exchange ${safe(item.exemplar.exchange)}`]
      : []),
  ]
}

export function replayedView(replayed: Replayed, look: Look): readonly string[] {
  const { verdict, why, statuses, differences, more, method, target } = replayed
  const status = (side: number | null): string => (side === null ? 'no answer' : String(side))
  const style = verdict === 'transient' ? 'green' : verdict === 'failed' ? 'yellow' : 'red'
  return [
    `${look.paint(style, verdict)}: ${safe(why)}`,
    `${safe(method)} ${safe(target ?? '(its target is not shown)')}  legacy ${status(statuses.legacy)}, new ${status(statuses.new)}`,
    ...differencesView(differences, more, null, look),
  ]
}

/** What is said of all of them is said once. */
function placesView({ differences, why }: SignatureAnswer, look: Look): readonly string[] {
  const isOne = differences.every(place => place.why === why)
  const said = (text: string, indent: string) =>
    wrap(safe(text), look.width, indent).map(line => look.paint('dim', line))
  return [
    ...differences.flatMap(place => [
      `        ${safe(place.template)}  ${safe(placeText(place))}  ${number(place.count)}×  ${safe(place.state)}`,
      ...(isOne ? [] : said(place.why, '          ')),
    ]),
    ...(isOne ? ['', ...wrap(`why:        ${safe(why)}`, look.width)] : []),
  ]
}

function exemplarView(exemplar: ExemplarView, places: Places, route: RouteView | null, look: Look): readonly string[] {
  const { at, method, target, template, statuses, primary, exchange, traceId, differences, more, answers } = exemplar
  return [
    '',
    `${look.paint('bold', `${safe(method)} ${safe(target ?? template)}`)}  ${moment(at)}  legacy ${statuses.legacy}, new ${statuses.new}  the client got ${safe(primary)}’s`,
    `exchange ${safe(exchange)}${traceId === '' ? '' : `  trace ${safe(traceId)}`}`,
    ...differencesView(differences, more, answers, look),
    ...(answers === null
      ? [
          '',
          ...wrap(
            'no values: they are kept with compare.values: redacted only, and shown with the scope bodies',
            look.width,
          ),
        ]
      : answersView(answers, places, look)),
    ...curlsView(exemplar, route, look),
  ]
}

function differencesView(
  differences: readonly ShownDifference[],
  more: number,
  answers: ExemplarView['answers'],
  look: Look,
): readonly string[] {
  if (differences.length === 0) return more === 0 ? [] : ['', `${many(more, 'difference')}, not listed`]
  const groups = grouped(differences, answers)
  const isCounted = groups.some(({ count }) => count > 1)
  const columns: readonly Column<Group>[] = [
    ...(isCounted
      ? [{ title: 'COUNT', right: true as const, head: true as const, of: (one: Group) => `${number(one.count)}×` }]
      : []),
    { title: 'KIND', head: true, of: one => one.kind },
    { title: 'PATH', head: true, of: one => one.place },
    { title: 'SEVERITY', of: one => one.severity },
    { title: 'LEGACY → NEW', below: true, of: one => one.text },
    ...(groups.some(({ note }) => note !== '')
      ? [{ title: 'NOTE', below: true as const, of: (one: Group) => one.note }]
      : []),
  ]
  return ['', ...listing(columns, groups, look), ...(more === 0 ? [] : [`and ${number(more)} more, not listed`])]
}

function grouped(differences: readonly ShownDifference[], answers: ExemplarView['answers']): readonly Group[] {
  const groups = new Map<string, Group>()
  for (const difference of differences) {
    const { kind, newPath, severity } = difference
    const place = `${placeText(difference)}${newPath === undefined ? '' : ` → ${newPath}`}`
    const text = differenceText(difference, answers)
    const note = difference.note === undefined || text.includes(safe(difference.note)) ? '' : difference.note
    const key = JSON.stringify([kind, place, severity, text, note])
    const known = groups.get(key)
    if (known === undefined) groups.set(key, { kind, place, severity, text, note, count: 1 })
    else known.count++
  }
  return [...groups.values()]
}

function answersView(
  { legacy, new: other }: NonNullable<ExemplarView['answers']>,
  places: Places,
  look: Look,
): readonly string[] {
  const heads = sideBySide(headLines(legacy, places), headLines(other, places), look)
  const isText = legacy.body !== null || other.body !== null
  const bodies = isText ? sideBySide(bodyLines(legacy, places), bodyLines(other, places), look) : null
  return [
    '',
    titlesView(look),
    ...heads.lines,
    '',
    ...(bodies?.lines ?? ['neither body is text']),
    ...legendOf([heads, ...(bodies === null ? [] : [bodies])], look),
  ]
}

const LEGEND: Readonly<Record<Exclude<Mark, ''>, string>> = {
  counts: '≠ < > this divergence',
  other: '~ differs as well: another divergence, or what does not count (noise, tolerated, ignored, not compared)',
}

function legendOf(shown: readonly SideBySide[], look: Look): readonly string[] {
  const said = (['counts', 'other'] as const).filter(mark => shown.some(({ marks }) => marks.has(mark)))
  if (said.length === 0) return []
  return ['', ...wrap(said.map(mark => LEGEND[mark]).join('   '), look.width).map(line => look.paint('dim', line))]
}

/** Without credentials: they are not kept. */
function curlsView({ method, target }: ExemplarView, route: RouteView | null, look: Look): readonly string[] {
  if (route === null) return []
  if (target === null)
    return [
      '',
      ...wrap('the request is not shown: its target is kept with values only, for the scope bodies', look.width),
    ]
  const lines = (['legacy', 'new'] as const).flatMap(side => {
    const url = route.sides[side]?.url.split(',')[0]?.trim()
    if (url === undefined) return []
    const how = method === 'GET' ? '' : method === 'HEAD' ? ' -I' : ` -X ${method}`
    return [`${`${side}:`.padEnd(8)}curl -i${how} ${quoted(`${url.replace(/\/+$/, '')}${target}`)}`]
  })
  return ['', ...lines.map(safe), 'without credentials, and before the rewrites of the route']
}

/** For a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
