// Which of the elements that are equal to none belong together nevertheless: those that have most in common.
import type { Meter } from './meter.ts'
import type { Json } from './read.ts'
import { type JsonObject, member, sameScalar } from './same.ts'

/** Pairs that are looked at, at most; beyond that elements belong together in order. */
const MOST_LOOKS = 100_000

/**
 * All of the shorter list have one of the longer, in order; those left out of the longer are the ones that are least like any.
 * Gives for each of the shorter the index in the longer.
 */
export function closestInOrder(shorter: readonly Json[], longer: readonly Json[], meter: Meter): readonly number[] {
  const spare = longer.length - shorter.length
  const inOrder = shorter.map((_, i) => i)
  if (spare === 0 || shorter.length * (spare + 1) > MOST_LOOKS) return inOrder
  // best[i][s]: likeness of the first i of the shorter with `s` of the longer left out before them.
  const width = spare + 1
  const best = new Float64Array((shorter.length + 1) * width)
  for (let i = 1; i <= shorter.length; i++) {
    let most = Number.NEGATIVE_INFINITY
    for (let s = 0; s <= spare; s++) {
      most = Math.max(most, best[(i - 1) * width + s] as number)
      best[i * width + s] = most + likeness(shorter[i - 1], longer[i - 1 + s], meter)
    }
  }
  let left = spare
  for (let i = shorter.length; i > 0; i--) {
    let chosen = left
    for (let s = left; s >= 0; s--)
      if ((best[i * width + s] as number) >= (best[i * width + chosen] as number)) chosen = s
    inOrder[i - 1] = i - 1 + chosen
    left = chosen
  }
  return inOrder
}

/** Best first, without regard to order: pairs of indexes, as many as the shorter list has elements. */
export function closest(ones: readonly Json[], others: readonly Json[], meter: Meter): readonly [number, number][] {
  const count = Math.min(ones.length, others.length)
  if (ones.length * others.length > MOST_LOOKS) return Array.from({ length: count }, (_, i) => [i, i])
  const pairs = ones.flatMap((one, i) => others.map((other, k) => ({ i, k, like: likeness(one, other, meter) })))
  pairs.sort((a, b) => b.like - a.like || Math.abs(a.i - a.k) - Math.abs(b.i - b.k) || a.i - b.i)
  const [used, otherUsed] = [new Set<number>(), new Set<number>()]
  const chosen: [number, number][] = []
  for (const { i, k } of pairs) {
    if (used.has(i) || otherUsed.has(k)) continue
    used.add(i)
    otherUsed.add(k)
    chosen.push([i, k])
  }
  return chosen
}

/** Members by which people tell things apart count more. */
const NAME_OF_KEY = /^_?(id|uuid|guid|key|code|sku|ref|slug)$/i
const WEIGHT_OF_KEY = 4

/** 0 of different types, else up to 2: by equal scalar members of objects, and by elements of arrays in place. */
function likeness(one: Json | undefined, other: Json | undefined, meter: Meter): number {
  meter.steps(1)
  if (typeof one !== typeof other) return 0
  if (typeof one !== 'object' || one === null || other === null) return 1
  if (Array.isArray(one) !== Array.isArray(other)) return 0
  let all = 0
  let equal = 0
  for (const name in one as JsonObject) {
    const value = member(one as JsonObject, name)
    const otherValue = member(other as JsonObject, name)
    const weight = NAME_OF_KEY.test(name) ? WEIGHT_OF_KEY : 1
    all += weight
    if (sameScalar(value, otherValue)) equal += weight
    // What is in them is not looked at.
    else if (typeof value === 'object' && typeof otherValue === 'object') equal += 0.5
  }
  for (const name in other as JsonObject) if (member(one as JsonObject, name) === undefined) all++
  meter.steps(all)
  return 1 + equal / Math.max(1, all)
}
