// Every Prometheus metric in one list. The data path only adds to plain numbers, bound per route; prom-client writes them
// out when somebody scrapes. Labels come from the configuration and fixed lists, never from traffic.
import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client'
import {
  type Asked,
  DIVERGENCE_KINDS,
  type DivergenceKind,
  SEVERITIES,
  type Severity,
  SHADOW_RESULTS,
  type ShadowResult,
  type UnaskedReason,
} from './model/comparison.ts'
import type { RollbackTrigger } from './model/control.ts'
import { type Exchange, FAILURE_KINDS, type FailureKind, TOKEN_RESULTS } from './model/exchange.ts'
import { LIMITS, NO_ENTRIES, type Note } from './model/note.ts'
import type { RouteId, Side } from './model/route.ts'
import type { Snapshot } from './model/snapshot.ts'
import type { Bytes, Milliseconds } from './model/units.ts'

/** Seconds. Both sides share them, so that their histograms can be laid over each other. */
export const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const OVERHEAD_BUCKETS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1]
const ROLLBACK_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.25, 1]
/** Above this many routes, histograms are kept for all routes together (route="_all") unless asked for. */
const HISTOGRAM_ROUTES = 500
/** What no route and no default matched. */
const NO_ROUTE = '_none'

const SIDES: readonly Side[] = ['legacy', 'new']

export interface Metrics {
  readonly contentType: string
  exchange(exchange: Exchange): void
  note(note: Note): void
  tunnel(route: RouteId, side: Side, change: 1 | -1): void
  rolledBack(routes: readonly RouteId[], trigger: RollbackTrigger, ms: Milliseconds): void
  reloaded(result: 'ok' | 'failed'): void
  /** An eligible request of a shadowed route has ended in its bucket. */
  shadowed(route: RouteId, result: ShadowResult, reason: UnaskedReason | null): void
  /** A side was asked as a shadow. */
  asked(route: RouteId, side: Side, asked: Asked): void
  divergent(route: RouteId, kind: DivergenceKind, severity: Severity): void
  /** Prometheus text, version 0.0.4. */
  text(): Promise<string>
}

export interface MetricsParts {
  readonly version: string
  readonly current: () => Snapshot
  /** Histograms for each route even above 500 of them. */
  readonly perRoute: boolean
  /** Of answers that are held to be compared. */
  readonly heldBytes: () => Bytes
}

