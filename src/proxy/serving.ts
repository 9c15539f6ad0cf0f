// One ordinary request from its decision to the end of the client's answer: streams it both ways and tells what came of it.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Ending, Failure } from '../model/exchange.ts'
import type { Milliseconds } from '../model/units.ts'
import { AUTO_COOKIE } from '../routing/sticky.ts'
import type { Accepted } from './accept.ts'
import { responseHeaders } from './headers.ts'
import type { ProxyParts } from './parts.ts'
import { Placement, type Waiting } from './placement.ts'
import { problem, sendProblem } from './respond.ts'

/** An answer up to this size that is complete in the turn of its head goes out in one write. */
const ONE_WRITE_BYTES = 16 * 1024

/** What the listener knows of its connections. */
export interface Door {
  /** True: answers say `Connection: close`. */
  draining(): boolean
}

export class Serving extends Placement {
  readonly #res: ServerResponse
  readonly #door: Door
  readonly #over: () => void
  #backendMs: Milliseconds | null = null
  #failure: Failure | null = null
  /** The head is with Node but not on its way, so that a body of the same turn can go with it in one write. */
  #headPending = false
  #done = false
  /** The first piece of the answer, while the head is pending. */
  #first: Buffer | null = null

  constructor(
    parts: ProxyParts,
    waiting: Waiting,
    accepted: Accepted,
    client: {
      readonly req: IncomingMessage
      readonly res: ServerResponse
      readonly door: Door
      readonly over: () => void
    },
  ) {
    super(parts, waiting, accepted, client.req)
    this.#res = client.res
    this.#door = client.door
    this.#over = client.over
  }

  begin(): void {
    this.#res.on('close', this.#closed)
    this.ask()
  }

  override informed(): void {}

  override head(status: number, reason: string, raw: readonly Buffer[]): void {
    const headers = responseHeaders(status, raw, this.req.httpVersionMinor === 1)
    const { issueCookie } = this.decision
    if (issueCookie !== null) headers.push('Set-Cookie', ownCookie(issueCookie, this.accepted.forwarded.proto))
    // An upload that is still under way cannot be followed by another request on the same connection.
    if (!this.req.complete || this.#door.draining()) headers.push('Connection', 'close')
    this.#res.writeHead(status, reasonPhrase(reason), headers)
    this.#headPending = true
    process.nextTick(flushLater, this)
  }

  override data(chunk: Buffer): void {
    if (this.#headPending && this.#first === null && chunk.length <= ONE_WRITE_BYTES) {
      this.#first = chunk
      return
    }
    this.#sendFirst()
    this.#write(chunk)
  }

  override end(trailers: readonly Buffer[]): void {
    const first = this.#first
    this.#headPending = false
    this.#first = null
    this.asked = null
    this.#backendMs = this.parts.clock.monotonic() - this.askedAt
    if (trailers.length > 0) this.#res.addTrailers(pairs(trailers))
    // As one text with the head it is one write; as a Buffer it would be two, gathered by a slower call.
    if (first !== null) this.#res.end(first.toString('latin1'), 'latin1')
    else this.#res.end()
  }

  override upgraded(_status: number, _headers: readonly Buffer[], socket: Duplex): void {
    // An answer of 101 to a request that asked for no upgrade: nobody may speak on that socket.
    socket.destroy()
    this.#res.destroy()
  }

  override failed(failure: Failure): void {
    this.leave()
    this.#failure = failure
    this.#backendMs = this.parts.clock.monotonic() - this.askedAt
    // Never a clean end of half an answer.
    if (this.#res.headersSent) this.#res.destroy()
    else
      sendProblem(
        this.#res,
        problem(failure.code, failure.detail, this.accepted.id),
        !this.req.complete || this.#door.draining(),
      )
  }

  /** Sends what the turn left pending: slow first bytes and events must not hold the head back. */
  flush(): void {
    if (!this.#headPending || this.#res.destroyed) return
    // flushHeaders would write the head as UTF-8.
    if (this.#first === null) this.#res.write('', 'latin1')
    this.#sendFirst()
  }

  #sendFirst(): void {
    this.#headPending = false
    const first = this.#first
    if (first === null) return
    this.#first = null
    this.#write(first)
  }

  #write(chunk: Buffer): void {
    if (this.#res.write(chunk)) return
    this.asked?.pause()
    this.#res.once('drain', this.#resume)
  }

  protected override isOver(): boolean {
    return this.#done || this.#res.destroyed || this.#res.writableEnded
  }

  protected override upgrade(): null {
    return null
  }

  #resume = (): void => {
    this.asked?.resume()
  }

  #closed = (): void => {
    if (this.#done) return
    this.#done = true
    this.leave()
    this.#over()
    const { at, id, traceId, head } = this.accepted
    const ending: Ending = this.#failure !== null ? 'error' : this.#res.writableFinished ? 'complete' : 'aborted'
    this.parts.observe({
      id,
      traceId,
      method: head.method,
      decision: this.decision,
      status: this.#res.headersSent ? this.#res.statusCode : 0,
      ending,
      failure: this.#failure,
      totalMs: this.parts.clock.monotonic() - at,
      backendMs: this.#backendMs,
      overheadMs: this.startedAt === null ? null : this.startedAt - at,
      address: head.address,
    })
  }
}

/** undici reads the reason as UTF-8: its bytes come back, or, where they were lost or are refused by Node, none. */
export function reasonPhrase(reason: string): string {
  if (reason.includes('\ufffd')) return ''
  const bytes = Buffer.from(reason).toString('latin1')
  return /[^\t\x20-\x7e\x80-\xff]/.test(bytes) ? '' : bytes
}

function flushLater(serving: Serving): void {
  serving.flush()
}

export function ownCookie(value: string, proto: 'http' | 'https'): string {
  const secure = proto === 'https' ? '; Secure' : ''
  return `${AUTO_COOKIE}=${value}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax${secure}`
}

function pairs(raw: readonly Buffer[]): [string, string][] {
  const out: [string, string][] = []
  for (let i = 0; i < raw.length; i += 2) {
    out.push([(raw[i] as Buffer).toString('latin1'), (raw[i + 1] as Buffer).toString('latin1')])
  }
  return out
}
