// What changes on the way to one side of a route, and back: path, headers, cookies, validators, and what points at a
// backend's own address. Where a route asks for none of it, nothing here is looked at.
import type { ShadowPolicy } from '../model/comparison.ts'
import { cookieOf, type Decision, headerOf } from '../model/exchange.ts'
import type { Backend, CookiePolicy, HeaderChanges, PathRewrite, Route, Side } from '../model/route.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { BUCKETS } from '../routing/bucket.ts'
import { withoutLink } from '../routing/links.ts'
import { normalisePath } from '../routing/target.ts'
import type { Outgoing } from '../upstream/sending.ts'
import type { Framing } from '../wire/framing.ts'
import type { Answer } from '../wire/head.ts'
import type { Accepted } from './accept.ts'
import { inCacheWords, madePrivateIn, sharedCacheMayKeep } from './cacheable.ts'
import { cookieName, cookiesForSide, onlyCookies, setCookieFromSide } from './cookies.ts'
import { areForeign, conditionForSide, etagPerSide } from './etags.ts'
import { type Condition, requestText, type Special } from './headers.ts'
import {
  addressesOf as authoritiesOf,
  countLinks,
  leakOf,
  rewrittenLocation,
  withoutDomain,
  withoutOwnAuthority,
} from './leaks.ts'
import type { ProxyParts } from './parts.ts'
import { toldBy } from './tracing.ts'
import { isUpgrade } from './tunnel.ts'

/** What differs between a shadow's copy and the request: cookies that stay behind, conditions, what the route wants. */
export interface CopyChanges {
  /** Instead of the side's own, which are in them. */
  readonly headers: HeaderChanges
  readonly cookies: ShadowPolicy['cookies']
}

interface Asked {
  readonly decision: Decision
  readonly backend: Backend
  readonly framing: Framing
  /** null: it is the request itself. */
  readonly copy: CopyChanges | null
  /** Of our question, where it is recorded and told. */
  readonly spanId: string | null
}

/** The request as one side gets it. */
export function sideRequest(
  parts: Pick<ProxyParts, 'couldBeUs' | 'loopMark'>,
  accepted: Accepted,
  { decision, backend, framing, copy, spanId }: Asked,
): Pick<Outgoing, 'method' | 'head' | 'upgrade' | 'expects' | 'stick'> {
  const { request, head, forwarded, snapshot } = accepted
  const { route, side } = decision
  const rewrite = route.rewrites[side]
  const own = rewrite?.cookies ?? null
  const other = route.rewrites[otherSide(side)]?.cookies ?? null
  const { wire, balance } = backend
  const upgrade = isUpgrade(request)
  const body = framing.kind !== 'none'
  const expects =
    copy === null &&
    request.fields.expect !== null &&
    request.minor === 1 &&
    body &&
    wire.version === '1.1' &&
    (framing.kind === 'chunked') === request.fields.isChunked
  const cookies = request.fields.hasCookie ? headerOf(head.headers, 'cookie') : null
  const { takesLinks } = snapshot.plan
  const target = takesLinks ? withoutLink(head.target) : head.target
  const text = requestText(request, {
    forwarded,
    target: rewrite?.path == null ? target : rewrittenTarget(target, rewrite.path, route.match.ignoreCase),
    host: backend.host,
    missingHost: request.fields.hosts === 0 ? authorityOf(backend) : '',
    framing,
    version: wire.version,
    stays: wire.reuse && wire.version === '1.1',
    upgrades: upgrade,
    expects,
    withheld: route.override?.header?.name ?? null,
    hidesLinks: takesLinks,
    traceparent: spanId === null ? accepted.traceparent : toldBy(accepted, spanId),
    restartsTrace: accepted.restartsTrace,
    loopMark: parts.couldBeUs(backend) ? parts.loopMark : null,
    changes: copy?.headers ?? rewrite?.headers ?? null,
    cookie: request.fields.hasCookie ? value => copied(cookiesForSide(value, own, other), copy) : null,
    condition: route.etag === 'per-side' && hasBoth(route) ? conditionsFor(side, head.headers) : null,
  })
  return {
    method: head.method,
    head: text,
    upgrade,
    expects,
    stick: balance.kind === 'cookie' ? cookieOf(cookies, balance.name) : null,
  }
}

function copied(cookies: string, copy: CopyChanges | null): string {
  return copy === null || typeof copy.cookies === 'string' ? cookies : onlyCookies(cookies, copy.cookies)
}

