// The store's own thread: the only place that waits for the disk. It is asked in batches and answers in the same order.
//
// A run of commits in one batch becomes one transaction and so one fsync. Each keeps its own conflict check and its own
// audit entry. When such a transaction fails, each of its commits is tried alone, so that only those fail that must; unless
// the disk itself failed, where trying again would hide what was lost.
//
// Records are kept without an fsync of their own: the next commit's takes them along.
//
// After any failure of the file the connection is dropped; the next request opens the file anew and finds what is really there.
import { parentPort, workerData } from 'node:worker_threads'
import type { AuditDraft, AuditEntry } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import { type ChainHead, chain, EMPTY_CHAIN, follows } from './audit-chain.ts'
import { conflictOf } from './refusals.ts'
import { describe, survives } from './sqlite-faults.ts'
import { openFile, pragma, SQLITE_SCHEMA, type SqliteFile, schemaOf, settle } from './sqlite-file.ts'
import { keepRecords, keptSlice } from './sqlite-kept.ts'
import { refuseFenced, releaseLease, takeLease } from './sqlite-lease.ts'
import type {
  Answers,
  Commit,
  Reply,
  Request,
  SqliteSettings,
  ThreadOptions,
  VerifiedSlice,
} from './sqlite-protocol.ts'
import type { Fence } from './store.ts'

type Session = SqliteFile & ReturnType<typeof prepareStatements> & { settled: boolean }
type Head = ChainHead & { readonly revision: number }

const { path, maxPages } = workerData as ThreadOptions
const port = parentPort!
let session: Session | null = null

port.on('message', function serve(batch: readonly Request[]) {
  const replies: Reply[] = []
  for (let at = 0; at < batch.length; ) {
    const run = commitsFrom(batch, at)
    if (run.length > 0) replies.push(...commitAll(run))
    else replies.push(attempt(() => answer(serveOther(batch[at]! as Exclude<Request, Commit>))))
    at += Math.max(1, run.length)
  }
  port.postMessage(replies)
  if (batch.at(-1)?.op === 'close') port.close()
})

function commitsFrom(batch: readonly Request[], start: number): readonly Commit[] {
  const run: Commit[] = []
  for (const request of batch.slice(start)) {
    if (request.op !== 'commit') break
    run.push(request)
  }
  return run
}

function commitAll(commits: readonly Commit[]): readonly Reply[] {
  try {
    return transaction(open => commits.map(commit => commitOne(open, commit)))
  } catch (error) {
    const again = commits.length > 1 && survives(error)
    return commits.map(commit => (again ? attempt(() => transaction(open => commitOne(open, commit))) : refused(error)))
  }
}

/** @throws when nothing of the transaction is in force, or, with `store_io`, when nobody can say. */
function transaction<T>(work: (open: Session) => T): T {
  const open = openSession()
  try {
    if (!open.inPlace())
      throw new BanyanError('store_moved', `The store ${path} was removed or replaced while it was in use.`, {
        hint: 'Put the file back, or restart to begin with what is there now.',
        details: { path },
      })
    if (!open.settled) settle(open.db)
    open.settled = true
    open.db.exec('BEGIN IMMEDIATE')
    const result = work(open)
    open.db.exec('COMMIT')
    return result
  } catch (error) {
    if (!survives(error)) dropSession()
    else if (open.db.isTransaction) rollBack(open)
    throw error
  }
}

/** A refusal is an answer like others and leaves the transaction alone; only a failing file throws. */
function commitOne(open: Session, { revision, after, fence, state, draft }: Commit): Reply {
  const head = open.head()
  const conflict = lossOf(open, fence) ?? conflictOf({ revision, after }, head?.revision ?? 0)
  if (conflict !== null) return refused(conflict)
  const { seq, hash } = head ?? EMPTY_CHAIN
  const entry = chain(JSON.parse(draft) as AuditDraft, hash, seq + 1)
  const text = JSON.stringify(entry)
  open.insertEntry.run(entry.seq, text)
  open.saveState.run(revision, state, entry.seq, entry.hash)
  return answer(text)
}

function lossOf({ db }: Session, fence: Fence | null): BanyanError | null {
  try {
    refuseFenced(db, fence)
    return null
  } catch (error) {
    if (error instanceof BanyanError) return error
    throw error
  }
}

function serveOther(request: Exclude<Request, Commit>): Answers[keyof Answers] {
  switch (request.op) {
    case 'close':
      return dropSession()
    case 'keep':
      return unsynced(open => {
        refuseFenced(open.db, request.fence)
        return keepRecords(open, request, path)
      })
    // A power cut takes the holders, too: a lease that it takes is missed by nobody.
    case 'lease':
      return unsynced(({ db }) => takeLease(db, request.name, request.holder, request.forMs))
    case 'release':
      return unsynced(({ db }) => releaseLease(db, request.name, request.holder))
    default:
      return read(request)
  }
}

