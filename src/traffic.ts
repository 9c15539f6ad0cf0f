// What was observed lately, per route and side, for the status pages: an Observer with fixed memory a route.
//
// Counts since the start, and the last minute in six slots of ten seconds.
import { type Exchange, isForced } from './model/exchange.ts'
import { LATENCY_BUCKETS, latencyBucket, latencyQuantile } from './model/latency.ts'
import type { RouteId, Side } from './model/route.ts'
import type { Clock, EpochMs, Milliseconds } from './model/units.ts'

const SLOT_MS = 10_000
const SLOTS = 6

export interface SideTraffic {
  readonly requests: number
  readonly errors: number
  readonly perSecond: number
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

export interface Traffic {
  exchange(exchange: Exchange): void
  tunnel(route: RouteId, side: Side, change: 1 | -1): void
  of(route: RouteId): RouteTraffic
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
  drawn: number
  drawnNew: number
}

interface Kept {
  readonly reasons: Map<string, number>
  readonly legacy: KeptSide
  readonly new: KeptSide
  readonly tunnels: Record<Side, number>
}

interface KeptSide {
  requests: number
  errors: number
  lastError: SideTraffic['lastError']
  readonly slots: Slot[]
}

export function createTraffic(clock: Clock): Traffic {
  const kept = new Map<RouteId, Kept>()

  function keptOf(id: RouteId): Kept {
    let one = kept.get(id)
    if (one === undefined) {
      one = { reasons: new Map(), legacy: keptSide(), new: keptSide(), tunnels: { legacy: 0, new: 0 } }
      kept.set(id, one)
    }
    return one
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
      // A pinned user was drawn once.
      if (
        decision.reason === 'weight' ||
        decision.reason === 'frozen' ||
        (decision.reason === 'pin' && !isForced(decision))
      ) {
        slot.drawn++
        if (decision.side === 'new') slot.drawnNew++
      }
    },
    tunnel(route, side, change) {
      const { tunnels } = keptOf(route)
      // One that outlived its route was forgotten with it.
      tunnels[side] = Math.max(0, tunnels[side] + change)
    },
    of(route) {
      const one = kept.get(route) ?? {
        reasons: new Map(),
        legacy: keptSide(),
        new: keptSide(),
        tunnels: { legacy: 0, new: 0 },
      }
      const now = clock.monotonic()
      const slots = [...recent(one.legacy, now), ...recent(one.new, now)]
      const drawn = slots.reduce((sum, slot) => sum + slot.drawn, 0)
      const drawnNew = slots.reduce((sum, slot) => sum + slot.drawnNew, 0)
      return {
        reasons: Object.fromEntries(one.reasons),
        sides: { legacy: shown(one.legacy, now), new: shown(one.new, now) },
        tunnels: { ...one.tunnels },
        observed: drawn === 0 ? null : Math.round((drawnNew / drawn) * 10_000) / 100,
        observedRequests: drawn,
      }
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

function keptSide(): KeptSide {
  return { requests: 0, errors: 0, lastError: null, slots: [] }
}

function slotAt(side: KeptSide, now: Milliseconds): Slot {
  const number = Math.floor(now / SLOT_MS)
  const index = number % SLOTS
  let slot = side.slots[index]
  if (slot === undefined) {
    slot = { number, requests: 0, errors: 0, latencies: new Uint32Array(LATENCY_BUCKETS), drawn: 0, drawnNew: 0 }
    side.slots[index] = slot
  } else if (slot.number !== number) {
    slot.number = number
    slot.requests = 0
    slot.errors = 0
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

function shown(side: KeptSide, now: Milliseconds): SideTraffic {
  const slots = recent(side, now)
  const requests = slots.reduce((sum, slot) => sum + slot.requests, 0)
  const errors = slots.reduce((sum, slot) => sum + slot.errors, 0)
  const latencies = slots.map(slot => slot.latencies)
  // The newest slot is still filling: only the time that has passed counts.
  const spanMs = (SLOTS - 1) * SLOT_MS + (now % SLOT_MS)
  const sinceMs = Math.min(spanMs, now)
  return {
    requests: side.requests,
    errors: side.errors,
    perSecond: sinceMs <= 0 ? 0 : Math.round((requests / (sinceMs / 1000)) * 100) / 100,
    errorRatio: requests === 0 ? null : errors / requests,
    p50Ms: latencyQuantile(latencies, requests, 0.5),
    p95Ms: latencyQuantile(latencies, requests, 0.95),
    lastError: side.lastError,
  }
}
