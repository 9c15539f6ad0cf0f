// What changes on the way to one side of a route, and back: path, headers, cookies, validators, and what points at a
// backend's own address. Where a route asks for none of it, nothing here is looked at.
import { cookieOf, type Decision, headerOf } from '../model/exchange.ts'
import type { Backend, CookiePolicy, PathRewrite, Route, Side } from '../model/route.ts'
import { AUTO_COOKIE } from '../routing/sticky.ts'
import { normalisePath } from '../routing/target.ts'
import type { Outgoing } from '../upstream/sending.ts'
import type { Framing } from '../wire/framing.ts'
import type { Answer } from '../wire/head.ts'
import type { Accepted } from './accept.ts'
import { madePrivate, sharedCacheMayKeep } from './cacheable.ts'
import { cookieName, cookiesForSide, setCookieFromSide } from './cookies.ts'
import { conditionForSide, etagPerSide } from './etags.ts'
import { requestText } from './headers.ts'
import { addressesOf as authoritiesOf, countLinks, leakOf, rewrittenLocation, withoutDomain } from './leaks.ts'
import type { ProxyParts } from './parts.ts'
import { isUpgrade } from './tunnel.ts'

interface Asked {
  readonly decision: Decision
  readonly backend: Backend
  readonly framing: Framing
}

/** The request as one side gets it. */
export function sideRequest(
  parts: Pick<ProxyParts, 'couldBeUs' | 'loopMark'>,
  { request, head, forwarded, traceparent }: Accepted,
  { decision, backend, framing }: Asked,
): Pick<Outgoing, 'method' | 'head' | 'upgrade' | 'expects' | 'stick'> {
  const { route, side } = decision
  const rewrite = route.rewrites[side]
  const own = rewrite?.cookies ?? null
  const other = route.rewrites[otherSide(side)]?.cookies ?? null
  const { wire, balance } = backend
  const upgrade = isUpgrade(request)
  const body = framing.kind !== 'none'
  const expects =
    request.fields.expect !== null &&
    request.minor === 1 &&
    body &&
    wire.version === '1.1' &&
    (framing.kind === 'chunked') === request.fields.isChunked
  const cookies = request.fields.hasCookie ? headerOf(head.headers, 'cookie') : null
  const text = requestText(request, {
    forwarded,
    target: rewrite?.path == null ? head.target : rewrittenTarget(head.target, rewrite.path),
    host: backend.host,
    missingHost: request.fields.hosts === 0 ? authorityOf(backend) : '',
    framing,
    version: wire.version,
    stays: wire.reuse && wire.version === '1.1',
    upgrades: upgrade,
    expects,
    withheld: route.override?.header ?? null,
    traceparent,
    loopMark: parts.couldBeUs(backend) ? parts.loopMark : null,
    changes: rewrite?.headers ?? null,
    cookie: request.fields.hasCookie ? value => cookiesForSide(value, own, other, AUTO_COOKIE) : null,
    condition:
      route.etag === 'per-side' && isSplit(route) ? (lower, value) => conditionForSide(lower, value, side) : null,
  })
  return {
    method: head.method,
    head: text,
    upgrade,
    expects,
    stick: balance.kind === 'cookie' ? cookieOf(cookies, balance.name) : null,
  }
}

/** Also where the path was written with escapes: it matched by its normalised form, and is rewritten by that. */
function rewrittenTarget(target: string, { from, to }: PathRewrite): string {
  if (isWithin(target, from)) return begin(to + target.slice(from.length))
  const mark = target.indexOf('?')
  const path = normalisePath(mark === -1 ? target : target.slice(0, mark))
  const query = mark === -1 ? '' : target.slice(mark)
  return isWithin(path, from) ? begin(to + path.slice(from.length)) + query : target
}

function isWithin(target: string, from: string): boolean {
  const next = target.charAt(from.length)
  return target.startsWith(from) && (next === '' || next === '/' || next === '?')
}

function begin(target: string): string {
  return target.startsWith('/') ? target : `/${target}`
}

function authorityOf(backend: Backend): string {
  return new URL(backend.origins[0] as string).host
}

function otherSide(side: Side): Side {
  return side === 'legacy' ? 'new' : 'legacy'
}

function isSplit(route: Route): boolean {
  return route.sides.legacy !== null && route.sides.new !== null
}

export interface AnswerCrossing {
  /** Another value, or the same. */
  readonly special: (lower: string, value: string) => string | null
  /** Lines that were not there. */
  readonly added: string
}

