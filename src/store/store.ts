// The store: what must survive the process. One interface; test/contracts/store.ts says what an implementation is.
import type { AuditDraft, AuditEntry, ControlState } from '../model/control.ts'

export interface AuditCheck {
  readonly ok: boolean
  readonly entries: number
  /** seq of the first entry that does not follow from the one before; null when all do. */
  readonly brokenAt: number | null
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
  close(): Promise<void>
}
