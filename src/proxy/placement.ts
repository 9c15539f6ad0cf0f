// Who serves an accepted request, until its first byte is on a socket. The heart of a rollback.
//
// While a request for the new side has touched no socket it is `waiting`. Two things send it to legacy instead: the sweep
// of a rollback (`recall`), which does not wait for the new side to have a connection free, and the last question before
// the write (`mayStart`). Once started it finishes where it is.
import type { Decision, Issue, Reason } from '../model/exchange.ts'
import { type Member, NOWHERE, type Roster } from '../model/roster.ts'
import type { Side } from '../model/route.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Milliseconds } from '../model/units.ts'

/** All placements that a rollback could still move. */
export type Waiting = Roster<Placement>

export class Placement implements Member {
  place = NOWHERE
  decision: Decision
  /** When the first byte went to a socket; null: it may still be moved. */
  startedAt: Milliseconds | null = null
  readonly #waiting: Waiting
  readonly #snapshot: Snapshot
  readonly #current: () => Snapshot
  /** Asks anew, because `decision` has changed. */
  readonly #again: () => void

  constructor(
    decision: Decision,
    snapshot: Snapshot,
    parts: { readonly waiting: Waiting; readonly current: () => Snapshot; readonly again: () => void },
  ) {
    this.decision = decision
    this.#snapshot = snapshot
    this.#waiting = parts.waiting
    this.#current = parts.current
    this.#again = parts.again
  }

  /** It is about to be asked. */
  wait(): void {
    this.startedAt = null
    const { route, side } = this.decision
    if (side === 'new' && route.sides.legacy !== null) this.#waiting.add(this)
  }

  /** It has started, or it is over: nobody moves it any more. */
  settle(at: Milliseconds | null): void {
    this.#waiting.delete(this)
    if (at !== null) this.startedAt = at
  }

  /** Moves to legacy when the route was rolled back and nothing has started. True when it did. */
  recall(): boolean {
    if (this.startedAt !== null || !this.isRolledBack()) return false
    this.move('legacy', 'rollback')
    return true
  }

  /** The last question before the write. False: it has moved, or will in a moment. */
  mayStart(): boolean {
    if (!this.isRolledBack()) return true
    // The socket is given back first, then the request is asked anew.
    process.nextTick(recallLater, this)
    return false
  }

  /** Gives it to the other side. */
  move(side: Side, reason: Reason): void {
    const { issue } = this.decision
    this.decision = { ...this.decision, side, reason, issue: reason === 'rollback' ? rolledBack(issue) : issue }
    this.#again()
  }

  /** A rollback came after the decision, and this one is on its new side. */
  isRolledBack(): boolean {
    const { route, side } = this.decision
    if (side !== 'new' || route.sides.legacy === null) return false
    const now = this.#current()
    return now !== this.#snapshot && now.isRolledBack(route)
  }
}

/** As if it had been decided after the rollback: see `settledPlan` in routing/decide. */
function rolledBack(issue: Issue | null): Issue | null {
  const pin = issue?.pin ?? null
  return pin === null ? null : { id: null, pin: { ...pin, side: 'legacy', due: true }, link: null }
}

function recallLater(placement: Placement): void {
  placement.recall()
}
