// The store: what must survive the process. One interface; test/contracts/store.ts says what an implementation is.
//
// Two things, and the first comes first. *Control state* with its audit log is durable before anybody is told. *Kept records*
// are what was learned and counted: losing the last of them costs nothing but looking again, so keeping them waits for every
// commit, takes no disk space that control might need, and may fail without a commit ever failing for it.
import type { AuditDraft, AuditEntry, ControlState } from '../model/control.ts'

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

export interface Store {
  readonly kind: 'memory' | 'sqlite'
  /** null: nothing was ever saved here. */
  load(): Promise<ControlState | null>
  /**
   * Save a state together with the entry that says why, in one transaction, durable when it resolves.
   * A revision not above the stored one is refused with code `store_conflict`. Rejected means unknown, not "no" (a failed
   * commit may be found after a restart).
   */
  commit(state: ControlState, audit: AuditDraft): Promise<AuditEntry>
  /** Newest first, at most `limit`, only entries with a seq below `before`. */
  audit(page: { readonly limit: number; readonly before: number | null }): Promise<readonly AuditEntry[]>
  /** Walks the whole chain. */
  verifyAudit(): Promise<AuditCheck>
  /**
   * Survives the process when it resolves, also `kill -9`; a power cut may take the last seconds. All or nothing up to some
   * hundred records; more go in pieces, in their order, so that no commit waits for long. Rejected: some pieces may be kept.
   */
  keep(changes: KeptChanges): Promise<void>
  /** All records, in no order that means anything; with what was asked to be kept before. */
  kept(): Promise<readonly KeptRecord[]>
  close(): Promise<void>
}
