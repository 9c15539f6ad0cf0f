// The fleet at a glance, for people: what is declared, wanted, in force and seen, both sides, rollbacks, warnings.
import type { Status } from '../../admin/api.ts'
import { byNeed } from '../../model/attention.ts'
import {
  type Column,
  count,
  cut,
  json,
  type Look,
  millis,
  moment,
  orNothing,
  percent,
  rate,
  ratio,
  type Style,
  safe,
  span,
  table,
  widthOf,
} from '../print.ts'

type RouteShort = Status['routes'][number]
type Rollback = Status['rollbacks'][number]
type LastError = NonNullable<Status['default']>['lastError']

const STATE_STYLE: Readonly<Record<string, Style>> = {
  'rolled-back': 'red',
  held: 'yellow',
  frozen: 'cyan',
  split: 'green',
  new: 'green',
}

/** A change begins the share anew, so there may have been many before it. */
export const NOTHING_OBSERVED = 'no request decided by weight in the last minute, or since the change'

const routeColumns: readonly Column<RouteShort>[] = [
  { title: 'ROUTE', cut: true, of: route => route.id },
  { title: 'STATE', of: route => route.state, style: route => styleOfState(route.state) },
  { title: 'DECLARED', right: true, of: route => percent(route.declared) },
  { title: 'DESIRED', right: true, of: route => percent(route.desired) },
  { title: 'EFFECTIVE', right: true, of: route => percent(route.effective), style: () => 'bold' },
  { title: 'OBSERVED', right: true, of: route => percent(route.observed) },
  { title: 'SHADOW', right: true, of: route => percent(route.shadow) },
  { title: 'LEGACY/S', right: true, of: route => rate(route.perSecond.legacy) },
  { title: 'NEW/S', right: true, of: route => rate(route.perSecond.new) },
  { title: 'LEGACY ERR', right: true, of: route => ratio(route.errorRatio.legacy) },
  { title: 'NEW ERR', right: true, of: route => ratio(route.errorRatio.new) },
  { title: 'LEGACY P95', right: true, of: route => millis(route.p95Ms.legacy) },
  { title: 'NEW P95', right: true, of: route => millis(route.p95Ms.new) },
]

export function styleOfState(state: string): Style | null {
  return STATE_STYLE[state] ?? null
}

export function statusView(status: Status, look: Look): readonly string[] {
  return [
    ...headView(status, look),
    '',
    ...routesView(status, look),
    ...section('Needs somebody', look, attentionView(status, look)),
    ...section('Rollbacks in force', look, status.rollbacks.length > 0 ? rollbacksView(status.rollbacks, look) : []),
    ...section('Warnings', look, warningsView(status.warnings, look)),
  ]
}

export function rollbacksView(rollbacks: readonly Rollback[], look: Look): readonly string[] {
  return table<Rollback>(
    [
      { title: 'ID', of: rollback => rollback.id, style: () => 'red' },
      { title: 'OF', cut: true, of: unitsOf },
      { title: 'TRIGGER', of: rollback => rollback.trigger },
      { title: 'BY', of: rollback => rollback.by },
      { title: 'SINCE', of: rollback => moment(rollback.at) },
      { title: 'REASON', cut: true, of: rollback => orNothing(rollback.reason) },
    ],
    rollbacks,
    look,
  )
}

/** One poll of a watch that is not on a terminal: first the instance, then a line for each route. */
export function plainStatus(status: Status): readonly string[] {
  const at = moment(nowOf(status))
  return [
    `${at} instance=${safe(status.instance)} state=${safe(status.state)} revision=${status.revision} rollbacks=${status.rollbacks.length} warnings=${status.warnings.length}`,
    ...rowsOf(status).map(
      route =>
        `${at} route=${safe(route.id)} state=${safe(route.state)} declared=${percent(route.declared)} desired=${percent(route.desired)} effective=${percent(route.effective)} observed=${percent(route.observed)} shadow=${percent(route.shadow)} legacy=${rate(route.perSecond.legacy)}/s,${ratio(route.errorRatio.legacy)},${millis(route.p95Ms.legacy)} new=${rate(route.perSecond.new)}/s,${ratio(route.errorRatio.new)},${millis(route.p95Ms.new)} phase=${safe(route.phase)} match=${ratio(route.match?.rate ?? null)} attention=${safe(route.attention.level)} next=${json(route.next, 0)}`,
    ),
  ]
}

/** Each says once a second that it is there. */
const SILENT_MS = 3_000

