// Named sets of users whose side is said before any draw: by where they come from, what they send, and lists of keys; and what
// the support desk said of one key.
import { createHash } from 'node:crypto'
import { cookieOf, headerOf, type RequestHead } from '../model/exchange.ts'
import type { Cohort, Route, RouteSplit, Side, ValueTest } from '../model/route.ts'
import type { EpochMs } from '../model/units.ts'
import type { Match } from './match.ts'
import { passes } from './match.ts'
import { type AutoId, claimOf, presentKeys } from './sticky.ts'

/** By which a support pin is found: SHA-256 of the key, 128 bits of it. Session ids are secrets, and are stored nowhere. */
export function hashOfKey(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 32)
}

/** The side that the first fitting cohort says, else null. */
export function cohortOf({ cohorts, sticky }: Route, head: RequestHead, match: Match, auto: AutoId): Side | null {
  for (const cohort of cohorts) {
    if (fits(cohort, head) && (cohort.keys === null || hasKey(cohort, presentKeys(sticky, head, match, auto)))) {
      return cohort.side
    }
  }
  return null
}

/** The side that the support desk gave one of the request's keys, else null. */
export function supportPinOf(
  { sticky }: Route,
  { supportPins }: RouteSplit,
  head: RequestHead,
  match: Match,
  { auto, now }: { readonly auto: AutoId; readonly now: () => EpochMs },
): Side | null {
  if (supportPins === null) return null
  for (const key of presentKeys(sticky, head, match, auto)) {
    const pin = supportPins.get(hashOfKey(key))
    if (pin !== undefined && pin.until > now()) return pin.side
  }
  return null
}

function hasKey({ keys }: Cohort, present: Iterable<string>): boolean {
  for (const key of present) if (keys?.has(key)) return true
  return false
}

function fits({ networks, headers, cookies, claims }: Cohort, head: RequestHead): boolean {
  if (networks !== null && !networks.contains(head.address)) return false
  return (
    all(headers, name => headerOf(head.headers, name)) &&
    all(cookies, name => cookieOf(headerOf(head.headers, 'cookie'), name)) &&
    all(claims, name => claimOf(headerOf(head.headers, 'authorization'), name))
  )
}

function all(tests: readonly ValueTest[], of: (name: string) => string | null): boolean {
  return tests.every(test => passes(test, of(test.name)))
}
