// Routes for people: all of them as a table, one with everything that is known of it.
import type { RouteView } from '../../admin/api.ts'
import type { DivergencesAnswer } from '../../admin/api-compare.ts'
import { type Column, type Look, millis, moment, orNothing, percent, rate, ratio, safe, table } from '../print.ts'
import { isOpen, many, number, shareText } from './divergences.ts'
import { lastErrorView, NOTHING_OBSERVED, rollbacksView, styleOfState } from './status.ts'

type SideRow = NonNullable<RouteView['sides']['new']> & { readonly side: 'legacy' | 'new'; readonly open: number }
type Said = NonNullable<RouteView['frozen']>

export function routesView(routes: readonly RouteView[], look: Look): readonly string[] {
  if (routes.length === 0) return ['no routes: everything goes to the default backend']
  return table<RouteView>(
    [
      { title: 'ROUTE', cut: true, of: route => route.id },
      { title: 'STATE', of: stateOf, style: route => styleOfState(stateOf(route)) },
      { title: 'EFFECTIVE', right: true, of: route => percent(route.weight.effective), style: () => 'bold' },
      { title: 'MATCH', cut: true, of: matchOf },
      { title: 'LEGACY', cut: true, of: route => orNothing(route.sides.legacy?.backend ?? null) },
      { title: 'NEW', cut: true, of: route => orNothing(route.sides.new?.backend ?? null) },
      { title: 'DATA', of: route => orNothing(route.data) },
      { title: 'STICKY', cut: true, of: route => orNothing(route.sticky.join(', ')) },
      { title: 'GROUP', cut: true, of: route => orNothing(route.group) },
      { title: 'OWNER', cut: true, of: route => orNothing(route.owner) },
    ],
    routes,
    look,
  )
}

/** What other calls say of a route; null: it could not be read, or there is nothing. */
interface Besides {
  readonly compared: DivergencesAnswer | null
  readonly next: string | null
}

export function routeView(route: RouteView, { compared, next }: Besides, look: Look): readonly string[] {
  const { weight } = route
  const state = stateOf(route)
  const observed =
    weight.observed === null
      ? `– (${NOTHING_OBSERVED})`
      : `${percent(weight.observed)} of ${weight.observedRequests} in the last minute, or since the last change`
  const facts: readonly (readonly [string, string | null])[] = [
    ['match', safe(matchOf(route))],
    ['group', route.group === null ? null : safe(route.group)],
    ['owner', route.owner === null ? null : safe(route.owner)],
    ['data', route.data === null ? null : safe(route.data)],
    ['sticky', safe(route.sticky.length === 0 ? 'no key: each request by itself' : route.sticky.join(', '))],
    ['declared', percent(weight.declared)],
    ['desired', `${percent(weight.desired)}${route.set === null ? '' : `, ${saidOf(route.set)}`}`],
    ['effective', look.paint('bold', percent(weight.effective))],
    ['observed', observed],
    ['frozen', route.frozen === null ? null : saidOf(route.frozen)],
    ['held', route.held ? 'first start: 0 until a weight is set or unset' : null],
    ['reasons', reasonsOf(route)],
    ['shadow', route.shadow === null ? null : shadowText(route.shadow)],
    ['compared', compared === null ? null : comparedText(compared)],
    ['next', next === null ? null : safe(next)],
    ['revision', String(route.revision)],
  ]
  return [
    `${look.paint('bold', safe(route.id))}  ${look.paint(styleOfState(state), state)}`,
    ...facts.flatMap(([name, text]) => (text === null ? [] : [`${name.padEnd(10)} ${text}`])),
    '',
    ...sidesView(route, look),
    ...(route.rollbacks.length === 0
      ? []
      : ['', look.paint('bold', 'Rollbacks in force'), ...rollbacksView(route.rollbacks, look)]),
  ]
}

function shadowText({ percent: share, direction, when, methods }: NonNullable<RouteView['shadow']>): string {
  const asked = direction === 'both' ? 'the other side' : direction
  return safe(`${percent(share)} of ${methods.join(', ')}: ${asked} is asked, too, ${when} the primary`)
}

