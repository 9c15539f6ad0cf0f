// Two applications on one host, each with its own cookies (RFC 6265, and the name prefixes of its successor).
//
// A side with a policy lives in a room of its own: towards the client its cookies bear its prefix, and of what the client
// sends it sees those (without the prefix) and the shared ones. A side without a policy sees all but the other's room.
import type { CookiePolicy } from '../model/route.ts'
import { isOwnCookie, OWN_PREFIX } from '../routing/own-cookies.ts'

/** Browsers hold cookies of such names to promises, so the words stay in front. In any case, as browsers read them. */
const PROMISE = /^__(?:host-http|host|secure|http)-/i

/**
 * What one side gets of a Cookie field: `''` when nothing is left, and byte for byte the same where nothing applies.
 * The proxy's own cookies no backend gets, in their `__Host-` form neither.
 */
export function cookiesForSide(cookie: string, own: CookiePolicy | null, other: CookiePolicy | null): string {
  if (own === null && other === null && !cookie.includes(OWN_PREFIX)) return cookie
  const kept: string[] = []
  let changed = false
  let any = false
  for (const part of cookie.split(';')) {
    if (part.trim() === '') {
      kept.push(part)
      continue
    }
    const equals = part.indexOf('=')
    const name = equals === -1 ? '' : part.slice(0, equals).trim()
    const seenAs = isOwnCookie(name.replace(/^__Host-/, '')) ? null : nameForSide(name, own, other)
    if (seenAs !== name) changed = true
    if (seenAs === null) continue
    any = true
    const start = part.indexOf(name)
    kept.push(seenAs === name ? part : part.slice(0, start) + seenAs + part.slice(start + name.length))
  }
  if (!changed) return cookie
  return any ? kept.join(';').trim() : ''
}

/** A Cookie field with only those cookies in it; `''`: none is left. */
export function onlyCookies(value: string, names: ReadonlySet<string>): string {
  const parts = value.split(';').map(part => part.trim())
  return parts.filter(part => names.has(part.slice(0, Math.max(0, part.indexOf('='))).trim())).join('; ')
}

/** The name under which the side set it; null: it is not for this side. A part without a name is `''`. */
function nameForSide(name: string, own: CookiePolicy | null, other: CookiePolicy | null): string | null {
  if (own?.shared.has(name) || other?.shared.has(name)) return own === null || own.shared.has(name) ? name : null
  const ownLength = own === null ? 0 : lengthOfPrefix(name, own.prefix)
  // One prefix may begin with the other: the longer one says more.
  if (other !== null && lengthOfPrefix(name, other.prefix) > ownLength) return null
  if (own === null || own.prefix === '') return name
  if (ownLength === 0) return null
  const promise = PROMISE.exec(name)?.[0] ?? ''
  const rest = name.slice(promise.length + ownLength)
  const inner = promise + rest
  // `n___Host-sid` was never set by us. Handed on as `__Host-sid` it would be a promise that no browser has kept.
  if (PROMISE.test(rest)) return null
  // A shared cookie has no twin in the room; one is left over from a time when it was not shared.
  return own.shared.has(inner) ? null : inner
}

/** Length of the prefix that the name bears behind its promise; 0: it bears none. */
function lengthOfPrefix(name: string, prefix: string): number {
  const promise = PROMISE.exec(name)?.[0] ?? ''
  return name.startsWith(prefix, promise.length) ? prefix.length : 0
}

/** A Set-Cookie of the side as the client gets it. A cookie without a name cannot be told apart and stays. */
export function setCookieFromSide(value: string, own: CookiePolicy): string {
  const name = cookieName(value)
  if (name === '' || own.shared.has(name)) return value
  const start = value.indexOf(name)
  const promise = PROMISE.exec(name)?.[0] ?? ''
  const at = start + promise.length
  return `${value.slice(0, at)}${own.prefix}${value.slice(at)}`
}

/** The name in a Set-Cookie; `''`: none. RFC 6265, 5.2. */
export function cookieName(setCookie: string): string {
  const semicolon = setCookie.indexOf(';')
  const equals = setCookie.indexOf('=')
  return equals === -1 || (semicolon !== -1 && semicolon < equals) ? '' : setCookie.slice(0, equals).trim()
}
