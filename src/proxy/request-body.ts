// A request's body on its way: how much has come, whether all of it could be sent again, and, for a backend that needs a
// length, all of it in one piece.
import type { Framing } from '../wire/framing.ts'

const NOTHING = Buffer.alloc(0)
const LEAST_BYTES = 4 * 1024

export class RequestBody {
  /** As the client sends it. */
  readonly framing: Framing
  /** What has come. */
  bytes = 0
  /** All of it, where it was collected. */
  whole: Buffer | null = null
  /** Grows by doubling: a list of pieces would cost more than they weigh where they are small. */
  #collected: Buffer | null = null
  #length = 0
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
    return this.#collected !== null
  }

  /** A piece goes to a backend as it is. */
  touch(): void {
    this.#touched = true
  }

  collect(): void {
    this.#collected = NOTHING
  }

  keep(piece: Buffer): void {
    if (this.#collected === null) return
    const length = this.#length + piece.length
    if (length > this.#collected.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#collected.length, LEAST_BYTES))
      this.#collected.copy(larger, 0, 0, this.#length)
      this.#collected = larger
    }
    piece.copy(this.#collected, this.#length)
    this.#length = length
  }

  /** All of it was collected. */
  complete(): void {
    this.whole = (this.#collected ?? NOTHING).subarray(0, this.#length)
    this.#collected = null
  }

  drop(): void {
    this.#collected = null
  }
}
