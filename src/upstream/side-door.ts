// The side doors' way to backends: what @fastify/http-proxy wants of a dispatcher, on our own pools, so that a backend's
// TLS policy counts here too.
import type { Dispatcher } from 'undici'
import type { Backend } from '../model/route.ts'
import type { Pools } from './pools.ts'

/** Names the backend to the dispatcher; never leaves the process. */
export const BACKEND_HEADER = 'x-banyan-door'

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

export function createSideDispatcher(pools: Pools, backendOf: (name: string) => Backend | null): SideDispatcher {
  return {
    request(options, callback) {
      const headers = { ...(options.headers as Record<string, string | undefined>) }
      const backend = backendOf(headers[BACKEND_HEADER] ?? '')
      headers[BACKEND_HEADER] = undefined
      if (backend === null) {
        callback(new Error('no such backend'), null)
        return
      }
      // The shadow's pool: a tester can never take a connection from a client.
      const request = { ...options, headers } as Dispatcher.RequestOptions
      pools.of(backend, 'shadow').request(request, (error, data) => callback(error === null ? null : bare(error), data))
    },
    // The pools belong to the application.
    destroy() {},
  }
}
