// Cookies of ours in an answer: who the user is, and which address serves them.
import type { Decision } from '../model/exchange.ts'
import { AUTO_COOKIE } from '../routing/sticky.ts'

const A_YEAR_S = 31_536_000

/** Lines of a head; `''` where there is nothing to say. `stick`: what brings the client to its address again. */
export function ownCookies({ issueCookie, route, side }: Decision, stick: string | null, proto: string): string {
  if (issueCookie === null && stick === null) return ''
  const balance = route.sides[side]?.balance
  const own = `Path=/; HttpOnly; SameSite=Lax${proto === 'https' ? '; Secure' : ''}\r\n`
  const id = issueCookie === null ? '' : `Set-Cookie: ${AUTO_COOKIE}=${issueCookie}; Max-Age=${A_YEAR_S}; ${own}`
  return balance?.kind === 'cookie' && stick !== null ? `${id}Set-Cookie: ${balance.name}=${stick}; ${own}` : id
}
