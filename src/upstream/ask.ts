// One request whose answer is only looked at: a shadow's. Nobody waits for it, so it is bounded in every way: in time, in the
// bytes that are read, in the bytes that are held; it is repeated only where nobody can have heard it.

import { BodyCopier } from '../compare/body-copy.ts'
import type { BodyCopy } from '../model/comparison.ts'
import type { Failure } from '../model/exchange.ts'
import type { Backend } from '../model/route.ts'
import type { Bytes, Clock, Milliseconds } from '../model/units.ts'
import type { Answer } from '../wire/head.ts'
import { forward } from './forward.ts'
import { Pins } from './pins.ts'
import type { Outgoing, Receiver, Sending } from './sending.ts'
import type { Service } from './service.ts'

const NOTHING = new Uint8Array(0)

export interface AskLimits {
  /** For the whole exchange. */
  readonly timeoutMs: Milliseconds
  /** Of the answer's body, beyond which only hashes are kept. */
  readonly keepBytes: Bytes
  /** Reading stops once so much was read: what is longer than that is known to differ, or not worth it. */
  readonly readBytes: Bytes
  /** False: so many bytes more may not be held. Whoever got them has to give them back. */
  readonly hold: (bytes: Bytes) => boolean
}

export type AskOutcome =
  | { readonly kind: 'answer'; readonly answer: Answer; readonly body: BodyCopy; readonly ms: Milliseconds }
  | { readonly kind: 'failure'; readonly failure: Failure }
  /** The bytes could not be held. */
  | { readonly kind: 'full' }

/** What the caller fills in beside the backend, which is the shadow's own: its patience is another. */
export type Question = Omit<Outgoing, 'backend' | 'pins' | 'avoid' | 'fresh' | 'spentMs' | 'over'> & {
  readonly backend: Backend
}

export interface AskParts {
  readonly serviceOf: (backend: Backend) => Service
  readonly clock: Pick<Clock, 'monotonic'>
  /** False: nothing new goes to a backend any more. */
  readonly mayAsk: () => boolean
}

export function ask(
  parts: AskParts,
  question: Question,
  body: Uint8Array | null,
  limits: AskLimits,
): Promise<AskOutcome> {
  return new Promise(resolve => new Asking(parts, question, body, limits, resolve).begin())
}

class Asking implements Receiver {
  readonly #parts: AskParts
  readonly #question: Question
  readonly #body: Uint8Array | null
  readonly #limits: AskLimits
  readonly #resolve: (outcome: AskOutcome) => void
  readonly #pins = new Pins()
  readonly #copier: BodyCopier
  #sending: Sending | null = null
  #askedAt: Milliseconds = 0
  #startedAt: Milliseconds = 0
  #isSecondTry = false
  #answer: Answer | null = null

  constructor(
    parts: AskParts,
    question: Question,
    body: Uint8Array | null,
    limits: AskLimits,
    resolve: (outcome: AskOutcome) => void,
  ) {
    this.#parts = parts
    this.#question = question
    this.#body = body
    this.#limits = limits
    this.#resolve = resolve
    this.#copier = new BodyCopier(limits.keepBytes)
  }

  begin(): void {
    this.#askedAt = this.#parts.clock.monotonic()
    this.#ask(false, 0)
  }

  #ask(fresh: boolean, spentMs: Milliseconds): void {
    const backend = impatient(this.#question.backend, this.#limits.timeoutMs)
    const { side, method, head, framing, upgrade, expects, binds, stick } = this.#question
    const outgoing: Outgoing = {
      side,
      backend,
      method,
      head,
      framing,
      upgrade,
      expects,
      binds,
      pins: this.#pins,
      stick,
      avoid: null,
      fresh,
      spentMs,
      over: null,
    }
    this.#sending = forward(this.#parts.serviceOf(backend), outgoing, this)
    this.#sending.send()
  }

  // ---- Receiver

