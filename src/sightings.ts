// What was seen in passing and an operator should know: quirks of answers, leaks of a backend's address, cookies that both
// sides set, answers that a shared cache may mix up, limits that today's traffic crosses, connections closed at the door.
// Counts since the start, bounded by the configuration and fixed lists; names of cookies by number.
import { CookieClash } from './cookie-clash.ts'
import type { TokenResult } from './model/exchange.ts'
import type { Note } from './model/note.ts'
import type { Route, RouteId, Side } from './model/route.ts'
import type { Plan } from './model/snapshot.ts'
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
  note(note: Note, times?: number): void
  /** Of routes that there are, and not of what their configuration mends already. */
  warnings(): Sighting[]
  /** The same with what was seen, first of its kind, and how often. */
  found(): Found[]
}

export interface Found extends Sighting {
  readonly note: Note
  readonly count: number
}

interface Counted {
  count: number
  readonly note: Note
  readonly sighting: (count: number) => Sighting
  /** Asked of the route as it is now: what was seen may be mended since. */
  readonly isMended: (route: Route) => boolean
}

const REFUSED: Readonly<Record<TokenResult, string>> = {
  accepted: 'accepted',
  expired: 'their time was over',
  other_route: 'made for another route',
  other_host: 'made for another host',
  other_deployment: 'signed by another deployment, or before the seed changed',
  forged: 'not signed by us',
  malformed: 'not in our form',
  too_large: 'far too long',
}

const never = () => false

export interface SightingsParts {
  /** In force. */
  readonly plan: () => Plan
  readonly clock: Clock
  readonly log: (level: 'warn', message: string, details: Record<string, unknown>) => void
}

export function createSightings({ plan, clock, log }: SightingsParts): Sightings {
  const counts = new Map<string, Counted>()
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

  /** Set while a note is taken. */
  let noted: Note | null = null
  let notedTimes = 1

  function add(key: string, sighting: Counted['sighting'], isMended: Counted['isMended'] = never): void {
    const known = counts.get(key)
    if (known !== undefined) known.count += notedTimes
    else if (counts.size < MOST) counts.set(key, { note: noted as Note, sighting, isMended, count: notedTimes })
  }

  function concerns({ sighting, isMended }: Counted): boolean {
    const { route: id } = sighting(0)
    if (id === null) return true
    const route = routeOf(plan(), id)
    return route !== null && !isMended(route)
  }

  function noteCookie(route: RouteId, side: Side, name: string): void {
    if (!clash.note(route, side, name)) return
    add(
      `clash ${route} ${name}`,
      () => ({
        code: 'cookie_clash',
        message: `both sides set the cookie ${printable(name)}: users who change sides lose what the other one put there; a side’s cookies: { prefix } keeps them apart`,
        route,
      }),
      ({ rewrites }) => [rewrites.legacy, rewrites.new].some(side => side?.cookies?.shared.has(name)),
    )
  }

  return {
    note(note, seen = 1) {
      noted = note
      notedTimes = seen
      switch (note.kind) {
        case 'quirk':
          add(`quirk ${note.side} ${note.quirk}`, count => ({
            code: 'wire_quirk',
            message: `the ${note.side} side answered with ${note.quirk}, ${times(count)}: let in or refused as wire.accept says, and the connection is not used again`,
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
          add(
            `leak ${note.route} ${note.side} ${note.where}`,
            count => ({
              code: 'legacy_leak',
              message: `answers of the ${note.side} side point at its own address in ${note.where}, ${times(count)}: clients may go round the proxy${note.where === 'link' ? '' : `; ${rewriteTip(plan(), note.route)}`}`,
              route: note.route,
            }),
            route => route.leaks === 'rewrite' && note.where !== 'link',
          )
          return
        case 'shared-cache':
          add(
            `cache ${note.route}`,
            count => ({
              code: 'shared_cache',
              message: `a shared cache may keep answers of this split route (${times(count)}) and give one side’s to users of the other; cache: private-while-split prevents it`,
              route: note.route,
            }),
            route => route.cache === 'private-while-split',
          )
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
        case 'token':
          if (note.result === 'accepted' || (note.what === 'pin' && note.result === 'expired')) return
          add(`token ${note.route} ${note.what} ${note.result}`, count => ({
            code: 'token_refused',
            message: `${note.what === 'pin' ? 'pins' : 'links'} that counted for nothing, ${times(count)}: ${REFUSED[note.result]}`,
            route: note.route,
          }))
          return
        case 'reaped':
        case 'shed':
          return
      }
    },
    warnings: () => [...counts.values()].filter(concerns).map(({ sighting, count }) => sighting(count)),
    found: () =>
      [...counts.values()].filter(concerns).map(({ note, sighting, count }) => ({ note, count, ...sighting(count) })),
  }
}

/** Where a key of the configuration is to be written, while nothing is configured by a file. */
export function whereToWrite({ file }: Plan): string {
  return file === null ? ' (in a configuration file: banyan start -c routes.yaml)' : ''
}

function routeOf({ byId, fallback }: Plan, id: RouteId): Route | null {
  return byId.get(id) ?? (fallback?.id === id ? fallback : null)
}

/** The default has no such key. */
function rewriteTip(plan: Plan, id: RouteId): string {
  return plan.byId.has(id)
    ? 'leaks: rewrite changes it'
    : `a route of its own with leaks: rewrite changes it${whereToWrite(plan)}`
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}

/** A name came from a backend: it must not draw on a terminal. */
function printable(name: string): string {
  return name.replace(/[^\x21-\x7e]/g, '?').slice(0, 64)
}
