// Which elements of two sequences belong together in order: a longest common subsequence, within bounds. Elements are numbers:
// equal numbers, equal elements. The other way round it pairs the same ones.
import type { Meter } from './meter.ts'

/** What is common, in rising order on both sides: `ones[k]` belongs to `others[k]`. */
export interface Common {
  readonly ones: readonly number[]
  readonly others: readonly number[]
}

/** Pairs of equal elements, for each element of both sequences, up to which all are considered. */
const MOST_PAIRS_EACH = 8
/** Edits up to which sequences of often repeated elements are aligned exactly. */
const MOST_EDITS = 256

export function common(one: readonly number[], other: readonly number[], meter: Meter): Common {
  if (comesFirst(one, other)) return aligned(one, other, meter)
  const { ones, others } = aligned(other, one, meter)
  return { ones: others, others: ones }
}

/** Some order, so that both ways round are one. */
function comesFirst(one: readonly number[], other: readonly number[]): boolean {
  if (one.length !== other.length) return one.length < other.length
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return (one[i] as number) < (other[i] as number)
  return true
}

function aligned(one: readonly number[], other: readonly number[], meter: Meter): Common {
  const places = placesOf(other)
  let pairs = 0
  for (const element of one) pairs += places.get(element)?.length ?? 0
  if (pairs <= MOST_PAIRS_EACH * (one.length + other.length)) {
    return risingPairs(one, element => places.get(element) ?? NOWHERE, meter)
  }
  return fewestEdits(one, other, meter) ?? risingPairs(one, eachOnce(places), meter)
}

const NOWHERE: readonly number[] = []

/** Where each element is, the last place first. */
function placesOf(sequence: readonly number[]): ReadonlyMap<number, number[]> {
  const places = new Map<number, number[]>()
  for (let i = sequence.length - 1; i >= 0; i--) {
    const element = sequence[i] as number
    const known = places.get(element)
    if (known === undefined) places.set(element, [i])
    else known.push(i)
  }
  return places
}

/** The first of an element with the first, the second with the second. */
function eachOnce(places: ReadonlyMap<number, number[]>): (element: number) => readonly number[] {
  const left = new Map<number, number>()
  return element => {
    const all = places.get(element)
    const used = left.get(element) ?? 0
    if (all === undefined || used >= all.length) return NOWHERE
    left.set(element, used + 1)
    return [all[all.length - 1 - used] as number]
  }
}

/** Hunt and Szymanski: the longest rising chain of pairs; `placesIn` gives those in the other sequence, the last first. */
function risingPairs(one: readonly number[], placesIn: (element: number) => readonly number[], meter: Meter): Common {
  /** Per length, where in the other sequence the chain of that length ends first, and its last pair. */
  const ends: number[] = []
  const last: number[] = []
  const pairOne: number[] = []
  const pairOther: number[] = []
  const pairBefore: number[] = []
  for (let i = 0; i < one.length; i++) {
    const places = placesIn(one[i] as number)
    meter.steps(1 + places.length)
    for (const place of places) {
      const length = firstNotBelow(ends, place)
      if (ends[length] === place) continue
      pairOne.push(i)
      pairOther.push(place)
      pairBefore.push(length === 0 ? -1 : (last[length - 1] as number))
      ends[length] = place
      last[length] = pairOne.length - 1
    }
  }
  const ones: number[] = []
  const others: number[] = []
  for (let pair = last.at(-1) ?? -1; pair !== -1; pair = pairBefore[pair] as number) {
    ones.push(pairOne[pair] as number)
    others.push(pairOther[pair] as number)
  }
  return { ones: ones.reverse(), others: others.reverse() }
}

function firstNotBelow(rising: readonly number[], value: number): number {
  let low = 0
  let high = rising.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((rising[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}

/** Myers: the furthest place on each diagonal, edit by edit; null: more than `MOST_EDITS`. */
function fewestEdits(one: readonly number[], other: readonly number[], meter: Meter): Common | null {
  if (Math.abs(one.length - other.length) > MOST_EDITS) return null
  const trace: Int32Array[] = []
  let before = new Int32Array(3)
  for (let edits = 0; edits <= MOST_EDITS; edits++) {
    // Index of diagonal d is d + edits + 1; one cell more at each end.
    const furthest = new Int32Array(2 * edits + 3)
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      let x = edits === 0 ? 0 : startOf(before, edits, diagonal)
      const from = x
      while (x < one.length && x - diagonal < other.length && one[x] === other[x - diagonal]) x++
      meter.steps(x - from + 1)
      furthest[diagonal + edits + 1] = x
      if (x >= one.length && x - diagonal >= other.length) return walkBack(trace, edits, one.length, other.length)
    }
    trace.push(furthest)
    before = furthest
  }
  return null
}

/** One edit further on this diagonal: down from the one above, or right from the one below, whichever is further. */
function startOf(before: Int32Array, edits: number, diagonal: number): number {
  return (before[sourceOf(before, edits, diagonal) + edits] as number) + (isDown(before, edits, diagonal) ? 0 : 1)
}

function sourceOf(before: Int32Array, edits: number, diagonal: number): number {
  return isDown(before, edits, diagonal) ? diagonal + 1 : diagonal - 1
}

function isDown(before: Int32Array, edits: number, diagonal: number): boolean {
  if (diagonal === -edits || diagonal === edits) return diagonal === -edits
  return (before[diagonal - 1 + edits] as number) < (before[diagonal + 1 + edits] as number)
}

function walkBack(trace: readonly Int32Array[], most: number, oneLength: number, otherLength: number): Common {
  const ones: number[] = []
  const others: number[] = []
  let diagonal = oneLength - otherLength
  let x = oneLength
  for (let edits = most; edits >= 0; edits--) {
    const before = trace[edits - 1]
    const start = before === undefined ? 0 : startOf(before, edits, diagonal)
    for (; x > start; x--) {
      ones.push(x - 1)
      others.push(x - 1 - diagonal)
    }
    if (before === undefined) break
    diagonal = sourceOf(before, edits, diagonal)
    x = before[diagonal + edits] as number
  }
  return { ones: ones.reverse(), others: others.reverse() }
}
