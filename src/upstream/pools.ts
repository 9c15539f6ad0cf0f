// Connections to backends: one undici pool per backend and role, so that a shadow can never take a primary's socket.
// Pools outlive snapshots; after a swap, those that nobody names any more finish their work and close.
import { buildConnector, Pool } from 'undici'
import type { Backend, Role } from '../model/route.ts'

/** Idle sockets are closed after this long unless the backend announces less: below the 5 s of Node and Apache. */
const IDLE_MS = 4_000
/** Largest head of an answer; above it the backend's answer is a protocol failure. */
const HEAD_BYTES = 64 * 1024

export interface Pools {
  of(backend: Backend, role: Role): Pool
  /** Closes gracefully every pool whose backend is not in the list. */
  retain(backends: Iterable<Backend>): void
  /** Waits for what is in flight. */
  close(): Promise<void>
  /** Ends everything at once. */
  destroy(): Promise<void>
}

export function createPools(): Pools {
  const pools = new Map<string, Pool>()
  // A frozen Backend is met again and again: its key is built once.
  const keys = new WeakMap<Backend, Record<Role, string>>()

  function keyOf(backend: Backend, role: Role): string {
    let known = keys.get(backend)
    if (known === undefined) {
      const { origin, connections, tls, timeouts } = backend
      const base = JSON.stringify([backend.name, origin, connections, tls, timeouts.connectMs])
      known = { primary: `primary ${base}`, shadow: `shadow ${base}`, relay: `relay ${base}` }
      keys.set(backend, known)
    }
    return known[role]
  }

  return {
    of(backend, role) {
      const key = keyOf(backend, role)
      let pool = pools.get(key)
      if (pool === undefined) {
        pool = createPool(backend)
        pools.set(key, pool)
      }
      return pool
    },
    retain(backends) {
      const wanted = new Set<string>()
      for (const backend of backends) {
        for (const role of ['primary', 'shadow', 'relay'] as const) wanted.add(keyOf(backend, role))
      }
      for (const [key, pool] of pools) {
        if (wanted.has(key)) continue
        pools.delete(key)
        // Rejects only when the pool is destroyed meanwhile, at the end of the process.
        pool.close().catch(() => {})
      }
    },
    async close() {
      await Promise.allSettled([...pools.values()].map(pool => pool.close()))
    },
    async destroy() {
      await Promise.allSettled([...pools.values()].map(pool => pool.destroy()))
    },
  }
}

/**
 * undici takes a reset inside a close-delimited answer for its end. Under another name it is an error for it, as it should
 * be: a cut answer is never a clean one.
 */
function honestResets(options: buildConnector.BuildOptions): buildConnector.connector {
  const connector = buildConnector(options)
  return (target, callback) => {
    connector(target, (...result) => {
      result[1]?.on('error', (error: Error & { code?: string }) => {
        if (error.code === 'ECONNRESET') error.code = 'EPIPE'
      })
      callback(...result)
    })
  }
}

function createPool(backend: Backend): Pool {
  const { tls, timeouts } = backend
  return new Pool(backend.origin, {
    connections: backend.connections,
    pipelining: 1,
    allowH2: false,
    maxHeaderSize: HEAD_BYTES,
    keepAliveTimeout: IDLE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: honestResets({
      allowH2: false,
      timeout: timeouts.connectMs ?? 0,
      rejectUnauthorized: tls.verify,
      ...(tls.ca === null ? {} : { ca: tls.ca }),
      ...(tls.servername === null ? {} : { servername: tls.servername }),
    }),
  })
}
