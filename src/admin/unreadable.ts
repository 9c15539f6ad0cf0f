// What comes to the admin listener and is no request that Node reads (a method that it does not know, a head that is too large or
// too slow): refused as everything else is, by a problem document, and the connection ends.
import type { Socket } from 'node:net'
import { BanyanError } from '../model/errors.ts'
import { problemOf } from './problems.ts'

/** For `fastify()`; `headers` stand in every answer of the listener. */
export function refuseUnreadable(headers: Readonly<Record<string, string>>) {
  return (error: Error & { readonly code?: string }, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || socket.destroyed) return
    if (socket.writable) socket.write(answerTo(error.code ?? '', headers))
    socket.destroy(error)
  }
}

function answerTo(code: string, headers: Readonly<Record<string, string>>): string {
  const problem = problemOf(refusalOf(code))
  const body = JSON.stringify(problem)
  const lines = Object.entries({
    ...headers,
    'Content-Type': 'application/problem+json',
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return `HTTP/1.1 ${problem.status} ${problem.title}\r\n${head}\r\n${body}`
}

function refusalOf(code: string): BanyanError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new BanyanError('request_timeout', 'the request did not come in time')
    case 'HPE_HEADER_OVERFLOW':
      return new BanyanError('head_too_large', 'the head is larger than 16 KiB', { hint: 'a call needs a handful' })
    case 'HPE_INVALID_METHOD':
      return new BanyanError('bad_request', 'no such method is known', { hint: 'GET, HEAD, PUT, POST or DELETE' })
    default:
      return new BanyanError('bad_request', 'what came is no HTTP request')
  }
}
