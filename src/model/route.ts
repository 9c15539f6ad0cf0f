// The words for what is matched and who may serve it. A *side* is an identity; primary and shadow are roles.
import type { ComparePolicy, Rule, ShadowPolicy } from './comparison.ts'
import type { Bytes, EpochMs, Milliseconds, Percent } from './units.ts'

export type Side = 'legacy' | 'new'
export type Role = 'primary' | 'shadow' | 'relay'
export type RouteId = string
/** The default's route in metrics, logs and the API; no id of the configuration can look like it. */
export const DEFAULT_ROUTE = '_default'
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
  /** Oldest version spoken; null is Node's default. */
  readonly minVersion: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3' | null
  /** OpenSSL cipher list; null is Node's default. */
  readonly ciphers: string | null
  /** Allows servers without RFC 5746. */
  readonly legacyRenegotiation: boolean
}

/** How several addresses share the load; `cookie` keeps a client on the address that its cookie names. */
export type Balance =
  | { readonly kind: 'least' }
  | { readonly kind: 'round' }
  | { readonly kind: 'cookie'; readonly name: string }

/** Probes of each address of a backend. */
export interface HealthPolicy {
  readonly path: string
  readonly intervalMs: Milliseconds
  readonly timeoutMs: Milliseconds
  /** So many in a row make an address healthy, or unhealthy. */
  readonly healthyAfter: number
  readonly unhealthyAfter: number
}

/** Where requests wait for one of `maxConcurrent` places. */
export interface QueuePolicy {
  readonly size: number
  readonly waitMs: Milliseconds
}

/** Opens when too large a share of the last `windowMs` failed; then one probe each `openMs`. */
export interface CircuitPolicy {
  readonly errorPercent: Percent
  readonly minRequests: number
  readonly windowMs: Milliseconds
  readonly openMs: Milliseconds
}

/** Repeating what a backend cannot have acted on, or may act on twice without harm. */
export interface RetryPolicy {
  /** Methods that are asked once more when a reused connection was closed before any byte of an answer. */
  readonly methods: ReadonlySet<string>
  /** Retries may be so many percent of the requests under way, and at least three. */
  readonly budgetPercent: Percent
}

/** What of an answer may be other than HTTP/1.1 says. Let in by name, re-framed, counted, and the socket never reused. */
export const QUIRKS = [
  'bare-lf',
  'double-content-length',
  'odd-header-name',
  'control-byte',
  'te-identity',
  'space-in-chunk-size',
  'unsolicited-100',
  'close-delimited',
  'http-1.0',
  'http-0.9',
] as const
export type Quirk = (typeof QUIRKS)[number]

/** What is known of the way a backend speaks. */
export interface WirePolicy {
  readonly accept: ReadonlySet<Quirk>
  /** Version of the request line towards it. */
  readonly version: '1.1' | '1.0'
  /** false: each connection carries one exchange. */
  readonly reuse: boolean
  /** true: it needs a Content-Length; chunked bodies are read whole first, up to `bufferBytes`. */
  readonly bufferChunked: boolean
  readonly bufferBytes: Bytes
}

/** One service as the configuration names it. Capacity and limits belong to it, not to the routes that use it. */
export interface Backend {
  readonly name: string
  /** At least one `http://host:port` or `https://host:port`, nothing after it; all of one scheme. */
  readonly origins: readonly string[]
  /** null keeps the client's Host; a text replaces it. */
  readonly host: string | null
  readonly timeouts: Timeouts
  /** To each address, at most. */
  readonly connections: number
  readonly tls: BackendTls
  readonly balance: Balance
  /** null: no probes. */
  readonly health: HealthPolicy | null
  /** An address that comes (back) gets its full share after this; 0 at once. */
  readonly slowStartMs: Milliseconds
  /** Exchanges at the same time, over all addresses; null is no limit. */
  readonly maxConcurrent: number | null
  readonly queue: QueuePolicy
  readonly circuit: CircuitPolicy | null
  readonly retry: RetryPolicy
  readonly wire: WirePolicy
}

/** `/v2/*` on this side for `/orders/*` on ours: what stands before the star replaces what stood there. */
export interface PathRewrite {
  /** The route's own literal beginning, without a trailing slash. */
  readonly from: string
  readonly to: string
}

/** Applied in the order remove, set. Names are lower case in `remove`, those of `set` too, and as written in `set`. */
export interface HeaderChanges {
  readonly remove: ReadonlySet<string>
  readonly set: readonly (readonly [name: string, value: string])[]
}

/** Two applications on one host: this side's cookies bear a prefix towards the client. */
export interface CookiePolicy {
  readonly prefix: string
  /** Names that both sides see as they are. */
  readonly shared: ReadonlySet<string>
}

/** What is changed on the way to and from one side of a route; null where nothing is. */
export interface SideRewrite {
  readonly path: PathRewrite | null
  readonly headers: HeaderChanges | null
  readonly cookies: CookiePolicy | null
}

