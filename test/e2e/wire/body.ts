// Reads one body by its framing, piece by piece, and says where it ends. Strict: a chunk line that two readers could take
// differently is malformed.
import { type Field, type Framing, Malformed, readFields } from './message.ts'

type Step = 'data' | 'size' | 'after-data' | 'trailers' | 'done'

export class Body {
  readonly framing: Framing
  /** The bytes, without their framing; empty when they are only counted. */
  data = ''
  size = 0
  trailers: readonly Field[] = []
  /** Extensions of chunks, as they came. */
  readonly extensions: string[] = []
  /** False: bytes are counted, not kept. */
  keep = true
  #step: Step
  #left = 0
  #pending = ''

  constructor(framing: Framing) {
    this.framing = framing
    this.#left = framing.kind === 'length' ? framing.length : 0
    if (framing.kind === 'chunked') this.#step = 'size'
    else if (framing.kind === 'close' || this.#left > 0) this.#step = 'data'
    else this.#step = 'done'
  }

  get done(): boolean {
    return this.#step === 'done'
  }

  /** Takes what belongs to the body; gives back what does not. */
  push(bytes: string): string {
    let rest = this.#pending + bytes
    this.#pending = ''
    while (rest !== '' && this.#step !== 'done') {
      const taken = this.#take(rest)
      if (taken === null) {
        this.#pending = rest
        return ''
      }
      rest = taken
    }
    return rest
  }

  /** The connection ended: fine for a body that ends with it. */
  end(): void {
    if (this.framing.kind === 'close') this.#step = 'done'
  }

  #take(bytes: string): string | null {
    if (this.#step === 'data') return this.#takeData(bytes)
    if (this.#step === 'after-data') return this.#takeLineEnd(bytes)
    return this.#step === 'size' ? this.#takeSize(bytes) : this.#takeTrailers(bytes)
  }

  #takeData(bytes: string): string {
    const piece = this.framing.kind === 'close' ? bytes : bytes.slice(0, this.#left)
    this.size += piece.length
    if (this.keep) this.data += piece
    if (this.framing.kind === 'close') return ''
    this.#left -= piece.length
    if (this.#left === 0) this.#step = this.framing.kind === 'chunked' ? 'after-data' : 'done'
    return bytes.slice(piece.length)
  }

  #takeLineEnd(bytes: string): string | null {
    if (bytes === '\r') return null
    if (!bytes.startsWith('\r\n')) throw new Malformed('a chunk does not end where its size says')
    this.#step = 'size'
    return bytes.slice(2)
  }

  #takeSize(bytes: string): string | null {
    const end = bytes.indexOf('\n')
    if (end === -1) return null
    const line = bytes.slice(0, end + 1)
    const [, size, extension = ''] = /^([0-9A-Fa-f]{1,12})(;[^\r\n\0]*)?\r\n$/.exec(line) ?? []
    if (size === undefined) throw new Malformed(`chunk line: ${line.slice(0, 80)}`)
    if (extension !== '') this.extensions.push(extension)
    this.#left = Number.parseInt(size, 16)
    this.#step = this.#left === 0 ? 'trailers' : 'data'
    return bytes.slice(end + 1)
  }

  #takeTrailers(bytes: string): string | null {
    if (bytes.startsWith('\r\n')) {
      this.#step = 'done'
      return bytes.slice(2)
    }
    const end = bytes.indexOf('\r\n\r\n')
    if (end === -1) return null
    const lines = bytes.slice(0, end).split('\r\n')
    if (lines.some(line => /[\r\n]/.test(line))) throw new Malformed('bare CR or LF in trailers')
    this.trailers = readFields(lines)
    this.#step = 'done'
    return bytes.slice(end + 4)
  }
}
