// Counts complete HTTP/1.1 answers in the bytes of one keep-alive connection, and checks each against what was expected.
//
// Only Content-Length frames an answer here. Anything else (another status, another length, a chunked body) counts as
// wrong and ends the connection, because where the next answer begins is then not known for sure.

const HEAD_END = '\r\n\r\n'
const MOST_HEAD_CHARS = 64 * 1024

/** Added up over all connections of one load. */
export interface Tally {
  done: number
  /** Of those, answered by the new side, as its header `x-served-by: new` says. */
  byNew: number
  wrong: number
  /** The first head that was wrong, for the message. */
  firstWrong: string | null
}

export function createTally(): Tally {
  return { done: 0, byNew: 0, wrong: 0, firstWrong: null }
}

export class AnswerReader {
  readonly #tally: Tally
  readonly #length: number
  #head = ''
  /** Bytes of the current answer's body that are still to come. */
  #left = 0

  /** `length`: what Content-Length has to say. */
  constructor(tally: Tally, length: number) {
    this.#tally = tally
    this.#length = length
  }

  /** Takes the first `size` bytes of `bytes`. Returns how many answers they completed; -1: wrong, the connection is to be closed. */
  take(bytes: Buffer, size: number): number {
    let complete = 0
    let at = 0
    while (at < size) {
      if (this.#left === 0) {
        const text = this.#head + bytes.toString('latin1', at, size)
        const end = text.indexOf(HEAD_END)
        if (end === -1) {
          if (text.length > MOST_HEAD_CHARS) return this.#refuse(text)
          this.#head = text
          break
        }
        const head = text.slice(0, end)
        if (!this.#fits(head)) return this.#refuse(head)
        at += end + HEAD_END.length - this.#head.length
        this.#head = ''
        this.#left = this.#length
        if (head.includes('x-served-by: new')) this.#tally.byNew++
      }
      const body = Math.min(this.#left, size - at)
      this.#left -= body
      at += body
      if (this.#left > 0) break
      complete++
    }
    this.#tally.done += complete
    return complete
  }

  #fits(head: string): boolean {
    if (!head.startsWith('HTTP/1.1 200')) return false
    return Number(/\r\ncontent-length:[ \t]*(\d+)/i.exec(head)?.[1]) === this.#length
  }

  #refuse(head: string): number {
    this.#tally.wrong++
    this.#tally.firstWrong ??= head.slice(0, 500)
    return -1
  }
}
