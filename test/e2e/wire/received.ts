// One request as the backend got it, with the connection it came on: what was read, and ways to answer it badly.
import type { Body } from './body.ts'
import type { Connection } from './connection.ts'
import { type RequestHead, valuesOf } from './message.ts'

export class Received {
  readonly connection: Connection
  readonly head: RequestHead
  readonly body: Body
  /** How many requests this connection had carried before. */
  readonly before: number
  /** What came behind the head of a request that offers an upgrade; it is not read as HTTP. */
  tunnel = ''
  /** The script for it has ended. */
  scripted = false
  /** Something was written for it. */
  wrote = false
  #tunnels = true

  constructor(connection: Connection, head: RequestHead, body: Body, before: number) {
    this.connection = connection
    this.head = head
    this.body = body
    this.before = before
  }

  get line(): string {
    return `${this.head.method} ${this.head.target}`
  }

  values(name: string): string[] {
    return valuesOf(this.head.fields, name)
  }

  /** The body is complete. */
  whole(): Promise<true> {
    return this.connection.until(
      () => {
        if (this.connection.broken !== null) throw this.connection.broken
        return this.body.done
      },
      `the whole body of ${this.line}`,
      () => this.body.data,
    )
  }

  has(text: string): Promise<true> {
    return this.connection.until(
      () => this.body.data.includes(text),
      `${JSON.stringify(text)} in the body of ${this.line}`,
      () => this.body.data,
    )
  }

  tunnelled(text: string): Promise<true> {
    return this.connection.until(
      () => this.tunnel.includes(text),
      `${JSON.stringify(text)} in the tunnel of ${this.line}`,
      () => this.tunnel,
    )
  }

  /** It offers an upgrade that was not refused: what comes behind its head is no HTTP. */
  get tunnels(): boolean {
    return this.#tunnels && this.values('upgrade').length > 0
  }

  write(bytes: string): boolean {
    // A connection whose upgrade was refused carries requests again.
    if (!this.wrote && !bytes.startsWith('HTTP/1.1 1')) this.#tunnels = false
    this.wrote = true
    return this.connection.write(bytes)
  }

  /** An answer with its length, and the request line as an echo that survives a HEAD. */
  answer(body = this.line, fields = ''): boolean {
    const shown = this.head.method === 'HEAD' ? '' : body
    return this.write(
      `HTTP/1.1 200 OK\r\nX-Echo: ${this.line}\r\n${fields}Content-Length: ${body.length}\r\n\r\n${shown}`,
    )
  }

  /** The proxy has let go of the connection. */
  gone(): Promise<true> {
    return this.connection.gone(this.line)
  }
}
