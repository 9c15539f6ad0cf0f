// Copies an answer's body while it passes: whole as long as it is small, above that as hashes of its blocks. Runs on the data
// path, so the usual body, one short piece, costs one copy.
import { createHash, type Hash } from 'node:crypto'
import type { BodyCopy } from '../model/comparison.ts'
import type { Bytes } from '../model/units.ts'

export const BLOCK_BYTES = 65536
/** Of a body that is hashed so much is kept in `start`: enough to see what it is, and most first differences exactly. */
export const START_BYTES = 4096

const NONE = new Uint8Array(0)

export class BodyCopier {
  static readonly EMPTY: BodyCopy = Object.freeze({ length: 0, complete: true, start: NONE, blocks: null })

  readonly #keepBytes: Bytes
  #length = 0
  /** Longer than what is in it while it grows. */
  #kept: Uint8Array = NONE
  #blocks: string[] | null = null
  /** Of the block that is not full yet; null: nothing is in it. */
  #hash: Hash | null = null

  constructor(keepBytes: Bytes) {
    this.#keepBytes = keepBytes
  }

  get length(): Bytes {
    return this.#length
  }

  /** Copies: whoever owns the piece may overwrite it afterwards. */
  add(piece: Uint8Array): void {
    const before = this.#length
    this.#length += piece.length
    if (this.#blocks !== null) this.#digest(piece, before)
    else if (this.#length <= this.#keepBytes) this.#keep(piece, before)
    else {
      this.#blocks = []
      this.#digest(this.#kept.subarray(0, before), 0)
      this.#digest(piece, before)
      const start = new Uint8Array(Math.min(START_BYTES, this.#length))
      start.set(this.#kept.subarray(0, Math.min(before, start.length)))
      if (before < start.length) start.set(piece.subarray(0, start.length - before), before)
      this.#kept = start
    }
  }

  /** `complete` false: there was more, but reading was stopped. Nothing may be added afterwards. */
  end(complete: boolean): BodyCopy {
    const length = this.#length
    if (length === 0 && complete) return BodyCopier.EMPTY
    if (this.#blocks === null) return { length, complete, start: this.#fitting(), blocks: null }
    if (this.#hash !== null) this.#blocks.push(this.#hash.digest('hex'))
    return { length, complete, start: this.#kept, blocks: this.#blocks }
  }

  #keep(piece: Uint8Array, before: number): void {
    // From Node's pool where it is small: memory of its own costs six times as much.
    if (before === 0) this.#kept = Buffer.from(piece)
    else {
      if (this.#length > this.#kept.length) {
        const larger = Buffer.allocUnsafeSlow(Math.min(this.#keepBytes, Math.max(this.#length, 2 * this.#kept.length)))
        larger.set(this.#kept.subarray(0, before))
        this.#kept = larger
      }
      this.#kept.set(piece, before)
    }
  }

  #fitting(): Uint8Array {
    return this.#kept.length === this.#length ? this.#kept : Buffer.copyBytesFrom(this.#kept, 0, this.#length)
  }

  /** `before` is how much of the body came before the piece. */
  #digest(piece: Uint8Array, before: number): void {
    let taken = 0
    while (taken < piece.length) {
      const room = BLOCK_BYTES - ((before + taken) % BLOCK_BYTES)
      const part = piece.subarray(taken, taken + room)
      this.#hash ??= createHash('sha256')
      this.#hash.update(part)
      taken += part.length
      if (part.length < room) return
      this.#blocks?.push(this.#hash.digest('hex'))
      this.#hash = null
    }
  }
}

/** In memory of its own, which may be moved to another thread: a small copy is a view of a pool. */
export function detached(copy: BodyCopy): BodyCopy {
  return { ...copy, start: new Uint8Array(copy.start) }
}

/** null: it cannot be known, because neither side was read to its end. */
export function sameBytes(a: BodyCopy, b: BodyCopy): boolean | null {
  if (a.complete && b.complete && a.length !== b.length) return false
  if (a.blocks === null && b.blocks === null && a.length === b.length) {
    if (Buffer.compare(a.start, b.start) !== 0) return false
  } else if (firstDifference(a, b) !== null) return false
  if (a.complete && b.complete) return true
  // Whoever was not read to the end has more than was read.
  return (a.complete && a.length <= b.length) || (b.complete && b.length <= a.length) ? false : null
}

/** `exact`: it is the first byte that differs; else the first is there or after it, or there is none. */
export interface Difference {
  readonly at: number
  readonly exact: boolean
}

/** Where the bytes that are known of both begin to differ; null: they do not. */
export function firstDifference(a: BodyCopy, b: BodyCopy): Difference | null {
  const start = Math.min(a.start.length, b.start.length)
  for (let at = 0; at < start; at++) if (a.start[at] !== b.start[at]) return { at, exact: true }
  if (a.blocks === null && b.blocks === null) return null
  const [left, right] = [a.blocks ?? blocksOf(a.start), b.blocks ?? blocksOf(b.start)]
  const count = comparableBlocks(a, b)
  for (let i = 0; i < count; i++) {
    if (left[i] !== right[i]) return { at: Math.max(i * BLOCK_BYTES, i === 0 ? start : 0), exact: false }
  }
  return null
}

/** Without a first difference: so many bytes are known to be equal. */
export function equalBytes(a: BodyCopy, b: BodyCopy): number {
  const shorter = Math.min(a.length, b.length)
  if (a.blocks === null && b.blocks === null) return shorter
  return Math.min(shorter, Math.max(START_BYTES, comparableBlocks(a, b) * BLOCK_BYTES))
}

/** A last block that is shorter has another hash, whatever is in it. */
function comparableBlocks(a: BodyCopy, b: BodyCopy): number {
  return (a.length === b.length ? Math.ceil : Math.floor)(Math.min(a.length, b.length) / BLOCK_BYTES)
}

function blocksOf(bytes: Uint8Array): string[] {
  const blocks: string[] = []
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    blocks.push(
      createHash('sha256')
        .update(bytes.subarray(at, at + BLOCK_BYTES))
        .digest('hex'),
    )
  }
  return blocks
}
