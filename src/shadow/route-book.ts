// All that is counted, learned and kept of one route, and how it is written down: the counts and what was learned in one record
// each, signatures and their exemplars in one each.

import { worse } from '../compare/found-places.ts'
import { NoiseBook } from '../compare/noise.ts'
import { idOf } from '../compare/noise-place.ts'
import type { Verdict } from '../compare/noise-verdict.ts'
import type { Exemplar, Finding, FoundPlace, Rule, Severity, ShadowResult, UnaskedReason } from '../model/comparison.ts'
import type { RouteId } from '../model/route.ts'
import type { EpochMs, Milliseconds } from '../model/units.ts'
import { Acknowledged, type StoredAcknowledged } from './acknowledged.ts'
import { Counts, type StoredCounts } from './counts.ts'
import { type ExemplarPair, Exemplars } from './exemplars.ts'
import { hidingRule } from './hiding.ts'
import { Kept, type Place, type Signature } from './kept.ts'
import { LatencyPairs } from './latency-pairs.ts'
import { inOrder, isAsked, type Row, rowOf, type SignatureQuery, viewOf } from './signature-row.ts'
import type { Space } from './space.ts'
import { type StoredTemplates, Templates } from './templates.ts'
import type { NoiseView, PlaceView, RouteShadowView, ShadowBrief, SignatureView, Suspension } from './view.ts'

/** Of what is written down. What another version wrote is not read. */
const FORMAT = 1

export interface BookParts {
  readonly route: RouteId
  readonly now: EpochMs
  /** Of places, and of exemplars: what is kept of one never costs the other. */
  readonly spaces: { readonly places: Space; readonly exemplars: Space }
  /** A record is another now, or gone. */
  readonly changed: (record: string) => void
}

export interface Seen {
  readonly template: string
  readonly finding: Finding
  readonly repeat: Finding | null
  readonly legacyMs: Milliseconds
  readonly newMs: Milliseconds
  readonly learning: boolean
  /** In force. */
  readonly rules: readonly Rule[]
}

export interface Outcome {
  readonly result: ShadowResult
  readonly divergent: readonly FoundPlace[]
  /** Divergent for the first time. */
  readonly news: readonly Signature[]
}

/** Signatures, of one comparison, that an exemplar is kept for. */
const EXEMPLAR_OF = 8

const MATCH: Outcome = { result: 'match', divergent: [], news: [] }

export interface StoredBook {
  readonly format: typeof FORMAT
  readonly template: string
  readonly learning: boolean
  readonly overflow: number
  readonly counts: StoredCounts
  readonly templates: StoredTemplates
  readonly acknowledged: StoredAcknowledged
  readonly latency: ConstructorParameters<typeof LatencyPairs>[0]
}

export class RouteBook {
  readonly #parts: BookParts
  readonly #kept: Kept
  readonly #exemplars: Exemplars
  #counts: Counts
  #templates = new Templates()
  #acknowledged = new Acknowledged()
  #latency = new LatencyPairs()
  #noise = new NoiseBook()
  /** Answers of the route are repeated, as far as is known. */
  #learning = false
  /** The route's, for people. */
  template = ''

