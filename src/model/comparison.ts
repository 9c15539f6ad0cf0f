// The words of comparing: what is kept of both sides' answers, how they may differ, which rules say what does not count, and
// what was found. Comparisons are read legacy → new, whoever was primary.
import type { FailureKind, HeaderList } from './exchange.ts'
import type { RouteId, Side } from './route.ts'
import type { Bytes, EpochMs, Milliseconds, Percent } from './units.ts'

// ---- what is compared

/** One side's answer as a client of it would get it: after the side's own rewrites. */
export interface AnswerCopy {
  readonly status: number
  readonly headers: HeaderList
  readonly body: BodyCopy
}

/** A body without its transfer coding, kept whole up to a limit, above it by hashes. */
export interface BodyCopy {
  /** What was read; where `complete` is false it may be what the answer said of itself. */
  readonly length: Bytes
  /** False: it was not read to its end, and is at least so long. */
  readonly complete: boolean
  /** The first bytes: all of them where `blocks` is null. */
  readonly start: Uint8Array
  /** SHA-256 (hex) of each 64 KiB from the beginning on, the last one shorter; null: the body is whole in `start`. */
  readonly blocks: readonly string[] | null
}

/** What came of asking a side as a shadow. */
export type Asked =
  | {
      readonly kind: 'answer'
      readonly answer: AnswerCopy
      /** From the first byte of the request to the last of the answer. */
      readonly ms: Milliseconds
    }
  /** `ours`: nobody was asked, because there was no place. */
  | { readonly kind: 'failure'; readonly failure: FailureKind; readonly ours: boolean }

// ---- how answers differ

export const DIVERGENCE_KINDS = ['status', 'header', 'missing', 'extra', 'type', 'value', 'order', 'body'] as const
/** `missing`: legacy has it and new does not; `extra`: the other way round. */
export type DivergenceKind = (typeof DIVERGENCE_KINDS)[number]

/** Low to high; their order is that of `SEVERITIES`. */
export const SEVERITIES = ['low', 'medium', 'high'] as const
export type Severity = (typeof SEVERITIES)[number]

/** One leaf that differs. Holds values of users: never stored, logged or shown as it is. */
export interface Divergence {
  readonly kind: DivergenceKind
  /**
   * JSON Pointer (RFC 6901) into legacy's body, `''` the whole; into new's for `extra`. `header`: `/name`, lower case, or
   * `/set-cookie/NAME` and `/set-cookie/NAME/ATTRIBUTE`. `status`: `''`.
   */
  readonly path: string
  /** Into new's body, where it is not `path`. */
  readonly newPath?: string
  /** A JSON value; absent where legacy has none. */
  readonly legacy?: unknown
  readonly new?: unknown
  readonly severity: Severity
  /** What cannot be seen in the values: `duplicate key`, `not JSON: …`, `first differing byte 70000`. */
  readonly note?: string
}

// ---- rules

/** `$…`: RFC 9535 JSONPath into the body (both sides' own); `header:NAME`; `status`. */
export type RulePath = string

export const EQUALITIES = ['null=absent', '""=null', '""=absent', '[]=absent', '1=1.0', '0=-0', '"1"=1'] as const
export type Equality = (typeof EQUALITIES)[number]

export const NORMALISERS = ['uuid', 'timestamp', 'url-host', 'case', 'space'] as const
export type Normaliser = (typeof NORMALISERS)[number]

/** What a rule does to the places that its paths name. */
export type RuleAction =
  | { readonly does: 'ignore' }
  /** The arrays there are multisets. */
  | { readonly does: 'unordered' }
  /** Elements of the arrays there belong together by these members (names, of objects). */
  | { readonly does: 'keyed'; readonly by: readonly string[] }
  /** What of it is said applies; numbers by `absolute` or `relative` (0.01 is 1 %), times by `timeMs`. */
  | {
      readonly does: 'tolerance'
      readonly absolute: number | null
      readonly relative: number | null
      readonly timeMs: Milliseconds | null
    }
  | { readonly does: 'normalise'; readonly as: Normaliser }
  /** Every match of a pattern (RegExp source, flag `u`) is replaced before comparing. */
  | { readonly does: 'normalise'; readonly as: 'pattern'; readonly pattern: string; readonly replace: string }
  | { readonly does: 'equal'; readonly what: readonly Equality[] }
  /** Ids there may differ, if they do so consistently: one of legacy's for one of new's, and back. */
  | { readonly does: 'idMap' }
  /** A wanted difference. `kinds` null: of any kind. */
  | { readonly does: 'expect'; readonly kinds: readonly DivergenceKind[] | null }
  /** Differences there weigh so much. */
  | { readonly does: 'severity'; readonly severity: Severity }

