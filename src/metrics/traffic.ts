// The metrics of a process that serves clients: an Observer. What it adds to is bound per route.
import { collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client'
import type { Asked } from '../model/comparison.ts'
import { type Exchange, FAILURE_KINDS, type FailureKind, TOKEN_RESULTS } from '../model/exchange.ts'
import { LIMITS, NO_ENTRIES, type Note } from '../model/note.ts'
import type { RouteId, Side } from '../model/route.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { SPAN_RESULTS, type SpanResult } from '../model/trace.ts'
import type { Bytes } from '../model/units.ts'
import { type Count, Series, type Timing, Timings, timedAs, type Written } from './series.ts'

/** Seconds. Both sides share them, so that their histograms can be laid over each other. */
export const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const OVERHEAD_BUCKETS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1]
/** What no route and no default matched. */
const NO_ROUTE = '_none'

const SIDES: readonly Side[] = ['legacy', 'new']

export interface TrafficMetrics {
  exchange(exchange: Exchange): void
  note(note: Note): void
  tunnel(route: RouteId, side: Side, change: 1 | -1): void
  /** A side was asked as a shadow. */
  asked(route: RouteId, side: Side, asked: Asked): void
  /** So many spans of traces have ended so. */
  spans(result: SpanResult, times: number): void
  /** Up to date. */
  registry(): Registry
}

export interface TrafficMetricsParts {
  readonly current: () => Snapshot
  /** Histograms for each route even above 500 of them. */
  readonly perRoute: boolean
  /** Of answers that are held to be compared. */
  readonly heldBytes: () => Bytes
}

export function createTrafficMetrics(parts: TrafficMetricsParts): TrafficMetrics {
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
  const spans = new Series('banyan_spans_total', 'Spans of traces by what became of them (telemetry.traces)', [
    'result',
  ])
  for (const result of SPAN_RESULTS) spans.of([result])
  registry.registerMetric(spans as unknown as Metric)
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
  for (const metric of [quirks, cuts, reaped, shed, retries]) registry.registerMetric(metric as unknown as Metric)
  const own: readonly Written[] = [
    tokens,
    leaks,
    cacheable,
    requests,
    requestSeconds,
    backendSeconds,
    overheadSeconds,
    errors,
    tunnels,
  ]
  for (const metric of own) registry.registerMetric(metric as unknown as Metric)

  new Gauge({
    name: 'banyan_shadow_held_bytes',
    help: 'Of answers that are held until they are compared; proxy.shadow.memory is the limit',
    registers: [registry],
    collect() {
      this.set(parts.heldBytes())
    },
  })
  /** What one route adds to, found once and kept for as long as the route exists. */
  const bound = new Map<RouteId, Bound>()

  function timed(id: RouteId): string {
    return timedAs(id, parts.current().plan, parts.perRoute)
  }

  function boundOf(id: RouteId): Bound {
    let one = bound.get(id)
    if (one === undefined) {
      const as = timed(id)
      one = {
        codes: new Map(),
        overhead: overheadSeconds.of([as]),
        legacy: sideOf(id, as, 'legacy'),
        new: sideOf(id, as, 'new'),
        shadow: null,
      }
      bound.set(id, one)
    }
    return one
  }

  function shadowOf(id: RouteId): BoundShadow {
    const one = boundOf(id)
    one.shadow ??= {
      legacy: backendSeconds.of([timed(id), 'legacy', 'shadow']),
      new: backendSeconds.of([timed(id), 'new', 'shadow']),
    }
    return one.shadow
  }

  function sideOf(id: RouteId, as: string, side: Side): BoundSide {
    const kinds = FAILURE_KINDS.map(kind => [kind, errors.of([id, side, 'primary', kind])] as const)
    return {
      request: requestSeconds.of([as, side]),
      backend: backendSeconds.of([as, side, 'primary']),
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
      for (const what of [...(route.pin === null ? [] : ['pin']), ...(route.override?.links ? ['link'] : [])]) {
        for (const result of TOKEN_RESULTS) tokens.of([route.id, what, result])
      }
      if (route.shadow !== null) shadowOf(route.id)
      for (const side of SIDES) {
        if (route.sides[side] === null) continue
        tunnels.of([route.id, side])
        const reason = route.sides.legacy === null || route.sides.new === null ? 'only' : 'weight'
        for (const code of ['2xx', '5xx', 'error']) requests.of([route.id, side, reason, code])
      }
    }
  }

  return {
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
    asked(route, side, asked) {
      if (asked.kind === 'answer') shadowOf(route)[side].add(asked.ms / 1000)
      else if (!asked.ours) errors.of([route, side, 'shadow', asked.failure]).value++
    },
    spans(result, times) {
      spans.of([result]).value += times
    },
    registry() {
      prepare()
      return registry
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
