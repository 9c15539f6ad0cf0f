// One client's connection: its requests one at a time and in order, their bodies when somebody takes them, and an end for
// whoever is too slow.
//
// A client that pipelines gets what it would get without: an unsafe request never overtakes or is overtaken (RFC 9112,
// 9.3.2), and one connection cannot take many of a backend's. A client that has said its last byte has left, as for nginx.
import type { Socket } from 'node:net'
import type { Limit } from '../model/note.ts'
import type { Milliseconds } from '../model/units.ts'
import { Pins } from '../upstream/pins.ts'
import { type BodyReader, bodyReader, CHUNKED } from '../wire/body.ts'
import { endOfRequest, HeadError, type Request, readRequest } from '../wire/head.ts'
import { accept, type Refused } from './accept.ts'
import { forwardedOf, type Peer } from './client.ts'
import { reset } from './reset.ts'
import { askOf, problem, problemAnswer, UNKNOWN_ASK } from './respond.ts'
import { type Client, type Door, Serving } from './serving.ts'

/** Whatever the profile: more fields are never read. */
const MOST_FIELDS = 10_000
/** Time for a client to read what it was told last, after the last byte that came from it. */
const LINGER_MS = 2_000
/** However much still comes. */
const MOST_LINGER_MS = 30_000
/** What may wait on a connection before it is not read further. */
const MOST_HELD_BYTES = 64 * 1024
/** Speed of a body is measured over this. */
const RATE_MS = 10_000
/** `transparent` only reports a stall; so many times as long ends it all the same. */
const PATIENCE = 10

