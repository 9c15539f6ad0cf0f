// However many ask for the metrics, writing them out takes at most a fifth of the time: one turn at a time, and a pause after
// each. Whoever asks during either has the next one together with the others, so nobody gets what was counted before they asked.
import type { Clock, Milliseconds } from '../model/units.ts'

/** A pause is so many times as long as the turn before it. */
const PAUSE = 4

export function inTurns<T>(
  work: () => Promise<T>,
  clock: Pick<Clock, 'monotonic'>,
  sleep: (ms: Milliseconds) => Promise<void> = sleepLightly,
): () => Promise<T> {
  let next: Promise<T> | null = null
  let free: Promise<void> = Promise.resolve()

  async function turn(): Promise<T> {
    await free
    next = null
    const begun = clock.monotonic()
    const pause = () => sleep(PAUSE * (clock.monotonic() - begun))
    const result = work()
    free = result.then(pause, pause)
    return result
  }

  return () => {
    next ??= turn()
    return next
  }
}

function sleepLightly(ms: Milliseconds): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms).unref())
}
