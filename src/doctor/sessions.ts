// Requests of one session beside each other. A chance sample of requests has few pairs, so a slice of *sessions* is looked at
// whole: those whose hash falls below a line that follows from the window before. Only hashes of the session's id are kept,
// for one window of ten seconds; with much traffic one window in six is looked at.
import { cookieOf, type Exchange, headerOf, type RequestHead, type Sample } from '../model/exchange.ts'
import type { Route } from '../model/route.ts'
import type { Clock, Milliseconds } from '../model/units.ts'
import { countText, type Finding, percentText, printable } from './finding.ts'
import { HeavyHitters } from './heavy-hitters.ts'
import { type Alone, newTally, type Tally, tally, type Visit, verdictOf } from './overlap.ts'

const WINDOW_MS: Milliseconds = 10_000
/** With more in a window only one window in six is looked at. */
const BUSY = 10_000
const ONE_WINDOW_IN = 6
const MOST_VISITS = 1_000
const MOST_BACKENDS = 256
const LONGEST_COOKIE = 16_384
const MOST_COOKIES = 64
const LONGEST_NAME = 64
const NAMES = 32
const HALF_LIFE_MS: Milliseconds = 30 * 60_000
const HASHES = 2 ** 32
/** PHPSESSID, JSESSIONID, ASP.NET_SessionId, connect.sid, laravel_session, sid, CFID … */
const SESSION_NAME = /sess|(?:^|[._-])sid$|^cfid$|^cftoken$/i

export interface SessionsParts {
  readonly clock: Pick<Clock, 'monotonic'>
  /** Makes hashes of session ids say nothing outside of this process. */
  readonly salt: number
}

export interface Sessions {
  /** Every exchange that a backend had, when it is over. */
  watch(exchange: Exchange, head: RequestHead): void
  /** By which cookies requests say whose they are. */
  sample(sample: Sample): void
  findings(routes: readonly Route[]): Finding[]
}

export function createSessions({ clock, salt }: SessionsParts): Sessions {
  const alone: Alone = new Map()
  const tallies = new Map<string, Tally>()
  const names = new HeavyHitters<null>({ counters: NAMES, halfLifeMs: HALF_LIFE_MS, clock, about: () => null })
  let visits: Visit[] = []
  let windowEnds = clock.monotonic() + WINDOW_MS
  let window = 0
  let seen = 0
  let withSession = 0
  let line = HASHES
  let isWatching = true

  function tallyOf(backend: string): Tally | null {
    let one = tallies.get(backend)
    if (one === undefined) {
      if (tallies.size >= MOST_BACKENDS) return null
      one = newTally()
      tallies.set(backend, one)
    }
    return one
  }

  function turn(now: Milliseconds): void {
    if (visits.length > 1) tally(visits, alone, tallyOf)
    visits = []
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
      if (!isWatching || decision === null || backendMs === null || visits.length >= MOST_VISITS) return
      const cookies = headerOf(head.headers, 'cookie')
      const id = cookies === null ? null : sessionOf(cookies, decision.route)
      if (id === null) return
      const session = hashOf(id, salt)
      if (session >= line) return
      withSession++
      // What the client took to read the answer is not the backend's.
      const start = now - totalMs + (overheadMs ?? 0)
      const backend = decision.route.sides[decision.side]?.name ?? decision.side
      visits.push({ session, backend, kind: decision.route.id, start, end: start + backendMs })
    },
    sample({ head, standsFor }) {
      const cookies = headerOf(head.headers, 'cookie')
      const name = cookies === null ? null : (sessionCookie(cookies)?.name ?? null)
      names.add(name === null ? null : Buffer.from(name, 'latin1').toString('latin1'), standsFor)
    },
    findings(routes) {
      if (clock.monotonic() >= windowEnds) turn(clock.monotonic())
      return [...lockingOf(tallies, routes), ...cookiesOf(names)]
    },
  }
}

function lockingOf(tallies: ReadonlyMap<string, Tally>, routes: readonly Route[]): Finding[] {
  const names = new Set(routes.flatMap(({ sides }) => [sides.legacy?.name, sides.new?.name]))
  return [...tallies]
    .filter(([backend]) => names.has(backend))
    .flatMap(([backend, one]): Finding[] => {
      const verdict = verdictOf(one)
      if (verdict === 'unknown') return []
      const waits = [...one.waits].sort((a, b) => a - b)
      const waitedMs = Math.round(waits[Math.floor(waits.length / 2)] ?? 0)
      const share = percentText(one.serial / one.pairs)
      const evidence = {
        backend,
        pairs: Math.round(one.pairs),
        serial: Math.round(one.serial),
        otherPairs: Math.round(one.otherPairs),
        otherSerial: Math.round(one.otherSerial),
        waitedMs,
      }
      const of = { area: 'sessions' as const, route: null, evidence }
      if (verdict === 'locking') {
        const message = `backend ${backend} serves the requests of one session one after another: of ${countText(one.pairs, 'pair')} of the same session that overlapped, ${share} were answered as if behind a lock (median wait ${waitedMs} ms). A shadow that bears the user’s session cookie would wait in the same line and hold up the user’s own requests; and what is fast here for lack of a lock on the other side may lose updates`
        return [{ ...of, code: 'session_locking', level: 'warn', message }]
      }
      const message = `backend ${backend}: no sign of a session lock in ${countText(one.pairs, 'overlapping pair')} of the same session (${share} one after another)`
      return [{ ...of, code: 'session_free', level: 'ok', message }]
    })
}

function cookiesOf(names: HeavyHitters<null>): Finding[] {
  return names
    .top(3)
    .filter(({ share }) => share >= 0.05)
    .map(({ key, share }) => ({
      area: 'sessions',
      code: 'session_cookie',
      level: 'note',
      message: `${percentText(share)} of the requests bear the cookie ${printable(key)}: sticky: [cookie:${printable(key)}] would keep those users on one side, until the cookie changes (at login, say)`,
      route: null,
      evidence: { name: printable(key), share: Math.round(share * 1000) / 1000 },
    }))
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

/** By hand, because a pattern over what clients send can be made to take for ever. */
function sessionCookie(cookies: string): { readonly name: string; readonly value: string } | null {
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

/** FNV-1a, 32 bits: far shorter than a session's id, which cannot be had back from it. */
function hashOf(text: string, salt: number): number {
  let hash = (0x811c9dc5 ^ salt) >>> 0
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0
  // The low bits of what is alike are spread over the high ones, which the line looks at.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) >>> 0
  return (hash ^ (hash >>> 13)) >>> 0
}
