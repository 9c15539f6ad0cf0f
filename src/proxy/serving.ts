// One request from its decision to the end of the client's answer: streams it both ways, asks again where that is harmless,
// and tells what came of it.
import type { Socket } from 'node:net'
import type { Ending, Exchange, Failure } from '../model/exchange.ts'
import type { Backend, Quirk } from '../model/route.ts'
import type { Milliseconds } from '../model/units.ts'
import type { Copying } from '../shadow/original.ts'
import type { Pins } from '../upstream/pins.ts'
import type { Receiver, Sending } from '../upstream/sending.ts'
import type { Place } from '../upstream/service.ts'
import { CHUNKED, type Framing, requestFraming, UNTIL_CLOSE } from '../wire/framing.ts'
import type { Answer } from '../wire/head.ts'
import type { Accepted } from './accept.ts'
import { answerCrossing, linkFinder, setCookiesOf, sideRequest } from './crossing.ts'
import { answerText, informationText, passableTrailers } from './headers.ts'
import { ownCookies } from './own-cookies.ts'
import type { ProxyParts } from './parts.ts'
import { Placement, type Waiting } from './placement.ts'
import { type Outlet, Reply } from './reply.ts'
import { RequestBody } from './request-body.ts'
import { askOf, type Problem, problem, problemAnswer } from './respond.ts'
import { wantsBack, wantsFallback, wantsOtherSide, wantsRetry } from './second-chance.ts'
import type { Open } from './spread.ts'
import { headersAsGiven, Tapped } from './tap.ts'
import { beginDispatch, overOf } from './tracing.ts'
import { agreesTo, isUpgrade, openTunnel, type Tunnel } from './tunnel.ts'

/** A backend that neither continues nor answers gets the body after this. */
const EXPECT_WAIT_MS = 1_000

/** The client's connection, as one exchange on it sees it. */
export interface Client extends Outlet {
  readonly pins: Pins
  readonly secure: boolean
  /** The request's last byte was read. */
  readonly bodyDone: boolean
  /** The body may come, or go on coming. */
  openBody(): void
  pauseBody(): void
  /** Until it is opened again, what comes of the body waits. */
  holdBody(): void
  /** Gives the bare socket away, with what came early. */
  detach(): { readonly socket: Socket; readonly early: Buffer }
}

/** What the listener knows. */
export interface Door {
  readonly parts: ProxyParts
  readonly waiting: Waiting
  /** True: answers say `Connection: close`. */
  closesAnswers(): boolean
  tunnelled(tunnel: Tunnel): void
  tunnelOver(tunnel: Tunnel): void
  /** An answer that goes on while its client listens. */
  streams(stream: Open): void
  streamOver(stream: Open): void
}

export class Serving implements Receiver {
  readonly #door: Door
  readonly #parts: ProxyParts
  readonly #accepted: Accepted
  readonly #client: Client
  readonly #placement: Placement
  readonly #body: RequestBody
  readonly #reply: Reply
  #asked: Sending | null = null
  #askedAt: Milliseconds = 0
  #backendMs: Milliseconds | null = null
  #address: string | null = null
  /** What the client has to send to come to this address again; null: it does. */
  #stick: string | null = null
  #failed: Failure | null = null
  /** The same side was asked again. */
  #isSecondTry = false
  /** The other side was asked instead, once. */
  #diverted = false
  #bodyNoted = false
  /** An interim answer went to the client: who gave it gives the answer, too. */
  #informed = false
  #stays = false
  #expectTimer: NodeJS.Timeout | null = null
  /** Looks through the first piece of a page. */
  #findLinks: ((piece: Buffer) => void) | null = null
  /** An event stream, while it is open. */
  #stream: Open | null = null
  #leaving: Milliseconds | null = null
  /** The backend's, once it is what the client gets. */
  #answered: Answer | null = null
  #answerBytes = 0
  /** Follows the answer, so that the other side's can be compared with it; null: nobody does. */
  readonly #copy: Copying | null
  #done = false

