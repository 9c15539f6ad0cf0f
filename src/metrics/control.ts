// The metrics of what is decided here and of where it is in force: revision, weights, rollbacks, reloads, workers, replicas; and
// of what became of shadows, which is booked here whichever process asked them.
import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client'
import {
  DIVERGENCE_KINDS,
  type DivergenceKind,
  SEVERITIES,
  type Severity,
  SHADOW_RESULTS,
  type ShadowResult,
  type UnaskedReason,
} from '../model/comparison.ts'
import type { RollbackTrigger } from '../model/control.ts'
import type { RouteId } from '../model/route.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Milliseconds } from '../model/units.ts'
import { Series, Timings, timedAs, type Written } from './series.ts'

/** Seconds. */
const ROLLBACK_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.25, 1]

export interface ControlMetrics {
  rolledBack(routes: readonly RouteId[], trigger: RollbackTrigger, ms: Milliseconds): void
  reloaded(result: 'ok' | 'failed'): void
  /** Eligible requests of a shadowed route have ended in that bucket. */
  shadowed(route: RouteId, result: ShadowResult, reason: UnaskedReason | null, times?: number): void
  divergent(route: RouteId, kind: DivergenceKind, severity: Severity): void
  /** A worker ended that was not asked to, or was ended because it did not answer. */
  workerReplaced(): void
  /** Somebody showed no token, or a wrong one. */
  failedLogin(reason: FailedLogin, throttled: boolean): void
  /** Up to date. */
  registry(): Registry
}

const FAILED_LOGINS = ['absent', 'wrong', 'expired', 'header'] as const
type FailedLogin = (typeof FAILED_LOGINS)[number]

/** Processes or instances by how they stand. */
export type Standing = 'running' | 'pending'

export interface ControlMetricsParts {
  readonly version: string
  readonly current: () => Snapshot
  /** Histograms for each route even above 500 of them. */
  readonly perRoute: boolean
  /** This process serves clients too: process_* and nodejs_* are in those metrics. */
  readonly servesToo: boolean
  readonly workers: () => Readonly<Record<Standing, number>>
  /** This one included; `pending`: it does not run the stored revision. */
  readonly replicas: () => Readonly<Record<Standing, number>>
  /** Replicas whose configuration is not ours. */
  readonly configDiffers: () => number
  readonly store: () => { readonly healthy: boolean; readonly unsaved: number }
}

