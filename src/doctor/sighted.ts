// What is counted elsewhere, as findings: quirks, cookies of both sides, leaks, shared caches; and unnamed forwarders.
import { isIP } from 'node:net'
import type { Note } from '../model/note.ts'
import type { Quirk } from '../model/route.ts'
import { type Finding, percentText, printable, type Remedy, type Sighted } from './finding.ts'
import type { AddressShare } from './keys.ts'

/** A field name or cookie name of RFC 9110: nothing in it can end a line or begin another value. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/
/** Who has less of the traffic and forwards may be a client that says so. */
const SURE_SHARE = 0.05

/** An answer that was refused for a quirk: its client got a 502. */
export interface RefusedQuirk {
  readonly backend: string
  readonly quirk: Quirk
  readonly count: number
}

export function wireFindings(refused: readonly RefusedQuirk[], sighted: readonly Sighted[]): Finding[] {
  const quirks = new Set(refused.map(({ quirk }) => quirk))
  return [
    ...refused.map(
      ({ backend, quirk, count }): Finding => ({
        area: 'wire',
        code: 'quirk_refused',
        level: 'bad',
        message: `backend ${backend} answered with ${quirk}, and ${count === 1 ? 'one client' : `${count} clients`} got a 502 for it: mend it there, or let it in by wire.accept`,
        route: null,
        evidence: { backend, quirk, count },
        remedy: { kind: 'wire', backend, quirk },
      }),
    ),
    ...sighted.flatMap(({ note, count }): Finding[] => {
      if (note.kind !== 'quirk' || quirks.has(note.quirk)) return []
      const { side, quirk } = note
      const often = count === 1 ? 'once' : `${count} times`
      const message = `the ${side} side answered with ${quirk}, ${often}: let in, re-framed, and the connection not used again`
      const evidence = { side, quirk, count }
      return [{ area: 'wire', code: 'wire_quirk', level: 'note', message, route: null, evidence }]
    }),
  ]
}

const PASSED_ON = {
  cookie_clash: { area: 'cookies', level: 'warn' },
  legacy_leak: { area: 'leaks', level: 'warn' },
  shared_cache: { area: 'caches', level: 'warn' },
} as const

export function passedOn(sighted: readonly Sighted[], isRoute: (id: string) => boolean): Finding[] {
  return sighted.flatMap(({ code, message, route, count, note }) => {
    if (!Object.hasOwn(PASSED_ON, code)) return []
    const remedy = remedyOf(note)
    const { area, level } = PASSED_ON[code as keyof typeof PASSED_ON]
    const named = note.kind === 'set-cookie' ? { name: printable(note.name) } : {}
    // Both sides set it: which of them did so first says nothing.
    const sided = 'side' in note && note.kind !== 'set-cookie' ? { side: note.side } : {}
    const mended = remedy !== null && isRoute(remedy.route) ? { remedy } : {}
    return [{ area, code, level, message, route, evidence: { count, ...sided, ...named }, ...mended }]
  })
}

function remedyOf(note: Note): Extract<Remedy, { readonly kind: 'cookies' | 'route' }> | null {
  switch (note.kind) {
    case 'set-cookie':
      return TOKEN.test(note.name) ? { kind: 'cookies', route: note.route, name: note.name } : null
    case 'shared-cache':
      return { kind: 'route', route: note.route, key: 'cache', value: 'private-while-split' }
    case 'leak':
      return note.where === 'link' ? null : { kind: 'route', route: note.route, key: 'leaks', value: 'rewrite' }
    default:
      return null
  }
}

export interface ForwarderParts {
  /** By the configuration in force. */
  readonly isNamed: (address: string) => boolean
  readonly shares: readonly AddressShare[]
  /** Routes whose sticky key is the address. */
  readonly ipRoutes: readonly string[]
  readonly sampled: number
}

/** `unnamed`: peers that sent X-Forwarded-For. */
export function forwarderFindings(
  unnamed: Iterable<string>,
  { isNamed, shares, ipRoutes, sampled }: ForwarderParts,
): Finding[] {
  const found: Finding[] = []
  const of = { area: 'forwarders' as const, route: null }
  const known = new Map(shares.map(one => [one.address, one]))
  const told = new Set(unnamed)
  for (const address of told) {
    if (isIP(address) === 0 || isNamed(address)) continue
    const peer = known.get(address)
    const share = peer?.share ?? 0
    const clients = peer?.clients ?? 0
    const sure = peer?.forwards === true && (clients > 1 || peer.hasMost) && share >= SURE_SHARE
    const has = peer === undefined ? '' : `, ${percentText(share)} of the traffic`
    const message = sure
      ? `${address}${has}, forwards for ${clients >= 16 ? 'many' : clients} ${clients === 1 ? 'client' : 'clients'} and is not named in proxy.clientIp.from: what it says is dropped, and its clients are one address to us`
      : `${address}${has} sends X-Forwarded-For and is not named: a proxy of yours, or a client that pretends; what it says is dropped`
    const evidence = { address, share: Math.round(share * 1000) / 1000, clients }
    const level = sure ? 'warn' : 'note'
    found.push({
      ...of,
      code: 'unnamed_forwarder',
      level,
      message,
      evidence,
      remedy: { kind: 'clientIp', address, sure },
    })
  }
  for (const { address, share, hasMost } of shares) {
    if (!hasMost || told.has(address)) continue
    const bucket = ipRoutes.length === 0 ? '' : `; with sticky: [ip] it is one bucket (${ipRoutes.join(', ')})`
    const message = `${percentText(share)} of the traffic comes from one address, ${address}, that does not say for whom: a balancer that adds no X-Forwarded-For (try PROXY protocol), NAT, or one busy client${bucket}`
    const evidence = { address, share: Math.round(share * 1000) / 1000, routes: ipRoutes }
    found.push({ ...of, code: 'one_address', level: ipRoutes.length === 0 ? 'note' : 'warn', message, evidence })
  }
  if (found.length > 0) return found
  const message = sampled === 0 ? 'no request was seen yet' : 'nobody forwards for others without being named'
  const code = sampled === 0 ? 'forwarders_unknown' : 'forwarders_named'
  return [{ ...of, code, level: sampled === 0 ? 'note' : 'ok', message, evidence: {} }]
}
