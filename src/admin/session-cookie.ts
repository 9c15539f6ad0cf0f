// The cookie that holds one half of the dashboard's session: its name, what a browser sent of it, and how it is set and cleared.
import type { IncomingHttpHeaders } from 'node:http'
import type { Milliseconds } from '../model/units.ts'

const NAME = 'banyan_session'
const PATH = '/api/v1'

/**
 * Cookies know no ports: with the port in its name, several that are reached as `localhost` (forwarded ports) do not sign each other
 * out. `host`: as the browser says it.
 */
export function sessionCookieName(host: string): string {
  const port = /:(\d{1,5})$/.exec(host)?.[1]
  return port === undefined ? NAME : `${NAME}_${port}`
}

/** All values that came: another program on the same host name may have set one of this name. */
export function sessionCookies({ cookie = '', host = '' }: IncomingHttpHeaders): readonly string[] {
  const start = `${sessionCookieName(host)}=`
  return cookie.split(';').flatMap(pair => {
    const text = pair.trim()
    return text.startsWith(start) ? text.slice(start.length) : []
  })
}

/** A `Set-Cookie`; an empty value for 0 ms clears it. */
export function setSessionCookie(host: string, value: string, forMs: Milliseconds, secure: boolean): string {
  const seconds = Math.max(0, Math.floor(forMs / 1000))
  const text = `${sessionCookieName(host)}=${value}; Path=${PATH}; Max-Age=${seconds}; HttpOnly; SameSite=Strict`
  return secure ? `${text}; Secure` : text
}
