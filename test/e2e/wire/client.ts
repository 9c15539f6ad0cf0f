// A client that speaks bytes, and reads answers as strictly as the backend reads requests.
import { AssertionError } from 'node:assert'
import { connect, type Socket } from 'node:net'
import { Body } from './body.ts'
import { type AnswerHead, Malformed, readAnswerHead, valuesOf } from './message.ts'
import { excerpt, Watched } from './watched.ts'

/** One answer; its body may still be under way. */
export interface Answer {
  readonly head: AnswerHead
  readonly status: number
  readonly body: Body
  /** Interim answers that came before it, in order. */
  readonly interim: readonly AnswerHead[]
  values(name: string): string[]
}

export class Client extends Watched {
  readonly socket: Socket
  /** Everything that came. */
  text = ''
  /** False: `text` is not kept, for large answers. */
  keep = true
  /** How the proxy ended it; null while it has not. */
  ended: 'end' | 'reset' | null = null
  #unread = ''
  #reading: Body | null = null

  constructor(port: number) {
    super()
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    this.socket.setEncoding('latin1')
    this.socket.on('data', chunk => {
      if (this.keep) this.text += chunk
      this.#unread += chunk
      this.changed()
    })
    this.socket.on('connect', () => this.changed())
    this.socket.on('end', () => this.#over('end'))
    this.socket.on('error', () => this.#over('reset'))
    this.socket.on('close', () => this.#over('reset'))
  }

  /** Resolves when the bytes are with the kernel. */
  send(bytes: string): Promise<void> {
    return new Promise(resolve => {
      if (this.socket.writable) this.socket.write(bytes, 'latin1', () => resolve())
      else resolve()
    })
  }

  /** Half-closes: a FIN, and reading goes on. */
  end(): void {
    this.socket.end()
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  /** The head of the next final answer, with the interim ones before it. `asked` is the method that it answers. */
  async head(asked = 'GET'): Promise<Answer> {
    const interim: AnswerHead[] = []
    for (;;) {
      const head = await this.anyHead(asked)
      if (head.status >= 200 || head.status === 101) return this.#begin(head, interim)
      interim.push(head)
    }
  }

  /** The next head of any kind. */
  async anyHead(asked = 'GET'): Promise<AnswerHead> {
    const end = await this.until(
      () => {
        const at = this.#unread.indexOf('\r\n\r\n')
        if (at !== -1) return at
        if (this.ended !== null) this.#fail(`the connection was ended (${this.ended}) before an answer to ${asked}`)
        return null
      },
      `an answer to ${asked}`,
      () => this.#unread,
    )
    const raw = this.#unread.slice(0, end + 4)
    this.#unread = this.#unread.slice(end + 4)
    return strictly(() => readAnswerHead(raw, asked))
  }

  /** The next answer, whole. */
  async answer(asked = 'GET'): Promise<Answer> {
    const answer = await this.head(asked)
    await this.whole(answer)
    return answer
  }

  /** The rest of an answer's body. */
  async whole(answer: Answer): Promise<Answer> {
    const how = await this.outcome(answer)
    if (how !== 'whole')
      this.#fail(`the body of ${answer.status} was cut after ${answer.body.size} bytes (${this.ended})`)
    return answer
  }

  /** Whether the body ends as its framing says, or is cut. */
  outcome(answer: Answer): Promise<'whole' | 'cut'> {
    return this.until(
      () => {
        this.#feed()
        if (answer.body.done) return 'whole'
        if (this.ended === 'end') answer.body.end()
        if (answer.body.done) return 'whole'
        return this.ended === null ? null : 'cut'
      },
      `the body of ${answer.status} to end`,
      () => answer.body.data,
    )
  }

  /** Part of a body has come. */
  has(answer: Answer, text: string): Promise<true> {
    return this.until(
      () => {
        this.#feed()
        if (answer.body.data.includes(text)) return true
        if (this.ended !== null) this.#fail(`the connection was ended before ${excerpt(text)} came`)
        return null
      },
      `${excerpt(text)} in the body`,
      () => answer.body.data,
    )
  }

  /** The proxy ended the connection; what came that belongs to no answer yet. */
  async closed(): Promise<string> {
    await this.until(
      () => this.ended,
      'the connection to be closed by the proxy',
      () => this.#unread,
    )
    this.#feed()
    return this.#unread
  }

  /** What came and belongs to no answer that was asked for yet. */
  get unread(): string {
    this.#feed()
    return this.#unread
  }

  #begin(head: AnswerHead, interim: AnswerHead[]): Answer {
    const body = new Body(head.framing)
    this.#reading = body
    this.#feed()
    return { head, status: head.status, body, interim, values: name => valuesOf(head.fields, name) }
  }

  #feed(): void {
    const body = this.#reading
    if (body === null || body.done || this.#unread === '') return
    this.#unread = strictly(() => body.push(this.#unread))
  }

  #over(how: 'end' | 'reset'): void {
    this.ended ??= how
    this.changed()
  }

  #fail(message: string): never {
    throw new AssertionError({ message: `${message}; everything that came: ${excerpt(this.text)}` })
  }
}

function strictly<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof Malformed)
      throw new AssertionError({ message: `the proxy sent malformed bytes: ${error.message}` })
    throw error
  }
}
