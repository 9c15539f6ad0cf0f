// Addresses that somebody tells us, as text: checked, and written in the one way in which a socket writes them.
import { isIP, SocketAddress } from 'node:net'
import { plainAddress } from '../routing/network.ts'

/** The longest text of an IPv6 address, with brackets, a zone and a port. */
const LONGEST = 128

/**
 * The address in one element of X-Forwarded-For or one `for=` of Forwarded: IPv4 or IPv6, with or without brackets and port,
 * IPv4-mapped as IPv4; null for what is none (`unknown`, `_hidden`, anything else).
 */
export function toldAddress(text: string): string | null {
  if (text.length > LONGEST) return null
  let bare = text
  if (text.startsWith('[')) {
    const end = text.indexOf(']')
    if (end === -1 || !isPortOrNothing(text, end + 1)) return null
    bare = text.slice(1, end)
    return isIP(bare) === 6 ? canonical(bare) : null
  }
  const colon = text.indexOf(':')
  if (colon !== -1 && colon === text.lastIndexOf(':')) {
    if (!isPortOrNothing(text, colon)) return null
    bare = text.slice(0, colon)
  }
  const version = isIP(bare)
  if (version === 4) return bare
  return version === 6 ? canonical(bare) : null
}

/** RFC 5952, and IPv4-mapped as IPv4. `address` is an IPv6 address; a zone is dropped. */
export function canonical(address: string): string {
  // What clients behind a proxy mostly have; the way around through a SocketAddress costs 5 µs.
  if (isPlainlyCanonical(address)) return address
  const zone = address.indexOf('%')
  const bare = zone === -1 ? address : address.slice(0, zone)
  return plainAddress(new SocketAddress({ address: bare, family: 'ipv6' }).address)
}

/** True only where nothing is to be done: no zero group written, lower case, nothing mapped, `::` for two groups or more. */
function isPlainlyCanonical(address: string): boolean {
  if (/[^0-9a-f:]|^0|:0/.test(address) || address.startsWith('::')) return false
  let colons = 0
  for (let at = address.indexOf(':'); at !== -1; at = address.indexOf(':', at + 1)) colons++
  return colons < 7 || !address.includes('::')
}

/** RFC 7239, 6: a port may be hidden (`_x`). */
function isPortOrNothing(text: string, at: number): boolean {
  return at === text.length || /^:([0-9]{1,5}|_[A-Za-z0-9._-]{1,64})$/.test(text.slice(at))
}
