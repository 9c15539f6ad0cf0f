// Keeps requests from coming faster than so many a second: each takes the next free moment.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Milliseconds } from '../../model/units.ts'

/** Waits until so many requests may be sent; at once when it is over. */
export type Pace = (requests: number) => Promise<void>

export function createPace(perSecond: number, now: () => Milliseconds, over: AbortSignal): Pace {
  let free = now()
  return async requests => {
    const at = Math.max(free, now())
    free = at + (requests * 1000) / perSecond
    const waitMs = at - now()
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: over }).catch(() => null)
  }
}