export function createControlMetrics(parts: ControlMetricsParts): ControlMetrics {
  const registry = new Registry()
  if (!parts.servesToo) collectDefaultMetrics({ register: registry })

  const rollbacks = new Series('banyan_rollbacks_total', 'Rollbacks accepted', ['route', 'trigger'])
  const rollbackSeconds = new Timings(
    'banyan_rollback_seconds',
    'Call to in force, by route and trigger',
    ['route', 'trigger'],
    ROLLBACK_BUCKETS,
  )
  const eligible = new Series('banyan_shadow_eligible_total', 'Requests on shadowed routes, by route', ['route'])
  const shadows = new Series('banyan_shadow_total', 'What became of them; the sum over results is the eligible ones', [
    'route',
    'result',
  ])
  const unasked = new Series('banyan_shadow_unasked_total', 'Why requests were skipped or dropped', ['route', 'reason'])
  const divergences = new Series(
    'banyan_divergences_total',
    'Places at which compared answers diverged; one comparison may have several',
    ['route', 'kind', 'severity'],
  )
  const ofRoutes: readonly Written[] = [rollbacks, rollbackSeconds, eligible, shadows, unasked, divergences]

  const failedLogins = new Series(
    'banyan_admin_failed_logins_total',
    'Calls of the admin API that showed no right to it, by what was wrong and how they were answered',
    ['reason', 'answer'],
  )
  for (const reason of FAILED_LOGINS)
    for (const answer of ['unauthorized', 'throttled']) failedLogins.of([reason, answer])
  const replaced = new Series('banyan_worker_restarts_total', 'Workers that ended or hung, and were replaced', [])
  replaced.of([])
  for (const metric of [...ofRoutes, failedLogins, replaced]) registry.registerMetric(metric as unknown as Metric)

  const reloads = new Counter({
    name: 'banyan_config_reloads_total',
    help: 'Reloads of the configuration',
    labelNames: ['result'],
    registers: [registry],
  })
  reloads.inc({ result: 'ok' }, 0)
  reloads.inc({ result: 'failed' }, 0)
  new Gauge({
    name: 'banyan_build_info',
    help: '1, with what is running as labels',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version: parts.version, node: process.versions.node }, 1)
  gauge('banyan_config_revision', 'Revision in force', () => parts.current().revision)
  gauge('banyan_config_differs', 'Replicas whose configuration is another than ours', () => parts.configDiffers())
  gauge('banyan_store_healthy', '1 unless the last save failed', () => (parts.store().healthy ? 1 : 0))
  gauge('banyan_rollbacks_unsaved', 'Rollbacks in force that the store does not hold yet', () => parts.store().unsaved)
  standing('banyan_workers', 'Processes that serve clients, by whether they answer', () => parts.workers())
  standing('banyan_replicas', 'Instances on this store, by whether they run the stored revision', () =>
    parts.replicas(),
  )
  new Gauge({
    name: 'banyan_route_weight_ratio',
    help: 'Share of users on new: what the file declares, what is desired, what is in force',
    labelNames: ['route', 'kind'],
    registers: [registry],
    collect() {
      this.reset()
      const { plan, splits } = parts.current()
      for (const route of plan.routes) {
        const split = splits[route.index]
        if (split === undefined) continue
        this.set({ route: route.id, kind: 'declared' }, split.declared / 100)
        this.set({ route: route.id, kind: 'desired' }, split.desired / 100)
        this.set({ route: route.id, kind: 'effective' }, split.effective / 100)
      }
    },
  })

  function gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value())
      },
    })
  }

  function standing(name: string, help: string, count: () => Readonly<Record<Standing, number>>): void {
    new Gauge({
      name,
      help,
      labelNames: ['state'],
      registers: [registry],
      collect() {
        const { running, pending } = count()
        this.set({ state: 'running' }, running)
        this.set({ state: 'pending' }, pending)
      },
    })
  }

  /** Series that alerts need start at 0 with the route, and end with it. */
  let prepared: Snapshot['plan'] | null = null
  function prepare(): void {
    const { plan } = parts.current()
    if (plan === prepared) return
    prepared = plan
    const routes = plan.fallback === null ? plan.routes : [...plan.routes, plan.fallback]
    const known = new Set(routes.map(({ id }) => id))
    for (const metric of ofRoutes) metric.keepRoutes(known)
    for (const route of routes) {
      for (const trigger of ['operator', 'break_glass']) rollbacks.of([route.id, trigger])
      if (route.shadow === null) continue
      eligible.of([route.id])
      for (const result of SHADOW_RESULTS) shadows.of([route.id, result])
      for (const kind of DIVERGENCE_KINDS) {
        for (const severity of SEVERITIES) divergences.of([route.id, kind, severity])
      }
    }
  }

  return {
    rolledBack(routes, trigger, ms) {
      for (const route of routes) rollbacks.of([route, trigger]).value++
      const timed = new Set(routes.map(route => timedAs(route, parts.current().plan, parts.perRoute)))
      for (const one of timed) rollbackSeconds.of([one, trigger]).add(ms / 1000)
    },
    shadowed(route, result, reason, times = 1) {
      eligible.of([route]).value += times
      shadows.of([route, result]).value += times
      if (reason !== null) unasked.of([route, reason]).value += times
    },
    divergent(route, kind, severity) {
      divergences.of([route, kind, severity]).value++
    },
    reloaded(result) {
      reloads.inc({ result })
    },
    workerReplaced() {
      replaced.of([]).value++
    },
    failedLogin(reason, throttled) {
      failedLogins.of([reason, throttled ? 'throttled' : 'unauthorized']).value++
    },
    registry() {
      prepare()
      return registry
    },
  }
}
