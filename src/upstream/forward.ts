// One request to one backend, streamed both ways. The only file that speaks undici's handler language.
//
// The last question before bytes reach a socket is `mayStart`: undici asks it (onRequestStart) when a connection is free,
// and RequestBody asks it again when the first piece of a body is there, because undici writes the head together with it.
import type { Duplex, Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Failure, HeaderList } from '../model/exchange.ts'
import type { Backend, Side } from '../model/route.ts'
import { classify, GIVEN_UP, TOTAL_TIMEOUT } from './classify.ts'
import { RequestBody } from './request-body.ts'

export interface Outgoing {
  readonly side: Side
  readonly backend: Backend
  readonly method: string
  /** Byte for byte (latin1). */
  readonly target: string
  readonly headers: HeaderList
  /** null: no body is framed. A Content-Length among the headers sets the framing, else chunked. */
  readonly body: Readable | null
  /** Protocol to upgrade to, or null. */
  readonly upgrade: string | null
}

/** Who hears what comes of it. After `end`, `upgraded` or `failed` nothing more is called. */
export interface Receiver {
  /** Asked just before bytes go to a socket, perhaps twice. False gives the request up silently: nothing was sent. */
  mayStart(): boolean
  /** Bytes go out in this turn. */
  started(): void
  informed(status: number, headers: readonly Buffer[]): void
  head(status: number, reason: string, headers: readonly Buffer[]): void
  data(chunk: Buffer): void
  end(trailers: readonly Buffer[]): void
  upgraded(status: number, headers: readonly Buffer[], socket: Duplex): void
  failed(failure: Failure): void
}

/** A request on its way. */
export interface Sending {
  /** Stop reading the answer until `resume`. */
  pause(): void
  resume(): void
  /** Ends it silently: the socket is destroyed if it was used, the receiver hears nothing more. */
  giveUp(): void
}

export function forward(pool: Dispatcher, outgoing: Outgoing, receiver: Receiver): Sending {
  const exchange = new Forwarding(outgoing, receiver)
  exchange.dispatch(pool)
  return exchange
}

class Forwarding implements Sending, Dispatcher.DispatchHandler {
  readonly #outgoing: Outgoing
  #receiver: Receiver | null
  #controller: Dispatcher.DispatchController | null = null
  #phase: Failure['phase'] = 'connect'
  #started = false
  #totalTimer: NodeJS.Timeout | null = null
  #body: RequestBody | null = null

  constructor(outgoing: Outgoing, receiver: Receiver) {
    this.#outgoing = outgoing
    this.#receiver = receiver
  }

  dispatch(pool: Dispatcher): void {
    const { method, target, headers, body, upgrade, backend } = this.#outgoing
    const { headMs, idleMs, totalMs } = backend.timeouts
    if (totalMs !== null) this.#totalTimer = setTimeout(this.#expire, totalMs)
    if (body !== null) this.#body = new RequestBody(body, this.#mayStart)
    pool.dispatch(
      {
        path: target,
        method: method as Dispatcher.HttpMethod,
        headers: headers as string[],
        body: this.#body,
        upgrade,
        headersTimeout: headMs ?? 0,
        bodyTimeout: idleMs ?? 0,
        // undici would close the connection after HEAD and after a GET with a body; framing is ours, so it may stay.
        reset: upgrade === null ? false : undefined,
      } as Dispatcher.DispatchOptions,
      this,
    )
  }

  pause(): void {
    this.#controller?.pause()
  }

  resume(): void {
    this.#controller?.resume()
  }

  giveUp(): void {
    if (this.#receiver === null) return
    this.#finish()
    // Still waiting in the pool there is no controller: onRequestStart aborts as soon as it is called, and the body must
    // let go of the client's stream now, because another request may be made of it.
    if (this.#controller === null) this.#body?.destroy()
    else this.#controller.abort(givenUp())
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#receiver === null) {
      controller.abort(givenUp())
      return
    }
    const allowed = this.#outgoing.body === null ? this.#mayStart() : this.#receiver.mayStart()
    if (!allowed) this.giveUp()
    else if (this.#started) this.#phase = 'headers'
  }

  onRequestSent(): void {
    if (this.#phase === 'send') this.#phase = 'headers'
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _: unknown, reason?: string): void {
    const receiver = this.#receiver
    if (receiver === null) return
    const headers = controller.rawHeaders as readonly Buffer[]
    if (status < 200) {
      receiver.informed(status, headers)
      return
    }
    this.#phase = 'body'
    receiver.head(status, reason ?? '', headers)
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#receiver?.data(chunk)
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#finish()?.end((controller.rawTrailers ?? []) as readonly Buffer[])
  }

  onRequestUpgrade(controller: Dispatcher.DispatchController, status: number, _: unknown, socket: Duplex): void {
    const receiver = this.#finish()
    if (receiver === null) socket.destroy()
    else receiver.upgraded(status, controller.rawHeaders as readonly Buffer[], socket)
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#finish()?.failed(classify(error, this.#outgoing.side, this.#phase))
  }

  #mayStart = (): boolean => {
    const receiver = this.#receiver
    if (receiver === null || !receiver.mayStart()) {
      this.giveUp()
      return false
    }
    if (!this.#started) {
      this.#started = true
      this.#phase = 'send'
      receiver.started()
    }
    return true
  }

  #expire = (): void => {
    const error = Object.assign(new Error('total timeout'), { code: TOTAL_TIMEOUT })
    this.#finish()?.failed(classify(error, this.#outgoing.side, this.#phase))
    this.#controller?.abort(error)
  }

  /** Hands the receiver out for its last call, once. */
  #finish(): Receiver | null {
    const receiver = this.#receiver
    this.#receiver = null
    if (this.#totalTimer !== null) clearTimeout(this.#totalTimer)
    return receiver
  }
}

function givenUp(): Error {
  return Object.assign(new Error('given up'), { code: GIVEN_UP })
}
