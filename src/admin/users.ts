// The support desk and the testers: what the API does for single users. Keys are read, hashed and forgotten.
import { randomBytes } from 'node:crypto'
import { linkSealOf } from '../config/compile.ts'
import type { Control } from '../control/control.ts'
import type { StoredPin } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { Route, RouteId } from '../model/route.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Clock, EpochMs } from '../model/units.ts'
import { hashOfKey } from '../routing/cohorts.ts'
import { LINK_HEADER, LINK_PARAM, signLink } from '../routing/links.ts'
import type { PinView } from './api.ts'
import type { Call, Handled, Handler } from './handlers.ts'
import { routeOf } from './route-of.ts'

export interface UsersParts {
  readonly control: Control
  readonly current: () => Snapshot
  readonly clock: Clock
  /** Where clients reach the proxy, for a link to a page. */
  readonly proxyUrl: () => string
  /** What every change carries. */
  readonly said: (call: Call) => { readonly actor: Call['actor']; readonly reason: string | null }
}

type UserCalls = Extract<Handled, 'pins' | 'pin' | 'unpin' | 'who' | 'link'>

export function createUserHandlers(parts: UsersParts): Readonly<Record<UserCalls, Handler>> {
  const { control, clock, said } = parts

  function standing(route: Route): readonly StoredPin[] {
    return control.state().pins.filter(pin => pin.unit === route.unit && pin.until > clock.now())
  }

  function changing(call: Call) {
    return { ...said(call), ...(call.ifRevision === null ? {} : { ifRevision: call.ifRevision }) }
  }

  return {
    pins: call => ({ pins: standing(routeOf(control, call)).map(viewPin) }),
    async pin(call) {
      const { key, side, for: ms } = call.body
      const until = clock.now() + ms
      const pin = { id: `pin-${randomBytes(5).toString('hex')}`, key: hashOfKey(key), side, until }
      const route = call.params.id as RouteId
      const { applied } = await control.apply({ type: 'pin', route, pin, ...changing(call) })
      const stored = standing(routeOf(control, call)).find(one => one.key === pin.key)
      return { ...applied, pin: stored === undefined ? null : viewPin(stored) }
    },
    async unpin(call) {
      const route = routeOf(control, call)
      const { key, pin: id } = call.query as { readonly key?: string; readonly pin?: string }
      if ((key === undefined) === (id === undefined)) {
        throw new BanyanError('invalid', 'whose pin is it?', {
          hint: 'give either key or pin',
          details: { errors: [{ pointer: '/key', message: 'either key or pin' }] },
        })
      }
      const hash = key === undefined ? null : hashOfKey(key)
      const before = standing(route).find(one => one.key === hash || one.id === id)
      const command = { type: 'unpin' as const, route: route.id, key: before?.key ?? '', ...changing(call) }
      const { applied } = await control.apply(command)
      return { ...applied, pin: before === undefined ? null : viewPin(before) }
    },
    who(call) {
      const { key } = call.query as { readonly key: string }
      const hash = hashOfKey(key)
      const snapshot = parts.current()
      const visible = snapshot.who(key).filter(({ route }) => call.caller.routes?.has(route.id) ?? true)
      return {
        key: { hashed: hash.slice(0, 8) },
        routes: visible.map(({ route, side, reason, why, percentile }) => {
          const pin = standing(route).find(one => one.key === hash)
          return {
            route: route.id,
            unit: route.unit,
            side,
            reason,
            why,
            bucket: percentile,
            weight: snapshot.splits[route.index]?.effective ?? 0,
            pin: pin === undefined ? null : viewPin(pin),
          }
        }),
      }
    },
    async link(call) {
      const route = routeOf(control, call)
      const { side, for: ms, host = null, url } = call.body
      const until = clock.now() + ms
      const page = pageOf(route, url ?? null, parts.proxyUrl())
      const audience = (host as string | null)?.toLowerCase() ?? null
      const { applied } = await control.apply({
        type: 'link',
        route: route.id,
        side,
        until,
        audience,
        ...said(call),
      })
      const token = signLink(linkSealOf(control.plan(), control.state()), {
        unit: route.unit,
        side,
        expiresAt: until,
        host: audience,
      })
      const query = `${LINK_PARAM}=${token}`
      return {
        ...applied,
        route: route.id,
        side,
        until,
        host: audience,
        url: `${page}${page.includes('?') ? '&' : '?'}${query}`,
        query,
        header: { name: LINK_HEADER, value: token },
      }
    },
  }
}

function viewPin({ id, key, side, until, by, at, reason }: StoredPin): PinView {
  return { id, key: key.slice(0, 8), side, until: until satisfies EpochMs, by, at, reason }
}

/** What was asked for, else the literal beginning of the route's first path, on the host that it names. */
function pageOf({ match }: Route, url: string | null, proxyUrl: string): string {
  if (url !== null) {
    const isPage = /^https?:\/\/[^/?#\s]+/i.test(url) || url.startsWith('/')
    if (!isPage || /[\s#]/.test(url)) {
      throw new BanyanError('invalid', 'url is neither a path nor a URL', {
        hint: 'https://shop.example.com/orders, or /orders',
        details: { errors: [{ pointer: '/url', message: 'must begin with / or http://, without a #' }] },
      })
    }
    return url.startsWith('/') ? proxyUrl + url : url
  }
  const literal = (match.paths[0] ?? '/').replace(/\/(?:[:*].*)?$/, '')
  const base =
    match.host === null || match.host.startsWith('*') ? proxyUrl : `${new URL(proxyUrl).protocol}//${match.host}`
  return `${base}${literal === '' ? '/' : literal}`
}