  constructor(door: Door, accepted: Accepted, client: Client) {
    this.#door = door
    this.#parts = door.parts
    this.#accepted = accepted
    this.#client = client
    this.#body = new RequestBody(requestFraming(accepted.request.fields))
    this.#copy = accepted.decision.route.shadow === null ? null : door.parts.shadow(new Tapped(door.parts, accepted))
    this.#reply = new Reply(client, () => this.#asked?.pause())
    this.#placement = new Placement(accepted.decision, accepted.snapshot, {
      waiting: door.waiting,
      current: door.parts.current,
      again: () => {
        this.#asked?.giveUp()
        this.#ask(null, false)
      },
    })
  }

  begin(): void {
    this.#ask(null, false)
  }

  /** Something of the answer may have reached the client. */
  get hasAnswered(): boolean {
    return this.#reply.hasBegun
  }

  // ---- from the client

  body(piece: Buffer): void {
    this.#body.bytes += piece.length
    if (this.#isTooLarge()) return
    this.#copy?.request(piece)
    if (this.#body.isCollecting) {
      this.#body.keep(piece)
      return
    }
    if (this.#asked === null) return
    this.#body.touch()
    if (!this.#asked.write(piece)) this.#client.pauseBody()
  }

  bodyEnd(trailers: readonly string[]): void {
    if (this.#body.isCollecting) {
      this.#body.complete()
      this.#ask(null, false)
    } else {
      this.#body.touch()
      this.#asked?.finish(passableTrailers(trailers))
    }
  }

  writable(): void {
    if (this.#reply.drained()) this.#asked?.resume()
  }

  /** Nothing new goes to a backend any more: what has not gone is answered now. */
  refuseWaiting(): void {
    if (this.#placement.startedAt !== null || this.#reply.hasBegun) return
    this.#asked?.giveUp()
    this.#asked = null
    this.#body.drop()
    this.#answer(problem('overloaded', 'this process ends, and sends nothing new', this.#accepted.id))
  }

  /** The connection is gone, or has sent everything: nothing more comes of this exchange. */
  closed(delivered: boolean): void {
    if (this.#done) return
    this.#done = true
    this.#placement.settle(null)
    if (this.#expectTimer !== null) clearTimeout(this.#expectTimer)
    this.#asked?.giveUp()
    this.#asked = null
    if (this.#stream !== null) {
      this.#door.streamOver(this.#stream)
      this.#parts.tunnel(this.#stream.route.id, this.#stream.side, -1)
    }
    const ending: Ending = this.#failed !== null ? 'error' : delivered ? 'complete' : 'aborted'
    this.#tell(ending, (this.#leaving ?? this.#parts.clock.monotonic()) - this.#accepted.at)
    // Last: the client has everything.
    this.#copy?.over({
      side: this.#placement.decision.side,
      ending:
        ending === 'aborted' ? 'client_left' : ending === 'error' || this.#answered === null ? 'failed' : 'complete',
      ms: this.#backendMs ?? 0,
    })
  }

  // ---- Receiver

  mayStart(): boolean {
    return this.#parts.mayAsk() && this.#placement.mayStart()
  }

  started({ address, stick }: Place): void {
    this.#address = address
    this.#stick = stick
    this.#placement.settle(this.#parts.clock.monotonic())
    if (this.#body.isEmpty) return
    if (this.#body.whole !== null) {
      this.#asked?.write(this.#body.whole)
      this.#asked?.finish([])
      return
    }
    if (this.#accepted.request.fields.expect !== null && this.#accepted.request.minor === 1) {
      this.#expectTimer = setTimeout(() => this.#continue(), EXPECT_WAIT_MS)
    }
    this.#client.openBody()
  }

  drained(): void {
    this.#client.openBody()
  }

  informed(answer: Answer): void {
    if (answer.status === 100) this.#clearExpect()
    if (this.#accepted.request.minor !== 1) return
    this.#informed = true
    this.#client.write(this.#informationOf(answer))
  }

  head(answer: Answer, framing: Framing): void {
    this.#clearExpect()
    if (this.#divert(answer)) return
    this.#answered = answer
    const { request } = this.#accepted
    const streams = framing.kind === 'chunked' || framing.kind === 'close'
    // RFC 9112, 6.1: HTTP/1.0 hears of no coding, also where there is no body (HEAD, 304).
    const codes = streams || (answer.fields.isChunked && request.minor === 0)
    const out = codes ? (request.minor === 1 ? CHUNKED : UNTIL_CLOSE) : framing
    const { fields } = request
    const mayStay = request.minor === 1 ? !fields.closes : fields.stays && !fields.closes
    this.#stays =
      mayStay && this.#client.bodyDone && out.kind !== 'close' && !isUpgrade(request) && !this.#door.closesAnswers()
    this.#findLinks = linkFinder(this.#parts, this.#accepted, this.#placement.decision, answer)
    const crossing = answerCrossing(this.#parts, this.#accepted, this.#placement.decision, answer)
    const text = answerText(answer, {
      framing: out,
      closes: !this.#stays,
      confirmsStay: request.minor === 0 && this.#stays,
      ownLines: this.#ownCookies(answer, crossing?.isShared === true) + (crossing?.added ?? ''),
      special: crossing?.special ?? null,
    })
    this.#reply.begin(answer.status, text, out)
    this.#copy?.answered(answer.status, headersAsGiven(this.#accepted, this.#placement.decision.side, answer, crossing))
    if (streams && answer.fields.isEventStream) this.#streams()
  }

  /** Open for as long as a tunnel, and counted with them. */
  #streams(): void {
    const { route, side } = this.#placement.decision
    this.#stream = {
      route,
      side,
      cut: () => {
        this.#asked?.giveUp()
        this.#asked = null
        this.#reply.cut()
      },
    }
    this.#door.streams(this.#stream)
    this.#parts.tunnel(route.id, side, 1)
  }

  data(piece: Buffer): void {
    this.#answerBytes += piece.length
    if (this.#findLinks !== null) {
      this.#findLinks(piece)
      this.#findLinks = null
    }
    this.#reply.piece(piece)
    this.#copy?.piece(piece)
  }

  flush(): void {
    this.#reply.flush()
  }

  end(trailers: readonly string[]): void {
    this.#asked = null
    const now = this.#parts.clock.monotonic()
    this.#backendMs = now - this.#askedAt
    // Mostly it has left with this turn, and what time it is need not be asked again.
    this.#leaving = now
    this.#reply.end(passableTrailers(trailers), this.#stays && this.#client.bodyDone)
    this.#leaving = null
  }

  upgraded(answer: Answer, socket: Socket, early: Buffer): void {
    this.#asked = null
    const { decision } = this.#placement
    if (!agreesTo(this.#accepted.request, answer)) {
      socket.destroy()
      this.#fail({
        side: decision.side,
        phase: 'headers',
        kind: 'protocol',
        code: 'backend_protocol',
        retryable: false,
        stale: false,
        quirk: null,
        detail: `${decision.side} side: it switched to a protocol that the client did not offer`,
      })
      return
    }
    this.#answered = answer
    this.#reply.status = answer.status
    const client = this.#client.detach()
    client.socket.write(this.#informationOf(answer), 'latin1')
    const tunnel = openTunnel(client, { socket, early }, decision, over => {
      this.#door.tunnelOver(over)
      this.#parts.tunnel(decision.route.id, decision.side, -1)
      this.closed(true)
    })
    this.#door.tunnelled(tunnel)
    this.#parts.tunnel(decision.route.id, decision.side, 1)
  }

  failed(failure: Failure): void {
    this.#asked = null
    this.#placement.settle(null)
    this.#clearExpect()
    if (failure.quirk !== null) this.quirk(failure.quirk)
    // Its content may be foul from the first piece on.
    this.#reply.takeBack()
    if (this.#reply.hasBegun || this.#informed || !this.#parts.mayAsk()) {
      this.#fail(failure)
      return
    }
    const circumstances = {
      accepted: this.#accepted,
      decision: this.#placement.decision,
      failure,
      bodyIntact: this.#body.isIntact,
      hasBody: !this.#body.isEmpty,
      isSecondTry: this.#isSecondTry,
      isInTime: this.#isInTime(),
    }
    if (wantsRetry(circumstances, this.#parts) && this.#mayRetry()) {
      this.#isSecondTry = true
      this.#ask(this.#address, true)
    } else if (!this.#diverted && wantsFallback(circumstances)) {
      this.#diverted = true
      this.#parts.note({ kind: 'covered', route: this.#accepted.decision.route.id, failure: failure.kind })
      this.#placement.move('legacy', failure.kind === 'circuit' ? 'breaker' : 'fallback')
    } else if (wantsBack(circumstances)) {
      this.#parts.note({ kind: 'covered', route: this.#accepted.decision.route.id, failure: failure.kind })
      this.#placement.move('legacy', this.#accepted.decision.reason)
    } else this.#fail(failure)
  }

  #isInTime(): boolean {
    const { route, side } = this.#placement.decision
    const totalMs = route.sides[side]?.timeouts.totalMs ?? null
    // A timer may be a little early.
    return totalMs === null || this.#parts.clock.monotonic() - this.#askedAt < totalMs - 5
  }

  #mayRetry(): boolean {
    const { route, side } = this.#placement.decision
    const granted = this.#parts.allowsRetry(route.sides[side] as Backend)
    this.#parts.note({ kind: 'retry', side, granted })
    return granted
  }

  quirk(quirk: Quirk): void {
    this.#parts.note({ kind: 'quirk', side: this.#placement.decision.side, quirk })
  }

  /** One request's exception is that request's 500, and nobody else's. */
  broken(error: unknown): void {
    this.#asked?.giveUp()
    this.#asked = null
    const { id, traceId } = this.#accepted
    this.#parts.broken(error, { route: this.#placement.decision.route.id, exchange: id, trace: traceId })
    if (this.#reply.hasBegun) this.#reply.cut()
    else this.#answer(problem('internal', 'something went wrong in the proxy', this.#accepted.id))
  }

  // ---- asking

  /** Asks the decided side. */
  #ask(avoid: string | null, fresh: boolean): void {
    const { decision } = this.#placement
    const { route, side } = decision
    const backend = route.sides[side]
    if (backend === null) throw new Error(`route ${route.id} has no ${side} side`)
    this.#address = null
    const { at } = this.#accepted
    const now = this.#askedAt === 0 ? at : this.#parts.clock.monotonic()
    const spentMs = fresh ? now - this.#askedAt : 0
    this.#askedAt = now
    this.#placement.wait()
    if (!this.#parts.mayAsk()) {
      this.refuseWaiting()
      return
    }
    // A second try does not wait for the new side of a route that was rolled back after the first.
    if (this.#placement.recall() || this.#mustBuffer(backend)) return
    // It was open for the side that failed; who is asked now takes it when it has a connection.
    this.#client.holdBody()
    const framing = this.#body.outFraming
    const attempt = fresh ? 'retry' : this.#diverted ? 'fallback' : 'first'
    const asking = beginDispatch(this.#parts, this.#accepted, {
      role: 'primary',
      attempt,
      route: route.id,
      side,
      backend,
    })
    const spanId = asking?.spanId ?? null
    this.#asked = this.#parts.ask(
      {
        ...sideRequest(this.#parts, this.#accepted, { decision, backend, framing, copy: null, spanId }),
        side,
        backend,
        framing,
        binds: this.#accepted.request.fields.binds,
        pins: this.#client.pins,
        avoid,
        fresh,
        spentMs,
        over: asking === null ? null : overOf(asking),
      },
      this,
    )
    this.#asked.send()
  }

  /** True: it is asked when the body is there. */
  #mustBuffer({ wire }: Backend): boolean {
    if (this.#body.framing.kind !== 'chunked' || this.#body.whole !== null) return false
    // What has come is here, whoever is to have it now: a rollback in the middle changes only who is asked.
    if (this.#body.isCollecting) return true
    if (!wire.bufferChunked && wire.version === '1.1') return false
    this.#body.collect()
    if (this.#accepted.request.fields.expect !== null) this.#continue()
    // In a turn of its own: what is asked anew may be in the middle of something.
    setImmediate(() => this.#client.openBody())
    return true
  }

  #isTooLarge(): boolean {
    const { limits, profile } = this.#accepted.snapshot.plan
    const backend = this.#placement.decision.route.sides[this.#placement.decision.side]
    const most = this.#body.isCollecting ? (backend?.wire.bufferBytes ?? 0) : null
    const over = limits.bodyBytes !== null && this.#body.bytes > limits.bodyBytes
    if (over && profile === 'transparent' && this.#body.framing.kind === 'chunked' && !this.#bodyNoted) {
      this.#bodyNoted = true
      this.#parts.note({ kind: 'would-cut', limit: 'body' })
    }
    if (!(over && profile === 'standard') && (most === null || this.#body.bytes <= most)) return false
    this.#asked?.giveUp()
    this.#asked = null
    this.#body.drop()
    if (this.#reply.hasBegun) this.#reply.cut()
    else this.#answer(problem('body_too_large', 'the body is longer than is allowed here', this.#accepted.id))
    return true
  }

  #continue(): void {
    this.#expectTimer = null
    if (!this.#reply.hasBegun && !this.#client.bodyDone) this.#client.write('HTTP/1.1 100 Continue\r\n\r\n')
  }

  #clearExpect(): void {
    if (this.#expectTimer === null) return
    clearTimeout(this.#expectTimer)
    this.#expectTimer = null
  }

  // ---- answering

  /** Lets the other side answer instead, where the route wants that. */
  #divert(answer: Answer): boolean {
    if (this.#diverted || this.#informed || !this.#parts.mayAsk()) return false
    const circumstances = {
      accepted: this.#accepted,
      decision: this.#placement.decision,
      status: answer.status,
      bodyIntact: this.#body.isIntact,
      isRolledBack: () => this.#parts.current().isRolledBack(this.#placement.decision.route),
    }
    const side = wantsOtherSide(circumstances)
    if (side === null) return false
    this.#diverted = true
    this.#placement.move(side, 'fallback')
    return true
  }

  /** An answer that a shared cache may keep must not carry one user's cookies to all others. */
  #ownCookies(answer: Answer, isShared: boolean): string {
    const { snapshot, head, forwarded } = this.#accepted
    const { decision } = this.#placement
    if (isShared || (decision.issue === null && this.#stick === null && snapshot.pinCookies === null)) return ''
    const pins = snapshot.pinCookies?.(decision, head, setCookiesOf(decision, answer)) ?? []
    return ownCookies(decision, pins, this.#stick, forwarded.proto)
  }

  #informationOf(answer: Answer): string {
    const crossing = answerCrossing(this.#parts, this.#accepted, this.#placement.decision, answer)
    return informationText(answer, crossing?.special ?? null)
  }

  #fail(failure: Failure): void {
    this.#failed = failure
    this.#backendMs = this.#parts.clock.monotonic() - this.#askedAt
    if (this.#reply.hasBegun) this.#reply.cut()
    else this.#answer(problem(failure.code, failure.detail, this.#accepted.id))
  }

  /** An answer of our own. */
  #answer(said: Problem): void {
    const { request, snapshot } = this.#accepted
    const { fields, method, minor } = request
    const stays =
      minor === 1 && !fields.closes && this.#client.bodyDone && !isUpgrade(request) && !this.#door.closesAnswers()
    const ask = askOf(fields.list, method)
    this.#reply.whole(said.status, problemAnswer(said, ask, snapshot.plan.errorPage, !stays), stays)
  }

  #tell(ending: Ending, totalMs: Milliseconds): void {
    const { at, id, traceId, trace, head } = this.#accepted
    const { startedAt, decision } = this.#placement
    const exchange: Exchange = {
      id,
      traceId,
      trace,
      method: head.method,
      decision,
      status: this.#reply.status,
      ending,
      failure: this.#failed,
      totalMs,
      backendMs: this.#backendMs,
      overheadMs: startedAt === null ? null : startedAt - at,
      backend: this.#askedAt === 0 ? null : (decision.route.sides[decision.side]?.name ?? null),
      backendAddress: this.#address,
      address: head.address,
    }
    this.#parts.observe(exchange)
    this.#parts.watch(exchange, head)
    const standsFor = this.#parts.samples()
    if (standsFor === 0) return
    this.#parts.sample({
      exchange,
      head,
      requestBytes: this.#body.bytes,
      answerHeaders: this.#answered?.fields.list ?? [],
      answerBytes: this.#answerBytes,
      standsFor,
    })
  }
}
