// Whether two trees are equal, in one go and without recursion. Remembers which pairs are not: the walk asks again further down.
import { Exact } from './exact.ts'
import type { Meter } from './meter.ts'
import type { Json } from './read.ts'

export interface JsonObject {
  readonly [name: string]: Json
}

/** An own member; undefined: there is none. Cheaper than asking first: what is inherited is never JSON. */
export function member(object: JsonObject, name: string): Json | undefined {
  const value = object[name]
  return typeof value === 'function' || value === (Object.prototype as unknown) ? undefined : value
}

export function sameScalar(one: Json | undefined, other: Json | undefined): boolean {
  return one === other || (one instanceof Exact && other instanceof Exact && one.text === other.text)
}

/** Whether containers are to be taken for different although they may be equal. */
export type Unsure = (one: object, other: object) => boolean

export class Sameness {
  readonly #meter: Meter
  readonly #unsure: Unsure | null
  /** Of containers that differ, the last that it was found to differ from. */
  readonly #different = new Map<object, object>()
  /** What is still to be looked at, and how deep it is: the first `#left` of each. */
  #left = 0
  readonly #ones: object[] = []
  readonly #others: object[] = []
  readonly #depths: number[] = []
  /** From the top down to where we are: all of it differs as soon as one leaf does. */
  readonly #onePath: object[] = []
  readonly #otherPath: object[] = []

  constructor(meter: Meter, unsure: Unsure | null = null) {
    this.#meter = meter
    this.#unsure = unsure
  }

  /** `depth` of both in their trees. */
  same(one: Json | undefined, other: Json | undefined, depth: number): boolean {
    if (one === other) return true
    if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
    if (this.#different.get(one) === other) return false
    this.#left = 0
    this.#push(one, other, 0)
    while (this.#left > 0) {
      const x = this.#ones[--this.#left] as object
      const y = this.#others[this.#left] as object
      const level = this.#depths[this.#left] as number
      this.#onePath[level] = x
      this.#otherPath[level] = y
      this.#meter.depth(depth + level)
      if (this.#sameOutside(x, y, level)) continue
      // What differs at once is as soon found again.
      for (let i = 0; level > 0 && i <= level; i++)
        this.#different.set(this.#onePath[i] as object, this.#otherPath[i] as object)
      return false
    }
    return true
  }

  #push(one: object, other: object, level: number): void {
    this.#ones[this.#left] = one
    this.#others[this.#left] = other
    this.#depths[this.#left++] = level
  }

  /** Of containers: their scalars; containers in them are left for later. */
  #sameOutside(one: object, other: object, level: number): boolean {
    if (this.#unsure?.(one, other) === true) return false
    if (Array.isArray(one)) return Array.isArray(other) && this.#sameElements(one, other, level)
    if (one instanceof Exact) return other instanceof Exact && one.text === other.text
    if (Array.isArray(other) || other instanceof Exact) return false
    return this.#sameMembers(one as JsonObject, other as JsonObject, level)
  }

  #sameElements(one: readonly Json[], other: readonly Json[], level: number): boolean {
    if (one.length !== other.length) return false
    this.#meter.values(one.length * 2 + 2)
    for (let i = 0; i < one.length; i++) if (!this.#sameOrLater(one[i], other[i], level)) return false
    return true
  }

  #sameMembers(one: JsonObject, other: JsonObject, level: number): boolean {
    let count = 0
    for (const name in one) {
      count++
      if (!this.#sameOrLater(one[name], member(other, name), level)) return false
    }
    let otherCount = 0
    for (const _ in other) otherCount++
    this.#meter.members(otherCount)
    this.#meter.values(count + otherCount + 2)
    return count === otherCount
  }

  #sameOrLater(one: Json | undefined, other: Json | undefined, level: number): boolean {
    if (one === other) return true
    if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
    this.#push(one, other, level + 1)
    return true
  }
}
