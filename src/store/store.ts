// The store: what must survive the process. One interface; test/contracts/store.ts says what an implementation is.
//
// Two things, and the first comes first. *Control state* with its audit log is durable before anybody is told. *Kept records*
// are what was learned and counted: losing the last of them costs nothing but looking again, so keeping them waits for every
// commit, takes no disk space that control might need, and may fail without a commit ever failing for it.
//
// Several instances may use one store (`shared`): control state, its audit log and leases are one for all, kept records are
// each instance's own.
import type { AuditDraft, AuditEntry, ControlState } from '../model/control.ts'
import type { EpochMs, Milliseconds, Revision } from '../model/units.ts'

export interface AuditCheck {
  readonly ok: boolean
  readonly entries: number
  /** seq of the first entry that does not follow from the one before; null when all do. */
  readonly brokenAt: number | null
}

/** Both are texts; a lone surrogate in one is kept as U+FFFD. */
export type KeptRecord = readonly [key: string, text: string]

export interface KeptChanges {
  /** New, or in place of what the key had. */
  readonly put: readonly KeptRecord[]
  /** Before anything is put; keys that are not there are no mistake. */
  readonly remove: readonly string[]
}

/** A right that one holder has for a while. */
export interface Lease {
  /** Grows with every new holder, and when a lease that had lapsed or was released is taken again: what was asked with an older one is refused. */
  readonly token: number
  /** By the store's clock. */
  readonly until: EpochMs
}

/** What is written only while this lease has this token: from whoever lost the lease it is refused, however late it comes. */
export interface Fence {
  readonly lease: string
  readonly token: number
}

export interface CommitOptions {
  /** Revision that the state was made from; 0: nothing was stored. */
  readonly after: Revision
  readonly fence?: Fence
}

export interface Store {
  readonly kind: 'memory' | 'sqlite' | 'postgres'
  /** null: nothing was ever saved here. */
  load(): Promise<ControlState | null>
  /**
   * Save a state together with the entry that says why, in one transaction, durable when it resolves.
   * Refused, and nothing has changed: `store_conflict` {given, stored} when another revision than `after` is stored, or the
   * state's is not above it; `lease_lost` when the fence does not hold. Rejected otherwise means unknown, not "no" (a failed
   * commit may be found after a restart).
   */
  commit(state: ControlState, audit: AuditDraft, options: CommitOptions): Promise<AuditEntry>
  /** Newest first, at most `limit`, only entries with a seq below `before`. */
  audit(page: { readonly limit: number; readonly before: number | null }): Promise<readonly AuditEntry[]>
  /** Walks the whole chain. */
  verifyAudit(): Promise<AuditCheck>
  /**
   * Records of this instance. Survives the process when it resolves, also `kill -9`; a power cut may take the last seconds. All
   * or nothing up to some hundred records; more go in pieces, in their order, so that no commit waits for long. Rejected: some
   * pieces may be kept. `lease_lost` when the fence does not hold.
   */
  keep(changes: KeptChanges, fence?: Fence): Promise<void>
  /** All records of this instance, in no order that means anything; with what was asked to be kept before. */
  kept(): Promise<readonly KeptRecord[]>
  /** Of all other instances of this store, alive or not, the records whose keys begin with `prefix`. */
  keptByOthers(prefix: string): Promise<readonly KeptByOther[]>
  /**
   * Takes the lease, or prolongs it where the holder has it; null: another has it. It ends `forMs` from now by the store's
   * clock, unless prolonged. Names of holders must differ between all that may ask.
   */
  lease(name: string, holder: string, forMs: Milliseconds): Promise<Lease | null>
  /** Gives it back, so that the next need not wait; nothing where the holder does not have it. */
  release(name: string, holder: string): Promise<void>
  /** Of the tables that there are, and that this program knows. */
  schema(): Promise<{ readonly stored: number; readonly known: number }>
  close(): Promise<void>
  /** null: it cannot be shared. */
  readonly shared: Shared | null
}

export type KeptByOther = readonly [instance: string, key: string, text: string]

/** What a store that several instances use does beside. */
export interface Shared {
  /**
   * To all other instances that listen now; not durable; in the order of one sender. At most 7000 bytes of UTF-8, without NUL:
   * others are refused with `message_refused`. Commits tell by themselves.
   */
  tell(text: string): Promise<void>
  /** Once. What ears throw is lost. */
  listen(ears: Ears): void
  /**
   * Writes our row, and returns all rows that were written within the last `forMs` before, by the store's clock. Ours is among
   * them as it was: what another process has written under our name shows.
   */
  present(me: Presence, forMs: Milliseconds): Promise<readonly Present[]>
  /** It leaves: its row goes. */
  leave(instance: string): Promise<void>
  /**
   * Takes over the kept records of one instance that, for `goneMs`, neither was present nor kept anything: they are ours from
   * now on. Its name; null: there is none, or we have records of our own. Of several that ask at once, each gets another.
   */
  inherit(goneMs: Milliseconds): Promise<string | null>
  /**
   * Deletes presence rows that were not written for `ageMs`, and the kept records of instances without a row that kept nothing
   * for `ageMs`. `lease_lost` when the fence does not hold.
   */
  sweep(ageMs: Milliseconds, fence: Fence): Promise<void>
}

export interface Ears {
  heard(from: string, text: string): void
  /** An instance, maybe we, saved this revision: said by the transaction itself. */
  committed(from: string, revision: Revision): void
  /** Listening has begun, or the connection was lost and is back: anything may have been missed before. */
  missed(): void
  /** The connection is lost: nothing is heard until `missed`. */
  lost(): void
}

/** What an instance says of itself. */
export interface Presence {
  readonly instance: string
  readonly version: string
  /** What the program knows: `POSTGRES_SCHEMA`. */
  readonly schema: number
  readonly revision: Revision
  readonly workers: readonly { readonly worker: number; readonly revision: Revision; readonly pid: number }[]
  /** Of the configuration, secrets included, as a hash: differing files show. */
  readonly configHash: string
  readonly startedAt: EpochMs
  readonly state: 'starting' | 'ready' | 'draining'
  /** A machine, and an address there that one process at a time can have; null, or absent in rows of older versions: not known. */
  readonly place?: string | null
}

export type Present = Presence & { readonly agoMs: Milliseconds }
