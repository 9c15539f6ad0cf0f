// The words for one client request: its head, the decision about it, and what came of it.
import type { Quirk, Route, Side } from './route.ts'
import type { Trace } from './trace.ts'
import type { Bytes, Milliseconds } from './units.ts'

/** Flat pairs name, value, name, value …: order, case and repetition are part of what is kept and compared. */
export type HeaderList = readonly string[]

/** What matching and deciding may look at. */
export interface RequestHead {
  readonly method: string
  /** Raw origin-form target, byte for byte (latin1) as the client sent it: path and query. */
  readonly target: string
  /** Host without port, lower case; `''` when there is none. */
  readonly host: string
  readonly headers: HeaderList
  /** The client's address by `clientIp`, never a port. */
  readonly address: string
}

/** The first value of a header, or null. `name` is lower case. */
export function headerOf(headers: HeaderList, name: string): string | null {
  for (let i = 0; i < headers.length; i += 2) {
    const candidate = headers[i] as string
    if (candidate.length === name.length && (candidate === name || candidate.toLowerCase() === name)) {
      return headers[i + 1] as string
    }
  }
  return null
}

const MOST_OF_A_NAME = 4

/** The first value of a cookie in a `Cookie` header's text, or null. */
export function cookieOf(cookies: string | null, name: string): string | null {
  for (const value of cookiesOf(cookies, name)) return value
  return null
}

/**
 * The first values of a cookie: one of another path or domain may stand in front of ours. Not all of them, because each is
 * checked, and a hostile head has room for a thousand.
 */
export function* cookiesOf(cookies: string | null, name: string): Generator<string> {
  if (cookies === null) return
  let from = 0
  let left = MOST_OF_A_NAME
  while (from < cookies.length && left > 0) {
    let end = cookies.indexOf(';', from)
    if (end === -1) end = cookies.length
    const equals = cookies.indexOf('=', from)
    if (equals !== -1 && equals < end && cookies.slice(from, equals).trim() === name) {
      left--
      yield cookies.slice(equals + 1, end).trim()
    }
    from = end + 1
  }
}

/**
 * Why a side serves; the order is the order of authority. `ambiguous`: raw and normalised path disagree; `preflight`: a CORS
 * preflight, which carries nothing that tells its user.
 */
export const REASONS = [
  'rollback',
  'preflight',
  'writes',
  'owed',
  'override',
  'cohort',
  'pin',
  'frozen',
  'weight',
  'only',
  'ambiguous',
  'fallback',
  'breaker',
] as const
export type Reason = (typeof REASONS)[number]

/** The frozen answer to "who serves this request, and why". Made in one place, carried as data. */
export interface Decision {
  readonly route: Route
  readonly side: Side
  readonly reason: Reason
  /** 0 ≤ bucket < 2^53 of the sticky key, or the draw of this request; null where nothing was drawn. */
  readonly bucket: number | null
  /** Where the sticky key came from, e.g. `header:x-user-id`; null: per request. */
  readonly keyFrom: string | null
  /** What the answer has to tell the user's browser; null: nothing. */
  readonly issue: Issue | null
  /** Tokens of ours in the request that were looked at, for counting; null: none. */
  readonly heard: readonly Heard[] | null
}

/** Cookies of ours that an answer sets. */
export interface Issue {
  /** Value of the cookie that names a user without a key. */
  readonly id: string | null
  readonly pin: PinPlan | null
  /** A signed link that the browser shall keep for so long; 0 seconds: shall forget; null: nothing. */
  readonly link: { readonly token: string; readonly seconds: number } | null
}

/** A cookie of ours; 0 seconds: forget it, null: until the browser closes. */
export interface OwnCookie {
  readonly name: string
  readonly value: string
  readonly seconds: number | null
}

/** What becomes of a user's pin with the answer: said again when it is due, or when the answer changes the session. */
export interface PinPlan {
  readonly side: Side
  /** Of the session that the request came with; `''`: none. */
  readonly tag: string
  readonly due: boolean
  /** The request had a pin of ours. */
  readonly held: boolean
}

/** How a token of ours fared: what we signed ourselves, or said we had. */
export const TOKEN_RESULTS = [
  'accepted',
  'expired',
  'other_route',
  'other_host',
  'other_deployment',
  'forged',
  'malformed',
  'too_large',
] as const
export type TokenResult = (typeof TOKEN_RESULTS)[number]
export interface Heard {
  readonly what: 'link' | 'pin'
  readonly result: TokenResult
}

/** Decisions that say nothing about the split: somebody wanted this user there. */
export function isForced({ reason, issue }: Decision): boolean {
  return reason === 'override' || reason === 'cohort' || (reason === 'pin' && (issue?.pin ?? null) === null)
}

/** How an exchange ended, for metrics and the log. */
export type Ending = 'complete' | 'aborted' | 'error'

/** `busy`: nobody was asked, because no place came free in time; `circuit`: because too many had failed. */
export const FAILURE_KINDS = ['connect', 'tls', 'timeout', 'reset', 'truncated', 'protocol', 'busy', 'circuit'] as const
export type FailureKind = (typeof FAILURE_KINDS)[number]

/** What one side did wrong, where, and whether asking again is harmless. */
export interface Failure {
  readonly side: Side
  readonly phase: 'connect' | 'send' | 'headers' | 'body'
  readonly kind: FailureKind
  /** Stable, for problem documents: `backend_connect`, `backend_timeout`, … */
  readonly code: string
  /** True when not one byte of the request can have reached the backend. */
  readonly retryable: boolean
  /** True when a connection that was used again was closed before any byte of an answer: most likely it was closed before. */
  readonly stale: boolean
  /** What of the answer was refused, where `wire.accept` could let it in. */
  readonly quirk: Quirk | null
  readonly detail: string
}

/** Everything that is said about one finished client request. */
export interface Exchange {
  readonly id: string
  /** Of its valid `traceparent`, or ours; null: it was refused, and had none. */
  readonly traceId: string | null
  /** null: it is not recorded. */
  readonly trace: Trace | null
  readonly method: string
  /** null: nothing matched. */
  readonly decision: Decision | null
  /** 0 when the client left before a status was sent. */
  readonly status: number
  readonly ending: Ending
  readonly failure: Failure | null
  /** Accept to last byte. */
  readonly totalMs: Milliseconds
  /** Dispatch to the answer's last byte, as the backend saw it; null when none was asked. */
  readonly backendMs: Milliseconds | null
  /** Time that the proxy added before the request's head was written; null when nothing was written. */
  readonly overheadMs: Milliseconds | null
  /** Name of the backend that was to answer last, and `host:port` of its address; null: none was asked. */
  readonly backend: string | null
  readonly backendAddress: string | null
  readonly address: string
}

/** One exchange with what was said in it, for those who learn what the traffic consists of. */
export interface Sample {
  readonly exchange: Exchange
  readonly head: RequestHead
  /** Of the request's body, without its coding. */
  readonly requestBytes: Bytes
  /** As the backend said them; empty where none answered. */
  readonly answerHeaders: HeaderList
  /** Of the answer's body, without its coding. */
  readonly answerBytes: Bytes
  /** It is one of so many: 1 when every exchange is looked at. */
  readonly standsFor: number
}
