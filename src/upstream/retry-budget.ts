// How many requests may be asked again. When a backend fails as a whole, asking everything twice makes it worse; so of what is
// under way only a small share may be second tries. A few are always allowed, or a quiet backend had none (as Envoy's
// `retry_budget`: a percent of active requests, three at least).
import type { Percent } from '../model/units.ts'

/** So many at the same time, however little is under way. */
const ALWAYS = 3

export class RetryBudget {
  readonly #percent: Percent
  #underWay = 0
  #secondTries = 0

  constructor(percent: Percent) {
    this.#percent = percent
  }

  get allows(): boolean {
    return this.#secondTries < Math.max(ALWAYS, Math.floor((this.#underWay * this.#percent) / 100))
  }

  entered(isSecondTry: boolean): void {
    this.#underWay++
    if (isSecondTry) this.#secondTries++
  }

  left(isSecondTry: boolean): void {
    this.#underWay--
    if (isSecondTry) this.#secondTries--
  }
}
