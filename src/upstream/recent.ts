// How often something happened lately: a sliding window, kept in a few slots that are counted and thrown away whole.
import type { Milliseconds } from '../model/units.ts'

const SLOTS = 10

/** `turn` moves the window to now; counting itself looks at no clock. */
export class Recent {
  readonly #slotMs: Milliseconds
  readonly #slots: number[] = new Array(SLOTS).fill(0)
  #at = 0
  #began: Milliseconds = 0
  #count = 0

  constructor(windowMs: Milliseconds) {
    this.#slotMs = windowMs / SLOTS
  }

  get count(): number {
    return this.#count
  }

  add(): void {
    this.#slots[this.#at] = (this.#slots[this.#at] as number) + 1
    this.#count++
  }

  turn(now: Milliseconds): void {
    const steps = Math.floor((now - this.#began) / this.#slotMs)
    if (steps <= 0) return
    if (steps >= SLOTS) {
      this.clear()
      this.#began = now
      return
    }
    for (let i = 0; i < steps; i++) {
      this.#at = (this.#at + 1) % SLOTS
      this.#count -= this.#slots[this.#at] as number
      this.#slots[this.#at] = 0
    }
    this.#began += steps * this.#slotMs
  }

  clear(): void {
    this.#slots.fill(0)
    this.#count = 0
  }
}
