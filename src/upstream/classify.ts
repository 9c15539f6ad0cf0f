// Turns what went wrong on a connection into a Failure: which side, which phase, which kind, may it be asked again.
import type { Failure, FailureKind } from '../model/exchange.ts'
import type { Quirk, Side } from '../model/route.ts'

/** Codes of our own timers. */
export const TIMEOUT = {
  connect: 'BANYAN_CONNECT_TIMEOUT',
  head: 'BANYAN_HEAD_TIMEOUT',
  idle: 'BANYAN_IDLE_TIMEOUT',
  total: 'BANYAN_TOTAL_TIMEOUT',
} as const

const TIMEOUTS = new Set<string>(['ETIMEDOUT', ...Object.values(TIMEOUT)])
const RESETS = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'BANYAN_CLOSED'])
const TLS = /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|EPROTO)/

export interface Circumstances {
  readonly side: Side
  readonly phase: Failure['phase']
  /** The connection had carried an exchange before, and not one byte of an answer came. */
  readonly stale?: boolean
}

/** Detail texts name codes only: an error message may carry bytes of a backend or a secret in a URL. */
export function classify(error: Error, { side, phase, stale = false }: Circumstances): Failure {
  const code = codeOf(error)
  const kind = kindOf(code, phase)
  return {
    side,
    phase,
    kind,
    code: `backend_${kind}`,
    retryable: phase === 'connect',
    stale,
    quirk: null,
    detail: `${side} side: ${SENTENCES[kind]} (${code}, while ${DOING[phase]}${stale ? STALE : ''})`,
  }
}

/** An answer that is not what HTTP/1.1 says; `why` is a sentence of ours, never the backend's bytes. */
export function protocolFailure(why: string, quirk: Quirk | null, { side, phase }: Circumstances): Failure {
  const hint = quirk === null ? '' : `; wire.accept: [${quirk}] on this backend would let it in`
  return {
    side,
    phase,
    kind: 'protocol',
    code: 'backend_protocol',
    retryable: false,
    stale: false,
    quirk,
    detail: `${side} side: ${SENTENCES.protocol}: ${why}${hint}`,
  }
}

/** Nobody was asked. */
export function refusedFailure(kind: FailureKind, why: string, side: Side): Failure {
  const code = kind === 'circuit' ? 'circuit_open' : kind === 'busy' ? 'backend_busy' : `backend_${kind}`
  return {
    side,
    phase: 'connect',
    kind,
    code,
    retryable: true,
    stale: false,
    quirk: null,
    detail: `${side} side: ${why}`,
  }
}

const SENTENCES: Readonly<Record<FailureKind, string>> = {
  connect: 'no connection',
  tls: 'the TLS handshake or certificate was refused',
  timeout: 'no progress in time',
  reset: 'the connection was closed before an answer',
  truncated: 'the answer ended early',
  protocol: 'the answer was not valid HTTP',
  busy: 'no place was free in time',
  circuit: 'too many requests had failed',
}

/** `wire.reuse: never` opens one for each request. */
const STALE = ', on a connection that was used before'

const DOING: Readonly<Record<Failure['phase'], string>> = {
  connect: 'connecting',
  send: 'sending the request',
  headers: 'waiting for the answer',
  body: 'reading the answer',
}

function codeOf(error: Error): string {
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string') return code
  // Several addresses were tried (Happy Eyeballs): the first one's reason is as good as any.
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return codeOf(error.errors[0])
  return error.name
}

function kindOf(code: string, phase: Failure['phase']): FailureKind {
  if (TIMEOUTS.has(code)) return 'timeout'
  if (TLS.test(code)) return 'tls'
  if (phase === 'connect') return 'connect'
  if (RESETS.has(code)) return phase === 'body' ? 'truncated' : 'reset'
  return 'protocol'
}
