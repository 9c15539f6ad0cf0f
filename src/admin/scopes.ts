// Who calls and what they may: scopes that include each other, each for every route or for some.
import { SCOPES, type Scope } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { RouteId } from '../model/route.ts'
import type { Plan } from '../model/snapshot.ts'
import type { EpochMs } from '../model/units.ts'
import type { SessionView } from './api.ts'

const INCLUDES: Readonly<Record<Scope, readonly Scope[]>> = {
  admin: ['admin', 'operate', 'rollback', 'bodies', 'read'],
  operate: ['operate', 'rollback', 'read'],
  rollback: ['rollback', 'read'],
  bodies: ['bodies', 'read'],
  read: ['read'],
}

/** Scopes together with the routes for which they are given. */
export interface Grant {
  readonly scopes: readonly Scope[]
  /** null: every route. */
  readonly routes: readonly RouteId[] | null
}

/** Who calls. */
export interface Who {
  /** What the audit log calls them: a token's name, or `sso:` and the name of a person. No token has a `:` in its name. */
  readonly name: string
  /** null: no token was shown, a proxy in front said who it is. */
  readonly tokenId: string | null
  /** For a refusal: what they have. */
  readonly has: string
  /** `sso`: a proxy in front said who it is. */
  readonly via: 'token' | 'session' | 'sso'
  /** Of the token or the session. */
  readonly expiresAt: EpochMs | null
}

/** And what they may do. */
export interface Caller extends Who {
  /** On some route at least. */
  may(scope: Scope): boolean
  mayOn(scope: Scope, route: RouteId): boolean
  /** Routes for which they have the scope; null: every route. */
  reach(scope: Scope): ReadonlySet<RouteId> | null
  /** `reach('read')`: what they may see at all, for every scope includes `read`. */
  readonly routes: ReadonlySet<RouteId> | null
}

/** @param said how the grants are called in a refusal, as `the token has read` */
export function callerOf(who: Who, grants: readonly Grant[]): Caller {
  const reaches = new Map<Scope, ReadonlySet<RouteId> | null>()
  for (const { scopes, routes } of grants) {
    for (const scope of new Set(scopes.flatMap(one => INCLUDES[one]))) {
      const before = reaches.get(scope)
      reaches.set(scope, routes === null || before === null ? null : new Set([...(before ?? []), ...routes]))
    }
  }
  const reach = (scope: Scope): ReadonlySet<RouteId> | null => {
    const found = reaches.get(scope)
    return found === undefined ? new Set() : found
  }
  return {
    ...who,
    may: scope => reaches.has(scope),
    mayOn: (scope, route) => reach(scope)?.has(route) ?? true,
    reach,
    routes: reach('read'),
  }
}

/** For a page that offers only what its caller may do. */
export function describeCaller({ name, via, expiresAt, may, reach, routes }: Caller): Omit<SessionView, 'page'> {
  const list = (found: ReadonlySet<RouteId> | null) => (found === null ? null : [...found])
  const scopes = SCOPES.filter(may)
  const reaches = Object.fromEntries(scopes.map(scope => [scope, list(reach(scope))]))
  return { name, scopes, routes: list(routes), reach: reaches, via, expiresAt }
}

/** Throws `forbidden` unless the caller has the scope, be it for one route only. */
export function requireSomewhere(caller: Caller, scope: Scope): void {
  if (caller.may(scope)) return
  throw new BanyanError('forbidden', `this call needs the scope ${scope}`, { hint: caller.has })
}

/**
 * Throws `forbidden` unless the caller may do this to this route (null: to what is not about one route); a change of one
 * member changes its whole group.
 */
export function requireScope(caller: Caller, scope: Scope, route: RouteId | null, plan: Plan): void {
  requireSomewhere(caller, scope)
  const reach = caller.reach(scope)
  if (reach === null) return
  const hint = `for ${scope} it is limited to ${[...reach].join(', ') || 'no route'}`
  const it = caller.tokenId === null ? caller.name : 'the token'
  if (route === null) {
    throw new BanyanError('forbidden', `${it} is limited to routes, and this call is not about one`, { hint })
  }
  // Reading concerns the route alone.
  const unit = scope === 'read' || scope === 'bodies' ? undefined : plan.byId.get(route)?.unit
  const members = unit === undefined ? [route] : (plan.units.get(unit) ?? []).map(member => member.id)
  const missing = members.filter(id => !reach.has(id))
  if (missing.length === 0) return
  throw new BanyanError('forbidden', `${it} does not reach ${missing.join(', ')}`, { hint })
}