  mayStart(): boolean {
    if (this.#parts.mayAsk()) return true
    this.#sending = null
    this.#resolve({ kind: 'failure', failure: UNASKED(this.#question.side) })
    return false
  }

  started(): void {
    this.#startedAt = this.#parts.clock.monotonic()
    if (this.#body === null) return
    this.#sending?.write(Buffer.from(this.#body))
    this.#sending?.finish([])
  }

  drained(): void {}

  informed(): void {}

  head(answer: Answer): void {
    this.#answer = answer
    // Its own word is enough: whoever answers a gigabyte costs nothing but the head.
    const { length } = answer.fields
    if (this.#question.method === 'HEAD' || length <= this.#limits.readBytes) return
    this.#leave()
    this.#done({ length, complete: false, start: NOTHING, blocks: [] })
  }

  data(piece: Buffer): void {
    if (this.#sending === null) return
    const { keepBytes, readBytes, hold } = this.#limits
    const before = this.#copier.length
    // What is kept counts; of what is hashed only a block is held.
    const more = Math.max(0, Math.min(piece.length, keepBytes - before))
    if (more > 0 && !hold(more)) {
      this.#leave()
      this.#resolve({ kind: 'full' })
      return
    }
    this.#copier.add(piece)
    if (this.#copier.length <= readBytes) return
    this.#leave()
    this.#done(this.#copier.end(false))
  }

  flush(): void {}

  end(): void {
    this.#sending = null
    this.#done(this.#copier.end(true))
  }

  upgraded(_: Answer, socket: { destroy(): unknown }): void {
    socket.destroy()
    this.#resolve({ kind: 'failure', failure: UPGRADED(this.#question.side) })
  }

  failed(failure: Failure): void {
    this.#sending = null
    // A kept connection that was closed under it: it was not heard, and says nothing of the side.
    if (failure.stale && !this.#isSecondTry && this.#body === null) {
      this.#isSecondTry = true
      this.#ask(true, this.#parts.clock.monotonic() - this.#askedAt)
      return
    }
    this.#pins.destroy()
    this.#resolve({ kind: 'failure', failure })
  }

  quirk(): void {}

  broken(): void {
    this.#leave()
    this.#resolve({ kind: 'failure', failure: BROKEN(this.#question.side) })
  }

  #leave(): void {
    const sending = this.#sending
    this.#sending = null
    sending?.giveUp()
    this.#pins.destroy()
  }

  #done(body: BodyCopy): void {
    // An answer that bound its connection to a user has been kept there: nobody comes back for it.
    this.#pins.destroy()
    const ms = this.#parts.clock.monotonic() - this.#startedAt
    this.#resolve({ kind: 'answer', answer: this.#answer as Answer, body, ms })
  }
}

const failureOf = (detail: string) => (side: Failure['side']) =>
  ({
    side,
    phase: 'headers',
    kind: 'protocol',
    code: 'backend_protocol',
    retryable: false,
    stale: false,
    quirk: null,
    detail: `${side} side: ${detail}`,
  }) satisfies Failure
const UPGRADED = failureOf('it switched protocols, which nobody asked for')
const UNASKED = failureOf('it was not asked any more')
const BROKEN = failureOf('reading its answer failed inside the proxy')

const made = new WeakMap<Backend, Map<Milliseconds, Backend>>()

/** The same backend with the patience of a shadow. Made once: services are found by the object. */
function impatient(backend: Backend, totalMs: Milliseconds): Backend {
  let byPatience = made.get(backend)
  if (byPatience === undefined) {
    byPatience = new Map()
    made.set(backend, byPatience)
  }
  let found = byPatience.get(totalMs)
  if (found === undefined) {
    const timeouts = { ...backend.timeouts, headMs: null, idleMs: null, totalMs }
    found = Object.freeze({ ...backend, timeouts })
    byPatience.set(totalMs, found)
  }
  return found
}
