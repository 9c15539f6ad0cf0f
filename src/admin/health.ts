// The health listener: alive, ready, metrics. No token, so nothing else is on it; bind it where kubelet and Prometheus reach it.
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { type Bounds, bound, isBehind, timesOf } from './bounds.ts'
import { NO_SCHEMAS } from './no-schemas.ts'

export interface HealthParts {
  readonly bounds: Bounds
  /** Listening, a snapshot in force, not draining; nothing else. */
  readonly ready: () => {
    readonly ready: boolean
    readonly why: string
    /** It is ready all the same. */
    readonly warnings: readonly { readonly code: string; readonly message: string }[]
  }
  readonly metrics: { readonly contentType: string; read(): Promise<Buffer> }
}

export function createHealthServer(parts: HealthParts): FastifyInstance {
  // No body has any use here: a request has the time of its head, and no more.
  const times = timesOf({ ...parts.bounds, requestMs: parts.bounds.headMs })
  const app = fastify({
    ...NO_SCHEMAS,
    ...times,
    forceCloseConnections: true,
    frameworkErrors(error, _request, reply) {
      if (!isBehind(reply)) (reply as FastifyReply).send(error)
    },
  })
  bound(app, parts.bounds)
  // Answers come from the head; with a parser, fastify would read the body before it says 404.
  app.removeAllContentTypeParsers()
  app.get('/healthz', async () => ({ status: 'alive' }))
  app.get('/readyz', async (_request, reply) => {
    const { ready, why, warnings } = parts.ready()
    reply.code(ready ? 200 : 503)
    const said = warnings.map(({ code, message }) => ({ code, message }))
    return { status: ready ? 'ready' : 'not ready', why, ...(said.length === 0 ? {} : { warnings: said }) }
  })
  app.get('/metrics', async (_request, reply) => {
    reply.type(parts.metrics.contentType)
    return parts.metrics.read()
  })
  return app
}
