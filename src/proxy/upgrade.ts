// Upgrades (WebSocket and the like): decided like any request, then tunnelled byte for byte. Not one byte of the client
// reaches a backend before the backend's 101; a refusal is relayed as the ordinary answer that it is.
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Failure } from '../model/exchange.ts'
import type { Side } from '../model/route.ts'
import type { Accepted } from './accept.ts'
import { readFacts, responseHeaders } from './headers.ts'
import type { ProxyParts } from './parts.ts'
import { Placement, type Waiting } from './placement.ts'
import { problem, sendProblem } from './respond.ts'
import { reasonPhrase } from './serving.ts'

/** h2c is an offer that may be ignored, and its request may have a body; everything else on a bodiless GET is tunnelled. */
export function mayUpgrade(req: IncomingMessage): boolean {
  const offered = offers(req.headers.upgrade)
  return (
    req.method === 'GET' &&
    !readFacts(req.rawHeaders).hasBody &&
    offered.length > 0 &&
    !offered.some(one => one.startsWith('h2c'))
  )
}

/** The protocols of an `Upgrade` field, in lower case. */
function offers(upgrade: string | undefined): string[] {
  return (upgrade ?? '')
    .toLowerCase()
    .split(',')
    .map(one => one.trim())
    .filter(one => one !== '')
}

/** What a client may send before the backend has agreed. */
const EARLY_BYTES = 64 * 1024
/** Time for a client to read why it was refused. */
const LINGER_MS = 2_000

export class Tunnel extends Placement {
  readonly #socket: Duplex
  #early: Buffer[]
  readonly #over: (tunnel: Tunnel) => void
  #res: ServerResponse | null = null
  #backend: Duplex | null = null
  #side: Side = 'legacy'
  #status = 0
  #failure: Failure | null = null
  #done = false

  /** `early` is what the client sent after its head. */
  constructor(
    parts: ProxyParts,
    waiting: Waiting,
    accepted: Accepted,
    client: {
      readonly req: IncomingMessage
      readonly socket: Duplex
      readonly early: Buffer
      readonly over: (tunnel: Tunnel) => void
    },
  ) {
    super(parts, waiting, accepted, client.req)
    this.#socket = client.socket
    this.#early = [client.early]
    this.#over = client.over
  }

  begin(): void {
    this.#socket.on('close', this.#closed)
    // Read while the backend thinks: a client that leaves must be heard.
    this.#socket.on('data', this.#keepEarly)
    this.#socket.on('end', this.#leftEarly)
    this.ask()
  }

  /** Ends the tunnel at once. */
  destroy(): void {
    this.#socket.destroy()
  }

  override informed(): void {}

  override head(status: number, reason: string, raw: readonly Buffer[]): void {
    this.#status = status
    const res = this.#response()
    res.writeHead(status, reasonPhrase(reason), [...responseHeaders(status, raw, false), 'Connection', 'close'])
    // flushHeaders would write the head as UTF-8.
    res.write('', 'latin1')
  }

  override data(chunk: Buffer): void {
    const res = this.#response()
    if (!res.write(chunk)) {
      this.asked?.pause()
      res.once('drain', () => this.asked?.resume())
    }
  }

  override end(): void {
    this.asked = null
    this.#response().end()
  }

  override upgraded(status: number, raw: readonly Buffer[], backend: Duplex): void {
    this.asked = null
    const agreed = offers(upgradeIn(raw))
    if (!agreed.every(one => offers(this.req.headers.upgrade).includes(one))) {
      backend.destroy()
      this.failed(NOT_OFFERED(this.decision.side))
      return
    }
    this.#socket.off('data', this.#keepEarly)
    this.#socket.off('end', this.#leftEarly)
    this.#status = status
    this.#backend = backend
    this.#side = this.decision.side
    let head = `HTTP/1.1 ${status} Switching Protocols\r\n`
    for (let i = 0; i < raw.length; i += 2) {
      head += `${(raw[i] as Buffer).toString('latin1')}: ${(raw[i + 1] as Buffer).toString('latin1')}\r\n`
    }
    this.#socket.write(`${head}\r\n`, 'latin1')
    for (const bytes of this.#early) if (bytes.length > 0) backend.write(bytes)
    this.#early = []
    this.parts.tunnel(this.decision.route.id, this.#side, 1)
    backend.on('error', () => this.#socket.destroy())
    // A reset is no clean end.
    backend.on('close', () => {
      if (!this.#socket.writableEnded) this.#socket.destroy()
    })
    // pipe ends the other half when one half ends: a half-close crosses.
    this.#socket.pipe(backend)
    backend.pipe(this.#socket)
  }

  override failed(failure: Failure): void {
    this.leave()
    this.#failure = failure
    if (this.#status !== 0) {
      this.#socket.destroy()
      return
    }
    const answer = problem(failure.code, failure.detail, this.accepted.id)
    this.#status = answer.status
    sendProblem(this.#response(), answer, true)
  }

  protected override isOver(): boolean {
    return this.#socket.destroyed
  }

  protected override upgrade(): string {
    return this.req.headers.upgrade as string
  }

  /** An ordinary answer on a socket that the server has already let go of. */
  #response(): ServerResponse {
    if (this.#res === null) {
      this.#res = new ServerResponse(this.req)
      this.#res.sendDate = false
      this.#res.shouldKeepAlive = false
      this.#res.assignSocket(this.#socket as never)
      this.#res.on('finish', () => {
        this.#socket.end()
        this.#socket.resume()
        setTimeout(() => this.#socket.destroy(), LINGER_MS).unref()
      })
    }
    return this.#res
  }

  #keepEarly = (bytes: Buffer): void => {
    this.#early.push(bytes)
    const kept = this.#early.reduce((sum, one) => sum + one.length, 0)
    if (kept > EARLY_BYTES) this.#socket.pause()
  }

  #leftEarly = (): void => {
    this.#socket.destroy()
  }

  #closed = (): void => {
    if (this.#done) return
    this.#done = true
    this.leave()
    this.#backend?.destroy()
    if (this.#backend !== null) this.parts.tunnel(this.decision.route.id, this.#side, -1)
    this.#over(this)
    const { at, id, traceId, head } = this.accepted
    this.parts.observe({
      id,
      traceId,
      method: head.method,
      decision: this.decision,
      status: this.#status,
      ending: this.#failure !== null ? 'error' : this.#status === 0 ? 'aborted' : 'complete',
      failure: this.#failure,
      totalMs: this.parts.clock.monotonic() - at,
      backendMs: null,
      overheadMs: this.startedAt === null ? null : this.startedAt - at,
      address: head.address,
    })
  }
}

/** The `Upgrade` field of a 101. */
function upgradeIn(raw: readonly Buffer[]): string | undefined {
  for (let i = 0; i < raw.length; i += 2) {
    if ((raw[i] as Buffer).toString('latin1').toLowerCase() === 'upgrade')
      return (raw[i + 1] as Buffer).toString('latin1')
  }
  return undefined
}

const NOT_OFFERED = (side: Side): Failure => ({
  side,
  phase: 'headers',
  kind: 'protocol',
  code: 'backend_protocol',
  retryable: false,
  detail: `${side} side: it switched to a protocol that was not offered`,
})
