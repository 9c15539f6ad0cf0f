// Whose requests, and when a backend had them: chosen where they are served. A chance sample of requests has few pairs, so a
// slice of *sessions* is looked at whole: those whose hash falls below a line that follows from the window before. Only hashes
// of the session's id are told; with much traffic one window of ten seconds in six is looked at.
import { cookieOf, type Exchange, headerOf, type RequestHead } from '../model/exchange.ts'
import type { Route } from '../model/route.ts'
import type { Clock, Milliseconds } from '../model/units.ts'
import type { Visit } from './overlap.ts'
import { sessionCookie } from './session-cookie.ts'

export const WINDOW_MS: Milliseconds = 10_000
/** With more in a window only one window in six is looked at. */
const BUSY = 10_000
const ONE_WINDOW_IN = 6
/** In a window, and waiting to be taken. */
export const MOST_VISITS = 1_000
const LONGEST_COOKIE = 16_384
const HASHES = 2 ** 32

export interface VisitsParts {
  readonly clock: Pick<Clock, 'monotonic'>
  /** Makes hashes of session ids say nothing outside of this deployment; the same in all processes that are looked at together. */
  readonly salt: number
}

/** All requests of the sessions whose hash is below the line. */
export interface Visited {
  readonly line: number
  readonly visits: readonly Visit[]
}

export interface Visits {
  /** Every exchange that a backend had, when it is over. */
  watch(exchange: Exchange, head: RequestHead): void
  /** Since it was asked for the last time. */
  take(): Visited
}

export function createVisits({ clock, salt }: VisitsParts): Visits {
  let waiting: Visit[] = []
  let windowEnds = clock.monotonic() + WINDOW_MS
  let window = 0
  let seen = 0
  let withSession = 0
  let line = HASHES
  let isWatching = true

  function turn(now: Milliseconds): void {
    window++
    if (isWatching) line = Math.min(HASHES, (line * MOST_VISITS) / 2 / Math.max(1, withSession))
    isWatching = seen <= BUSY || window % ONE_WINDOW_IN === 0
    seen = withSession = 0
    windowEnds = now + WINDOW_MS
  }

  return {
    watch(exchange, head) {
      const now = clock.monotonic()
      if (now >= windowEnds) turn(now)
      seen++
      const { decision, backendMs, overheadMs, totalMs } = exchange
      if (!isWatching || decision === null || backendMs === null) return
      if (withSession >= MOST_VISITS || waiting.length >= MOST_VISITS) return
      const cookies = headerOf(head.headers, 'cookie')
      const id = cookies === null ? null : sessionOf(cookies, decision.route)
      if (id === null) return
      const session = hashOf(id, salt)
      if (session >= line) return
      withSession++
      // What the client took to read the answer is not the backend's.
      const start = now - totalMs + (overheadMs ?? 0)
      const backend = decision.route.sides[decision.side]?.name ?? decision.side
      waiting.push({ session, backend, kind: decision.route.id, start, end: start + backendMs })
    },
    take() {
      const visits = waiting
      waiting = []
      return { line, visits }
    },
  }
}

/** The route's own sticky cookie, or else one that sounds like a session's. */
function sessionOf(cookies: string, { sticky }: Route): string | null {
  if (cookies.length > LONGEST_COOKIE) return null
  for (const source of sticky) {
    if (source.kind !== 'cookie') continue
    const value = cookieOf(cookies, source.name)
    if (value !== null && value !== '') return value
  }
  return sessionCookie(cookies)?.value ?? null
}

/** FNV-1a, 32 bits: far shorter than a session's id, which cannot be had back from it. */
function hashOf(text: string, salt: number): number {
  let hash = (0x811c9dc5 ^ salt) >>> 0
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0
  // The low bits of what is alike are spread over the high ones, which the line looks at.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) >>> 0
  return (hash ^ (hash >>> 13)) >>> 0
}
