// Answers that point at a backend's own address, which nobody in front of the proxy can reach: redirects, cookies, links.
//
// A legacy that builds URLs from its own host name does this. References are looked at as text (RFC 3986, 4.2) and never
// through a URL parser, which would alter their bytes.

/** `host` or `host:port`, lower case, without the port that the scheme means anyway. */
export type Authority = string

/** What of an answer may point somewhere; Content-Location is a `location` too. */
export type LeakKind = 'location' | 'set-cookie'

/** The authorities of a backend's origins, as `http://10.0.0.5:3001`. */
export function addressesOf(origins: readonly string[]): ReadonlySet<Authority> {
  const found = new Set<Authority>()
  for (const origin of origins) {
    const reference = readReference(origin)
    if (reference !== null) found.add(reference.authority)
  }
  return found
}

/** Whether the value sends the client to one of the side's own addresses, while the client itself used another. */
export function leakOf(
  kind: LeakKind,
  value: string,
  addresses: ReadonlySet<Authority>,
  clientAuthority: string,
): boolean {
  return kind === 'location'
    ? locationLeaks(value, addresses, clientAuthority)
    : domainLeaks(value, addresses, clientAuthority)
}

function locationLeaks(value: string, addresses: ReadonlySet<Authority>, clientAuthority: string): boolean {
  const reference = readReference(value)
  if (reference === null || !addresses.has(reference.authority)) return false
  return reference.authority !== plainAuthority(clientAuthority, null)
}

/** A Domain that covers an address of the side, and not the client's host: no browser takes such a cookie (RFC 6265, 5.3). */
function domainLeaks(setCookie: string, addresses: ReadonlySet<Authority>, clientAuthority: string): boolean {
  const domain = domainOf(setCookie)
  if (domain === '' || covers(domain, hostOf(clientAuthority.toLowerCase()))) return false
  for (const address of addresses) if (covers(domain, hostOf(address))) return true
  return false
}

function covers(domain: string, host: string): boolean {
  return host === domain || host.endsWith(`.${domain}`)
}

/** The value with the client's scheme and authority in place of the side's; byte for byte the same where it does not point there. */
export function rewrittenLocation(
  value: string,
  addresses: ReadonlySet<Authority>,
  proto: 'http' | 'https',
  authority: string,
): string {
  const reference = readReference(value)
  if (reference === null || !addresses.has(reference.authority)) return value
  const start = reference.scheme === null ? '//' : `${proto}://`
  return start + authority + value.slice(reference.end)
}

/** What follows the authority, where that is one of the side's own or the client's; else the value as it is. */
export function withoutOwnAuthority(value: string, addresses: ReadonlySet<Authority>, clientAuthority: string): string {
  const reference = readReference(value)
  if (reference === null) return value
  const isOwn = addresses.has(reference.authority) || reference.authority === plainAuthority(clientAuthority, null)
  const rest = value.slice(reference.end)
  return !isOwn ? value : rest.startsWith('/') ? rest : `/${rest}`
}

interface Reference {
  /** null: `//host/path`, whatever scheme the client is at. */
  readonly scheme: 'http' | 'https' | null
  readonly authority: Authority
  /** Where the authority ends and the path, query or fragment begins. */
  readonly end: number
}

const NETWORK_REFERENCE = /^(?:(https?):)?\/\/([^/?#\\]*)/i

/** null: relative to where the client is, or of another scheme. */
function readReference(text: string): Reference | null {
  // `/path`, which most redirects are.
  if (text.charCodeAt(0) === 0x2f && text.charCodeAt(1) !== 0x2f) return null
  const [whole, schemeText, rawAuthority] = NETWORK_REFERENCE.exec(text) ?? []
  if (whole === undefined || rawAuthority === undefined) return null
  const scheme = (schemeText?.toLowerCase() ?? null) as Reference['scheme']
  const authority = plainAuthority(rawAuthority.slice(rawAuthority.lastIndexOf('@') + 1), scheme)
  return authority === '' ? null : { scheme, authority, end: whole.length }
}

/** Without a scheme either's own port goes. */
function plainAuthority(authority: string, scheme: Reference['scheme']): Authority {
  const lower = authority.toLowerCase()
  if (scheme !== 'https' && lower.endsWith(':80')) return lower.slice(0, -3)
  if (scheme !== 'http' && lower.endsWith(':443')) return lower.slice(0, -4)
  return lower.endsWith(':') ? lower.slice(0, -1) : lower
}

function hostOf(authority: string): string {
  const colon = authority.lastIndexOf(':')
  return colon > authority.lastIndexOf(']') ? authority.slice(0, colon) : authority
}

/** Lower case, without a leading dot; `''`: none. The last one counts (RFC 6265, 5.3). */
function domainOf(setCookie: string): string {
  let domain = ''
  for (const attribute of setCookie.split(';').slice(1)) {
    if (!isDomain(attribute)) continue
    const text = attribute.slice(attribute.indexOf('=') + 1).trim()
    domain = (text.startsWith('.') ? text.slice(1) : text).toLowerCase()
  }
  return domain
}

function isDomain(attribute: string): boolean {
  const equals = attribute.indexOf('=')
  return equals !== -1 && attribute.slice(0, equals).trim().toLowerCase() === 'domain'
}

/** A Set-Cookie for the very host that the client asked; everything but Domain stays byte for byte. */
export function withoutDomain(setCookie: string): string {
  const [pair = '', ...attributes] = setCookie.split(';')
  if (!attributes.some(isDomain)) return setCookie
  return [pair, ...attributes.filter(attribute => !isDomain(attribute))].join(';')
}

const MOST_HTML = 64 * 1024
/** Longest host name with a port and somebody's name in front. */
const LONGEST_AUTHORITY = 320
const END_OF_AUTHORITY = /["'<>\s/?#\\)&]/

/** How often the beginning of an HTML text points at one of the addresses. Texts between tags count too: it is an estimate. */
export function countLinks(html: string, addresses: ReadonlySet<Authority>): number {
  const text = html.length > MOST_HTML ? html.slice(0, MOST_HTML) : html
  let count = 0
  for (let at = text.indexOf('//'); at !== -1; at = text.indexOf('//', at + 2)) {
    const window = text.slice(at + 2, at + 2 + LONGEST_AUTHORITY)
    const end = window.search(END_OF_AUTHORITY)
    const authority = end === -1 ? window : window.slice(0, end)
    const before = text.slice(Math.max(0, at - 6), at).toLowerCase()
    const scheme = before.endsWith('https:') ? 'https' : before.endsWith('http:') ? 'http' : null
    if (addresses.has(plainAuthority(authority.slice(authority.lastIndexOf('@') + 1), scheme))) count++
  }
  return count
}
