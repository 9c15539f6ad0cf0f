// A HyperLogLog of 256 registers, one byte each: how many different hashes were seen, right within 7 % (one standard error).
// Those of several processes are merged register by register, as often as one likes.

const BITS = 8
export const REGISTERS = 1 << BITS
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS)
/** Registers as a text have one character each, from here on: none of them means anything to JSON. */
const FIRST_CHARACTER = 48
const MOST = 32 - BITS + 1

/** @param hash whose low 32 bits are even: nothing else of it is looked at */
export function noteHash(registers: Uint8Array, hash: number): void {
  const index = hash & (REGISTERS - 1)
  // Zeros in front of the first one, of 24 bits.
  const rank = Math.min(32 - BITS, Math.clz32(hash >>> BITS) - BITS) + 1
  if (rank > (registers[index] as number)) registers[index] = rank
}

export function mergeRegisters(into: Uint8Array, from: Uint8Array): void {
  for (let i = 0; i < REGISTERS; i++) into[i] = Math.max(into[i] as number, from[i] as number)
}

export function estimate(registers: Uint8Array): number {
  let sum = 0
  let zeros = 0
  for (const register of registers) {
    sum += 2 ** -register
    if (register === 0) zeros++
  }
  const raw = (ALPHA * REGISTERS * REGISTERS) / sum
  return Math.round(raw <= 2.5 * REGISTERS && zeros > 0 ? REGISTERS * Math.log(REGISTERS / zeros) : raw)
}

export function textOfRegisters(registers: Uint8Array): string {
  return String.fromCharCode(...registers.map(register => register + FIRST_CHARACTER))
}

/** null: it is none. */
export function registersFrom(text: unknown): Uint8Array | null {
  if (typeof text !== 'string' || text.length !== REGISTERS) return null
  const registers = new Uint8Array(REGISTERS)
  for (let i = 0; i < REGISTERS; i++) {
    const register = text.charCodeAt(i) - FIRST_CHARACTER
    if (register < 0 || register > MOST) return null
    registers[i] = register
  }
  return registers
}