export type Rule = RuleAction & {
  /** `file:0`, `file:1` … for those of the file; `rule-…` for those that were added. */
  readonly id: string
  readonly paths: readonly RulePath[]
  readonly owner: string | null
  readonly reason: string | null
  /** It counts until then; null: for ever. */
  readonly until: EpochMs | null
}

/** A rule that an operator added to a route. */
export interface StoredRule {
  readonly route: RouteId
  readonly rule: Rule
  readonly by: string
  readonly at: EpochMs
}

// ---- policies

/** What one comparison may cost; beyond it the result is `undecided`. */
export interface CompareBudget {
  readonly timeMs: Milliseconds
  /** Values visited, both sides together. */
  readonly nodes: number
  readonly depth: number
  /** Members of one object. */
  readonly keys: number
  /** Differences that are listed; the others are counted. */
  readonly differences: number
}

/** How a route's answers are compared. Plain data: it is handed to another thread. */
export interface ComparePolicy {
  readonly status: 'exact' | 'class'
  /** Names in lower case that are compared; null: the chosen set. */
  readonly headers: readonly string[] | null
  /** Larger bodies are compared by hash; also the limit of what a body may decompress to. */
  readonly maxBodyBytes: Bytes
  readonly budget: CompareBudget
  /** Without the expired: whoever compares looks at `until`, too. */
  readonly rules: readonly Rule[]
  readonly noisePercent: Percent
  /** JSONPaths whose values are never kept, beside what is never kept anyway. */
  readonly redact: readonly RulePath[]
  /** JSONPaths whose values may be kept. */
  readonly keep: readonly RulePath[]
  /** Until then, redacted answers may be kept; null: only paths, kinds and types. */
  readonly valuesUntil: EpochMs | null
}

/** What counts where nobody says anything: in a route without `compare`, and where there is no route. */
export const DEFAULT_COMPARE_POLICY: ComparePolicy = Object.freeze({
  status: 'exact',
  headers: null,
  maxBodyBytes: 2 ** 20,
  budget: Object.freeze({ timeMs: 250, nodes: 200_000, depth: 10_000, keys: 50_000, differences: 100 }),
  rules: Object.freeze([]),
  noisePercent: 5,
  redact: Object.freeze([]),
  keep: Object.freeze([]),
  valuesUntil: null,
})

/** Towards one side. */
export interface ShadowCaps {
  readonly concurrent: number
  /** null: no limit. */
  readonly perSecond: number | null
}

/** Which requests of a route are asked of the other side, too, and how. null in a route: off. */
export interface ShadowPolicy {
  readonly percent: Percent
  readonly when: 'after' | 'beside'
  /** Which side may be asked as well. */
  readonly direction: 'both' | Side
  /** Upper case. */
  readonly methods: ReadonlySet<string>
  readonly mark: boolean
  readonly cookies: 'none' | 'all' | ReadonlySet<string>
  readonly headers: {
    readonly remove: ReadonlySet<string>
    readonly set: readonly (readonly [name: string, value: string])[]
  } | null
  readonly deny: readonly DenyPattern[]
  /** What looks like an action by its path or query is not asked. */
  readonly denyActions: boolean
  readonly caps: { readonly legacy: ShadowCaps; readonly new: ShadowCaps }
  /** Rise of legacy's P95 (0.2 is +20 %) while it is asked, at which that stops; null: it is not watched. */
  readonly stopAboveP95: number | null
  /** null: at any time. */
  readonly window: TimeWindow | null
  /** For the whole of an answer. */
  readonly timeoutMs: Milliseconds
  /** Of a request, larger ones are not copied. */
  readonly maxRequestBytes: Bytes
}

