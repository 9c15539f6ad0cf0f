// The doctor of a deployment: watches live traffic from the sidelines, in bounded memory, and says when asked what stands in
// the way of a migration, area by area, with a block to paste into the configuration.
import { statfs } from 'node:fs/promises'
import type { Sample } from '../model/exchange.ts'
import type { Route, RouteId } from '../model/route.ts'
import type { Plan } from '../model/snapshot.ts'
import type { Clock, EpochMs } from '../model/units.ts'
import { createClockWatch } from './clock.ts'
import { createExtents } from './extents.ts'
import { AREAS, type Area, countText, type Finding, LEVELS, type Sighted } from './finding.ts'
import { createKeys, type KeysParts } from './keys.ts'
import { pasteOf } from './paste.ts'
import { createSessions } from './sessions.ts'
import { createSetCookies } from './set-cookies.ts'
import { forwarderFindings, passedOn, type RefusedQuirk, wireFindings } from './sighted.ts'
import { type StoreSeen, storeFindings } from './store.ts'
import { type PeerTls, type TlsSeen, tlsFindings } from './tls.ts'
import { addRefused, type Watched } from './watch.ts'

const MOST_PER_AREA = 50
const LITTLE_TRAFFIC = 100

export type Check = Omit<Finding, 'remedy'>

export interface Report {
  /** In the order of the areas, worst first within each. */
  readonly checks: readonly Check[]
  readonly paste: string | null
  readonly since: EpochMs
  /** Exchanges that were looked at closely, of those that were seen. */
  readonly sampled: number
  readonly seen: number
}

export interface DoctorParts extends KeysParts {
  readonly clock: Clock
  readonly plan: () => Plan
  readonly sighted: () => readonly Sighted[]
  /** Peers that forward for others without being named. */
  readonly forwarders: () => Iterable<string>
  /** Until when our own certificate is valid; null: no TLS on the listener. */
  readonly ownValidTo: () => EpochMs | null
  readonly addresses: () => readonly {
    readonly backend: string
    readonly address: string
    readonly tls: Pick<PeerTls, 'validTo' | 'protocol'> | null
  }[]
  readonly store: () => Omit<StoreSeen, 'freeBytes' | 'schema'>
  readonly schema: () => Promise<NonNullable<StoreSeen['schema']>>
}

export interface Doctor {
  /** What was seen of every exchange. */
  watched(told: Watched): void
  /** Those that are looked at closely. */
  sample(sample: Sample): void
  /** `routes`: all that the asker may see; null: everything. */
  report(routes: ReadonlySet<RouteId> | null): Promise<Report>
  /** What should be known without asking. */
  warnings(): { readonly code: string; readonly message: string; readonly route: RouteId | null }[]
}

