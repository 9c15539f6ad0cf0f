// What is thought of one address, from what happened to requests (passive) and from probes (active).
//
// Passive: a refused connection, or a few requests in a row without an answer, and the address is avoided for a while that
// doubles each time. Then it is not tried with a client's request but with a connection of our own (a "proof"). One answer
// to anybody heals it at once.
import type { HealthPolicy } from '../model/route.ts'
import type { Milliseconds } from '../model/units.ts'

/** Requests in a row without an answer; a connection that is refused leaves nothing to wait for. */
const FAILURES = 3
const FIRST_AVOIDED_MS = 1_000
const LONGEST_AVOIDED_MS = 30_000

/** `untried`: one of several addresses of a name, and not yet known to take connections at all. */
export type Opinion = 'good' | 'untried' | 'avoided'

export class Standing {
  #opinion: Opinion
  #failures = 0
  /** How often it has been avoided since its last answer. */
  #times = 0
  #proofAt: Milliseconds = Number.NEGATIVE_INFINITY

  constructor(opinion: 'good' | 'untried') {
    this.#opinion = opinion
  }

  get opinion(): Opinion {
    return this.#opinion
  }

  /** Nothing to heal: asked for each answer, so it is cheap. */
  get isSpotless(): boolean {
    return this.#failures === 0 && this.#times === 0 && this.#opinion === 'good'
  }

  answered(): void {
    this.#opinion = 'good'
    this.#failures = 0
    this.#times = 0
  }

  failed(what: 'connecting' | 'answering', now: Milliseconds): void {
    // Others that were under way fail too: that is still the same misfortune.
    if (this.#opinion === 'avoided') return
    this.#failures++
    if (what === 'connecting' || this.#failures >= FAILURES) this.#avoid(now)
  }

  isProofDue(now: Milliseconds): boolean {
    return this.#opinion !== 'good' && now >= this.#proofAt
  }

  proofBegins(): void {
    this.#proofAt = Number.POSITIVE_INFINITY
  }

  proved(ok: boolean, now: Milliseconds): void {
    // An answer came first.
    if (this.#opinion === 'good') return
    if (!ok) {
      this.#avoid(now)
      return
    }
    this.#opinion = 'good'
    // It takes connections; whether it answers will be seen with the next request, and one is enough then.
    this.#failures = this.#times === 0 ? 0 : FAILURES - 1
  }

  #avoid(now: Milliseconds): void {
    this.#opinion = 'avoided'
    this.#proofAt = now + Math.min(LONGEST_AVOIDED_MS, FIRST_AVOIDED_MS * 2 ** Math.min(this.#times, 20))
    this.#times++
  }
}

/** Probes in a row. An address is well until probes say otherwise. */
export class Streak {
  readonly #policy: Pick<HealthPolicy, 'healthyAfter' | 'unhealthyAfter'>
  #isWell = true
  /** In a row, against what is thought of it. */
  #contrary = 0

  constructor(policy: Pick<HealthPolicy, 'healthyAfter' | 'unhealthyAfter'>) {
    this.#policy = policy
  }

  get isWell(): boolean {
    return this.#isWell
  }

  /** True: the opinion has changed. */
  probed(ok: boolean): boolean {
    if (ok === this.#isWell) {
      this.#contrary = 0
      return false
    }
    this.#contrary++
    const { healthyAfter, unhealthyAfter } = this.#policy
    if (this.#contrary < (ok ? healthyAfter : unhealthyAfter)) return false
    this.#isWell = ok
    this.#contrary = 0
    return true
  }
}
