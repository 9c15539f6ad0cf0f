// The first steps of a request: is it well formed, whose is it, which route, which side. Reads the snapshot once.
import type { IncomingMessage } from 'node:http'
import type { Decision, RequestHead } from '../model/exchange.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Milliseconds } from '../model/units.ts'
import { forwardedOf } from './client.ts'
import { type Facts, type Forwarded, readFacts } from './headers.ts'
import type { ProxyParts } from './parts.ts'

/** A request that somebody will serve. */
export interface Accepted {
  readonly at: Milliseconds
  readonly id: string
  readonly traceId: string
  /** Ours, for a client that sent none; `''` when it did. */
  readonly traceparent: string
  readonly snapshot: Snapshot
  readonly head: RequestHead
  readonly facts: Facts
  readonly forwarded: Forwarded
  readonly decision: Decision
}

/** A request that nobody will serve; `code` is one of `proxy/respond`. */
export interface Refused {
  readonly refused: string
  readonly detail: string
  readonly id: string
}

export function accept(parts: ProxyParts, req: IncomingMessage): Accepted | Refused {
  const at = parts.clock.monotonic()
  const id = parts.ids.exchange()
  const snapshot = parts.current()
  const facts = readFacts(req.rawHeaders)
  const wrong = malformed(req, facts)
  if (wrong !== null) return { ...wrong, id }
  if (facts.loopMark === parts.loopMark) {
    return { refused: 'loop', detail: 'this request already passed here: a backend’s address is our own listener', id }
  }
  const forwarded = forwardedOf(req.socket, req.rawHeaders, snapshot.plan.clientIp)
  if (facts.forwards && !forwarded.trusted) parts.unnamedForwarder(forwarded.peer)
  const head: RequestHead = {
    method: req.method ?? 'GET',
    target: originForm(req.url ?? '/'),
    host: hostName(facts.host ?? ''),
    headers: req.rawHeaders,
    address: forwarded.client,
  }
  const decision = snapshot.decide(head)
  if (decision === null) return { refused: 'no_route', detail: 'no route matches, and there is no default backend', id }
  if (decision === 'reject') {
    return { refused: 'ambiguous_path', detail: 'the path as sent and as normalised take different routes', id }
  }
  const given = traceOf(facts.traceparent)
  const traceId = given ?? parts.ids.trace()
  const traceparent = facts.traceparent === null ? `00-${traceId}-${parts.ids.span()}-01` : ''
  return { at, id, traceId, traceparent, snapshot, head, facts, forwarded, decision }
}

type Wrong = Omit<Refused, 'id'>

/** What Node's parser lets through and a proxy must not. */
function malformed(req: IncomingMessage, { host, hosts, coding }: Facts): Wrong | null {
  if (req.httpVersionMajor !== 1) {
    return { refused: 'version_unsupported', detail: 'HTTP/1.0 and HTTP/1.1 are served here' }
  }
  if (coding === 'other' || (coding !== null && req.httpVersionMinor === 0)) {
    return { refused: 'bad_request', detail: 'a transfer coding other than chunked, or one in HTTP/1.0' }
  }
  if (hosts > 1) return { refused: 'bad_request', detail: 'more than one Host' }
  if (host === '') return { refused: 'bad_request', detail: 'empty Host' }
  const url = req.url ?? ''
  if (url.startsWith('/')) return null
  const authority = /^https?:\/\/([^/?#]*)/i.exec(url)?.[1]
  if (authority === undefined) {
    return { refused: 'bad_request', detail: 'the request target is neither a path nor a URL' }
  }
  return host !== null && authority.toLowerCase() === host.toLowerCase()
    ? null
    : { refused: 'host_mismatch', detail: 'the target’s authority is not the Host' }
}

/** `http://host/path` → `/path`; everything else stays byte for byte. */
function originForm(url: string): string {
  if (url.startsWith('/')) return url
  const rest = url.replace(/^https?:\/\/[^/?#]*/i, '')
  return rest.startsWith('/') ? rest : `/${rest}`
}

function hostName(host: string): string {
  const colon = host.lastIndexOf(':')
  const name = colon > host.lastIndexOf(']') ? host.slice(0, colon) : host
  return name.toLowerCase()
}

/** The trace id of a well-formed `traceparent` (W3C Trace Context), else null. */
function traceOf(value: string | null): string | null {
  return value === null ? null : (/^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(value)?.[1] ?? null)
}
