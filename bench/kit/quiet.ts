// Waiting until nobody else uses the cores, so that a round is worth taking.
import { LOAD_CORE, PROXY_CORE } from './children.ts'
import { coreSeconds } from './cpu.ts'

/** Above this share of a core, taken by others, a round is disturbed. */
export const MOST_OTHERS = 0.1
const LOOK_MS = 400

export interface Patience {
  /** Until both cores are idle, or the time for waiting is used up. Nothing of the bench may be at work meanwhile. */
  untilQuiet(): Promise<void>
}

/** `mostMs`: all waiting together, over the life of a question. */
export function createPatience(mostMs: number): Patience {
  let leftMs = mostMs
  return {
    async untilQuiet() {
      while (leftMs > 0) {
        const from = performance.now()
        const before = [coreSeconds(PROXY_CORE), coreSeconds(LOAD_CORE)]
        await new Promise(resolve => setTimeout(resolve, LOOK_MS))
        const tookMs = performance.now() - from
        const busy = [coreSeconds(PROXY_CORE), coreSeconds(LOAD_CORE)].map((now, i) => now - (before[i] as number))
        leftMs -= tookMs
        if (Math.max(...busy) <= (MOST_OTHERS * tookMs) / 1000) return
      }
    },
  }
}
