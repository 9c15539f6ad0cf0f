// One connection of the proxy to the scripted backend: reads requests one behind the other, strictly, and keeps what it read.
import type { Socket } from 'node:net'
import { Body } from './body.ts'
import { Malformed, readRequestHead } from './message.ts'
import { Received } from './received.ts'
import { Watched } from './watched.ts'

export interface ConnectionEvents {
  request(request: Received): void
  malformed(connection: Connection, error: Malformed, bytes: string): void
}

export class Connection extends Watched {
  readonly socket: Socket
  readonly requests: Received[] = []
  /** How the proxy ended it; null while it is open. */
  ended: 'end' | 'reset' | null = null
  /** It has sent its FIN; with `ended` still null the other direction is open. */
  halfClosed = false
  broken: Malformed | null = null
  readonly #events: ConnectionEvents
  #unread = ''
  #dialogue = Promise.resolve()

  constructor(socket: Socket, events: ConnectionEvents) {
    super()
    this.socket = socket
    this.#events = events
    socket.setEncoding('latin1')
    socket.setNoDelay(true)
    let reset = false
    socket.on('data', chunk => {
      this.#read(String(chunk))
      this.changed()
    })
    socket.on('end', () => {
      this.halfClosed = true
      // A tunnel may be half-closed; everywhere else a proxy that ends is gone.
      if (!this.#inTunnel()) socket.end()
      this.changed()
    })
    socket.on('error', () => {
      reset = true
    })
    socket.on('close', () => {
      this.ended = reset ? 'reset' : 'end'
      this.changed()
    })
  }

  get open(): boolean {
    return this.ended === null
  }

  /** Scripts of one connection run one after the other, as its requests came. */
  queue(script: () => Promise<void>): void {
    this.#dialogue = this.#dialogue.then(script)
  }

  write(bytes: string): boolean {
    return this.socket.writable && this.socket.write(bytes, 'latin1')
  }

  end(bytes = ''): void {
    if (this.socket.writable) this.socket.end(bytes, 'latin1')
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  gone(why: string): Promise<true> {
    return this.until(
      () => this.halfClosed || this.ended !== null,
      `the upstream connection of ${why} to be closed by the proxy`,
    )
  }

  #inTunnel(): boolean {
    return this.#upgrading() !== undefined
  }

  #upgrading(): Received | undefined {
    const last = this.requests.at(-1)
    return last?.tunnels ? last : undefined
  }

  #read(bytes: string): void {
    if (this.broken !== null) return
    try {
      this.#unread = this.#consume(this.#unread + bytes)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.broken = error
      this.#events.malformed(this, error, this.#unread + bytes)
      this.socket.destroy()
    }
  }

  #consume(bytes: string): string {
    let rest = bytes
    while (rest !== '') {
      const last = this.requests.at(-1)
      if (last !== undefined && !last.body.done) {
        rest = last.body.push(rest)
        continue
      }
      const upgrading = this.#upgrading()
      if (upgrading !== undefined) {
        upgrading.tunnel += rest
        return ''
      }
      const end = rest.indexOf('\r\n\r\n')
      if (end === -1) return rest
      const head = readRequestHead(rest.slice(0, end + 4))
      rest = rest.slice(end + 4)
      const request = new Received(this, head, new Body(head.framing), this.requests.length)
      this.requests.push(request)
      this.#events.request(request)
    }
    return rest
  }
}