export function createMetrics(parts: MetricsParts): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })

  const requests = new Series('banyan_requests_total', 'Client requests by who served them and why', [
    'route',
    'side',
    'reason',
    'code',
  ])
  const requestSeconds = new Timings(
    'banyan_request_duration_seconds',
    'Accept to last byte, as the client saw it',
    ['route', 'side'],
    DURATION_BUCKETS,
  )
  const backendSeconds = new Timings(
    'banyan_backend_request_duration_seconds',
    'Dispatch to the last byte of a backend’s answer',
    ['route', 'side', 'role'],
    DURATION_BUCKETS,
  )
  const overheadSeconds = new Timings(
    'banyan_proxy_overhead_seconds',
    'Accept to the first byte towards a backend',
    ['route'],
    OVERHEAD_BUCKETS,
  )
  const rollbackSeconds = new Timings(
    'banyan_rollback_seconds',
    'Call to in force, by route and trigger',
    ['route', 'trigger'],
    ROLLBACK_BUCKETS,
  )
  const errors = new Series('banyan_backend_errors_total', 'Backend failures by kind', [
    'route',
    'side',
    'role',
    'kind',
  ])
  const tunnels = new Series(
    'banyan_tunnels',
    'Open upgraded connections (WebSockets) and event streams',
    ['route', 'side'],
    'gauge',
  )
  const rollbacks = new Series('banyan_rollbacks_total', 'Rollbacks accepted', ['route', 'trigger'])
  const quirks = new Series('banyan_wire_quirks_total', 'What of backends’ answers is not HTTP/1.1, by side', [
    'side',
    'quirk',
  ])
  const cuts = new Series('banyan_would_have_cut_total', 'Crossings of limits that profile: transparent only reports', [
    'limit',
  ])
  for (const limit of LIMITS) cuts.of([limit])
  const reaped = new Series('banyan_slow_clients_total', 'Clients cut because they were too slow', ['phase'])
  for (const phase of ['silent', 'head', 'body', 'answer']) reaped.of([phase])
  const shed = new Series('banyan_shed_total', 'What was not done, because there was too much', ['what'])
  for (const what of ['keep-alive', 'request', 'connection']) shed.of([what])
  const retries = new Series('banyan_retries_total', 'Second tries of the same side, made or over its budget', [
    'side',
    'result',
  ])
  for (const side of ['legacy', 'new']) for (const result of ['made', 'over_budget']) retries.of([side, result])
  const noEntries = new Series(
    'banyan_no_entry_total',
    'Connections that were closed before any request, by what was wrong: no proper PROXY header of a named peer, plain HTTP where TLS is spoken',
    ['what'],
  )
  for (const what of NO_ENTRIES) noEntries.of([what])
  registry.registerMetric(noEntries as unknown as Metric)
  const tokens = new Series(
    'banyan_tokens_total',
    'Signed pins and links that requests carried, by whether they counted',
    ['route', 'what', 'result'],
  )
  const leaks = new Series(
    'banyan_legacy_leaks_total',
    'Answers of backends that point at their own address, rewritten for the client or not',
    ['route', 'side', 'where'],
  )
  const cacheable = new Series(
    'banyan_shared_cache_answers_total',
    'Answers of backends on split routes that a shared cache may keep, made private for the client or not',
    ['route', 'side'],
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
  for (const metric of [quirks, cuts, reaped, shed, retries]) registry.registerMetric(metric as unknown as Metric)
  const own: readonly Written[] = [
    tokens,
    leaks,
    cacheable,
    requests,
    requestSeconds,
    backendSeconds,
    overheadSeconds,
    rollbackSeconds,
    errors,
    tunnels,
    rollbacks,
    eligible,
    shadows,
    unasked,
    divergences,
  ]
  for (const metric of own) registry.registerMetric(metric as unknown as Metric)

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
  new Gauge({
    name: 'banyan_shadow_held_bytes',
    help: 'Of answers that are held until they are compared; proxy.shadow.memory is the limit',
    registers: [registry],
    collect() {
      this.set(parts.heldBytes())
    },
  })
  new Gauge({
    name: 'banyan_config_revision',
    help: 'Revision in force',
    registers: [registry],
    collect() {
      this.set(parts.current().revision)
    },
  })
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

  /** What one route adds to, found once and kept for as long as the route exists. */
  const bound = new Map<RouteId, Bound>()

  function timedAs(id: RouteId): string {
    return !parts.perRoute && parts.current().plan.routes.length > HISTOGRAM_ROUTES ? '_all' : id
  }

  function boundOf(id: RouteId): Bound {
    let one = bound.get(id)
    if (one === undefined) {
      const timed = timedAs(id)
      one = {
        codes: new Map(),
        overhead: overheadSeconds.of([timed]),
        legacy: sideOf(id, timed, 'legacy'),
        new: sideOf(id, timed, 'new'),
        shadow: null,
      }
      bound.set(id, one)
    }
    return one
  }

  function shadowOf(id: RouteId): BoundShadow {
    const one = boundOf(id)
    one.shadow ??= {
      eligible: eligible.of([id]),
      results: new Map(SHADOW_RESULTS.map(result => [result, shadows.of([id, result])])),
      legacy: backendSeconds.of([timedAs(id), 'legacy', 'shadow']),
      new: backendSeconds.of([timedAs(id), 'new', 'shadow']),
    }
    return one.shadow
  }

  function sideOf(id: RouteId, timed: string, side: Side): BoundSide {
    const kinds = FAILURE_KINDS.map(kind => [kind, errors.of([id, side, 'primary', kind])] as const)
    return {
      request: requestSeconds.of([timed, side]),
      backend: backendSeconds.of([timed, side, 'primary']),
      errors: new Map(kinds),
    }
  }

  /** Series that alerts need start at 0 with the route, and end with it. */
  let prepared: Snapshot['plan'] | null = null
  function prepare(): void {
    const { plan } = parts.current()
    if (plan === prepared) return
    prepared = plan
    const known = new Set([...plan.byId.keys(), NO_ROUTE, ...(plan.fallback === null ? [] : [plan.fallback.id])])
    for (const id of bound.keys()) if (!known.has(id)) bound.delete(id)
    for (const metric of own) metric.keepRoutes(known)
    for (const route of plan.fallback === null ? plan.routes : [...plan.routes, plan.fallback]) {
      boundOf(route.id)
      for (const trigger of ['operator', 'break_glass']) rollbacks.of([route.id, trigger])
      for (const what of [...(route.pin === null ? [] : ['pin']), ...(route.override?.links ? ['link'] : [])]) {
        for (const result of TOKEN_RESULTS) tokens.of([route.id, what, result])
      }
      if (route.shadow !== null) {
        shadowOf(route.id)
        for (const kind of DIVERGENCE_KINDS) {
          for (const severity of SEVERITIES) divergences.of([route.id, kind, severity])
        }
      }
      for (const side of SIDES) {
        if (route.sides[side] === null) continue
        tunnels.of([route.id, side])
        const reason = route.sides.legacy === null || route.sides.new === null ? 'only' : 'weight'
        for (const code of ['2xx', '5xx', 'error']) requests.of([route.id, side, reason, code])
      }
    }
  }

  return {
    contentType: registry.contentType,
    exchange(exchange) {
      const { decision, failure } = exchange
      const one = boundOf(decision?.route.id ?? NO_ROUTE)
      const side = decision?.side ?? 'legacy'
      const reason = decision?.reason ?? 'none'
      const code = codeOf(exchange)
      const key = `${side} ${reason} ${code}`
      let count = one.codes.get(key)
      if (count === undefined) {
        count = requests.of([decision?.route.id ?? NO_ROUTE, decision === null ? 'none' : side, reason, code])
        one.codes.set(key, count)
      }
      count.value++
      if (decision === null) return
      one[side].request.add(exchange.totalMs / 1000)
      if (exchange.backendMs !== null) one[side].backend.add(exchange.backendMs / 1000)
      if (exchange.overheadMs !== null) one.overhead.add(exchange.overheadMs / 1000)
      if (failure !== null) (one[failure.side].errors.get(failure.kind) as Count).value++
    },
    note(note) {
      if (note.kind === 'quirk') quirks.of([note.side, note.quirk]).value++
      else if (note.kind === 'would-cut') cuts.of([note.limit]).value++
      else if (note.kind === 'reaped') reaped.of([note.phase]).value++
      else if (note.kind === 'shed') shed.of([note.what]).value++
      else if (note.kind === 'retry') retries.of([note.side, note.granted ? 'made' : 'over_budget']).value++
      else if (note.kind === 'no-entry') noEntries.of([note.what]).value++
      else if (note.kind === 'token') tokens.of([note.route, note.what, note.result]).value++
      else if (note.kind === 'leak') leaks.of([note.route, note.side, note.where]).value++
      else if (note.kind === 'covered') (boundOf(note.route).new.errors.get(note.failure) as Count).value++
      else if (note.kind === 'shared-cache') cacheable.of([note.route, note.side]).value++
    },
    tunnel(route, side, change) {
      const open = tunnels.of([route, side])
      // One that outlived its route was forgotten with it.
      open.value = Math.max(0, open.value + change)
    },
    rolledBack(routes, trigger, ms) {
      for (const route of routes) {
        rollbacks.of([route, trigger]).value++
      }
      for (const timed of new Set(routes.map(timedAs))) rollbackSeconds.of([timed, trigger]).add(ms / 1000)
    },
    shadowed(route, result, reason) {
      const one = shadowOf(route)
      one.eligible.value++
      ;(one.results.get(result) as Count).value++
      if (reason !== null) unasked.of([route, reason]).value++
    },
    asked(route, side, asked) {
      if (asked.kind === 'answer') shadowOf(route)[side].add(asked.ms / 1000)
      else if (!asked.ours) errors.of([route, side, 'shadow', asked.failure]).value++
    },
    divergent(route, kind, severity) {
      divergences.of([route, kind, severity]).value++
    },
    reloaded(result) {
      reloads.inc({ result })
    },
    text() {
      prepare()
      return registry.metrics()
    },
  }
}

