// The admin listener: a fastify of its own that turns requests into calls of the handlers. Everything is checked before a
// handler sees it: Host, Origin, token, scope, parameters, body.
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { BanyanError } from '../model/errors.ts'
import type { RouteId } from '../model/route.ts'
import { type Access, type Caller, requireScope, requireSomewhere } from './access.ts'
import { type Operation, type OperationName, operations } from './api.ts'
import { type Bounds, bound, endRest, isBehind, timesOf } from './bounds.ts'
import type { Events } from './events.ts'
import { fleetRoute } from './fleet.ts'
import { type AdminParts, createHandlers, type Handled, type Handler } from './handlers.ts'
import { takeJsonOnly } from './json-body.ts'
import { createLive } from './live.ts'
import { NO_SCHEMAS } from './no-schemas.ts'
import { openApi } from './openapi.ts'
import { servePages } from './pages.ts'
import { problemOf, retryAfterOf } from './problems.ts'
import { refusedIn } from './refused.ts'
import { createSessionCalls, SIGN_IN_BYTES } from './session-calls.ts'
import { refuseUnreadable } from './unreadable.ts'
import { seenNow, trafficEvent } from './views.ts'

const BASE = '/api/v1'
const WHERE = `the API is described at ${BASE}/openapi.json`
const BODY_BYTES = 64 * 1024
/** `config/check` takes a configuration of 256 KiB, escaped as a JSON text. Larger ones are for `banyan check`. */
const CONFIG_BYTES = 600 * 1024

/** Beside the 16 KiB that Node takes of a head. */
const MOST_FIELDS = 100
const TARGET_CHARS = 8 * 1024

const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
}

/** Lists, the doctor, who and burndown are filtered to the caller's routes; explain, the audit log and calls about one divergence ask again for its route. */
const OPEN: ReadonlySet<OperationName> = new Set([
  'status',
  'routes',
  'explain',
  'audit',
  'doctor',
  'who',
  'session',
  'signOut',
  'divergence',
  'acknowledge',
  'replay',
  'burndown',
])

/** Reckoned with what was seen lately, though they have a body. */
const LOOK: ReadonlySet<OperationName> = new Set(['preview', 'previewAll'])

export interface AdminServerParts extends AdminParts {
  readonly bounds: Bounds
  readonly access: Access
  readonly events: Events
  readonly version: string
  readonly log: (level: 'info' | 'warn' | 'error', message: string, details?: Record<string, unknown>) => void
}