function conditionsFor(side: Side, asked: readonly string[]): (lower: Condition, value: string) => string {
  const tags = joined(asked, 'if-none-match')
  const hasForeign = tags !== null && areForeign(tags, side)
  return (lower, value) => {
    if (lower === 'if-modified-since') return hasForeign ? '' : value
    return conditionForSide(lower, value, side)
  }
}

const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:\/|$)/i

/**
 * Also where the path was written with escapes: it matched by its normalised form, and is rewritten by that. So is one with dot
 * segments, which could climb out of what stands in front of them on this side.
 */
function rewrittenTarget(target: string, { from, to }: PathRewrite, ignoreCase: boolean): string {
  const mark = target.indexOf('?')
  const raw = mark === -1 ? target : target.slice(0, mark)
  const query = mark === -1 ? '' : target.slice(mark)
  const isRaw = isWithin(raw, from, ignoreCase)
  if (isRaw && !DOT_SEGMENT.test(raw)) return begin(to + raw.slice(from.length)) + query
  const path = normalisePath(raw)
  if (isWithin(path, from, ignoreCase)) return begin(to + path.slice(from.length)) + query
  return isRaw ? begin(to + raw.slice(from.length)) + query : target
}

function isWithin(path: string, from: string, ignoreCase: boolean): boolean {
  const next = path.charAt(from.length)
  if (next !== '' && next !== '/') return false
  return path.startsWith(from) || (ignoreCase && path.slice(0, from.length).toLowerCase() === from.toLowerCase())
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

function hasBoth(route: Route): boolean {
  return route.sides.legacy !== null && route.sides.new !== null
}

/** Both sides may answer under one URL now. At 0 and 100 they do so only where something other than the weight sends users. */
function isSplit(route: Route, { splits }: Snapshot): boolean {
  if (!hasBoth(route)) return false
  const { threshold = 0, supportPins = null } = splits[route.index] ?? {}
  if (threshold > 0 && threshold < BUCKETS) return true
  if (route.override !== null || route.pin !== null || route.cohorts.length > 0 || route.otherSideOn.size > 0)
    return true
  return supportPins !== null || (route.fallback !== null && threshold > 0)
}

export interface AnswerCrossing {
  readonly special: Special
  /** Lines that were not there. */
  readonly added: string
  /** A shared cache may keep it as it leaves here. */
  readonly isShared: boolean
}

/**
 * Looks at an answer's Set-Cookie, Location, Link, Cache-Control and ETag: counts, and changes what the route wants changed.
 * An informational answer is an answer, too: browsers take the cookies of a 101, and the links of a 103. `parts` null: it is
 * only looked at, so nothing is counted.
 */
export function answerCrossing(
  parts: Pick<ProxyParts, 'note'> | null,
  accepted: Accepted,
  { route, side }: Decision,
  answer: Answer,
): AnswerCrossing | null {
  const { head, request, forwarded, snapshot } = accepted
  const { fields } = answer
  const mayKeep = fields.aged && (parts !== null || route.cache === 'private-while-split') && isSplit(route, snapshot)
  const letting = mayKeep ? lettingKeep(request.method, head.headers, answer) : null
  if (letting !== null) parts?.note({ kind: 'shared-cache', route: route.id, side })
  const toPrivate = route.cache === 'private-while-split' ? letting : null
  const added =
    toPrivate?.has('cache-control') && headerOf(fields.list, 'cache-control') === null
      ? 'Cache-Control: private\r\n'
      : ''
  const isShared = letting !== null && toPrivate === null
  if (!fields.special) return added === '' && !isShared ? null : { special: (_, value) => value, added, isShared }
  const backend = route.sides[side] as Backend
  const cookies = route.rewrites[side]?.cookies ?? null
  const authority = authorityUsed(accepted)
  const special: Special = (lower, value) => {
    switch (lower) {
      case 'set-cookie':
        return cookieAcross(parts, value, { route, side, backend, cookies, authority })
      case 'location':
      case 'content-location':
        if (!leakOf('location', value, addressesOf(backend), authority)) return value
        parts?.note({ kind: 'leak', route: route.id, side, where: 'location' })
        // A client of HTTP/1.0 may not have said where it is.
        return route.leaks === 'rewrite' && authority !== ''
          ? rewrittenLocation(value, addressesOf(backend), forwarded.proto, authority)
          : value
      case 'link':
        if (!isOwnName(backend, authority) && countLinks(value, addressesOf(backend)) > 0) {
          parts?.note({ kind: 'leak', route: route.id, side, where: 'link' })
        }
        return value
      case 'etag':
        return route.etag === 'per-side' && hasBoth(route) ? etagPerSide(value, side) : value
      default:
        return toPrivate?.has(lower) ? madePrivateIn(lower, value) : value
    }
  }
  return { special, added, isShared }
}

/** Values of Set-Cookie as the client gets them. */
export function setCookiesOf({ route, side }: Decision, { fields }: Answer): readonly string[] {
  if (!fields.special) return []
  const own = route.rewrites[side]?.cookies ?? null
  const out: string[] = []
  for (let i = 0; i < fields.known.length; i++) {
    if (fields.known[i]?.kind !== 'set-cookie') continue
    const value = fields.list[2 * i + 1] as string
    out.push(own === null ? value : setCookieFromSide(value, own))
  }
  return out
}

/** A redirect within the application, by its path; any other as it is. */
export function ownLocation(accepted: Accepted, { route, side }: Decision, value: string): string {
  return withoutOwnAuthority(value, addressesOf(route.sides[side] as Backend), authorityUsed(accepted))
}

/** What the client asked for, as the forwarder says that stands before us. */
function authorityUsed({ forwarded, head, request }: Accepted): string {
  const told = forwarded.trusted ? headerOf(head.headers, 'x-forwarded-host') : null
  return told?.split(',')[0]?.trim() || (request.fields.host ?? '')
}

/** Who asks a backend by its own name gets links to it, and that is as it should be. */
function isOwnName(backend: Backend, authority: string): boolean {
  return leakOf('location', `http://${authority}/`, addressesOf(backend), '')
}

/** Looks for links to a backend's own address at the beginning of an HTML page; null where there is nothing to look through. */
export function linkFinder(
  parts: Pick<ProxyParts, 'note'>,
  accepted: Accepted,
  { route, side }: Decision,
  { fields }: Answer,
): ((piece: Buffer) => void) | null {
  if (!fields.isHtml || fields.isEncoded) return null
  const backend = route.sides[side] as Backend
  if (isOwnName(backend, authorityUsed(accepted))) return null
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
  parts: Pick<ProxyParts, 'note'> | null,
  value: string,
  { route, side, backend, cookies, authority }: CookieContext,
): string {
  let out = value
  if (leakOf('set-cookie', value, addressesOf(backend), authority)) {
    parts?.note({ kind: 'leak', route: route.id, side, where: 'set-cookie' })
    if (route.leaks === 'rewrite') out = withoutDomain(out)
  }
  if (cookies !== null) out = setCookieFromSide(out, cookies)
  if (hasBoth(route)) parts?.note({ kind: 'set-cookie', route: route.id, side, name: cookieName(out) })
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

/** Names of the fields by which some shared cache may keep the answer, `cache-control` also where there is none; null: none may. */
function lettingKeep(method: string, asked: readonly string[], { status, fields }: Answer): Set<string> | null {
  if (method !== 'GET' && method !== 'HEAD') return null
  const facts = {
    method,
    status,
    expires: headerOf(fields.list, 'expires') !== null,
    setsCookie: headerOf(fields.list, 'set-cookie') !== null,
    hasAuthorization: headerOf(asked, 'authorization') !== null,
    vary: joined(fields.list, 'vary'),
  }
  const names: string[] = []
  const look = (lower: string) => {
    const value = joined(fields.list, lower)
    const cacheControl = value === null ? null : inCacheWords(lower, value)
    if (sharedCacheMayKeep({ ...facts, cacheControl })) names.push(lower)
  }
  look('cache-control')
  for (const { kind, lower } of fields.known) if (kind === 'cache' && lower !== 'cache-control') look(lower)
  return names.length > 0 ? new Set(names) : null
}

const addresses = new WeakMap<Backend, ReadonlySet<string>>()

function addressesOf(backend: Backend): ReadonlySet<string> {
  let known = addresses.get(backend)
  if (known === undefined) {
    // What it hears as Host is what it builds URLs from.
    known = authoritiesOf(backend.host === null ? backend.origins : [...backend.origins, `http://${backend.host}`])
    addresses.set(backend, known)
  }
  return known
}
