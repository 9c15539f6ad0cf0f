// What goes to a backend, who hears what comes of it, and how it is steered meanwhile: the words between whoever asks and
// `forward`.
import type { Socket } from 'node:net'
import type { Failure } from '../model/exchange.ts'
import type { Backend, Quirk, Side } from '../model/route.ts'
import type { Milliseconds } from '../model/units.ts'
import type { Framing } from '../wire/framing.ts'
import type { Answer } from '../wire/head.ts'
import type { Pins } from './pins.ts'
import type { Outcome, Place } from './service.ts'

export interface Outgoing {
  readonly side: Side
  readonly backend: Backend
  readonly method: string
  /** The whole head with its empty line, as latin1 text; its framing says what `framing` says. */
  readonly head: string
  readonly framing: Framing
  /** A 101 is welcome. */
  readonly upgrade: boolean
  /** `Expect: 100-continue` is in the head. */
  readonly expects: boolean
  /** Its credentials may bind the connection to a user (NTLM, Negotiate). */
  readonly binds: boolean
  /** Where connections stay that are bound to this client. */
  readonly pins: Pins
  /** Value of the cookie that keeps a client on one address; null: none. */
  readonly stick: string | null
  /** Address that has just failed this very request. */
  readonly avoid: string | null
  /** A second try: only on a connection that has carried nothing yet. */
  readonly fresh: boolean
  /** What the first try has taken of `timeouts.total`; 0 for a first one. */
  readonly spentMs: Milliseconds
  /**
   * Told once, with what came of it, and the address that a place was had at; `written`: something may have reached it. null:
   * nobody follows it.
   */
  readonly over: ((outcome: Outcome, address: string | null, written: boolean) => void) | null
}

/** Who hears what comes of it. After `end`, `upgraded` or `failed` nothing more is called. */
export interface Receiver {
  /** Asked just before bytes go to a socket. False gives the request up silently: nothing was sent. */
  mayStart(): boolean
  /** The head goes out in this turn; the body may be written from now on. */
  started(place: Place): void
  /** More of the body may be written. */
  drained(): void
  informed(answer: Answer): void
  head(answer: Answer, framing: Framing): void
  /** Valid until this returns. */
  data(piece: Buffer): void
  end(trailers: readonly string[]): void
  /** Everything that one read of the socket held has been told. */
  flush(): void
  /** `early` came right behind the head. */
  upgraded(answer: Answer, socket: Socket, early: Buffer): void
  failed(failure: Failure): void
  /** Something of the answer was let in by `wire.accept`. */
  quirk(quirk: Quirk): void
  /** An exception in the receiver or here: a fault of ours. */
  broken(error: unknown): void
}

/** A request on its way. */
export interface Sending {
  /** Begins; before it nothing is called. */
  send(): void
  /** A piece of the body, the caller's again when it returns. False: wait for `drained`. */
  write(piece: Buffer): boolean
  /** The body is complete. */
  finish(trailers: readonly string[]): void
  /** Stop reading the answer until `resume`. */
  pause(): void
  resume(): void
  /** Ends it silently: the socket is destroyed if it was used, the receiver hears nothing more. */
  giveUp(): void
}
