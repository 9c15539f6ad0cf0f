// What a route's answers do by themselves: learned from comparisons in which legacy was asked twice.
//
// Such a pair says for each place whether new differed from legacy (`a`) and whether legacy differed from itself (`b`). How often
// only one of the two happened is what the pair test judges (evidence/pair-test.ts); noise-verdict.ts says what follows.
//
// Two things are up to whoever asks. Legacy is asked again later than new was, and by more than the steps of its clocks (two
// seconds): else what changes with time is found in new only. And only legacy excuses: a new side that differs from itself
// where legacy does not is a fault, so `b` is never new's own.
import type { FoundPlace } from '../model/comparison.ts'
import type { EpochMs } from '../model/units.ts'
import { begun, counted, entryOf, idOf, keyOf, type Learned, type NoiseEntry, useOf } from './noise-place.ts'
import { unlearned, type Verdict, verdictOf } from './noise-verdict.ts'

/** Of a route. Beyond it a tenth goes: what is proven last, else what was not seen for the longest time. */
export const MOST_PLACES = 1000
export const MOST_TEMPLATES = 500

/** Of what is stored. */
const FORMAT = 1

interface Template {
  /** Comparisons in which legacy was asked twice. */
  repeats: number
  /** Of the last one. */
  at: EpochMs
  /** Repeats when a place was last forgotten: what is begun after that may have been seen before. */
  since: number
  readonly places: Map<string, Learned>
}

export interface StoredNoise {
  readonly format: typeof FORMAT
  readonly templates: readonly (Omit<Template, 'places'> & {
    readonly template: string
    readonly places: readonly Learned[]
  })[]
}

export class NoiseBook {
  readonly #templates = new Map<string, Template>()

  /** `a`: where new differs from legacy; `b`: where legacy, asked again, differs from its first answer. */
  pair(template: string, a: readonly FoundPlace[], b: readonly FoundPlace[], at: EpochMs): void {
    const known = this.#template(template, at)
    known.repeats++
    known.at = at
    const [ofNew, ofSelf] = [byKey(a), byKey(b)]
    for (const [key, place] of new Map([...ofSelf, ...ofNew])) {
      const learned = known.places.get(key) ?? begun(place, known.since, at)
      const prior = learned.countsAnyway ? null : place.prior
      known.places.set(key, { ...counted(learned, ofNew.has(key), ofSelf.has(key), at), prior })
    }
    if (this.#size() > MOST_PLACES) this.#forgetPlaces()
  }

  /** What is thought of a difference that was found now. `learning`: answers of this route are repeated. */
  state(template: string, place: FoundPlace, at: EpochMs, learning: boolean): Verdict {
    const known = this.#templates.get(template)
    const learned = known?.places.get(keyOf(place)) ?? begun(place, known?.since ?? 0, at)
    const prior = learned.countsAnyway ? null : place.prior
    if (!learning) return unlearned(prior)
    const repeats = (known?.repeats ?? 0) - learned.since
    return verdictOf(place.kind, prior, { ...learned, repeats }, at)
  }

  list(at: EpochMs, learning = true): NoiseEntry[] {
    return this.#all().map(([template, { repeats }, learned]) => entryOf(template, repeats, learned, at, learning))
  }

  /** Of a place of which nothing was learned. */
  entry(template: string, place: FoundPlace, at: EpochMs, learning: boolean): NoiseEntry {
    const { repeats = 0, since = 0 } = this.#templates.get(template) ?? {}
    return entryOf(template, repeats, begun(place, since, at), at, learning)
  }

  /** What was learned at a place is forgotten: it begins anew, and what it looks like does not excuse it. False: there is none. */
  revoke(id: string): boolean {
    const found = this.#all().find(([template, , learned]) => idOf(template, learned) === id)
    if (found === undefined) return false
    const [, { repeats, places }, learned] = found
    places.set(keyOf(learned), { ...begun({ ...learned, prior: null }, repeats, learned.at), countsAnyway: true })
    return true
  }

  /** The same of a place of which nothing was learned. */
  revokeUnlearned(template: string, place: FoundPlace, at: EpochMs): boolean {
    const { places, repeats } = this.#template(template, at)
    places.set(keyOf(place), { ...begun({ ...place, prior: null }, repeats, at), countsAnyway: true })
    return true
  }

  toJSON(): StoredNoise {
    const templates = [...this.#templates].map(([template, { places, ...counts }]) => ({
      template,
      ...counts,
      places: [...places.values()],
    }))
    return { format: FORMAT, templates }
  }

  /** What another version wrote is not read: it is learned again. */
  static from(json: unknown): NoiseBook {
    const book = new NoiseBook()
    const stored = json as Partial<StoredNoise> | null | undefined
    if (stored?.format !== FORMAT) return book
    for (const { template, places, ...counts } of stored.templates ?? []) {
      book.#templates.set(template, { ...counts, places: new Map(places.map(learned => [keyOf(learned), learned])) })
    }
    return book
  }

  #template(template: string, at: EpochMs): Template {
    const known = this.#templates.get(template)
    if (known !== undefined) return known
    if (this.#templates.size >= MOST_TEMPLATES) this.#forgetTemplates()
    const fresh: Template = { repeats: 0, at, since: 0, places: new Map() }
    this.#templates.set(template, fresh)
    return fresh
  }

  #forgetPlaces(): void {
    const byUse = this.#all().sort(([, , one], [, , other]) => useOf(one) - useOf(other))
    for (const [, known, learned] of byUse.slice(0, byUse.length - 0.9 * MOST_PLACES)) {
      known.places.delete(keyOf(learned))
      known.since = known.repeats
    }
  }

  #forgetTemplates(): void {
    const use = ({ places, at }: Template) => Math.max(at, ...[...places.values()].map(useOf))
    const byUse = [...this.#templates].sort(([, one], [, other]) => use(one) - use(other))
    for (const [template] of byUse.slice(0, 0.1 * MOST_TEMPLATES)) this.#templates.delete(template)
  }

  #size(): number {
    return [...this.#templates.values()].reduce((sum, { places }) => sum + places.size, 0)
  }

  #all(): (readonly [template: string, known: Template, learned: Learned])[] {
    return [...this.#templates].flatMap(([template, known]) =>
      [...known.places.values()].map(learned => [template, known, learned] as const),
    )
  }
}

function byKey(places: readonly FoundPlace[]): Map<string, FoundPlace> {
  return new Map(places.map(place => [keyOf(place), place]))
}
