// Where a request stands in a trace, what backends are told of it, and the questions to them that are followed. Where traces
// are off, the client's own headers go on byte by byte, whatever they are; where they are on, a valid `traceparent` that is not
// recorded does, and a malformed one is none (W3C Trace Context): a trace begins here, and its `tracestate` ends.
import type { Dispatch, Trace, TraceParent } from '../model/trace.ts'
import type { Milliseconds, Percent } from '../model/units.ts'
import type { Outgoing } from '../upstream/sending.ts'
import type { Fields } from '../wire/fields.ts'
import { readTraceparent, writeTraceparent } from '../wire/traceparent.ts'
import type { Accepted } from './accept.ts'
import type { ProxyParts } from './parts.ts'

export interface Begun {
  readonly traceId: string
  /** Ours, where a trace begins here; `''`: the client's goes on. */
  readonly traceparent: string
  /** What the client sent of a trace, `tracestate` too, does not go on. */
  readonly restarts: boolean
  /** null: it is not recorded. */
  readonly trace: Trace | null
  /** What the client sent, if it is one. */
  readonly given: TraceParent | null
}

interface Request {
  readonly fields: Pick<Fields, 'traceparent'>
  readonly at: Milliseconds
  readonly scheme: Trace['scheme']
  readonly weight: Percent | null
}

type Parts = Pick<ProxyParts, 'ids' | 'tracing'>

export function beginTrace({ ids, tracing }: Parts, { fields, at, scheme, weight }: Request): Begun {
  const given = readTraceparent(fields.traceparent)
  const traceId = given?.traceId ?? ids.trace()
  const restarts = tracing !== null && given === null
  const begins = restarts || fields.traceparent === null
  // Whoever follows us is not to record what we have decided not to. Without traces nobody has decided anything.
  const traceparent = begins ? `00-${traceId}-${ids.span()}-${tracing === null ? '01' : '00'}` : ''
  const begun = { traceId, traceparent, restarts, given }
  if (tracing === null || !tracing.samples(traceId, given)) return { ...begun, trace: null }
  return { ...begun, trace: { traceId, parent: given, spanId: ids.span(), at, scheme, weight } }
}

/** The header that a backend gets with a question of ours; `''`: the client's, as it came. */
export function toldBy({ trace, traceparent }: Pick<Accepted, 'trace' | 'traceparent'>, spanId: string): string {
  if (trace === null) return traceparent
  const isRandom = trace.parent?.isRandom ?? false
  return writeTraceparent({ traceId: trace.traceId, spanId, isSampled: true, isRandom })
}

type Asking = Pick<Dispatch, 'role' | 'attempt' | 'route' | 'side' | 'backend'>

export interface Following {
  readonly spanId: string
  over(end: Pick<Dispatch, 'address' | 'status' | 'failure'>): void
}

/** null: the request is not recorded. */
export function beginDispatch(
  { ids, tracing, clock }: Pick<ProxyParts, 'ids' | 'tracing' | 'clock'>,
  { trace, request }: Pick<Accepted, 'trace' | 'request'>,
  asking: Asking,
): Following | null {
  if (tracing === null || trace === null) return null
  const at = clock.monotonic()
  const spanId = ids.span()
  const { method } = request
  return {
    spanId,
    over: end => tracing.dispatched({ ...asking, ...end, trace, spanId, method, at, endedAt: clock.monotonic() }),
  }
}

/** What moved elsewhere before anything was written has asked nobody. */
export function overOf({ over }: Following): Outgoing['over'] {
  return (outcome, address, written) => {
    if (outcome.kind === 'given-up' && !written) return
    over({
      address,
      status: outcome.kind === 'answer' ? outcome.status : null,
      failure: outcome.kind === 'failure' ? outcome.failure : null,
    })
  }
}
