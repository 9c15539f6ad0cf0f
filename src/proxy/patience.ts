// What a client has not done in time: a head that does not end, a body that drips, an answer that is not read.
// It is looked at about twice a second, and no client costs a timer of its own.
import type { Limit } from '../model/note.ts'
import type { Milliseconds } from '../model/units.ts'

/** Time for a client to read what it was told last, after the last byte that came from it. */
const LINGER_MS = 2_000
/** However much still comes. */
const MOST_LINGER_MS = 30_000
/** Speed of a body is measured over this. */
const RATE_MS = 10_000
/** `transparent` only reports a stall; so many times as long ends it all the same. */
const PATIENCE = 10

/** What a connection is waiting for. */
export type Phase =
  /** No byte yet. */
  | 'silent'
  | 'head'
  | 'busy'
  /** Between two requests. */
  | 'idle'
  /** Everything is said; what still comes is read and dropped. */
  | 'closing'
  | 'detached'

/** What has lasted too long. */
export type Late = 'silent' | 'head' | 'idle' | 'closing' | 'body' | 'answer'

export interface Rules {
  readonly profile: 'standard' | 'transparent'
  readonly timeouts: {
    readonly requestHeadMs: Milliseconds
    readonly keepAliveMs: Milliseconds
    readonly stallMs: Milliseconds
    readonly minBytesPerSecond: number
  }
}

/** A connection, as it stands at a tick. */
export interface Standing {
  readonly phase: Phase
  /** A body is being read. */
  readonly takesBody: boolean
  /** Bytes of the answer that the kernel has not taken. */
  readonly queuedBytes: number
}

export class Patience {
  readonly #wouldCut: (limit: Limit) => void
  /** Since when it waits for whatever it waits for; -1: since the next tick. */
  #since: Milliseconds = -1
  #rateSince: Milliseconds = -1
  #rateBytes = 0
  #queuedBytes = 0
  #queuedSince: Milliseconds = -1
  #noted: Limit | null = null
  /** Bytes came since the last tick although everything is said. */
  #stillSends = false
  #closingSince: Milliseconds = -1

  /** `wouldCut` hears, once a request, of what `transparent` lets go on. */
  constructor(wouldCut: (limit: Limit) => void) {
    this.#wouldCut = wouldCut
  }

  /** It waits for something else from now on. */
  waits(): void {
    this.#since = -1
  }

  request(): void {
    this.#noted = null
  }

  bodyOpens(): void {
    this.#since = -1
    this.#rateSince = -1
  }

  bodyBytes(bytes: number): void {
    this.#since = -1
    this.#rateBytes += bytes
  }

  /** An upload goes on although the last word is said. */
  stillSends(): void {
    this.#stillSends = true
  }

  tick(now: Milliseconds, { phase, takesBody, queuedBytes }: Standing, rules: Rules): Late | null {
    const { timeouts } = rules
    if (this.#since === -1) {
      this.#since = now
      if (phase !== 'busy') return null
    }
    const age = now - this.#since
    switch (phase) {
      case 'silent':
      case 'head':
        return age >= timeouts.requestHeadMs ? phase : null
      case 'idle':
        return age >= timeouts.keepAliveMs ? phase : null
      case 'closing':
        return this.#isClosed(now, age) ? phase : null
      case 'busy':
        if (takesBody && this.#isBodySlow(now, age, rules)) return 'body'
        return this.#isAnswerStuck(now, queuedBytes, rules) ? 'answer' : null
      case 'detached':
        return null
    }
  }

  /** An upload goes on until the client has read that it need not: cut before, it may never read that. */
  #isClosed(now: Milliseconds, age: Milliseconds): boolean {
    if (this.#closingSince === -1) this.#closingSince = now
    if (!this.#stillSends || now - this.#closingSince >= MOST_LINGER_MS) return age >= LINGER_MS
    this.#stillSends = false
    this.#since = now
    return false
  }

  #isBodySlow(now: Milliseconds, age: Milliseconds, rules: Rules): boolean {
    const { stallMs, minBytesPerSecond } = rules.timeouts
    let slow = age >= stallMs
    if (this.#rateSince === -1 || now - this.#rateSince >= RATE_MS) {
      if (this.#rateSince !== -1) slow ||= this.#rateBytes * 1000 < minBytesPerSecond * (now - this.#rateSince)
      this.#rateSince = now
      this.#rateBytes = 0
    }
    return slow && this.#isOver('request_body_time', age, rules)
  }

  #isAnswerStuck(now: Milliseconds, queuedBytes: number, rules: Rules): boolean {
    if (queuedBytes === 0 || queuedBytes !== this.#queuedBytes || this.#queuedSince === -1) {
      this.#queuedBytes = queuedBytes
      this.#queuedSince = now
      return false
    }
    const age = now - this.#queuedSince
    return age >= rules.timeouts.stallMs && this.#isOver('answer_time', age, rules)
  }

  /** Whether it ends; else it is reported. */
  #isOver(limit: Limit, age: Milliseconds, { profile, timeouts }: Rules): boolean {
    if (profile === 'standard' || age >= PATIENCE * timeouts.stallMs) return true
    if (this.#noted !== limit) {
      this.#noted = limit
      this.#wouldCut(limit)
    }
    return false
  }
}
