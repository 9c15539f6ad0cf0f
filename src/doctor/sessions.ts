// Requests of one session beside each other, as `visits.ts` chooses them: kept for one window of ten seconds, then counted.
// Several processes may serve one session; looked at are the sessions that all of them tell of.
import { headerOf, type Sample } from '../model/exchange.ts'
import type { Route } from '../model/route.ts'
import type { Clock, Milliseconds } from '../model/units.ts'
import { countText, type Finding, percentText, printable } from './finding.ts'
import { HeavyHitters } from './heavy-hitters.ts'
import { type Alone, newTally, type Tally, tally, type Visit, verdictOf } from './overlap.ts'
import { sessionCookie } from './session-cookie.ts'
import { MOST_VISITS, type Visited, WINDOW_MS } from './visits.ts'

const MOST_BACKENDS = 256
const NAMES = 32
const HALF_LIFE_MS: Milliseconds = 30 * 60_000

export interface SessionsParts {
  readonly clock: Pick<Clock, 'monotonic'>
}

export interface Sessions {
  add(visited: Visited): void
  /** By which cookies requests say whose they are. */
  sample(sample: Sample): void
  findings(routes: readonly Route[]): Finding[]
}

export function createSessions({ clock }: SessionsParts): Sessions {
  const alone: Alone = new Map()
  const tallies = new Map<string, Tally>()
  const names = new HeavyHitters<null>({ counters: NAMES, halfLifeMs: HALF_LIFE_MS, clock, about: () => null })
  let visits: Visit[] = []
  let line = Number.POSITIVE_INFINITY
  let windowEnds = clock.monotonic() + WINDOW_MS

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
    const whole = visits.filter(({ session }) => session < line)
    if (whole.length > 1) tally(whole, alone, tallyOf)
    visits = []
    line = Number.POSITIVE_INFINITY
    windowEnds = now + WINDOW_MS
  }

  return {
    add(visited) {
      const now = clock.monotonic()
      if (now >= windowEnds) turn(now)
      line = Math.min(line, visited.line)
      for (const visit of visited.visits) if (visits.length < MOST_VISITS) visits.push(visit)
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
