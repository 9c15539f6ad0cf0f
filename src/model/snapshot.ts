// One immutable generation of everything that a request reads: declared, resolved with what operators said.
import type { Decision, OwnCookie, Reason, RequestHead } from './exchange.ts'
import type {
  Backend,
  ClientTimeouts,
  KeyList,
  Limits,
  Networks,
  Profile,
  Route,
  RouteId,
  RouteSplit,
  Side,
  Spreading,
  UnitId,
} from './route.ts'
import type { Bytes, EpochMs, Milliseconds, Revision } from './units.ts'

/** What shadowing may take of this process, over all routes. */
export interface ShadowBounds {
  /** Of answers that are held to be compared. */
  readonly memoryBytes: Bytes
  /** Comparisons that wait. */
  readonly queue: number
  /** What is kept of divergences, in memory and in the store. */
  readonly keepBytes: Bytes
  /** A divergence that was not seen for so long is forgotten. */
  readonly ageMs: Milliseconds
}

/** What the configuration says, compiled; no operator's word in it. */
export interface Plan {
  readonly routes: readonly Route[]
  readonly byId: ReadonlyMap<RouteId, Route>
  readonly units: ReadonlyMap<UnitId, readonly Route[]>
  /** Serves what no route matches; null: 404. */
  readonly fallback: Route | null
  readonly backends: readonly Backend[]
  /** From the configuration; it wins over the store's own. */
  readonly seed: string | null
  /** Some route takes signed links: what carries them is kept from all backends. */
  readonly takesLinks: boolean
  /** What a fresh store does with declared weights above 0. */
  readonly firstStart: 'hold' | 'declared'
  /** The file wins over stored weights. */
  readonly controlledByFile: boolean
  readonly clientIp: { readonly from: Networks; readonly hops: number }
  readonly profile: Profile
  readonly limits: Limits
  readonly timeouts: ClientTimeouts
  /** Peers named in `clientIp.from` begin each connection with a PROXY protocol header. */
  readonly proxyProtocol: boolean
  /** PEM texts of the data listener; null: plain HTTP. */
  readonly tls: { readonly cert: string; readonly key: string } | null
  /**
   * Where both came from, if by `file:`. A configuration with `watch` reloads when they change, as with all of its files. Without
   * it nobody reloads, and a certificate must be renewed all the same: the listener looks at these files by itself, and takes
   * them up when they read well and fit together (`renewedPair` in config/certificate).
   */
  readonly tlsFiles: readonly string[]
  /** HTML text with `{status}`, `{title}`, `{detail}`, `{code}` and `{exchange}`; null: our own page. */
  readonly errorPage: string | null
  readonly drain: { readonly graceMs: Milliseconds; readonly deadlineMs: Milliseconds; readonly tunnels: Spreading }
  /** What becomes of tunnels on new when their route is rolled back. */
  readonly rollbackTunnels: Spreading
  readonly shadow: ShadowBounds
  /** Of all cohorts; each lives on, until a new plan has another. */
  readonly keyLists: readonly KeyList[]
  readonly file: string | null
  readonly loadedAt: EpochMs
}

/** One step of a decision, for people. */
export interface Step {
  readonly step: string
  readonly applies: boolean
  readonly because: string
}

export interface Explained {
  /** null: each request draws anew, or the user gets an id with the answer. */
  readonly side: Side | null
  readonly reason: Reason
  readonly why: string
  readonly key: { readonly from: string; readonly value: string } | null
  /** 0 to 100: the percent above which this key is on new; null without a key. */
  readonly percentile: number | null
  readonly considered: readonly Step[]
}

export interface Whereabouts {
  /** null: only a request can tell. */
  readonly side: Side | null
  readonly reason: Reason
  readonly why: string
  /** 0 to 100: the percent above which this key is on new; null: it is not drawn. */
  readonly percentile: number | null
}

/** Which route, which side, and why: all that the data path asks of a snapshot. */
export interface Snapshot {
  readonly revision: Revision
  readonly plan: Plan
  /** By `route.index`. */
  readonly splits: readonly RouteSplit[]
  /** null: no route and no default. `'reject'`: the path is ambiguous and the route refuses that. */
  decide(head: RequestHead): Decision | 'reject' | null
  /** The same, step by step; null: no route matches. */
  explain(head: RequestHead): { readonly route: Route; readonly explained: Explained } | null
  /** Whose request this is, and where that falls in the draw of the shadow's sample, 0 ≤ … < 2^53. */
  sample(route: Route, head: RequestHead): { readonly key: string | null; readonly bucket: number }
  /** Where a user with this key is, on every route. */
  who(key: string): readonly (Whereabouts & { readonly route: Route })[]
  /** Also for a route of an older snapshot, renamed, regrouped or gone by now. */
  isRolledBack(route: Route): boolean
  /**
   * What an answer sets so that users keep their side, given the application's own Set-Cookie values as the client gets them;
   * null: no route pins anybody.
   */
  readonly pinCookies:
    | ((decision: Decision, head: RequestHead, setCookies: readonly string[]) => readonly OwnCookie[])
    | null
}
