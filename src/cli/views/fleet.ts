// The fleet on one screen, for `status --watch`: what is wrong, then a row for each route, what needs somebody first. Columns go
// where a terminal is too narrow for them; what is needed at 3 am goes last. What moves next takes lines of its own where there are.
import { stripVTControlCharacters } from 'node:util'
import type { Status } from '../../admin/api.ts'
import { byNeed, LEVELS } from '../../model/attention.ts'
import {
  type Column,
  count,
  cut,
  type Look,
  millis,
  moment,
  orNothing,
  percent,
  rate,
  type Style,
  safe,
  span,
  table,
  widthOf,
} from '../print.ts'
import { columnsOf } from '../width.ts'
import { behindOf, rowsOf } from './status.ts'

type RouteShort = Status['routes'][number]
type Level = RouteShort['attention']['level']

const MARKS: Readonly<Record<Level, string>> = { wrong: '!', look: '?', none: ' ' }
const MARK_STYLES: Readonly<Record<Level, Style | null>> = { wrong: 'red', look: 'yellow', none: null }
const BAR = 10
/** Of a sentence at the end of a row. */
const LEAST_SENTENCE = 24
const MOST_SENTENCES = 5
const CUT_NOTE = '…: whole in `banyan routes ROUTE`, or in a larger terminal'
/** Head, titles and a note. */
const FEWEST_ROWS = 3

interface FleetColumn extends Column<RouteShort> {
  /** Goes sooner the higher it is; 0 stays. */
  readonly goes: number
}

const columns: readonly FleetColumn[] = [
  { title: '', goes: 0, of: markOf, style: styleOf },
  { title: 'ROUTE', goes: 0, cut: true, of: route => route.id, style: styleOf },
  { title: 'PHASE', goes: 2, of: phaseText, style: route => (route.state === 'rolled-back' ? 'red' : null) },
  { title: 'SPLIT', goes: 5, of: barOf },
  { title: 'DES/OBS', goes: 0, right: true, of: splitText },
  { title: 'RPS leg/new', goes: 6, right: true, of: route => pair(rate, route.perSecond) },
  { title: 'ERR% leg/new', goes: 3, right: true, of: route => pair(errorText, route.errorRatio) },
  { title: 'P95ms leg/new', goes: 7, right: true, of: route => pair(timeText, route.p95Ms) },
  { title: 'MATCH', goes: 4, right: true, of: matchText },
  { title: 'NEXT / WAITING FOR', goes: 1, cut: true, wraps: true, of: route => route.next },
]

/** `rows`: of the terminal; null: as many as it takes. */
export function fleetView(status: Status, look: Look, rows: number | null): readonly string[] {
  const routes = rowsOf(status).toSorted(byNeed)
  const head = [...headView(status, look), ...sentences(status, routes, look)]
  if (routes.length === 0) return [...head, '', 'no routes, and no default backend']
  const room = rows === null ? Number.POSITIVE_INFINITY : Math.max(FEWEST_ROWS, rows - head.length - 2)
  const shown = routes.length <= room ? routes : routes.slice(0, room - 1)
  const left = routes.length - shown.length
  const lines = table(fitting(shown, look), shown, look, left === 0 ? room - shown.length : 0)
  return [
    ...head,
    lines.some(line => plainOf(line).endsWith('…')) ? look.paint('dim', whole(look, CUT_NOTE)) : '',
    ...lines,
    ...(left === 0
      ? []
      : [look.paint('dim', `… and ${count(left, 'route')} that ${left === 1 ? 'needs' : 'need'} less`)]),
  ]
}

/** Columns that fit beside a sentence of a few words, in their order. */
function fitting(routes: readonly RouteShort[], { width }: Look): readonly FleetColumn[] {
  if (width === null) return columns
  let left = columns
  const least = (): number => {
    const firm = left.filter(column => column.cut !== true)
    const cuttable = left.filter(column => column.cut === true)
    const room = cuttable.reduce((sum, column) => sum + leastOf(column, routes) + 2, 0)
    return widthOf(firm, routes) + room
  }
  while (least() > width) {
    const next = left.reduce((most, column) => (column.goes > most.goes ? column : most))
    if (next.goes === 0) break
    left = left.filter(column => column !== next)
  }
  return left
}

/** Ids are cut late: a route is called by it. */
function leastOf(column: FleetColumn, routes: readonly RouteShort[]): number {
  const most = column.title === 'ROUTE' ? 24 : LEAST_SENTENCE
  return Math.min(most, Math.max(column.title.length, ...routes.map(route => columnsOf(safe(column.of(route))))))
}

