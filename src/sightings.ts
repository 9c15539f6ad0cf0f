// What was seen in passing and an operator should know: quirks of answers, leaks of a backend's address, cookies that both
// sides set, answers that a shared cache may mix up, limits that today's traffic crosses, connections closed at the door.
// Counts since the start, bounded by the configuration and fixed lists; names of cookies by number.
import { CookieClash } from './cookie-clash.ts'
import type { Note } from './model/note.ts'
import type { RouteId, Side } from './model/route.ts'
import type { Clock } from './model/units.ts'

/** What comes with each connection is in the log once in this time. */
const LOG_EVERY_MS = 60_000
/** Warnings in all; further ones are counted in metrics only. */
const MOST = 1_000

export interface Sighting {
  readonly code: string
  readonly message: string
  readonly route: RouteId | null
}

export interface Sightings {
  note(note: Note): void
  warnings(): Sighting[]
}

export interface SightingsParts {
  readonly clock: Clock
  readonly log: (level: 'warn', message: string, details: Record<string, unknown>) => void
}

export function createSightings({ clock, log }: SightingsParts): Sightings {
  const counts = new Map<string, { readonly sighting: (count: number) => Sighting; count: number }>()
  const clash = new CookieClash()
  let headerLoggedAt = Number.NEGATIVE_INFINITY
  let headersUnlogged = 0

  function logHeader(peer: string, why: string): void {
    const now = clock.monotonic()
    if (now - headerLoggedAt < LOG_EVERY_MS) {
      headersUnlogged++
      return
    }
    log('warn', 'a connection without a proper PROXY header was closed', { peer, why, unlogged: headersUnlogged })
    headerLoggedAt = now
    headersUnlogged = 0
  }

  function add(key: string, sighting: (count: number) => Sighting): void {
    const known = counts.get(key)
    if (known !== undefined) known.count++
    else if (counts.size < MOST) counts.set(key, { sighting, count: 1 })
  }

  function noteCookie(route: RouteId, side: Side, name: string): void {
    if (!clash.note(route, side, name)) return
    add(`clash ${route} ${name}`, () => ({
      code: 'cookie_clash',
      message: `both sides set the cookie ${printable(name)}: users who change sides lose what the other one put there; a side’s cookies: { prefix } keeps them apart`,
      route,
    }))
  }

  return {
    note(note) {
      switch (note.kind) {
        case 'quirk':
          add(`quirk ${note.side} ${note.quirk}`, count => ({
            code: 'wire_quirk',
            message: `the ${note.side} side answered with ${note.quirk}, ${times(count)}: its connections are not used again after that`,
            route: null,
          }))
          return
        case 'would-cut':
          add(`cut ${note.limit}`, count => ({
            code: 'would_have_cut',
            message: `${times(count)} traffic crossed the limit ${note.limit}; profile: transparent let it pass, standard would not`,
            route: null,
          }))
          return
        case 'leak':
          add(`leak ${note.route} ${note.side} ${note.where}`, count => ({
            code: 'legacy_leak',
            message: `answers of the ${note.side} side point at its own address in ${note.where}, ${times(count)}: clients may go round the proxy${note.where === 'link' ? '' : '; leaks: rewrite changes it'}`,
            route: note.route,
          }))
          return
        case 'shared-cache':
          add(`cache ${note.route}`, count => ({
            code: 'shared_cache',
            message: `a shared cache may keep answers of this split route (${times(count)}) and give one side’s to users of the other; cache: private-while-split prevents it`,
            route: note.route,
          }))
          return
        case 'set-cookie':
          noteCookie(note.route, note.side, note.name)
          return
        case 'no-entry':
          if (note.what !== 'proxy-header') return
          logHeader(note.peer, note.why)
          // By reason and not by peer: a named network may be large.
          add(`header ${note.why}`, count => ({
            code: 'proxy_header',
            message: `connections of peers in proxy.clientIp.from were closed ${times(count)}, first one of ${note.peer}: ${note.why}; with proxyProtocol: true each has to begin with a PROXY header`,
            route: null,
          }))
          return
        case 'reaped':
        case 'shed':
          return
      }
    },
    warnings: () => [...counts.values()].map(({ sighting, count }) => sighting(count)),
  }
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}

/** A name came from a backend: it must not draw on a terminal. */
function printable(name: string): string {
  return name.replace(/[^\x21-\x7e]/g, '?').slice(0, 64)
}
