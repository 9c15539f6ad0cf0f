// The words of the doctor: areas that are looked at, findings in them, and what of a finding can be written into a configuration.
import type { Note } from '../model/note.ts'
import type { Quirk, RouteId } from '../model/route.ts'

/** Every one of them has an entry in a report, also when nothing was seen. */
export const AREAS = [
  'traffic',
  'forwarders',
  'wire',
  'cookies',
  'keys',
  'sessions',
  'leaks',
  'caches',
  'limits',
  'tls',
  'clock',
  'store',
] as const
export type Area = (typeof AREAS)[number]

/** From harmless to bad. `note`: nothing to do, or nothing was seen. */
export const LEVELS = ['ok', 'note', 'warn', 'bad'] as const
export type Level = (typeof LEVELS)[number]

export interface Finding {
  readonly area: Area
  readonly code: string
  readonly level: Level
  readonly message: string
  readonly route: RouteId | null
  readonly evidence: Readonly<Record<string, unknown>>
  /** What would mend it, as configuration. */
  readonly remedy?: Remedy
}

export type Remedy =
  /** `sure`: it is a proxy and no client; else it is only shown. */
  | { readonly kind: 'clientIp'; readonly address: string; readonly sure: boolean }
  | { readonly kind: 'wire'; readonly backend: string; readonly quirk: Quirk }
  | { readonly kind: 'cookies'; readonly route: RouteId; readonly name: string }
  | { readonly kind: 'limit'; readonly limit: 'target' | 'fields' | 'body'; readonly most: number }
  | { readonly kind: 'route'; readonly route: RouteId; readonly key: 'leaks' | 'cache'; readonly value: string }
  | { readonly kind: 'sticky'; readonly route: RouteId; readonly sources: readonly string[] }

/** What was seen in passing and is counted elsewhere (src/sightings.ts). */
export interface Sighted {
  readonly code: string
  readonly message: string
  readonly route: RouteId | null
  readonly count: number
  /** The first of its kind. */
  readonly note: Note
}

/** A share of 0 to 1 as people read it: `93 %`, `0.4 %`. */
export function percentText(share: number): string {
  const percent = share * 100
  return `${percent >= 10 || percent === 0 ? Math.round(percent) : percent.toFixed(1)} %`
}

/** `1 request`, `2,400 requests`. */
export function countText(count: number, noun: string): string {
  return `${Math.round(count).toLocaleString('en-US')} ${noun}${Math.round(count) === 1 ? '' : 's'}`
}

/** Text of a client or a backend, harmless on a terminal and of bounded length. */
export function printable(text: string, most = 64): string {
  const plain = text.replace(/[^\x21-\x7e]/g, '?')
  return plain.length > most ? `${plain.slice(0, most)}…` : plain
}
