// What the SQLite store and its thread say to each other: a message is a list of requests, its answer the list of replies.
import type { ChainHead } from './audit-chain.ts'
import type { Fence, KeptChanges, KeptRecord, Lease } from './store.ts'

/** Given to the thread when it starts. */
export interface ThreadOptions {
  /** Absolute. */
  readonly path: string
  readonly maxPages: number | null
}

/** States, drafts and entries travel as JSON texts: cheaper to hand over than objects, and what is stored is what was meant. */
export type Request =
  | { readonly op: 'open' }
  | { readonly op: 'load' }
  | Commit
  | { readonly op: 'audit'; readonly limit: number; readonly before: number | null }
  /** A slice of the walk: at most `limit` entries after `after`, so that commits need not wait for the whole log. */
  | { readonly op: 'verify'; readonly after: ChainHead; readonly limit: number }
  | Keep
  /** A slice of all records, behind the place where the last one ended; 0 is the beginning. */
  | { readonly op: 'kept'; readonly after: number }
  | TakeLease
  | { readonly op: 'release'; readonly name: string; readonly holder: string }
  | { readonly op: 'settings' }
  | { readonly op: 'close' }

export interface Commit {
  readonly op: 'commit'
  readonly revision: number
  readonly after: number
  readonly fence: Fence | null
  readonly state: string
  readonly draft: string
}

export interface Keep extends KeptChanges {
  readonly op: 'keep'
  readonly fence: Fence | null
}

export interface TakeLease {
  readonly op: 'lease'
  readonly name: string
  readonly holder: string
  readonly forMs: number
}

export interface Answers {
  readonly open: null
  readonly load: string | null
  readonly commit: string
  readonly audit: readonly string[]
  readonly verify: VerifiedSlice
  readonly keep: null
  readonly kept: KeptSlice
  readonly lease: Lease | null
  readonly release: null
  readonly settings: SqliteSettings
  readonly close: null
}

export interface VerifiedSlice {
  /** Entries in the whole log. */
  readonly entries: number
  readonly brokenAt: number | null
  /** Where the next slice goes on; null when all was walked. */
  readonly next: ChainHead | null
}

export interface KeptSlice {
  readonly records: readonly KeptRecord[]
  /** Where the next slice goes on; null when these were the last. */
  readonly next: number | null
}

/** As the open connection reports them. */
export interface SqliteSettings {
  /** `wal` */
  readonly journalMode: string
  /** 2 is FULL. */
  readonly synchronous: number
  /** `exclusive` */
  readonly lockingMode: string
  readonly schemaVersion: number
  /** What this program knows. */
  readonly knownSchema: number
}

export type Reply =
  | { readonly ok: true; readonly value: Answers[keyof Answers] }
  | { readonly ok: false; readonly fault: Fault }

/** A BanyanError on its way between threads. */
export interface Fault {
  readonly code: string
  readonly message: string
  readonly hint: string | null
  readonly details: Readonly<Record<string, unknown>>
}
