// One request to one backend: writes it, reads the answer, keeps back-pressure both ways, and lets go of everything when
// told to. The framing towards the backend is made here, once, for every method.
//
// The last question before bytes reach a socket is `mayStart`: it is asked when a connection is free, and in the same turn
// the head is written.
import { channel } from 'node:diagnostics_channel'
import type { Failure } from '../model/exchange.ts'
import type { Quirk } from '../model/route.ts'
import { type BodyReader, bodyReader, chunkLine, lastChunk } from '../wire/body.ts'
import { answerFraming } from '../wire/framing.ts'
import { type Answer, readAnswer } from '../wire/head.ts'
import { HeadError, type Lenience, letIn } from '../wire/lenience.ts'
import { classify, protocolFailure, refusedFailure, TIMEOUT } from './classify.ts'
import type { Connection, ConnectionUser } from './connection.ts'
import type { Pinned } from './pins.ts'
import type { Wanting } from './pool.ts'
import type { Outgoing, Receiver, Sending } from './sending.ts'
import type { Outcome, Place, Service } from './service.ts'
import { writeCopy, writeFramed } from './write-copy.ts'

/** Largest head of an answer; above it the backend's answer is a protocol failure. */
const HEAD_BYTES = 64 * 1024
const MOST_FIELDS = 1_000
/** Informational answers to one request. */
const MOST_INFORMED = 32

export function forward(service: Service, outgoing: Outgoing, receiver: Receiver): Sending {
  return new Forwarding(service, outgoing, receiver)
}

/** Told of each head at the moment it goes to a socket: `{ address, side, method }`. */
const WRITTEN = channel('banyan:request-written')

const GIVEN_UP: Outcome = { kind: 'given-up' }

class Forwarding implements Sending, Wanting, ConnectionUser, Lenience {
  readonly #service: Service
  readonly #outgoing: Outgoing
  #receiver: Receiver | null
  #leave: (() => void) | null = null
  #place: Place | null = null
  #pinned: Pinned | null = null
  #connection: Connection | null = null
  #reused = false
  #phase: Failure['phase'] = 'connect'
  /** The whole request is written. */
  #sent: boolean
  /** Of an answer's head that is not complete yet. */
  #text = ''
  #informed = 0
  #answer: Answer | null = null
  #reader: BodyReader | null = null
  #closeDelimited = false
  readonly accept: ReadonlySet<Quirk>
  #quirks: Quirk[] | null = null
  #headTimer: NodeJS.Timeout | null = null
  #idleTimer: NodeJS.Timeout | null = null
  #totalTimer: NodeJS.Timeout | null = null

  constructor(service: Service, outgoing: Outgoing, receiver: Receiver) {
    this.#service = service
    this.#outgoing = outgoing
    this.#receiver = receiver
    this.#sent = outgoing.framing.kind === 'none'
    this.accept = outgoing.backend.wire.accept
  }

  // ---- Sending

