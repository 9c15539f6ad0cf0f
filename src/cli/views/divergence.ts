// One divergence in full, for people: where, how often, why, the differing leaves, both answers, the request for each side.
import type { RouteView } from '../../admin/api.ts'
import type { ExemplarView, Replayed, ShownAnswer, ShownDifference, SignatureAnswer } from '../../admin/api-compare.ts'
import { type Column, type Look, moment, safe, table } from '../print.ts'
import { differenceText, itemView, number } from './divergences.ts'
import { sideBySide } from './side-by-side.ts'

const COLUMNS: readonly Column<ShownDifference>[] = [
  { title: 'KIND', of: one => one.kind },
  { title: 'PATH', cut: true, of: one => (one.newPath === undefined ? one.path : `${one.path} → ${one.newPath}`) },
  { title: 'SEVERITY', of: one => one.severity },
  { title: 'LEGACY → NEW', of: differenceText },
  { title: 'NOTE', of: one => one.note ?? '' },
]

/** `route` null: it could not be read, and no request can be shown. */
export function signatureView(item: SignatureAnswer, route: RouteView | null, look: Look): readonly string[] {
  const { persistent, transient } = item.askedAgain
  const exemplar = item.latest ?? item.exemplar
  return [
    `${look.paint('bold', safe(item.route))}  ${safe(item.template)}`,
    ...itemView({ ...item, exemplar: null, latest: null, differences: [] }, look),
    ...placesView(item, look),
    '',
    `why:        ${safe(item.why)}`,
    `seen:       ${moment(item.firstSeen)} to ${moment(item.lastSeen)}`,
    ...(persistent + transient === 0
      ? []
      : [`asked again: ${number(persistent)} differed again, ${number(transient)} did not`]),
    ...(exemplar === null ? ['', 'no example is kept'] : exemplarView(exemplar, route, look)),
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
    ...differencesView(differences, more, look),
  ]
}

function placesView({ differences }: SignatureAnswer, look: Look): readonly string[] {
  return differences.flatMap(({ template, path, count, state, why }) => [
    `        ${safe(template)}  ${safe(path)}  ${number(count)}×  ${safe(state)}`,
    look.paint('dim', `          ${safe(why)}`),
  ])
}

function exemplarView(exemplar: ExemplarView, route: RouteView | null, look: Look): readonly string[] {
  const { at, method, target, template, statuses, primary, exchange, traceId, differences, more, answers } = exemplar
  return [
    '',
    `${look.paint('bold', `${safe(method)} ${safe(target ?? template)}`)}  ${moment(at)}  legacy ${statuses.legacy}, new ${statuses.new}  the client got ${safe(primary)}’s`,
    `exchange ${safe(exchange)}  trace ${safe(traceId)}`,
    ...differencesView(differences, more, look),
    ...(answers === null
      ? ['', 'no values: they are kept with compare.values: redacted only, and shown with the scope bodies']
      : answersView(answers, look)),
    ...curlsView(exemplar, route),
  ]
}

function differencesView(differences: readonly ShownDifference[], more: number, look: Look): readonly string[] {
  if (differences.length === 0) return more === 0 ? [] : ['', `${more} differences, which are not shown`]
  return ['', ...table(COLUMNS, differences, look), ...(more === 0 ? [] : [`and ${more} more`])]
}

function answersView({ legacy, new: other }: NonNullable<ExemplarView['answers']>, look: Look): readonly string[] {
  const head = ({ status, headers }: ShownAnswer): string =>
    [String(status), ...headers.map(([name, value]) => `${name}: ${value}`).toSorted()].join('\n')
  const bodies =
    legacy.body === null && other.body === null
      ? ['neither body is text']
      : sideBySide(legacy.body ?? '(not text)', other.body ?? '(not text)', look)
  const titles = sideBySide('LEGACY', 'NEW', { ...look, paint: (_, text) => look.paint('bold', text) })
  return [
    '',
    ...titles.map(line => line.replace('≠', ' ')),
    ...sideBySide(head(legacy), head(other), look),
    '',
    ...bodies,
  ]
}

/** Without credentials: they are not kept. */
function curlsView({ method, target }: ExemplarView, route: RouteView | null): readonly string[] {
  if (route === null) return []
  if (target === null)
    return ['', 'the request is not shown: its target is kept with values only, for the scope bodies']
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
