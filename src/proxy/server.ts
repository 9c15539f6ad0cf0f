// The data listener: takes connections, keeps time for all of them, sheds what is too much, and drains.
//
// It is our own HTTP/1.1 on node:net (docs/decisions/010): a proxy has to see every byte of a head, and to decide its framing.
import { createServer, type Server } from 'node:net'
import { Roster } from '../model/roster.ts'
import type { Milliseconds } from '../model/units.ts'
import { tapAccepted } from '../upstream/read-buffer.ts'
import { ClientConnection, type Listener } from './connection.ts'
import { Entrance } from './entrance.ts'
import type { ProxyParts } from './parts.ts'
import type { Waiting } from './placement.ts'
import { type Open, ROLLBACK_SPREAD_MS, Spread } from './spread.ts'
import type { Certificate } from './tls-door.ts'
import type { Tunnel } from './tunnel.ts'

const TICK_MS = 500
/** Of the limit of connections, and of the heap. */
const SHED_SHADOWS = 0.85
const SHED_KEEP_ALIVE = 0.92
const SHED_REQUESTS = 0.97
/** Who connected and said nothing may still ask for so long after we stopped listening. */
const LATE_MS = 1_000
/** A client whose machine is gone says nothing at all; where a backend has no limit of time, only this ends the request. */
const ALIVE = { keepAlive: true, keepAliveInitialDelay: 60_000 }
/** Connections that wait in the kernel are taken about one a turn of the event loop: it is over when some turns took none. */
const QUIET_TURNS = 4
const MOST_TURNS = 4_096

export interface ListenerOptions {
  readonly host: string
  readonly port: number
  /** Used share of the heap, 0 to 1. */
  readonly heapShare: () => number
}

export interface ProxyServer {
  listen(): Promise<{ readonly host: string; readonly port: number }>
  /** Sends every exchange that waits for the new side of a rolled-back route to legacy. Returns how many. */
  recall(): number
  inFlight(): number
  /** True: there is so much under way that nothing optional should be done. */
  isStrained(): boolean
  /** New connections get this certificate; nothing to do where there is no TLS. */
  renew(certificate: Certificate): void
  /** From now on answers close their connections. */
  beginDrain(): void
  /** Answers what has not gone to a backend, once `mayAsk` says that nothing does any more. */
  refuseWaiting(): void
  /** Stops listening, lets in-flight work end, cuts what is left at the deadline. Returns how many were cut. */
  close(deadlineMs: Milliseconds): Promise<number>
}

