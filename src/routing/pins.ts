// Who has a side keeps it: through login, a new session id, and every change of the weight. The memory is a signed cookie of
// ours in the user's browser, one for each unit (group, or route without one).
//
//   banyan_pin_<unit> = side, when it was last said, a tag of the application's session      (see seal.ts)
//   banyan_session    = this browser's session began while we watched
//
// A pin counts while its user came within `idle`, and beyond that while the session id is the one that it was given with: so
// nobody moves inside a session. Applications give a new id at login. In the answer that does so both ids are known, the old
// one from the request and the new one from Set-Cookie; the pin is written anew in that very answer, for every unit. An answer
// that ends the session (a deleted cookie) ends the pin: the next session follows the weight. Where an id has changed and we
// did not see how, the pin counts: better a session too long on its side than one that flips.
//
// A session without a pin began before anybody pinned, on legacy; `admit: new-sessions` leaves it there. `banyan_session`
// tells those apart that began on another route, whose answer had no pin to give.
import {
  cookieOf,
  cookiesOf,
  type Decision,
  headerOf,
  type OwnCookie,
  type RequestHead,
  type TokenResult,
} from '../model/exchange.ts'
import type { PinPolicy, Side, UnitId } from '../model/route.ts'
import type { EpochMs } from '../model/units.ts'
import type { Seal } from './seal.ts'

export const PIN_COOKIE = 'banyan_pin_'
export const SESSION_COOKIE = 'banyan_session'

/** Browsers keep a pin for so long at least: beyond `idle` the session's id decides. */
const KEPT_S = 30 * 86_400
/** A pin is written again after this part of `idle`, so that most answers set nothing. */
const RENEW_PARTS = 8

/** What a request says of its user's side. */
export interface PinSeen {
  /** null: nothing does, the weight decides. */
  readonly side: Side | null
  readonly tag: string
  readonly due: boolean
  /** There is a genuine pin. */
  readonly held: boolean
  readonly result: TokenResult | null
}

export interface Pins {
  see(unit: UnitId, policy: PinPolicy, head: RequestHead): PinSeen
  /** What an answer sets, given the application's own Set-Cookie values as the client gets them. */
  cookies(decision: Decision, head: RequestHead, setCookies: readonly string[]): readonly OwnCookie[]
}

