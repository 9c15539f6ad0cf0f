// The side doors' way to backends: what @fastify/http-proxy wants of a dispatcher, by undici, so that a backend's TLS policy
// counts here too. A tester can never take a connection from a client: these are pools of their own.
import { buildConnector, type Dispatcher, Pool } from 'undici'
import type { Backend } from '../model/route.ts'
import type { Refuse } from './own-listeners.ts'

/** Names the backend to the dispatcher; never leaves the process. */
export const BACKEND_HEADER = 'x-banyan-door'

/** Testers are few. */
const CONNECTIONS = 16

/** An error's code alone: its message may carry bytes of a backend. reply-from keeps the message and drops the code. */
function bare(error: Error): Error {
  const code = String((error as { code?: unknown }).code ?? error.name)
  return Object.assign(new Error(code), { code })
}

/** The shape that reply-from accepts as its `undici`. */
export interface SideDispatcher {
  request(options: Dispatcher.RequestOptions, callback: (error: Error | null, data: unknown) => void): void
  destroy(): void
}

export function createSideDispatcher(backendOf: (name: string) => Backend | null, refuse: Refuse): SideDispatcher {
  // Few and long-lived: a pool that a reload made useless closes its sockets by itself.
  const pools = new Map<string, Pool>()

  function poolOf(backend: Backend): Pool {
    const origin = backend.origins[0] as string
    const key = JSON.stringify([origin, backend.tls, backend.timeouts.connectMs])
    let pool = pools.get(key)
    if (pool === undefined) {
      pool = createPool(origin, backend, refuse)
      pools.set(key, pool)
    }
    return pool
  }

  return {
    request(options, callback) {
      const headers = { ...(options.headers as Record<string, string | undefined>) }
      const backend = backendOf(headers[BACKEND_HEADER] ?? '')
      headers[BACKEND_HEADER] = undefined
      if (backend === null) {
        callback(new Error('no such backend'), null)
        return
      }
      const request = { ...options, headers } as Dispatcher.RequestOptions
      poolOf(backend).request(request, (error, data) => callback(error === null ? null : bare(error), data))
    },
    destroy() {
      for (const pool of pools.values()) pool.destroy().catch(() => {})
    },
  }
}

function createPool(origin: string, { tls, timeouts }: Backend, refuse: Refuse): Pool {
  const connect = buildConnector({
    allowH2: false,
    timeout: timeouts.connectMs ?? 0,
    rejectUnauthorized: tls.verify,
    ...(tls.ca === null ? {} : { ca: tls.ca }),
    ...(tls.servername === null ? {} : { servername: tls.servername }),
    ...(tls.minVersion === null ? {} : { minVersion: tls.minVersion }),
    ...(tls.ciphers === null ? {} : { ciphers: tls.ciphers }),
  })
  return new Pool(origin, {
    connections: CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: 4_000,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (options, callback) =>
      connect(options, (...opened) => {
        const [error, socket] = opened
        const refused = error === null ? refuse(socket) : null
        if (refused === null) return callback(...opened)
        socket?.destroy()
        callback(refused, null)
      }),
  })
}