export function createAdminServer(parts: AdminServerParts): FastifyInstance {
  const app = fastify({
    ...NO_SCHEMAS,
    ...timesOf(parts.bounds),
    bodyLimit: BODY_BYTES,
    forceCloseConnections: true,
    clientErrorHandler: refuseUnreadable(HEADERS),
    routerOptions: { maxParamLength: 200 },
    // Paths that the router cannot read come past the hooks.
    frameworkErrors(_error, request, reply) {
      if (isBehind(reply)) return
      reply.raw.once('finish', () => endRest(reply, parts.bounds.restMs))
      reply.headers(HEADERS)
      try {
        parts.access.checkOrigin(request)
        answerProblem(reply, new BanyanError('unknown_path', 'there is nothing here', { hint: WHERE }))
      } catch (error) {
        answerProblem(reply, error)
      }
    },
  })
  const handlers = createHandlers({ ...parts, lastUsed: parts.access.lastUsed })
  const live = createLive({
    events: parts.events,
    look: parts.look,
    view: () => trafficEvent(seenNow(parts, parts.process().warnings), parts.clock.now()),
    log: parts.log,
  })
  app.addHook('onClose', async () => live.close())
  let description: Buffer | null = null
  const sessionCalls = createSessionCalls({
    strangerMs: parts.bounds.strangerMs,
    access: parts.access,
    log: parts.log,
    refuse: answerProblem,
  })
  const callers = new WeakMap<FastifyRequest, Caller>()

  const entitled = bound(app, parts.bounds)
  takeJsonOnly(app)

  // Node would drop what is above its own count without a word, and with it a second Host.
  app.server.maxHeadersCount = 0
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS)
    refuseLargeHead(request)
    // Peers name each other as the network does; their right is a signature.
    const { signed, page } = request.routeOptions.config
    if (signed !== true) parts.access.checkOrigin(request, page === true)
    // Here and not in a handler of 404, which would first read the body of whoever asks.
    if (request.is404) throw notHere(request, reply)
  })
  if (parts.receiver !== null) void app.register(fleetRoute({ receiver: parts.receiver, log: parts.log }))
  servePages(app)
  app.setErrorHandler((error, _request, reply) => answerProblem(reply, error))

  function notHere(request: FastifyRequest, reply: FastifyReply): BanyanError {
    const here = Object.values<Operation>(operations).filter(one => pathPattern(one.path).test(request.url))
    const allowed = [
      ...new Set(here.flatMap(one => (one.method === 'GET' && one.answer !== null ? ['GET', 'HEAD'] : [one.method]))),
    ].join(', ')
    if (allowed === '') return new BanyanError('unknown_path', 'there is nothing here', { hint: WHERE })
    reply.header('Allow', allowed)
    return new BanyanError('method_refused', `${request.method} is not a method of this path`, {
      hint: `it has ${allowed}`,
    })
  }

  function answerProblem(reply: FastifyReply, error: unknown): void {
    const problem = problemOf(error)
    if (problem.status === 500)
      parts.log('error', 'admin call failed', { error: String((error as Error).stack ?? error) })
    if (problem.status === 401) reply.header('WWW-Authenticate', 'Bearer realm="banyan"')
    const retryAfter = retryAfterOf(error, problem.status)
    if (retryAfter !== null) reply.header('Retry-After', String(retryAfter))
    reply.code(problem.status).type('application/problem+json').send(problem)
  }

  for (const [name, operation] of Object.entries(operations) as [OperationName, Operation][]) {
    app.route({
      method: operation.method,
      exposeHeadRoute: name !== 'events',
      url: `${BASE}${operation.path}`,
      bodyLimit: bodyBytesOf(name),
      // Before the body is read: nothing of a request is looked at for somebody without a token, but who brings it there.
      onRequest: async (request, reply) => admit(name, operation, request, reply),
      handler: (request, reply) => serve(name, operation, request, reply),
    })
  }

  function admit(name: OperationName, operation: Operation, request: FastifyRequest, reply: FastifyReply): void {
    if (name === 'openapi') return
    if (name === 'signIn') {
      sessionCalls.hurry(request, reply)
      return
    }
    const caller = parts.access.admit(request)
    authorize(name, operation, caller, parse(operation.params, request.params, 'path') as Record<string, string>)
    callers.set(request, caller)
    entitled.stays(request)
  }

  async function serve(name: OperationName, operation: Operation, request: FastifyRequest, reply: FastifyReply) {
    if (name === 'openapi') {
      // Made when it is first asked for: it takes as long as a third of a start.
      description ??= Buffer.from(JSON.stringify(openApi(parts.version)))
      return reply.type('application/json; charset=utf-8').send(description)
    }
    if (name === 'signIn') {
      const { token } = parse(operation.body, request.body ?? {}) as { token: string }
      return sessionCalls.signIn(request, reply, token)
    }
    const caller = callers.get(request) as Caller
    if (name === 'signOut') return sessionCalls.signOut(request, reply, caller)
    const params = parse(operation.params, request.params, 'path') as Record<string, string>
    if (name === 'events') return listen(request, reply, caller)
    const query = parse(operation.query, request.query, 'query')
    const body = parse(operation.body, request.body ?? {})
    // What changes something is not held up by those that serve.
    if (operation.method === 'GET' || LOOK.has(name)) await parts.look()
    const answer = await (handlers[name as Handled] as Handler)({
      caller,
      actor: { name: caller.name, tokenId: caller.tokenId, address: request.ip },
      params,
      query,
      body,
      ifRevision: operation.conditional ? ifMatch(request.headers['if-match']) : null,
      forwardAuthorization: name === 'replay' ? oneOf(request.headers['x-banyan-forward-authorization']) : null,
    })
    if (name === 'route') reply.header('ETag', `"${(answer as { revision: number }).revision}"`)
    return answer
  }

  function authorize(name: OperationName, operation: Operation, caller: Caller, params: Record<string, string>): void {
    const route = operation.path.startsWith('/routes/:id') ? (params.id as RouteId) : null
    for (const scope of [
      operation.scope ?? 'read',
      ...(operation.andScope === undefined ? [] : [operation.andScope]),
    ]) {
      if (OPEN.has(name)) requireSomewhere(caller, scope)
      else requireScope(caller, scope, route, parts.control.plan())
    }
  }

  function listen(request: FastifyRequest, reply: FastifyReply, caller: Caller): void {
    const last = request.headers['last-event-id']
    const { raw } = reply
    for (const [header, value] of Object.entries(HEADERS)) raw.setHeader(header, value)
    raw.setHeader('Content-Type', 'text/event-stream')
    // A stream ends with the token that opened it, and for a person after a while.
    const holds = () => parts.access.holds(caller)
    try {
      parts.events.listen(raw, typeof last === 'string' ? last : null, caller.tokenId ?? caller.name, holds)
    } catch (error) {
      raw.removeHeader('Content-Type')
      throw error
    }
    reply.hijack()
  }

  return app
}

