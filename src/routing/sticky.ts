// Whose request this is: the key that keeps a user on one side.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { cookieOf, headerOf, type RequestHead } from '../model/exchange.ts'
import type { NamedSource, StickySource } from '../model/route.ts'
import type { Match } from './match.ts'
import { queryOf } from './target.ts'

/** The name of our own cookie: an opaque id and its signature. */
export const AUTO_COOKIE = 'banyan_id'

export interface StickyKey {
  readonly value: string
  /** `header:x-user-id`, `auto` … */
  readonly from: string
  /** Set when this request is the first of its user: the cookie's value to send back. */
  readonly issue: string | null
}

/** Signs and checks our cookie. The key comes from the seed, so a fleet with one seed agrees. */
export interface AutoId {
  create(): string
  /** The id inside a genuine value, else null. */
  read(value: string | null): string | null
}

export function createAutoId(seed: string, randomId: () => string): AutoId {
  const key = createHmac('sha256', seed).update('banyan auto cookie 1').digest()
  const sign = (id: string) => createHmac('sha256', key).update(id).digest('base64url').slice(0, 22)
  return {
    create() {
      const id = randomId()
      return `${id}.${sign(id)}`
    },
    read(value) {
      if (value === null || value.length > 128) return null
      const dot = value.lastIndexOf('.')
      if (dot < 1) return null
      const id = value.slice(0, dot)
      const given = Buffer.from(value.slice(dot + 1))
      const right = Buffer.from(sign(id))
      return given.length === right.length && timingSafeEqual(given, right) ? id : null
    },
  }
}

/** The first source that is present decides; null: per request. */
export function stickyKey(
  sources: readonly StickySource[],
  head: RequestHead,
  match: Match,
  auto: AutoId,
): StickyKey | null {
  for (const source of sources) {
    if (source.kind === 'auto') {
      const given = auto.read(cookieOf(headerOf(head.headers, 'cookie'), AUTO_COOKIE))
      if (given !== null) return { value: given, from: 'auto', issue: null }
      const issue = auto.create()
      return { value: auto.read(issue) as string, from: 'auto', issue }
    }
    if (source.kind === 'ip') return { value: head.address, from: 'ip', issue: null }
    const value = sourceValue(source, head, match)
    if (value !== null && value !== '') return { value, from: `${source.kind}:${source.name}`, issue: null }
  }
  return null
}

/** The key of a request that has one already; none is made for who has none. */
export function knownKey(
  sources: readonly StickySource[],
  head: RequestHead,
  match: Match,
  auto: AutoId,
): string | null {
  const key = stickyKey(sources, head, match, auto)
  return key === null || key.issue !== null ? null : key.value
}

/** Every key that the request bears, whichever decides: people name a user by any of them. */
export function* presentKeys(
  sources: readonly StickySource[],
  head: RequestHead,
  match: Match,
  auto: AutoId,
): Generator<string> {
  for (const source of sources) {
    const value =
      source.kind === 'ip'
        ? head.address
        : source.kind === 'auto'
          ? auto.read(cookieOf(headerOf(head.headers, 'cookie'), AUTO_COOKIE))
          : sourceValue(source, head, match)
    if (value !== null && value !== '') yield source.kind === 'path' ? unescaped(value) : asText(value)
  }
}

/** People write ids, not their escapes. */
function unescaped(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

/** People write UTF-8 into lists; of a header we have its bytes, one character each. */
function asText(value: string): string {
  if (!/[\x80-\xff]/.test(value) || /[^\0-\xff]/.test(value)) return value
  const text = Buffer.from(value, 'latin1').toString('utf8')
  return text.includes('\ufffd') ? value : text
}

/** The other way round: what draws where a person names the key. By the first named source; the others may have it as text. */
export function keyAsSent(sources: readonly StickySource[], text: string): string {
  const first = sources.find(source => 'name' in source)
  if (first?.kind === 'path') return encodeURIComponent(text)
  return first?.kind === 'header' || first?.kind === 'cookie' ? Buffer.from(text).toString('latin1') : text
}

function sourceValue(source: NamedSource, head: RequestHead, match: Match): string | null {
  switch (source.kind) {
    case 'header':
      return headerOf(head.headers, source.name)
    case 'cookie':
      return cookieOf(headerOf(head.headers, 'cookie'), source.name)
    case 'jwt':
      return claimOf(headerOf(head.headers, 'authorization'), source.name)
    case 'query':
      return queryOf(match.target.query, source.name)
    case 'path':
      return segmentOf(match, source.name)
  }
}

function segmentOf(match: Match, name: string): string | null {
  const position = match.pattern.split('/').indexOf(`:${name}`)
  return position === -1 ? null : (match.target.path.split('/')[position] ?? null)
}

/**
 * A claim of a bearer token, *unverified*: it only chooses a bucket, and a forged one moves nobody but the forger.
 * Texts and numbers count; anything else is absent.
 */
export function claimOf(authorization: string | null, name: string): string | null {
  if (authorization === null || authorization.length > 16384 || !/^bearer /i.test(authorization)) return null
  const payload = authorization.slice(7).trim().split('.')[1]
  if (payload === undefined) return null
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString())
    if (typeof claims !== 'object' || claims === null || !Object.hasOwn(claims, name)) return null
    const claim = (claims as Record<string, unknown>)[name]
    return typeof claim === 'string' || typeof claim === 'number' ? String(claim) : null
  } catch {
    return null
  }
}
