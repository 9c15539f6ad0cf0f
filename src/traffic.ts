// What was observed lately, per route and side, for the status pages: an Observer with fixed memory a route.
//
// Counts since the start, and the last minute in six slots of ten seconds. Several processes that serve the same routes count
// each for itself; their readings are plain data and add up.
import { mergeRegisters, noteHash, REGISTERS } from './inventory/registers.ts'
import { type Decision, type Exchange, isForced } from './model/exchange.ts'
import { LATENCY_BUCKETS, latencyBucket, latencyQuantile } from './model/latency.ts'
import type { RouteId, Side } from './model/route.ts'
import type { Clock, EpochMs, Milliseconds } from './model/units.ts'
import { isSafe } from './routing/decide.ts'

const SLOT_MS = 10_000
const SLOTS = 6
const DAY_MS = 86_400_000

export interface SideTraffic {
  readonly requests: number
  readonly errors: number
  readonly perSecond: number
  /** Of the last minute. `movable`: requests whose side a weight decides, or would if no rollback were in force. */
  readonly recent: { readonly requests: number; readonly errors: number; readonly movable: number }
  /** Of the last minute; null without traffic. */
  readonly errorRatio: number | null
  readonly p50Ms: Milliseconds | null
  readonly p95Ms: Milliseconds | null
  readonly lastError: { readonly at: EpochMs; readonly code: string; readonly detail: string } | null
}

export interface RouteTraffic {
  readonly reasons: Readonly<Record<string, number>>
  readonly sides: Readonly<Record<Side, SideTraffic>>
  readonly tunnels: Readonly<Record<Side, number>>
  /**
   * Share of the requests that weight decided and new served, in percent, of the last minute or since the last change where
   * that is later; null when there were none.
   */
  readonly observed: number | null
  readonly observedRequests: number
}

/** What one process has counted of a route. */
export interface RouteReading {
  readonly reasons: Readonly<Record<string, number>>
  readonly sides: Readonly<Record<Side, SideReading>>
  readonly tunnels: Readonly<Record<Side, number>>
  /** Of the last minute, or since the last change: requests that weight decided, and those of them that new served. */
  readonly drawn: number
  readonly drawnNew: number
  /** Of this UTC day; null: none. */
  readonly keys: KeysReading | null
}

/** Which sticky keys weight drew in one UTC day, and which of them new served, as registers of `inventory/registers.ts`. */
export interface KeysReading {
  /** Days since 1970-01-01. */
  readonly day: number
  readonly all: Uint8Array
  readonly new: Uint8Array
}

export interface SideReading {
  readonly requests: number
  readonly errors: number
  readonly perSecond: number
  /** Of the last minute; counts by `latencyBucket`. */
  readonly recent: SideTraffic['recent'] & { readonly latencies: readonly number[] }
  readonly lastError: SideTraffic['lastError']
}

export interface Traffic {
  exchange(exchange: Exchange): void
  tunnel(route: RouteId, side: Side, change: 1 | -1): void
  of(route: RouteId): RouteTraffic
  /** Of routes that had any. */
  readings(): ReadonlyMap<RouteId, RouteReading>
  /** Begins the observed share anew: it must not mix two weights. All other figures are of the last minute, whatever changed. */
  restartShare(route: RouteId): void
  /** Forgets routes that are gone. */
  retain(routes: ReadonlySet<RouteId>): void
}

interface Slot {
  /** Which ten seconds this is; an old one is wiped before use. */
  number: number
  requests: number
  errors: number
  readonly latencies: Uint32Array
  movable: number
  drawn: number
  drawnNew: number
}

interface Kept {
  readonly reasons: Map<string, number>
  readonly legacy: KeptSide
  readonly new: KeptSide
  readonly tunnels: Record<Side, number>
  keys: KeysReading | null
}

interface KeptSide {
  requests: number
  errors: number
  lastError: SideTraffic['lastError']
  readonly slots: Slot[]
}

