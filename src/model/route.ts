// The words for what is matched and who may serve it. A *side* is an identity; primary and shadow are roles.
import type { Bytes, Milliseconds, Percent } from './units.ts'

export type Side = 'legacy' | 'new'
export type Role = 'primary' | 'shadow' | 'relay'
export type RouteId = string
/** What shares one bucket, weight, freeze and rollback: the group's name, or the id of a route without a group. */
export type UnitId = string

/** Time limits of one exchange with a backend; null is no limit. */
export interface Timeouts {
  /** From dispatch to an open connection, TLS included. */
  readonly connectMs: Milliseconds | null
  /** From the request's last byte to the answer's head. */
  readonly headMs: Milliseconds | null
  /** Between two pieces of the answer's body; any progress restarts it. */
  readonly idleMs: Milliseconds | null
  /** The whole exchange. */
  readonly totalMs: Milliseconds | null
}

export interface BackendTls {
  /** false turns the certificate check off: loud in status and in the log. */
  readonly verify: boolean
  /** PEM text of the authorities to trust instead of the system's. */
  readonly ca: string | null
  /** Name to send and check instead of the URL's host. */
  readonly servername: string | null
}

/** One service as the configuration names it. Capacity and limits belong to it, not to the routes that use it. */
export interface Backend {
  readonly name: string
  /** `http://host:port` or `https://host:port`, nothing after it. */
  readonly origin: string
  /** null keeps the client's Host; a text replaces it. */
  readonly host: string | null
  readonly timeouts: Timeouts
  readonly connections: number
  readonly tls: BackendTls
}

/** `exact` compares the whole value, `prefix` its beginning, `present` only asks that it is there. */
export interface ValueTest {
  readonly name: string
  readonly kind: 'exact' | 'prefix' | 'present'
  readonly value: string
}

export interface RouteMatch {
  /** At least one: literal segments, `:param` segments, a trailing `*`. */
  readonly paths: readonly string[]
  /** Lower case; `*.example.com` matches any label before the rest; null is any host. */
  readonly host: string | null
  /** null is any method. GET admits HEAD. */
  readonly methods: readonly string[] | null
  readonly headers: readonly ValueTest[]
  readonly query: readonly ValueTest[]
  readonly cookies: readonly ValueTest[]
  readonly ignoreCase: boolean
}

export interface NamedSource {
  readonly kind: 'header' | 'cookie' | 'jwt' | 'path' | 'query'
  readonly name: string
}

/** Where a sticky key may come from; `ip` is the client's address, `auto` our own signed cookie. */
export type StickySource = NamedSource | { readonly kind: 'ip' } | { readonly kind: 'auto' }

/** Named address ranges, asked as one. */
export interface Networks {
  readonly texts: readonly string[]
  contains(address: string): boolean
}

export interface OverridePolicy {
  /** Lower case. */
  readonly header: string
  readonly from: Networks
}

/** A compiled route: frozen, ready to decide with. What operators change lives beside it, in `RouteSplit`. */
export interface Route {
  /** Position in the snapshot's table. */
  readonly index: number
  readonly id: RouteId
  readonly unit: UnitId
  readonly group: string | null
  readonly match: RouteMatch
  /** The path pattern that people see in logs instead of what users sent. */
  readonly template: string
  readonly sides: { readonly legacy: Backend | null; readonly new: Backend | null }
  /** Set when both sides exist and an unsafe method is admitted. */
  readonly data: 'separate' | 'shared' | null
  readonly declaredWeight: Percent
  readonly sticky: readonly StickySource[]
  readonly override: OverridePolicy | null
  readonly ambiguous: 'legacy' | 'reject'
  readonly owner: string | null
}

/** What is in force for one route right now: the declared and the operator's word, resolved. */
export interface RouteSplit {
  readonly declared: Percent
  readonly desired: Percent
  /** What the draw is compared with: 0 while rolled back or held. */
  readonly effective: Percent
  /** `effective / 100 × 2^53`; primary is new iff bucket < threshold. */
  readonly threshold: number
  readonly rolledBack: boolean
  readonly frozen: boolean
  readonly held: boolean
}

/** Hard limits of the listener. */
export interface Limits {
  readonly headBytes: Bytes
  readonly connections: number
}