  send(): void {
    const { backend, pins, stick, avoid, fresh, spentMs } = this.#outgoing
    const { totalMs } = backend.timeouts
    if (totalMs !== null) this.#totalTimer = setTimeout(this.#late, totalMs - spentMs, TIMEOUT.total)
    const entrant = { stick, avoid, isSecondTry: fresh, admitted: this.#admitted, refused: this.#refused }
    this.#pinned = pins.of(backend)
    const leave = this.#service.enter(this.#pinned === null ? entrant : { ...entrant, again: this.#pinned.place })
    // Admitted or refused already: there is nothing to leave any more.
    if (this.#place === null && this.#receiver !== null) this.#leave = leave
  }

  write(piece: Buffer): boolean {
    const socket = this.#connection?.socket
    if (socket === undefined || socket.destroyed) return true
    if (this.#outgoing.framing.kind !== 'chunked') return writeCopy(socket, piece)
    return writeFramed(socket, chunkLine(piece.length), piece, '\r\n')
  }

  finish(trailers: readonly string[]): void {
    if (this.#sent) return
    this.#sent = true
    const socket = this.#connection?.socket
    if (socket === undefined || socket.destroyed) return
    if (this.#outgoing.framing.kind === 'chunked') socket.write(lastChunk(trailers), 'latin1')
    if (this.#phase === 'send') this.#awaitHead()
  }

  pause(): void {
    this.#connection?.socket.pause()
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer)
  }

  resume(): void {
    this.#connection?.socket.resume()
    // A timer that was cleared does not begin again by `refresh`.
    if (this.#idleTimer !== null && this.#receiver !== null) this.#awaitPiece()
  }

  giveUp(): void {
    if (this.#receiver === null) return
    // An answer that is not wanted, or not to its end, is one all the same: a 503 that legacy covers counts as a failure.
    this.#finish(this.#answer === null ? GIVEN_UP : { kind: 'answer', status: this.#answer.status })
    this.#connection?.destroy()
  }

  // ---- Wanting

  take(connection: Connection, reused: boolean): boolean {
    const receiver = this.#receiver
    if (receiver === null) return false
    try {
      if (!receiver.mayStart()) {
        this.giveUp()
        return false
      }
      this.#connection = connection
      this.#reused = reused
      connection.lend(this)
      const { socket } = connection
      if (WRITTEN.hasSubscribers) this.#tellWritten()
      if (this.#sent) {
        socket.write(this.#outgoing.head, 'latin1')
        this.#awaitHead()
        receiver.started(this.#place as Place)
      } else {
        this.#phase = 'send'
        socket.cork()
        socket.write(this.#outgoing.head, 'latin1')
        receiver.started(this.#place as Place)
        socket.uncork()
      }
    } catch (error) {
      this.#broken(error)
    }
    return true
  }

  #tellWritten(): void {
    const { side, method } = this.#outgoing
    WRITTEN.publish({ address: this.#place?.address, side, method })
  }

  failed(error: Error): void {
    this.#fail(classify(error, this.#circumstances()))
  }

  // ---- ConnectionUser

  bytes(chunk: Buffer): void {
    try {
      if (this.#reader === null) this.#readHead(chunk)
      else this.#readBody(chunk, 0)
      this.#receiver?.flush()
    } catch (error) {
      if (error instanceof HeadError) this.#fail(protocolFailure(error.message, error.quirk, this.#circumstances()))
      else this.#broken(error)
    }
  }

  ended(): void {
    try {
      if (this.#closeDelimited) this.#complete(false)
      else this.#fail(classify(CLOSED, this.#circumstances()))
    } catch (error) {
      this.#broken(error)
    }
  }

  closed(error: Error | null): void {
    this.#fail(classify(error ?? CLOSED, this.#circumstances()))
  }

  drained(): void {
    try {
      this.#receiver?.drained()
    } catch (error) {
      this.#broken(error)
    }
  }

  // ---- Lenience

  note(quirk: Quirk): void {
    if (this.#quirks?.includes(quirk)) return
    this.#quirks ??= []
    this.#quirks.push(quirk)
  }

  // ---- the answer

  #readHead(chunk: Buffer): void {
    const before = this.#text.length
    const text = this.#text + chunk.toString('latin1', 0, Math.min(chunk.length, HEAD_BYTES + 1))
    const found = readAnswer(text, MOST_FIELDS, this)
    if (found === null || found.bytes > HEAD_BYTES) {
      if (text.length > HEAD_BYTES) throw new HeadError(`a head of more than ${HEAD_BYTES} bytes`)
      this.#text = text
      return
    }
    const held = this.#text
    this.#text = ''
    const from = found.bytes - before
    if (found.answer.status < 200) this.#inform(found.answer, chunk, from)
    else if (from >= 0) this.#begin(found.answer, chunk, from)
    // HTTP/0.9: what could have been the beginning of a status line is content.
    else this.#begin(found.answer, Buffer.concat([Buffer.from(held, 'latin1'), chunk]), found.bytes)
  }

  #inform(answer: Answer, chunk: Buffer, from: number): void {
    const receiver = this.#receiver as Receiver
    if (answer.status === 101) {
      if (!this.#outgoing.upgrade) throw new HeadError('a 101 that nobody asked for')
      const connection = this.#connection as Connection
      this.#finish({ kind: 'answer', status: 101 })
      receiver.upgraded(answer, connection.detach(), Buffer.from(chunk.subarray(from)))
      return
    }
    if (++this.#informed > MOST_INFORMED) throw new HeadError('informational answers without end')
    if (answer.status === 100 && !this.#outgoing.expects) {
      letIn('unsolicited-100', this, 'a 100 that nobody waits for')
    } else receiver.informed(answer)
    if (from < chunk.length && this.#receiver !== null) this.#readHead(chunk.subarray(from))
  }

  #begin(answer: Answer, chunk: Buffer, from: number): void {
    const receiver = this.#receiver as Receiver
    const framing = answerFraming(answer, this.#outgoing.method, this)
    this.#answer = answer
    this.#phase = 'body'
    if (this.#headTimer !== null) clearTimeout(this.#headTimer)
    this.#closeDelimited = framing.kind === 'close'
    this.#awaitPiece()
    receiver.head(answer, framing)
    if (this.#receiver === null) return
    this.#reader = bodyReader(framing, this)
    if (this.#reader === null || this.#reader.done) this.#complete(from < chunk.length)
    else if (from < chunk.length) this.#readBody(chunk, from)
  }

  #readBody(chunk: Buffer, from: number): void {
    const reader = this.#reader as BodyReader
    this.#idleTimer?.refresh()
    const end = reader.read(chunk, from, this.#piece)
    if (reader.done) this.#complete(end < chunk.length)
  }

  #piece = (piece: Buffer): void => {
    this.#receiver?.data(piece)
  }

  /** `surplus`: bytes followed that belong to nobody. */
  #complete(surplus: boolean): void {
    const { fields, minor, status } = this.#answer as Answer
    const connection = this.#connection as Connection
    const place = this.#place
    const trailers = this.#reader?.trailers ?? []
    const quirks = this.#quirks
    const receiver = this.#finish({ kind: 'answer', status })
    if (receiver === null) return
    const stays = minor === 1 ? !fields.closes : fields.stays
    const reusable = stays && this.#sent && !surplus && !this.#closeDelimited && quirks === null && place !== null
    if (!reusable) connection.destroy()
    else if (this.#outgoing.pins.keeps(this.#outgoing.backend, fields.binds || this.#outgoing.binds)) {
      connection.takeBack()
      this.#outgoing.pins.keep(this.#outgoing.backend, { connection, place })
    } else {
      if (fields.keepAlive !== null) connection.idleMs = announcedMs(fields.keepAlive)
      place.pool.giveBack(connection)
    }
    if (quirks !== null) for (const quirk of quirks) receiver.quirk(quirk)
    receiver.end(trailers)
  }

  // ---- endings

  #admitted = (place: Place): void => {
    this.#leave = null
    this.#place = place
    const pinned = this.#pinned
    if (pinned === null) place.pool.want(this, this.#outgoing.fresh)
    else if (!this.take(pinned.connection, false)) pinned.connection.destroy()
  }

  #refused = (kind: Failure['kind'], why: string): void => {
    this.#leave = null
    this.#fail(refusedFailure(kind, why, this.#outgoing.side))
  }

  #awaitHead(): void {
    this.#phase = 'headers'
    const { headMs } = this.#outgoing.backend.timeouts
    if (headMs !== null) this.#headTimer = setTimeout(this.#late, headMs, TIMEOUT.head)
  }

  #awaitPiece(): void {
    const { idleMs } = this.#outgoing.backend.timeouts
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer)
    if (idleMs !== null) this.#idleTimer = setTimeout(this.#late, idleMs, TIMEOUT.idle)
  }

  #late = (code: string): void => {
    // Whoever waits too long for a connection of ours was not refused one by the address.
    const told = this.#phase === 'connect' ? 'headers' : this.#phase
    this.#fail(classify(Object.assign(new Error(code), { code }), this.#circumstances()), told)
  }

  #circumstances() {
    const stale = this.#reused && this.#text === '' && this.#informed === 0 && this.#answer === null
    return { side: this.#outgoing.side, phase: this.#phase, stale }
  }

  /** `phase`: what the address is told. */
  #fail(failure: Failure, phase = failure.phase): void {
    const { kind, stale } = failure
    const receiver = this.#finish({ kind: 'failure', failure: kind, phase, stale })
    this.#connection?.destroy()
    if (receiver === null) return
    try {
      receiver.failed(failure)
    } catch (error) {
      receiver.broken(error)
    }
  }

  #broken(error: unknown): void {
    const receiver = this.#finish(GIVEN_UP)
    this.#connection?.destroy()
    receiver?.broken(error)
  }

  /** Hands the receiver out for its last call, once, and leaves every queue. */
  #finish(outcome: Outcome): Receiver | null {
    const receiver = this.#receiver
    if (receiver === null) return null
    this.#receiver = null
    if (this.#totalTimer !== null) clearTimeout(this.#totalTimer)
    if (this.#headTimer !== null) clearTimeout(this.#headTimer)
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer)
    this.#leave?.()
    if (this.#connection === null) this.#place?.pool.forget(this)
    this.#place?.over(outcome)
    this.#outgoing.over?.(outcome, this.#place?.address ?? null, this.#connection !== null)
    return receiver
  }
}

const CLOSED = Object.assign(new Error('closed'), { code: 'BANYAN_CLOSED' })

/** `timeout=5, max=100` → 5000; null where it says nothing. */
function announcedMs(keepAlive: string): number | null {
  const seconds = /(?:^|[,\s])timeout=(\d{1,9})/i.exec(keepAlive)?.[1]
  return seconds === undefined ? null : Number(seconds) * 1000
}
