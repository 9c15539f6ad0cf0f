// Exemplars of a route's signatures: the first and the latest of each, within the bytes that there are. What nobody added to
// for the longest time goes first.
import { LRUCache } from 'lru-cache'
import type { Exemplar } from '../model/comparison.ts'
import type { Bytes, EpochMs } from '../model/units.ts'
import type { Space, Tenant } from './space.ts'

type Which = 'first' | 'latest'

export interface ExemplarPair {
  readonly first: Exemplar | null
  readonly latest: Exemplar | null
}

export class Exemplars implements Tenant {
  readonly #kept: LRUCache<string, Exemplar>
  readonly #space: Space

  /** `changed` hears of every signature whose exemplars are others now. */
  constructor(space: Space, changed: (signature: string) => void) {
    this.#space = space
    this.#kept = new LRUCache({
      maxSize: Math.max(1, Math.floor(space.total)),
      // One of them is not worth all others.
      maxEntrySize: Math.max(1, Math.floor(space.total / 4)),
      dispose: (_, key) => changed(key.slice(key.indexOf(' ') + 1)),
      onInsert: (_, key) => changed(key.slice(key.indexOf(' ') + 1)),
    })
    space.enter(this)
  }

  get bytes(): Bytes {
    return this.#kept.calculatedSize
  }

  add(signature: string, exemplar: Exemplar): void {
    // Used again: it is not older than the latest.
    const isFirst = this.#kept.get(keyOf(signature, 'first')) === undefined
    this.#set(signature, isFirst ? 'first' : 'latest', exemplar)
  }

  of(signature: string): ExemplarPair {
    const at = (which: Which) => this.#kept.peek(keyOf(signature, which)) ?? null
    return { first: at('first'), latest: at('latest') }
  }

  restore(signature: string, { first, latest }: ExemplarPair): void {
    if (first !== null) this.#set(signature, 'first', first)
    if (latest !== null) this.#set(signature, 'latest', latest)
  }

  remove(signature: string): void {
    for (const which of ['first', 'latest'] as const) this.#delete(keyOf(signature, which))
  }

  /** How many were removed. */
  removeWhere(test: (exemplar: Exemplar) => boolean): number {
    const found = [...this.#kept.entries()].filter(([, exemplar]) => test(exemplar))
    for (const [key] of found) this.#delete(key)
    return found.length
  }

  removeBefore(at: EpochMs): void {
    this.removeWhere(exemplar => exemplar.at < at)
  }

  giveUp(bytes: Bytes): void {
    const before = this.bytes
    while (this.#kept.size > 0 && before - this.bytes < bytes) this.#kept.pop()
    this.#space.used += this.bytes - before
  }

  #set(signature: string, which: Which, exemplar: Exemplar): void {
    const key = keyOf(signature, which)
    this.#delete(key)
    const size = sizeOf(exemplar)
    if (size > this.#kept.maxEntrySize) return
    // Its own oldest make room.
    if (!this.#space.admits(this, size)) this.giveUp(size)
    if (!this.#space.admits(this, size)) return
    const before = this.bytes
    this.#kept.set(key, exemplar, { size })
    this.#space.used += this.bytes - before
  }

  #delete(key: string): void {
    const before = this.bytes
    this.#kept.delete(key)
    this.#space.used += this.bytes - before
  }
}

function keyOf(signature: string, which: Which): string {
  return `${which} ${signature}`
}

/** One may be kept for several signatures. */
const sizes = new WeakMap<Exemplar, Bytes>()

function sizeOf(exemplar: Exemplar): Bytes {
  let size = sizes.get(exemplar)
  if (size === undefined) {
    size = 500 + 2 * JSON.stringify(exemplar).length
    sizes.set(exemplar, size)
  }
  return size
}
