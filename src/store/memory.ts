// The store that forgets: for tests and for `store: memory:`, where nothing has to survive the process.
import type { AuditDraft, AuditEntry, ControlState } from '../model/control.ts'
import { type ChainHead, chain, EMPTY_CHAIN, follows } from './audit-chain.ts'
import { storeClosed, storeConflict } from './refusals.ts'
import type { AuditCheck, KeptChanges, KeptRecord, Store } from './store.ts'

/** Keeps texts, not objects, as every store does: nobody can change what is stored through what was handed in or out. */
export function createMemoryStore(): Store {
  const entries: string[] = []
  const records = new Map<string, string>()
  let stored: { readonly revision: number; readonly text: string } | null = null
  let head: ChainHead = EMPTY_CHAIN
  let closed = false

  async function load(): Promise<ControlState | null> {
    refuseWhenClosed()
    return stored === null ? null : (JSON.parse(stored.text) as ControlState)
  }

  async function commit(state: ControlState, audit: AuditDraft): Promise<AuditEntry> {
    refuseWhenClosed()
    if (stored !== null && !(state.revision > stored.revision)) throw storeConflict(state.revision, stored.revision)
    const text = JSON.stringify(state)
    const entry = chain(audit, head.hash, head.seq + 1)
    entries.push(JSON.stringify(entry))
    stored = { revision: state.revision, text }
    head = entry
    return entry
  }

  async function audit(page: { readonly limit: number; readonly before: number | null }) {
    refuseWhenClosed()
    const end = Math.max(0, Math.min(entries.length, (page.before ?? Number.POSITIVE_INFINITY) - 1))
    const start = Math.max(0, end - Math.max(0, page.limit))
    return entries
      .slice(start, end)
      .reverse()
      .map(text => JSON.parse(text) as AuditEntry)
  }

  async function verifyAudit(): Promise<AuditCheck> {
    refuseWhenClosed()
    let previous = EMPTY_CHAIN
    for (const text of entries) {
      const entry = JSON.parse(text) as AuditEntry
      if (!follows(entry, previous)) return { ok: false, entries: entries.length, brokenAt: entry.seq }
      previous = entry
    }
    return { ok: true, entries: entries.length, brokenAt: null }
  }

  async function keep({ put, remove }: KeptChanges): Promise<void> {
    refuseWhenClosed()
    for (const key of remove) records.delete(key.toWellFormed())
    for (const [key, text] of put) records.set(key.toWellFormed(), text.toWellFormed())
  }

  async function kept(): Promise<readonly KeptRecord[]> {
    refuseWhenClosed()
    return [...records]
  }

  async function close(): Promise<void> {
    closed = true
  }

  function refuseWhenClosed(): void {
    if (closed) throw storeClosed()
  }

  return { kind: 'memory', load, commit, audit, verifyAudit, keep, kept, close }
}
