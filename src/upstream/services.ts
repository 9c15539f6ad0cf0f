// Services by backend and role, so that a shadow can never take a primary's socket. They outlive snapshots; after a swap,
// those that nobody names any more finish their work and close.
import type { Backend, Role } from '../model/route.ts'
import type { Clock } from '../model/units.ts'
import { connectTo, type Target } from './connect.ts'
import { Pool } from './pool.ts'
import type { Entrant, Service } from './service.ts'

const SWEEP_MS = 1_000

export interface Services {
  of(backend: Backend, role: Role): Service
  /** Closes gracefully every service whose backend is not in the list. */
  retain(backends: Iterable<Backend>): void
  /** Ends everything at once. */
  destroy(): void
}

export function createServices(clock: Clock): Services {
  const services = new Map<string, Service>()
  // A frozen Backend is met again and again: its service is found once.
  const found = new WeakMap<Backend, Map<Role, Service>>()
  const timer = setInterval(() => {
    for (const service of services.values()) service.sweep()
  }, SWEEP_MS)
  timer.unref()

  const keyOf = (backend: Backend, role: Role) =>
    JSON.stringify([role, backend], (_, value) => (value instanceof Set ? [...value] : value))

  return {
    of(backend, role) {
      let roles = found.get(backend)
      if (roles === undefined) {
        roles = new Map()
        found.set(backend, roles)
      }
      let service = roles.get(role)
      if (service === undefined) {
        const key = keyOf(backend, role)
        service = services.get(key) ?? createService(backend, clock)
        services.set(key, service)
        roles.set(role, service)
      }
      return service
    },
    retain(backends) {
      const wanted = new Set<string>()
      for (const backend of backends) {
        for (const role of ['primary', 'shadow', 'relay'] as const) wanted.add(keyOf(backend, role))
      }
      for (const [key, service] of services) {
        if (wanted.has(key)) continue
        services.delete(key)
        service.close()
      }
    },
    destroy() {
      clearInterval(timer)
      for (const service of services.values()) service.destroy()
    },
  }
}

function createService(backend: Backend, clock: Clock): Service {
  const origin = backend.origins[0] as string
  const target = targetOf(origin, backend)
  const pool = new Pool({
    connections: backend.connections,
    reuse: backend.wire.reuse && backend.wire.version === '1.1',
    connectMs: backend.timeouts.connectMs,
    clock,
    connect: opened => connectTo(target, opened),
  })
  return {
    enter(entrant: Entrant) {
      entrant.admitted({ address: origin, pool, over() {} })
      return () => {}
    },
    isOpen: false,
    sweep: () => pool.sweep(),
    close: () => pool.close(),
    destroy: () => pool.destroy(),
  }
}

export function targetOf(origin: string, backend: Backend): Target {
  const url = new URL(origin)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const secure = url.protocol === 'https:'
  return {
    host,
    port: Number(url.port) || (secure ? 443 : 80),
    tls: secure ? { servername: backend.tls.servername ?? host, policy: backend.tls } : null,
  }
}
