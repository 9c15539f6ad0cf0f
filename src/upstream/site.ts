// The addresses of one backend: found, kept up to date, judged, chosen among. All roles share it.
//
// - An origin with an IP literal is one address. A name is resolved by us; each of its addresses stands for itself, and
//   those that vanish from the answer end their work and close.
// - A name's several addresses need not all take connections (`localhost`, IPv6 that leads nowhere). So each is tried with a
//   connection of our own before a client's request is; the first that opens is enough to begin.
// - With one address there is nothing to choose, and nothing is judged.
// - When all addresses are bad, all are used: a probe that fails is no reason to fail requests that would not.
import { createHmac } from 'node:crypto'
import { isIP } from 'node:net'
import type { Backend, Role } from '../model/route.ts'
import type { Clock, Milliseconds } from '../model/units.ts'
import { Address, nameOf } from './address.ts'
import { Balancer } from './balance.ts'
import type { Connect, Target } from './connect.ts'
import { probe } from './probe.ts'
import type { Probers } from './prober.ts'
import type { Resolver, Watch } from './resolver.ts'
import type { Outcome } from './service.ts'
import { Standing } from './standing.ts'

/** For the first address, where connecting has no limit of its own. */
const PATIENCE_MS = 30_000

export interface SiteParts {
  readonly resolver: Resolver
  readonly probers: Probers
  readonly connect: Connect
  readonly clock: Clock
  /** 0 ≤ … < 1. */
  readonly chance: () => number
  /** Makes the names of addresses in cookies say nothing; the same wherever cookies are to be understood. */
  readonly secret: string
}

interface Origin {
  readonly text: string
  readonly authority: string
  readonly host: string
  /** null: the host is an address. */
  watch: Watch | null
}

/** Told once: null, or why no address is known. */
type Known = (failure: string | null) => void

export class Site {
  readonly backend: Backend
  readonly #parts: SiteParts
  readonly #balancer: Balancer
  readonly #origins: readonly Origin[]
  readonly #waiting = new Set<Known>()
  #addresses: readonly Address[] = []
  #good: readonly Address[] = []
  /** Vanished, and not yet without connections. */
  #leaving: readonly Address[] = []
  /** Some address's share still grows. */
  #isGrowing = false
  #isProbed = false
  #isClosed = false
  #isWatching = true
  /** Before it nobody is new: everybody is. */
  readonly #newSince: Milliseconds

