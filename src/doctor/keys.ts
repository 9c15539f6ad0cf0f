// One key with most of the traffic: a sticky key that is the same for many users (an API client, a robot, a constant), or an
// address behind which many users are. All of it falls on one side at once, and the weight says nothing any more.
//
// Sticky keys are kept as the first 32 bits of their SHA-256, as `banyan explain` shows them, never as they are.
import { hash } from 'node:crypto'
import { headerOf, type RequestHead, type Sample } from '../model/exchange.ts'
import type { Route, RouteId } from '../model/route.ts'
import type { Clock, Milliseconds } from '../model/units.ts'
import { countText, type Finding, percentText } from './finding.ts'
import { HeavyHitters, wilsonLow } from './heavy-hitters.ts'

/** Above this share one key is said to have most. */
export const MOST_SHARE = 0.3
/** With fewer looked at, nothing is said of shares. */
export const ENOUGH = 200
const KEYLESS_SHARE = 0.1
const HALF_LIFE_MS: Milliseconds = 30 * 60_000
const COUNTERS = 64
const MOST_ROUTES = 256
/** Who forwards for more than one is a proxy. */
const MOST_FORWARDED = 16

interface AddressSeen {
  forwards: number
  plain: number
  /** Hashes of whom it forwards for. */
  readonly clients: Set<string>
}

export interface KeysParts {
  readonly clock: Pick<Clock, 'monotonic'>
  /** The sticky key of a head by the route that it takes; null: none of its sources is there. */
  readonly keyOf: (head: RequestHead) => { readonly from: string; readonly value: string } | null
}

export interface Keys {
  sample(sample: Sample): void
  /** Of routes that there are. */
  findings(routes: readonly Route[]): Finding[]
  /** Peers by their share, with what they forward. */
  addresses(): readonly AddressShare[]
}

export interface AddressShare {
  readonly address: string
  readonly share: number
  /** It says of most of its requests whom it forwards for. */
  readonly forwards: boolean
  /** For so many clients at least, up to sixteen. */
  readonly clients: number
  /** The share is beyond chance, and large. */
  readonly hasMost: boolean
}

export function createKeys({ clock, keyOf }: KeysParts): Keys {
  const routes = new Map<RouteId, HeavyHitters<null>>()
  const addresses = new HeavyHitters<AddressSeen>({
    counters: COUNTERS,
    halfLifeMs: HALF_LIFE_MS,
    clock,
    about: () => ({ forwards: 0, plain: 0, clients: new Set() }),
  })

  function hittersOf(id: RouteId): HeavyHitters<null> | null {
    const known = routes.get(id)
    if (known !== undefined) return known
    if (routes.size >= MOST_ROUTES) return null
    const made = new HeavyHitters<null>({ counters: COUNTERS, halfLifeMs: HALF_LIFE_MS, clock, about: () => null })
    routes.set(id, made)
    return made
  }

  function noteAddress({ head, standsFor }: Sample): void {
    const seen = addresses.add(copyOf(head.address), standsFor)
    if (seen === null) return
    const told = headerOf(head.headers, 'x-forwarded-for') ?? headerOf(head.headers, 'forwarded')
    if (told === null) {
      seen.plain += standsFor
      return
    }
    seen.forwards += standsFor
    if (seen.clients.size < MOST_FORWARDED) seen.clients.add(hashed(told.slice(0, 256)))
  }

  function ofRoute(route: Route, hitters: HeavyHitters<null>): Finding[] {
    const samples = Math.floor(hitters.samples)
    const of = { area: 'keys' as const, route: route.id }
    const sources = route.sticky.map(source => ('name' in source ? `${source.kind}:${source.name}` : source.kind))
    if (samples < ENOUGH) {
      const message = `too little traffic to say whether one key has most of it: ${countText(samples, 'request')} looked at`
      return [{ ...of, code: 'keys_unknown', level: 'note', message, evidence: { sampled: samples } }]
    }
    const [top] = hitters.top(1)
    const found: Finding[] = []
    if (top !== undefined && wilsonLow(top.share, samples) > MOST_SHARE) {
      const [from = '', hash = ''] = top.key.split(' ')
      const why =
        from === 'ip'
          ? 'a balancer or NAT in front makes many users one: name it in proxy.clientIp, or take another source first'
          : 'a robot, an API client, or a value that is the same for many; all of it is on one side, whatever the weight: find who it is (banyan explain shows the hash of a key), or take another source first'
      found.push({
        ...of,
        code: 'one_key',
        level: 'warn',
        message: `one key has ${percentText(top.share)} of the traffic (from ${from}, SHA-256 begins with ${hash}): ${why}`,
        evidence: { from, hashed: hash, share: rounded(top.share), atMost: rounded(top.atMost), sampled: samples },
      })
    }
    const keyless = hitters.keylessShare
    if (wilsonLow(keyless, samples) > KEYLESS_SHARE) {
      const has = sources.length === 0 ? 'the route has no sticky source' : `none of ${sources.join(', ')} is in them`
      found.push({
        ...of,
        code: 'no_key',
        level: sources.length === 0 ? 'note' : 'warn',
        message: `${percentText(keyless)} of the requests have no key (${has}): each of them draws its side anew, so one user may see both; auto as the last source gives each a cookie of ours`,
        evidence: { share: rounded(keyless), sources, sampled: samples },
        remedy: { kind: 'sticky', route: route.id, sources: [...sources, 'auto'] },
      })
    }
    if (found.length > 0) return found
    const largest = top === undefined ? '' : `, the largest key has ${percentText(top.share)}`
    const message = `${countText(samples, 'request')} looked at${largest}, ${percentText(keyless)} without a key`
    const evidence = { share: rounded(top?.share ?? 0), keyless: rounded(keyless), sampled: samples }
    return [{ ...of, code: 'keys_spread', level: 'ok', message, evidence }]
  }

  return {
    sample(sample) {
      noteAddress(sample)
      const route = sample.exchange.decision?.route
      if (route === undefined || route.sides.legacy === null || route.sides.new === null) return
      const key = route.sticky.length === 0 ? null : keyOf(sample.head)
      hittersOf(route.id)?.add(key === null ? null : `${key.from} ${hashed(key.value)}`, sample.standsFor)
    },
    findings(inForce) {
      const ids = new Set(inForce.map(route => route.id))
      for (const id of routes.keys()) if (!ids.has(id)) routes.delete(id)
      return inForce.flatMap(route => {
        const hitters = routes.get(route.id)
        return hitters === undefined ? [] : ofRoute(route, hitters)
      })
    },
    addresses() {
      const samples = addresses.samples
      return addresses.top(COUNTERS).map(({ key, share, about }) => ({
        address: key,
        share,
        forwards: about.forwards > about.plain,
        clients: about.clients.size,
        hasMost: samples >= ENOUGH && wilsonLow(share, samples) > MOST_SHARE,
      }))
    },
  }
}

function hashed(value: string): string {
  return hash('sha256', value).slice(0, 8)
}

function rounded(share: number): number {
  return Math.round(share * 1000) / 1000
}

/** A slice would keep the whole head alive that it was cut from. */
function copyOf(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
