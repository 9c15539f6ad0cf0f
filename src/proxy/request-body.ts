// A request's body on its way: how much has come, whether all of it could be sent again, and, for a backend that needs a
// length, all of it in one piece.
import type { Framing } from '../wire/framing.ts'

export class RequestBody {
  /** As the client sends it. */
  readonly framing: Framing
  /** What has come. */
  bytes = 0
  /** All of it, where it was collected. */
  whole: Buffer | null = null
  #pieces: Buffer[] | null = null
  #touched = false

  constructor(framing: Framing) {
    this.framing = framing
  }

  /** As a backend gets it. */
  get outFraming(): Framing {
    return this.whole === null ? this.framing : { kind: 'length', bytes: this.whole.length }
  }

  get isEmpty(): boolean {
    return this.framing.kind === 'none'
  }

  /** No byte of it has left, or all of it is still here. */
  get isIntact(): boolean {
    return !this.#touched || this.whole !== null
  }

  get isCollecting(): boolean {
    return this.#pieces !== null
  }

  /** A piece goes to a backend as it is. */
  touch(): void {
    this.#touched = true
  }

  collect(): void {
    this.#pieces = []
  }

  keep(piece: Buffer): void {
    this.#pieces?.push(Buffer.from(piece))
  }

  /** All of it was collected. */
  complete(): void {
    this.whole = Buffer.concat(this.#pieces ?? [])
    this.#pieces = null
  }

  drop(): void {
    this.#pieces = null
  }
}
