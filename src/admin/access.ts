// Who may call the admin API: Host and Origin checks, bearer tokens, sessions of the dashboard, people behind an SSO proxy, and
// patience with wrong ones.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { ControlState, Token } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { Clock, EpochMs, Milliseconds } from '../model/units.ts'
import { createHeaderLogin, type HeaderLoginOptions } from './header-login.ts'
import { checkOrigin, checkOwnPage, isLoopbackName, pageOf, timesOf } from './origin.ts'
import { createPatience } from './patience.ts'
import { type Caller, callerOf } from './scopes.ts'
import { createSessions, isPageHalf, type ShownSession } from './session.ts'
import { sessionCookies, setSessionCookie } from './session-cookie.ts'

export { type Caller, requireScope, requireSomewhere } from './scopes.ts'

const ENVIRONMENT = 'env'
/** What a person has opened ends after this long: whether the proxy still knows them shows with the next request only. */
const PERSON_MS: Milliseconds = 15 * 60_000
const SIGN_IN_HINT = 'a token as `banyan token create` prints it'

export interface Access {
  /**
   * Throws a BanyanError when the request does not come from where it may. `isPage`: what is asked for holds nothing, and links of
   * other sites may lead to it.
   */
  checkOrigin(request: FastifyRequest, isPage?: boolean): void
  /**
   * By the bearer token where there is one, right or wrong; else by a session that holds, else by the SSO proxy. Throws as
   * `authenticate`, or `csrf`.
   */
  admit(request: FastifyRequest): Caller
  /** By a token. Throws `unauthorized` or `throttled`. `hint`: how a token is given here. */
  authenticate(secret: string | null, address: string, hint?: string): Caller
  /** A session by a token: the half that the page keeps, and the cookie with the other one. Throws as `authenticate`. */
  signIn(
    request: FastifyRequest,
    token: string,
  ): { readonly caller: Caller; readonly page: string; readonly setCookie: string }
  /** Ends the session that the caller came by, if any. Its cookie, cleared. */
  signOut(request: FastifyRequest, caller: Caller): string
  /** False once the caller’s token was revoked or has expired, or the session is over; for a person after a while. */
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
  /** Of the split: sessions are sealed with a key of it. */
  readonly seed: () => string
  /** What comes under another name than a loopback one came over TLS. */
  readonly behindTls: boolean
  /** `admin.auth`; absent or null: tokens only. */
  readonly auth?: HeaderLoginOptions | null
  /** Told of each, before it is answered; `throttled`: with 429. */
  readonly failedLogin?: (reason: FailedLogin, throttled: boolean) => void
}

export function createAccess(parts: AccessParts): Access {
  const { clock, auth = null } = parts
  const patience = createPatience(clock)
  const hosts = new Set(parts.hosts)
  const people = auth === null ? null : createHeaderLogin(auth)
  const bearerHint = `Authorization: Bearer <token>${people === null ? '' : ', or a login at the proxy in front'}`
  const lastUse = new Map<string, EpochMs>()
  const since = new WeakMap<Caller, Milliseconds>()
  const sessions = createSessions(parts)
  const shownBy = new WeakMap<Caller, ShownSession>()

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
    throw unauthorized(hint)
  }

  /** One text for every cause: absent, wrong, revoked, expired, signed out. */
  function unauthorized(hint = bearerHint): BanyanError {
    return new BanyanError('unauthorized', 'a valid token is needed', { hint })
  }

  function find(secret: string): Token | 'wrong' | 'expired' {
    const given = hashOf(secret)
    let found: Token | null = null
    // All are compared, each in constant time: which one it was does not show in the time taken.
    for (const token of tokens()) if (equalHashes(token.hash, given)) found = token
    if (found === null) return 'wrong'
    return isExpired(found, clock.now()) ? 'expired' : found
  }

  function byToken(token: Token, via: 'token' | 'session', expiresAt: EpochMs | null): Caller {
    lastUse.set(token.id, clock.now())
    const has = `the token has ${token.scopes.join(', ')}`
    return callerOf({ name: token.name, tokenId: token.id, has, via, expiresAt }, [token])
  }

  function known(secret: string | null, address: string, hint?: string): Token {
    const found = secret === null ? 'absent' : find(secret)
    return typeof found === 'string' ? refuse(found, address, hint) : found
  }

  function authenticate(secret: string | null, address: string, hint?: string): Caller {
    const found = known(secret, address, hint)
    return byToken(found, 'token', found.expiresAt)
  }

  function bySession(cookies: readonly string[], page: string): Caller | null {
    const session = sessions.open(cookies, page)
    const found = session === null ? 'wrong' : find(session.token)
    if (session === null || typeof found === 'string') return null
    const caller = byToken(found, 'session', session.expiresAt)
    shownBy.set(caller, session)
    return caller
  }

  function setCookie({ headers: { host = '' } }: FastifyRequest, value: string, forMs: Milliseconds): string {
    // A port that is forwarded from a loopback name has no TLS, and a browser would drop the cookie.
    return setSessionCookie(host, value, forMs, parts.behindTls && !isLoopbackName(host))
  }

  return {
    authenticate,
    checkOrigin: (request, isPage) => checkOrigin(request, hosts, isPage),
    admit(request) {
      // One of them may be another's, and nobody can tell which.
      if (timesOf(request, 'authorization') > 1) {
        throw new BanyanError('invalid', 'more than one Authorization', { hint: 'send one' })
      }
      const { authorization } = request.headers
      // Who shows a token means it: a wrong one is not another person. Basic is what SSO proxies add.
      if (/^bearer\b/i.test(authorization ?? '')) return authenticate(bearerOf(authorization), request.ip)
      const cookies = sessionCookies(request.headers)
      const page = pageOf(request)
      const session = bySession(cookies, page)
      if (session !== null) {
        checkOwnPage(request)
        return session
      }
      const { headers, rawHeaders } = request.raw
      const login = people?.login({ headers, rawHeaders, peer: request.ip }) ?? 'absent'
      // Nobody tried a token: a session is over, and its page must not use up the patience with its address.
      if (login === 'absent' && (cookies.length > 0 || isPageHalf(page))) throw unauthorized()
      if (login === 'absent') refuse('absent', request.ip)
      if (login === 'refused') refuse('header', request.ip)
      checkOwnPage(request)
      since.set(login.caller, clock.monotonic())
      return login.caller
    },
    signIn(request, token) {
      const found = known(token, request.ip, SIGN_IN_HINT)
      const { page, cookie, expiresAt } = sessions.begin(token, found.expiresAt)
      const caller = byToken(found, 'session', expiresAt)
      return { caller, page, setCookie: setCookie(request, cookie, expiresAt - clock.now()) }
    },
    signOut(request, caller) {
      if (shownBy.has(caller)) sessions.end(pageOf(request))
      return setCookie(request, '', 0)
    },
    holds(caller) {
      if (shownBy.get(caller)?.holds() === false) return false
      if (caller.tokenId === null) return clock.monotonic() - (since.get(caller) ?? 0) < PERSON_MS
      return tokens().some(one => one.id === caller.tokenId && !isExpired(one, clock.now()))
    },
    lastUsed: id => lastUse.get(id) ?? null,
    warnings: () => people?.warnings() ?? [],
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