  constructor(backend: Backend, parts: SiteParts) {
    this.backend = backend
    this.#parts = parts
    this.#newSince = parts.clock.monotonic() + backend.slowStartMs
    this.#balancer = new Balancer(backend.balance.kind === 'round' ? 'round' : 'least', parts.chance)
    this.#origins = backend.origins.map(originOf)
    for (const origin of this.#origins) {
      if (isIP(origin.host) === 0) origin.watch = parts.resolver.watch(origin.host, this.#update)
    }
    this.#update()
  }

  get addresses(): readonly Address[] {
    return this.#addresses
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Nothing is left that would need us. */
  get isDrained(): boolean {
    return this.#isClosed && this.#leaving.length === 0 && this.#waiting.size === 0
  }

  /** null: none is known yet; see `whenKnown`. */
  choose(stick: string | null, avoid: string | null): Address | null {
    const from = this.#good.length > 0 ? this.#good : this.#addresses
    if (from.length === 1 && this.#good.length === 1) return from[0] as Address
    if (!this.#isKnown) return null
    if (stick !== null && this.backend.balance.kind === 'cookie') {
      const own = from.find(address => address.stick === stick)
      if (own !== undefined && own.name !== avoid) return own
    }
    return this.#balancer.choose(from, avoid, this.#isGrowing ? this.#parts.clock.monotonic() : null)
  }

  /** Calls back when `choose` will find one, or when it is clear that it will not; at once where it is. Returns how to stop. */
  whenKnown(known: Known): () => void {
    for (const { watch } of this.#origins) watch?.refresh()
    if (this.#isSettled) {
      known(this.#isKnown ? null : this.#whyNone())
      return () => {}
    }
    const waitMs = this.backend.timeouts.connectMs ?? PATIENCE_MS
    const timer = setTimeout(() => {
      this.#waiting.delete(told)
      known(`its name was not resolved within ${waitMs} ms`)
    }, waitMs)
    const told: Known = failure => {
      clearTimeout(timer)
      known(failure)
    }
    this.#waiting.add(told)
    return () => {
      clearTimeout(timer)
      this.#waiting.delete(told)
    }
  }

  told(address: Address, outcome: Outcome, role: Role): void {
    if (outcome.kind === 'given-up') return
    const { standing } = address
    if (outcome.kind === 'answer') {
      if (standing.isSpotless) return
      standing.answered()
      this.#judge()
      return
    }
    if (outcome.stale === true) return
    const { clock } = this.#parts
    address.lastFailure = { kind: outcome.failure, at: clock.now() }
    const what = whatFailed(outcome)
    if (what === null) return
    if (what === 'connecting') this.#originsOf(address)?.watch?.refresh()
    // A shadow has limits of its own; what it could not wait for, users perhaps can.
    if (this.#addresses.length < 2 || (role === 'shadow' && what === 'answering')) return
    standing.failed(what, clock.monotonic())
    this.#judge()
  }

  /** Probes are for those who serve users. */
  beginProbes(): void {
    if (this.#isProbed || this.backend.health === null || this.#isClosed) return
    this.#isProbed = true
    for (const address of this.#addresses) this.#beginProbe(address)
    // Another backend may have had them probed already.
    this.#judge()
  }

  sweep(): void {
    const now = this.#parts.clock.monotonic()
    for (const address of this.#addresses) {
      address.sweep()
      if (!this.#isClosed && address.standing.isProofDue(now)) this.#prove(address)
    }
    if (this.#isClosed && this.#waiting.size === 0) this.#unwatch()
    if (this.#isGrowing) this.#isGrowing = this.#addresses.some(address => address.share(now) < 1)
    if (this.#leaving.length === 0) return
    for (const address of this.#leaving) address.sweep()
    this.#leaving = this.#leaving.filter(address => address.inFlight > 0 || address.connections > 0)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    // Whoever waits for a name has it coming: a reload loses no request.
    if (this.#waiting.size === 0) this.#unwatch()
    for (const address of this.#addresses) address.close()
    // Requests of an old snapshot may still come: the addresses stay known.
    this.#leaving = [...this.#leaving, ...this.#addresses]
  }

  destroy(): void {
    this.close()
    this.#unwatch()
    this.#release('the proxy has ended')
    for (const address of this.#leaving) address.destroy()
  }

  // ---- which addresses there are

  #unwatch(): void {
    if (!this.#isWatching) return
    this.#isWatching = false
    for (const { watch } of this.#origins) watch?.close()
  }

  #update = (): void => {
    if (!this.#isWatching) return
    const { clock } = this.#parts
    const before = new Map(this.#addresses.map(address => [address.name, address]))
    const now = new Map<string, Address>()
    for (const origin of this.#origins) {
      const hosts = origin.watch === null ? [origin.host] : origin.watch.addresses
      for (const host of hosts) {
        const target = targetOf(origin.text, this.backend, host)
        const name = nameOf(target)
        // Two names may lead to one address.
        if (now.has(name)) continue
        const isSure = hosts.length === 1 || origin.watch === null
        now.set(name, before.get(name) ?? this.#create(origin, target, isSure))
      }
    }
    this.#addresses = [...now.values()]
    if (this.#isClosed) {
      for (const address of this.#addresses) address.close()
      this.#leaving = [...new Set([...this.#leaving, ...this.#addresses])]
    }
    for (const [name, address] of before) {
      if (now.has(name)) continue
      address.close()
      this.#leaving = [...new Set([...this.#leaving, address])]
    }
    this.#judge()
    for (const address of this.#addresses) {
      if (address.standing.isProofDue(clock.monotonic())) this.#prove(address)
    }
  }

  #create(origin: Origin, target: Target, isSure: boolean): Address {
    const text = `${this.backend.name} ${nameOf(target)}`
    const stick = createHmac('sha256', this.#parts.secret).update(text).digest('base64url').slice(0, 10)
    const standing = new Standing(isSure ? 'good' : 'untried')
    const { clock, connect } = this.#parts
    const address = new Address(this.backend, { origin: origin.text, target, stick }, clock, standing, connect)
    if (this.#isProbed && !this.#isClosed) this.#beginProbe(address)
    return address
  }

  /** At least one address has turned out to be one, or all have been tried. */
  get #isKnown(): boolean {
    if (this.#good.length > 0) return true
    return this.#addresses.length > 0 && this.#addresses.every(address => address.standing.opinion !== 'untried')
  }

  get #isSettled(): boolean {
    return (
      this.#isKnown || (this.#addresses.length === 0 && this.#origins.every(({ watch }) => watch?.isAsking !== true))
    )
  }

  #whyNone(): string {
    const error = this.#origins.find(({ watch }) => typeof watch?.error === 'string')?.watch?.error ?? 'ENODATA'
    return `its name could not be resolved (${error})`
  }

  #originsOf(address: Address): Origin | undefined {
    return this.#origins.find(({ text }) => text === address.origin)
  }

  // ---- what is thought of them

  #judge = (): void => {
    const good = this.#addresses.filter(address => address.isGood)
    const now = this.#parts.clock.monotonic()
    if (this.backend.slowStartMs > 0 && now > this.#newSince) {
      for (const address of good) {
        if (this.#good.includes(address)) continue
        address.growsSince = now
        this.#isGrowing = true
      }
    }
    this.#good = good
    if (this.#waiting.size > 0 && this.#isSettled) this.#release(this.#isKnown ? null : this.#whyNone())
  }

  #release(failure: string | null): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const known of waiting) known(failure)
  }

  #prove(address: Address): void {
    const { standing, target } = address
    const { clock, connect } = this.#parts
    standing.proofBegins()
    probe(connect, target, null, this.backend.timeouts.connectMs ?? PATIENCE_MS, ok => {
      standing.proved(ok, clock.monotonic())
      if (this.#isWatching) this.#judge()
    })
  }

  #beginProbe(address: Address): void {
    const { health } = this.backend
    const origin = this.#originsOf(address)
    if (health === null || origin === undefined) return
    address.probed = this.#parts.probers.watch(this.backend, health, address.target, origin.authority, this.#judge)
  }
}

/** null: the address is not to blame. */
function whatFailed({ failure, phase }: Outcome & { kind: 'failure' }): 'connecting' | 'answering' | null {
  if (phase === 'connect' || failure === 'connect' || failure === 'tls') return 'connecting'
  return failure === 'timeout' || failure === 'reset' ? 'answering' : null
}

function originOf(text: string): Origin {
  const { host: authority, hostname } = new URL(text)
  return { text, authority, host: hostname.replace(/^\[|\]$/g, ''), watch: null }
}

/** `host` is an address of the origin's. */
export function targetOf(origin: string, backend: Backend, host: string): Target {
  const url = new URL(origin)
  const isSecure = url.protocol === 'https:'
  return {
    host,
    port: Number(url.port) || (isSecure ? 443 : 80),
    tls: isSecure
      ? { servername: backend.tls.servername ?? url.hostname.replace(/^\[|\]$/g, ''), policy: backend.tls }
      : null,
  }
}