/** Of a path (trailing `*` allowed) and of the query; what is null is not asked. */
export interface DenyPattern {
  readonly text: string
  readonly path: string | null
  readonly query: { readonly name: string; readonly value: string | null } | null
}

/** Days 0 (Sunday) to 6, minutes of the day in that zone; `from` > `to` goes over midnight and belongs to the day of `from`. */
export interface TimeWindow {
  readonly text: string
  readonly days: ReadonlySet<number>
  readonly fromMinute: number
  readonly toMinute: number
  readonly zone: string
}

// ---- what was found

/** Where every eligible request ends: in exactly one of these. */
export const SHADOW_RESULTS = [
  'not_sampled',
  'skipped',
  'dropped',
  'primary_error',
  'candidate_error',
  'match',
  'tolerated',
  'noise',
  'divergent',
  'undecided',
] as const
export type ShadowResult = (typeof SHADOW_RESULTS)[number]

/** Why a request was `skipped`: by its nature, or because the route says so. */
export const SKIP_REASONS = [
  'method',
  'writes',
  'direction',
  'denied',
  'action',
  'suspended',
  'window',
  'upgrade',
  'not_comparable',
  'request_too_large',
  'bound_connection',
  'client_left',
] as const
/** Why it was `dropped`: because there was too much. */
export const DROP_REASONS = [
  'rate',
  'concurrency',
  'session_busy',
  'queue',
  'memory',
  'breaker',
  'slower',
  'strained',
  'stopping',
] as const
export type UnaskedReason = (typeof SKIP_REASONS)[number] | (typeof DROP_REASONS)[number]

/** Why a difference may be noise before anything was learned. */
export const PRIORS = ['timestamp', 'uuid', 'trace-id', 'volatile-header'] as const
export type Prior = (typeof PRIORS)[number]

/** A place where answers differ, as it is counted and learned: its path has no index and no id in it. */
export interface FoundPlace {
  readonly kind: DivergenceKind
  /** Indexes and keys that look like data are `*`; of `status`: `/404/400`. */
  readonly path: string
  readonly severity: Severity
  readonly prior: Prior | null
}

/** The result of one comparison, without any value of a user. */
export interface Finding {
  readonly result: 'match' | 'tolerated' | 'different' | 'undecided'
  /** Of `undecided`. */
  readonly why: string | null
  /** Each once; empty unless `different`. */
  readonly places: readonly FoundPlace[]
  /** What rules hid. */
  readonly suppressed: readonly { readonly rule: string; readonly count: number }[]
  /** null: nobody wanted one. */
  readonly exemplar: Exemplar | null
}

/** One exchange of a signature, redacted: what people look at. */
export interface Exemplar {
  readonly at: EpochMs
  readonly exchange: string
  readonly traceId: string
  readonly primary: Side
  readonly method: string
  readonly template: string
  /** Redacted target; null: not kept. */
  readonly target: string | null
  /** `hashOfKey` of the sticky key, for forgetting; null: there was none. */
  readonly keyHash: string | null
  readonly statuses: { readonly legacy: number; readonly new: number }
  readonly differences: readonly ShownDifference[]
  /** Differences beyond those. */
  readonly more: number
  /** null: values are not kept. */
  readonly answers: { readonly legacy: ShownAnswer; readonly new: ShownAnswer } | null
}

export interface ShownDifference {
  readonly kind: DivergenceKind
  /** As in `FoundPlace`; the real pointer only where values are kept. */
  readonly path: string
  readonly newPath?: string
  readonly severity: Severity
  /** JSON types: `null`, `boolean`, `number`, `string`, `array`, `object`; null: absent. */
  readonly legacyType: string | null
  readonly newType: string | null
  /** JSON texts, redacted and cut; absent: not kept. */
  readonly legacy?: string
  readonly new?: string
  readonly note?: string
}

export interface ShownAnswer {
  readonly status: number
  readonly headers: HeaderList
  /** Redacted and cut; null: not text. */
  readonly body: string | null
}
