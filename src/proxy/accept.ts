// From a request's head to a decision: checks what its framing alone does not forbid, finds out who asks, matches, decides.
import type { Decision, RequestHead } from '../model/exchange.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Trace } from '../model/trace.ts'
import type { Milliseconds } from '../model/units.ts'
import type { Request } from '../wire/head.ts'
import type { Forwarded } from './client.ts'
import type { ProxyParts } from './parts.ts'
import { beginTrace } from './tracing.ts'

/** A request that somebody will serve. */
export interface Accepted {
  readonly at: Milliseconds
  readonly id: string
  readonly traceId: string
  /** Ours, where a trace begins here; `''`: the client's goes on. */
  readonly traceparent: string
  /** What the client sent of a trace, `tracestate` too, does not go on. */
  readonly restartsTrace: boolean
  /** null: it is not recorded. */
  readonly trace: Trace | null
  readonly snapshot: Snapshot
  readonly head: RequestHead
  readonly request: Request
  readonly forwarded: Forwarded
  readonly decision: Decision
}

/** A request that nobody will serve; `code` is one of `proxy/respond`. */
export interface Refused {
  readonly refused: string
  readonly detail: string
  readonly id: string
  readonly traceId: string | null
  readonly trace: Trace | null
  readonly method: string
  readonly address: string
}

/** `forwardedBy` says who asks, once the head is known to be sane. */
export function accept(
  parts: ProxyParts,
  request: Request,
  secure: boolean,
  forwardedBy: (snapshot: Snapshot) => Forwarded,
): Accepted | Refused {
  const at = parts.clock.monotonic()
  const id = parts.ids.exchange()
  const snapshot = parts.current()
  const { fields, method } = request
  const forwarded = forwardedBy(snapshot)
  const refuse = ({ refused, detail }: Wrong): Refused => {
    const { trace, given } = beginTrace(parts, { fields, at, scheme: forwarded.proto, weight: null })
    const traceId = trace?.traceId ?? given?.traceId ?? null
    return { refused, detail, id, traceId, trace, method, address: forwarded.client }
  }
  const target = originForm(request, secure)
  if (typeof target !== 'string') return refuse(target)
  const long = overLimits(parts, snapshot, request)
  if (long !== null) return refuse(long)
  // A client, or another proxy, may have put a mark in front of ours.
  if (fields.loopMark?.includes(parts.loopMark)) {
    return refuse({
      refused: 'loop',
      detail: 'this request already passed here: a backend’s address is our own listener',
    })
  }
  if (fields.forwards && !forwarded.trusted && !forwarded.introduced) parts.unnamedForwarder(forwarded.peer)
  const head: RequestHead = {
    method,
    target,
    host: hostName(fields.host ?? ''),
    headers: fields.list,
    address: forwarded.client,
  }
  const decision = snapshot.decide(head)
  if (decision === null)
    return refuse({ refused: 'no_route', detail: 'no route matches, and there is no default backend' })
  if (decision === 'reject') {
    return refuse({ refused: 'ambiguous_path', detail: 'the path as sent and as normalised take different routes' })
  }
  if (decision.heard !== null) {
    for (const { what, result } of decision.heard) parts.note({ kind: 'token', route: decision.route.id, what, result })
  }
  const weight = snapshot.splits[decision.route.index]?.effective ?? null
  const begun = beginTrace(parts, { fields, at, scheme: forwarded.proto, weight })
  const { traceId, traceparent, restarts: restartsTrace, trace } = begun
  return { at, id, traceId, traceparent, restartsTrace, trace, snapshot, head, request, forwarded, decision }
}

interface Wrong {
  readonly refused: string
  readonly detail: string
}

function overLimits(parts: ProxyParts, { plan }: Snapshot, { target, fields }: Request): Wrong | null {
  const { limits, profile } = plan
  if (target.length > limits.targetBytes) {
    if (profile === 'standard')
      return { refused: 'target_too_long', detail: `the target is longer than ${limits.targetBytes} bytes` }
    parts.note({ kind: 'would-cut', limit: 'target' })
  }
  if (fields.known.length > limits.fields) {
    if (profile === 'standard')
      return { refused: 'too_many_fields', detail: `more than ${limits.fields} header fields` }
    parts.note({ kind: 'would-cut', limit: 'fields' })
  }
  const { bodyBytes } = limits
  if (bodyBytes !== null && fields.length > bodyBytes) {
    if (profile === 'standard')
      return { refused: 'body_too_large', detail: `the body is longer than ${bodyBytes} bytes` }
    parts.note({ kind: 'would-cut', limit: 'body' })
  }
  return null
}

/** RFC 9112, 3.2: `http://host/path` → `/path`; everything else stays byte for byte. */
function originForm({ method, target, fields }: Request, secure: boolean): string | Wrong {
  if (method === 'CONNECT') return { refused: 'method_refused', detail: 'CONNECT is not forwarded' }
  if (target.charCodeAt(0) === 0x2f) return target
  if (target === '*') {
    return method === 'OPTIONS' ? target : { refused: 'bad_request', detail: '* is a target of OPTIONS only' }
  }
  const [whole, scheme, authority] = /^(https?):\/\/([^/?#]*)/i.exec(target) ?? []
  if (whole === undefined || scheme === undefined || authority === undefined || authority === '') {
    return { refused: 'bad_request', detail: 'the request target is neither a path nor a URL' }
  }
  if (plainAuthority(authority, secure) !== plainAuthority(fields.host ?? '', secure)) {
    return { refused: 'host_mismatch', detail: 'the target’s authority is not the Host' }
  }
  const rest = target.slice(whole.length)
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** In lower case, and without the port that is meant anyway. */
function plainAuthority(authority: string, secure: boolean): string {
  return authority.toLowerCase().replace(secure ? /:443$/ : /:80$/, '')
}

function hostName(host: string): string {
  const colon = host.lastIndexOf(':')
  const name = colon > host.lastIndexOf(']') ? host.slice(0, colon) : host
  // With the dot of the root behind it, it is the same name.
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase()
}
