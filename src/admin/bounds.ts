// How long callers of the admin and health listeners may take, and how many there may be: who has shown no token holds a
// connection with an unfinished request for seconds, and all of them together a bounded number.
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Milliseconds } from '../model/units.ts'

export interface Bounds {
  /** From the connection, or the first byte of a later request, to the end of the head. */
  readonly headMs: Milliseconds
  /** From then to the end of the body. */
  readonly requestMs: Milliseconds
  /** What is left of a body that was answered without it. */
  readonly restMs: Milliseconds
  readonly checkEveryMs: Milliseconds
  /** Of each listener. */
  readonly connections: number
}

export const BOUNDS: Bounds = {
  headMs: 10_000,
  // The largest body, 600 KiB for `config/check`, passes on a line of 20 KiB/s; every other one, 64 KiB, on a tenth of that.
  requestMs: 30_000,
  // Not at once: a connection that is closed on bytes under way is reset, and the answer with it.
  restMs: 1_000,
  checkEveryMs: 1_000,
  // Far more than operators, probes and scrapers have.
  connections: 1_000,
}

/**
 * For `fastify()`; who is late gets 408. All three are said: Node looks every 30 s by itself and gives a head 60 s, which it takes
 * for the time of the whole request when that is the shorter one.
 */
export function timesOf({ headMs, requestMs, checkEveryMs }: Bounds): {
  readonly requestTimeout: number
  readonly http: object
} {
  return { requestTimeout: requestMs, http: { headersTimeout: headMs, connectionsCheckingInterval: checkEveryMs } }
}

export function bound(app: FastifyInstance, { connections, restMs }: Bounds): void {
  app.server.maxConnections = connections
  // Who waits for nothing must not keep out who rolls back.
  app.server.on('drop', () => app.server.closeIdleConnections())
  app.addHook('onResponse', async (_request, reply) => endRest(reply, restMs))
}

/** The connection of a request that was answered goes, unless the rest of its body comes soon. */
export function endRest({ request: { raw } }: FastifyReply, restMs: Milliseconds): void {
  if (raw.complete) return
  setTimeout(() => {
    if (!raw.complete) raw.socket.destroy()
  }, restMs).unref()
}
