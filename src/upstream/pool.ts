// The connections to one address of a backend, for one role.
//
// An answer nobody asked for may follow the right one by a moment, and would then answer the next request. So a connection
// that comes back is in quarantine first, and another is opened meanwhile; at the limit of connections whoever wants one waits
// for the first to leave it, because one answer too many would go on from user to user there. Time alone does not end
// quarantine: after it, the event loop must have looked at all sockets once more, because in a process that was held up, what
// came long ago may not have been read. What has left quarantine is used last in, first out: the fewest stay busy.
import type { Socket } from 'node:net'
import type { Clock, Milliseconds } from '../model/units.ts'
import { Connection } from './connection.ts'

/** A backend that answers twice does it within this. */
const QUARANTINE_MS = 6
/** Idle connections are closed after this unless the backend announces less: below the 5 s of Node and Apache. */
const IDLE_MS = 4_000
/** A backend that says "timeout=5" may close at 5 s sharp: we go a second before. */
const EARLIER_MS = 1_000

export interface PoolOptions {
  readonly connections: number
  /** false: each connection carries one exchange. */
  readonly reuse: boolean
  readonly connectMs: Milliseconds | null
  /** Whoever wants one has time: one that is in quarantine is waited for, and none is opened instead. */
  readonly isPatient: boolean
  /** Begins a connection; tells once when it is open, TLS included. */
  connect(opened: (socket: Socket) => void): Socket
  readonly clock: Pick<Clock, 'monotonic'>
}

/** Somebody who wants a connection. */
export interface Wanting {
  /** False: not wanted any more. */
  take(connection: Connection, reused: boolean): boolean
  failed(error: Error): void
}

interface Waiting {
  readonly wanting: Wanting
  readonly fresh: boolean
}

export class Pool {
  readonly #options: PoolOptions
  /** Out of quarantine; the last one came back last. */
  readonly #ready: Connection[] = []
  /** The first one came back first. */
  readonly #quarantine: Connection[] = []
  readonly #waiting: Waiting[] = []
  readonly #all = new Set<Connection>()
  readonly #opening = new Set<Socket>()
  /** Set while there is something in quarantine. */
  #timer: NodeJS.Timeout | null = null
  #closing = false
  #destroyed = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Connections open or opening. */
  get size(): number {
    return this.#all.size + this.#opening.size
  }

  /** Connections that wait for a user, out of quarantine. */
  get free(): number {
    return this.#ready.length
  }