function headView(status: Status, look: Look): readonly string[] {
  const { config, store, workers, replicas } = status
  const behind = behindOf(status)
  const lines = [
    `${look.paint('bold', 'banyan')} ${safe(status.version)} · ${look.paint(status.state === 'ready' ? 'green' : 'yellow', safe(status.state))} · instance ${safe(status.instance)} · revision ${status.revision} · up ${span(status.uptimeSeconds)}${status.listen === '' ? '' : ` · listens on ${safe(status.listen)}`}`,
    `configuration ${safe(config.file ?? 'without a file')} of ${moment(config.loadedAt)} · store ${safe(store.kind)}${store.healthy ? '' : look.paint('red', ' NOT HEALTHY')} · ${count(workers.length, 'worker')}${behind.length === 0 ? '' : look.paint('yellow', `, ${behind.map(worker => `worker ${worker.worker} still on revision ${worker.revision}`).join(', ')}`)}`,
  ]
  if (config.lastReload === 'failed') {
    lines.push(look.paint('red', `the last reload failed: ${safe(config.lastError ?? 'no reason was given')}`))
  }
  if (store.unkept > 0) {
    const text = `${count(store.unkept, 'rollback')} KEPT NOWHERE, neither in the store nor in the local file: a restart forgets it`
    lines.push(look.paint('red', text))
  } else if (store.unsaved > 0) {
    lines.push(look.paint('yellow', `${count(store.unsaved, 'rollback')} in the local file only, not yet in the store`))
  }
  if (replicas.length > 0) {
    lines.push(`replicas: ${replicas.map(one => replicaText(one, replicas, look)).join(', ')}`)
  }
  return lines
}

/** Workers that run another revision. */
export function behindOf({ workers, revision }: Status): Status['workers'] {
  return workers.filter(worker => worker.revision !== revision)
}

function replicaText(
  { instance, revision, configHash, state, agoMs }: Status['replicas'][number],
  all: Status['replicas'],
  look: Look,
): string {
  const newest = Math.max(...all.map(one => one.revision))
  const own = all.find(({ self }) => self)
  return [
    `${safe(instance)} on ${revision}`,
    // Of one that was not seen lately nobody knows on what it is.
    ...(revision < newest && agoMs <= SILENT_MS ? [look.paint('yellow', '(behind)')] : []),
    ...(state === 'ready' ? [] : [`(${safe(state)})`]),
    ...(agoMs > SILENT_MS ? [look.paint('yellow', `(last seen ${span(agoMs / 1000)} ago)`)] : []),
    ...(own === undefined || own.configHash === configHash ? [] : [look.paint('yellow', 'with another configuration')]),
  ].join(' ')
}

/** The routes, and below them what none of them matches. */
export function rowsOf(status: Status): readonly RouteShort[] {
  return status.default === null ? status.routes : [...status.routes, status.default]
}

export function lastErrorView(of: string, lastError: LastError): readonly string[] {
  if (lastError === null) return []
  return [`last error of ${safe(of)}: ${safe(lastError.code)} at ${moment(lastError.at)}: ${safe(lastError.detail)}`]
}

function routesView(status: Status, look: Look): readonly string[] {
  const rows = rowsOf(status)
  if (rows.length === 0) return ['no routes, and no default backend']
  const { routes } = status
  return [
    ...(routes.length === 0 ? ['no routes: everything goes to the default backend', ''] : []),
    ...rowsView(rows, look),
    ...(routes.every(route => route.observed !== null) ? [] : [look.paint('dim', `observed –: ${NOTHING_OBSERVED}`)]),
    ...(status.default === null ? [] : lastErrorView(status.default.id, status.default.lastError)),
  ]
}

function rowsView(routes: readonly RouteShort[], look: Look): readonly string[] {
  const narrow = look.width !== null && widthOf(routeColumns, routes) > look.width
  return narrow ? routes.flatMap(route => cardOf(route, look)) : table(routeColumns, routes, look)
}

/** Two or three short lines where the table does not fit. */
function cardOf(route: RouteShort, look: Look): readonly string[] {
  const side = (name: 'legacy' | 'new'): string =>
    `${name} ${rate(route.perSecond[name])}/s, errors ${ratio(route.errorRatio[name])}, P95 ${millis(route.p95Ms[name])}`
  const width = Math.max(8, (look.width ?? 80) - route.state.length - 2)
  return [
    `${look.paint('bold', cut(safe(route.id), width))}  ${look.paint(styleOfState(route.state), safe(route.state))}`,
    `  declared ${percent(route.declared)}  desired ${percent(route.desired)}  effective ${percent(route.effective)}  observed ${percent(route.observed)}  shadow ${percent(route.shadow)}`,
    `  ${side('legacy')}`,
    `  ${side('new')}`,
  ]
}

function unitsOf({ units, restored }: Rollback): string {
  if (units !== '*') return units.filter(unit => !restored.includes(unit)).join(', ')
  return restored.length === 0 ? 'every route' : `every route but ${restored.join(', ')}`
}

const LEVEL_STYLES: Readonly<Record<string, Style>> = { wrong: 'red', look: 'yellow' }

/** First what needs somebody most. */
function attentionView(status: Status, look: Look): readonly string[] {
  return rowsOf(status)
    .filter(({ attention }) => attention.why !== null)
    .toSorted(byNeed)
    .map(({ id, attention: { level, why }, next }) => {
      const mark = look.paint(LEVEL_STYLES[level] ?? null, level)
      return `${mark} ${look.paint('bold', safe(id))}: ${safe(why ?? '')} (next: ${safe(next)})`
    })
}

function warningsView(warnings: Status['warnings'], look: Look): readonly string[] {
  return warnings.map(
    ({ code, message, route }) =>
      `${look.paint('yellow', safe(code))}${route === null ? '' : ` (${safe(route)})`}: ${safe(message)}`,
  )
}

function section(title: string, look: Look, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', look.paint('bold', title), ...lines]
}

/** The server's clock, so that no other is needed. */
function nowOf(status: Status): number {
  return status.startedAt + status.uptimeSeconds * 1000
}
