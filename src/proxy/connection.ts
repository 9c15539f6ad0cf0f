// One client's connection: its requests one at a time and in order, their bodies when somebody takes them, and an end for
// whoever is too slow.
//
// A client that pipelines gets what it would get without: an unsafe request never overtakes or is overtaken (RFC 9112,
// 9.3.2), and one connection cannot take many of a backend's. A client that has said its last byte has left, as for nginx.
import type { Socket } from 'node:net'
import type { Milliseconds } from '../model/units.ts'
import { Pins } from '../upstream/pins.ts'
import { leaveBytes, takeBytes } from '../upstream/read-buffer.ts'
import { writeFramed } from '../upstream/write-copy.ts'
import { type BodyReader, bodyReader } from '../wire/body.ts'
import { requestFraming } from '../wire/framing.ts'
import { type Request, readRequest } from '../wire/head.ts'
import { HeadPieces, type WholeHead } from '../wire/head-pieces.ts'
import { HeadError } from '../wire/lenience.ts'
import { accept, type Refused } from './accept.ts'
import { forwardedOf, type Peer } from './client.ts'
import { type Late, Patience, type Phase } from './patience.ts'
import { reset } from './reset.ts'
import { askOf, problem, problemAnswer, UNKNOWN_ASK } from './respond.ts'
import { type Client, type Door, Serving } from './serving.ts'

/** Whatever the profile: more fields are never read. */
const MOST_FIELDS = 10_000
/** What may wait on a connection before it is not read further. */
const MOST_HELD_BYTES = 64 * 1024
export interface Listener extends Door {
  /** True: requests are answered 503, because there is too much already. */
  refusesRequests(): boolean
  gone(connection: ClientConnection): void
}

export class ClientConnection implements Client {
  readonly pins = new Pins()
  readonly secure: boolean
  readonly #listener: Listener
  readonly #socket: Socket
  readonly #peer: Peer
  #phase: Phase = 'silent'
  readonly #patience: Patience
  readonly #head = new HeadPieces()
  #serving: Serving | null = null
  #reader: BodyReader | null = null
  #bodyOpen = false
  /** Bytes that nobody takes yet: a body before it may come, or the requests after this one. */
  #held: Buffer[] = []
  #heldBytes = 0

