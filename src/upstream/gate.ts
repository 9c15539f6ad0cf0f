// How many exchanges a backend has at the same time, over all of its addresses and roles, and who comes next.
//
// - Never more than `limit` are inside.
// - Ranks: primary before relay before shadow. Nobody enters while somebody of the same or a lower rank number waits; within
//   a rank it is first come, first served.
// - The queue is bounded. When it is full, a newcomer takes the place of the one who came last of the least urgent rank
//   below its own, who is refused; where there is none, the newcomer is.
// - All may wait equally long, so each rank's queue is also ordered by deadline, and one timer serves all.
// - Relay and shadow together have at most half of the places while primary traffic is seen: a shadow that hangs must not
//   stand in the way of a user, who can do nothing but wait for it. Without primary traffic they may have all.
import type { QueuePolicy, Role } from '../model/route.ts'
import type { Clock, Milliseconds } from '../model/units.ts'

export type Rank = 0 | 1 | 2

export const RANKS: Readonly<Record<Role, Rank>> = { primary: 0, relay: 1, shadow: 2 }

/** How long after the last primary request its share is still kept free. */
const KEPT_FREE_MS = 60_000

/** Calls `run` once, later. */
export type Later = (run: () => void, afterMs: Milliseconds) => void

/** Somebody in the queue; exactly one of the two is called, once, unless it withdraws before. */
export abstract class Waiter {
  readonly rank: Rank
  /** Of the queue; null: it is in none. */
  list: Line | null = null
  previous: Waiter | null = null
  next: Waiter | null = null
  until: Milliseconds = 0

  constructor(rank: Rank) {
    this.rank = rank
  }

  /** It is inside, and has to `leave`. */
  abstract admitted(): void
  abstract refused(why: 'full' | 'late'): void
}

export class Gate {
  readonly limit: number
  readonly queue: QueuePolicy
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #later: Later
  readonly #lines: readonly [Line, Line, Line] = [new Line(), new Line(), new Line()]
  #inside = 0
  #background = 0
  #lastPrimaryAt: Milliseconds = Number.NEGATIVE_INFINITY
  #isTimed = false
  #isAdmitting = false

  constructor(limit: number, queue: QueuePolicy, clock: Pick<Clock, 'monotonic'>, later: Later) {
    this.limit = limit
    this.queue = queue
    this.#clock = clock
    this.#later = later
  }

  get inside(): number {
    return this.#inside
  }

  get waiting(): number {
    return this.#lines[0].size + this.#lines[1].size + this.#lines[2].size
  }

  /** Enters if that is possible at once. */
  pass(rank: Rank): boolean {
    if (rank === 0) this.#lastPrimaryAt = this.#clock.monotonic()
    for (let ahead = 0; ahead <= rank; ahead++) if (this.#lines[ahead as Rank].first !== null) return false
    if (!this.#hasPlace(rank)) return false
    this.#take(rank)
    return true
  }

  /** For those who could not pass. */
  wait(waiter: Waiter): void {
    if (this.waiting >= this.queue.size && !this.#makeRoom(waiter.rank)) {
      waiter.refused('full')
      return
    }
    waiter.until = this.#clock.monotonic() + this.queue.waitMs
    this.#lines[waiter.rank].push(waiter)
    this.#time(this.queue.waitMs)
  }

  /** Nothing happens to one who is not in the queue any more. */
  withdraw(waiter: Waiter): void {
    waiter.list?.remove(waiter)
  }

  /** Once for each who came in. */
  leave(rank: Rank): void {
    this.#inside--
    if (rank !== 0) this.#background--
    this.#admit()
  }

  #take(rank: Rank): void {
    this.#inside++
    if (rank !== 0) this.#background++
  }

  #hasPlace(rank: Rank): boolean {
    if (this.#inside >= this.limit) return false
    if (rank === 0) return true
    const isQuiet = this.#clock.monotonic() - this.#lastPrimaryAt >= KEPT_FREE_MS
    return isQuiet || this.#background < Math.max(1, this.limit >> 1)
  }

  /** Whoever is admitted may leave at once: that must not become a recursion as deep as the queue is long. */
  #admit(): void {
    if (this.#isAdmitting) return
    this.#isAdmitting = true
    try {
      for (;;) {
        const next = this.#lines[0].first ?? this.#lines[1].first ?? this.#lines[2].first
        if (next === null || !this.#hasPlace(next.rank)) return
        this.withdraw(next)
        this.#take(next.rank)
        next.admitted()
      }
    } finally {
      this.#isAdmitting = false
    }
  }

  #makeRoom(rank: Rank): boolean {
    for (let behind = 2; behind > rank; behind--) {
      const { last } = this.#lines[behind as Rank]
      if (last === null) continue
      this.withdraw(last)
      last.refused('full')
      return true
    }
    return false
  }

  #time(afterMs: Milliseconds): void {
    if (this.#isTimed) return
    this.#isTimed = true
    this.#later(() => {
      this.#isTimed = false
      this.#expire()
    }, afterMs)
  }

  #expire(): void {
    const now = this.#clock.monotonic()
    let nextAt = Number.POSITIVE_INFINITY
    for (const line of this.#lines) {
      for (;;) {
        const { first } = line
        if (first === null) break
        if (first.until > now) {
          nextAt = Math.min(nextAt, first.until)
          break
        }
        line.remove(first)
        first.refused('late')
      }
    }
    if (nextAt !== Number.POSITIVE_INFINITY) this.#time(nextAt - now)
  }
}

/** A doubly linked list, so that leaving it from the middle costs nothing. */
class Line {
  first: Waiter | null = null
  last: Waiter | null = null
  size = 0

  push(waiter: Waiter): void {
    waiter.list = this
    waiter.previous = this.last
    if (this.last === null) this.first = waiter
    else this.last.next = waiter
    this.last = waiter
    this.size++
  }

  remove(waiter: Waiter): void {
    const { previous, next } = waiter
    if (previous === null) this.first = next
    else previous.next = next
    if (next === null) this.last = previous
    else next.previous = previous
    waiter.list = null
    waiter.previous = null
    waiter.next = null
    this.size--
  }
}
