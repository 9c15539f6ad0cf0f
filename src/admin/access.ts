// Who may call the admin API: Host and Origin checks, bearer tokens, scopes, and patience with wrong ones.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import type { ControlState, Scope, Token } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { RouteId } from '../model/route.ts'
import type { Plan } from '../model/snapshot.ts'
import type { Clock, EpochMs } from '../model/units.ts'

/** Wrong tokens from one address before it gets 429 instead of 401; a right one always passes. */
const PATIENCE = 10
const PATIENCE_MS = 60_000
/** Addresses that are remembered; beyond it the longest unseen are forgotten. */
const ADDRESSES = 10_000

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

const INCLUDES: Readonly<Record<Scope, readonly Scope[]>> = {
  admin: ['admin', 'operate', 'rollback', 'bodies', 'read'],
  operate: ['operate', 'rollback', 'read'],
  rollback: ['rollback', 'read'],
  bodies: ['bodies', 'read'],
  read: ['read'],
}

/** Who calls, and what they may do. */
export interface Caller {
  readonly token: Token
  may(scope: Scope): boolean
  /** null: every route. */
  readonly routes: ReadonlySet<RouteId> | null
}

export interface Access {
  /** Throws a BanyanError when the request does not come from where it may. */
  checkOrigin(request: FastifyRequest): void
  /** Throws `unauthorized` or `throttled`. */
  authenticate(secret: string | null, address: string): Caller
  /** False once the caller's token was revoked or has expired. */
  holds(caller: Caller): boolean
}

export interface AccessParts {
  readonly clock: Clock
  readonly tokens: () => ControlState['tokens']
  /** From BANYAN_ADMIN_TOKEN: its hash; null without one. */
  readonly environmentToken: string | null
  /** How a token is given here; default: as a bearer. */
  readonly hint?: string
  /** Names that `Host` may have beside the loopback ones, lower case, without port. */
  readonly hosts: readonly string[]
}

export function createAccess(parts: AccessParts): Access {
  const failures = new LRUCache<string, { count: number; since: number }>({ max: ADDRESSES })
  const hosts = new Set([...LOOPBACK, ...parts.hosts])

  function tokens(): readonly Token[] {
    const stored = parts.tokens()
    return parts.environmentToken === null ? stored : [...stored, fromEnvironment(parts.environmentToken)]
  }

  function refuse(address: string): never {
    const now = parts.clock.monotonic()
    const known = failures.get(address)
    const current = known === undefined || now - known.since > PATIENCE_MS ? { count: 0, since: now } : known
    current.count++
    failures.set(address, current)
    if (current.count > PATIENCE) {
      throw new BanyanError('throttled', 'too many wrong tokens from this address', {
        hint: 'a right token still passes',
        details: { retryAfter: Math.ceil((current.since + PATIENCE_MS - now) / 1000) },
      })
    }
    // One text for every cause: absent, wrong, revoked, expired.
    throw new BanyanError('unauthorized', 'a valid token is needed', {
      hint: parts.hint ?? 'Authorization: Bearer <token>',
    })
  }

  return {
    checkOrigin(request) {
      const named = request.raw.rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length
      if (named > 1) throw new BanyanError('wrong_host', 'more than one Host', { hint: 'send one' })
      const host = hostOf(request.headers.host ?? '')
      if (!hosts.has(host)) {
        throw new BanyanError('wrong_host', `this listener does not answer for the host ${JSON.stringify(host)}`, {
          hint: 'name it in admin.hosts',
        })
      }
      const { origin } = request.headers
      if (
        request.headers['sec-fetch-site'] === 'cross-site' ||
        (origin !== undefined && !sameOrigin(origin, request))
      ) {
        throw new BanyanError('forbidden_origin', 'calls from other web pages are refused', {
          hint: 'call it from its own origin, or from outside a browser',
        })
      }
    },
    authenticate(secret, address) {
      if (secret === null) refuse(address)
      const given = hashOf(secret)
      let found: Token | null = null
      // All are compared, each in constant time: which one it was does not show in the time taken.
      for (const token of tokens()) if (equalHashes(token.hash, given)) found = token
      if (found === null || isExpired(found, parts.clock.now())) refuse(address)
      const granted = new Set(found.scopes.flatMap(scope => INCLUDES[scope]))
      return {
        token: found,
        may: scope => granted.has(scope),
        routes: found.routes === null ? null : new Set(found.routes),
      }
    },
    holds: ({ token }) => tokens().some(one => one.id === token.id) && !isExpired(token, parts.clock.now()),
  }
}

/** Throws `forbidden` unless the caller may do this to this route; a change of one member changes its whole group. */
export function requireScope(caller: Caller, scope: Scope, route: RouteId | null, plan: Plan): void {
  if (!caller.may(scope)) {
    throw new BanyanError('forbidden', `this call needs the scope ${scope}`, {
      hint: `the token has ${caller.token.scopes.join(', ')}`,
    })
  }
  if (caller.routes === null) return
  if (route === null) {
    throw new BanyanError('forbidden', 'the token is limited to routes, and this call is not about one', {
      hint: `it is limited to ${[...caller.routes].join(', ')}`,
    })
  }
  // Reading concerns the route alone.
  const unit = scope === 'read' || scope === 'bodies' ? undefined : plan.byId.get(route)?.unit
  const members = unit === undefined ? [route] : (plan.units.get(unit) ?? []).map(member => member.id)
  const missing = members.filter(id => !caller.routes?.has(id))
  if (missing.length > 0) {
    throw new BanyanError('forbidden', `the token does not reach ${missing.join(', ')}`, {
      hint: `it is limited to ${[...caller.routes].join(', ')}`,
    })
  }
}

/** `bny_` lets secret scanners know one; 256 bits of chance follow. */
export function createSecret(): string {
  return `bny_${randomBytes(32).toString('base64url')}`
}

export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** The token of an Authorization field, else null. */
export function bearerOf(authorization: string | undefined): string | null {
  return /^Bearer +([^\s]{1,512})$/i.exec(authorization ?? '')?.[1] ?? null
}

function fromEnvironment(hash: string): Token {
  return { id: 'env', name: 'environment', hash, scopes: ['admin'], routes: null, createdAt: 0, expiresAt: null }
}

function isExpired(token: Token, now: EpochMs): boolean {
  return token.expiresAt !== null && token.expiresAt <= now
}

function equalHashes(a: string, b: string): boolean {
  const left = Buffer.from(a, 'hex')
  const right = Buffer.from(b, 'hex')
  return left.length === right.length && timingSafeEqual(left, right)
}

function hostOf(host: string): string {
  const colon = host.lastIndexOf(':')
  return (colon > host.lastIndexOf(']') ? host.slice(0, colon) : host).toLowerCase()
}

function sameOrigin(origin: string, request: FastifyRequest): boolean {
  try {
    return new URL(origin).host === (request.headers.host ?? '').toLowerCase()
  } catch {
    return false
  }
}
