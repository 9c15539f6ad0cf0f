// How long callers of the listeners for operators, probes and peers may take, how many there may be, and that each has one
// request at a time: who has shown no token holds a connection with an unfinished request or an unread answer for seconds,
// and all of them together a bounded number.
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Milliseconds } from '../model/units.ts'

export interface Bounds {
  /** From the connection, or the first byte of a later request, to the end of the head. */
  readonly headMs: Milliseconds
  /** From then to the end of the body. */
  readonly requestMs: Milliseconds
  /** Of a body that somebody sends who has shown no right yet, as the token of a sign-in. */
  readonly strangerMs: Milliseconds
  /** What is left of a body that was answered without it. */
  readonly restMs: Milliseconds
  /** Of an answer under way, without a byte of it being taken. */
  readonly unreadMs: Milliseconds
  readonly checkEveryMs: Milliseconds
  /** Of each listener. */
  readonly connections: number
}

export const BOUNDS: Bounds = {
  headMs: 10_000,
  // The largest body, 600 KiB for `config/check`, passes on a line of 20 KiB/s; every other one, 64 KiB, on a tenth of that.
  requestMs: 30_000,
  // They have little to say, and say it at once.
  strangerMs: 5_000,
  // Not at once: a connection that is closed on bytes under way is reset, and the answer with it.
  restMs: 1_000,
  // As long as a body may take to come.
  unreadMs: 30_000,
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

export interface Entitled {
  /** Whoever asks this has shown a right: its connection stays until it is answered. */
  stays(request: FastifyRequest): void
}

/** Before any other hook. Paths that the router cannot read come past hooks: see `isBehind`. */
export function bound(app: FastifyInstance, { connections, restMs, unreadMs }: Bounds): Entitled {
  /** Of nobody who has shown a right to what is asked on it. */
  const strangers = new Set<Socket>()
  let open = 0
  app.server.maxConnections = connections
  app.server.on('connection', socket => {
    open++
    // The last place is kept free: who has no right must not keep out who rolls back. Any of them, not the oldest: whoever takes
    // a moment to ask must not be sure to go while others pour in.
    const leaves = open < connections ? undefined : [...strangers][Math.floor(Math.random() * strangers.size)]
    strangers.add(socket)
    socket.once('close', () => {
      open--
      strangers.delete(socket)
    })
    if (leaves === undefined) return
    strangers.delete(leaves)
    leaves.destroy()
  })
  app.addHook('onRequest', async (request, reply) => {
    if (isBehind(reply)) return reply.hijack()
    const { socket } = request.raw
    reply.raw.setTimeout(unreadMs, () => {
      // Nothing waits to be read while a call is worked on, however long.
      if (socket.writableLength > 0) socket.destroy()
    })
  })
  app.addHook('onResponse', async ({ raw: { socket } }, reply) => {
    if (!socket.destroyed) strangers.add(socket)
    endRest(reply, restMs)
  })
  return { stays: request => void strangers.delete(request.raw.socket) }
}

/**
 * True: it was sent before the answer to the one before it was done, as no client here does. It must not be worked on, and its
 * connection is closed: answers in order would pile up with whoever does not read them.
 */
export function isBehind({ raw, request }: FastifyReply): boolean {
  // Node gives the socket to the answer whose turn it is.
  if (raw.socket !== null) return false
  request.raw.socket.destroy()
  return true
}

/** The connection of a request that was answered goes, unless the rest of its body comes soon. */
export function endRest({ request: { raw } }: FastifyReply, restMs: Milliseconds): void {
  if (raw.complete) return
  setTimeout(() => {
    if (!raw.complete) raw.socket.destroy()
  }, restMs).unref()
}
