// Counts how many different texts were seen: exactly up to 64, beyond it by a HyperLogLog of 256 registers, which is right
// within 7 % (one standard error). At most about 800 bytes.

const EXACT = 64
const BITS = 8
const REGISTERS = 1 << BITS
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS)

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
    const mine = this.#spread()
    for (let i = 0; i < REGISTERS; i++) mine[i] = Math.max(mine[i] as number, other.#registers[i] as number)
  }

  count(): number {
    if (this.#registers === null) return this.#exact?.size ?? 0
    let sum = 0
    let zeros = 0
    for (const register of this.#registers) {
      sum += 2 ** -register
      if (register === 0) zeros++
    }
    const raw = (ALPHA * REGISTERS * REGISTERS) / sum
    return Math.round(raw <= 2.5 * REGISTERS && zeros > 0 ? REGISTERS * Math.log(REGISTERS / zeros) : raw)
  }

  #addHash(hash: number): void {
    if (this.#registers === null && (this.#exact as Set<number>).size < EXACT) {
      this.#exact?.add(hash)
      return
    }
    if (this.#exact?.has(hash) === true) return
    note(this.#spread(), hash)
  }

  #spread(): Uint8Array {
    if (this.#registers !== null) return this.#registers
    const registers = new Uint8Array(REGISTERS)
    for (const hash of this.#exact ?? []) note(registers, hash)
    this.#registers = registers
    this.#exact = null
    return registers
  }
}

function note(registers: Uint8Array, hash: number): void {
  const index = hash & (REGISTERS - 1)
  const rest = hash >>> BITS
  // Zeros in front of the first one, of 24 bits.
  const rank = Math.min(32 - BITS, Math.clz32(rest) - BITS) + 1
  if (rank > (registers[index] as number)) registers[index] = rank
}

/** FNV-1a, and then stirred: its high bits alone are not even. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
