// The one table that turns what went wrong into an answer for the client: a problem (RFC 9457) with a stable code, in the form
// that the client asks for.
import type { HeaderList } from '../model/exchange.ts'
import { errorPage } from './error-page.ts'
import { preferredForm } from './negotiate.ts'

/** Every code that the data path answers by itself. */
const STATUS: ReadonlyMap<string, readonly [status: number, title: string]> = new Map([
  ['bad_request', [400, 'Bad Request']],
  ['ambiguous_path', [400, 'Ambiguous Path']],
  ['host_mismatch', [400, 'Host Mismatch']],
  ['no_route', [404, 'No Route']],
  ['method_refused', [405, 'Method Not Allowed']],
  ['request_timeout', [408, 'Request Timeout']],
  ['body_too_large', [413, 'Content Too Large']],
  ['target_too_long', [414, 'URI Too Long']],
  ['expectation_failed', [417, 'Expectation Failed']],
  ['head_too_large', [431, 'Request Header Fields Too Large']],
  ['too_many_fields', [431, 'Request Header Fields Too Large']],
  ['internal', [500, 'Internal Error']],
  ['backend_connect', [502, 'Bad Gateway']],
  ['backend_tls', [502, 'Bad Gateway']],
  ['backend_reset', [502, 'Bad Gateway']],
  ['backend_truncated', [502, 'Bad Gateway']],
  ['backend_protocol', [502, 'Bad Gateway']],
  ['no_side', [503, 'Service Unavailable']],
  ['backend_busy', [503, 'Service Unavailable']],
  ['circuit_open', [503, 'Service Unavailable']],
  ['overloaded', [503, 'Service Unavailable']],
  ['backend_timeout', [504, 'Gateway Timeout']],
  ['version_unsupported', [505, 'HTTP Version Not Supported']],
  ['loop', [508, 'Loop Detected']],
])

/** For what is written about them. */
export const CODES: ReadonlySet<string> = new Set(STATUS.keys())

export interface Problem {
  readonly status: number
  readonly title: string
  readonly code: string
  /** A sentence of ours: it never repeats bytes of a backend or of a user, because any page of any origin may read it. */
  readonly detail: string
  readonly exchange: string | null
  /** Whole seconds for Retry-After; null where asking again soon would not help. */
  readonly retryAfter: number | null
}

/** What of the request decides how a problem is told. */
export interface Ask {
  /** Of Accept; several fields joined by commas. */
  readonly accept: string | null
  readonly origin: string | null
  /** A HEAD: everything but the body. */
  readonly isHead: boolean
}

/** Nothing is known of who asked. */
export const UNKNOWN_ASK: Ask = { accept: null, origin: null, isHead: false }

/** What its fields say: each of them counts, where a field came several times. */
export function askOf(list: HeaderList, method: string): Ask {
  return { accept: allOf(list, 'accept'), origin: allOf(list, 'origin'), isHead: method === 'HEAD' }
}

function allOf(list: HeaderList, name: string): string | null {
  let value: string | null = null
  for (let i = 0; i < list.length; i += 2) {
    if ((list[i] as string).toLowerCase() !== name) continue
    value = value === null ? (list[i + 1] as string) : `${value}, ${list[i + 1]}`
  }
  return value
}

/** A code that is not in the table is a fault of ours: 500. */
export function problem(code: string, detail: string, exchangeId: string | null, retryAfter = 1): Problem {
  const [status, title] = STATUS.get(code) ?? [500, 'Internal Error']
  const isSoon = status === 503 || status === 429
  return { status, title, code, detail, exchange: exchangeId, retryAfter: isSoon ? retryAfter : null }
}

/** Longest Origin that is said back: a scheme, the longest host name and a port fit well. */
const LONGEST_ORIGIN = 512

/** Towards something else than an address of ours: what this listener carries. RFC 9110, 15.5.6 wants a list. */
const ALLOW = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

/**
 * The whole answer as latin1 text, ready for a socket. `page`: the operator's HTML template, or null for ours. No Date and no
 * Server: nothing is invented here that a backend's answer would not have. `close` must be true where the request's body may
 * still be under way, and towards HTTP/1.0.
 */
export function problemAnswer(answer: Problem, ask: Ask, page: string | null, close: boolean): string {
  const [type, content] = represent(answer, ask.accept, page)
  const body = Buffer.from(content, 'utf8')
  let head = `HTTP/1.1 ${answer.status} ${answer.title}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n`
  head += 'Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n'
  // Origin is named even where there was none: the next request from a page gets another answer.
  head += 'Vary: Accept, Origin\r\n'
  if (answer.status === 405) head += `Allow: ${ALLOW}\r\n`
  if (answer.retryAfter !== null) head += `Retry-After: ${wholeSeconds(answer.retryAfter)}\r\n`
  head += corsFields(ask.origin, answer.retryAfter !== null)
  if (close) head += 'Connection: close\r\n'
  head += '\r\n'
  return ask.isHead ? head : head + body.toString('latin1')
}

function wholeSeconds(seconds: number): number {
  return Number.isFinite(seconds) ? Math.min(86_400, Math.max(1, Math.ceil(seconds))) : 1
}

function represent(answer: Problem, accept: string | null, page: string | null): [type: string, content: string] {
  const { status, title, detail, code } = answer
  switch (preferredForm(accept)) {
    case 'problem': {
      const document = {
        type: `urn:banyan:${code}`,
        title,
        status,
        detail,
        code,
        exchange: answer.exchange ?? undefined,
      }
      return ['application/problem+json', `${JSON.stringify(document)}\n`]
    }
    case 'html': {
      const values = { status, title, detail: visible(detail), code, exchange: answer.exchange ?? '' }
      return ['text/html; charset=utf-8', errorPage(page, values)]
    }
    case 'text': {
      const exchange = answer.exchange === null ? '' : `exchange: ${answer.exchange}\n`
      return ['text/plain; charset=utf-8', `${status} ${title}\n${visible(detail)}\n\ncode: ${code}\n${exchange}`]
    }
  }
}

/** No control characters on somebody's terminal. */
function visible(text: string): string {
  return text.replace(/\p{Cc}/gu, '\ufffd')
}

/**
 * Without these a page of another origin sees "network error" where its own server said 503. Credentials are allowed, because
 * browsers hide the answer to a request with cookies otherwise, and most API calls have some. Saying so for any origin gives
 * nothing away: only our own problems bear these fields, they hold nothing of a user or a backend, and they are not kept.
 */
function corsFields(origin: string | null, hasRetryAfter: boolean): string {
  if (origin === null || origin.length > LONGEST_ORIGIN || !/^[\x21-\x7e]+$/.test(origin)) return ''
  const fields = `Access-Control-Allow-Origin: ${origin}\r\nAccess-Control-Allow-Credentials: true\r\n`
  return hasRetryAfter ? `${fields}Access-Control-Expose-Headers: Retry-After\r\n` : fields
}