  constructor(listener: Listener, socket: Socket, peer: Peer) {
    this.#listener = listener
    this.#socket = socket
    this.#peer = peer
    this.secure = peer.tls
    this.#patience = new Patience(limit => listener.parts.note({ kind: 'would-cut', limit }))
    socket.on('end', this.#end)
    socket.on('drain', this.#drain)
    socket.on('error', ignore)
    socket.on('close', this.#close)
    takeBytes(socket, this.#data)
  }

  get isBusy(): boolean {
    return this.#phase === 'busy'
  }

  /** It was opened, and has said nothing yet. */
  get isSilent(): boolean {
    return this.#phase === 'silent'
  }

  destroy(): void {
    this.#socket.destroy()
  }

  refuseWaiting(): void {
    this.#serving?.refuseWaiting()
  }

  // ---- Client

  get bodyDone(): boolean {
    return this.#reader === null
  }

  openBody(): void {
    if (this.#phase !== 'busy') return
    if (this.#reader !== null && !this.#bodyOpen) {
      this.#bodyOpen = true
      this.#patience.bodyOpens()
      const held = this.#held
      this.#held = []
      this.#heldBytes = 0
      for (const bytes of held) this.#read(bytes)
    }
    if (this.#heldBytes <= MOST_HELD_BYTES && (this.#bodyOpen || this.#reader === null)) this.#socket.resume()
  }

  pauseBody(): void {
    if (this.#phase !== 'busy' || this.#reader === null) return
    this.#bodyOpen = false
    this.#socket.pause()
  }

  holdBody(): void {
    this.#bodyOpen = false
  }

  write(text: string): boolean {
    return this.#socket.write(text, 'latin1')
  }

  writeBytes(text: string, bytes: Buffer, after: string): boolean {
    return writeFramed(this.#socket, text, bytes, after)
  }

  over(stays: boolean): void {
    if (this.#socket.writableLength === 0) this.#left(stays)
    // Told when everything before it has left.
    else this.#socket.write(NOTHING, () => this.#left(stays))
  }

  cut(): void {
    // Without a length, a clean end would be the end of the answer: a reset is none.
    reset(this.#socket)
  }

  detach(): { readonly socket: Socket; readonly early: Buffer } {
    const socket = this.#socket
    this.#phase = 'detached'
    leaveBytes(socket, this.#data)
    socket.off('end', this.#end)
    socket.off('drain', this.#drain)
    socket.off('close', this.#close)
    this.#listener.gone(this)
    const early = Buffer.concat(this.#held)
    this.#held = []
    return { socket, early }
  }

  // ---- reading

  #data = (chunk: Buffer): void => {
    if (this.#phase === 'busy') {
      if (this.#bodyOpen && this.#reader !== null) this.#read(chunk)
      else this.#hold(chunk)
    } else if (this.#phase === 'closing') {
      if (this.#reader !== null) this.#patience.stillSends()
    } else this.#readHead(chunk)
  }

  #readHead(chunk: Buffer): void {
    try {
      const { headBytes } = this.#listener.parts.current().plan.limits
      const whole = this.#head.add(chunk, headBytes)
      const bytes = whole?.end ?? this.#head.waitingBytes
      if (bytes > headBytes) this.#refuse('head_too_large', `the request head is over ${headBytes} bytes`)
      else if (whole !== null) this.#begin(whole)
      else if (bytes > 0 && this.#phase !== 'head') {
        this.#phase = 'head'
        this.#patience.waits()
      }
    } catch (error) {
      this.#refuseHead(error)
    }
  }

  #begin({ text, bytes, end }: WholeHead): void {
    const { parts } = this.#listener
    const request = readRequest(text, MOST_FIELDS)
    const { fields } = request
    this.#phase = 'busy'
    this.#patience.request()
    this.#reader = bodyReader(requestFraming(fields))
    this.#bodyOpen = false
    if (end < bytes.length) this.#hold(bytes.subarray(end))
    if (this.#listener.refusesRequests()) {
      parts.note({ kind: 'shed', what: 'request' })
      this.#refuse('overloaded', 'there is more under way than can be served')
      return
    }
    const accepted = accept(parts, request, this.secure, snapshot =>
      forwardedOf(this.#peer, fields.list, snapshot.plan.clientIp),
    )
    if ('refused' in accepted) this.#refuseRequest(accepted, request)
    else this.#serve(new Serving(this.#listener, accepted, this))
  }

  #serve(serving: Serving): void {
    this.#serving = serving
    try {
      serving.begin()
    } catch (error) {
      serving.broken(error)
    }
  }

  /** Bytes of the body, and perhaps more. */
  #read(bytes: Buffer): void {
    const reader = this.#reader
    if (reader === null || !this.#bodyOpen) {
      this.#hold(bytes)
      return
    }
    this.#patience.bodyBytes(bytes.length)
    // What a refused body has left is nobody's.
    gathered = 0
    try {
      const end = reader.read(bytes, 0, this.#piece)
      this.#giveGathered()
      if (!reader.done) return
      this.#reader = null
      if (end < bytes.length) this.#hold(bytes.subarray(end))
      this.#serving?.bodyEnd(reader.trailers)
    } catch (error) {
      if (error instanceof HeadError) this.#badBody(error)
      else this.#serving?.broken(error)
    }
  }

  /** Small chunks go on as one: a client that sends bytes one by one must not cost a write for each. */
  #piece = (piece: Buffer): void => {
    if (piece.length + gathered > GATHER_BYTES) this.#giveGathered()
    if (piece.length > GATHER_BYTES) {
      this.#serving?.body(piece)
      return
    }
    piece.copy(gather, gathered)
    gathered += piece.length
  }

  #giveGathered(): void {
    if (gathered === 0) return
    const piece = gather.subarray(0, gathered)
    gathered = 0
    this.#serving?.body(piece)
  }

  #hold(bytes: Buffer): void {
    this.#held.push(Buffer.from(bytes))
    this.#heldBytes += bytes.length
    // Until then it is read: a client that leaves must be heard.
    if (this.#heldBytes > MOST_HELD_BYTES) this.#socket.pause()
  }

  // ---- ending

  /** The answer has left. */
  #left(stays: boolean): void {
    const serving = this.#serving
    this.#serving = null
    serving?.closed(true)
    if (this.#phase !== 'busy') return
    if (!stays || this.#reader !== null || this.#listener.closesAnswers()) {
      this.#linger()
      return
    }
    this.#phase = 'idle'
    this.#patience.waits()
    // An answer that came before its request's last piece had gone on left nobody who would open it again.
    if (this.#socket.isPaused()) this.#socket.resume()
    if (this.#held.length > 0) process.nextTick(nextLater, this)
  }

  /** The next request, of which bytes are here already. */
  next(): void {
    if (this.#phase !== 'idle' || this.#held.length === 0) return
    const bytes = this.#held.length === 1 ? (this.#held[0] as Buffer) : Buffer.concat(this.#held)
    this.#held = []
    this.#heldBytes = 0
    this.#socket.resume()
    this.#readHead(bytes)
  }

  /** Says that nothing more comes, and reads on for a while: closing at once could destroy what was said last. */
  #linger(): void {
    this.#phase = 'closing'
    this.#patience.waits()
    this.#held = []
    this.#socket.end()
    this.#socket.resume()
  }

  #end = (): void => {
    if (this.#phase === 'busy') {
      // It has left: whatever is under way for it ends now, and half an answer never cleanly.
      this.#serving?.closed(false)
      this.cut()
    } else this.#socket.destroySoon()
  }

  #close = (): void => {
    this.#listener.gone(this)
    this.pins.destroy()
    const serving = this.#serving
    this.#serving = null
    this.#phase = 'closing'
    serving?.closed(false)
  }

  #drain = (): void => {
    this.#serving?.writable()
  }

  // ---- refusing

  #refuseHead(error: unknown): void {
    if (error instanceof HeadError) {
      this.#refuse(error.code, error.message)
      return
    }
    this.#listener.parts.broken(error, null)
    if (this.#serving !== null) this.#serving.broken(error)
    else this.#refuse('internal', 'something went wrong in the proxy')
  }

  /** Before anybody was asked. */
  #refuse(code: string, detail: string): void {
    const { parts } = this.#listener
    const id = parts.ids.exchange()
    const answer = problem(code, detail, id)
    this.#socket.write(problemAnswer(answer, UNKNOWN_ASK, null, true), 'latin1')
    this.#tellRefused({ id, traceId: null, trace: null, method: '', address: this.#peer.address }, answer.status)
    this.#linger()
  }

  #refuseRequest(refused: Refused, { fields, minor }: Request): void {
    const { parts } = this.#listener
    const { id, method } = refused
    const answer = problem(refused.refused, refused.detail, id)
    // Where the request itself was sane, the connection may go on.
    const stays =
      answer.status === 404 && this.#reader === null && minor === 1 && !fields.closes && !this.#listener.closesAnswers()
    const ask = askOf(fields.list, method)
    this.#socket.write(problemAnswer(answer, ask, parts.current().plan.errorPage, !stays), 'latin1')
    this.#tellRefused(refused, answer.status)
    this.over(stays)
  }

  #tellRefused({ id, traceId, trace, method, address }: Omit<Refused, 'refused' | 'detail'>, status: number): void {
    this.#listener.parts.observe({
      id,
      traceId,
      trace,
      method,
      decision: null,
      status,
      ending: 'complete',
      failure: null,
      totalMs: 0,
      backendMs: null,
      overheadMs: null,
      backend: null,
      backendAddress: null,
      address,
    })
  }

  #badBody(error: HeadError): void {
    const serving = this.#serving
    this.#serving = null
    serving?.closed(false)
    // Inside an answer that is under way, ours would be read as a part of it.
    if (serving?.hasAnswered) this.#socket.destroy()
    else this.#refuse('bad_request', `the request’s body: ${error.message}`)
  }

  // ---- patience

  /** Called about twice a second. */
  tick(now: Milliseconds): void {
    const standing = {
      phase: this.#phase,
      takesBody: this.#reader !== null && this.#bodyOpen,
      queuedBytes: queuedBytes(this.#socket),
    }
    const late = this.#patience.tick(now, standing, this.#listener.parts.current().plan)
    if (late !== null) this.#tooLate(late)
    else if (this.#phase === 'busy') this.#feel()
  }

  #tooLate(late: Late): void {
    switch (late) {
      case 'silent':
      case 'answer':
        this.#listener.parts.note({ kind: 'reaped', phase: late })
        this.#socket.destroy()
        return
      case 'head':
        this.#listener.parts.note({ kind: 'reaped', phase: 'head' })
        this.#refuse('request_timeout', 'the request head did not end in time')
        return
      case 'idle':
        this.#socket.destroySoon()
        return
      case 'closing':
        this.#socket.destroy()
        return
      case 'body':
        this.#tooSlow()
    }
  }

  /** While it is not read, a reset would not be heard: writing nothing to it fails then. */
  #feel(): void {
    if (this.#socket.isPaused() && this.#socket.writableLength === 0) this.#socket.write(NOTHING)
  }

  #tooSlow(): void {
    this.#listener.parts.note({ kind: 'reaped', phase: 'body' })
    const serving = this.#serving
    this.#serving = null
    serving?.closed(false)
    if (serving?.hasAnswered) this.#socket.destroy()
    else this.#refuse('request_timeout', 'the request’s body came too slowly')
  }
}

const NOTHING = Buffer.alloc(0)

/** What chunks of one read are put together in; empty between two reads. */
const GATHER_BYTES = 16 * 1024
const gather = Buffer.allocUnsafeSlow(GATHER_BYTES)
let gathered = 0

function ignore(): void {}

function nextLater(connection: ClientConnection): void {
  connection.next()
}

/** What the kernel has not taken yet. The handle counts bytes of a write that is under way, which the stream does not. */
function queuedBytes(socket: Socket): number {
  const handle = (socket as unknown as { _handle?: { writeQueueSize?: number } | null })._handle
  return socket.writableLength === 0 ? 0 : (handle?.writeQueueSize ?? socket.writableLength)
}
