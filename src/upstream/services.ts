// Services by backend and role. They outlive snapshots; after a swap, those that nobody names any more finish their work
// and close.
//
// What is shared, and by whom: names are resolved once for all; probes of one address too. A *site* (addresses, connections,
// circuit, retry budget) belongs to all backends that differ only in how their requests are made; the connections in it to
// one role each, so that a shadow can never take a primary's socket. The *gate* belongs to the name: a route that changes a
// timeout of a backend has no capacity of its own.
import type { FailureKind } from '../model/exchange.ts'
import type { Backend, Role } from '../model/route.ts'
import type { Clock, EpochMs } from '../model/units.ts'
import { BackendService } from './backend-service.ts'
import { Circuit } from './circuit.ts'
import type { Connect, PeerTls } from './connect.ts'
import { Gate } from './gate.ts'
import { createProbers } from './prober.ts'
import { createResolver, type Lookup } from './resolver.ts'
import { RetryBudget } from './retry-budget.ts'
import type { Service } from './service.ts'
import { Site } from './site.ts'

const SWEEP_MS = 1_000

export interface ServicesParts {
  readonly clock: Clock
  /** 0 ≤ … < 1. */
  readonly chance: () => number
  readonly lookup: Lookup
  /** The one way to an address: for all roles, and for probes. */
  readonly connect: Connect
  /** Makes the cookies of `balance: cookie` say nothing about addresses; the same wherever they are to be understood. */
  readonly secret: string
}

/** One address, as people look at it. */
export interface AddressState {
  readonly backend: string
  readonly origin: string
  /** `host:port`. */
  readonly address: string
  readonly healthy: boolean
  /** Why it is not. */
  readonly why: 'probes' | 'failures' | 'untried' | null
  readonly inFlight: number
  readonly connections: number
  /** Requests that wait for one of them: all are in use. */
  readonly waiting: number
  /** 0 to 1, below 1 while it starts slowly. */
  readonly share: number
  readonly lastFailure: { readonly kind: FailureKind; readonly at: EpochMs } | null
  /** What it showed at the last connection; null: none yet, or no TLS. */
  readonly tls: PeerTls | null
}

/** One backend, as people look at it. */
export interface BackendState {
  readonly backend: string
  /** Under way and waiting; null: it has no limit. */
  readonly gate: { readonly limit: number; readonly inside: number; readonly waiting: number } | null
  /** null: it has none. */
  readonly circuit: 'closed' | 'open' | null
}

export interface Services {
  of(backend: Backend, role: Role): Service
  /**
   * Begins with those in the list, so that names are known and addresses probed before the first request; then closes
   * gracefully everything whose backend is not in it. In this order, because probes of one address are one as long as
   * anybody has them: one that is out is not asked by users again only because another was added.
   */
  retain(backends: Iterable<Backend>): void
  states(): AddressState[]
  backends(): BackendState[]
  /** Does what is due. A timer of ours calls it each second. */
  sweep(): void
  /** Ends everything at once. */
  destroy(): void
}

interface Shared {
  readonly site: Site
  readonly gate: Gate | null
  readonly circuit: Circuit | null
  readonly budget: RetryBudget
  readonly services: Map<Role, BackendService>
}

