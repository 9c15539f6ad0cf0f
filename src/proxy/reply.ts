// The client's answer on its way out. What one turn brings leaves as one text; large pieces leave as bytes; whoever reads
// slowly holds back whoever sends.
import { ONE_WRITE_BYTES } from '../upstream/write-copy.ts'
import { chunkLine, lastChunk } from '../wire/body.ts'
import { type Framing, NO_BODY } from '../wire/framing.ts'

/** Where an answer goes. */
export interface Outlet {
  /** False: wait until it can be written again. */
  write(text: string): boolean
  /** `text`, then a copy of the bytes, then `after`, in one go. */
  writeBytes(text: string, bytes: Buffer, after: string): boolean
  /** Everything was written. */
  over(stays: boolean): void
  /** Half an answer never ends cleanly. */
  cut(): void
}

export class Reply {
  /** 0: none yet. */
  status = 0
  /** Its head was said. */
  hasBegun = false
  readonly #outlet: Outlet
  /** The client takes no more for now. */
  readonly #full: () => void
  #framing: Framing = NO_BODY
  /** Goes out at the end of the turn. */
  #text = ''
  #hasLeft = false
  #isBlocked = false

  constructor(outlet: Outlet, full: () => void) {
    this.#outlet = outlet
    this.#full = full
  }

  begin(status: number, head: string, framing: Framing): void {
    this.status = status
    this.hasBegun = true
    this.#text = head
    this.#framing = framing
  }

  /** A head of which nothing has left was not said. */
  takeBack(): void {
    if (this.#hasLeft) return
    this.hasBegun = false
    this.#text = ''
  }

  piece(piece: Buffer): void {
    const chunked = this.#framing.kind === 'chunked'
    if (chunked) this.#text += chunkLine(piece.length)
    if (piece.length <= ONE_WRITE_BYTES) {
      this.#text += piece.toString('latin1', 0, piece.length)
      if (chunked) this.#text += '\r\n'
      return
    }
    this.#wrote(this.#outlet.writeBytes(this.#taken(), piece, chunked ? '\r\n' : ''))
  }

  flush(): void {
    if (this.#text !== '') this.#wrote(this.#outlet.write(this.#taken()))
  }

  end(trailers: readonly string[], stays: boolean): void {
    if (this.#framing.kind === 'chunked') this.#text += lastChunk(trailers)
    this.flush()
    this.#outlet.over(stays)
  }

  /** An answer of ours. */
  whole(status: number, text: string, stays: boolean): void {
    this.status = status
    this.hasBegun = true
    this.#outlet.write(text)
    this.#outlet.over(stays)
  }

  cut(): void {
    this.#text = ''
    this.#outlet.cut()
  }

  /** The client takes more again. True: it was waited for. */
  drained(): boolean {
    const was = this.#isBlocked
    this.#isBlocked = false
    return was
  }

  #taken(): string {
    const text = this.#text
    this.#text = ''
    this.#hasLeft = true
    return text
  }

  #wrote(more: boolean): void {
    if (more || this.#isBlocked) return
    this.#isBlocked = true
    this.#full()
  }
}
