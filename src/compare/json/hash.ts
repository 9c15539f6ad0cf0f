// Hashes of subtrees, for finding elements that belong together. A hash only proposes: who needs to be sure compares. They depend
// on nothing but the content, so that a comparison the other way round pairs the same elements.
import { Exact } from './exact.ts'
import type { Marks } from './marks.ts'
import type { Meter } from './meter.ts'
import type { Json } from './read.ts'
import type { JsonObject } from './same.ts'

const OF_NULL = 0x1f3d5b79
const OF_TRUE = 0x2e4c6a88
const OF_FALSE = 0x3d5b7997
const OF_NUMBER = 0x4c6a88a6
const OF_STRING = 0x5b7997b5
const OF_ARRAY = 0x6a88a6c4
const OF_OBJECT = 0x7997b5d3
/** Of an element about which rules have their own opinion. */
const OF_MARKED = 0x13579bdf

const DOUBLE = new Float64Array(1)
const HALVES = new Int32Array(DOUBLE.buffer)

/** Of one tree. What its marks hide or compare in their own way has no part in a hash. */
export class Hashes {
  readonly #marks: Marks | null
  readonly #meter: Meter
  readonly #known = new Map<object, number>()

  constructor(marks: Marks | null, meter: Meter) {
    this.#marks = marks
    this.#meter = meter
  }

  ofElement(array: readonly Json[], index: number): number {
    const value = array[index] as Json
    if (typeof value === 'object' && value !== null && !this.#known.has(value)) this.#learn(value)
    return this.#ofPlace(array, index, value) ?? OF_MARKED
  }

  /** Containers from the top down, hashed from the bottom up. */
  #learn(root: object): void {
    const containers: object[] = [root]
    const found = (value: Json | undefined) => {
      if (typeof value === 'object' && value !== null && !this.#known.has(value)) containers.push(value)
    }
    for (let i = 0; i < containers.length; i++) {
      const container = containers[i] as object
      let count = 1
      if (Array.isArray(container)) {
        count += container.length
        for (let k = 0; k < container.length; k++) found(container[k])
      } else {
        for (const name in container) {
          count++
          found((container as JsonObject)[name])
        }
      }
      this.#meter.values(count)
    }
    for (let i = containers.length - 1; i >= 0; i--) {
      const container = containers[i] as object
      this.#known.set(container, this.#ofContainer(container))
    }
  }

  #ofContainer(container: object): number {
    if (container instanceof Exact) return ofText(container.text, OF_NUMBER)
    if (Array.isArray(container)) return this.#ofArray(container)
    let sum = OF_OBJECT
    for (const name in container) {
      const hash = this.#ofPlace(container, name, (container as JsonObject)[name] as Json)
      // Members have no order.
      if (hash !== null) sum = (sum + mixed(ofText(name, OF_OBJECT), hash)) | 0
    }
    return mixed(sum, OF_OBJECT)
  }

  #ofArray(array: readonly Json[]): number {
    let all = OF_ARRAY
    for (let i = 0; i < array.length; i++) {
      const hash = this.#ofPlace(array, i, array[i] as Json)
      if (hash !== null) all = mixed(all, hash)
    }
    return all
  }

  #ofMultiset(array: readonly Json[]): number {
    let sum = OF_ARRAY
    for (let i = 0; i < array.length; i++) {
      const hash = this.#ofPlace(array, i, array[i] as Json)
      if (hash !== null) sum = (sum + mixed(OF_ARRAY, hash)) | 0
    }
    return mixed(sum, OF_ARRAY)
  }

  /** null: left out. */
  #ofPlace(container: object, key: string | number, value: Json): number | null {
    const mark = this.#marks?.at(container, key) ?? null
    if (mark !== null) {
      if (mark.ignore !== null || mark.compare !== null || mark.expect !== null) return null
      if (Array.isArray(value) && (mark.unordered !== null || mark.keyed !== null)) return this.#ofMultiset(value)
    }
    return typeof value === 'object' && value !== null ? (this.#known.get(value) as number) : ofScalar(value)
  }
}

function ofScalar(value: Json): number {
  if (typeof value === 'string') return ofText(value, OF_STRING)
  if (typeof value === 'number') {
    // -0 is 0.
    DOUBLE[0] = value === 0 ? 0 : value
    return mixed(mixed(OF_NUMBER, HALVES[0] as number), HALVES[1] as number)
  }
  return value === null ? OF_NULL : value === true ? OF_TRUE : OF_FALSE
}

function ofText(text: string, seed: number): number {
  let hash = seed ^ text.length
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mixed(hash, seed)
}

function mixed(hash: number, more: number): number {
  let mix = Math.imul(hash ^ Math.imul(more, 0x85ebca6b), 0xc2b2ae35)
  mix ^= mix >>> 15
  mix = Math.imul(mix, 0x27d4eb2f)
  return mix ^ (mix >>> 13)
}
