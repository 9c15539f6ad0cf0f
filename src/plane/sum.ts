// The readings of several processes as one: what they count adds up, what they judge is as bad as the worst of them says.
import { LATENCY_BUCKETS } from '../model/latency.ts'
import type { RouteId } from '../model/route.ts'
import { mergedKeys, type RouteReading, type SideReading } from '../traffic.ts'
import type { AddressState, BackendState } from '../upstream/services.ts'
import type { Reading } from './plane.ts'

export const NOTHING_READ: Reading = {
  traffic: new Map(),
  addresses: [],
  backends: [],
  validTo: null,
  warnings: [],
  silent: [],
}

const NO_LATENCIES: readonly number[] = new Array(LATENCY_BUCKETS).fill(0)

export function sumOf(readings: readonly Reading[]): Reading {
  return {
    traffic: gathered(readings),
    addresses: groups(
      readings.flatMap(({ addresses }) => addresses),
      ({ backend, address, origin }) => `${backend} ${address} ${origin}`,
    ).map(addressOf),
    backends: groups(
      readings.flatMap(({ backends }) => backends),
      ({ backend, gate, circuit }) => `${backend} ${gate === null} ${circuit === null}`,
    ).map(backendOf),
    validTo: readings.find(({ validTo }) => validTo !== null)?.validTo ?? null,
    warnings: firsts(
      readings.flatMap(({ warnings }) => warnings),
      warning => JSON.stringify(warning),
    ),
    silent: firsts(
      readings.flatMap(({ silent }) => silent),
      ({ route, side }) => `${route} ${side}`,
    ),
  }
}

/** What stays of a process that has ended: its counts since the start, and nothing of lately. */
export function pastReading(before: Reading, ended: Reading): Reading {
  const traffic = new Map<RouteId, readonly RouteReading[]>()
  for (const [route, all] of gathered([before, ended])) traffic.set(route, [all.map(past).reduce(added)])
  return { ...NOTHING_READ, traffic }
}

function gathered(readings: readonly Reading[]): ReadonlyMap<RouteId, readonly RouteReading[]> {
  const traffic = new Map<RouteId, RouteReading[]>()
  for (const reading of readings) {
    for (const [route, some] of reading.traffic) traffic.set(route, [...(traffic.get(route) ?? []), ...some])
  }
  return traffic
}

function past(reading: RouteReading): RouteReading {
  const side = ({ requests, errors, lastError }: SideReading): SideReading => ({
    requests,
    errors,
    lastError,
    perSecond: 0,
    recent: { requests: 0, errors: 0, movable: 0, latencies: NO_LATENCIES },
  })
  const { legacy, new: fresh } = reading.sides
  return {
    ...reading,
    sides: { legacy: side(legacy), new: side(fresh) },
    tunnels: { legacy: 0, new: 0 },
    drawn: 0,
    drawnNew: 0,
  }
}

/** Of two that are past. */
function added(one: RouteReading, other: RouteReading): RouteReading {
  const side = (a: SideReading, b: SideReading): SideReading => ({
    ...a,
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    lastError: (b.lastError?.at ?? 0) > (a.lastError?.at ?? 0) ? b.lastError : a.lastError,
  })
  const reasons: Record<string, number> = { ...one.reasons }
  for (const [reason, count] of Object.entries(other.reasons)) reasons[reason] = (reasons[reason] ?? 0) + count
  const { legacy, new: fresh } = one.sides
  const sides = { legacy: side(legacy, other.sides.legacy), new: side(fresh, other.sides.new) }
  return { ...one, reasons, sides, keys: mergedKeys(one.keys, other.keys) }
}

function addressOf(all: readonly [AddressState, ...AddressState[]]): AddressState {
  const worst = all.find(({ healthy }) => !healthy) ?? all[0]
  const failures = all.flatMap(({ lastFailure }) => (lastFailure === null ? [] : [lastFailure]))
  return {
    ...worst,
    inFlight: sum(all, one => one.inFlight),
    connections: sum(all, one => one.connections),
    waiting: sum(all, one => one.waiting),
    share: Math.min(...all.map(({ share }) => share)),
    lastFailure: failures.sort((a, b) => b.at - a.at)[0] ?? null,
    tls: all.find(({ tls }) => tls !== null)?.tls ?? null,
  }
}

function backendOf(all: readonly [BackendState, ...BackendState[]]): BackendState {
  const gates = all.flatMap(({ gate }) => (gate === null ? [] : [gate]))
  return {
    ...(all.find(({ circuit }) => circuit === 'open') ?? all[0]),
    gate:
      gates.length === 0
        ? null
        : {
            limit: sum(gates, gate => gate.limit),
            inside: sum(gates, gate => gate.inside),
            waiting: sum(gates, gate => gate.waiting),
          },
  }
}

function groups<T>(all: readonly T[], keyOf: (one: T) => string): readonly (readonly [T, ...T[]])[] {
  const found = new Map<string, [T, ...T[]]>()
  for (const one of all) {
    const key = keyOf(one)
    const group = found.get(key)
    if (group === undefined) found.set(key, [one])
    else group.push(one)
  }
  return [...found.values()]
}

function firsts<T>(all: readonly T[], keyOf: (one: T) => string): readonly T[] {
  return groups(all, keyOf).map(([first]) => first)
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0)
}