interface Bound {
  readonly codes: Map<string, Count>
  readonly overhead: Timing
  readonly legacy: BoundSide
  readonly new: BoundSide
  /** null: it is not shadowed, or was not yet. */
  shadow: BoundShadow | null
}

interface BoundShadow {
  readonly eligible: Count
  readonly results: ReadonlyMap<ShadowResult, Count>
  /** Questions to that side. */
  readonly legacy: Timing
  readonly new: Timing
}

interface BoundSide {
  readonly request: Timing
  readonly backend: Timing
  readonly errors: ReadonlyMap<FailureKind, Count>
}

const CLASSES = ['error', '1xx', '2xx', '3xx', '4xx', '5xx'] as const

function codeOf(exchange: Exchange): string {
  if (exchange.ending === 'aborted') return 'aborted'
  if (exchange.ending === 'error') return 'error'
  return CLASSES[Math.floor(exchange.status / 100)] ?? 'error'
}

interface Count {
  value: number
}

interface Sample {
  readonly metricName?: string
  readonly value: number
  readonly labels: Record<string, string | number>
}

/** What prom-client's registry asks of a metric. */
interface Written {
  readonly name: string
  get(): Promise<{ name: string; help: string; type: string; values: readonly Sample[]; aggregator: 'sum' }>
  /** Forgets series of routes that are gone; `route` is always the first label. */
  keepRoutes(known: ReadonlySet<string>): void
}