export function createDoctor(parts: DoctorParts): Doctor {
  const { clock, plan } = parts
  const since = clock.now()
  const keys = createKeys(parts)
  const sessions = createSessions(parts)
  const clocks = createClockWatch(clock)
  const cookies = createSetCookies()
  const extents = createExtents()
  const refused = new Map<string, RefusedQuirk>()
  let seen = 0
  let sampled = 0

  /** Of backends that there are, as long as they do not let it in. */
  function stillRefused(): RefusedQuirk[] {
    const { backends } = plan()
    return [...refused.values()].filter(({ backend, quirk }) =>
      backends.some(one => one.name === backend && !one.wire.accept.has(quirk)),
    )
  }

  function everyRoute(): Route[] {
    const { routes, fallback } = plan()
    return fallback === null ? [...routes] : [...routes, fallback]
  }

  /** Those that concern a route are asked for its sake; the others are about the whole. */
  async function findings(): Promise<Finding[]> {
    const { byId, clientIp, limits, tls } = plan()
    const routes = everyRoute()
    const sighted = parts.sighted()
    const entrance = { isTls: tls !== null, hasForwarder: clientIp.from.texts.length > 0 }
    return [
      traffic(),
      ...forwarders(parts.forwarders()),
      ...wireFindings(stillRefused(), sighted),
      ...passedOn(sighted, id => byId.has(id)),
      ...cookies.findings(routes, entrance),
      ...keys.findings(routes),
      ...sessions.findings(routes),
      ...extents.findings(limits, sighted, sampled),
      ...tlsFindings(tlsSeen(), clock.now()),
      ...clocks.findings(),
      ...storeFindings({
        ...parts.store(),
        freeBytes: await freeIn(parts.store().directory),
        schema: await parts.schema().catch(() => null),
      }),
    ]
  }

  function tlsSeen(): TlsSeen {
    const secure = plan().backends.filter(({ origins }) => origins[0]?.startsWith('https:') === true)
    const peers = parts
      .addresses()
      .flatMap(({ backend, address, tls }) => (tls === null ? [] : [{ backend, address, ...tls }]))
    return { ownValidTo: parts.ownValidTo(), peers, secureBackends: secure.map(({ name }) => name) }
  }

  function forwarders(unnamed: Iterable<string>): Finding[] {
    const { clientIp } = plan()
    const ipRoutes = everyRoute().filter(({ sticky }) => sticky[0]?.kind === 'ip')
    return forwarderFindings(unnamed, {
      isNamed: address => clientIp.from.contains(address),
      shares: keys.addresses(),
      ipRoutes: ipRoutes.map(({ id }) => id),
      sampled,
    })
  }

  function traffic(): Finding {
    const evidence = { seen, sampled }
    const of = { area: 'traffic' as const, route: null, evidence }
    const looked = `${countText(seen, 'request')}, ${sampled.toLocaleString('en-US')} looked at closely`
    if (seen === 0) return { ...of, code: 'traffic_none', level: 'note', message: 'no request was seen yet' }
    if (sampled < LITTLE_TRAFFIC) {
      return {
        ...of,
        code: 'traffic_little',
        level: 'note',
        message: `too little traffic to be sure of much: ${looked}`,
      }
    }
    return { ...of, code: 'traffic_seen', level: 'ok', message: looked }
  }

  /** What is said of an area in which nothing was found. */
  function silent(area: Area): Finding {
    const of = { area, route: null, evidence: { seen, sampled } }
    if (seen === 0 && area !== 'keys') {
      return { ...of, code: `${area}_unknown`, level: 'note', message: 'no request was seen yet' }
    }
    const ok = (message: string): Finding => ({ ...of, code: `${area}_ok`, level: 'ok', message })
    const note = (message: string): Finding => ({ ...of, code: `${area}_unknown`, level: 'note', message })
    switch (area) {
      case 'wire':
        return ok(`${countText(seen, 'request')}, no quirk seen`)
      case 'cookies':
        return ok(`no cookie set in ${countText(sampled, 'answer')} looked at`)
      case 'leaks':
        return ok(`no answer points at a backend’s own address in ${countText(seen, 'request')}`)
      case 'caches':
        return ok('no answer of a split route that a shared cache may keep')
      case 'keys':
        return note(
          plan().routes.some(({ sides }) => sides.legacy !== null && sides.new !== null)
            ? 'no traffic yet of a route with both sides'
            : 'not seen: no route has both sides yet, so nobody is split',
        )
      case 'sessions':
        return note('not seen: no session cookie in the requests, or too few requests of one session that overlap')
      default:
        return note('not seen')
    }
  }

  return {
    watched(told) {
      seen += told.seen
      for (const one of told.refused) addRefused(refused, one)
      sessions.add(told.visited)
    },
    sample(sample) {
      sampled++
      keys.sample(sample)
      sessions.sample(sample)
      clocks.sample(sample)
      cookies.sample(sample)
      extents.sample(sample)
    },
    async report(routes) {
      const all = await findings()
      const visible = routes === null ? all : all.filter(({ route }) => route !== null && routes.has(route))
      const checks = AREAS.flatMap(area => {
        const found = visible.filter(one => one.area === area).sort(worstFirst)
        if (found.length > 0) return cut(area, found)
        return [routes === null ? silent(area) : hidden(area)]
      })
      const paste = pasteOf(
        visible.flatMap(({ remedy }) => (remedy === undefined ? [] : [remedy])),
        plan(),
      )
      return { checks: checks.map(({ remedy: _, ...check }) => check), paste, since, sampled, seen }
    },
    warnings() {
      return [...keys.findings(everyRoute()), ...forwarders(parts.forwarders())]
        .filter(({ code, level }) => level === 'warn' && (code === 'one_key' || code === 'one_address'))
        .map(({ code, message, route }) => ({ code, message, route }))
    },
  }
}

function worstFirst(a: Finding, b: Finding): number {
  return LEVELS.indexOf(b.level) - LEVELS.indexOf(a.level)
}

function cut(area: Area, found: readonly Finding[]): readonly Finding[] {
  if (found.length <= MOST_PER_AREA) return found
  const left = found.length - MOST_PER_AREA
  const message = `and ${left} more, none of them worse`
  return [
    ...found.slice(0, MOST_PER_AREA),
    { area, code: 'more', level: 'note', message, route: null, evidence: { left } },
  ]
}

function hidden(area: Area): Finding {
  const message = 'nothing of the routes that this token is limited to; what concerns the whole is not shown'
  return { area, code: `${area}_hidden`, level: 'note', message, route: null, evidence: {} }
}

async function freeIn(directory: string | null): Promise<number | null> {
  if (directory === null) return null
  try {
    const { bavail, bsize } = await statfs(directory)
    return bavail * bsize
  } catch {
    return null
  }
}
