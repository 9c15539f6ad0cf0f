// When a request is asked a second time: once more at the same side, or at the other. Nothing here may act twice.
import type { Decision, Failure } from '../model/exchange.ts'
import type { Side } from '../model/route.ts'
import { isSafe } from '../routing/decide.ts'
import type { Accepted } from './accept.ts'
import type { ProxyParts } from './parts.ts'

export interface FailedTry {
  readonly accepted: Accepted
  readonly decision: Decision
  readonly failure: Failure
  /** No byte of the body has left, or all of it is still here. */
  readonly bodyIntact: boolean
  readonly hasBody: boolean
  readonly isSecondTry: boolean
  /** `timeouts.total` has not passed. */
  readonly isInTime: boolean
}

/**
 * One more try of the same side: where another address may be reached, nothing was sent; where a connection that was used
 * again was closed under us, the method may be repeated and there is no body. Both only within the backend's budget.
 */
export function wantsRetry(
  { accepted, decision, failure, bodyIntact, hasBody, isSecondTry, isInTime }: FailedTry,
  parts: Pick<ProxyParts, 'hasChoice'>,
): boolean {
  const backend = decision.route.sides[decision.side]
  if (isSecondTry || backend === null) return false
  const unreached = failure.kind === 'connect' || (failure.kind === 'timeout' && isInTime)
  const elsewhere = failure.retryable && unreached && bodyIntact && parts.hasChoice(backend)
  const again = failure.stale && !hasBody && backend.retry.methods.has(accepted.head.method)
  return elsewhere || again
}

/** Legacy instead of new: never the other way, and never for what may already have been done. */
export function wantsFallback({ accepted, decision, failure, bodyIntact }: FailedTry): boolean {
  const { route, side } = decision
  const { fallback } = route
  if (side !== 'new' || fallback === null || route.sides.legacy === null || !bodyIntact) return false
  const { method } = accepted.head
  if (!fallback.methods.has(method)) return false
  const unsent = failure.retryable
  if (!unsent && !isSafe(method)) return false
  if (failure.kind === 'timeout') return fallback.timeout || (unsent && fallback.connect)
  if (failure.kind === 'connect' || failure.kind === 'tls' || failure.kind === 'circuit' || failure.kind === 'busy')
    return fallback.connect
  // A backend that died is as good as one that said 502.
  return fallback.statuses.has(502)
}

/** New was asked because of what legacy said, and failed: that is no reason for a 502, so legacy says it again. */
export function wantsBack({ accepted, decision, bodyIntact }: FailedTry): boolean {
  return accepted.decision.side === 'legacy' && decision.side === 'new' && bodyIntact
}

export interface Answered {
  readonly accepted: Accepted
  readonly decision: Decision
  readonly status: number
  readonly bodyIntact: boolean
  readonly isRolledBack: () => boolean
}

/** The side that is asked because of this status; null: the client gets the answer. */
export function wantsOtherSide({ accepted, decision, status, bodyIntact, isRolledBack }: Answered): Side | null {
  const { route, side } = decision
  const { method } = accepted.head
  if (route.sides.legacy === null || route.sides.new === null || !bodyIntact || !isSafe(method)) return null
  if (
    side === 'new' &&
    route.fallback !== null &&
    route.fallback.statuses.has(status) &&
    route.fallback.methods.has(method)
  )
    return 'legacy'
  if (method !== 'GET' || !route.otherSideOn.has(status)) return null
  // A rollback is a rollback: nobody goes to new because legacy does not have something.
  if (side === 'legacy') return isRolledBack() ? null : 'new'
  return 'legacy'
}
