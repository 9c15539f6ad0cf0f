// Words that the store, the model and control bring: here until those rooms have them, then imports take their place.
import type { Applied, AuditDraft, Rollback } from '../model/control.ts'
import type { EpochMs, Milliseconds, Revision } from '../model/units.ts'

/** A rollback that is in force and, as far as its holder knows, not in the store. */
export interface Owed {
  readonly rollback: Rollback
  readonly draft: AuditDraft
}

/** Where a change is in force, and who has not said so. */
export interface Reached {
  readonly appliedBy: Applied['appliedBy']
  readonly pending: Applied['pending']
}

export interface Fence {
  readonly lease: string
  readonly token: number
}

export interface Presence {
  readonly instance: string
  readonly version: string
  readonly schema: number
  readonly revision: Revision
  readonly workers: readonly { readonly worker: number; readonly revision: Revision; readonly pid: number }[]
  /** Of the configuration, secrets included, as a hash: differing files show. */
  readonly configHash: string
  readonly startedAt: EpochMs
  readonly state: 'starting' | 'ready' | 'draining'
}

/** What a store that several instances use does beside. */
export interface Shared {
  /** To all other instances, not durable, ≤ 7000 bytes of UTF-8 text, in the order of one sender. */
  tell(text: string): Promise<void>
  listen(ears: Ears): void
  /** Writes our row, returns all rows (ours too) that were written within the last `forMs`, by the store's clock. */
  present(me: Presence, forMs: Milliseconds): Promise<readonly (Presence & { readonly agoMs: Milliseconds })[]>
  /** We leave: our row goes. */
  leave(instance: string): Promise<void>
  inherit(goneMs: Milliseconds): Promise<string | null>
  sweep(ageMs: Milliseconds, fence: Fence): Promise<void>
}

export interface Ears {
  heard(from: string, text: string): void
  /** Another instance (or we) saved this revision: said by the transaction itself. */
  committed(from: string, revision: Revision): void
  /** The connection was lost and is back: anything may have been missed. */
  missed(): void
  lost(): void
}
