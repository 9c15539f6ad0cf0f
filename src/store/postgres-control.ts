// Control state in PostgreSQL, with its audit log and the leases. A commit is one statement and so one transaction: it replaces
// the state only where the revision and the end of the audit chain are still those that it was made from.
import type { AuditDraft, AuditEntry } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { Milliseconds, Revision } from '../model/units.ts'
import { type ChainHead, chain, EMPTY_CHAIN, follows } from './audit-chain.ts'
import type { Link } from './postgres-link.ts'
import type { Query } from './postgres-schema.ts'
import { conflictOf, leaseLost } from './refusals.ts'
import type { AuditCheck, CommitOptions, Fence, Lease } from './store.ts'

export type Head = ChainHead & { readonly revision: Revision }

/** How many entries one statement of `verifyAudit` walks. */
const VERIFY_SLICE = 1_000
/** Revision and chain can part only where somebody put back an old copy of the tables: once more, with what is there now. */
const COMMIT_ATTEMPTS = 3

/**
 * Holds the lease's row until the transaction ends: nobody can take the lease in between. `$1`, `$2` are the lease and its token,
 * null where nothing is fenced.
 */
export const FENCE = `fence AS (SELECT 1 FROM lease WHERE name = $1 AND token = $2 AND holder IS NOT NULL FOR SHARE),
  allowed AS (SELECT $1::text IS NULL OR EXISTS (SELECT FROM fence) AS yes)`

const COMMIT = `WITH ${FENCE},
  saved AS (
    UPDATE control SET revision = $3, state = $4, audit_seq = $5, audit_hash = $6
    WHERE id = 1 AND revision = $7 AND audit_hash = $8 AND (SELECT yes FROM allowed) RETURNING 1
  ),
  logged AS (INSERT INTO audit (seq, entry) SELECT $5, $9 FROM saved RETURNING 1)
  SELECT (SELECT yes FROM allowed) AS allowed, pg_notify($10, $11) AS told FROM logged`

const LEASE = `INSERT INTO lease AS l (name, holder, token, until)
  VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
  ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until,
    token = CASE WHEN l.holder = excluded.holder AND l.until > clock_timestamp() THEN l.token ELSE l.token + 1 END
  WHERE l.holder IS NULL OR l.holder = excluded.holder OR l.until <= clock_timestamp()
  RETURNING token::float8 AS token, extract(epoch FROM until)::float8 * 1000 AS until`

/** Values of `FENCE`. */
export function fenceValues(fence: Fence | undefined): readonly unknown[] {
  return fence === undefined ? [null, null] : [fence.lease, fence.token]
}

export async function loadState(query: Query): Promise<{ readonly head: Head; readonly text: string | null }> {
  const [row] = await query<Head & { state: string | null }>(
    'SELECT revision::float8 AS revision, state, audit_seq::float8 AS seq, audit_hash AS hash FROM control WHERE id = 1',
  )
  if (row === undefined)
    throw new BanyanError('store_unreadable', 'The row of the control state is gone from the store.')
  const { revision, seq, hash, state } = row
  return { head: { revision, seq, hash }, text: state }
}

export interface Commit {
  readonly revision: Revision
  /** JSON of the state. */
  readonly text: string
  readonly draft: AuditDraft
  readonly options: CommitOptions
  readonly channel: string
  /** What listeners are told. */
  readonly message: string
}

/**
 * @param seen what is believed to be stored; null: look
 * @returns the entry, and what is stored now
 */
export async function commitState(query: Query, seen: Head | null, commit: Commit): Promise<AuditEntry> {
  const { revision, text, draft, options } = commit
  let head = seen?.revision === options.after ? seen : await headOf(query)
  for (let attempt = 1; ; attempt++) {
    // Something that did not follow must not be sent: a look told already that it would be refused.
    const refusal = conflictOf({ revision, after: options.after }, head.revision)
    if (refusal !== null) throw (await isFencedOut(query, options.fence)) ?? refusal
    const entry = chain(draft, head.hash, head.seq + 1)
    const saved = await query(COMMIT, [
      ...fenceValues(options.fence),
      ...[revision, text, entry.seq, entry.hash, options.after, head.hash, JSON.stringify(entry)],
      ...[commit.channel, commit.message],
    ])
    if (saved.length === 1) return entry
    const lost = await isFencedOut(query, options.fence)
    if (lost !== null) throw lost
    head = await headOf(query)
    if (attempt === COMMIT_ATTEMPTS && head.revision === options.after)
      throw new BanyanError('store_failed', 'The store changes without changing its revision.')
  }
}