/** From new to legacy only, before a byte reached the client. */
export interface FallbackPolicy {
  readonly connect: boolean
  readonly timeout: boolean
  readonly statuses: ReadonlySet<number>
  readonly methods: ReadonlySet<string>
}

/** `exact` compares the whole value, `prefix` its beginning, `suffix` its end, `present` only asks that it is there. */
export interface ValueTest {
  readonly name: string
  readonly kind: 'exact' | 'prefix' | 'suffix' | 'present'
  readonly value: string
}

export interface RouteMatch {
  /** At least one: literal segments, `:param` segments, a trailing `*`, or a trailing `*.do` (any depth, ending so). */
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
  /** Lower case; null: no network may override by a header. */
  readonly header: { readonly name: string; readonly from: Networks } | null
  /** Links that `banyan link` signed count. */
  readonly links: boolean
}

/** Who has a side keeps it, by a signed cookie of ours. */
export interface PinPolicy {
  /** A pin counts for so long after its user was last here; as long as the session is the same, it counts anyway. */
  readonly idleMs: Milliseconds
  /** new-sessions: a session that nobody has pinned began before we came, and stays on legacy. */
  readonly admit: 'new-sessions' | 'anyone'
  /** Names of the cookies that hold the application's session id, as clients see them. */
  readonly session: readonly string[]
}

/** A set of keys from a file. It lives: the file is read again when it changes, in between two snapshots. */
export interface KeyList {
  readonly file: string | null
  readonly size: number
  has(key: string): boolean
  replace(keys: ReadonlySet<string>): void
}

/** A named set of users whose side is said. All that is not null has to hold. */
export interface Cohort {
  readonly networks: Networks | null
  readonly headers: readonly ValueTest[]
  readonly cookies: readonly ValueTest[]
  /** Of a bearer token, unverified. */
  readonly claims: readonly ValueTest[]
  readonly keys: KeyList | null
  readonly side: Side
}

/** What the support desk said of one key; the key itself is kept nowhere. */
export interface SupportPin {
  readonly side: Side
  readonly until: EpochMs
}

/** Who answers a CORS preflight: a side, or whoever would serve the method that it asks for. */
export type PreflightPolicy = Side | 'follow'

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
  readonly rewrites: { readonly legacy: SideRewrite | null; readonly new: SideRewrite | null }
  /** Set when both sides exist and an unsafe method is admitted. */
  readonly data: 'separate' | 'shared' | null
  readonly declaredWeight: Percent
  readonly sticky: readonly StickySource[]
  readonly override: OverridePolicy | null
  /** null: off. */
  readonly pin: PinPolicy | null
  /** The first that fits counts; empty: none. */
  readonly cohorts: readonly Cohort[]
  readonly preflight: PreflightPolicy
  readonly ambiguous: 'legacy' | 'reject'
  /** null: off. */
  readonly fallback: FallbackPolicy | null
  /** Statuses of a GET that ask the other side before the client hears of them; empty: off. */
  readonly otherSideOn: ReadonlySet<number>
  /** What becomes of answers that a shared cache may keep, while both sides may serve the route. */
  readonly cache: 'keep' | 'private-while-split'
  readonly etag: 'keep' | 'per-side'
  /** Redirects and cookies that point at a backend's own address: counted, or rewritten to the address the client used. */
  readonly leaks: 'count' | 'rewrite'
  /** null: off. */
  readonly shadow: ShadowPolicy | null
  readonly compare: ComparePolicy
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
  /** By hash of the key (`hashOfKey`); null: none. */
  readonly supportPins: ReadonlyMap<string, SupportPin> | null
  /** What operators added to the route's own rules of comparing; whoever compares looks at `until`, too. null: none. */
  readonly rules: readonly Rule[] | null
}

/** How open tunnels end: null keeps them; `'all'`: one after another in all the time that there is; else in so many ms. */
export type Spreading = Milliseconds | 'all' | null

/** Limits of the listener. `transparent` reports what `fields`, `target`, body and slowness would have cut. */
export interface Limits {
  readonly headBytes: Bytes
  readonly fields: number
  readonly targetBytes: Bytes
  /** Of a request; null is no limit. */
  readonly bodyBytes: Bytes | null
  readonly connections: number
  /** Connections of one client address; null is no limit. */
  readonly perAddress: number | null
}

/** transparent: limits that today's traffic may exceed only report; standard: they are enforced. Hard caps always are. */
export type Profile = 'transparent' | 'standard'

/** Patience with clients. */
export interface ClientTimeouts {
  /** From the first byte of a request (of the connection, for the first one) to the end of its head. */
  readonly requestHeadMs: Milliseconds
  /** Between two requests on a connection. */
  readonly keepAliveMs: Milliseconds
  /** A request's body, or the reading of an answer, without any progress. */
  readonly stallMs: Milliseconds
  /** Bytes a second below which a body is too slow, measured over ten seconds; 0 is no limit. */
  readonly minBytesPerSecond: number
}