export function createServices({ clock, chance, lookup, connect, secret }: ServicesParts): Services {
  const resolver = createResolver(lookup, clock)
  const probers = createProbers(chance, connect)
  const shared = new Map<string, Shared>()
  const gates = new Map<string, Gate>()
  /** Not named any more, and not yet at the end of their work. */
  let closing: readonly Shared[] = []
  // A frozen Backend is met again and again: what it has is found once.
  const found = new WeakMap<Backend, Shared>()
  const timer = setInterval(sweep, SWEEP_MS)
  timer.unref()

  function sweep(): void {
    resolver.sweep()
    for (const { site } of shared.values()) site.sweep()
    for (const { site } of closing) site.sweep()
    if (closing.length > 0) closing = closing.filter(({ site }) => !site.isDrained)
  }

  function gateOf(backend: Backend): Gate | null {
    const { maxConcurrent, queue } = backend
    if (maxConcurrent === null) return null
    const key = gateKey(backend)
    let gate = gates.get(key)
    if (gate === undefined) {
      gate = new Gate(maxConcurrent, queue, clock, (run, afterMs) => setTimeout(run, afterMs).unref())
      gates.set(key, gate)
    }
    return gate
  }

  function sharedOf(backend: Backend): Shared {
    const known = found.get(backend)
    if (known !== undefined) return known
    const key = siteKey(backend)
    let one = shared.get(key)
    if (one === undefined) {
      const site = new Site(backend, { resolver, probers, connect, clock, chance, secret })
      const circuit = backend.circuit === null ? null : new Circuit(backend.circuit, clock)
      const budget = new RetryBudget(backend.retry.budgetPercent)
      one = { site, gate: gateOf(backend), circuit, budget, services: new Map() }
      shared.set(key, one)
    }
    found.set(backend, one)
    return one
  }

  function of(backend: Backend, role: Role): Service {
    const one = sharedOf(backend)
    let service = one.services.get(role)
    if (service === undefined) {
      const { site, gate, budget } = one
      const circuit = role === 'primary' ? one.circuit : null
      service = new BackendService({ role, site, gate, circuit, budget })
      one.services.set(role, service)
      if (role === 'primary') site.beginProbes()
    }
    return service
  }

  return {
    of,
    retain(backends) {
      const sites = new Set<string>()
      const limits = new Set<string>()
      for (const backend of backends) {
        sites.add(siteKey(backend))
        limits.add(gateKey(backend))
        // It was gone and is back.
        if (found.get(backend)?.site.isClosed === true) found.delete(backend)
        of(backend, 'primary')
      }
      for (const [key, one] of shared) {
        if (sites.has(key)) continue
        shared.delete(key)
        one.site.close()
        closing = [...closing, one]
      }
      for (const key of gates.keys()) if (!limits.has(key)) gates.delete(key)
    },
    states: () => [...shared.values()].flatMap(({ site }) => statesOf(site, clock)),
    backends: () =>
      [...shared.values()].map(({ site, gate, circuit }) => ({
        backend: site.backend.name,
        gate: gate === null ? null : { limit: gate.limit, inside: gate.inside, waiting: gate.waiting },
        circuit: circuit === null ? null : circuit.isClosed ? 'closed' : 'open',
      })),
    sweep,
    destroy() {
      clearInterval(timer)
      for (const { site } of [...shared.values(), ...closing]) site.destroy()
      probers.destroy()
    },
  }
}

function statesOf(site: Site, clock: Clock): AddressState[] {
  return site.addresses.map(address => ({
    backend: site.backend.name,
    origin: address.origin,
    address: address.name,
    healthy: address.isGood,
    why: whyBad(address),
    inFlight: address.inFlight,
    connections: address.connections,
    waiting: address.waiting,
    share: address.share(clock.monotonic()),
    lastFailure: address.lastFailure,
    tls: address.tls,
  }))
}

function whyBad({ standing, isGood }: Site['addresses'][number]): AddressState['why'] {
  if (isGood) return null
  if (standing.opinion === 'good') return 'probes'
  return standing.opinion === 'untried' ? 'untried' : 'failures'
}

function gateKey({ name, origins, maxConcurrent, queue }: Backend): string {
  return JSON.stringify([name, origins, maxConcurrent, queue])
}

/** Everything but what only concerns single requests: their head, their body, how long their answer may take. */
function siteKey(backend: Backend): string {
  const { host, timeouts, connections, tls, balance, health, slowStartMs, circuit, retry, wire } = backend
  const pooled = [timeouts.connectMs, connections, tls, wire.reuse, wire.version]
  const judged = [balance, health, health === null ? null : host, slowStartMs, circuit, retry.budgetPercent]
  return JSON.stringify([gateKey(backend), pooled, judged])
}