/** What shadowing came to; null: no request was shadowed yet. */
function comparedText({ route, totals, match, items }: DivergencesAnswer): string | null {
  if (totals.eligible === totals.not_sampled) return null
  const since = `since ${moment(totals.since)}`
  if (match.of === 0) return `nothing yet of ${many(totals.eligible, 'eligible request')} ${since}`
  const open = items.filter(({ state }) => isOpen(state)).length
  const fields = open === 0 ? 'no divergence' : `${many(open, 'divergence')}: banyan divergences ${safe(route)}`
  return `${number(match.count)} of ${number(match.of)} match (${shareText(match)}) ${since}; ${fields}`
}

/** The same words as `status`, from the whole view of a route. */
export function stateOf(route: RouteView): string {
  if (route.sides.new === null) return 'legacy-only'
  if (route.sides.legacy === null) return 'new-only'
  if (route.rollbacks.length > 0) return 'rolled-back'
  if (route.held) return 'held'
  if (route.frozen !== null) return 'frozen'
  if (route.weight.effective === 0) return 'legacy'
  return route.weight.effective === 100 ? 'new' : 'split'
}

function sidesView(route: RouteView, look: Look): readonly string[] {
  const { legacy, new: fresh } = route.sides
  const rows: readonly SideRow[] = [
    ...(legacy === null ? [] : [{ ...legacy, side: 'legacy' as const, open: route.tunnels.legacy }]),
    ...(fresh === null ? [] : [{ ...fresh, side: 'new' as const, open: route.tunnels.new }]),
  ]
  const columns: readonly Column<SideRow>[] = [
    { title: 'SIDE', of: row => row.side },
    { title: 'BACKEND', cut: true, of: row => row.backend },
    { title: 'URL', cut: true, of: row => `${row.url}${row.tlsVerified ? '' : ' (TLS NOT VERIFIED)'}` },
    { title: 'PER SECOND', right: true, of: row => rate(row.perSecond) },
    { title: 'REQUESTS', right: true, of: row => String(row.requests) },
    { title: 'ERRORS', right: true, of: row => String(row.errors), style: row => (row.errors > 0 ? 'red' : null) },
    { title: 'RATIO', right: true, of: row => ratio(row.requests === 0 ? null : row.errors / row.requests) },
    { title: 'P50', right: true, of: row => millis(row.p50Ms) },
    { title: 'P95', right: true, of: row => millis(row.p95Ms) },
    { title: 'TUNNELS', right: true, of: row => String(row.open) },
  ]
  const errors = rows.flatMap(({ side, lastError }) => lastErrorView(side, lastError))
  return [...table(columns, rows, look), ...rows.flatMap(healthOf), ...errors]
}

/** What is worth a line: an address that is out, several of them, an open circuit, a queue. */
function healthOf({ side, addresses, circuit, gate }: SideRow): string[] {
  const shown = addresses.length > 1 || addresses.some(one => !one.healthy) ? addresses : []
  return [
    ...shown.map(
      ({ address, healthy, why, inFlight, share }) =>
        `${side} ${safe(address)}: ${healthy ? 'in use' : `out (${why ?? 'unknown'})`}, ${inFlight} in flight${share < 1 ? `, starting slowly at ${Math.round(share * 100)} %` : ''}`,
    ),
    ...(circuit === 'open' ? [`${side}: circuit open, too many requests had failed`] : []),
    ...(gate === null ? [] : [`${side}: ${gate.inside} of ${gate.limit} places taken, ${gate.waiting} waiting`]),
  ]
}

function matchOf(route: RouteView): string {
  const { methods, host, paths } = route.match
  return [methods?.join(','), host, paths.join(' | ')].filter(part => part !== undefined && part !== null).join(' ')
}

function saidOf({ by, at, reason }: Said): string {
  return `by ${safe(by)} at ${moment(at)}${reason === null ? '' : `: ${safe(reason)}`}`
}

function reasonsOf(route: RouteView): string | null {
  const counts = Object.entries(route.reasons).filter(([, requests]) => requests > 0)
  return counts.length === 0 ? null : counts.map(([reason, requests]) => `${safe(reason)} ${requests}`).join(', ')
}