export function createTraffic(clock: Clock): Traffic {
  const kept = new Map<RouteId, Kept>()
  /** The wall clock is asked once in ten seconds. */
  let today = 0
  let lookedAt = -1

  function keptOf(id: RouteId): Kept {
    let one = kept.get(id)
    if (one === undefined) {
      one = { reasons: new Map(), legacy: keptSide(), new: keptSide(), tunnels: { legacy: 0, new: 0 }, keys: null }
      kept.set(id, one)
    }
    return one
  }

  /**
   * A bucket is an even hash of its key already. Only its low bits may be looked at: the high ones say on which side it is. A
   * user who was given an id just now counts when it comes back.
   */
  function seeKey(one: Kept, { bucket, keyFrom, issue, side }: Decision, number: number): void {
    if (bucket === null || keyFrom === null || (issue !== null && issue.id !== null)) return
    if (number !== lookedAt) {
      lookedAt = number
      today = Math.floor(clock.now() / DAY_MS)
    }
    if (one.keys === null || one.keys.day !== today) {
      one.keys = { day: today, all: new Uint8Array(REGISTERS), new: new Uint8Array(REGISTERS) }
    }
    noteHash(one.keys.all, bucket)
    if (side === 'new') noteHash(one.keys.new, bucket)
  }

  return {
    exchange(exchange) {
      const { decision, failure } = exchange
      if (decision === null) return
      const one = keptOf(decision.route.id)
      one.reasons.set(decision.reason, (one.reasons.get(decision.reason) ?? 0) + 1)
      const side = one[decision.side]
      const slot = slotAt(side, clock.monotonic())
      side.requests++
      slot.requests++
      slot.latencies[latencyBucket(exchange.totalMs)]!++
      if (failure !== null || exchange.status >= 500) {
        side.errors++
        slot.errors++
      }
      if (failure !== null) side.lastError = { at: clock.now(), code: failure.code, detail: failure.detail }
      const isDrawn = isByWeight(decision)
      if (isDrawn || wouldBeDrawn(decision, exchange.method)) slot.movable++
      if (isDrawn) {
        slot.drawn++
        if (decision.side === 'new') slot.drawnNew++
      }
      seeKey(one, decision, slot.number)
    },
    tunnel(route, side, change) {
      const { tunnels } = keptOf(route)
      // One that outlived its route was forgotten with it.
      tunnels[side] = Math.max(0, tunnels[side] + change)
    },
    of(route) {
      const one = kept.get(route)
      return trafficOf(one === undefined ? [] : [readingOf(one, clock.monotonic())])
    },
    readings() {
      const now = clock.monotonic()
      return new Map([...kept].map(([route, one]) => [route, readingOf(one, now)]))
    },
    restartShare(route) {
      const one = kept.get(route)
      if (one === undefined) return
      for (const slot of [...one.legacy.slots, ...one.new.slots]) {
        // The first ones of a young process are holes.
        if (slot !== undefined) slot.drawn = slot.drawnNew = 0
      }
    },
    retain(routes) {
      for (const id of kept.keys()) if (!routes.has(id)) kept.delete(id)
    },
  }
}

/** A pinned user was drawn once. */
function isByWeight(decision: Decision): boolean {
  const { reason } = decision
  return reason === 'weight' || reason === 'frozen' || (reason === 'pin' && !isForced(decision))
}

/** If the rollback were not; about, for some of them would be said otherwise. */
function wouldBeDrawn({ reason, route }: Decision, method: string): boolean {
  return reason === 'rollback' && (route.data !== 'separate' || isSafe(method))
}

/** What several processes have seen of one route. */
export function trafficOf(readings: readonly RouteReading[]): RouteTraffic {
  const reasons: Record<string, number> = {}
  for (const reading of readings) {
    for (const [reason, count] of Object.entries(reading.reasons)) reasons[reason] = (reasons[reason] ?? 0) + count
  }
  const drawn = sum(readings, reading => reading.drawn)
  const drawnNew = sum(readings, reading => reading.drawnNew)
  return {
    reasons,
    sides: {
      legacy: sideTrafficOf(readings.map(({ sides }) => sides.legacy)),
      new: sideTrafficOf(readings.map(({ sides }) => sides.new)),
    },
    tunnels: {
      legacy: sum(readings, ({ tunnels }) => tunnels.legacy),
      new: sum(readings, ({ tunnels }) => tunnels.new),
    },
    observed: drawn === 0 ? null : Math.round((drawnNew / drawn) * 10_000) / 100,
    observedRequests: drawn,
  }
}

