// Cookies of ours in an answer: who the user is, which side they keep, and which address serves them.
import type { Decision, OwnCookie } from '../model/exchange.ts'
import { LINK_COOKIE } from '../routing/links.ts'
import { AUTO_COOKIE } from '../routing/sticky.ts'

const A_YEAR_S = 31_536_000

/** Lines of a head; `''` where there is nothing to say. */
export function ownCookies(
  { issue, route, side }: Decision,
  pins: readonly OwnCookie[],
  /** What brings the client to its address again. */
  stick: string | null,
  proto: string,
): string {
  if (issue === null && stick === null && pins.length === 0) return ''
  const lines: OwnCookie[] = [...pins]
  const { id = null, link = null } = issue ?? {}
  if (id !== null) lines.push({ name: AUTO_COOKIE, value: id, seconds: A_YEAR_S })
  if (link !== null) lines.push({ name: LINK_COOKIE + route.unit, value: link.token, seconds: link.seconds })
  const balance = route.sides[side]?.balance
  if (balance?.kind === 'cookie' && stick !== null) lines.push({ name: balance.name, value: stick, seconds: null })
  return lines.map(cookie => lineOf(cookie, proto)).join('')
}

function lineOf({ name, value, seconds }: OwnCookie, proto: string): string {
  const age = seconds === null ? '' : ` Max-Age=${seconds};`
  return `Set-Cookie: ${name}=${value};${age} Path=/; HttpOnly; SameSite=Lax${proto === 'https' ? '; Secure' : ''}\r\n`
}
