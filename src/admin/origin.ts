// Which pages may call: the names that `Host` may have, Origin, and what shows that a change comes from a page of our own.
import type { FastifyRequest } from 'fastify'
import { BanyanError } from '../model/errors.ts'

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])
/** A browser cannot send it to another origin without being allowed to, and nobody is. It holds the page's half of a session. */
const CSRF_HEADER = 'x-banyan-csrf'

/** Throws `wrong_host` or `forbidden_origin`. `hosts`: beside the loopback ones, lower case, without port. */
export function checkOrigin(request: FastifyRequest, hosts: ReadonlySet<string>, isPage = false): void {
  if (timesOf(request, 'host') > 1) throw new BanyanError('wrong_host', 'more than one Host', { hint: 'send one' })
  const host = hostOf(request.headers.host ?? '')
  if (!LOOPBACK.has(host) && !hosts.has(host)) {
    throw new BanyanError('wrong_host', `this listener does not answer for the host ${JSON.stringify(host)}`, {
      hint: 'name it in admin.hosts',
    })
  }
  const { origin } = request.headers
  // Somebody who follows a link to the dashboard comes from anywhere: the page holds nothing.
  const isVisit = isPage && request.headers['sec-fetch-mode'] === 'navigate'
  if (
    (request.headers['sec-fetch-site'] === 'cross-site' && !isVisit) ||
    (origin !== undefined && !sameOrigin(origin, request))
  ) {
    throw new BanyanError('forbidden_origin', 'calls from other web pages are refused', {
      hint: 'call it from its own origin, or from outside a browser',
    })
  }
}

/** `host`: as it came, with its port. */
export function isLoopbackName(host: string): boolean {
  return LOOPBACK.has(hostOf(host))
}

/** Empty: it sends none. */
export function pageOf({ headers }: FastifyRequest): string {
  const page = headers[CSRF_HEADER]
  return typeof page === 'string' ? page : ''
}

/**
 * A browser adds cookies, ours or the proxy's, to whatever a page makes it send. So a change by a person must come from a page of this
 * origin: it has our own header, for which a browser would ask first, and an Origin, which was compared already.
 */
export function checkOwnPage(request: FastifyRequest): void {
  const { method, headers } = request
  if (method === 'GET' || method === 'HEAD') return
  const site = headers['sec-fetch-site']
  const own = headers.origin !== undefined && (site === undefined || site === 'same-origin')
  if (own && pageOf(request) !== '') return
  throw new BanyanError('csrf', 'a change by somebody who is logged in must come from a page of this origin', {
    hint: `send Origin and ${CSRF_HEADER}, or use a token`,
  })
}

/** How often a field came. `name`: in lower case. */
export function timesOf({ raw }: FastifyRequest, name: string): number {
  return raw.rawHeaders.filter((text, i) => i % 2 === 0 && text.toLowerCase() === name).length
}

/** Without the port; with one that is none it is a name that nobody has. */
function hostOf(host: string): string {
  const [, name, port] = /^(.*):(\d{0,5})$/.exec(host) ?? []
  return (name !== undefined && Number(port) <= 65_535 ? name : host).toLowerCase()
}

function sameOrigin(origin: string, request: FastifyRequest): boolean {
  try {
    return new URL(origin).host === (request.headers.host ?? '').toLowerCase()
  } catch {
    return false
  }
}
