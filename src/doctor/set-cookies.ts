// Cookies that backends set, by route and side: what browsers will do with them here that they did not do before. Names and
// attributes only, never values; bounded, whatever backends invent.
import { templateOf } from '../inventory/template.ts'
import type { HeaderList, Sample } from '../model/exchange.ts'
import type { Route, RouteId, Side } from '../model/route.ts'
import { type Finding, printable } from './finding.ts'

const MOST_ROUTES = 256
const MOST_NAMES = 32
const LONGEST_NAME = 128
const LONGEST = 8_192
const SESSION = /sess|(?:^|[._-])sid$|^cfid$|^cftoken$|auth|token/i
const PER_ROUTE = 20

interface SetCookie {
  readonly name: string
  readonly secure: boolean
  readonly httpOnly: boolean
  /** Lower case. */
  readonly sameSite: string | null
  readonly domain: string | null
  readonly path: string | null
}

interface Sides {
  readonly legacy: Map<string, SetCookie>
  readonly new: Map<string, SetCookie>
}

/** How clients reach the listener. */
export interface Entrance {
  readonly isTls: boolean
  /** Somebody is named who may end TLS for it. */
  readonly hasForwarder: boolean
}

export interface SetCookies {
  sample(sample: Sample): void
  findings(routes: readonly Route[], entrance: Entrance): Finding[]
}

export function createSetCookies(): SetCookies {
  const seen = new Map<RouteId, Sides>()

  function namesOf(id: RouteId, side: Side): Map<string, SetCookie> | null {
    let sides = seen.get(id)
    if (sides === undefined) {
      if (seen.size >= MOST_ROUTES) return null
      sides = { legacy: new Map(), new: new Map() }
      seen.set(id, sides)
    }
    return sides[side]
  }

  return {
    sample({ exchange, answerHeaders }) {
      const { decision } = exchange
      if (decision === null) return
      for (const text of setCookiesIn(answerHeaders)) {
        const cookie = readSetCookie(text)
        const names = cookie === null ? null : namesOf(decision.route.id, decision.side)
        if (cookie === null || names === null) continue
        // The newest say how it is now; the oldest name goes.
        if (!names.delete(cookie.name) && names.size >= MOST_NAMES) names.delete(names.keys().next().value as string)
        names.set(cookie.name, cookie)
      }
    },
    findings(routes, entrance) {
      const ids = new Set(routes.map(route => route.id))
      for (const id of seen.keys()) if (!ids.has(id)) seen.delete(id)
      return routes.flatMap(route => {
        const sides = seen.get(route.id)
        return sides === undefined ? [] : ofRoute(route, sides, entrance)
      })
    },
  }
}

function ofRoute(route: Route, sides: Sides, entrance: Entrance): Finding[] {
  const odd: Finding[] = []
  for (const side of ['legacy', 'new'] as const) {
    for (const cookie of sides[side].values()) odd.push(...oddities(route, side, cookie, entrance))
  }
  for (const cookie of sides.legacy.values()) {
    const twin = sides.new.get(cookie.name)
    if (twin !== undefined) odd.push(...differences(route, cookie, twin))
  }
  const names = (side: Side) => [...sides[side].keys()].map(name => printable(name))
  const [legacy, fresh] = [names('legacy'), names('new')]
  if (odd.length > 0 || legacy.length + fresh.length === 0) return odd.slice(0, PER_ROUTE)
  const said = [
    ...(legacy.length === 0 ? [] : [`legacy sets ${legacy.join(', ')}`]),
    ...(fresh.length === 0 ? [] : [`new sets ${fresh.join(', ')}`]),
  ]
  const evidence = { legacy, new: fresh }
  return [{ area: 'cookies', code: 'cookies_seen', level: 'ok', message: said.join('; '), route: route.id, evidence }]
}

