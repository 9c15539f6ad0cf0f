// Waits for the answers to one change: whoever is known must say that it runs it; whoever has not after a second is pending.
//
// Answers come by two ways, the store and the peers' own; the first of an instance counts. A peer that does not answer is no
// instance yet: it is pending under the name that it last gave, or under its address, unless it can be told that it is
// somebody who is accounted for already, or that nobody is there.

import type { Reached } from '../model/control.ts'
import type { Clock, Milliseconds } from '../model/units.ts'
import type { Presence } from '../store/store.ts'
import type { AckWorker } from './message.ts'
import type { Peer } from './peers.ts'

export interface GatherParts {
  readonly clock: Clock
  /** Monotonic moment at which the change began: what the milliseconds of answers are counted from. */
  readonly since: Milliseconds
  /** From now. */
  readonly waitMs: Milliseconds
  readonly instance: string
  /** Who may be serving. Those without workers serve nobody and are not waited for. */
  readonly expected: readonly Presence[]
  readonly peers: readonly Peer[]
  /** Whoever is neither expected nor listening is not there, by what the store says. */
  readonly fresh: boolean
}

export interface Gathering {
  readonly reached: Promise<Reached>
  /** `at`: monotonic. `workers` null: it is there, and the change is not in force in it. */
  arrive(from: string, workers: readonly AckWorker[] | null, at?: Milliseconds): void
  /** Its request is done; whoever answered has arrived before. */
  settle(peer: Peer, trouble: string | null): void
}

export function gather(parts: GatherParts): Gathering {
  const { clock, since, expected, peers, instance } = parts
  const missing = new Map(expected.filter(one => one.workers.length > 0).map(one => [one.instance, workersOf(one)]))
  const arrived = new Set<string>([instance])
  const open = new Set(peers.filter(({ self }) => !self))
  const silent = new Set<Peer>()
  const nobody = new Set<Peer>()
  const appliedBy: Reached['appliedBy'][number][] = []
  const pending: Reached['pending'][number][] = []
  let done: (reached: Reached) => void
  const reached = new Promise<Reached>(resolve => {
    done = resolve
  })
  const timer = setTimeout(end, parts.waitMs)

  function arrive(from: string, workers: readonly AckWorker[] | null, at: Milliseconds = clock.monotonic()): void {
    if (arrived.has(from)) return
    const known = missing.get(from) ?? []
    arrived.add(from)
    missing.delete(from)
    const ms = Math.max(0, at - since)
    for (const { worker, pending: late } of workers ?? []) {
      if (late) pending.push({ instance: from, worker })
      else appliedBy.push({ instance: from, worker, ms })
    }
    if (workers === null) pending.push(...known.map(worker => ({ instance: from, worker })))
    endIfAll()
  }

  function settle(peer: Peer, trouble: string | null): void {
    open.delete(peer)
    if (trouble !== null) silent.add(peer)
    if (trouble === 'ECONNREFUSED' && parts.fresh) nobody.add(peer)
    endIfAll()
  }

  function endIfAll(): void {
    const awaited = [...open].some(({ instance: name }) => name === null || !arrived.has(name))
    if (missing.size === 0 && !awaited) end()
  }

  function end(): void {
    clearTimeout(timer)
    for (const [name, workers] of missing) pending.push(...workers.map(worker => ({ instance: name, worker })))
    done({ appliedBy, pending: [...pending, ...unaccounted()] })
  }

  /** Peers of which nothing was heard by any way. */
  function unaccounted(): Reached['pending'] {
    const unheard = peers.filter(peer => (open.has(peer) || silent.has(peer)) && !nobody.has(peer))
    const named = unheard.flatMap(({ instance: name }) => (name === null ? [] : [name]))
    const gone = [...new Set(named)].filter(name => !arrived.has(name) && !missing.has(name))
    // An address that never said its name may be any of those whose address is not known. Our own is known: we answer ourselves.
    const placed = new Set(peers.map(({ instance: name }) => name))
    const unplaced = expected.filter(one => !placed.has(one.instance)).length
    const strangers = unheard.filter(({ instance: name }) => name === null).slice(unplaced)
    return [...gone, ...strangers.map(({ url }) => url)].map(name => ({ instance: name, worker: 1 }))
  }

  endIfAll()
  return { reached, arrive, settle }
}

function workersOf(one: Presence): readonly number[] {
  return one.workers.map(({ worker }) => worker)
}
