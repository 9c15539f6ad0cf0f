// Takes a body in as it streams by: its length, a digest per block, its beginning. Never the whole of it.
import { createHash, type Hash } from 'node:crypto'
import type { Bytes } from '../../model/units.ts'
import { BLOCK_BYTES, type Body, KEPT_BYTES } from './answer.ts'

export interface BodyTaker<Kept = Body> {
  /** False: the bound is reached, and more is not wanted. */
  add(chunk: Buffer): boolean
  length(): Bytes
  end(): Kept
}

export function createBody(maxBytes: Bytes): BodyTaker {
  const blocks: string[] = []
  const kept: Buffer[] = []
  let hash: Hash | null = null
  let length = 0
  let cut = false
  return {
    add(chunk) {
      if (length + chunk.length > maxBytes) cut = true
      const taken = chunk.subarray(0, maxBytes - length)
      if (length < KEPT_BYTES) kept.push(Buffer.from(taken.subarray(0, KEPT_BYTES - length)))
      for (let from = 0; from < taken.length; ) {
        const piece = taken.subarray(from, from + BLOCK_BYTES - (length % BLOCK_BYTES))
        hash ??= createHash('sha256')
        hash.update(piece)
        from += piece.length
        length += piece.length
        if (length % BLOCK_BYTES === 0) {
          blocks.push(hash.digest('base64'))
          hash = null
        }
      }
      return !cut
    },
    length: () => length,
    end() {
      if (hash !== null) blocks.push(hash.digest('base64'))
      hash = null
      return { length, blocks, start: Buffer.concat(kept), cut }
    },
  }
}
