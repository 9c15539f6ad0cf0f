// Which exchanges are looked at closely: a chance sample with a bound on its work, however much traffic there is.
import type { Clock, Milliseconds } from './model/units.ts'

/** So many are looked at in a second, about. At 200 it cost a tenth of a busy core, most of it in garbage; at 50 a thirtieth. */
export const PER_SECOND = 50
const WINDOW_MS: Milliseconds = 1_000

/**
 * Says of one exchange how many it stands for; 0: it is not looked at. One in k is, where k follows from the second before;
 * a first second of a crowd is bounded by a hard stop.
 */
export function createSampling(clock: Pick<Clock, 'monotonic'>, random: () => number): () => number {
  let windowEnds = Number.NEGATIVE_INFINITY
  let seen = 0
  let taken = 0
  let oneIn = 1
  return () => {
    const now = clock.monotonic()
    if (now >= windowEnds) {
      oneIn = Math.max(1, Math.ceil(seen / PER_SECOND))
      seen = taken = 0
      windowEnds = now + WINDOW_MS
    }
    seen++
    if (taken >= 2 * PER_SECOND || (oneIn > 1 && random() * oneIn >= 1)) return 0
    taken++
    return oneIn
  }
}
