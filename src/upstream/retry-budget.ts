// How many requests may be asked again. When a backend fails as a whole, asking everything twice makes it worse; so
// repetitions are a small share of what was asked lately. A few are always allowed, or a quiet backend had none.
import type { Milliseconds, Percent } from '../model/units.ts'
import { Recent } from './recent.ts'

const WINDOW_MS = 10_000
/** So many in the window, however little was asked. */
const ALWAYS = 3

export class RetryBudget {
  readonly #percent: Percent
  readonly #asked = new Recent(WINDOW_MS)
  readonly #repeated = new Recent(WINDOW_MS)

  constructor(percent: Percent) {
    this.#percent = percent
  }

  /** Once a request; cheap, since `turn` is called by somebody's timer. */
  asked(): void {
    this.#asked.add()
  }

  /** True: one was taken from the budget. */
  mayRetry(now: Milliseconds): boolean {
    this.turn(now)
    const most = Math.max(ALWAYS, (this.#asked.count * this.#percent) / 100)
    if (this.#repeated.count + 1 > most) return false
    this.#repeated.add()
    return true
  }

  turn(now: Milliseconds): void {
    this.#asked.turn(now)
    this.#repeated.turn(now)
  }
}
