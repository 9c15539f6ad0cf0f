// Who may be asked now: what a side bears is a cap on copies at the same time, a cap on copies in any second, one at a time
// for each session of legacy, and nothing at all while it does not answer.
import type { ShadowCaps } from '../model/comparison.ts'
import type { Clock, Milliseconds } from '../model/units.ts'

/** A second, and a little: what we spread evenly may arrive closer together. */
const SECOND_MS = 1_100
/** Failures in a row after which a side is left alone. */
const FAILURES = 5
const FIRST_PAUSE_MS = 5_000
const LONGEST_PAUSE_MS = 60_000

export type Refusal = 'rate' | 'concurrency' | 'breaker'

/** One side of one route. */
export class Admission {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #caps: ShadowCaps
  #inFlight = 0
  /** When the last `perSecond` copies went out, as a ring; null: there is no such cap. */
  readonly #sent: Float64Array | null
  #next = 0
  readonly breaker: Breaker

  constructor(caps: ShadowCaps, clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
    this.#caps = caps
    this.#sent = caps.perSecond === null ? null : new Float64Array(caps.perSecond).fill(Number.NEGATIVE_INFINITY)
    this.breaker = new Breaker(clock)
  }

  /** null: it is inside, and has to `leave`. */
  enter(): Refusal | null {
    const now = this.#clock.monotonic()
    if (this.#inFlight >= this.#caps.concurrent) return 'concurrency'
    if (this.#sent !== null && now - (this.#sent[this.#next] as number) < SECOND_MS) return 'rate'
    // Last: who is let through by it is the probe.
    if (!this.breaker.admits()) return 'breaker'
    this.#inFlight++
    if (this.#sent !== null) {
      this.#sent[this.#next] = now
      this.#next = (this.#next + 1) % this.#sent.length
    }
    return null
  }

  /** `answered` null: it says nothing of the side. */
  leave(answered: boolean | null): void {
    this.#inFlight--
    this.breaker.told(answered)
  }
}

/** Stops asking a side that does not answer, and tries it again with one request at a time. */
export class Breaker {
  readonly #clock: Pick<Clock, 'monotonic'>
  #failures = 0
  /** Open until then; then one is let through. */
  #openUntil: Milliseconds | null = null
  #pauseMs: Milliseconds = FIRST_PAUSE_MS
  #isProbing = false

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  get isOpen(): boolean {
    return this.#openUntil !== null
  }

  admits(): boolean {
    if (this.#openUntil === null) return true
    if (this.#isProbing || this.#clock.monotonic() < this.#openUntil) return false
    this.#isProbing = true
    return true
  }

  told(answered: boolean | null): void {
    if (answered === true) {
      this.#failures = 0
      this.#openUntil = null
      this.#pauseMs = FIRST_PAUSE_MS
    } else if (answered === false) {
      this.#failures++
      if (this.#openUntil !== null && this.#isProbing) {
        this.#pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * this.#pauseMs)
        this.#openUntil = this.#clock.monotonic() + this.#pauseMs
      } else if (this.#openUntil === null && this.#failures >= FAILURES) {
        this.#openUntil = this.#clock.monotonic() + this.#pauseMs
      }
    }
    this.#isProbing = false
  }
}
