// `stopAbove`: whether legacy has become slower for its users since it is asked as a shadow, too. While it is, it is not.
//
// What it was like before is measured while nobody is asked: a quiet minute at the beginning, and one after each stop. So the
// first minute is without copies, and so is a stop's.
import type { Clock, Milliseconds } from '../model/units.ts'

/** The latencies that are looked at are of a minute. */
const QUIET_MS: Milliseconds = 60_000
const LOOK_EVERY_MS: Milliseconds = 5_000
/** After a stop: time for whatever it was to pass. */
const STOP_MS: Milliseconds = 300_000

export class SlowDown {
  readonly #clock: Pick<Clock, 'monotonic'>
  #quietUntil: Milliseconds
  /** null: not measured yet. */
  #before: Milliseconds | null = null
  #lookAt: Milliseconds = 0

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
    this.#quietUntil = clock.monotonic() + QUIET_MS
  }

  /** `rise`: 0.2 is +20 %. `p95`: of the last minute; null: there was too little traffic to tell. */
  stops(rise: number, p95: () => Milliseconds | null): boolean {
    const now = this.#clock.monotonic()
    if (now < this.#quietUntil) return true
    if (this.#before === null) {
      this.#before = p95()
      if (this.#before === null) return true
      this.#lookAt = now + LOOK_EVERY_MS
    }
    if (now < this.#lookAt) return false
    this.#lookAt = now + LOOK_EVERY_MS
    const since = p95()
    if (since === null || since <= this.#before * (1 + rise)) return false
    this.#before = null
    this.#quietUntil = now + STOP_MS
    return true
  }
}
