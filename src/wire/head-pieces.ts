// A request's head out of whatever pieces the network makes of it.
import { endOfRequest } from './head.ts'

/** Bytes that the end of a head may share with the piece before (CR LF CR). */
const SEAM_BYTES = 3

export interface WholeHead {
  /** As latin1. */
  readonly text: string
  /** Everything that came, from the head's first byte on; perhaps a view of the last chunk. */
  readonly bytes: Buffer
  /** Where in `bytes` the head ends. */
  readonly end: number
}

export class HeadPieces {
  #pieces: Buffer[] = []
  #pieceBytes = 0
  #tail = ''

  /** What of a head is here that has not ended. */
  get waitingBytes(): number {
    return this.#pieceBytes
  }

  /** The head, when it has ended. It is looked for in the first `mostBytes` of a chunk: what is longer is never read. */
  add(chunk: Buffer, mostBytes: number): WholeHead | null {
    return this.#pieces.length === 0 ? this.#first(chunk, mostBytes) : this.#next(chunk, mostBytes)
  }

  #first(chunk: Buffer, mostBytes: number): WholeHead | null {
    // RFC 9112, 2.2: empty lines before a request are passed over.
    let from = 0
    while (from < chunk.length && (chunk[from] === 0x0d || chunk[from] === 0x0a)) from++
    const bytes = from === 0 ? chunk : chunk.subarray(from)
    if (bytes.length === 0) return null
    const text = textOf(bytes, mostBytes)
    const end = endOfRequest(text)
    if (end === -1) {
      this.#keep(bytes)
      return null
    }
    return { text: end === text.length ? text : text.slice(0, end), bytes, end }
  }

  /** Only the seam and the new bytes are looked through: a head that drips costs what it weighs, not its square. */
  #next(chunk: Buffer, mostBytes: number): WholeHead | null {
    const found = endOfRequest(this.#tail + textOf(chunk, mostBytes))
    if (found === -1) {
      this.#keep(chunk)
      return null
    }
    const end = this.#pieceBytes - this.#tail.length + found
    const bytes = Buffer.concat([...this.#pieces, chunk])
    this.#pieces = []
    this.#pieceBytes = 0
    this.#tail = ''
    return { text: bytes.toString('latin1', 0, end), bytes, end }
  }

  #keep(bytes: Buffer): void {
    this.#pieces.push(Buffer.from(bytes))
    this.#pieceBytes += bytes.length
    this.#tail = (this.#tail + bytes.toString('latin1', Math.max(0, bytes.length - SEAM_BYTES))).slice(-SEAM_BYTES)
  }
}

function textOf(bytes: Buffer, mostBytes: number): string {
  return bytes.toString('latin1', 0, Math.min(bytes.length, mostBytes + 4))
}