/** `NORMAL` is safe against the end of the process and never harms the file; a power cut may take what no commit came after. */
function unsynced<T>(work: (open: Session) => T): T {
  openSession().db.exec('PRAGMA synchronous = NORMAL')
  try {
    return transaction(work)
  } finally {
    demandFull()
  }
}

function demandFull(): void {
  try {
    session?.db.exec('PRAGMA synchronous = FULL')
  } catch {
    // A session begins with it.
    dropSession()
  }
}

function read(
  request: Exclude<Request, Commit | { readonly op: 'keep' | 'lease' | 'release' | 'close' }>,
): Answers[keyof Answers] {
  const open = openSession()
  try {
    switch (request.op) {
      case 'open':
        return null
      case 'load':
        return open.state()
      case 'audit':
        return open.entries(request.limit, request.before)
      case 'verify':
        return verify(open, request.after, request.limit)
      case 'kept':
        return keptSlice(open.db, request.after)
      case 'settings':
        return settings(open)
    }
  } catch (error) {
    if (!survives(error)) dropSession()
    throw error
  }
}

function verify(open: Session, after: ChainHead, limit: number): VerifiedSlice {
  const entries = open.count()
  const end = open.head() ?? EMPTY_CHAIN
  let last = after
  let walked = 0
  for (const row of open.entriesAfter.iterate(after.seq, limit)) {
    const entry = entryOf(String(row.entry))
    const seq = Number(row.seq)
    // An entry beyond the one that the last commit left behind was put there by somebody else.
    if (entry === null || seq !== entry.seq || seq > end.seq || !follows(entry, last))
      return { entries, brokenAt: seq, next: null }
    last = entry
    walked++
  }
  if (walked === limit) return { entries, brokenAt: null, next: { seq: last.seq, hash: last.hash } }
  if (last.seq < end.seq) return { entries, brokenAt: last.seq + 1, next: null }
  return { entries, brokenAt: last.hash === end.hash ? null : last.seq, next: null }
}

function entryOf(text: string): AuditEntry | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as AuditEntry) : null
  } catch {
    return null
  }
}

function settings({ db }: Session): SqliteSettings {
  return {
    journalMode: String(pragma(db, 'journal_mode')),
    synchronous: Number(pragma(db, 'synchronous')),
    lockingMode: String(pragma(db, 'locking_mode')),
    schemaVersion: schemaOf(db),
    knownSchema: SQLITE_SCHEMA,
  }
}

function openSession(): Session {
  if (session !== null) return session
  const file = openFile(path, maxPages)
  try {
    session = { ...file, ...prepareStatements(file), settled: false }
    return session
  } catch (error) {
    file.db.close()
    throw error
  }
}

function dropSession(): null {
  try {
    session?.db.close()
  } catch {
    // Nothing depends on a tidy end: what is acknowledged is in the log, and the log is read when the file is opened.
  }
  session = null
  return null
}

function rollBack(open: Session): void {
  try {
    open.db.exec('ROLLBACK')
  } catch {
    dropSession()
  }
}

function prepareStatements({ db }: SqliteFile) {
  const head = db.prepare('SELECT revision, audit_seq AS seq, audit_hash AS hash FROM control WHERE id = 1')
  const state = db.prepare('SELECT state FROM control WHERE id = 1')
  const entries = db.prepare('SELECT entry FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?')
  const count = db.prepare('SELECT count(*) AS n FROM audit')
  return {
    insertEntry: db.prepare('INSERT INTO audit (seq, entry) VALUES (?, ?)'),
    saveState: db.prepare(`INSERT INTO control (id, revision, state, audit_seq, audit_hash) VALUES (1, ?, ?, ?, ?)
      ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, state = excluded.state,
        audit_seq = excluded.audit_seq, audit_hash = excluded.audit_hash`),
    entriesAfter: db.prepare('SELECT seq, entry FROM audit WHERE seq > ? ORDER BY seq LIMIT ?'),
    head: () => (head.get() ?? null) as Head | null,
    state: () => (state.get()?.state ?? null) as string | null,
    count: () => Number(count.get()?.n),
    entries: (limit: number, before: number | null) =>
      entries.all(before ?? Number.MAX_SAFE_INTEGER, Math.max(0, limit)).map(row => String(row.entry)),
  }
}

function attempt(work: () => Reply): Reply {
  try {
    return work()
  } catch (error) {
    return refused(error)
  }
}

function answer(value: Answers[keyof Answers]): Reply {
  return { ok: true, value }
}

function refused(error: unknown): Reply {
  const { code, message, hint, details } = describe(error, path)
  return { ok: false, fault: { code, message, hint, details } }
}
