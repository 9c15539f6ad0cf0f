// Asks one side for one answer and keeps it as it is on the wire. Bounded in time and bytes; never follows a redirect, never throws.
//
// Only node:http is used, below everything that folds names, joins fields or follows: `rawHeaders` has order, case and repetition.
// It reads leniently, because what an old backend sends shall be seen, not refused. Blanks around a field's value are not seen.
import * as http from 'node:http'
import * as https from 'node:https'
import type { Milliseconds } from '../../model/units.ts'
import type { Body, FieldList, Interim, Outcome, WireFailure, WireRequest } from './answer.ts'
import type { BodyTaker } from './body.ts'
import { hostOf, portOf, reasonOf, secureOptions, type TlsOptions } from './reach.ts'

export interface Asker<Kept = Body> {
  ask(request: WireRequest): Promise<Outcome<Kept>>
  close(): void
}

export interface AskerOptions<Kept = Body> {
  readonly origin: URL
  /** `Host` where the request names none. */
  readonly host: string
  readonly headers: FieldList
  readonly concurrency: number
  /** For a whole exchange. */
  readonly timeoutMs: Milliseconds
  /** For each answer. */
  readonly takeBody: () => BodyTaker<Kept>
  readonly tls: TlsOptions
  readonly now: () => Milliseconds
  readonly over: AbortSignal
}

const MAX_HEAD_BYTES = 256 * 1024
const MAX_INTERIM = 32

export function createAsker<Kept>(options: AskerOptions<Kept>): Asker<Kept> {
  const secure = options.origin.protocol === 'https:'
  const sockets = { keepAlive: true, maxSockets: options.concurrency, maxFreeSockets: options.concurrency }
  const agent = secure
    ? new https.Agent({ ...sockets, ...secureOptions(options.origin, options.tls) })
    : new http.Agent(sockets)
  return {
    async ask(request) {
      const { outcome, stale } = await exchange(request, options, agent)
      // A kept connection that was closed while the request was on its way: nothing was answered, and asking is safe.
      return stale ? (await exchange(request, options, agent)).outcome : outcome
    },
    close: () => agent.destroy(),
  }
}

interface Exchanged<Kept> {
  readonly outcome: Outcome<Kept>
  readonly stale: boolean
}

function exchange<Kept>(
  request: WireRequest,
  options: AskerOptions<Kept>,
  agent: http.Agent,
): Promise<Exchanged<Kept>> {
  const { origin, now } = options
  return new Promise(resolve => {
    let phase: WireFailure['phase'] = 'connect'
    let startedAt = now()
    let timedOut = false
    const interim: Interim[] = []
    const settle = (outcome: Outcome<Kept>, stale = false): void => {
      clearTimeout(timer)
      resolve({ outcome, stale })
    }
    const fail = (code: string, why: string, stale = false): void => {
      settle({ kind: 'failure', phase, code, why }, stale)
      asked.destroy()
    }
    const asked = (origin.protocol === 'https:' ? https : http).request({
      host: hostOf(origin),
      port: portOf(origin),
      method: request.method,
      path: request.target,
      headers: [['Host', request.host ?? options.host], ...options.headers].flat(),
      agent,
      insecureHTTPParser: true,
      maxHeaderSize: MAX_HEAD_BYTES,
      signal: options.over,
    })
    asked.maxHeadersCount = 0
    const timer = setTimeout(() => {
      timedOut = true
      fail('timeout', `${UNTIL[phase]} within ${options.timeoutMs / 1000} s`)
    }, options.timeoutMs)
    asked.on('socket', socket => {
      const ready = (): void => {
        phase = 'answer'
        startedAt = now()
      }
      if (asked.reusedSocket) ready()
      else socket.once(origin.protocol === 'https:' ? 'secureConnect' : 'connect', ready)
    })
    asked.on('error', (error: NodeJS.ErrnoException) => {
      if (timedOut) return
      const code = error.code ?? error.name
      const stale = asked.reusedSocket && phase === 'answer' && (code === 'ECONNRESET' || code === 'EPIPE')
      fail(code, reasonOf(error), stale && interim.length === 0)
    })
    asked.on('information', ({ statusCode, statusMessage, rawHeaders }) => {
      interim.push({ status: statusCode, reason: statusMessage, fields: pairs(rawHeaders) })
      if (interim.length > MAX_INTERIM) fail('interim', `more than ${MAX_INTERIM} informational answers`)
    })
    asked.on('response', response => {
      phase = 'body'
      const body = options.takeBody()
      const finish = (): void =>
        settle({
          kind: 'answer',
          version: response.httpVersion,
          status: response.statusCode ?? 0,
          reason: response.statusMessage ?? '',
          fields: pairs(response.rawHeaders),
          interim,
          body: body.end(),
          trailers: pairs(response.rawTrailers),
          elapsedMs: now() - startedAt,
        })
      response.on('data', (chunk: Buffer) => {
        if (body.add(chunk)) return
        finish()
        asked.destroy()
      })
      response.on('error', (error: NodeJS.ErrnoException) => {
        fail(error.code ?? error.name, `the answer was cut after ${body.length()} bytes of its body`)
      })
      response.on('end', () => {
        if (response.complete) finish()
        else fail('cut', `the answer was cut after ${body.length()} bytes of its body`)
      })
    })
    asked.end()
  })
}

const UNTIL = { connect: 'no connection', answer: 'no answer', body: 'the answer did not end' } as const

function pairs(flat: readonly string[]): FieldList {
  const fields: (readonly [string, string])[] = []
  for (let i = 0; i + 1 < flat.length; i += 2) fields.push([flat[i]!, flat[i + 1]!])
  return fields
}
