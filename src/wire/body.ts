// Bodies of HTTP/1 messages, out of their framing: by length, chunked, or until the connection closes (RFC 9112, 6 and 7).
// What comes out are the content's bytes and the trailers; the framing is never passed on, it is made anew.

import { readTrailers } from './fields.ts'
import type { Framing } from './framing.ts'
import { HeadError, type Lenience, letIn, STRICT } from './lenience.ts'

/** Bytes that chunk extensions may take in one body (CVE-2024-22019). */
const MOST_EXTENSION_BYTES = 16 * 1024
const MOST_TRAILER_BYTES = 16 * 1024
const MOST_TRAILERS = 100
/** 2^52 − 1: beyond it bytes could not be counted. */
const MOST_SIZE_DIGITS = 13

/** Takes the content of one body. Pieces are views: whoever keeps one copies it. */
export type Taker = (piece: Buffer) => void

export interface BodyReader {
  /** True when the last byte of the body was read. */
  readonly done: boolean
  /** Flat pairs; complete when `done`. */
  readonly trailers: readonly string[]
  /** Reads from `from` on and returns where the body ended: below `bytes.length` what follows belongs to nobody yet. */
  read(bytes: Buffer, from: number, take: Taker): number
}

const NONE: readonly string[] = []

/** Content-Length bytes. */
export class LengthReader implements BodyReader {
  #left: number
  done: boolean
  readonly trailers = NONE

  constructor(bytes: number) {
    this.#left = bytes
    this.done = bytes === 0
  }

  read(bytes: Buffer, from: number, take: Taker): number {
    const here = Math.min(this.#left, bytes.length - from)
    if (here === 0) return from
    this.#left -= here
    this.done = this.#left === 0
    take(from === 0 && here === bytes.length ? bytes : bytes.subarray(from, from + here))
    return from + here
  }
}

/** Everything until the connection closes; never done by itself. */
export class CloseReader implements BodyReader {
  readonly done = false
  readonly trailers = NONE

  read(bytes: Buffer, from: number, take: Taker): number {
    if (from < bytes.length) take(from === 0 ? bytes : bytes.subarray(from))
    return bytes.length
  }
}

const SIZE = 0
const EXTENSION = 1
const SIZE_LF = 2
const DATA = 3
const DATA_CR = 4
const DATA_LF = 5
const TRAILERS = 6

export class ChunkedReader implements BodyReader {
  done = false
  trailers: readonly string[] = NONE
  readonly #lenience: Lenience
  #state = SIZE
  #size = 0
  #digits = 0
  #extension = 0
  #blanked = false
  #trailerText = ''

  constructor(lenience: Lenience = STRICT) {
    this.#lenience = lenience
  }

  read(bytes: Buffer, from: number, take: Taker): number {
    let at = from
    while (at < bytes.length && !this.done) {
      if (this.#state === DATA) {
        const here = Math.min(this.#size, bytes.length - at)
        this.#size -= here
        if (this.#size === 0) this.#state = DATA_CR
        take(at === 0 && here === bytes.length ? bytes : bytes.subarray(at, at + here))
        at += here
      } else if (this.#state === TRAILERS) {
        at = this.#readTrailers(bytes, at)
      } else {
        this.#step(bytes[at] as number)
        at++
      }
    }
    return at
  }

  /** One byte of a chunk's line, or of the end of its data. */
  #step(byte: number): void {
    switch (this.#state) {
      case SIZE: {
        const digit = hex(byte)
        if (digit !== -1 && !this.#blanked) {
          if (++this.#digits > MOST_SIZE_DIGITS) throw new HeadError('a chunk that is too large')
          this.#size = this.#size * 16 + digit
        } else if (this.#digits === 0) throw new HeadError('a chunk without a size')
        else if (byte === 0x0d) this.#state = SIZE_LF
        else if (byte === 0x3b) this.#state = EXTENSION
        else if (byte === 0x20 || byte === 0x09) this.#blank()
        else throw new HeadError('a chunk’s size is not hexadecimal')
        return
      }
      case EXTENSION:
        if (byte === 0x0d) this.#state = SIZE_LF
        else if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f)
          throw new HeadError('a control byte in a chunk extension')
        else if (++this.#extension > MOST_EXTENSION_BYTES) throw new HeadError('chunk extensions without end')
        return
      case SIZE_LF:
        if (byte !== 0x0a) throw new HeadError('a chunk’s size line does not end with CR LF')
        this.#state = this.#size === 0 ? TRAILERS : DATA
        return
      case DATA_CR:
        if (byte !== 0x0d) throw new HeadError('a chunk is longer than its size')
        this.#state = DATA_LF
        return
      default:
        if (byte !== 0x0a) throw new HeadError('a chunk does not end with CR LF')
        this.#state = SIZE
        this.#digits = 0
        this.#blanked = false
    }
  }

  #blank(): void {
    if (!this.#blanked) letIn('space-in-chunk-size', this.#lenience, 'a space in a chunk’s size')
    if (++this.#extension > MOST_EXTENSION_BYTES) throw new HeadError('blanks without end')
    this.#blanked = true
  }

  #readTrailers(bytes: Buffer, from: number): number {
    // Nearly always there are none.
    if (this.#trailerText === '' && bytes[from] === 0x0d && bytes[from + 1] === 0x0a) {
      this.done = true
      return from + 2
    }
    const before = this.#trailerText.length
    const text = this.#trailerText + bytes.toString('latin1', from, Math.min(bytes.length, from + MOST_TRAILER_BYTES))
    const end = text.startsWith('\r\n') ? 2 : text.indexOf('\r\n\r\n') + 4
    if (end > 3 || end === 2) {
      this.trailers = readTrailers(text.slice(0, end), MOST_TRAILERS)
      this.done = true
      return from + end - before
    }
    if (text.length >= MOST_TRAILER_BYTES) throw new HeadError('trailers without end')
    if (/[^\r]\n|^\n/.test(text)) throw new HeadError('a trailer ends with a bare LF')
    this.#trailerText = text
    return bytes.length
  }
}

function hex(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

export function bodyReader(framing: Framing, lenience: Lenience = STRICT): BodyReader | null {
  switch (framing.kind) {
    case 'none':
      return null
    case 'length':
      return new LengthReader(framing.bytes)
    case 'chunked':
      return new ChunkedReader(lenience)
    case 'close':
      return new CloseReader()
  }
}

/** The line before a chunk's data. */
export function chunkLine(bytes: number): string {
  return `${bytes.toString(16)}\r\n`
}

/** What ends a chunked body. `trailers` are flat pairs. */
export function lastChunk(trailers: readonly string[]): string {
  if (trailers.length === 0) return '0\r\n\r\n'
  let text = '0\r\n'
  for (let i = 0; i < trailers.length; i += 2) text += `${trailers[i]}: ${trailers[i + 1]}\r\n`
  return `${text}\r\n`
}
