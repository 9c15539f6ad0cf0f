// What came of a route's requests, in numbers: where each of them ended, how bad the worst difference of each comparison was,
// and what rules hid. Numbers only go up; they are kept over restarts.
import { rateInterval } from '../evidence/interval.ts'
import {
  type Finding,
  SEVERITIES,
  type Severity,
  SHADOW_RESULTS,
  type ShadowResult,
  type UnaskedReason,
} from '../model/comparison.ts'
import type { EpochMs } from '../model/units.ts'
import type { Share, Totals } from './view.ts'

/** A rule that hid nothing in so many comparisons is dead. */
const DEAD_AFTER = 1000

export interface RuleHits {
  /** It takes part since then, as far as is known here. */
  readonly since: EpochMs
  readonly hits: number
  readonly lastHit: EpochMs | null
  /** That it took part in, since it is known here. */
  readonly comparisons: number
  readonly dead: boolean
}

type Named = { readonly id: string }

interface RuleCount {
  /** It takes part since then. */
  since: EpochMs
  hits: number
  lastHit: EpochMs | null
  comparisons: number
}

export interface StoredCounts {
  readonly since: EpochMs
  readonly results: Readonly<Partial<Record<ShadowResult, number>>>
  readonly unasked: Readonly<Partial<Record<UnaskedReason, number>>>
  readonly worst: Readonly<Partial<Record<Severity, number>>>
  readonly rules: readonly (readonly [id: string, count: RuleCount])[]
}

export class Counts {
  readonly #since: EpochMs
  readonly #results: Record<ShadowResult, number>
  readonly #unasked: Partial<Record<UnaskedReason, number>>
  /** Divergent comparisons by the severity of their worst divergent place. */
  readonly #worst: Record<Severity, number>
  readonly #rules: Map<string, RuleCount>
  #match: Share = shareOf(0, 0)

  /** `stored` null: it begins now. */
  constructor(now: EpochMs, stored: StoredCounts | null = null) {
    this.#since = stored?.since ?? now
    this.#results = zeros(SHADOW_RESULTS, stored?.results)
    this.#unasked = { ...stored?.unasked }
    this.#worst = zeros(SEVERITIES, stored?.worst)
    this.#rules = new Map(stored?.rules)
  }

  ended(result: ShadowResult, reason: UnaskedReason | null): void {
    this.#results[result]++
    if (reason !== null) this.#unasked[reason] = (this.#unasked[reason] ?? 0) + 1
  }

  /** `worst`: of what is divergent. */
  compared(result: ShadowResult, worst: Severity): void {
    this.#results[result]++
    if (result === 'divergent') this.#worst[worst]++
  }

  /** `rules`: those in force; what is known of others is forgotten. */
  suppressed(rules: readonly Named[], { suppressed }: Finding, at: EpochMs): void {
    if (rules.length === 0 && this.#rules.size === 0) return
    const inForce = new Set(rules.map(({ id }) => id))
    for (const id of this.#rules.keys()) if (!inForce.has(id)) this.#rules.delete(id)
    for (const id of inForce) {
      const count = this.#rules.get(id) ?? { since: at, hits: 0, lastHit: null, comparisons: 0 }
      this.#rules.set(id, { ...count, comparisons: count.comparisons + 1 })
    }
    for (const { rule, count } of suppressed) {
      const known = this.#rules.get(rule)
      if (known !== undefined) this.#rules.set(rule, { ...known, hits: known.hits + count, lastHit: at })
    }
  }

  rules(): ReadonlyMap<string, RuleHits> {
    return new Map(
      [...this.#rules].map(([id, count]) => [
        id,
        { ...count, dead: count.hits === 0 && count.comparisons >= DEAD_AFTER },
      ]),
    )
  }

  totals(): Totals {
    const eligible = Object.values(this.#results).reduce((sum, count) => sum + count, 0)
    return { eligible, results: { ...this.#results }, unasked: { ...this.#unasked }, since: this.#since }
  }

  /** Of the comparisons that were decided: how many, and in how many of them nothing counts. */
  pairs(): { readonly compared: number; readonly matching: number } {
    const { match, tolerated, noise, divergent } = this.#results
    const matching = match + tolerated + noise
    return { compared: matching + divergent, matching }
  }

  /** The same with what is known of the rate. Reckoned once for the same numbers. */
  match(): Share {
    const { of, count } = this.#matching(SEVERITIES)
    if (this.#match.of !== of || this.#match.count !== count) this.#match = shareOf(count, of)
    return this.#match
  }

  matchBySeverity(): Readonly<Record<Severity, Share>> {
    return {
      low: this.#without(SEVERITIES),
      medium: this.#without(['medium', 'high']),
      high: this.#without(['high']),
    }
  }

  toJSON(): StoredCounts {
    return {
      since: this.#since,
      results: this.#results,
      unasked: this.#unasked,
      worst: this.#worst,
      rules: [...this.#rules],
    }
  }

  #without(severities: readonly Severity[]): Share {
    const { count, of } = this.#matching(severities)
    return shareOf(count, of)
  }

  #matching(severities: readonly Severity[]): Pick<Share, 'of' | 'count'> {
    const { match, tolerated, noise, divergent } = this.#results
    const of = match + tolerated + noise + divergent
    return { of, count: severities.reduce((left, severity) => left - this.#worst[severity], of) }
  }
}

export function shareOf(count: number, of: number): Share {
  if (of === 0) return { of, count, rate: null, interval: null }
  return { of, count, rate: count / of, interval: rateInterval(count, of) }
}

function zeros<Name extends string>(
  names: readonly Name[],
  stored: Readonly<Partial<Record<Name, number>>> | undefined,
): Record<Name, number> {
  return Object.fromEntries(names.map(name => [name, stored?.[name] ?? 0])) as Record<Name, number>
}
