// One address of a backend: its connections, what is under way, and what is thought of it.
import type { FailureKind } from '../model/exchange.ts'
import type { Backend, Role } from '../model/route.ts'
import type { Clock, EpochMs, Milliseconds } from '../model/units.ts'
import { type Candidate, shareOf } from './balance.ts'
import { type Connect, type PeerTls, peerTlsOf, type Target } from './connect.ts'
import { Pool } from './pool.ts'
import type { Probed } from './prober.ts'
import type { Standing } from './standing.ts'

export interface LastFailure {
  readonly kind: FailureKind
  readonly at: EpochMs
}

export class Address implements Candidate {
  readonly name: string
  readonly origin: string
  readonly target: Target
  /** What a client's cookie says. */
  readonly stick: string
  readonly standing: Standing
  inFlight = 0
  lastFailure: LastFailure | null = null
  /** At the last connection; null: none yet, or no TLS. */
  tls: PeerTls | null = null
  /** null: no probes. */
  probed: Probed | null = null
  /** Since when its share grows; null: it is full. */
  growsSince: Milliseconds | null = null
  readonly #backend: Backend
  readonly #clock: Clock
  readonly #connect: Connect
  #primary: Pool | null = null
  #shadow: Pool | null = null
  #relay: Pool | null = null
  #isClosing = false

  constructor(
    backend: Backend,
    { origin, target, stick }: Pick<Address, 'origin' | 'target' | 'stick'>,
    clock: Clock,
    standing: Standing,
    connect: Connect,
  ) {
    this.#backend = backend
    this.#clock = clock
    this.#connect = connect
    this.origin = origin
    this.target = target
    this.name = nameOf(target)
    this.stick = stick
    this.standing = standing
  }

  get isGood(): boolean {
    return this.standing.opinion === 'good' && (this.probed === null || this.probed.isWell)
  }

  get connections(): number {
    return (this.#primary?.size ?? 0) + (this.#shadow?.size ?? 0) + (this.#relay?.size ?? 0)
  }

  /** Requests that wait for one of its connections. */
  get waiting(): number {
    return (this.#primary?.waiting ?? 0) + (this.#shadow?.waiting ?? 0) + (this.#relay?.waiting ?? 0)
  }

  share(now: Milliseconds): number {
    return shareOf(this.growsSince, this.#backend.slowStartMs, now)
  }

  pool(role: Role): Pool {
    switch (role) {
      case 'primary':
        this.#primary ??= this.#open()
        return this.#primary
      case 'shadow':
        this.#shadow ??= this.#open(true)
        return this.#shadow
      case 'relay':
        this.#relay ??= this.#open()
        return this.#relay
    }
  }

  sweep(): void {
    this.#primary?.sweep()
    this.#shadow?.sweep()
    this.#relay?.sweep()
  }

  /** No new users; what is under way ends as it will. */
  close(): void {
    this.#isClosing = true
    this.probed?.close()
    this.probed = null
    this.#primary?.close()
    this.#shadow?.close()
    this.#relay?.close()
  }

  destroy(): void {
    this.close()
    this.#primary?.destroy()
    this.#shadow?.destroy()
    this.#relay?.destroy()
  }

  #open(isPatient = false): Pool {
    const { connections, wire, timeouts } = this.#backend
    const pool = new Pool({
      connections,
      reuse: wire.reuse && wire.version === '1.1',
      connectMs: timeouts.connectMs,
      isPatient,
      clock: this.#clock,
      connect: opened =>
        this.#connect(this.target, socket => {
          this.tls = peerTlsOf(socket)
          opened(socket)
        }),
    })
    // A request of an old snapshot may still come; it gets a connection, but none is kept.
    if (this.#isClosing) pool.close()
    return pool
  }
}

export function nameOf({ host, port }: Target): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
