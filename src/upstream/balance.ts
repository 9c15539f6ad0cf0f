// Which of several addresses is asked. The choice is pure but for a turn that advances and a die that is handed in.
import type { Milliseconds } from '../model/units.ts'

export interface Candidate {
  /** `host:port`. */
  readonly name: string
  readonly inFlight: number
  /** 0 to 1: what it is given of its full share. */
  share(now: Milliseconds): number
}

/** Since `since` the share grows by the same in each moment; null: it is full. */
export function shareOf(since: Milliseconds | null, slowStartMs: Milliseconds, now: Milliseconds): number {
  if (since === null || slowStartMs === 0) return 1
  return Math.min(1, Math.max(0, (now - since) / slowStartMs))
}

/**
 * How an address with half a share gets half of its load: it is passed over every second time, and its requests under way
 * count double. The first alone would fill it with as much work as the others have, only later; the second alone would
 * leave it without any as long as there is little to do.
 */
export class Balancer {
  readonly #kind: 'least' | 'round'
  readonly #chance: () => number
  #turn = 0

  constructor(kind: 'least' | 'round', chance: () => number) {
    this.#kind = kind
    this.#chance = chance
  }

  /**
   * One of `from`, which is not empty; `avoid` only if there is nothing else. `now` is null where all have their full share.
   */
  choose<T extends Candidate>(from: readonly T[], avoid: string | null, now: Milliseconds | null): T {
    const largest = now === null ? 1 : largestShare(from, now)
    const start = this.#turn % from.length
    let best: T | null = null
    let bestLoad = Number.POSITIVE_INFINITY
    let passedOver: T | null = null
    for (let i = 0; i < from.length; i++) {
      const at = start + i < from.length ? start + i : start + i - from.length
      const one = from[at] as T
      if (one.name === avoid) continue
      // Shares are relative: where all have just begun, all are equal.
      const share = now === null || largest === 0 ? 1 : one.share(now) / largest
      if (share < 1 && this.#chance() >= share) {
        passedOver ??= one
        continue
      }
      if (this.#kind === 'round') {
        this.#turn = at + 1
        return one
      }
      const load = one.inFlight / share
      if (load < bestLoad) {
        best = one
        bestLoad = load
      }
    }
    this.#turn = start + 1
    return best ?? passedOver ?? (from[start] as T)
  }
}

function largestShare(from: readonly Candidate[], now: Milliseconds): number {
  let largest = 0
  for (const one of from) largest = Math.max(largest, one.share(now))
  return largest
}
