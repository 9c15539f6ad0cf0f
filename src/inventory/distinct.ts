// Counts how many different texts were seen: exactly up to 64, beyond it by a HyperLogLog of 256 registers, which is right
// within 7 % (one standard error). At most about 800 bytes.
import { estimate, mergeRegisters, noteHash, REGISTERS } from './registers.ts'

const EXACT = 64

export class Distinct {
  #exact: Set<number> | null = new Set()
  #registers: Uint8Array | null = null

  add(text: string): void {
    this.#addHash(hashOf(text))
  }

  /** What another one has seen, too. */
  merge(other: Distinct): void {
    if (other.#registers === null) {
      for (const hash of other.#exact ?? []) this.#addHash(hash)
      return
    }
    mergeRegisters(this.#spread(), other.#registers)
  }

  count(): number {
    return this.#registers === null ? (this.#exact?.size ?? 0) : estimate(this.#registers)
  }

  #addHash(hash: number): void {
    if (this.#registers === null && (this.#exact as Set<number>).size < EXACT) {
      this.#exact?.add(hash)
      return
    }
    if (this.#exact?.has(hash) === true) return
    noteHash(this.#spread(), hash)
  }

  #spread(): Uint8Array {
    if (this.#registers !== null) return this.#registers
    const registers = new Uint8Array(REGISTERS)
    for (const hash of this.#exact ?? []) noteHash(registers, hash)
    this.#registers = registers
    this.#exact = null
    return registers
  }
}

/** FNV-1a, and then stirred: its high bits alone are not even. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