  constructor(parts: BookParts) {
    const { route, spaces, changed, now } = parts
    this.#parts = parts
    this.#exemplars = new Exemplars(spaces.exemplars, id => changed(`exemplars-${id}`))
    this.#kept = new Kept(route, spaces.places, id => {
      changed(`signature-${id}`)
      if (!this.#kept.signatures.has(id)) this.#exemplars.remove(id)
    })
    this.#counts = new Counts(now)
  }

  ended(result: ShadowResult, reason: UnaskedReason | null): void {
    this.#counts.ended(result, reason)
    this.#parts.changed('counts')
  }

  compared({ template, finding, repeat, legacyMs, newMs, learning, rules }: Seen, at: EpochMs): Outcome {
    this.#learning = learning
    if (repeat !== null && repeat.result !== 'undecided' && finding.result !== 'undecided') {
      this.#noise.pair(template, finding.places, repeat.places, at)
      this.#parts.changed('noise')
    }
    this.#counts.suppressed(rules, finding, at)
    this.#latency.add(legacyMs, newMs)
    this.#templates.compared(template, at)
    this.#parts.changed('counts')
    // Nearly all of them.
    if (finding.result === 'match') {
      this.#counts.compared('match', 'low')
      return MATCH
    }
    const judged = finding.places.map(place => ({ place, state: this.#verdict(template, place, at).state }))
    const divergent = judged.filter(({ state }) => state === 'divergent').map(({ place }) => place)
    const result = resultOf(finding, new Set(judged.map(({ state }) => state)))
    this.#counts.compared(
      result,
      divergent.reduce<Severity>((worst, place) => worse(worst, place.severity), 'low'),
    )
    const seen = this.#kept.see(
      template,
      judged.map(({ place, state }) => ({ place, counts: state !== 'noise' })),
      at,
    )
    if (finding.exemplar !== null) this.#keepExemplar(seen, finding.exemplar)
    return { result, divergent, news: newsOf(seen.filter((_, i) => judged[i]?.state === 'divergent')) }
  }

  triaged(places: readonly FoundPlace[], verdict: 'persistent' | 'transient'): void {
    const signatures = new Set(places.map(place => this.#kept.of(place)))
    for (const signature of signatures) {
      if (signature === null) continue
      signature[verdict]++
      this.#parts.changed(`signature-${signature.id}`)
    }
  }

  /** `rules`: those in force now. */
  view(query: SignatureQuery, rules: readonly Rule[], suspended: readonly Suspension[], at: EpochMs): RouteShadowView {
    const judge = this.#judge(rules, at)
    const rows = [...this.#kept.signatures.values()]
      .map(signature => rowOf(signature, judge))
      .filter(row => isAsked(row, query))
      .sort(inOrder)
    return {
      route: this.#parts.route,
      template: this.template,
      totals: this.#counts.totals(),
      match: this.#counts.match(),
      matchBySeverity: this.#counts.matchBySeverity(),
      latency: this.#latency.view(),
      suspended,
      overflow: this.#kept.overflow,
      items: rows.slice(0, query.limit).map(row => this.#view(row)),
    }
  }

  /** The same in one line, without making the rest. */
  brief(rules: readonly Rule[], at: EpochMs): ShadowBrief {
    const judge = this.#judge(rules, at)
    let divergent = 0
    let worst: Severity | null = null
    for (const { places } of this.#kept.signatures.values()) {
      const faults = places.filter(place => judge(place).state === 'divergent')
      if (faults.length > 0) divergent++
      for (const { severity } of faults) worst = worst === null ? severity : worse(worst, severity)
    }
    return { match: this.#counts.match(), divergent, worst }
  }

  signature(id: string, rules: readonly Rule[], at: EpochMs): SignatureView | null {
    const signature = this.#kept.signatures.get(id)
    return signature === undefined ? null : this.#view(rowOf(signature, this.#judge(rules, at)))
  }

  acknowledge(id: string): boolean {
    const signature = this.#kept.signatures.get(id)
    if (signature === undefined) return false
    this.#acknowledged.add(id, this.#templates.comparisons(signature.places.map(place => place.template)))
    this.#parts.changed('counts')
    return this.#kept.remove(id)
  }

  /** The hash, or its beginning. */
  forget(keyHash: string): number {
    return this.#exemplars.removeWhere(exemplar => exemplar.keyHash?.startsWith(keyHash) === true)
  }

  /** What was learned, and what is taken for noise before anything was. */
  noise(at: EpochMs): readonly NoiseView[] {
    const learned = this.#noise.list(at, this.#learning)
    const known = new Set(learned.map(({ id }) => id))
    const unlearned = [...this.#kept.signatures.values()]
      .flatMap(({ places }) => places)
      .filter(place => place.prior !== null && !known.has(idOf(place.template, place)))
    return [...learned, ...unlearned.map(place => this.#noise.entry(place.template, place, at, this.#learning))]
  }

  revokeNoise(id: string, at: EpochMs): boolean {
    const place = [...this.#kept.signatures.values()]
      .flatMap(({ places }) => places)
      .find(place => idOf(place.template, place) === id)
    this.#parts.changed('noise')
    return this.#noise.revoke(id) || (place !== undefined && this.#noise.revokeUnlearned(place.template, place, at))
  }

  rules() {
    return this.#counts.rules()
  }

  pairs() {
    return this.#counts.pairs()
  }

  removeBefore(at: EpochMs): void {
    this.#exemplars.removeBefore(at)
    this.#kept.removeBefore(at)
    this.#templates.removeBefore(at)
  }

  /** It gives back its room, and its records go. */
  close(): void {
    for (const id of this.#kept.signatures.keys()) this.#kept.remove(id)
    for (const record of ['counts', 'noise']) this.#parts.changed(record)
    const { places, exemplars } = this.#parts.spaces
    places.leave(this.#kept)
    exemplars.leave(this.#exemplars)
  }

  /** All of them, a signature before its exemplars. */
  records(): readonly (readonly [record: string, text: string])[] {
    const ids = [...this.#kept.signatures.keys()]
    const names = ['counts', 'noise', ...ids.map(id => `signature-${id}`), ...ids.map(id => `exemplars-${id}`)]
    return names.flatMap(name => {
      const text = this.textOf(name)
      return text === null ? [] : [[name, text] as const]
    })
  }

  /** The record as JSON; null: there is none. */
  textOf(record: string): string | null {
    const value = this.#valueOf(record)
    return value === null ? null : JSON.stringify({ format: FORMAT, ...value })
  }

  /** Throws at what it cannot read. A signature comes before its exemplars. */
  read(record: string, text: string): void {
    const stored = JSON.parse(text)
    if (stored.format !== FORMAT) throw new Error(`format ${stored.format}`)
    const [name, id = ''] = record.split('-', 2)
    if (name === 'counts') this.#readBook(stored)
    else if (name === 'noise') this.#noise = NoiseBook.from(stored.learned)
    else if (name === 'signature') this.#kept.restore(stored.signature as Signature)
    else if (name === 'exemplars' && this.#kept.signatures.has(id)) this.#exemplars.restore(id, stored as ExemplarPair)
    else throw new Error(`nothing to put ${record} to`)
  }

  #valueOf(record: string): object | null {
    const [name, id = ''] = record.split('-', 2)
    if (name === 'noise') return { learned: this.#noise.toJSON() }
    if (name === 'signature') {
      const signature = this.#kept.signatures.get(id)
      return signature === undefined ? null : { signature }
    }
    if (name === 'exemplars') {
      const pair = this.#exemplars.of(id)
      return pair.first === null && pair.latest === null ? null : pair
    }
    if (name !== 'counts') return null
    const book: Omit<StoredBook, 'format'> = {
      template: this.template,
      learning: this.#learning,
      overflow: this.#kept.overflow,
      counts: this.#counts.toJSON(),
      templates: this.#templates.toJSON(),
      acknowledged: this.#acknowledged.toJSON(),
      latency: this.#latency.toJSON(),
    }
    return book
  }

  #readBook({ template, learning, overflow, counts, templates, acknowledged, latency }: StoredBook): void {
    this.template = template
    this.#learning = learning
    // What did not find room while it was read comes on top.
    this.#kept.overflow += overflow
    this.#counts = new Counts(this.#parts.now, counts)
    this.#templates = new Templates(templates)
    this.#acknowledged = new Acknowledged(acknowledged)
    this.#latency = new LatencyPairs(latency)
  }

  #verdict(template: string, place: FoundPlace, at: EpochMs): Verdict {
    return this.#noise.state(template, place, at, this.#learning)
  }

  #judge(rules: readonly Rule[], at: EpochMs): (place: Place) => Pick<PlaceView, 'state' | 'why'> {
    const known = this.#counts.rules()
    const hidingOf = hidingRule(rules, id => known.get(id) ?? null)
    return place => {
      const hiding = hidingOf(place, at)
      if (hiding === null) return this.#verdict(place.template, place, at)
      const { rule, isSure } = hiding
      return { state: 'ignored', why: isSure ? `hidden by ${rule} by now` : `not seen since ${rule} hides differences` }
    }
  }

  #view(row: Row): SignatureView {
    const { id, places } = row.signature
    const comparisons = this.#templates.comparisons(places.map(place => place.template))
    const all = comparisons.reduce((sum, [, count]) => sum + count, 0)
    const names = comparisons.map(([name]) => name)
    return viewOf(row, {
      route: this.#parts.route,
      template: this.template,
      comparisons: all - this.#acknowledged.before(id, names),
      exemplars: this.#exemplars.of(id),
    })
  }

  /** One answer may be wrong in a hundred fields: those that have none yet come first, the next exemplar is for others. */
  #keepExemplar(seen: readonly (Signature | null)[], exemplar: Exemplar): void {
    const ids = [...new Set(seen.flatMap(signature => signature?.id ?? []))]
    const without = ids.filter(id => this.#exemplars.of(id).first === null)
    const chosen = without.length > 0 ? without : ids
    for (const id of chosen.slice(0, EXEMPLAR_OF)) this.#exemplars.add(id, exemplar)
  }
}

function newsOf(divergent: readonly (Signature | null)[]): readonly Signature[] {
  const news = [...new Set(divergent)].filter(signature => signature !== null && !signature.isTold) as Signature[]
  for (const signature of news) signature.isTold = true
  return news
}

/** One place that is divergent is enough, and as long as one is undecided, nobody knows. */
function resultOf({ result, places }: Finding, states: ReadonlySet<Verdict['state']>): ShadowResult {
  if (result !== 'different') return result
  if (states.has('divergent') || places.length === 0) return 'divergent'
  return states.has('undecided') ? 'undecided' : 'noise'
}
