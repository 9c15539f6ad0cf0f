// Ends what is open for long (WebSockets, event streams) one after another: all at once they would come back all at once.
import type { Route, Side } from '../model/route.ts'
import type { Milliseconds } from '../model/units.ts'

/** What `spread` alone means for a rollback. */
export const ROLLBACK_SPREAD_MS: Milliseconds = 60_000

/** Something that stays open while its client and its backend like. */
export interface Open {
  readonly route: Route
  readonly side: Side
  /** Both ends learn that it is over; no half of a message is passed off as a whole one. */
  cut(): void
}

export class Spread {
  readonly #dueAt = new Map<Open, { readonly at: Milliseconds; readonly stillMeant: () => boolean }>()

  /** Gives each that has no time yet one in (now, now + overMs), evenly. `stillMeant` is asked once more then. Returns how many. */
  schedule(
    open: readonly Open[],
    overMs: Milliseconds,
    now: Milliseconds,
    stillMeant: (one: Open) => boolean = () => true,
  ): number {
    const fresh = open.filter(one => !this.#dueAt.has(one))
    for (const [i, one] of fresh.entries()) {
      this.#dueAt.set(one, { at: now + (overMs * (i + 1)) / (fresh.length + 1), stillMeant: () => stillMeant(one) })
    }
    return fresh.length
  }

  over(one: Open): void {
    this.#dueAt.delete(one)
  }

  tick(now: Milliseconds): void {
    for (const [one, { at, stillMeant }] of this.#dueAt) {
      if (at > now) continue
      this.#dueAt.delete(one)
      if (stillMeant()) one.cut()
    }
  }
}
