// Side doors: `/{route}/{legacy|new}/*` on an origin of their own, so that testers reach one side directly, by token,
// before it takes traffic. Built on @fastify/http-proxy; the data path is not.
import httpProxy from '@fastify/http-proxy'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { BanyanError } from '../model/errors.ts'
import type { Backend, Side } from '../model/route.ts'
import type { Plan } from '../model/snapshot.ts'
import { cookiesForSide } from '../proxy/cookies.ts'
import { isSafe } from '../routing/decide.ts'
import { type Access, requireScope } from './access.ts'
import { type Bounds, bound, isBehind, timesOf } from './bounds.ts'
import { NO_SCHEMAS } from './no-schemas.ts'
import { problemOf, retryAfterOf } from './problems.ts'

export interface SideDoorParts {
  readonly bounds: Bounds
  readonly access: Access
  readonly plan: () => Plan
  /** Sends by our own pools; see `upstream/side-door`. */
  readonly dispatcher: unknown
  /** Header by which the dispatcher is told the backend, as `route side`. */
  readonly backendHeader: string
}

const TOKEN_HEADER = 'x-banyan-token'
const HINT = 'X-Banyan-Token: <token>'

/** Reading through a door needs the scope `read`, anything that may write `operate`. */
export async function createSideDoors(parts: SideDoorParts): Promise<FastifyInstance> {
  const refuse = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const { statusCode } = error as { statusCode?: number }
    // Of fastify and the proxy. No body is read here: it is the path that they refuse, in words that do not say so.
    const ofPath = !(error instanceof BanyanError) && statusCode === 400
    const problem = problemOf(ofPath ? pathRefused(request.url) : error)
    if (problem.status === 429) reply.header('Retry-After', String(retryAfterOf(error, 429)))
    reply.code(problem.status).type('application/problem+json').send(problem)
  }
  const app = fastify({
    ...NO_SCHEMAS,
    // A body crosses in its own time; whoever brings it has shown a token by then.
    ...timesOf({ ...parts.bounds, requestMs: 0 }),
    forceCloseConnections: true,
    frameworkErrors(error, request, reply) {
      if (!isBehind(reply)) refuse(error, request, reply)
    },
    routerOptions: { maxParamLength: 200 },
  })

  const entitled = bound(app, parts.bounds)
  app.setErrorHandler(refuse)
  app.setNotFoundHandler((_request, reply) => {
    const hint = { hint: '/{route}/{legacy|new}/path' }
    const problem = problemOf(new BanyanError('unknown_path', 'there is no door here', hint))
    reply.code(problem.status).type('application/problem+json').send(problem)
  })

  // Bodies cross as they are; nothing here reads them.
  app.removeAllContentTypeParsers()
  await app.register(httpProxy, {
    prefix: '/:route/:side',
    rewritePrefix: '',
    upstream: '',
    // `/orders/new?x=1` is the side's `/?x=1`.
    preRewrite: (url: string) => url.replace(/^(\/[^/?]+\/[^/?]+)(?=\?|$)/, '$1/'),
    websocket: false,
    internalRewriteLocationHeader: false,
    undici: parts.dispatcher as Record<string, unknown>,
    disableRequestLogging: true,
    preHandler: async (request: FastifyRequest) => {
      const { route, side } = request.params as { route: string; side: string }
      const token = request.headers[TOKEN_HEADER]
      const caller = parts.access.authenticate(typeof token === 'string' ? token : null, request.ip, HINT)
      requireScope(caller, isSafe(request.method) ? 'read' : 'operate', route, parts.plan())
      backendBehind(parts.plan(), route, side)
      entitled.stays(request)
    },
    replyOptions: {
      getUpstream(request: unknown) {
        const { route, side } = (request as FastifyRequest).params as { route: string; side: string }
        return backendBehind(parts.plan(), route, side).origins[0]
      },
      rewriteRequestHeaders(request: unknown, headers: Record<string, unknown>) {
        const { params, headers: sent } = request as FastifyRequest
        const { route, side } = params as { route: string; side: string }
        const { [TOKEN_HEADER]: _, cookie, ...rest } = headers
        const { host } = backendBehind(parts.plan(), route, side)
        const own = { host: host ?? sent.host, [parts.backendHeader]: `${route} ${side}` }
        const cookies = typeof cookie === 'string' ? cookiesForSide(cookie, null, null) : ''
        return cookies === '' ? { ...rest, ...own } : { ...rest, cookie: cookies, ...own }
      },
      rewriteHeaders(headers: Record<string, unknown>, request: unknown) {
        const { connection: _, 'keep-alive': __, ...rest } = headers
        const { route, side } = (request as FastifyRequest).params as { route: string; side: string }
        const { location } = rest
        // A redirect within the site leads back through the same door.
        const within = typeof location === 'string' && /^\/(?!\/)/.test(location)
        return within ? { ...rest, location: `/${route}/${side}${location}` } : rest
      },
      onError(reply: unknown, { error }: { error: Error }) {
        const problem = problemOf(new BanyanError('backend_failed', `the backend did not answer: ${error.message}`))
        ;(reply as FastifyReply).code(problem.status).type('application/problem+json').send(problem)
      },
      // Without it a GET answered 503 is asked ten times more.
      retryDelay: () => null,
    },
  } as unknown as Parameters<typeof httpProxy>[1])
  return app
}

/** Such paths a parser of URLs could take elsewhere: to another host, or out of the door. */
function pathRefused(url: string): BanyanError {
  const path = url.split('?', 1)[0]?.replace(/^\/[^/]*\/[^/]*/, '') ?? ''
  const hint = 'as in /{route}/{legacy|new}/orders/5'
  if (/^[/\\]{2}/.test(path))
    return new BanyanError(
      'invalid',
      'the path behind the door begins with two slashes, as which \\ counts too; one is allowed',
      { hint },
    )
  try {
    if (decodeURIComponent(url.split('?', 1)[0] ?? '').includes('..'))
      return new BanyanError('invalid', 'the path has .. in it, which could lead out of the door', { hint })
  } catch {
    return new BanyanError('invalid', 'the path has a % that is no escape: %XX in hex, and UTF-8, is allowed', { hint })
  }
  return new BanyanError('invalid', 'such a path is not taken through a door', { hint })
}

/** The backend of `route side`, as the header says it. */
export function doorBackend(plan: Plan, door: string): Backend | null {
  const [route = '', side = ''] = door.split(' ')
  return plan.byId.get(route)?.sides[side as Side] ?? null
}

function backendBehind(plan: Plan, route: string, side: string): Backend {
  const found = plan.byId.get(route)
  if (found === undefined)
    throw new BanyanError('unknown_route', `there is no route ${route}`, { hint: '/{route}/{legacy|new}/path' })
  const backend = side === 'legacy' || side === 'new' ? found.sides[side] : null
  if (backend === null)
    throw new BanyanError('unknown_side', `route ${route} has no side ${side}`, { hint: '/{route}/{legacy|new}/path' })
  return backend
}