/** A counter or gauge as plain numbers. */
class Series implements Written {
  readonly name: string
  readonly #help: string
  readonly #labels: readonly string[]
  readonly #type: 'counter' | 'gauge'
  readonly #series = new Map<string, { readonly values: readonly string[]; readonly count: Count }>()

  constructor(name: string, help: string, labels: readonly string[], type: 'counter' | 'gauge' = 'counter') {
    this.name = name
    this.#help = help
    this.#labels = labels
    this.#type = type
  }

  of(values: readonly string[]): Count {
    const key = values.join(' ')
    let found = this.#series.get(key)
    if (found === undefined) {
      found = { values, count: { value: 0 } }
      this.#series.set(key, found)
    }
    return found.count
  }

  async get() {
    const values = [...this.#series.values()].map(({ values, count }) => ({
      labels: labelled(this.#labels, values),
      value: count.value,
    }))
    return { name: this.name, help: this.#help, type: this.#type, values, aggregator: 'sum' as const }
  }

  keepRoutes(known: ReadonlySet<string>): void {
    for (const [key, { values }] of this.#series) if (!known.has(values[0] ?? '')) this.#series.delete(key)
  }
}

/** One histogram series: counts per bucket, not yet added up. */
class Timing {
  readonly #bounds: readonly number[]
  readonly counts: number[]
  sum = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.counts = new Array<number>(bounds.length + 1).fill(0)
  }

  add(seconds: number): void {
    const bounds = this.#bounds
    let i = 0
    while (i < bounds.length && seconds > (bounds[i] as number)) i++
    this.counts[i] = (this.counts[i] as number) + 1
    this.sum += seconds
  }
}

/** A histogram as plain numbers. */
class Timings implements Written {
  readonly name: string
  readonly #help: string
  readonly #labels: readonly string[]
  readonly #bounds: readonly number[]
  readonly #series = new Map<string, { readonly values: readonly string[]; readonly timing: Timing }>()

  constructor(name: string, help: string, labels: readonly string[], bounds: readonly number[]) {
    this.name = name
    this.#help = help
    this.#labels = labels
    this.#bounds = bounds
  }

  of(values: readonly string[]): Timing {
    const key = values.join(' ')
    let found = this.#series.get(key)
    if (found === undefined) {
      found = { values, timing: new Timing(this.#bounds) }
      this.#series.set(key, found)
    }
    return found.timing
  }

  async get() {
    const out: Sample[] = []
    for (const { values, timing } of this.#series.values()) {
      const labels = labelled(this.#labels, values)
      let total = 0
      for (const [i, count] of timing.counts.entries()) {
        total += count
        const le = this.#bounds[i] ?? '+Inf'
        out.push({ metricName: `${this.name}_bucket`, labels: { le, ...labels }, value: total })
      }
      out.push({ metricName: `${this.name}_sum`, labels, value: timing.sum })
      out.push({ metricName: `${this.name}_count`, labels, value: total })
    }
    return { name: this.name, help: this.#help, type: 'histogram', values: out, aggregator: 'sum' as const }
  }

  keepRoutes(known: ReadonlySet<string>): void {
    for (const [key, { values }] of this.#series) {
      const route = values[0] ?? ''
      if (!known.has(route) && route !== '_all') this.#series.delete(key)
    }
  }
}

function labelled(names: readonly string[], values: readonly string[]): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [i, name] of names.entries()) out[name] = values[i] ?? ''
  return out
}
