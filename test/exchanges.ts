// Finished exchanges for tests of those who observe them.
import type { Decision, Exchange, Failure, Reason } from '../src/model/exchange.ts'
import type { Route, Side } from '../src/model/route.ts'

export function decided(route: Route, side: Side, reason: Reason = 'weight'): Decision {
  return { route, side, reason, bucket: null, keyFrom: null, issue: null, heard: null }
}

export function exchange(decision: Decision | null, more: Partial<Exchange> = {}): Exchange {
  return {
    id: '1',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    trace: null,
    method: 'GET',
    decision,
    status: 200,
    ending: 'complete',
    failure: null,
    totalMs: 12,
    backendMs: decision === null ? null : 10,
    overheadMs: decision === null ? null : 0.2,
    backend: decision?.route.sides[decision.side]?.name ?? null,
    backendAddress: decision === null ? null : '10.0.0.1:8080',
    address: '192.0.2.1',
    ...more,
  }
}

export function failure(side: Side, kind: Failure['kind']): Failure {
  return {
    side,
    kind,
    phase: 'headers',
    code: `backend_${kind}`,
    retryable: false,
    stale: false,
    quirk: null,
    detail: `${side} side: ${kind}`,
  }
}
