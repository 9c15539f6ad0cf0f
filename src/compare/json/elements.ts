// Which elements of two arrays belong together: by position with insertions and removals found, as multisets, or by key.
import { type Common, common } from './align.ts'
import type { Hashes } from './hash.ts'
import type { Marks } from './marks.ts'
import type { Meter } from './meter.ts'
import type { Json } from './read.ts'
import type { Sameness, Unsure } from './same.ts'
import { firsts, hashesOf, isMoved, keysOf, type Pairs, part, type Side, seconds, valuesOf, without } from './side.ts'
import { closest, closestInOrder } from './similar.ts'

/** Indexes. Elements that are equal to theirs are in none of the lists. */
export interface Pairing {
  readonly pairs: [legacy: number, fresh: number][]
  readonly missing: number[]
  readonly extra: number[]
  /** They come in another order; by position: and nothing else differs. */
  moved: boolean
  /** Some have no key, or one that others have, too. */
  unkeyed: boolean
}

/** Members that elements belong together by; `position`: neither of the others. */
export type Way = 'position' | 'unordered' | readonly string[]

/** One tree's. */
export interface Known {
  readonly hashes: Hashes
  readonly marks: Marks | null
}

/** Pairs the elements of one array with those of another, both at `depth`. */
export class Pairer {
  readonly #legacy: Known
  readonly #new: Known
  readonly #sameness: Sameness
  readonly #unsure: Unsure | null
  readonly #meter: Meter
  readonly #marked: boolean
  #depth = 0
  #found: Pairing = nothing()

  constructor(legacy: Known, fresh: Known, sameness: Sameness, unsure: Unsure | null, meter: Meter) {
    this.#legacy = legacy
    this.#new = fresh
    this.#sameness = sameness
    this.#unsure = unsure
    this.#meter = meter
    this.#marked = legacy.marks !== null || fresh.marks !== null
  }