function oddities(route: Route, side: Side, cookie: SetCookie, { isTls, hasForwarder }: Entrance): Finding[] {
  const shown = printable(cookie.name)
  const say = (
    code: string,
    level: Finding['level'],
    message: string,
    more: Record<string, unknown> = {},
  ): Finding => ({
    area: 'cookies',
    code,
    level,
    message: `the ${side} side’s cookie ${shown} ${message}`,
    route: route.id,
    evidence: { side, name: shown, ...more },
  })
  const found: Finding[] = []
  const prefix = literalOf(route)
  const { path, secure, sameSite, domain, name } = cookie
  if (path !== null && prefix !== '/' && !covers(path, prefix) && !covers(prefix, path)) {
    // It may be one user's.
    const said = printable(templateOf(path))
    found.push(
      say(
        'cookie_path',
        'warn',
        `has Path=${said}, which does not cover ${prefix}: browsers do not send it back here`,
        {
          path: said,
        },
      ),
    )
  }
  if (secure && !isTls && !hasForwarder) {
    found.push(
      say(
        'cookie_secure',
        'note',
        'is Secure, and this listener speaks plain HTTP: right behind a balancer that ends TLS (name it in proxy.clientIp); reached directly, browsers drop the cookie',
      ),
    )
  }
  if (sameSite === 'none' && !secure) {
    found.push(say('cookie_samesite', 'warn', 'has SameSite=None without Secure: browsers refuse it'))
  }
  if (/^__host-/i.test(name) && (domain !== null || path !== '/' || !secure)) {
    found.push(say('cookie_prefix', 'warn', 'breaks the promise of its prefix (Secure, Path=/, no Domain): refused'))
  } else if (/^__secure-/i.test(name) && !secure) {
    found.push(say('cookie_prefix', 'warn', 'breaks the promise of its prefix (Secure): browsers refuse it'))
  }
  if (SESSION.test(name) && !cookie.httpOnly && !/xsrf|csrf/i.test(name)) {
    found.push(say('cookie_open', 'note', 'sounds like a session’s and is not HttpOnly: scripts can read it'))
  }
  return found
}

/** One name with two places: browsers keep both, and send both. */
function differences(route: Route, legacy: SetCookie, fresh: SetCookie): Finding[] {
  const differs = [
    ...(legacy.domain === fresh.domain ? [] : ['Domain']),
    ...(legacy.path === fresh.path ? [] : ['Path']),
  ]
  if (differs.length === 0) return []
  const name = printable(legacy.name)
  const message = `both sides set the cookie ${name} with another ${differs.join(' and ')}: browsers then keep two of the name and send both`
  const evidence = { name, differs }
  return [{ area: 'cookies', code: 'cookie_twins', level: 'warn', message, route: route.id, evidence }]
}

/** The part of a route's path that is the same for all of its requests. */
function literalOf({ match }: Route): string {
  const [first = '/'] = match.paths
  const segments = first.split('/')
  const end = segments.findIndex(segment => segment.startsWith(':') || segment === '*')
  const literal = (end === -1 ? segments : segments.slice(0, end)).join('/')
  return literal === '' ? '/' : literal
}

/** RFC 6265, 5.1.4. */
function covers(cookiePath: string, requestPath: string): boolean {
  if (cookiePath === requestPath || cookiePath === '/') return true
  if (!requestPath.startsWith(cookiePath)) return false
  return cookiePath.endsWith('/') || requestPath[cookiePath.length] === '/'
}

function* setCookiesIn(headers: HeaderList): Generator<string> {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    if (name.length === 10 && name.toLowerCase() === 'set-cookie') yield headers[i + 1] as string
  }
}

/** RFC 6265, 5.2: the last of equal attributes counts; a Path that does not begin with a slash is none. */
function readSetCookie(text: string): SetCookie | null {
  if (text.length > LONGEST) return null
  const [pair = '', ...attributes] = text.split(';')
  const equals = pair.indexOf('=')
  const name = equals === -1 ? '' : pair.slice(0, equals).trim()
  if (name === '' || name.length > LONGEST_NAME) return null
  const said = new Map<string, string>()
  for (const attribute of attributes) {
    const at = attribute.indexOf('=')
    const key = (at === -1 ? attribute : attribute.slice(0, at)).trim().toLowerCase()
    said.set(
      key,
      at === -1
        ? ''
        : attribute
            .slice(at + 1)
            .trim()
            .slice(0, 256),
    )
  }
  const path = said.get('path') ?? ''
  const domain = (said.get('domain') ?? '').replace(/^\./, '').toLowerCase()
  return {
    name: copyOf(name),
    secure: said.has('secure'),
    httpOnly: said.has('httponly'),
    sameSite: copyOrNull(said.get('samesite')?.toLowerCase()),
    domain: copyOrNull(domain === '' ? undefined : domain),
    path: copyOrNull(path.startsWith('/') ? path : undefined),
  }
}

function copyOrNull(text: string | undefined): string | null {
  return text === undefined ? null : copyOf(text)
}

/** A slice would keep the whole head alive that it was cut from. */
function copyOf(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
