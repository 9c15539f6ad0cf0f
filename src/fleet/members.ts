// Who belongs to the fleet, as the store knows it: every instance writes its row each second, and reads those of all.
//
// Whoever leaves takes its row along. One whose row only grows old has crashed, or hangs, or is cut off, and in the last two
// cases it may go on serving by what it knew: it is silent, and counts for an hour, unless somebody else has begun to listen
// where it did. While the store does not answer, whoever was there last counts.
import type { Clock, Milliseconds, Revision } from '../model/units.ts'
import type { Presence } from '../store/store.ts'

/** Whoever has not written its row for so long is silent. */
export const ALIVE_MS: Milliseconds = 5_000
/** And after so long it counts no more: a crash must not hold up every answer for ever. */
export const COUNTED_MS: Milliseconds = 3_600_000
const SHOWN_HASH_DIGITS = 8

export interface ReplicaView {
  readonly instance: string
  readonly revision: Revision
  readonly workers: Presence['workers']
  readonly version: string
  readonly state: Presence['state']
  /** Since its row was written. */
  readonly agoMs: Milliseconds
  /** It has not written its row for a while, although the store answers. */
  readonly silent: boolean
  /** The first digits: enough to see who differs. */
  readonly configHash: string
  readonly self: boolean
}

export type Row = Presence & { readonly agoMs: Milliseconds }

export interface Members {
  /** The store's answer, ours among them. */
  saw(rows: readonly Row[]): void
  /** Who may be serving, without ourselves. */
  others(): readonly Presence[]
  /** It has written its row lately: what the store tells it hears. */
  isAlive(instance: string): boolean
  /** Of these, those of whom nothing is seen any more. */
  silent(): readonly Row[]
  /** The store has answered within the last seconds: who is not among the others is not there. */
  isFresh(): boolean
  /** `heardOf`: the revision that an instance has said since its row was written; null: none. */
  views(self: Presence, heardOf: (instance: string) => Revision | null): readonly ReplicaView[]
  /** Others that run another configuration than `self`. */
  differing(self: Presence): readonly string[]
}

export function createMembers(instance: string, clock: Clock, presence: () => Presence): Members {
  let rows: readonly Row[] = []
  let sawAt: Milliseconds | null = null

  function others(): readonly Row[] {
    const there = [presence(), ...rows.filter(row => !isSilent(row))]
    return rows.filter(row => !isSilent(row) || !there.some(one => hasFollowed(one, row)))
  }

  function viewOf(row: Row, self: boolean, heard: Revision): ReplicaView {
    const { version, state, configHash, agoMs } = row
    const silent = isSilent(row)
    const shownHash = configHash.slice(0, SHOWN_HASH_DIGITS)
    const revision = Math.max(row.revision, heard)
    const workers = row.workers.map(one => ({ ...one, revision: Math.max(one.revision, heard) }))
    const ago = agoMs + (self ? 0 : sinceSeen())
    return {
      instance: row.instance,
      revision,
      workers,
      version,
      state,
      agoMs: ago,
      silent,
      configHash: shownHash,
      self,
    }
  }

  function sinceSeen(): Milliseconds {
    return sawAt === null ? 0 : clock.monotonic() - sawAt
  }

  return {
    saw(found) {
      rows = found.filter(row => row.instance !== instance)
      sawAt = clock.monotonic()
    },
    others,
    isAlive: name => rows.some(row => row.instance === name && !isSilent(row)),
    silent: () => others().filter(isSilent),
    isFresh: () => sawAt !== null && sinceSeen() < ALIVE_MS,
    views(self, heardOf) {
      const seen = others().map(row => viewOf(row, false, heardOf(row.instance) ?? 0))
      return [viewOf({ ...self, agoMs: 0 }, true, 0), ...seen].sort((a, b) => (a.instance < b.instance ? -1 : 1))
    },
    differing: self =>
      rows.filter(row => !isSilent(row) && row.configHash !== self.configHash).map(row => row.instance),
  }
}

/** One address is one process's: what listens there now could not, were the other one still alive. */
function hasFollowed(one: Presence, { place = null, startedAt }: Row): boolean {
  return place !== null && one.place === place && one.startedAt > startedAt
}

/** By its age when it was read: that the store does not answer makes nobody silent. */
function isSilent({ agoMs }: Row): boolean {
  return agoMs > ALIVE_MS
}
