// Who belongs to the fleet, as the store knows it: every instance writes its row each second, and reads those of all.
//
// While the store does not answer, whoever was there last counts as there: a rollback names them as pending, if nothing is
// heard of them, instead of forgetting them. Once it answers again, whoever is gone is gone.
import type { Clock, Milliseconds, Revision } from '../model/units.ts'
import type { Presence } from '../store/store.ts'

/** Rows that are older count no more. */
export const ALIVE_MS: Milliseconds = 5_000
const SHOWN_HASH_DIGITS = 8

export interface ReplicaView {
  readonly instance: string
  readonly revision: Revision
  readonly workers: Presence['workers']
  readonly version: string
  readonly state: Presence['state']
  /** Since its row was written. */
  readonly agoMs: Milliseconds
  /** The first digits: enough to see who differs. */
  readonly configHash: string
  readonly self: boolean
}

export type Row = Presence & { readonly agoMs: Milliseconds }

export interface Members {
  /** The store's answer, ours among them. */
  saw(rows: readonly Row[]): void
  /** Known as alive, without ourselves. */
  others(): readonly Presence[]
  /** The store has answered within the last seconds: who is not among the others is not there. */
  isFresh(): boolean
  /** `heardOf`: the revision that an instance has said since its row was written; null: none. */
  views(self: Presence, heardOf: (instance: string) => Revision | null): readonly ReplicaView[]
  /** Others that run another configuration than `self`. */
  differing(self: Presence): readonly string[]
}

export function createMembers(instance: string, clock: Clock): Members {
  let rows: readonly Row[] = []
  let sawAt: Milliseconds | null = null

  function viewOf(row: Row, self: boolean, heard: Revision): ReplicaView {
    const { version, state, configHash } = row
    const shownHash = configHash.slice(0, SHOWN_HASH_DIGITS)
    const revision = Math.max(row.revision, heard)
    const workers = row.workers.map(one => ({ ...one, revision: Math.max(one.revision, heard) }))
    return { instance: row.instance, revision, workers, version, state, agoMs: row.agoMs, configHash: shownHash, self }
  }

  function sinceSeen(): Milliseconds {
    return sawAt === null ? 0 : clock.monotonic() - sawAt
  }

  return {
    saw(found) {
      rows = found.filter(row => row.instance !== instance)
      sawAt = clock.monotonic()
    },
    others: () => rows,
    isFresh: () => sawAt !== null && sinceSeen() < ALIVE_MS,
    views(self, heardOf) {
      const seen = rows.map(row =>
        viewOf({ ...row, agoMs: row.agoMs + sinceSeen() }, false, heardOf(row.instance) ?? 0),
      )
      return [viewOf({ ...self, agoMs: 0 }, true, 0), ...seen].sort((a, b) => (a.instance < b.instance ? -1 : 1))
    },
    differing: self => rows.filter(row => row.configHash !== self.configHash).map(row => row.instance),
  }
}
