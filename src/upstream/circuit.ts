// Stops asking a backend whose requests fail.
//
//   closed  outcomes are counted; too large a share of failures, among enough requests, opens it
//   open    nobody is let through, except one request each `openMs`, which tries; its success closes, its failure
//           changes nothing
//
// Each change begins a new generation. Outcomes of an earlier one are not heard: what was asked before the circuit opened
// says nothing about whether the backend is well again, and what was asked while it was ill must not open it anew.
import type { CircuitPolicy } from '../model/route.ts'
import type { Clock, Milliseconds } from '../model/units.ts'
import { Recent } from './recent.ts'

/** What `admit` says to those whom it does not let through. */
export const REFUSED = -1

export class Circuit {
  readonly #policy: CircuitPolicy
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #requests: Recent
  readonly #errors: Recent
  #generation = 0
  /** null: closed. */
  #nextTryAt: Milliseconds | null = null

  constructor(policy: CircuitPolicy, clock: Pick<Clock, 'monotonic'>) {
    this.#policy = policy
    this.#clock = clock
    this.#requests = new Recent(policy.windowMs)
    this.#errors = new Recent(policy.windowMs)
  }

  get isClosed(): boolean {
    return this.#nextTryAt === null
  }

  /** Whether a request now would be let through, without taking the place of the one that tries. */
  get admits(): boolean {
    return this.#nextTryAt === null || this.#clock.monotonic() >= this.#nextTryAt
  }

  /** The generation to tell the outcome with, or `REFUSED`. */
  admit(): number {
    if (this.#nextTryAt === null) return this.#generation
    const now = this.#clock.monotonic()
    if (now < this.#nextTryAt) return REFUSED
    this.#nextTryAt = now + this.#policy.openMs
    return this.#generation
  }

  told(generation: number, ok: boolean): void {
    if (generation !== this.#generation) return
    if (this.#nextTryAt !== null) {
      if (ok) this.#change(null)
      return
    }
    const now = this.#clock.monotonic()
    this.#requests.turn(now)
    this.#errors.turn(now)
    this.#requests.add()
    if (ok) return
    this.#errors.add()
    const { minRequests, errorPercent, openMs } = this.#policy
    const requests = this.#requests.count
    if (requests >= minRequests && this.#errors.count * 100 >= requests * errorPercent) this.#change(now + openMs)
  }

  /** A request was let through and nothing was learnt from it: if it was the one that tries, the next one does. */
  unheard(generation: number): void {
    if (generation === this.#generation && this.#nextTryAt !== null) this.#nextTryAt = this.#clock.monotonic()
  }

  #change(nextTryAt: Milliseconds | null): void {
    this.#nextTryAt = nextTryAt
    this.#generation++
    this.#requests.clear()
    this.#errors.clear()
  }
}