type Phase =
  /** No byte yet. */
  | 'silent'
  | 'head'
  | 'busy'
  /** Between two requests. */
  | 'idle'
  /** Everything is said; what still comes is read and dropped. */
  | 'closing'
  | 'detached'

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
  /** Since when it waits for whatever it waits for; -1: since the next tick. */
  #since: Milliseconds = -1
  /** A head that is not complete yet. */
  #pieces: Buffer[] = []
  #pieceBytes = 0
  #tail = ''
  #serving: Serving | null = null
  #reader: BodyReader | null = null
  #bodyOpen = false
  /** Bytes that nobody takes yet: a body before it may come, or the requests after this one. */
  #held: Buffer[] = []
  #heldBytes = 0
  #rateSince: Milliseconds = -1
  #rateBytes = 0
  #queued = 0
  #queuedSince: Milliseconds = -1
  #noted: Limit | null = null
  /** While everything is said: bytes of an upload came since the last tick. */
  #stillSends = false
  #closingSince: Milliseconds = -1

  constructor(listener: Listener, socket: Socket, peer: Peer) {
    this.#listener = listener
    this.#socket = socket
    this.#peer = peer
    this.secure = peer.tls
    socket.on('data', this.#data)
    socket.on('end', this.#end)
    socket.on('drain', this.#drain)
    socket.on('error', ignore)
    socket.on('close', this.#close)
    socket.resume()
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

  // ---- Client

  get bodyDone(): boolean {
    return this.#reader === null
  }

  openBody(): void {
    if (this.#phase !== 'busy') return
    if (this.#reader !== null && !this.#bodyOpen) {
      this.#bodyOpen = true
      this.#since = -1
      this.#rateSince = -1
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

  write(text: string): boolean {
    return this.#socket.write(text, 'latin1')
  }

  writeBytes(text: string, bytes: Buffer, after: string): boolean {
    const socket = this.#socket
    if (text === '' && after === '') return socket.write(bytes)
    socket.cork()
    if (text !== '') socket.write(text, 'latin1')
    let more = socket.write(bytes)
    if (after !== '') more = socket.write(after, 'latin1')
    socket.uncork()
    return more
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
    socket.off('data', this.#data)
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
    } else if (this.#phase === 'closing') this.#stillSends = this.#reader !== null
    else this.#readHead(chunk)
  }

  #readHead(chunk: Buffer): void {
    try {
      const { headBytes } = this.#listener.parts.current().plan.limits
      let bytes = chunk
      if (this.#pieces.length === 0) {
        // RFC 9112, 2.2: empty lines before a request are passed over.
        let from = 0
        while (from < bytes.length && (bytes[from] === 0x0d || bytes[from] === 0x0a)) from++
        if (from > 0) bytes = bytes.subarray(from)
        if (bytes.length === 0) return
        const text = bytes.toString('latin1', 0, Math.min(bytes.length, headBytes + 4))
        const end = endOfRequest(text)
        if (end === -1) this.#keepPiece(bytes, headBytes)
        else this.#begin(end === text.length ? text : text.slice(0, end), bytes, end, headBytes)
        return
      }
      // Only the seam and the new bytes are looked through: a head that drips costs what it weighs, not its square.
      const seam = this.#tail.length
      const end = endOfRequest(this.#tail + bytes.toString('latin1', 0, Math.min(bytes.length, headBytes + 4)))
      if (end === -1) {
        this.#keepPiece(bytes, headBytes)
        return
      }
      const before = this.#pieceBytes
      bytes = Buffer.concat([...this.#pieces, bytes])
      this.#pieces = []
      this.#pieceBytes = 0
      this.#tail = ''
      const whole = before - seam + end
      this.#begin(bytes.toString('latin1', 0, whole), bytes, whole, headBytes)
    } catch (error) {
      this.#refuseHead(error)
    }
  }

  #keepPiece(bytes: Buffer, headBytes: number): void {
    if (this.#phase !== 'head') {
      this.#phase = 'head'
      this.#since = -1
    }
    this.#pieces.push(bytes)
    this.#pieceBytes += bytes.length
    this.#tail = (this.#tail + bytes.toString('latin1', Math.max(0, bytes.length - 3))).slice(-3)
    if (this.#pieceBytes > headBytes) this.#refuse('head_too_large', `the request head is over ${headBytes} bytes`)
  }

  #begin(text: string, bytes: Buffer, end: number, headBytes: number): void {
    if (end > headBytes) {
      this.#refuse('head_too_large', `the request head is over ${headBytes} bytes`)
      return
    }
    const { parts } = this.#listener
    const request = readRequest(text, MOST_FIELDS)
    const { fields } = request
    this.#phase = 'busy'
    this.#noted = null
    this.#reader = fields.isChunked
      ? bodyReader(CHUNKED)
      : fields.length > 0
        ? bodyReader({ kind: 'length', bytes: fields.length })
        : null
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
    this.#since = -1
    this.#rateBytes += bytes.length
    try {
      const end = reader.read(bytes, 0, this.#piece)
      if (!reader.done) return
      this.#reader = null
      if (end < bytes.length) this.#hold(bytes.subarray(end))
      this.#serving?.bodyEnd(reader.trailers)
    } catch (error) {
      if (error instanceof HeadError) this.#badBody(error)
      else this.#serving?.broken(error)
    }
  }

  #piece = (piece: Buffer): void => {
    this.#serving?.body(piece)
  }

  #hold(bytes: Buffer): void {
    this.#held.push(bytes)
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
    this.#since = -1
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
    this.#since = -1
    this.#held = []
    this.#socket.end()
    this.#socket.resume()
  }

  #end = (): void => {
    if (this.#phase === 'busy') {
      // It has left: whatever is under way for it ends now.
      this.#serving?.closed(false)
      this.#socket.destroy()
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
    this.#listener.parts.broken(error)
    if (this.#serving !== null) this.#serving.broken(error)
    else this.#refuse('internal', 'something went wrong in the proxy')
  }

  /** Before anybody was asked. */
  #refuse(code: string, detail: string): void {
    const { parts } = this.#listener
    const id = parts.ids.exchange()
    const answer = problem(code, detail, id)
    this.#socket.write(problemAnswer(answer, UNKNOWN_ASK, null, true), 'latin1')
    this.#tellRefused(id, '', answer.status, this.#peer.address)
    this.#linger()
  }

  #refuseRequest({ refused, detail, id, method, address }: Refused, { fields, minor }: Request): void {
    const { parts } = this.#listener
    const answer = problem(refused, detail, id)
    // Where the request itself was sane, the connection may go on.
    const stays =
      answer.status === 404 && this.#reader === null && minor === 1 && !fields.closes && !this.#listener.closesAnswers()
    const ask = askOf(fields.list, method)
    this.#socket.write(problemAnswer(answer, ask, parts.current().plan.errorPage, !stays), 'latin1')
    this.#tellRefused(id, method, answer.status, address)
    this.over(stays)
  }

  #tellRefused(id: string, method: string, status: number, address: string): void {
    this.#listener.parts.observe({
      id,
      traceId: '',
      method,
      decision: null,
      status,
      ending: 'complete',
      failure: null,
      totalMs: 0,
      backendMs: null,
      overheadMs: null,
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
    const { timeouts } = this.#listener.parts.current().plan
    if (this.#since === -1) {
      this.#since = now
      if (this.#phase !== 'busy') return
    }
    const age = now - this.#since
    switch (this.#phase) {
      case 'silent':
        if (age >= timeouts.requestHeadMs) this.#reap('silent')
        return
      case 'idle':
        if (age >= timeouts.keepAliveMs) this.#socket.destroySoon()
        return
      case 'head':
        if (age < timeouts.requestHeadMs) return
        this.#listener.parts.note({ kind: 'reaped', phase: 'head' })
        this.#refuse('request_timeout', 'the request head did not end in time')
        return
      case 'closing':
        this.#tickClosing(now, age)
        return
      case 'busy':
        this.#tickBody(now, age)
        this.#tickAnswer(now)
        this.#feel()
    }
  }

  /** An upload goes on until the client has read that it need not: cut before, it may never read that. */
  #tickClosing(now: Milliseconds, age: Milliseconds): void {
    if (this.#closingSince === -1) this.#closingSince = now
    if (this.#stillSends && now - this.#closingSince < MOST_LINGER_MS) {
      this.#stillSends = false
      this.#since = now
    } else if (age >= LINGER_MS) this.#socket.destroy()
  }

  /** While it is not read, a reset would not be heard: writing nothing to it fails then. */
  #feel(): void {
    if (this.#socket.isPaused() && this.#socket.writableLength === 0) this.#socket.write(NOTHING)
  }

  #tickBody(now: Milliseconds, age: Milliseconds): void {
    if (this.#reader === null || !this.#bodyOpen) return
    const { timeouts } = this.#listener.parts.current().plan
    let slow = age >= timeouts.stallMs
    if (this.#rateSince === -1 || now - this.#rateSince >= RATE_MS) {
      if (this.#rateSince !== -1) slow ||= this.#rateBytes * 1000 < timeouts.minBytesPerSecond * (now - this.#rateSince)
      this.#rateSince = now
      this.#rateBytes = 0
    }
    if (slow && this.#isOverPatience('request_body_time', age)) this.#tooSlow()
  }

  #tickAnswer(now: Milliseconds): void {
    const queued = queuedBytes(this.#socket)
    if (queued === 0 || queued !== this.#queued || this.#queuedSince === -1) {
      this.#queued = queued
      this.#queuedSince = now
      return
    }
    const age = now - this.#queuedSince
    if (age >= this.#listener.parts.current().plan.timeouts.stallMs && this.#isOverPatience('answer_time', age))
      this.#reap('answer')
  }

  /** Whether it ends; else it is reported, once a request. */
  #isOverPatience(limit: Limit, age: Milliseconds): boolean {
    const { profile, timeouts } = this.#listener.parts.current().plan
    if (profile === 'standard' || age >= PATIENCE * timeouts.stallMs) return true
    if (this.#noted !== limit) {
      this.#noted = limit
      this.#listener.parts.note({ kind: 'would-cut', limit })
    }
    return false
  }

  #tooSlow(): void {
    this.#listener.parts.note({ kind: 'reaped', phase: 'body' })
    const serving = this.#serving
    this.#serving = null
    serving?.closed(false)
    if (serving?.hasAnswered) this.#socket.destroy()
    else this.#refuse('request_timeout', 'the request’s body came too slowly')
  }

  #reap(phase: 'silent' | 'answer'): void {
    this.#listener.parts.note({ kind: 'reaped', phase })
    this.#socket.destroy()
  }
}

const NOTHING = Buffer.alloc(0)

function ignore(): void {}

function nextLater(connection: ClientConnection): void {
  connection.next()
}

/** What the kernel has not taken yet. The handle counts bytes of a write that is under way, which the stream does not. */
function queuedBytes(socket: Socket): number {
  const handle = (socket as unknown as { _handle?: { writeQueueSize?: number } | null })._handle
  return socket.writableLength === 0 ? 0 : (handle?.writeQueueSize ?? socket.writableLength)
}
