// The data listener: takes connections, says who is at the other end, keeps time for all of them, sheds what is too much,
// and drains.
//
// It is our own HTTP/1.1 on node:net (docs/decisions/010): a proxy has to see every byte of a head, and to decide its framing.
import { createServer, type Server, type Socket } from 'node:net'
import type { Milliseconds } from '../model/units.ts'
import { peerOf } from './client.ts'
import { ClientConnection, type Listener } from './connection.ts'
import type { ProxyParts } from './parts.ts'
import type { Waiting } from './placement.ts'
import { awaitProxyHeader } from './proxy-header.ts'
import { problem, problemAnswer, UNKNOWN_ASK } from './respond.ts'
import { createTlsDoor, type TlsDoor } from './tls-door.ts'
import type { Tunnel } from './tunnel.ts'

const TICK_MS = 500
/** Of the limit of connections, and of the heap. */
const SHED_SHADOWS = 0.85
const SHED_KEEP_ALIVE = 0.92
const SHED_REQUESTS = 0.97
/** Connections beyond the limit that are told so; the others are closed without a word. */
const MOST_TOLD = 256
/** Who connected and said nothing may still ask for so long after we stopped listening. */
const LATE_MS = 1_000
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
  /** After a swap: certificates may be new. */
  swapped(): void
  /** From now on answers close their connections. */
  beginDrain(): void
  /** Stops listening, lets in-flight work end, cuts what is left at the deadline. Returns how many were cut. */
  close(deadlineMs: Milliseconds): Promise<number>
}

export function createProxyServer(parts: ProxyParts, options: ListenerOptions): ProxyServer {
  const waiting: Waiting = new Set()
  const tunnels = new Set<Tunnel>()
  const connections = new Set<ClientConnection>()
  /** Not said who they are yet. */
  const entering = new Set<Socket>()
  const perAddress = new Map<string, number>()
  let draining = false
  let strain = 0
  let told = 0
  let entered = 0
  let closed: (() => void) | null = null
  let tlsDoor: TlsDoor | null = null

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
    tunnelled: tunnel => tunnels.add(tunnel),
    tunnelOver(tunnel) {
      tunnels.delete(tunnel)
      checkClosed()
    },
    gone(connection) {
      if (!connections.delete(connection)) return
      const left = (perAddress.get(connection.address) ?? 1) - 1
      if (left === 0) perAddress.delete(connection.address)
      else perAddress.set(connection.address, left)
      checkClosed()
    },
  }

  let heap = 0
  const timer = setInterval(() => {
    heap = options.heapShare()
    const { connections: most } = parts.current().plan.limits
    strain = Math.max(heap, connections.size / most)
    const now = parts.clock.monotonic()
    for (const connection of connections) connection.tick(now)
  }, TICK_MS)
  timer.unref()

  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, enter)

  /** Whoever connects: a PROXY header first, where one is due, then TLS, then HTTP. */
  function enter(socket: Socket): void {
    const { plan } = parts.current()
    entered++
    socket.on('error', ignore)
    const speaks =
      plan.proxyProtocol && plan.clientIp.from.contains(peerOf(socket.remoteAddress ?? '', 0, false).address)
    if (!speaks) {
      secure(socket, socket.remoteAddress ?? '', socket.localPort ?? 0)
      return
    }
    entering.add(socket)
    socket.once('close', () => {
      entering.delete(socket)
      checkClosed()
    })
    awaitProxyHeader(socket, plan.timeouts.requestHeadMs, from => {
      entering.delete(socket)
      secure(socket, from.address ?? socket.remoteAddress ?? '', from.port ?? socket.localPort ?? 0)
    })
  }

  function secure(socket: Socket, address: string, port: number): void {
    if (tlsDoor === null) admit(socket, address, port, false)
    else tlsDoor.shake(socket, parts.current().plan.timeouts.requestHeadMs, clear => admit(clear, address, port, true))
  }

  function admit(socket: Socket, address: string, port: number, tls: boolean): void {
    const { limits } = parts.current().plan
    const peer = peerOf(address, port, tls)
    const own = perAddress.get(peer.address) ?? 0
    if (connections.size >= limits.connections || (limits.perAddress !== null && own >= limits.perAddress)) {
      turnAway(socket)
      return
    }
    perAddress.set(peer.address, own + 1)
    connections.add(new ClientConnection(listener, socket, peer))
  }

  function turnAway(socket: Socket): void {
    parts.note({ kind: 'shed', what: 'connection' })
    if (told >= MOST_TOLD) {
      socket.destroy()
      return
    }
    told++
    socket.once('close', () => told--)
    socket.end(
      problemAnswer(
        problem('overloaded', 'there are more connections than are allowed', null),
        UNKNOWN_ASK,
        null,
        true,
      ),
      'latin1',
    )
    socket.resume()
    setTimeout(() => socket.destroy(), 1_000).unref()
  }

  function checkClosed(): void {
    if (closed !== null && connections.size === 0 && tunnels.size === 0 && entering.size === 0) closed()
  }

  function takeIn(quiet: number, most: number, then: () => void): void {
    const before = entered
    if (quiet === 0 || most === 0) then()
    else setImmediate(() => takeIn(entered === before ? quiet - 1 : QUIET_TURNS, most - 1, then))
  }

  /** Whoever waits for nothing goes now; who has just come may ask once. */
  function closeIdle(late: boolean): void {
    for (const connection of connections) if (!connection.isBusy && (late || !connection.isSilent)) connection.destroy()
  }

  function busy(): number {
    let count = 0
    for (const connection of connections) if (connection.isBusy) count++
    return count
  }

  return {
    listen() {
      const { tls } = parts.current().plan
      if (tls !== null) tlsDoor = createTlsDoor(tls)
      return new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host: options.host, port: options.port, backlog: 1024 }, () => {
          server.off('error', reject)
          // Running out of descriptors must not end the process: those who wait are taken when there are some again.
          server.on('error', error => parts.broken(error))
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
      for (const placement of [...waiting]) if (placement.recall()) moved++
      return moved
    },
    inFlight: () => busy() + tunnels.size,
    isStrained: () => strain >= SHED_SHADOWS,
    swapped() {
      const { tls } = parts.current().plan
      if (tls !== null) tlsDoor?.renew(tls)
    },
    beginDrain() {
      draining = true
    },
    close(deadlineMs) {
      draining = true
      return new Promise(resolve => {
        let cut = 0
        let listening = true
        const late = setTimeout(() => closeIdle(true), Math.min(LATE_MS, deadlineMs))
        const deadline = setTimeout(() => {
          cut = busy() + tunnels.size
          for (const tunnel of tunnels) tunnel.destroy()
          for (const connection of [...connections]) connection.destroy()
          for (const socket of [...entering]) socket.destroy()
        }, deadlineMs)
        closed = () => {
          if (listening) return
          closed = null
          clearTimeout(late)
          clearTimeout(deadline)
          clearInterval(timer)
          resolve(cut)
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

function ignore(): void {}
