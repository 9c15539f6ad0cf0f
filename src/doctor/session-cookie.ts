// Which cookie of a request sounds like a session's.

const MOST_COOKIES = 64
const LONGEST_NAME = 64
/** PHPSESSID, JSESSIONID, ASP.NET_SessionId, connect.sid, laravel_session, sid, CFID … */
const SESSION_NAME = /sess|(?:^|[._-])sid$|^cfid$|^cftoken$/i

/** By hand, because a pattern over what clients send can be made to take for ever. */
export function sessionCookie(cookies: string): { readonly name: string; readonly value: string } | null {
  let from = 0
  for (let i = 0; i < MOST_COOKIES && from < cookies.length; i++) {
    const semicolon = cookies.indexOf(';', from)
    const end = semicolon === -1 ? cookies.length : semicolon
    const equals = cookies.indexOf('=', from)
    if (equals !== -1 && equals < end && equals - from <= LONGEST_NAME) {
      const name = cookies.slice(from, equals).trim()
      const value = cookies.slice(equals + 1, end).trim()
      if (value !== '' && SESSION_NAME.test(name)) return { name, value }
    }
    from = end + 1
  }
  return null
}