export function createProxyServer(parts: ProxyParts, options: ListenerOptions): ProxyServer {
  const waiting: Waiting = new Roster()
  const tunnels = new Set<Tunnel>()
  /** Their connections are busy ones. */
  const streams = new Set<Open>()
  const spread = new Spread()
  const connections = new Set<ClientConnection>()
  let draining = false
  let strain = 0
  let entered = 0
  let closed: (() => void) | null = null
  /** While what is open for long ends one after another, because we do: when the last of it shall have ended. */
  let overAt: Milliseconds | null = null

  const listener: Listener = {
    parts,
    waiting,
    closesAnswers: () => {
      if (draining) return true
      if (strain < SHED_KEEP_ALIVE) return false
      parts.note({ kind: 'shed', what: 'keep-alive' })
      return true
    },
    refusesRequests: () => strain >= SHED_REQUESTS && heap >= SHED_REQUESTS,
    tunnelled(tunnel) {
      tunnels.add(tunnel)
      endLate(tunnel)
    },
    tunnelOver(tunnel) {
      tunnels.delete(tunnel)
      spread.over(tunnel)
      checkClosed()
    },
    streams(stream) {
      streams.add(stream)
      endLate(stream)
    },
    streamOver(stream) {
      streams.delete(stream)
      spread.over(stream)
    },
    gone(connection) {
      if (connections.delete(connection)) checkClosed()
    },
  }

  const entrance = new Entrance({
    current: parts.current,
    note: parts.note,
    admitted: (clear, peer) => connections.add(new ClientConnection(listener, clear, peer)),
    left: checkClosed,
  })

  let heap = 0
  const timer = setInterval(() => {
    heap = options.heapShare()
    const { connections: most } = parts.current().plan.limits
    strain = Math.max(heap, entrance.taken / most)
    const now = parts.clock.monotonic()
    for (const connection of connections) connection.tick(now)
    for (const tunnel of tunnels) tunnel.tick(now)
    spread.tick(now)
  }, TICK_MS)
  timer.unref()

  const server: Server = createServer(
    { allowHalfOpen: true, noDelay: true, pauseOnConnect: true, ...ALIVE },
    accepted => {
      entered++
      entrance.enter(tapAccepted(accepted))
    },
  )

  function checkClosed(): void {
    if (closed !== null && connections.size === 0 && tunnels.size === 0 && entrance.entering === 0) closed()
  }

  function takeIn(quiet: number, most: number, then: () => void): void {
    const before = entered
    if (quiet === 0 || most === 0) then()
    else setImmediate(() => takeIn(entered === before ? quiet - 1 : QUIET_TURNS, most - 1, then))
  }

  /** Whoever waits for nothing goes now; who has just come may ask once. */
  function closeIdle(late: boolean): void {
    for (const connection of connections) if (!connection.isBusy && (late || !connection.isSilent)) connection.destroy()
    if (late) entrance.destroyEntering()
  }

  /** What is open on the new side of a rolled-back route comes back to legacy, if it shall. A restore in between keeps it. */
  function endRolledBack(open: readonly Open[]): void {
    const { plan } = parts.current()
    if (plan.rollbackTunnels === null || open.length === 0) return
    const isMeant = ({ route, side }: Open) =>
      side === 'new' && route.sides.legacy !== null && parts.current().isRolledBack(route)
    const overMs = plan.rollbackTunnels === 'all' ? ROLLBACK_SPREAD_MS : plan.rollbackTunnels
    spread.schedule(open.filter(isMeant), overMs, parts.clock.monotonic(), isMeant)
  }

  /** Asked for before a rollback or the end, and opened after it. */
  function endLate(one: Open): void {
    const now = parts.clock.monotonic()
    if (overAt === null) endRolledBack([one])
    else spread.schedule([one], Math.max(0, overAt - now), now)
  }

  function busy(): number {
    let count = 0
    for (const connection of connections) if (connection.isBusy) count++
    return count
  }

  return {
    listen() {
      const { tls } = parts.current().plan
      if (tls !== null) entrance.secure(tls)
      return new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host: options.host, port: options.port, backlog: 1024 }, () => {
          server.off('error', reject)
          // Running out of descriptors must not end the process: those who wait are taken when there are some again.
          server.on('error', error => parts.broken(error, null))
          const address = server.address()
          resolve({
            host: options.host,
            port: typeof address === 'object' && address !== null ? address.port : options.port,
          })
        })
      })
    },
    recall() {
      let moved = 0
      for (const placement of waiting.all()) if (placement.recall()) moved++
      endRolledBack([...tunnels, ...streams])
      return moved
    },
    inFlight: () => busy() + tunnels.size,
    isStrained: () => strain >= SHED_SHADOWS,
    renew: certificate => entrance.renew(certificate),
    beginDrain() {
      draining = true
    },
    refuseWaiting() {
      draining = true
      for (const connection of connections) connection.refuseWaiting()
    },
    close(deadlineMs) {
      draining = true
      return new Promise(resolve => {
        let cut = 0
        let listening = true
        const late = setTimeout(() => closeIdle(true), Math.min(LATE_MS, deadlineMs))
        const deadline = setTimeout(() => {
          cut = busy() + tunnels.size
          for (const tunnel of tunnels) tunnel.cut()
          for (const connection of [...connections]) connection.destroy()
          entrance.destroyEntering()
        }, deadlineMs)
        closed = () => {
          if (listening) return
          closed = null
          clearTimeout(late)
          clearTimeout(deadline)
          clearInterval(timer)
          resolve(cut)
        }
        const { tunnels: ending } = parts.current().plan.drain
        if (ending !== null) {
          const overMs = ending === 'all' ? deadlineMs : Math.min(ending, deadlineMs)
          const now = parts.clock.monotonic()
          spread.schedule([...tunnels, ...streams], overMs, now)
          overAt = now + overMs
        }
        closeIdle(false)
        // Whoever the kernel has greeted already would be reset: they are taken in first.
        takeIn(QUIET_TURNS, MOST_TURNS, () => {
          server.close()
          listening = false
          checkClosed()
        })
      })
    },
  }
}
