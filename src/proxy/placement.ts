// Who serves an accepted request, until its first byte is on a socket. The heart of a rollback.
//
// While a request for the new side has touched no socket it is `waiting`. Two things send it to legacy instead: the sweep
// of a rollback (`recall`), which does not wait for the new side to have a connection free, and the last question before
// the write (`mayStart`). Once started it finishes where it is.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Decision, Failure } from '../model/exchange.ts'
import type { Milliseconds } from '../model/units.ts'
import { AUTO_COOKIE } from '../routing/sticky.ts'
import type { Receiver, Sending } from '../upstream/forward.ts'
import type { Accepted } from './accept.ts'
import { requestHeaders } from './headers.ts'
import type { ProxyParts } from './parts.ts'

/** All placements that a rollback could still move. */
export type Waiting = Set<Placement>

export abstract class Placement implements Receiver {
  protected readonly parts: ProxyParts
  protected readonly accepted: Accepted
  protected readonly req: IncomingMessage
  protected decision: Decision
  protected asked: Sending | null = null
  protected askedAt: Milliseconds = 0
  /** When the first byte went to a socket. */
  protected startedAt: Milliseconds | null = null
  readonly #waiting: Waiting

  constructor(parts: ProxyParts, waiting: Waiting, accepted: Accepted, req: IncomingMessage) {
    this.parts = parts
    this.#waiting = waiting
    this.accepted = accepted
    this.decision = accepted.decision
    this.req = req
  }

  /** Moves to legacy when the route was rolled back and nothing has started. True when it did. */
  recall(): boolean {
    if (!this.#mustMove()) return false
    this.leave()
    this.decision = { ...this.decision, side: 'legacy', reason: 'rollback', issueCookie: null }
    this.ask()
    return true
  }

  mayStart(): boolean {
    if (!this.#mustMove()) return true
    // The socket is given back first, then the request is asked anew.
    process.nextTick(recallLater, this)
    return false
  }

  started(): void {
    this.#waiting.delete(this)
    this.startedAt = this.parts.clock.monotonic()
  }

  abstract informed(status: number, headers: readonly Buffer[]): void
  abstract head(status: number, reason: string, headers: readonly Buffer[]): void
  abstract data(chunk: Buffer): void
  abstract end(trailers: readonly Buffer[]): void
  abstract upgraded(status: number, headers: readonly Buffer[], socket: Duplex): void
  abstract failed(failure: Failure): void
  /** The client is gone, or its answer is complete. */
  protected abstract isOver(): boolean
  /** Protocol to upgrade to; null for ordinary requests. */
  protected abstract upgrade(): string | null

  /** Asks the decided side. */
  protected ask(): void {
    const { route, side } = this.decision
    const backend = route.sides[side]
    if (backend === null) throw new Error(`route ${route.id} has no ${side} side`)
    const { head, facts, forwarded, traceparent } = this.accepted
    const upgrade = this.upgrade()
    this.askedAt = this.parts.clock.monotonic()
    if (side === 'new' && route.sides.legacy !== null) this.#waiting.add(this)
    this.asked = this.parts.ask(
      {
        side,
        backend,
        method: head.method,
        target: head.target,
        headers: requestHeaders(head.headers, {
          facts,
          forwarded,
          host: backend.host,
          ownCookie: AUTO_COOKIE,
          withheld: route.override?.header ?? null,
          traceparent,
          loopMark: this.parts.couldBeUs(backend) ? this.parts.loopMark : null,
        }),
        body: upgrade === null && facts.hasBody ? this.req : null,
        upgrade,
      },
      this,
    )
  }

  /** Stops whatever is under way, silently. */
  protected leave(): void {
    this.#waiting.delete(this)
    this.asked?.giveUp()
    this.asked = null
  }

  #mustMove(): boolean {
    if (this.startedAt !== null || this.decision.side !== 'new' || this.isOver()) return false
    const now = this.parts.current()
    const { route } = this.decision
    if (now === this.accepted.snapshot || route.sides.legacy === null) return false
    return now.isRolledBack(route)
  }
}

function recallLater(placement: Placement): void {
  placement.recall()
}
