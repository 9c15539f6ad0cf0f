// One export to a collector: posted, answered in time and within bounds, or not. Whatever happens is an answer; nothing is
// thrown, and no redirect is followed, because headers with secrets go along.
import { Agent, type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http'
import { request as requestHttps, Agent as TlsAgent } from 'node:https'
import type { Socket } from 'node:net'
import type { Bytes, EpochMs, Milliseconds } from '../model/units.ts'

/** More of an answer is not read. */
const MOST_ANSWERED: Bytes = 64 * 1024
/** Between two exports a connection is kept for so long. */
const KEPT_MS: Milliseconds = 30_000
/** OTLP: these, and no others, may be sent again. */
const TRY_AGAIN = new Set([429, 502, 503, 504])

export type Posted =
  /** `rejected`: so many of the spans were not wanted after all. */
  | { readonly kind: 'taken'; readonly rejected: number }
  | {
      readonly kind: 'refused'
      readonly why: string
      readonly mayTryAgain: boolean
      /** The collector wants to be left alone for so long; null: it did not say. */
      readonly afterMs: Milliseconds | null
    }

export type Post = (body: Buffer, timeoutMs: Milliseconds) => Promise<Posted>

export interface PostParts {
  readonly endpoint: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Asked of each connection before a byte is on it: why it is not used; null: it is. */
  readonly refuse: (ends: Socket) => Error | null
  readonly now: () => EpochMs
}

/** `close` ends what is under way. */
export function createPost(parts: PostParts): { readonly post: Post; close(): void } {
  const url = new URL(parts.endpoint)
  const isTls = url.protocol === 'https:'
  const agent = guarded(isTls ? new TlsAgent(AGENT) : new Agent(AGENT), parts.refuse)
  const open = isTls ? requestHttps : requestHttp

  function post(body: Buffer, timeoutMs: Milliseconds): Promise<Posted> {
    return attempt(body, AbortSignal.timeout(timeoutMs), true)
  }

  /** `mayRepeat`: a kept connection that was closed just when it was used is no refusal. */
  function attempt(body: Buffer, signal: AbortSignal, mayRepeat: boolean): Promise<Posted> {
    return new Promise(resolve => {
      const refused = (why: string) => resolve({ kind: 'refused', why, mayTryAgain: true, afterMs: null })
      const options: RequestOptions = {
        method: 'POST',
        agent,
        signal,
        headers: {
          ...Object.fromEntries(parts.headers),
          'content-type': 'application/json',
          'content-length': body.length,
        },
      }
      let isAnswered = false
      const request = open(url, options, response => {
        isAnswered = true
        read(response).then(
          text => resolve(answerOf(response, text, parts.now())),
          () => refused(signal.aborted ? 'timeout' : 'answer_cut'),
        )
      })
      // Answers that Node takes for none are events of their own, and end the request without an error.
      request.on('upgrade', (_response, socket) => {
        socket.destroy()
        refused('bad_answer')
      })
      request.on('error', error => {
        const why = whyOf(error)
        const isStale = request.reusedSocket && (why === 'ECONNRESET' || why === 'EPIPE') && !signal.aborted
        if (isStale && mayRepeat) resolve(attempt(body, signal, false))
        else refused(signal.aborted ? 'timeout' : why)
      })
      request.on('close', () => isAnswered || refused(signal.aborted ? 'timeout' : 'closed'))
      request.end(body)
    })
  }
  return { post, close: () => agent.destroy() }
}

/** One at a time. */
const AGENT = { keepAlive: true, maxSockets: 1, maxFreeSockets: 1, timeout: KEPT_MS }

type Connecting = { createConnection(options: unknown, opened?: unknown): Socket }

/** Whatever the collector is called, where a connection leads is known once it is open. */
function guarded<A extends Agent>(agent: A, refuse: PostParts['refuse']): A {
  const connecting = agent as unknown as Connecting
  const connect = connecting.createConnection.bind(agent)
  connecting.createConnection = (options, opened) => {
    const socket = connect(options, opened)
    // The first to hear of it: what is written waits behind.
    socket.prependOnceListener('connect', () => {
      const error = refuse(socket)
      if (error !== null) socket.destroy(error)
    })
    return socket
  }
  return agent
}

async function read(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length
    // Leaving the loop destroys it: what a collector says without an end is not worth a connection.
    if (bytes > MOST_ANSWERED) break
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

function answerOf({ statusCode = 0, headers }: IncomingMessage, text: string, now: EpochMs): Posted {
  if (statusCode >= 200 && statusCode < 300) return { kind: 'taken', rejected: rejectedIn(text) }
  const mayTryAgain = TRY_AGAIN.has(statusCode)
  return { kind: 'refused', why: `status ${statusCode}`, mayTryAgain, afterMs: afterOf(headers['retry-after'], now) }
}

/** Of a partial success; a number of 64 bits is a text in JSON. */
function rejectedIn(text: string): number {
  try {
    const { partialSuccess } = JSON.parse(text) as { partialSuccess?: { rejectedSpans?: unknown } }
    const count = Number(partialSuccess?.rejectedSpans ?? 0)
    return Number.isSafeInteger(count) && count > 0 ? count : 0
  } catch {
    return 0
  }
}

/** RFC 9110, 10.2.3: seconds, or a date. */
function afterOf(value: string | undefined, now: EpochMs): Milliseconds | null {
  if (value === undefined) return null
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return Number.isNaN(ms) ? null : Math.max(0, ms)
}

/** A code, never a message: that may quote what it was given. */
function whyOf(error: Error): string {
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'string' ? code : 'failed'
}