  /** Who waits for a connection, beyond those that are being opened. */
  get waiting(): number {
    return Math.max(0, this.#waiting.length - this.#opening.size)
  }

  get isIdle(): boolean {
    return this.size === this.#ready.length + this.#quarantine.length && this.#waiting.length === 0
  }

  /** `fresh`: not one that has carried an exchange. */
  want(wanting: Wanting, fresh = false): void {
    const kept = fresh ? null : this.#kept()
    if (kept !== null) {
      if (!wanting.take(kept, true)) this.#keep(kept)
      return
    }
    this.#waiting.push({ wanting, fresh })
    // Fewer connections stay busy, which costs both ends less.
    if (this.#options.isPatient && !fresh && this.#quarantine.length >= this.#waiting.length) return
    if (this.size < this.#options.connections) this.#open()
    // At the limit, an idle one makes room for a fresh one, which is opened when it is gone.
    else if (fresh) (this.#quarantine[0] ?? this.#ready[0])?.destroy()
  }

  forget(wanting: Wanting): void {
    const at = this.#waiting.findIndex(waiting => waiting.wanting === wanting)
    if (at !== -1) this.#waiting.splice(at, 1)
  }

  /** Back from its user, who has read its whole answer and written its whole request. */
  giveBack(connection: Connection): void {
    connection.takeBack()
    connection.exchanges++
    connection.idleSince = this.#options.clock.monotonic()
    if (this.#closing || !this.#options.reuse || !connection.usable) {
      connection.destroy()
      return
    }
    // Where only fresh ones are wanted it makes room for one.
    if (this.size >= this.#options.connections && this.#waiting.length > 0 && this.#waiting.every(({ fresh }) => fresh))
      connection.destroy()
    else this.#quarantined(connection)
  }

  /** Closes what has been idle for too long. */
  sweep(): void {
    const now = this.#options.clock.monotonic()
    for (const list of [this.#ready, this.#quarantine]) {
      for (const connection of [...list]) {
        const { idleMs, idleSince } = connection
        const limit = idleMs === null ? IDLE_MS : Math.min(IDLE_MS, Math.max(0, idleMs - EARLIER_MS))
        if (now - idleSince >= limit) connection.destroy()
      }
    }
  }

  /** No new users; what is under way ends as it will. */
  close(): void {
    this.#closing = true
    for (const connection of [...this.#ready, ...this.#quarantine]) connection.destroy()
  }

  destroy(): void {
    this.#closing = true
    this.#destroyed = true
    for (const socket of [...this.#opening]) socket.destroy()
    for (const connection of [...this.#all]) connection.socket.destroy()
  }

  #kept(): Connection | null {
    for (;;) {
      const connection = this.#ready.pop()
      if (connection === undefined) return null
      if (connection.usable) return connection
      connection.destroy()
    }
  }

  #keep(connection: Connection): void {
    this.#ready.push(connection)
  }

  #quarantined(connection: Connection): void {
    this.#quarantine.push(connection)
    this.#timer ??= setTimeout(this.#due, QUARANTINE_MS).unref()
  }

  /** Time is up for some: once everything that has come is read, those that nobody spoke on are free. */
  #due = (): void => {
    setImmediate(this.#release, this.#options.clock.monotonic() - QUARANTINE_MS)
  }

  #release = (before: Milliseconds): void => {
    const quarantine = this.#quarantine
    let count = 0
    while (count < quarantine.length && (quarantine[count] as Connection).idleSince <= before) count++
    for (const connection of quarantine.splice(0, count)) {
      // It may have ended just now, and not be told yet.
      if (!connection.usable) connection.destroy()
      else if (this.#waiting.length <= this.#opening.size || !this.#serve(connection, true))
        this.#ready.push(connection)
    }
    const again = this.#waiting.length > 0 ? 1 : QUARANTINE_MS / 2
    this.#timer = quarantine.length === 0 ? null : setTimeout(this.#due, again).unref()
  }

  #open(): void {
    const { connectMs } = this.#options
    let timer: NodeJS.Timeout | null = null
    let error: Error | null = null
    const socket = this.#options.connect(() => {
      settle()
      const connection = new Connection(socket, this.#gone)
      this.#all.add(connection)
      if (this.#serve(connection, false)) return
      if (this.#closing) connection.destroy()
      else {
        connection.idleSince = this.#options.clock.monotonic()
        this.#quarantined(connection)
      }
    })
    const onError = (reason: Error) => {
      error ??= reason
    }
    const onClose = () => {
      settle()
      this.#notOpened(error ?? Object.assign(new Error('closed'), { code: 'ECONNRESET' }))
    }
    const settle = () => {
      if (timer !== null) clearTimeout(timer)
      this.#opening.delete(socket)
      socket.off('close', onClose)
    }
    socket.on('error', onError)
    socket.on('close', onClose)
    this.#opening.add(socket)
    if (connectMs !== null) {
      timer = setTimeout(() => {
        socket.destroy(Object.assign(new Error('connect timeout'), { code: 'BANYAN_CONNECT_TIMEOUT' }))
      }, connectMs)
    }
  }

  /** Gives it to the first who still wants one. */
  #serve(connection: Connection, reused: boolean): boolean {
    for (let at = 0; ; ) {
      const waiting = this.#waiting[at]
      if (waiting === undefined) return false
      if (reused && waiting.fresh) {
        at++
        continue
      }
      this.#waiting.splice(at, 1)
      if (waiting.wanting.take(connection, reused)) return true
    }
  }

  #gone = (connection: Connection): void => {
    this.#all.delete(connection)
    for (const list of [this.#ready, this.#quarantine]) {
      const at = list.indexOf(connection)
      if (at !== -1) list.splice(at, 1)
    }
    if (this.#destroyed) this.#notOpened(Object.assign(new Error('closed'), { code: 'ECONNRESET' }))
    else this.#openWanted()
  }

  /** Where nothing is open and nothing opens, those at the limit would only wait for the same. */
  #notOpened(error: Error): void {
    const failed = this.#waiting.splice(0, this.size === 0 ? this.#waiting.length : 1)
    for (const { wanting } of failed) wanting.failed(error)
    if (!this.#destroyed) this.#openWanted()
  }

  /** Whoever waited at the limit can have a place that has come free. */
  #openWanted(): void {
    if (this.#waiting.length > this.#opening.size && this.size < this.#options.connections) this.#open()
  }
}
