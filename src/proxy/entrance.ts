// The way in: a PROXY header where one is due, then the limits of connections, then TLS. Who is too much is told so, if that can
// be done, and goes.
import type { Socket } from 'node:net'
import { type Peer, peerOf } from './client.ts'
import type { ProxyParts } from './parts.ts'
import { awaitProxyHeader } from './proxy-header.ts'

import { type Problem, problem, problemAnswer, UNKNOWN_ASK } from './respond.ts'
import { type Certificate, createTlsDoor, type TlsDoor } from './tls-door.ts'

/** Connections beyond the limit that are told so; the others are closed without a word. */
const MOST_TOLD = 256
/** They have so long to shake hands, and then to read it. */
const TOLD_MS = 1_000
const SPEAKS_TLS = 'this port speaks TLS: ask it with https'

export interface EntranceParts extends Pick<ProxyParts, 'current' | 'note'> {
  admitted(clear: Socket, peer: Peer): void
  /** One less is on the way in. */
  left(): void
}

export class Entrance {
  readonly #parts: EntranceParts
  readonly #entering = new Set<Socket>()
  /** Open connections of each address: those that shake hands and tunnels are some too. */
  readonly #perAddress = new Map<string, number>()
  #tlsDoor: TlsDoor | null = null
  #taken = 0
  #told = 0

  constructor(parts: EntranceParts) {
    this.#parts = parts
  }

  /** Connections that count towards the limit. */
  get taken(): number {
    return this.#taken
  }

  /** On their way in. */
  get entering(): number {
    return this.#entering.size
  }

  secure(certificate: Certificate): void {
    this.#tlsDoor = createTlsDoor(certificate, socket => {
      this.#parts.note({ kind: 'no-entry', what: 'plain-http', peer: socket.remoteAddress ?? '', why: SPEAKS_TLS })
      tell(socket, problem('bad_request', SPEAKS_TLS, null))
    })
  }

  renew(certificate: Certificate): void {
    this.#tlsDoor?.renew(certificate)
  }

  destroyEntering(): void {
    for (const socket of [...this.#entering]) socket.destroy()
  }

  enter(socket: Socket): void {
    const { clientIp, limits, proxyProtocol, timeouts } = this.#parts.current().plan
    socket.on('error', ignore)
    const own = socket.remoteAddress ?? ''
    if (!proxyProtocol || !clientIp.from.contains(peerOf(own, 0, false).address)) {
      this.#admit(socket, peerOf(own, socket.localPort ?? 0, this.#tlsDoor !== null))
    } else if (this.#entering.size >= limits.connections) {
      this.#parts.note({ kind: 'shed', what: 'connection' })
      socket.destroy()
    } else {
      this.#holds(socket)
      awaitProxyHeader(
        socket,
        timeouts.requestHeadMs,
        ({ address, port }) => {
          this.#entering.delete(socket)
          const tls = this.#tlsDoor !== null
          this.#admit(socket, peerOf(address ?? own, port ?? socket.localPort ?? 0, tls, address !== null))
        },
        why => this.#parts.note({ kind: 'no-entry', what: 'proxy-header', peer: peerOf(own, 0, false).address, why }),
      )
    }
  }

  #holds(socket: Socket): void {
    this.#entering.add(socket)
    socket.once('close', () => {
      this.#entering.delete(socket)
      this.#parts.left()
    })
  }

  #admit(socket: Socket, peer: Peer): void {
    const { limits, timeouts } = this.#parts.current().plan
    const own = this.#perAddress.get(peer.address) ?? 0
    if (this.#taken >= limits.connections || (limits.perAddress !== null && own >= limits.perAddress)) {
      this.#turnAway(socket)
      return
    }
    this.#taken++
    this.#perAddress.set(peer.address, own + 1)
    socket.once('close', () => this.#release(peer.address))
    this.#clear(socket, timeouts.requestHeadMs, clear => this.#parts.admitted(clear, peer))
  }

  #release(address: string): void {
    this.#taken--
    const left = (this.#perAddress.get(address) ?? 1) - 1
    if (left === 0) this.#perAddress.delete(address)
    else this.#perAddress.set(address, left)
  }

  #clear(socket: Socket, withinMs: number, then: (clear: Socket) => void): void {
    if (this.#tlsDoor === null) {
      then(socket)
      return
    }
    this.#holds(socket)
    this.#tlsDoor.shake(socket, withinMs, clear => {
      this.#entering.delete(socket)
      then(clear)
    })
  }

  #turnAway(socket: Socket): void {
    this.#parts.note({ kind: 'shed', what: 'connection' })
    if (this.#told >= MOST_TOLD) {
      socket.destroy()
      return
    }
    this.#told++
    socket.once('close', () => this.#told--)
    this.#clear(socket, TOLD_MS, clear =>
      tell(clear, problem('overloaded', 'there are more connections than are allowed', null)),
    )
  }
}

/** The last word on a connection that nobody serves. */
function tell(socket: Socket, why: Problem): void {
  socket.on('error', ignore)
  socket.end(problemAnswer(why, UNKNOWN_ASK, null, true), 'latin1')
  socket.resume()
  setTimeout(() => socket.destroy(), TOLD_MS).unref()
}

function ignore(): void {}
