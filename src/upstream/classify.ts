// Turns what undici and the sockets report into a Failure: which side, which phase, which kind, may it be asked again.
import type { Failure } from '../model/exchange.ts'
import type { Side } from '../model/route.ts'

/** `given up` is our own doing (client left, rollback): it is no failure of a backend. */
export const GIVEN_UP = 'BANYAN_GIVEN_UP'
export const TOTAL_TIMEOUT = 'BANYAN_TOTAL_TIMEOUT'

const TIMEOUTS = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
  TOTAL_TIMEOUT,
])
const RESETS = new Set([
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'UND_ERR_ABORTED',
  'UND_ERR_DESTROYED',
  'UND_ERR_CLOSED',
])
const TLS = /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|EPROTO)/

/** Detail texts name codes only: an error message may carry bytes of a backend or a secret in a URL. */
export function classify(error: Error, side: Side, phase: Failure['phase']): Failure {
  const code = codeOf(error)
  const kind = kindOf(code, phase)
  return {
    side,
    phase,
    kind,
    code: `backend_${kind}`,
    retryable: phase === 'connect',
    detail: `${side} side: ${SENTENCES[kind]} (${code}, while ${DOING[phase]})`,
  }
}

const SENTENCES: Readonly<Record<Failure['kind'], string>> = {
  connect: 'no connection',
  tls: 'the TLS handshake or certificate was refused',
  timeout: 'no progress in time',
  reset: 'the connection was closed before an answer',
  truncated: 'the answer ended early',
  protocol: 'the answer was not valid HTTP',
}

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

function kindOf(code: string, phase: Failure['phase']): Failure['kind'] {
  if (TIMEOUTS.has(code)) return 'timeout'
  if (TLS.test(code)) return 'tls'
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') return 'protocol'
  if (phase === 'connect') return 'connect'
  if (RESETS.has(code)) return phase === 'body' ? 'truncated' : 'reset'
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') return 'truncated'
  return 'protocol'
}
