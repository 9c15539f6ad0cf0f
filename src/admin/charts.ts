// What the API answers to those who draw charts: figures over time with markers from the audit log, and calls per day.
import type { Burndown, Charts } from '../charts/charts.ts'
import type { Control } from '../control/control.ts'
import type { AuditEntry } from '../model/control.ts'
import type { Route, RouteId } from '../model/route.ts'
import type { Plan } from '../model/snapshot.ts'
import type { Clock, EpochMs } from '../model/units.ts'
import { requireScope } from './access.ts'
import type { BurndownView, ChartCall, HistoryView } from './api-charts.ts'
import { aboutRoute } from './audit.ts'
import type { Handler } from './handlers.ts'
import { lookedAt } from './route-of.ts'

export type ChartFace = Pick<Charts, 'history' | 'burndown'>

export interface ChartParts {
  readonly control: Control
  readonly clock: Clock
  readonly charts: ChartFace
  readonly audit: (page: { readonly limit: number; readonly before: number | null }) => Promise<readonly AuditEntry[]>
}

const PAGE = 200
/** Of the audit log: who changes more than that in a day sees the latest. */
const MOST_PAGES = 10
const MOST_MARKERS = 200

export function createChartHandlers(parts: ChartParts): Readonly<Record<ChartCall, Handler>> {
  const { control, clock, charts } = parts

  return {
    async history(call): Promise<HistoryView> {
      const route = lookedAt(control, call.params.id)
      const { sides, ...figures } = charts.history(route.id, call.query.span)
      const side = (name: 'legacy' | 'new') => {
        const { requests, errors, p50Ms, p95Ms } = sides[name]
        if (route.sides[name] === null) return null
        return { requests: [...requests], errors: [...errors], p50Ms: [...p50Ms], p95Ms: [...p95Ms] }
      }
      return {
        route: route.id,
        kept: figures.kept,
        stepMs: figures.stepMs,
        from: figures.from,
        since: figures.since,
        sides: { legacy: side('legacy'), new: side('new') },
        effective: [...figures.effective],
        observed: [...figures.observed],
        compared: [...figures.compared],
        matching: [...figures.matching],
        markers: await markersOf(parts, route, figures.from, call.caller.routes !== null),
      }
    },
    async burndown(call): Promise<BurndownView> {
      const plan = control.plan()
      const asked = call.query.route === undefined ? null : lookedAt(control, call.query.route).id
      if (asked !== null) requireScope(call.caller, 'read', asked, plan)
      const { routes } = call.caller
      const { since, days }: Burndown = await charts.burndown({
        days: call.query.days,
        shows: route => (asked === null ? (routes?.has(route) ?? true) : route === asked),
        unitOf: route => plan.byId.get(route)?.unit ?? route,
      })
      return { at: clock.now(), since, route: asked, days: [...days] }
    },
  }
}

async function markersOf(
  { audit, control }: ChartParts,
  route: Route,
  from: EpochMs,
  limited: boolean,
): Promise<HistoryView['markers']> {
  const found: HistoryView['markers'] = []
  const plan = control.plan()
  // What a reload says is of other routes as well.
  const isShown = aboutRoute(route.id, plan, limited)
  let before: number | null = null
  for (let page = 0; page < MOST_PAGES; page++) {
    // Without the store there are charts all the same.
    const entries: readonly AuditEntry[] = await audit({ limit: PAGE, before }).catch(() => [])
    for (const entry of entries) {
      if (entry.at < from || found.length >= MOST_MARKERS || !isShown(entry)) continue
      const what = concerns(entry, route, plan) ? textOf(entry) : null
      if (what === null) continue
      const { at, action, actor, reason, revision } = entry
      found.push({ at, action, by: actor.name, text: reason === null ? what : `${what}: ${reason}`, revision })
    }
    const oldest = entries.at(-1)
    if (oldest === undefined || entries.length < PAGE || oldest.at < from || found.length >= MOST_MARKERS) break
    before = oldest.seq
  }
  return found.reverse()
}

function concerns(entry: AuditEntry, route: Route, plan: Plan): boolean {
  if (entry.action === 'reload') return isReloaded(entry, route)
  if (route.sides.legacy === null || route.sides.new === null) return false
  const { subject } = entry
  return subject === '*' || subject === route.unit || unitOf(subject, plan) === route.unit
}

function unitOf(subject: RouteId, plan: Plan): string | null {
  return plan.byId.get(subject)?.unit ?? null
}

/** Only changes of other routes and backends do not. */
function isReloaded({ after }: AuditEntry, route: Route): boolean {
  const { paths, changes } = after as { readonly paths: readonly string[]; readonly changes: number }
  const backends = [route.sides.legacy?.name, route.sides.new?.name]
  const isOurs = (path: string) => {
    const [, place, name = ''] = path.split('/')
    return place === 'routes' ? name === route.id : place === 'backends' ? backends.includes(name) : true
  }
  return changes > paths.length || paths.some(isOurs)
}

/** null: it is no marker. */
function textOf({ action, before, after, subject }: AuditEntry): string | null {
  const weight = (of: unknown) => {
    const percent = (of as { readonly weight?: number | null } | null)?.weight ?? null
    return percent === null ? 'as in the file' : `${percent} %`
  }
  const everything = subject === '*' ? 'everything ' : ''
  switch (action) {
    case 'set-weight':
    case 'unset-weight':
      return `weight ${weight(before)} → ${weight(after)}`
    case 'rollback':
      return `${everything}rolled back`
    case 'restore': {
      const percent = (after as { readonly percent?: number | null }).percent ?? null
      return `${everything}restored${percent === null ? '' : `, weight ${percent} %`}`
    }
    case 'freeze':
      return 'frozen'
    case 'unfreeze':
      return 'unfrozen'
    case 'rotate-seed':
      return 'users are drawn anew'
    case 'reload': {
      const { paths, changes } = after as { readonly paths: readonly string[]; readonly changes: number }
      const more = changes > paths.length ? ` and ${changes - paths.length} more` : ''
      return `reloaded: ${paths.slice(0, 3).join(', ')}${paths.length > 3 ? ', …' : more}`
    }
    default:
      return null
  }
}
