// Signed links, by which a tester sees a side before any user does: in the URL, in a header, and then in a cookie, so that the
// page's own requests go where the page came from.
//
//   ?banyan_side=<token>   X-Banyan-Link: <token>   Cookie: banyan_link_<unit>=<token>
//   token = side, expiry, audience (a host, or any), unit      (see seal.ts)
//
// `?banyan_side=off` lets the browser forget. None of it reaches a backend, on any route: a page's requests go to others, too,
// and name the page in Referer.
import { cookiesOf, type Heard, headerOf, type Issue, type RequestHead, type TokenResult } from '../model/exchange.ts'
import type { Route, Side, UnitId } from '../model/route.ts'
import type { EpochMs } from '../model/units.ts'
import type { Seal } from './seal.ts'
import { queryOf } from './target.ts'

export const LINK_PARAM = 'banyan_side'
export const LINK_HEADER = 'x-banyan-link'
export const LINK_COOKIE = 'banyan_link_'
const OFF = 'off'

export interface Link {
  readonly unit: UnitId
  readonly side: Side
  readonly expiresAt: EpochMs
  /** Lower case, without a port; null: any. */
  readonly host: string | null
}

/** What a request's links come to. */
export interface LinkSeen {
  readonly side: Side | null
  readonly plan: Issue['link']
  readonly heard: readonly Heard[]
}

const NOTHING: LinkSeen = { side: null, plan: null, heard: [] }

export function signLink(seal: Seal, { unit, side, expiresAt, host }: Link): string {
  const audience = Buffer.from(host ?? '').toString('base64url')
  return seal.sign('', [side === 'new' ? 'n' : 'l', Math.floor(expiresAt / 1000).toString(36), audience, unit])
}

/** The side that a genuine link asks for; all others count for nothing. */
export function seeLinks(route: Route, head: RequestHead, query: string | null, seal: Seal, now: EpochMs): LinkSeen {
  const cookies = headerOf(head.headers, 'cookie')
  const asked = queryOf(query, LINK_PARAM)
  if (asked === OFF) return { ...NOTHING, plan: { token: '', seconds: 0 } }
  const heard: Heard[] = []
  const take = (token: string): Link | null => {
    const link = readLink(route, head.host, token, seal, now)
    heard.push({ what: 'link', result: typeof link === 'string' ? link : 'accepted' })
    return typeof link === 'string' ? null : link
  }
  if (asked !== null) {
    const link = take(asked)
    if (link !== null) {
      const seconds = Math.max(1, Math.ceil((link.expiresAt - now) / 1000))
      return { side: link.side, plan: { token: asked, seconds }, heard }
    }
  }
  const said = headerOf(head.headers, LINK_HEADER)
  const byHeader = said === null ? null : take(said)
  if (byHeader !== null) return { side: byHeader.side, plan: null, heard }
  for (const token of cookiesOf(cookies, LINK_COOKIE + route.unit)) {
    const link = take(token)
    if (link !== null) return { side: link.side, plan: null, heard }
  }
  return heard.length === 0 ? NOTHING : { ...NOTHING, heard }
}

function readLink({ unit }: Route, host: string, token: string, seal: Seal, now: EpochMs): Link | TokenResult {
  const fields = seal.open('', token, 4)
  if (typeof fields === 'string') return fields
  const [side = '', seconds = '', audience = '', of = ''] = fields
  const link: Link = {
    unit: of,
    side: side === 'n' ? 'new' : 'legacy',
    expiresAt: Number.parseInt(seconds, 36) * 1000,
    host: audience === '' ? null : Buffer.from(audience, 'base64url').toString(),
  }
  if (link.unit !== unit) return 'other_route'
  if (link.expiresAt <= now) return 'expired'
  return link.host !== null && link.host !== host ? 'other_host' : link
}

/** A target or a URL without our parameter; all other bytes stay. */
export function withoutLink(target: string): string {
  const mark = target.indexOf('?')
  if (mark === -1) return target
  const pairs = target.slice(mark + 1).split('&')
  const kept = pairs.filter(pair => queryOf(pair, LINK_PARAM) === null)
  if (kept.length === pairs.length) return target
  return kept.length === 0 ? target.slice(0, mark) : `${target.slice(0, mark + 1)}${kept.join('&')}`
}
