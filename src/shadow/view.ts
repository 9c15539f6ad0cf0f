// What people see of shadowing: the shapes that the ledger answers with, and that the admin API and the command line show.
import type { NoiseEntry } from '../compare/noise-place.ts'
import type { DivergenceKind, Exemplar, Rule, Severity, ShadowResult, UnaskedReason } from '../model/comparison.ts'
import type { RouteId, Side } from '../model/route.ts'
import type { EpochMs, Milliseconds } from '../model/units.ts'

/** What is thought of a place, or of a signature. `ignored`: a rule hides it by now. */
export type PlaceState = 'divergent' | 'noise' | 'undecided' | 'ignored'

/** Counts of a route since they were begun; they survive restarts. */
export interface Totals {
  /** The sum of all results. */
  readonly eligible: number
  readonly results: Readonly<Record<ShadowResult, number>>
  /** Breaks `skipped` and `dropped` down. */
  readonly unasked: Readonly<Partial<Record<UnaskedReason, number>>>
  readonly since: EpochMs
}

/** A share with its anytime-valid 95 % confidence interval, all 0 to 1. */
export interface Share {
  readonly of: number
  readonly count: number
  readonly rate: number | null
  readonly interval: readonly [low: number, high: number] | null
}

/** One place of a signature. */
export interface PlaceView {
  readonly template: string
  readonly kind: DivergenceKind
  /** A JSON Pointer in which each index and id is a star. */
  readonly path: string
  readonly state: PlaceState
  readonly severity: Severity
  readonly count: number
  /** The sentence that says why it is in that state. */
  readonly why: string
}

/** Differences of one kind at one field of a route, wherever in its templates the field is: what a person looks at as one fault. */
export interface SignatureView {
  readonly signature: string
  readonly route: RouteId
  /** The route's. */
  readonly template: string
  readonly state: PlaceState
  readonly severity: Severity
  readonly kind: DivergenceKind
  /** `total_cents`, `header content-type`, `404 → 400`. */
  readonly field: string
  readonly count: number
  /** Of the comparisons in the templates where it was seen. */
  readonly rate: number | null
  readonly interval: readonly [low: number, high: number] | null
  readonly firstSeen: EpochMs
  readonly lastSeen: EpochMs
  readonly differences: readonly PlaceView[]
  readonly why: string
  /** Mismatches that were asked again on both sides after a while. */
  readonly askedAgain: { readonly persistent: number; readonly transient: number }
  readonly exemplar: Exemplar | null
  readonly latest: Exemplar | null
}

export interface Suspension {
  readonly template: string
  /** The side that is not asked. */
  readonly side: Side
  readonly why: string
  readonly since: EpochMs
}

export interface RuleView {
  readonly rule: Rule
  readonly source: 'file' | 'added'
  readonly by: string | null
  readonly at: EpochMs | null
  /** Differences that it hid, since it is known here. */
  readonly hits: number
  readonly lastHit: EpochMs | null
  /** Comparisons that it took part in. */
  readonly comparisons: number
  /** It never hid anything in many comparisons. */
  readonly dead: boolean
  readonly expired: boolean
}

/** What was learned at one place: as the noise book tells it. */
export type NoiseView = NoiseEntry

export interface LatencyView {
  readonly pairs: number
  readonly legacy: { readonly p50Ms: Milliseconds | null; readonly p95Ms: Milliseconds | null }
  readonly new: { readonly p50Ms: Milliseconds | null; readonly p95Ms: Milliseconds | null }
  /** new − legacy of the same request. */
  readonly delta: { readonly p50Ms: Milliseconds | null; readonly p95Ms: Milliseconds | null }
  /** Share of pairs in which new was the slower one. */
  readonly newSlower: number | null
}

/** A route in one line. */
export interface ShadowBrief {
  readonly match: Share
  /** Signatures with a place that is divergent now, and the worst of those places. */
  readonly divergent: number
  readonly worst: Severity | null
}

/** All of a route. */
export interface RouteShadowView {
  readonly route: RouteId
  readonly template: string
  readonly totals: Totals
  /** Of the compared: how many had no difference that counts; and none of that severity or above. */
  readonly match: Share
  readonly matchBySeverity: Readonly<Record<Severity, Share>>
  readonly latency: LatencyView
  readonly suspended: readonly Suspension[]
  /** What was counted and not kept, because there was too much of it. */
  readonly overflow: number
  readonly items: readonly SignatureView[]
}