async function headOf(query: Query): Promise<Head> {
  const [row] = await query<Head>(
    'SELECT revision::float8 AS revision, audit_seq::float8 AS seq, audit_hash AS hash FROM control WHERE id = 1',
  )
  if (row === undefined)
    throw new BanyanError('store_unreadable', 'The row of the control state is gone from the store.')
  return row
}

async function isFencedOut(query: Query, fence: Fence | undefined): Promise<BanyanError | null> {
  if (fence === undefined) return null
  const [row] = await query(`WITH ${FENCE} SELECT yes FROM allowed`, fenceValues(fence))
  return row?.yes === true ? null : leaseLost(fence)
}

export async function auditPage(
  query: Query,
  page: { readonly limit: number; readonly before: number | null },
): Promise<readonly string[]> {
  const rows = await query<{ entry: string }>('SELECT entry FROM audit WHERE seq < $1 ORDER BY seq DESC LIMIT $2', [
    page.before ?? Number.MAX_SAFE_INTEGER,
    Math.max(0, page.limit),
  ])
  return rows.map(row => row.entry)
}

/** One statement at a time: commits of ours and of others go on meanwhile. */
export async function verifyChain(link: Link): Promise<AuditCheck> {
  let last = EMPTY_CHAIN
  for (;;) {
    const { end, count, rows } = await link.run(query => sliceAfter(query, last.seq))
    for (const { seq, entry: text } of rows) {
      const entry = entryOf(text)
      // An entry beyond the one that the last commit left behind was put there by somebody else.
      if (entry === null || entry.seq !== seq || seq > end.seq || !follows(entry, last))
        return { ok: false, entries: count, brokenAt: seq }
      last = entry
    }
    if (rows.length === VERIFY_SLICE) continue
    if (last.seq < end.seq) return { ok: false, entries: count, brokenAt: last.seq + 1 }
    const whole = last.hash === end.hash
    return { ok: whole, entries: count, brokenAt: whole ? null : last.seq }
  }
}

/** One statement sees one moment: a commit between two would look like an entry too many. */
async function sliceAfter(query: Query, seq: number) {
  const rows = await query<{ head: ChainHead; count: number; seq: number | null; entry: string }>(
    `SELECT json_build_object('seq', c.audit_seq, 'hash', c.audit_hash) AS head,
       (SELECT count(*) FROM audit)::float8 AS count, a.seq::float8 AS seq, a.entry
     FROM control c LEFT JOIN LATERAL (SELECT seq, entry FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2) a ON true
     WHERE c.id = 1 ORDER BY a.seq`,
    [seq, VERIFY_SLICE],
  )
  const first = rows[0]
  if (first === undefined)
    throw new BanyanError('store_unreadable', 'The row of the control state is gone from the store.')
  const entries = rows.flatMap(row => (row.seq === null ? [] : [{ seq: row.seq, entry: row.entry }]))
  return { end: first.head, count: first.count, rows: entries }
}

function entryOf(text: string): AuditEntry | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as AuditEntry) : null
  } catch {
    return null
  }
}

export async function takeLease(
  query: Query,
  name: string,
  holder: string,
  forMs: Milliseconds,
): Promise<Lease | null> {
  const [row] = await query<Lease>(LEASE, [name, holder, forMs])
  return row ?? null
}

export async function releaseLease(query: Query, name: string, holder: string): Promise<void> {
  await query('UPDATE lease SET holder = NULL WHERE name = $1 AND holder = $2', [name, holder])
}
