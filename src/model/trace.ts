// The words for traces (W3C Trace Context): where a request stands in one, and the questions to backends that come of it.
import type { Exchange, FailureKind } from './exchange.ts'
import type { Backend, RouteId, Side } from './route.ts'
import type { Milliseconds, Percent } from './units.ts'

/** What a valid `traceparent` says. */
export interface TraceParent {
  /** 32 hex digits. */
  readonly traceId: string
  /** Of whoever asks; 16 hex digits. */
  readonly spanId: string
  readonly isSampled: boolean
  /** Its trace id is drawn at random (Trace Context Level 2). */
  readonly isRandom: boolean
}

/** Which traces are recorded. */
export interface TraceSampling {
  /** Where the request brings a valid `traceparent`, its flag decides. */
  readonly byParent: boolean
  /** Of all others. */
  readonly percent: Percent
}

/** A client's request that is recorded. */
export interface Trace {
  readonly traceId: string
  /** null: the trace begins here. */
  readonly parent: TraceParent | null
  /** Of the client's request. */
  readonly spanId: string
  readonly at: Milliseconds
  readonly scheme: 'http' | 'https'
  /** In force on the route; null: no route matched, or it has none. */
  readonly weight: Percent | null
}

/** `retry`: the same side again; `fallback`: the other side instead. */
export type Attempt = 'first' | 'retry' | 'fallback'

/** One question to a backend, from the decision to ask it to its end. */
export interface Dispatch {
  readonly trace: Trace
  readonly spanId: string
  readonly role: 'primary' | 'shadow'
  readonly attempt: Attempt
  readonly route: RouteId
  readonly side: Side
  readonly backend: Backend
  readonly method: string
  /** `host:port` that was asked; null: none was, or it is not known. */
  readonly address: string | null
  readonly at: Milliseconds
  readonly endedAt: Milliseconds
  /** null: none came. */
  readonly status: number | null
  readonly failure: FailureKind | null
}

export const SPAN_RESULTS = ['exported', 'dropped', 'failed'] as const
/** What became of a span: a collector took it, there was no room for it, or no collector took it. */
export type SpanResult = (typeof SPAN_RESULTS)[number]

/** Where spans go. All calls return at once; none throws. */
export interface Tracing {
  /** Whether the trace is recorded. */
  samples(traceId: string, parent: TraceParent | null): boolean
  /** A client's request is over. */
  exchange(exchange: Exchange): void
  /** A question to a backend is over. */
  dispatched(dispatch: Dispatch): void
}

/** The option, as a process that serves takes it. */
export interface TracesSettings {
  /** URL of OTLP over HTTP. */
  readonly endpoint: string
  /** Sent with each export; values are secrets. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly sampling: TraceSampling
  readonly service: string
}
