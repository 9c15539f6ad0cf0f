// The bytes of answers that are held until they are compared: one budget for the process, one account for each exchange.
import type { Bytes } from '../model/units.ts'

export class Memory {
  /** Asked each time: a reload may change it. */
  readonly #limit: () => Bytes
  #held: Bytes = 0

  constructor(limit: () => Bytes) {
    this.#limit = limit
  }

  get held(): Bytes {
    return this.#held
  }

  account(): Account {
    return new Account(this)
  }

  take(bytes: Bytes): boolean {
    if (this.#held + bytes > this.#limit()) return false
    this.#held += bytes
    return true
  }

  giveBack(bytes: Bytes): void {
    this.#held -= bytes
  }
}

export class Account {
  readonly #memory: Memory
  #held: Bytes = 0
  #isClosed = false

  constructor(memory: Memory) {
    this.#memory = memory
  }

  /** False: there is no room, or the account is closed. */
  hold = (bytes: Bytes): boolean => {
    if (this.#isClosed || !this.#memory.take(bytes)) return false
    this.#held += bytes
    return true
  }

  /** Gives everything back, once. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#memory.giveBack(this.#held)
  }
}
