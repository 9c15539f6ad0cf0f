// Whether a backend serves the requests of one session one after another, as PHP's and ASP.NET's session locks do.
//
// Looked at are pairs: A begins while its session has nothing under way, B begins during A. A lock lets B begin to work only
// when A is over, so B's time is what was left of A (the wait) plus a time as B needs it alone. Without a lock, B's time has
// nothing to do with A's.
//
// - *Serial* is a pair where B took as long as that: at least the wait plus nearly the shortest time in which such requests
//   are answered alone (their 10th percentile, less a fifth). Under a lock nine of ten pairs are.
// - Without a lock a pair is serial by chance, and that chance is known: the share p of requests alone that take as long
//   anyway. Only pairs with p ≤ 1/4 count. So equal times, as of a backend that always takes 100 ms, and a client that asks
//   for B when A is nearly over, raise no alarm: they are not counted, or not serial.
// - What makes everything slow at once (load, a pause, one worker for all) looks the same. So each request is held against
//   requests of *other* sessions too: a lock is said only where the own session's pairs are serial and the others' are not.
import type { Milliseconds } from '../model/units.ts'
import { wilsonHigh, wilsonLow } from './heavy-hitters.ts'

/** One request of a session, as its backend had it. */
export interface Visit {
  readonly session: number
  readonly backend: string
  /** Requests that take about as long: a route. */
  readonly kind: string
  readonly start: Milliseconds
  readonly end: Milliseconds
}

export interface Tally {
  pairs: number
  serial: number
  /** The same with requests of other sessions. */
  otherPairs: number
  otherSerial: number
  /** Of the last serial pairs. */
  readonly waits: Milliseconds[]
}

export type Verdict = 'locking' | 'free' | 'unknown'

/** Times of requests that met no other of their session, newest last; by backend and kind. */
export type Alone = Map<string, Milliseconds[]>

const ENOUGH_ALONE = 12
const MOST_ALONE = 64
const MOST_KINDS = 512
const BY_CHANCE = 0.25
const ENOUGH_PAIRS = 20
const MOST_PAIRS = 1_000
const SERIAL_SHARE = 0.5
const MOST_WAITS = 64
/** So many before a request are looked through for one of another session. */
const LOOK_BACK = 32

export function newTally(): Tally {
  return { pairs: 0, serial: 0, otherPairs: 0, otherSerial: 0, waits: [] }
}

/** Counts the pairs in what was seen in one window. */
export function tally(visits: readonly Visit[], alone: Alone, tallies: (backend: string) => Tally | null): void {
  const byStart = [...visits].sort((a, b) => a.start - b.start)
  const own = pairsOf(byStart)
  for (const visit of own.alone) remember(alone, visit)
  const times = new Map<string, readonly Milliseconds[] | null>()
  const timesOf = (visit: Visit) => {
    const kind = kindOf(visit)
    let sorted = times.get(kind)
    if (sorted === undefined) {
      const known = alone.get(kind) ?? []
      sorted = known.length < ENOUGH_ALONE ? null : [...known].sort((a, b) => a - b)
      times.set(kind, sorted)
    }
    return sorted
  }
  for (const [a, b] of own.pairs) count(a, b, timesOf(b), tallies(b.backend), true)
  for (const [a, b] of pairsOfOthers(byStart, own.alone)) count(a, b, timesOf(b), tallies(b.backend), false)
}

export function verdictOf({ pairs, serial, otherPairs, otherSerial }: Tally): Verdict {
  if (pairs < ENOUGH_PAIRS) return 'unknown'
  const others = otherPairs < ENOUGH_PAIRS ? 0 : wilsonHigh(otherSerial / otherPairs, otherPairs)
  return wilsonLow(serial / pairs, pairs) > Math.max(SERIAL_SHARE, others) ? 'locking' : 'free'
}

function count(a: Visit, b: Visit, times: readonly Milliseconds[] | null, into: Tally | null, isOwn: boolean): void {
  if (times === null || into === null) return
  const wait = a.end - b.start
  const shortest = times[Math.floor(times.length / 10)] as Milliseconds
  const serialFrom = wait + 0.8 * shortest
  const byChance = times.filter(ms => ms >= serialFrom).length / times.length
  if (byChance > BY_CHANCE) return
  const isSerial = b.end - b.start >= serialFrom
  if (!isOwn) {
    into.otherPairs++
    if (isSerial) into.otherSerial++
  } else {
    into.pairs++
    if (isSerial) {
      into.serial++
      into.waits.push(wait)
      if (into.waits.length > MOST_WAITS) into.waits.shift()
    }
  }
  // The newest count most.
  if (into.pairs >= MOST_PAIRS) {
    into.pairs /= 2
    into.serial /= 2
  }
  if (into.otherPairs >= MOST_PAIRS) {
    into.otherPairs /= 2
    into.otherSerial /= 2
  }
}

/** Of each session: who began alone, and the first that began during one of those. */
function pairsOf(byStart: readonly Visit[]): { readonly alone: Set<Visit>; readonly pairs: [Visit, Visit][] } {
  const alone = new Set<Visit>()
  const pairs: [Visit, Visit][] = []
  const sessions = new Map<string, { busyUntil: Milliseconds; first: Visit | null }>()
  for (const visit of byStart) {
    const key = `${visit.session} ${visit.backend}`
    const state = sessions.get(key)
    if (state === undefined || visit.start >= state.busyUntil) {
      alone.add(visit)
      sessions.set(key, { busyUntil: visit.end, first: visit })
      continue
    }
    if (state.first !== null) pairs.push([state.first, visit])
    state.first = null
    state.busyUntil = Math.max(state.busyUntil, visit.end)
  }
  return { alone, pairs }
}

/** Each request that began alone, with one of another session that was under way at the same backend. */
function pairsOfOthers(byStart: readonly Visit[], alone: ReadonlySet<Visit>): [Visit, Visit][] {
  const pairs: [Visit, Visit][] = []
  for (const [at, b] of byStart.entries()) {
    if (!alone.has(b)) continue
    for (let i = at - 1; i >= Math.max(0, at - LOOK_BACK); i--) {
      const a = byStart[i] as Visit
      if (a.backend !== b.backend || a.session === b.session || a.end <= b.start) continue
      pairs.push([a, b])
      break
    }
  }
  return pairs
}

function remember(alone: Alone, visit: Visit): void {
  const kind = kindOf(visit)
  const known = alone.get(kind)
  if (known === undefined) {
    if (alone.size < MOST_KINDS) alone.set(kind, [visit.end - visit.start])
    return
  }
  known.push(visit.end - visit.start)
  if (known.length > MOST_ALONE) known.shift()
}

function kindOf({ backend, kind }: Visit): string {
  return `${backend} ${kind}`
}
