// What a comparison has used of its budget. Whoever looks at values says so here; over budget ends all by `OverBudget`.
import type { CompareBudget } from '../../model/comparison.ts'
import type { Milliseconds } from '../../model/units.ts'

export class OverBudget extends Error {}

/** Values and steps between two looks at the clock. */
const BETWEEN_LOOKS = 4_096

export class Meter {
  readonly #budget: CompareBudget
  readonly #now: () => Milliseconds
  readonly #end: number
  #values = 0
  #untilLook = BETWEEN_LOOKS

  constructor(budget: CompareBudget, now: () => Milliseconds) {
    this.#budget = budget
    this.#now = now
    this.#end = now() + budget.timeMs
  }

  /** Values of one container of each side, or of one. */
  values(count: number): void {
    this.#values += count
    if (this.#values > this.#budget.nodes) throw new OverBudget(`more than ${this.#budget.nodes} values`)
    this.steps(count)
  }

  /** Work that is no look at a value. */
  steps(count: number): void {
    this.#untilLook -= count
    if (this.#untilLook > 0) return
    this.#untilLook = BETWEEN_LOOKS
    if (this.#now() > this.#end) throw new OverBudget(`it took longer than ${this.#budget.timeMs} ms`)
  }

  /** Of a container that is about to be looked at; a scalar as the whole has 0. */
  depth(depth: number): void {
    if (depth > this.#budget.depth) throw new OverBudget(`deeper than ${this.#budget.depth}`)
  }

  members(count: number): void {
    if (count > this.#budget.keys) throw new OverBudget(`an object with more than ${this.#budget.keys} members`)
  }
}