function headView(status: Status, look: Look): readonly string[] {
  const { store, replicas, rollbacks, warnings, routes } = status
  const behind = behindOf(status)
  const silent = replicas.filter(one => one.silent).length
  const alive = replicas.filter(one => one.revision >= Math.max(...replicas.map(({ revision }) => revision))).length
  const need = (level: Level) => routes.filter(({ attention }) => attention.level === level).length
  const numbers = LEVELS.toReversed().map(level => {
    const text = `${MARKS[level]} ${need(level)} ${level === 'none' ? 'fine' : level}`.trim()
    return need(level) === 0 ? text : look.paint(MARK_STYLES[level], text)
  })
  return [
    line(look, [
      `${look.paint('bold', 'banyan')} ${safe(status.version)}`,
      look.paint(status.state === 'ready' ? 'green' : 'yellow', safe(status.state)),
      safe(status.instance),
      `${alive} of ${count(replicas.length, 'replica')} on it${silent === 0 ? '' : look.paint('red', `, ${silent} silent`)}`,
      `${safe(store.kind)}${store.healthy ? '' : look.paint('red', ' NOT HEALTHY')}`,
      `revision ${status.revision}${behind.length === 0 ? '' : look.paint('yellow', ` (${count(behind.length, 'worker')} behind)`)}`,
      `up ${span(status.uptimeSeconds)}`,
    ]),
    line(look, [
      count(routes.length, 'route'),
      ...numbers,
      rollbacks.length === 0 ? 'nothing rolled back' : look.paint('red', count(rollbacks.length, 'rollback')),
      ...(store.unsaved === 0
        ? []
        : [look.paint('yellow', `${count(store.unsaved, 'rollback')} not in the store yet`)]),
      ...(status.config.lastReload === 'failed' ? [look.paint('red', 'the last reload failed')] : []),
      count(warnings.length, 'warning'),
      moment(status.startedAt + status.uptimeSeconds * 1000),
    ]),
  ]
}

/** Why the first rows are first. */
function sentences(status: Status, routes: readonly RouteShort[], look: Look): readonly string[] {
  const needy = routes.filter(({ attention }) => attention.why !== null)
  const more = needy.length - MOST_SENTENCES
  const general = status.warnings.filter(({ route }) => route === null)
  return [
    ...needy.slice(0, MOST_SENTENCES).map(({ id, attention: { level, why } }) => {
      const text = whole(look, `${MARKS[level]} ${safe(id)}: ${safe(orNothing(why))}`)
      return look.paint(MARK_STYLES[level], text)
    }),
    ...(more > 0 ? [look.paint('dim', `  and ${more} more below`)] : []),
    ...general
      .slice(0, MOST_SENTENCES)
      .map(({ code, message }) => look.paint('yellow', whole(look, `? ${safe(code)}: ${safe(message)}`))),
  ]
}

/** Whole pieces as far as they fit. */
function line({ width }: Look, pieces: readonly string[]): string {
  const fits = (text: string): boolean => width === null || columnsOf(plainOf(text)) <= width
  return pieces.reduce((text, piece) => {
    const longer = text === '' ? piece : `${text} · ${piece}`
    return text === '' || fits(longer) ? longer : text
  }, '')
}

function plainOf(text: string): string {
  return stripVTControlCharacters(text)
}

function whole({ width }: Look, text: string): string {
  return width === null ? text : cut(text, width)
}

function markOf({ attention }: RouteShort): string {
  return MARKS[attention.level]
}

function styleOf({ attention }: RouteShort): Style | null {
  return MARK_STYLES[attention.level]
}

function phaseText({ phase, state }: RouteShort): string {
  if (state === 'rolled-back') return 'ROLLED BACK'
  return state === 'held' || state === 'frozen' ? `${phase}, ${state}` : phase
}

/** What was observed is filled; the line is where it should be. */
export function barOf({ desired, effective, observed, state }: RouteShort): string {
  if (state === 'legacy-only' || state === 'new-only') return ''
  const cellOf = (value: number): number => Math.min(BAR, Math.round((value * BAR) / 100))
  const filled = cellOf(observed ?? effective)
  const tick = Math.min(BAR - 1, cellOf(desired))
  return Array.from({ length: BAR }, (_, i) => (i === tick ? '|' : i < filled ? '█' : '░')).join('')
}

function splitText({ desired, observed, state }: RouteShort): string {
  if (state === 'legacy-only' || state === 'new-only') return '–'
  return `${percent(desired)}/${percent(observed === null ? null : Number(observed.toFixed(1)))}`
}

function pair<T>(text: (value: T) => string, { legacy, new: fresh }: { readonly legacy: T; readonly new: T }): string {
  return `${text(legacy)}/${text(fresh)}`
}

function errorText(ratio: number | null): string {
  return ratio === null ? orNothing(null) : (ratio * 100).toFixed(2)
}

function timeText(ms: number | null): string {
  return millis(ms).replace('ms', '')
}

function matchText({ match }: RouteShort): string {
  if (match === null || match.rate === null) return orNothing(null)
  return `${(Math.floor(match.rate * 1000) / 10).toFixed(1)}%${match.divergent === 0 ? '' : ` ${match.divergent} div`}`
}
