// Reads the HTTP/1.1 messages of one connection, in either direction: heads, and bodies framed by Content-Length or by chunks.
//
//   head → nothing | sized | size → chunk → after chunk → size … → trailers
//
// A head that says nothing of a body has none. That is right for requests; of an answer, what follows is then no head, and throws.

const LF = 0x0a
/** A head, a chunk's size or a trailer. */
const MOST_LINE_CHARS = 16 * 1024
const MOST_HEAD_LINES = 200

/** What a reader tells of, in the order of the bytes. */
export interface MessageParts {
  /** First line and fields, separated by \n. */
  head(text: string): void
  /** The body's next bytes: those of `bytes` from `from` up to `to`. */
  body(bytes: Buffer, from: number, to: number): void
  end(): void
}

type State = 'head' | 'sized' | 'size' | 'chunk' | 'after chunk' | 'trailers'

export class MessageReader {
  readonly #parts: MessageParts
  #state: State = 'head'
  #line = ''
  #head: string[] = []
  /** Bytes that are still to come, of the body or of its chunk. */
  #left = 0
  #stopped = false

  constructor(parts: MessageParts) {
    this.#parts = parts
  }

  /** Called in `head`: what follows it is no HTTP any more. */
  stop(): void {
    this.#stopped = true
  }

  /** Returns how many bytes it took: all of them, but for those after a stop. Throws where they are no message. */
  take(bytes: Buffer): number {
    let at = 0
    while (at < bytes.length && !this.#stopped) {
      if (this.#state === 'sized' || this.#state === 'chunk') {
        const to = Math.min(at + this.#left, bytes.length)
        this.#parts.body(bytes, at, to)
        this.#left -= to - at
        at = to
        if (this.#left === 0) this.#bodyEnds()
        continue
      }
      const end = bytes.indexOf(LF, at)
      const line = this.#line + bytes.toString('latin1', at, end === -1 ? bytes.length : end)
      if (line.length > MOST_LINE_CHARS) throw new Error(`a line without an end: ${line.slice(0, 100)}…`)
      this.#line = end === -1 ? line : ''
      at = end === -1 ? bytes.length : end + 1
      if (end !== -1) this.#takeLine(line.endsWith('\r') ? line.slice(0, -1) : line)
    }
    return at
  }

  #takeLine(line: string): void {
    if (this.#state === 'head') {
      if (line !== '') this.#head.push(line)
      if (line === '') this.#headEnds()
      else if (this.#head.length > MOST_HEAD_LINES) throw new Error('a head without an end')
    } else if (this.#state === 'size') {
      if (!/^[0-9a-f]{1,8}\b/i.test(line)) throw new Error(`no chunk size: ${line.slice(0, 100)}`)
      this.#left = Number.parseInt(line, 16)
      this.#state = this.#left === 0 ? 'trailers' : 'chunk'
    } else if (this.#state === 'after chunk') {
      if (line !== '') throw new Error(`a chunk is longer than it says: ${line.slice(0, 100)}`)
      this.#state = 'size'
    } else if (line === '') {
      this.#messageEnds()
    }
  }

  #headEnds(): void {
    const text = this.#head.join('\n')
    if (!/^\S.* HTTP\/1\.1$|^HTTP\/1\.1 \d{3}/.test(this.#head[0] ?? ''))
      throw new Error(`no head: ${text.slice(0, 500)}`)
    this.#head = []
    const length = /^content-length: *(\d+) *$/im.exec(text)?.[1]
    const chunked = /^transfer-encoding: *chunked *$/im.test(text)
    this.#left = Number(length ?? 0)
    this.#state = chunked ? 'size' : this.#left > 0 ? 'sized' : 'head'
    this.#parts.head(text)
    if (this.#state === 'head' && !this.#stopped) this.#messageEnds()
  }

  #bodyEnds(): void {
    if (this.#state === 'chunk') this.#state = 'after chunk'
    else this.#messageEnds()
  }

  #messageEnds(): void {
    this.#state = 'head'
    this.#parts.end()
  }
}