/** Looks at an answer's Set-Cookie, Location, Cache-Control and ETag: counts, and changes what the route wants changed. */
export function answerCrossing(
  parts: Pick<ProxyParts, 'note'>,
  { head, request, forwarded }: Accepted,
  { route, side }: Decision,
  answer: Answer,
): AnswerCrossing | null {
  const split = isSplit(route)
  const { fields } = answer
  const makesPrivate = split && fields.aged && maySharedCacheKeep(request.method, head.headers, answer)
  if (makesPrivate) parts.note({ kind: 'shared-cache', route: route.id, side })
  const cacheControl =
    makesPrivate && route.cache === 'private-while-split' ? headerOf(fields.list, 'cache-control') : null
  const added =
    makesPrivate && route.cache === 'private-while-split' && cacheControl === null
      ? `Cache-Control: ${madePrivate(null)}\r\n`
      : ''
  if (!fields.special) return added === '' ? null : { special: (_, value) => value, added }
  const backend = route.sides[side] as Backend
  const cookies = route.rewrites[side]?.cookies ?? null
  const authority = request.fields.host ?? ''
  const special = (lower: string, value: string): string | null => {
    switch (lower) {
      case 'set-cookie':
        return cookieAcross(parts, value, { route, side, backend, cookies, authority })
      case 'location':
        if (!leakOf('location', value, addressesOf(backend), authority)) return value
        parts.note({ kind: 'leak', route: route.id, side, where: 'location' })
        return route.leaks === 'rewrite'
          ? rewrittenLocation(value, addressesOf(backend), forwarded.proto, authority)
          : value
      case 'cache-control':
        return cacheControl === null ? value : madePrivate(value)
      case 'etag':
        return route.etag === 'per-side' && split ? etagPerSide(value, side) : value
      default:
        return value
    }
  }
  return { special, added }
}

/** Looks for links to a backend's own address at the beginning of an HTML page; null where there is nothing to look through. */
export function linkFinder(
  parts: Pick<ProxyParts, 'note'>,
  { request }: Accepted,
  { route, side }: Decision,
  { fields }: Answer,
): ((piece: Buffer) => void) | null {
  if (!fields.isHtml || fields.isEncoded) return null
  const backend = route.sides[side] as Backend
  const authority = request.fields.host ?? ''
  // Who asks a backend by its own name gets links to it, and that is as it should be.
  if (leakOf('location', `http://${authority}/`, addressesOf(backend), '')) return null
  return piece => {
    if (countLinks(piece.toString('latin1', 0, LINK_BYTES), addressesOf(backend)) > 0) {
      parts.note({ kind: 'leak', route: route.id, side, where: 'link' })
    }
  }
}

/** Of the page's first piece. */
const LINK_BYTES = 64 * 1024

interface CookieContext {
  readonly route: Route
  readonly side: Side
  readonly backend: Backend
  readonly cookies: CookiePolicy | null
  readonly authority: string
}

function cookieAcross(
  parts: Pick<ProxyParts, 'note'>,
  value: string,
  { route, side, backend, cookies, authority }: CookieContext,
): string {
  let out = value
  if (leakOf('set-cookie', value, addressesOf(backend), authority)) {
    parts.note({ kind: 'leak', route: route.id, side, where: 'set-cookie' })
    if (route.leaks === 'rewrite') out = withoutDomain(out)
  }
  if (cookies !== null) out = setCookieFromSide(out, cookies)
  if (isSplit(route)) parts.note({ kind: 'set-cookie', route: route.id, side, name: cookieName(out) })
  return out
}

/** All values of a field, as one list; null without any. */
function joined(list: readonly string[], name: string): string | null {
  let value: string | null = null
  for (let i = 0; i < list.length; i += 2) {
    const found = list[i] as string
    if (found.length !== name.length || found.toLowerCase() !== name) continue
    value = value === null ? (list[i + 1] as string) : `${value}, ${list[i + 1]}`
  }
  return value
}

function maySharedCacheKeep(method: string, asked: readonly string[], { status, fields }: Answer): boolean {
  return sharedCacheMayKeep({
    method,
    status,
    cacheControl: joined(fields.list, 'cache-control'),
    expires: headerOf(fields.list, 'expires') !== null,
    setsCookie: headerOf(fields.list, 'set-cookie') !== null,
    hasAuthorization: headerOf(asked, 'authorization') !== null,
    vary: joined(fields.list, 'vary'),
  })
}

const addresses = new WeakMap<Backend, ReadonlySet<string>>()

function addressesOf(backend: Backend): ReadonlySet<string> {
  let known = addresses.get(backend)
  if (known === undefined) {
    known = authoritiesOf(backend.origins)
    addresses.set(backend, known)
  }
  return known
}
