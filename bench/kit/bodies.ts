// Large bodies that cost next to nothing: one block of random bytes again and again, framed in advance, and checked by samples.
import type { Writable } from 'node:stream'
import { MIB } from './figures.ts'
import { seeded } from './many-routes.ts'

export type Framing = 'sized' | 'chunked'

const CHUNK_BYTES = 64 * 1024
const BLOCK = randomBlock()
const CHUNKED_BLOCK = Buffer.concat(
  Array.from({ length: MIB / CHUNK_BYTES }, (_, i) => chunkOf(BLOCK.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES))),
)
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

/** `block` is written `times` times, then `last`. */
export interface Pieces {
  readonly block: Buffer
  readonly times: number
  readonly last: Buffer
}

/** The field that says how long a body is. */
export function framingField(framing: Framing, bytes: number): string {
  return framing === 'sized' ? `Content-Length: ${bytes}` : 'Transfer-Encoding: chunked'
}

/** A body on the wire. */
export function piecesOf(framing: Framing, bytes: number): Pieces {
  const times = Math.floor(bytes / MIB)
  const rest = BLOCK.subarray(0, bytes % MIB)
  if (framing === 'sized') return { block: BLOCK, times, last: rest }
  const last = rest.length === 0 ? LAST_CHUNK : Buffer.concat([chunkOf(rest), LAST_CHUNK])
  return { block: CHUNKED_BLOCK, times, last }
}

/** Writes a head and a body as fast as the socket takes them; a socket that closes ends it. */
export function pour(socket: Writable, head: string, { block, times, last }: Pieces): void {
  let left = times
  const pump = () => {
    while (left > 0) {
      left--
      if (!socket.write(block)) {
        socket.once('drain', pump)
        return
      }
    }
    socket.write(last)
  }
  // One system call for a head with a small body.
  socket.cork()
  socket.write(head, 'latin1')
  pump()
  socket.uncork()
}

/** Counts a body and compares it: its length, and the first and last byte of every piece, at the place where they should be. */
export class BodyCheck {
  bytes = 0
  /** Where the first byte was that should have been another. */
  differsAt: number | null = null

  take(piece: Buffer, from: number, to: number): void {
    if (to === from) return
    this.#compare(piece[from], this.bytes)
    this.bytes += to - from
    this.#compare(piece[to - 1], this.bytes - 1)
  }

  /** null: it was the body of that length. */
  complaint(bytes: number): string | null {
    if (this.differsAt !== null) return `a body that differs from byte ${this.differsAt} or earlier`
    return this.bytes === bytes ? null : `a body of ${this.bytes} bytes instead of ${bytes}`
  }

  #compare(byte: number | undefined, at: number): void {
    if (this.differsAt === null && byte !== BLOCK[at % MIB]) this.differsAt = at
  }
}

function randomBlock(): Buffer {
  const random = seeded(4711)
  return Buffer.from(Uint8Array.from({ length: MIB }, () => random() * 256))
}

function chunkOf(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')])
}