/** `units` are those with a pin. */
export function createPins(units: ReadonlyMap<UnitId, PinPolicy>, seal: Seal, now: () => EpochMs): Pins {
  const sessionNames = new Set([...units.values()].flatMap(policy => policy.session))

  function read(unit: UnitId, token: string): Held | TokenResult {
    const fields = seal.open(unit, token, 3)
    if (typeof fields === 'string') return fields
    const [side, seconds = '', tag = ''] = fields
    return { side: side === 'n' ? 'new' : 'legacy', seenAt: Number.parseInt(seconds, 36) * 1000, tag }
  }

  function write(unit: UnitId, { idleMs }: PinPolicy, side: Side, tag: string): OwnCookie {
    const seconds = Math.floor(now() / 1000).toString(36)
    return {
      name: PIN_COOKIE + unit,
      value: seal.sign(unit, [side === 'new' ? 'n' : 'l', seconds, tag]),
      seconds: Math.max(KEPT_S, Math.ceil(idleMs / 1000)),
    }
  }

  function tagOf({ session }: PinPolicy, cookies: string | null): string {
    for (const name of session) {
      const id = cookieOf(cookies, name)
      if (id !== null && id !== '') return seal.tag(id)
    }
    return ''
  }

  function heldIn(unit: UnitId, cookies: string | null): Held | TokenResult | null {
    let wrong: TokenResult | null = null
    for (const token of cookiesOf(cookies, PIN_COOKIE + unit)) {
      const found = read(unit, token)
      if (typeof found !== 'string') return found
      wrong = found
    }
    return wrong
  }

  function beganHere(cookies: string | null): boolean {
    for (const token of cookiesOf(cookies, SESSION_COOKIE)) {
      if (typeof seal.open(SESSION_COOKIE, token, 1) !== 'string') return true
    }
    return false
  }

  return {
    see(unit, policy, head) {
      const cookies = headerOf(head.headers, 'cookie')
      const tag = tagOf(policy, cookies)
      const found = heldIn(unit, cookies)
      if (found !== null && typeof found !== 'string') {
        const ageMs = now() - found.seenAt
        const isSame = tag !== '' && tag === found.tag
        if (ageMs <= policy.idleMs || isSame) {
          // One from the future was written before a clock went back.
          const due = ageMs < 0 || ageMs >= policy.idleMs / RENEW_PARTS || tag !== found.tag
          return { side: found.side, tag, due, held: true, result: 'accepted' }
        }
        return { side: null, tag, due: true, held: true, result: 'expired' }
      }
      const before = policy.admit === 'new-sessions' && tag !== '' && !beganHere(cookies)
      return { side: before ? 'legacy' : null, tag, due: true, held: false, result: found }
    },
    cookies({ route, issue }, head, setCookies) {
      if (setCookies.length === 0 && issue?.pin?.due !== true) return NOTHING
      const out: OwnCookie[] = []
      const changes = sessionChanges(setCookies, sessionNames, now())
      const plan = issue?.pin ?? null
      if (plan !== null && route.pin !== null) {
        const change = changeFor(route.pin, changes)
        if (change === 'ended') {
          if (plan.held) out.push(forget(PIN_COOKIE + route.unit))
        } else if (change !== null) out.push(write(route.unit, route.pin, plan.side, seal.tag(change.id)))
        else if (plan.due) out.push(write(route.unit, route.pin, plan.side, plan.tag))
      }
      if (changes.size === 0) return out
      const cookies = headerOf(head.headers, 'cookie')
      for (const [unit, policy] of units) {
        const change = changeFor(policy, changes)
        if (change === null || (unit === route.unit && plan !== null)) continue
        const held = heldIn(unit, cookies)
        if (held === null || typeof held === 'string') continue
        out.push(change === 'ended' ? forget(PIN_COOKIE + unit) : write(unit, policy, held.side, seal.tag(change.id)))
      }
      const begins = [...changes.values()].some(id => id !== '')
      const had = [...sessionNames].some(name => cookieOf(cookies, name) !== null)
      if (begins && !had) {
        const value = seal.sign(SESSION_COOKIE, [Math.floor(now() / 1000).toString(36)])
        out.push({ name: SESSION_COOKIE, value, seconds: null })
      }
      return out
    },
  }
}

const NOTHING: readonly OwnCookie[] = []

interface Held {
  readonly side: Side
  readonly seenAt: EpochMs
  readonly tag: string
}

function forget(name: string): OwnCookie {
  return { name, value: '', seconds: 0 }
}

/** The new id of the unit's session, or that it has ended; null: neither. A later Set-Cookie of the same name wins. */
function changeFor(
  { session }: PinPolicy,
  changes: ReadonlyMap<string, string>,
): { readonly id: string } | 'ended' | null {
  const concerned = session.flatMap(name => changes.get(name) ?? [])
  if (concerned.length === 0) return null
  const id = concerned.find(one => one !== '')
  return id === undefined ? 'ended' : { id }
}

/** Of the named cookies, what the answer makes of them: a value, or `''` where it deletes. RFC 6265, 5.2. */
function sessionChanges(
  setCookies: readonly string[],
  names: ReadonlySet<string>,
  now: EpochMs,
): ReadonlyMap<string, string> {
  const changes = new Map<string, string>()
  for (const text of setCookies) {
    const [pair = '', ...attributes] = text.split(';')
    const equals = pair.indexOf('=')
    const name = pair.slice(0, Math.max(0, equals)).trim()
    if (equals === -1 || !names.has(name)) continue
    changes.set(name, isOver(attributes, now) ? '' : pair.slice(equals + 1).trim())
  }
  return changes
}

function isOver(attributes: readonly string[], now: EpochMs): boolean {
  let over = false
  for (const attribute of attributes) {
    const [name = '', value = ''] = attribute.split(/=(.*)/s).map(part => part.trim())
    // RFC 6265, 5.3: Max-Age wins over Expires.
    if (name.toLowerCase() === 'max-age' && /^-?[0-9]+$/.test(value)) return Number(value) <= 0
    if (name.toLowerCase() === 'expires') over = Date.parse(value) <= now
  }
  return over
}