function sideTrafficOf(readings: readonly SideReading[]): SideTraffic {
  const requests = sum(readings, ({ recent }) => recent.requests)
  const errors = sum(readings, ({ recent }) => recent.errors)
  const movable = sum(readings, ({ recent }) => recent.movable)
  const latencies = readings.map(({ recent }) => recent.latencies)
  const failed = readings.flatMap(({ lastError }) => (lastError === null ? [] : [lastError]))
  return {
    requests: sum(readings, reading => reading.requests),
    errors: sum(readings, reading => reading.errors),
    perSecond: Math.round(sum(readings, ({ perSecond }) => perSecond) * 100) / 100,
    recent: { requests, errors, movable },
    errorRatio: requests === 0 ? null : errors / requests,
    p50Ms: latencyQuantile(latencies, requests, 0.5),
    p95Ms: latencyQuantile(latencies, requests, 0.95),
    lastError: failed.sort((one, other) => other.at - one.at)[0] ?? null,
  }
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0)
}

function keptSide(): KeptSide {
  return { requests: 0, errors: 0, lastError: null, slots: [] }
}

function slotAt(side: KeptSide, now: Milliseconds): Slot {
  const number = Math.floor(now / SLOT_MS)
  const index = number % SLOTS
  let slot = side.slots[index]
  if (slot === undefined) {
    slot = {
      number,
      requests: 0,
      errors: 0,
      latencies: new Uint32Array(LATENCY_BUCKETS),
      movable: 0,
      drawn: 0,
      drawnNew: 0,
    }
    side.slots[index] = slot
  } else if (slot.number !== number) {
    slot.number = number
    slot.requests = 0
    slot.errors = 0
    slot.movable = 0
    slot.drawn = 0
    slot.drawnNew = 0
    slot.latencies.fill(0)
  }
  return slot
}

function recent(side: KeptSide, now: Milliseconds): readonly Slot[] {
  const number = Math.floor(now / SLOT_MS)
  return side.slots.filter(slot => slot !== undefined && slot.number > number - SLOTS)
}

function readingOf(one: Kept, now: Milliseconds): RouteReading {
  const slots = [...recent(one.legacy, now), ...recent(one.new, now)]
  return {
    reasons: Object.fromEntries(one.reasons),
    sides: { legacy: sideReadingOf(one.legacy, now), new: sideReadingOf(one.new, now) },
    tunnels: { ...one.tunnels },
    drawn: sum(slots, slot => slot.drawn),
    drawnNew: sum(slots, slot => slot.drawnNew),
    keys: one.keys,
  }
}

/** Those of the later day; of one day, both. */
export function mergedKeys(one: KeysReading | null, other: KeysReading | null): KeysReading | null {
  if (one === null || other === null) return one ?? other
  if (one.day !== other.day) return one.day > other.day ? one : other
  const merged = { day: one.day, all: one.all.slice(), new: one.new.slice() }
  mergeRegisters(merged.all, other.all)
  mergeRegisters(merged.new, other.new)
  return merged
}

function sideReadingOf(side: KeptSide, now: Milliseconds): SideReading {
  const slots = recent(side, now)
  const requests = sum(slots, slot => slot.requests)
  const latencies = new Array<number>(LATENCY_BUCKETS).fill(0)
  for (const slot of slots) for (const [i, count] of slot.latencies.entries()) latencies[i]! += count
  // The newest slot is still filling: only the time that has passed counts.
  const spanMs = (SLOTS - 1) * SLOT_MS + (now % SLOT_MS)
  const sinceMs = Math.min(spanMs, now)
  return {
    requests: side.requests,
    errors: side.errors,
    perSecond: sinceMs <= 0 ? 0 : Math.round((requests / (sinceMs / 1000)) * 100) / 100,
    recent: {
      requests,
      errors: sum(slots, slot => slot.errors),
      movable: sum(slots, slot => slot.movable),
      latencies,
    },
    lastError: side.lastError,
  }
}
