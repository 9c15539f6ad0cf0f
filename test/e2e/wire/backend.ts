// The scripted backend: listens for the proxy, hands each request to the script of the scene whose mark it carries, and
// keeps a list of everything that was not a request that somebody sent.
import { createServer, type Server } from 'node:net'
import { Connection } from './connection.ts'
import type { Received } from './received.ts'
import { excerpt, Watched } from './watched.ts'

export type Script = (request: Received) => void | Promise<void>

/** Where a request belongs to: `~17~` anywhere in its head. */
const MARK = /~(\d+)~/

export interface Desync {
  /** Of the scene that it points at; null: nobody's. */
  readonly mark: string | null
  readonly message: string
}

interface Listener {
  readonly script: Script
  received(request: Received): void
  failed(error: unknown): void
}

export class Backend extends Watched {
  readonly port: number
  readonly desyncs: Desync[] = []
  readonly connections = new Set<Connection>()
  readonly #server: Server
  readonly #listeners = new Map<string, Listener>()
  #marks = 0

  private constructor(server: Server, port: number) {
    super()
    this.#server = server
    this.port = port
    server.on('connection', socket => {
      const connection = new Connection(socket, {
        request: request => this.#dispatch(request),
        malformed: (_, error, bytes) => this.#desync(connection, error.message, bytes),
      })
      this.connections.add(connection)
      socket.on('close', () => {
        this.connections.delete(connection)
        this.changed()
      })
      this.changed()
    })
  }

  static async listen(port = 0): Promise<Backend> {
    const server = createServer({ allowHalfOpen: true })
    const bound = await bind(server, port)
    return new Backend(server, bound)
  }

  nextMark(): string {
    this.#marks += 1
    return `~${this.#marks}~`
  }

  attach(mark: string, listener: Listener): void {
    this.#listeners.set(mark, listener)
  }

  detach(mark: string): void {
    this.#listeners.delete(mark)
  }

  /** Nobody listens any more, and no connection is left: the next request cannot connect. */
  async refuse(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    for (const connection of this.connections) connection.socket.destroy()
    await closed
  }

  async listenAgain(): Promise<void> {
    await bind(this.#server, this.port)
  }

  /** Ends what is open, and waits until the proxy has seen it. */
  async closeConnections(): Promise<void> {
    for (const connection of this.connections) connection.end()
    await this.until(() => this.connections.size === 0, 'idle upstream connections to close when the backend ends them')
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.refuse()
  }

  #dispatch(request: Received): void {
    const mark = MARK.exec(request.head.raw)?.[0] ?? null
    const listener = mark === null ? undefined : this.#listeners.get(mark)
    if (listener === undefined) {
      if (mark === null) this.#desync(request.connection, 'a request that nobody sent', request.head.raw)
      request.connection.queue(async () => void request.answer('nobody asked'))
      return
    }
    listener.received(request)
    this.changed()
    request.connection.queue(async () => {
      try {
        await listener.script(request)
        request.scripted = true
      } catch (error) {
        listener.failed(error)
      }
    })
  }

  #desync(connection: Connection, message: string, bytes: string): void {
    const last = connection.requests.at(-1)?.head.raw ?? ''
    const mark = (MARK.exec(bytes) ?? MARK.exec(last))?.[0] ?? null
    this.desyncs.push({ mark, message: `${message}: ${excerpt(bytes)}` })
  }
}

function bind(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}
