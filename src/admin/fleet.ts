// Where peers bring rollbacks: one route, on the admin listener or on one of its own. No token: the signature is the right.
// It speaks HTTP and no more; what is believed is src/fleet's.
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { MAX_BODY_BYTES } from '../fleet/message.ts'
import type { Receiver } from '../fleet/receive.ts'
import { PUSH_PATH, SIGNATURE_HEADER } from '../fleet/signed.ts'
import { BanyanError } from '../model/errors.ts'
import type { Problem } from './api.ts'
import { BOUNDS, type Bounds, bound, isBehind } from './bounds.ts'
import { NO_SCHEMAS } from './no-schemas.ts'
import { problemOf } from './problems.ts'

/** A peer says what it has to say at once. */
const REQUEST_MS = 5_000
const CHECK_EVERY_MS = 500
const HEAD_BYTES = 8_192

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whoever asks has signed it: what keeps web pages and strangers away elsewhere is not needed here. */
    signed?: true
  }
}

export interface FleetRouteParts {
  readonly receiver: Pick<Receiver, 'receive'>
  readonly log: (level: 'info' | 'warn' | 'error', message: string, details?: Record<string, unknown>) => void
}

const STATUS: Readonly<Record<string, readonly [status: number, title: string]>> = {
  bad_signature: [401, 'Wrong Signature'],
  not_json: [400, 'Not JSON'],
  invalid: [400, 'Invalid Request'],
  other_version: [400, 'Other Version'],
  too_old: [403, 'Too Old'],
  too_large: [413, 'Too Large'],
  starting: [503, 'Starting'],
}

/**
 * For `app.register(fleetRoute(parts, requestMs))`; what it changes of fastify stays within. The admin listener must leave out its checks
 * of Host and Origin where `request.routeOptions.config.signed` is true: peers ask by addresses, and no web page can sign.
 */
export function fleetRoute(
  { receiver, log }: FleetRouteParts,
  requestMs = REQUEST_MS,
): (app: FastifyInstance) => Promise<void> {
  return async app => {
    // The signature is over the bytes as they came, whatever they call themselves.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    app.setErrorHandler((error, request, reply) => refuse(error, request, reply, log))
    // Before its body is there nobody has shown a right: it has less time than an operator's.
    app.addHook('onRequest', async (request, reply) => {
      setTimeout(() => {
        if (request.raw.complete || reply.sent) return
        refuse(new BanyanError('request_timeout', 'the push did not come in time'), request, reply, log)
      }, requestMs).unref()
    })
    app.post(PUSH_PATH, { bodyLimit: MAX_BODY_BYTES, config: { signed: true } }, async (request, reply) => {
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
      const given = request.headers[SIGNATURE_HEADER]
      const answer = await receiver.receive(body, typeof given === 'string' ? given : null, request.ip)
      return reply
        .headers({ [SIGNATURE_HEADER]: answer.signature, 'Cache-Control': 'no-store' })
        .type('application/json')
        .send(answer.body)
    })
  }
}

/** A listener of its own, for peers only (`fleet.listen`). `requestMs`, `bounds`: for tests. */
export function createFleetListener(
  parts: FleetRouteParts,
  requestMs = REQUEST_MS,
  bounds: Bounds = BOUNDS,
): FastifyInstance {
  const app = fastify({
    ...NO_SCHEMAS,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: requestMs,
    forceCloseConnections: true,
    http: {
      requestTimeout: requestMs,
      headersTimeout: requestMs,
      connectionsCheckingInterval: CHECK_EVERY_MS,
      maxHeaderSize: HEAD_BYTES,
    },
    frameworkErrors(_error, _request, reply) {
      if (!isBehind(reply)) notHere(reply)
    },
  })
  bound(app, bounds)
  app.setNotFoundHandler((_request, reply) => notHere(reply))
  app.setErrorHandler((error, request, reply) => refuse(error, request, reply, parts.log))
  app.register(fleetRoute(parts, requestMs))
  return app
}

function refuse(error: unknown, request: FastifyRequest, reply: FastifyReply, log: FleetRouteParts['log']): void {
  const problem = problemFor(error)
  if (problem.status === 500) log('error', 'a push of a peer failed', { peer: request.ip, error: String(error) })
  // What is left of a body that is too large or too slow is not waited for.
  if (problem.status === 413 || problem.status === 408) reply.header('Connection', 'close')
  reply.code(problem.status).type('application/problem+json').send(problem)
}

function problemFor(error: unknown): Problem {
  const tooLarge = (error as FastifyError).code === 'FST_ERR_CTP_BODY_TOO_LARGE'
  const known = tooLarge ? new BanyanError('too_large', 'a push has at most 64 KiB') : error
  if (!(known instanceof BanyanError) || !Object.hasOwn(STATUS, known.code)) return problemOf(known)
  const [status, title] = STATUS[known.code] as readonly [number, string]
  const { code, message, hint } = known
  return { type: `urn:banyan:${code}`, title, status, detail: message, code, ...(hint === null ? {} : { hint }) }
}

function notHere(reply: FastifyReply): void {
  const problem = problemOf(new BanyanError('unknown_path', 'there is nothing here'))
  reply.code(problem.status).type('application/problem+json').send(problem)
}
