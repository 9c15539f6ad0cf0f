// One connection to a backend. It has at most one user at a time; bytes that come while it has none were asked for by
// nobody, and end it: the next user must not take them for its answer (RFC 9112, 9.2; CVE-2026-48931).
import type { Socket } from 'node:net'
import type { Milliseconds } from '../model/units.ts'
import { hearOut } from './last-words.ts'
import { leaveBytes, takeBytes } from './read-buffer.ts'

export interface ConnectionUser {
  /** Valid until this returns. */
  bytes(chunk: Buffer): void
  /** The backend has said its last byte. */
  ended(): void
  /** The socket is gone; null: without an error. */
  closed(error: Error | null): void
  /** What was written has left. */
  drained(): void
}

export class Connection {
  readonly socket: Socket
  /** When its last exchange ended. */
  idleSince: Milliseconds = 0
  /** How long it may stay idle, as the backend said; null: it did not. */
  idleMs: Milliseconds | null = null
  /** Exchanges that it has carried to their end. */
  exchanges = 0
  #user: ConnectionUser | null = null
  #error: NodeJS.ErrnoException | null = null
  readonly #hearOutNoMore: () => void
  readonly #gone: (connection: Connection) => void

  /** `gone` is told when it has ended, whoever ended it, or was given away. */
  constructor(socket: Socket, gone: (connection: Connection) => void) {
    this.socket = socket
    this.#gone = gone
    takeBytes(socket, this.#data)
    this.#hearOutNoMore = hearOut(socket, this.#deaf)
    socket.on('end', this.#end)
    socket.on('drain', this.#drain)
    socket.on('error', this.#fail)
    socket.on('close', () => {
      gone(this)
      const user = this.#user
      this.#user = null
      user?.closed(this.#error)
    })
  }

  get usable(): boolean {
    return !this.socket.destroyed && this.#error === null && this.socket.writable
  }

  lend(user: ConnectionUser): void {
    this.#user = user
  }

  /**
   * From now on nobody uses it, and it is read again: whoever was slow may have paused it with the last piece of the answer, and
   * the next user would wait for ever.
   */
  takeBack(): void {
    this.#user = null
    if (this.socket.isPaused()) this.socket.resume()
  }

  /** Gives the bare socket away: an upgrade. It is nobody's connection for requests any more, and takes no place of one. */
  detach(): Socket {
    this.#user = null
    const { socket } = this
    leaveBytes(socket, this.#data)
    this.#hearOutNoMore()
    socket.off('end', this.#end)
    socket.off('drain', this.#drain)
    this.#gone(this)
    return socket
  }

  destroy(): void {
    this.#user = null
    this.socket.destroy()
  }

  #data = (chunk: Buffer): void => {
    if (this.#user === null) this.socket.destroy()
    else this.#user.bytes(chunk)
  }

  #end = (): void => {
    // EPIPE: it had ended its answer before it stopped to listen. After a reset nobody knows.
    if (this.#user === null || (this.#error !== null && this.#error.code !== 'EPIPE')) this.socket.destroy()
    else this.#user.ended()
  }

  #drain = (): void => {
    this.#user?.drained()
  }

  #deaf = (error: Error): void => {
    this.#error ??= error
    if (this.#user === null) this.socket.destroy()
  }

  #fail = (error: Error): void => {
    this.#error ??= error
  }
}
