// What each operation does: parsed input → control or read model → answer. No HTTP in here.
import { createHash, randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import type { Control } from '../control/control.ts'
import { rollbackId } from '../control/control.ts'
import type { Report } from '../doctor/doctor.ts'
import type { Receiver } from '../fleet/receive.ts'
import type { Inventory } from '../inventory/sketch.ts'
import { type Actor, type AuditEntry, isInForce, type Rollback, type Token } from '../model/control.ts'
import { BanyanError, type Mistake } from '../model/errors.ts'
import type { RequestHead } from '../model/exchange.ts'
import type { Backend, Route, RouteId } from '../model/route.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Clock, EpochMs } from '../model/units.ts'
import { ROLLBACK_SPREAD_MS } from '../proxy/spread.ts'
import type { RouteTraffic } from '../traffic.ts'
import { type Caller, createSecret, hashOf, requireScope } from './access.ts'
import type { OperationName, Status } from './api.ts'
import { aboutRoute, readAudit } from './audit.ts'
import { type ChartFace, createChartHandlers } from './charts.ts'
import { createDivergenceHandlers, type ShadowFace } from './divergences.ts'
import { effective } from './effective.ts'
import { previewOf } from './preview.ts'
import { lookedAt, routeOf } from './route-of.ts'
import { describeCaller } from './scopes.ts'
import { createUserHandlers } from './users.ts'
import {
  type BackendHealth,
  type LastDecisions,
  type Seen,
  seenNow,
  shortDefault,
  shortRoute,
  viewRollback,
  viewRoute,
} from './views.ts'

export interface ConfigChange {
  readonly path: string
  readonly before: string | null
  readonly after: string | null
}

/** What the rest of the house hands to the API. */
export interface AdminParts {
  readonly control: Control
  readonly current: () => Snapshot
  /** Asks those that serve for what they have seen; what follows is of now. */
  readonly look: () => Promise<void>
  /** As it was looked at last. */
  readonly traffic: () => (route: RouteId) => RouteTraffic
  readonly workers: () => Readonly<Status['workers']>
  readonly replicas: () => Status['replicas']
  /** Of what peers bring, where they come in here; null: they do not. */
  readonly receiver: Receiver | null
  readonly inventory: () => Inventory
  readonly shadow: ShadowFace
  /** What operators did last about a route. */
  readonly decided: () => (route: Route) => LastDecisions
  readonly charts: ChartFace
  readonly clock: Clock
  readonly audit: {
    page(page: { readonly limit: number; readonly before: number | null }): Promise<readonly AuditEntry[]>
    verify(): Promise<{ readonly ok: boolean; readonly entries: number; readonly brokenAt: number | null }>
  }
  readonly config: {
    /** In force, as JSON, secrets as `***`. */
    shown(): unknown
    file(): string | null
    /** null: the file as it is now. */
    check(
      text: string | null,
    ): Promise<{ readonly mistakes: readonly Mistake[]; readonly changes: readonly ConfigChange[] }>
    reload(
      actor: Actor,
      reason: string | null,
    ): Promise<{
      readonly outcome: Awaited<ReturnType<Control['apply']>>
      readonly changes: readonly ConfigChange[]
      readonly warnings: readonly Mistake[]
    }>
  }
  /** The parts of the status that are about the process. */
  readonly process: () => Omit<
    Status,
    'product' | 'revision' | 'workers' | 'replicas' | 'rollbacks' | 'routes' | 'default'
  >
  /** What was seen of this deployment; `routes`: all that the asker may see, null: everything. */
  readonly doctor: (routes: ReadonlySet<RouteId> | null) => Promise<Report>
  readonly newSeed: () => string
  /** Where clients reach the proxy. */
  readonly proxyUrl: () => string
  /** How backends are right now. */
  readonly health: () => (backend: Backend) => BackendHealth
}

export interface Call {
  readonly caller: Caller
  readonly actor: Actor
  readonly params: Readonly<Record<string, string>>
  // Checked by the operation's schema before it comes here.
  // biome-ignore lint/suspicious/noExplicitAny: the schema says what it is
  readonly query: any
  // biome-ignore lint/suspicious/noExplicitAny: the schema says what it is
  readonly body: any
  /** From If-Match. */
  readonly ifRevision: number | null
  /** From X-Banyan-Forward-Authorization, for `replay`. */
  readonly forwardAuthorization: string | null
}

export type Handler = (call: Call) => unknown

/** The rest is the server's own. */
export type Handled = Exclude<OperationName, 'events' | 'openapi' | 'signIn' | 'signOut'>

export interface HandlerParts extends AdminParts {
  /** When a token was last shown to this process. */
  readonly lastUsed: (tokenId: string) => EpochMs | null
}

export function createHandlers(parts: HandlerParts): Readonly<Record<Handled, Handler>> {
  const { control } = parts

  function seen(warnings: Status['warnings'] = []): Seen {
    return seenNow(parts, warnings)
  }

  function visible(call: Call) {
    return control.plan().routes.filter(route => call.caller.routes?.has(route.id) ?? true)
  }

  function shows(call: Call, route: RouteId | null): boolean {
    return route !== null && (call.caller.routes?.has(route) ?? true)
  }

  /** Of a rollback, what concerns the caller's routes. */
  function visibleRollback(call: Call, rollback: Rollback) {
    if (call.caller.routes === null) return [viewRollback(rollback)]
    const own = new Set(visible(call).flatMap(route => [route.unit, route.id]))
    const restored = rollback.restored.filter(unit => own.has(unit))
    if (rollback.units === '*') return [viewRollback({ ...rollback, restored })]
    const units = rollback.units.filter(unit => own.has(unit))
    return units.length === 0 ? [] : [viewRollback({ ...rollback, units, restored })]
  }

  function said(call: Call) {
    return { actor: call.actor, reason: (call.body?.reason ?? call.query?.reason ?? null) as string | null }
  }

  function conditions(call: Call) {
    return call.ifRevision === null ? {} : { ifRevision: call.ifRevision }
  }

  async function rollBack(call: Call, route: RouteId | null) {
    const id = rollbackId()
    const outcome = await control.apply({ type: 'rollback', id, route, trigger: 'operator', ...said(call) })
    const plan = control.plan()
    const unit = route === null ? null : (plan.byId.get(route)?.unit ?? null)
    const concerned = plan.routes.filter(one => unit === null || one.unit === unit)
    const reached = concerned.filter(one => one.sides.legacy !== null)
    const { rollbackTunnels } = plan
    const trafficOf = parts.traffic()
    return {
      ...outcome.applied,
      rollback: outcome.rollback?.id ?? id,
      standing: outcome.change === null ? standingOf(outcome.rollback) : null,
      routes: reached.map(one => one.id),
      tunnels: {
        open: reached.reduce((sum, one) => sum + trafficOf(one.id).tunnels.new, 0),
        overMs: rollbackTunnels === 'all' ? ROLLBACK_SPREAD_MS : rollbackTunnels,
      },
      skipped: concerned
        .filter(one => one.sides.legacy === null)
        .map(one => ({ route: one.id, why: 'it has no legacy side' })),
    }
  }

  async function restore(call: Call, route: RouteId | null) {
    const rollbacks = (call.body.rollbacks ?? null) as string[] | null
    const percent = (call.body.percent ?? null) as number | null
    const { applied, change } = await control.apply({
      type: 'restore',
      route,
      rollbacks,
      percent,
      ...said(call),
      ...conditions(call),
    })
    const found = route === null ? undefined : control.plan().byId.get(route)
    const remaining = control.state().rollbacks.filter(one => found === undefined || isInForce(one, found))
    const ended = (change?.after as { ended?: string[] } | undefined)?.ended ?? []
    return { ...applied, ended, remaining: remaining.map(one => one.id) }
  }

  function preview(call: Call, route: Route | null) {
    const { action, percent = null, rollbacks = null } = call.body
    const scope = action === 'rollback' ? 'rollback' : 'operate'
    const mayDo = () => requireScope(call.caller, scope, route?.id ?? null, control.plan())
    const asked = { action, route, percent, rollbacks, ifRevision: call.ifRevision, actor: call.actor, mayDo }
    return previewOf(asked, seen(), one => shows(call, one.id))
  }

  return {
    ...createUserHandlers({ control, current: parts.current, clock: parts.clock, proxyUrl: parts.proxyUrl, said }),
    ...createDivergenceHandlers({ control, clock: parts.clock, shadow: parts.shadow, said }),
    ...createChartHandlers({ control, clock: parts.clock, charts: parts.charts, audit: parts.audit.page }),
    status(call) {
      const own = parts.process()
      const now = seen(own.warnings)
      const { state } = now
      const { fallback } = now.plan
      const status: Status = {
        product: 'banyan',
        ...own,
        warnings: own.warnings.filter(one => call.caller.routes === null || shows(call, one.route)),
        revision: state.revision,
        workers: [...parts.workers()],
        replicas: parts.replicas(),
        rollbacks: state.rollbacks.flatMap(rollback => visibleRollback(call, rollback)),
        routes: visible(call).map(route => shortRoute(route, now)),
        default: fallback === null || call.caller.routes !== null ? null : shortDefault(fallback, now),
      }
      return status
    },
    routes(call) {
      const now = seen()
      return { revision: control.state().revision, routes: visible(call).map(route => viewRoute(route, now)) }
    },
    route(call) {
      return viewRoute(lookedAt(control, call.params.id), seen())
    },
    async setWeight(call) {
      const { percent } = call.body as { percent: number }
      const route = call.params.id as RouteId
      return (await control.apply({ type: 'set-weight', route, percent, ...said(call), ...conditions(call) })).applied
    },
    async unsetWeight(call) {
      const route = call.params.id as RouteId
      return (await control.apply({ type: 'unset-weight', route, ...said(call), ...conditions(call) })).applied
    },
    async freeze(call) {
      const route = call.params.id as RouteId
      return (await control.apply({ type: 'freeze', route, ...said(call), ...conditions(call) })).applied
    },
    async unfreeze(call) {
      const route = call.params.id as RouteId
      return (await control.apply({ type: 'unfreeze', route, ...said(call), ...conditions(call) })).applied
    },
    rollback: call => rollBack(call, call.params.id as RouteId),
    rollbackAll: call => rollBack(call, null),
    restore: call => restore(call, call.params.id as RouteId),
    restoreAll: call => restore(call, null),
    preview: call => preview(call, routeOf(control, call)),
    previewAll: call => preview(call, null),
    explain(call) {
      const head = headOf(call.body)
      const found = parts.current().explain(head)
      const { fallback } = control.plan()
      if (found === null) return explainUnmatched(fallback)
      const { route, explained } = found
      requireScope(call.caller, 'read', route.id, control.plan())
      const split = seen().snapshot.splits[route.index]
      return {
        route: route.id,
        side: explained.side,
        backend: explained.side === null ? null : (route.sides[explained.side]?.origins.join(', ') ?? null),
        reason: explained.reason,
        why: explained.why,
        unit: route.unit,
        key:
          explained.key === null
            ? null
            : {
                from: explained.key.from,
                hashed: createHash('sha256').update(explained.key.value).digest('hex').slice(0, 8),
              },
        bucket: explained.percentile,
        weight:
          split === undefined ? null : { declared: split.declared, desired: split.desired, effective: split.effective },
        considered: explained.considered,
        alsoAsked: [],
      }
    },
    doctor: call => parts.doctor(call.caller.routes),
    inventory: () => parts.inventory(),
    audit(call) {
      const { limit, before = null, route = null } = call.query
      requireScope(call.caller, 'read', route, control.plan())
      const concerns = route === null ? null : aboutRoute(route, control.plan(), call.caller.routes !== null)
      return readAudit(parts.audit.page, { limit, before, concerns })
    },
    auditVerify: () => parts.audit.verify(),
    config(call) {
      const state = control.state()
      const shown = parts.config.shown()
      const found =
        call.query.effective === 'true'
          ? effective(shown, { plan: control.plan(), state, snapshot: parts.current(), now: parts.clock.now() })
          : { config: shown, inForce: null }
      return { file: parts.config.file(), revision: state.revision, ...found }
    },
    async configCheck(call) {
      const { mistakes, changes } = await parts.config.check(call.body.text ?? null)
      return { ok: !mistakes.some(mistake => mistake.level === 'error'), mistakes, changes }
    },
    async configReload(call) {
      const { outcome, changes, warnings } = await parts.config.reload(call.actor, said(call).reason)
      return { ...outcome.applied, instance: parts.process().instance, changes, warnings }
    },
    session: call => ({ ...describeCaller(call.caller), page: null }),
    tokens: () => ({ tokens: control.state().tokens.map(token => viewToken(token, parts.lastUsed(token.id))) }),
    async createToken(call) {
      const { name, scopes, routes, expiresInSeconds } = call.body
      const secret = createSecret()
      const now = parts.clock.now()
      const token: Token = {
        id: `tok-${randomBytes(5).toString('hex')}`,
        name,
        hash: hashOf(secret),
        scopes,
        routes,
        createdAt: now,
        expiresAt: expiresInSeconds === null ? null : now + expiresInSeconds * 1000,
      }
      const { applied } = await control.apply({ type: 'create-token', token, ...said(call) })
      return { ...applied, token: viewToken(token, null), secret }
    },
    async revokeToken(call) {
      return (await control.apply({ type: 'revoke-token', id: call.params.id as string, ...said(call) })).applied
    },
    async rotateSeed(call) {
      const command = { type: 'rotate-seed' as const, seed: parts.newSeed(), ...said(call), ...conditions(call) }
      return (await control.apply(command)).applied
    },
  }
}

function viewToken(token: Token, lastUsedAt: EpochMs | null) {
  const { hash: _, ...shown } = token
  return { ...shown, lastUsedAt }
}

/** What a client would have sent, from what a person typed. */
function headOf(body: {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly address: string
}): RequestHead {
  const headers: string[] = []
  for (const [name, values] of Object.entries(body.headers)) {
    for (const value of typeof values === 'string' ? [values] : values) headers.push(name, value)
  }
  const whole = /^https?:\/\/([^/?#]*)(.*)$/i.exec(body.url)
  const rest = (whole?.[2] ?? body.url).replace(/#.*$/s, '')
  const target = whole !== null && !rest.startsWith('/') ? `/${rest}` : rest
  const hostAt = headers.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === 'host')
  const host = whole?.[1] ?? (hostAt === -1 ? '' : (headers[hostAt + 1] as string))
  if (!target.startsWith('/')) {
    throw new BanyanError('invalid', `${JSON.stringify(body.url)} is neither a path nor a URL`, {
      hint: '/orders/5 or http://host/orders/5',
      details: { errors: [{ pointer: '/url', message: 'must begin with / or http://' }] },
    })
  }
  if (isIP(body.address) === 0) {
    throw new BanyanError('invalid', `${JSON.stringify(body.address)} is not an address`, {
      hint: 'as 192.0.2.7 or 2001:db8::7',
      details: { errors: [{ pointer: '/address', message: 'an IPv4 or IPv6 address' }] },
    })
  }
  return {
    method: body.method,
    target,
    host: host.replace(/\.?(:\d+)?$/, '').toLowerCase(),
    headers,
    address: body.address,
  }
}

function standingOf(rollback: Rollback | null) {
  return rollback === null ? null : { at: rollback.at, by: rollback.by, reason: rollback.reason }
}

function explainUnmatched(
  fallback: {
    readonly id: string
    readonly sides: { readonly legacy: { readonly origins: readonly string[] } | null }
  } | null,
) {
  return {
    route: null,
    side: fallback === null ? null : ('legacy' as const),
    backend: fallback?.sides.legacy?.origins.join(', ') ?? null,
    reason: fallback === null ? 'no_route' : 'only',
    why:
      fallback === null
        ? 'no route matches, and there is no default backend: 404'
        : 'no route matches: the default backend',
    unit: null,
    key: null,
    bucket: null,
    weight: null,
    considered: [],
    alsoAsked: [],
  }
}