  /** null: equal. */
  pair(legacy: readonly Json[], fresh: readonly Json[], depth: number, way: Way): Pairing | null {
    this.#depth = depth + 1
    const start = this.#samePart(legacy, fresh)
    if (start === legacy.length && start === fresh.length) return null
    this.#found = nothing()
    if (way === 'position' && this.#areInPlace(legacy, fresh, start)) return this.#found
    // Whether a key is the only one is to be seen among all.
    const [ones, others] = this.#withoutIgnored(legacy, fresh, typeof way === 'string' ? start : 0)
    if (way === 'position') this.#byPosition(ones, others)
    else if (way === 'unordered') this.#asMultisets(ones, others)
    else this.#byKey(ones, others, way)
    this.#found.pairs.sort(([a], [b]) => a - b)
    return this.#found
  }

  /** Elements from the beginning on that are equal in place. */
  #samePart(legacy: readonly Json[], fresh: readonly Json[]): number {
    const shorter = Math.min(legacy.length, fresh.length)
    let at = 0
    while (at < shorter && this.#isSame(legacy, at, fresh, at)) at++
    this.#meter.values(2 * at + 2)
    return at
  }

  /**
   * Short arrays of one length where what differs in place is nowhere else: no alignment keeps more of them together. What most
   * answers that differ look like, so neither hashes nor lists of places are made for them.
   */
  #areInPlace(legacy: readonly Json[], fresh: readonly Json[], start: number): boolean {
    if (this.#marked || legacy.length !== fresh.length) return false
    const { pairs } = this.#found
    for (let i = start; i < legacy.length; i++) {
      if (i > start && this.#isSame(legacy, i, fresh, i)) continue
      pairs.push([i, i])
      if (pairs.length * (legacy.length - start) > MOST_EACH_WITH_EACH) break
    }
    const isKnown =
      pairs.length * (legacy.length - start) <= MOST_EACH_WITH_EACH &&
      pairs.every(([at]) => this.#isNowhereElse(legacy, fresh, at, start))
    if (!isKnown) pairs.length = 0
    return isKnown
  }

  #isNowhereElse(legacy: readonly Json[], fresh: readonly Json[], at: number, start: number): boolean {
    for (let i = start; i < legacy.length; i++)
      if (i !== at && (this.#isSame(legacy, at, fresh, i) || this.#isSame(legacy, i, fresh, at))) return false
    return true
  }

  /** The ignored belong together among themselves: whether they are equal is for the walk to see. */
  #withoutIgnored(legacy: readonly Json[], fresh: readonly Json[], start: number): [Side, Side] {
    const [ignored, newIgnored] = [ignoredIn(legacy, this.#legacy.marks), ignoredIn(fresh, this.#new.marks)]
    if (legacy.length === fresh.length) {
      for (const index of ignored) newIgnored.add(index)
      for (const index of newIgnored) ignored.add(index)
    }
    this.#inOrder([...ignored].sort(rising), [...newIgnored].sort(rising))
    const side = (array: readonly Json[], { hashes }: Known, left: ReadonlySet<number>): Side => {
      const places: number[] = []
      for (let i = start; i < array.length; i++) if (!left.has(i)) places.push(i)
      return { array, hashes, places }
    }
    return [side(legacy, this.#legacy, ignored), side(fresh, this.#new, newIgnored)]
  }

  // ---- by position

  #byPosition(legacy: Side, fresh: Side): void {
    let [start, end, newEnd] = [0, legacy.places.length, fresh.places.length]
    while (start < end && start < newEnd && this.#alike(legacy, start, fresh, start)) start++
    while (end > start && newEnd > start && this.#alike(legacy, end - 1, fresh, newEnd - 1)) {
      end--
      newEnd--
    }
    if (end === newEnd) this.#sameLength(part(legacy, start, end), part(fresh, start, end))
    else this.#align(part(legacy, start, end), part(fresh, start, newEnd))
  }

  /** Equal, or equal but for what rules have their own opinion about: the walk has to look at those. */
  #alike(legacy: Side, at: number, fresh: Side, newAt: number): boolean {
    const [one, other] = [legacy.places[at] as number, fresh.places[newAt] as number]
    if (this.#isSame(legacy.array, one, fresh.array, other)) return true
    if (!this.#marked) return false
    if (legacy.hashes.ofElement(legacy.array, one) !== fresh.hashes.ofElement(fresh.array, other)) return false
    this.#found.pairs.push([one, other])
    return true
  }

  /** Where most are alike in place, the others are aligned among their neighbours only. */
  #sameLength(legacy: Side, fresh: Side): void {
    const different: number[] = []
    for (let i = 0; i < legacy.places.length; i++) if (!this.#alike(legacy, i, fresh, i)) different.push(i)
    if (different.length > 1 && this.#areMoved(legacy, fresh, different)) return
    if (different.length * 2 > legacy.places.length) {
      // Those alike were reported: all are looked at anew.
      if (this.#marked) this.#forget(legacy)
      this.#align(legacy, fresh)
      return
    }
    for (let i = 0; i < different.length; ) {
      let next = i + 1
      while (different[next] === (different[next - 1] as number) + 1) next++
      const [start, end] = [different[i] as number, (different[next - 1] as number) + 1]
      this.#align(part(legacy, start, end), part(fresh, start, end))
      i = next
    }
  }

  #forget(legacy: Side): void {
    const places = new Set(legacy.places)
    const kept = this.#found.pairs.filter(([one]) => !places.has(one))
    this.#found.pairs.splice(0, Number.POSITIVE_INFINITY, ...kept)
  }

  /** The same elements in another order? */
  #areMoved(legacy: Side, fresh: Side, different: readonly number[]): boolean {
    const ones = different.map(i => legacy.places[i] as number)
    const others = different.map(i => fresh.places[i] as number)
    // Mostly the first already is nowhere, which is sooner found than all the hashes are.
    if (!this.#marked && !others.some(other => this.#isSame(legacy.array, ones[0] as number, fresh.array, other)))
      return false
    const pairs = this.#byHash(legacy, ones, fresh, others)
    if (pairs.length < ones.length) return false
    const unequal = pairs.filter(([one, other]) => !this.#isSame(legacy.array, one, fresh.array, other))
    if (unequal.length > 0 && !this.#marked) return false
    this.#found.pairs.push(...unequal)
    this.#found.moved = true
    return true
  }

  #align(legacy: Side, fresh: Side): void {
    const [count, newCount] = [legacy.places.length, fresh.places.length]
    if (count === 0 || newCount === 0 || (count === 1 && newCount === 1)) {
      this.#inOrder(legacy.places, fresh.places)
      return
    }
    const { ones, others } = this.#haveNothingCommon(legacy, fresh)
      ? NOTHING_COMMON
      : common(hashesOf(legacy), hashesOf(fresh), this.#meter)
    let [at, newAt] = [0, 0]
    for (let k = 0; k <= ones.length; k++) {
      const [one, other] = [ones[k] ?? legacy.places.length, others[k] ?? fresh.places.length]
      this.#closest(part(legacy, at, one), part(fresh, newAt, other))
      if (k < ones.length) this.#keep(legacy, legacy.places[one] as number, fresh, fresh.places[other] as number)
      at = one + 1
      newAt = other + 1
    }
  }

  /** Of a few, comparing each with each is cheaper than hashing them. */
  #haveNothingCommon(legacy: Side, fresh: Side): boolean {
    if (this.#marked || legacy.places.length * fresh.places.length > MOST_EACH_WITH_EACH) return false
    return !legacy.places.some(one => fresh.places.some(other => this.#isSame(legacy.array, one, fresh.array, other)))
  }

  /** What is equal to none: all of the shorter side have a partner. */
  #closest(legacy: Side, fresh: Side): void {
    const [values, newValues] = [valuesOf(legacy), valuesOf(fresh)]
    if (values.length < newValues.length) {
      const chosen = closestInOrder(values, newValues, this.#meter)
      this.#chosen(
        legacy,
        fresh,
        chosen.map((other, i) => [i, other]),
      )
    } else {
      const chosen = closestInOrder(newValues, values, this.#meter)
      this.#chosen(
        legacy,
        fresh,
        chosen.map((one, i) => [one, i]),
      )
    }
  }

  // ---- as multisets, by key

  #asMultisets(legacy: Side, fresh: Side): void {
    const pairs = this.#byHash(legacy, legacy.places, fresh, fresh.places)
    this.#found.moved = isMoved(pairs)
    for (const [one, other] of pairs) this.#keep(legacy, one, fresh, other)
    const [rest, newRest] = [without(legacy, firsts(pairs)), without(fresh, seconds(pairs))]
    this.#chosen(rest, newRest, closest(valuesOf(rest), valuesOf(newRest), this.#meter))
  }

  #byKey(legacy: Side, fresh: Side, by: readonly string[]): void {
    const [keys, newKeys] = [keysOf(legacy, by), keysOf(fresh, by)]
    const pairs: [number, number][] = []
    const keyed = new Set<number>()
    const newKeyed = new Set<number>()
    for (const [key, place] of keys) {
      const other = newKeys.get(key)
      // A key that one side has more than once says nothing on the other side either.
      if (place === null || other === null) continue
      keyed.add(place)
      if (other === undefined) this.#found.missing.push(place)
      else pairs.push([place, other])
    }
    for (const [key, place] of newKeys) {
      if (place === null || keys.get(key) === null) continue
      newKeyed.add(place)
      if (!keys.has(key)) this.#found.extra.push(place)
    }
    this.#found.moved = isMoved(pairs)
    for (const [one, other] of pairs) this.#keep(legacy, one, fresh, other)
    const [rest, newRest] = [without(legacy, keyed), without(fresh, newKeyed)]
    this.#found.unkeyed = rest.places.length + newRest.places.length > 0
    if (this.#found.unkeyed) this.#byPosition(rest, newRest)
  }

  // ---- what was found

  /** Positions in `places`; those that are not chosen are on their own. */
  #chosen(legacy: Side, fresh: Side, chosen: Pairs): void {
    const at = ({ places }: Side, i: number) => places[i] as number
    const pairs = chosen.map(([i, k]): [number, number] => [at(legacy, i), at(fresh, k)])
    for (const pair of pairs) this.#found.pairs.push(pair)
    for (const one of without(legacy, firsts(pairs)).places) this.#found.missing.push(one)
    for (const other of without(fresh, seconds(pairs)).places) this.#found.extra.push(other)
  }

  #inOrder(ones: readonly number[], others: readonly number[]): void {
    const count = Math.min(ones.length, others.length)
    for (let i = 0; i < count; i++) this.#found.pairs.push([ones[i] as number, others[i] as number])
    for (let i = count; i < ones.length; i++) this.#found.missing.push(ones[i] as number)
    for (let i = count; i < others.length; i++) this.#found.extra.push(others[i] as number)
  }

  /** They belong together; a hash may have lied. */
  #keep(legacy: Side, one: number, fresh: Side, other: number): void {
    if (!this.#isSame(legacy.array, one, fresh.array, other)) this.#found.pairs.push([one, other])
  }

  #isSame(legacy: readonly Json[], one: number, fresh: readonly Json[], other: number): boolean {
    if (this.#unsure?.(legacy, fresh) === true) return false
    return this.#sameness.same(legacy[one], fresh[other], this.#depth)
  }

  /** The first of an element with the first, the second with the second; those in place stay there. */
  #byHash(legacy: Side, ones: readonly number[], fresh: Side, others: readonly number[]): [number, number][] {
    const places = new Map<number, number[]>()
    for (let i = others.length - 1; i >= 0; i--) {
      const hash = fresh.hashes.ofElement(fresh.array, others[i] as number)
      const known = places.get(hash)
      if (known === undefined) places.set(hash, [others[i] as number])
      else known.push(others[i] as number)
    }
    const pairs: [number, number][] = []
    for (const one of ones) {
      const other = places.get(legacy.hashes.ofElement(legacy.array, one))?.pop()
      if (other !== undefined) pairs.push([one, other])
    }
    return pairs
  }
}

const NOTHING_COMMON: Common = { ones: [], others: [] }
const MOST_EACH_WITH_EACH = 32

function nothing(): Pairing {
  return { pairs: [], missing: [], extra: [], moved: false, unkeyed: false }
}

function rising(one: number, other: number): number {
  return one - other
}

function ignoredIn(array: readonly Json[], marks: Marks | null): Set<number> {
  const ignored = new Set<number>()
  for (const [index, mark] of marks?.of(array) ?? []) if (mark.ignore !== null) ignored.add(index as number)
  return ignored
}
