// Who may call the admin API: Host and Origin checks, bearer tokens, people behind an SSO proxy, and patience with wrong ones.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { ControlState, Token } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { Clock, EpochMs, Milliseconds } from '../model/units.ts'
import { createHeaderLogin, type HeaderLoginOptions } from './header-login.ts'
import { createPatience } from './patience.ts'
import { type Caller, callerOf } from './scopes.ts'

export { type Caller, requireScope, requireSomewhere } from './scopes.ts'

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])
const ENVIRONMENT = 'env'
/** A browser cannot send it to another origin without being allowed to, and nobody is. */
export const CSRF_HEADER = 'x-banyan-csrf'
/** What a person has opened ends after this long: whether the proxy still knows them shows with the next request only. */
const PERSON_MS: Milliseconds = 15 * 60_000

export interface Access {
  /** Throws a BanyanError when the request does not come from where it may. */
  checkOrigin(request: FastifyRequest): void
  /** By the bearer token where there is one, right or wrong; else by the SSO proxy. Throws as `authenticate`, or `csrf`. */
  admit(request: FastifyRequest): Caller
  /** By a token. Throws `unauthorized` or `throttled`. `hint`: how a token is given here. */
  authenticate(secret: string | null, address: string, hint?: string): Caller
  /** False once the caller’s token was revoked or has expired, and for a person after a while. */
  holds(caller: Caller): boolean
  /** When a token was last shown to this process; null: not since its start. */
  lastUsed(tokenId: string): EpochMs | null
  warnings(): readonly { readonly code: string; readonly message: string; readonly route: null }[]
}

/** `absent`: no token was given, nor anybody named. `header`: the SSO proxy said it in a way that must not be believed. */
export type FailedLogin = 'absent' | 'wrong' | 'expired' | 'header'

export interface AccessParts {
  readonly clock: Clock
  readonly tokens: () => ControlState['tokens']
  /** From BANYAN_ADMIN_TOKEN: its hash; null without one. */
  readonly environmentToken: string | null
  /** Names that `Host` may have beside the loopback ones, lower case, without port. */
  readonly hosts: readonly string[]
  /** `admin.auth`; absent or null: tokens only. */
  readonly auth?: HeaderLoginOptions | null
  /** Told of each, before it is answered; `throttled`: with 429. */
  readonly failedLogin?: (reason: FailedLogin, throttled: boolean) => void
}

export function createAccess(parts: AccessParts): Access {
  const { clock, auth = null } = parts
  const patience = createPatience(clock)
  const hosts = new Set([...LOOPBACK, ...parts.hosts])
  const people = auth === null ? null : createHeaderLogin(auth)
  const bearerHint = `Authorization: Bearer <token>${people === null ? '' : ', or a login at the proxy in front'}`
  const lastUse = new Map<string, EpochMs>()
  const since = new WeakMap<Caller, Milliseconds>()

  function tokens(): readonly Token[] {
    const stored = parts.tokens()
    return parts.environmentToken === null ? stored : [...stored, fromEnvironment(parts.environmentToken)]
  }

  function refuse(reason: FailedLogin, address: string, hint = bearerHint): never {
    const waitMs = patience.failed(address)
    parts.failedLogin?.(reason, waitMs !== null)
    if (waitMs !== null) {
      throw new BanyanError('throttled', 'too many failed logins', {
        hint: 'a right token still passes',
        details: { retryAfter: Math.max(1, Math.ceil(waitMs / 1000)) },
      })
    }
    // One text for every cause: absent, wrong, revoked, expired.
    throw new BanyanError('unauthorized', 'a valid token is needed', { hint })
  }

  function authenticate(secret: string | null, address: string, hint?: string): Caller {
    if (secret === null) refuse('absent', address, hint)
    const given = hashOf(secret)
    let found: Token | null = null
    // All are compared, each in constant time: which one it was does not show in the time taken.
    for (const token of tokens()) if (equalHashes(token.hash, given)) found = token
    if (found === null) refuse('wrong', address, hint)
    const now = clock.now()
    if (isExpired(found, now)) refuse('expired', address, hint)
    lastUse.set(found.id, now)
    const has = `the token has ${found.scopes.join(', ')}`
    return callerOf({ name: found.name, tokenId: found.id, has }, [found])
  }

  return {
    authenticate,
    checkOrigin(request) {
      if (timesOf(request, 'host') > 1) throw new BanyanError('wrong_host', 'more than one Host', { hint: 'send one' })
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
    admit(request) {
      // One of them may be another's, and nobody can tell which.
      if (timesOf(request, 'authorization') > 1) {
        throw new BanyanError('invalid', 'more than one Authorization', { hint: 'send one' })
      }
      const { authorization } = request.headers
      // Who shows a token means it: a wrong one is not another person. Basic is what SSO proxies add.
      if (people === null || /^bearer\b/i.test(authorization ?? '')) {
        return authenticate(bearerOf(authorization), request.ip)
      }
      const { headers, rawHeaders } = request.raw
      const login = people.login({ headers, rawHeaders, peer: request.ip })
      if (login === 'absent') refuse('absent', request.ip)
      if (login === 'refused') refuse('header', request.ip)
      checkOwnPage(request)
      since.set(login.caller, clock.monotonic())
      return login.caller
    },
    holds(caller) {
      if (caller.tokenId === null) return clock.monotonic() - (since.get(caller) ?? 0) < PERSON_MS
      return tokens().some(one => one.id === caller.tokenId && !isExpired(one, clock.now()))
    },
    lastUsed: id => lastUse.get(id) ?? null,
    warnings: () => people?.warnings() ?? [],
  }
}

/**
 * A browser adds the proxy's cookie to whatever a page makes it send. So a change by a person must come from a page of this
 * origin: it has our own header, for which a browser would ask first, and an Origin, which was compared already.
 */
function checkOwnPage({ method, headers }: FastifyRequest): void {
  if (method === 'GET' || method === 'HEAD') return
  const site = headers['sec-fetch-site']
  const own = headers.origin !== undefined && (site === undefined || site === 'same-origin')
  if (own && headers[CSRF_HEADER] !== undefined && headers[CSRF_HEADER] !== '') return
  throw new BanyanError(
    'csrf',
    'a change by somebody who is logged in at the proxy must come from a page of this origin',
    {
      hint: `send Origin and ${CSRF_HEADER}: 1, or use a token`,
    },
  )
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
  return { id: ENVIRONMENT, name: 'environment', hash, scopes: ['admin'], routes: null, createdAt: 0, expiresAt: null }
}

function isExpired(token: Token, now: EpochMs): boolean {
  return token.expiresAt !== null && token.expiresAt <= now
}

function equalHashes(a: string, b: string): boolean {
  const left = Buffer.from(a, 'hex')
  const right = Buffer.from(b, 'hex')
  return left.length === right.length && timingSafeEqual(left, right)
}

/** How often a field came. `name`: in lower case. */
function timesOf({ raw }: FastifyRequest, name: string): number {
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
