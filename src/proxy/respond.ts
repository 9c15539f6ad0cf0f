// The one table that turns what went wrong into an answer for the client: a problem document (RFC 9457) with a stable code.
import type { ServerResponse } from 'node:http'
import type { Failure } from '../model/exchange.ts'

/** Every code that the data path answers by itself. */
const STATUS: Readonly<Record<string, readonly [status: number, title: string]>> = {
  bad_request: [400, 'Bad Request'],
  ambiguous_path: [400, 'Ambiguous Path'],
  host_mismatch: [400, 'Host Mismatch'],
  no_route: [404, 'No Route'],
  method_refused: [405, 'Method Not Allowed'],
  head_too_large: [431, 'Request Header Fields Too Large'],
  request_timeout: [408, 'Request Timeout'],
  backend_connect: [502, 'Bad Gateway'],
  backend_tls: [502, 'Bad Gateway'],
  backend_reset: [502, 'Bad Gateway'],
  backend_truncated: [502, 'Bad Gateway'],
  backend_protocol: [502, 'Bad Gateway'],
  backend_timeout: [504, 'Gateway Timeout'],
  internal: [500, 'Internal Error'],
  no_side: [503, 'Service Unavailable'],
  version_unsupported: [505, 'HTTP Version Not Supported'],
  loop: [508, 'Loop Detected'],
}

export interface Problem {
  readonly status: number
  readonly title: string
  readonly body: string
}

export function problem(code: string, detail: string, exchangeId: string | null): Problem {
  const [status, title] = STATUS[code] ?? [500, 'Internal Error']
  const document = { type: `urn:banyan:${code}`, title, status, detail, code, exchange: exchangeId ?? undefined }
  return { status, title, body: `${JSON.stringify(document)}\n` }
}

export function failureProblem(failure: Failure, exchangeId: string): Problem {
  return problem(failure.code, failure.detail, exchangeId)
}

/** Sends a problem; the connection closes after it when the request's body may still be under way. */
export function sendProblem(res: ServerResponse, answer: Problem, close: boolean): void {
  const headers = ['Content-Type', 'application/problem+json', 'Content-Length', String(Buffer.byteLength(answer.body))]
  if (close) headers.push('Connection', 'close')
  // The phrase is said, because a refused one of a backend may still stand on the response.
  res.writeHead(answer.status, answer.title, headers)
  res.end(answer.body)
}

/** The same for a socket without a response object. */
export function rawProblem(answer: Problem): string {
  return `HTTP/1.1 ${answer.status} ${answer.title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(answer.body)}\r\nConnection: close\r\n\r\n${answer.body}`
}