function bodyBytesOf(name: OperationName): number {
  if (name === 'configCheck') return CONFIG_BYTES
  return name === 'signIn' ? SIGN_IN_BYTES : BODY_BYTES
}

function refuseLargeHead({ raw }: FastifyRequest): void {
  if ((raw.url ?? '').length > TARGET_CHARS) {
    throw new BanyanError('target_too_long', `the URL is longer than ${TARGET_CHARS} characters`, { hint: WHERE })
  }
  if (raw.rawHeaders.length > 2 * MOST_FIELDS) {
    throw new BanyanError('too_many_fields', `the request has more than ${MOST_FIELDS} header fields`, {
      hint: 'a call needs a handful',
    })
  }
}

/** The value as its schema wants it; mistakes become JSON Pointers, and in the sentence what people call it. */
function parse(schema: z.ZodType | undefined, value: unknown, part: 'body' | 'path' | 'query' = 'body'): unknown {
  if (schema === undefined) return {}
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const errors = refusedIn(result.error, schema, value, part !== 'body')
  const { pointer = '', message = '' } = errors[0] ?? {}
  const named = part === 'body' ? pointer : `${pointer.slice(1)} in the ${part}`
  const where = pointer !== '' ? named : part === 'body' ? 'the request' : `the ${part}`
  throw new BanyanError('invalid', `${where}: ${message}`, {
    hint: `what is allowed: ${BASE}/openapi.json`,
    details: { errors },
  })
}

/** Node makes one text of a field that came more than once. */
function oneOf(value: string | string[] | undefined): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** `"42"` or `42` → 42. */
function ifMatch(value: string | undefined): number | null {
  if (value === undefined || value === '*') return null
  const digits = /^(?:W\/)?"?(\d{1,15})"?$/.exec(value.trim())?.[1]
  if (digits === undefined)
    throw new BanyanError('invalid', 'If-Match must be a revision', { hint: 'the ETag of the route, as in "42"' })
  return Number(digits)
}

function pathPattern(path: string): RegExp {
  return new RegExp(`^${BASE}${path.replace(/:[a-z]+/g, '[^/?]+')}(\\?|$)`)
}
