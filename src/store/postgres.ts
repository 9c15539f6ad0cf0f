// The store in PostgreSQL, for one instance or several.
//
// Three connections, so that nothing waits for what matters less: one for control state (durable), one for what instances say
// to each other, one for kept records. A change is one statement: the row of the control state is replaced if it is the one
// that the change was made from, the audit entry joins its chain, and the others are notified, all or nothing.
//
// A server that cannot be reached, stands still or is read-only costs an error, never a wait beyond its time. Which of several
// hosts can be written to is asked with each new connection.
import type { ClientBase } from 'pg'
import type { AuditDraft, AuditEntry, ControlState } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { Milliseconds, Revision } from '../model/units.ts'
import { type ChainHead, chain, EMPTY_CHAIN, follows } from './audit-chain.ts'
import { piecesOf } from './kept-pieces.ts'
import { createLine } from './postgres-line.ts'
import { migrate } from './postgres-schema.ts'
import { channelOf, createShared, NOW, type PostgresShared, payloadOf } from './postgres-shared.ts'
import { whereaboutsOf } from './postgres-where.ts'
import { conflictOf, leaseLost, storeClosed } from './refusals.ts'
import type {
  AuditCheck,
  CommitOptions,
  Fence,
  KeptByOther,
  KeptChanges,
  KeptRecord,
  Lease,
  Shared,
  Store,
} from './store.ts'

export interface PostgresOptions {
  /** `postgres://user:password@host[:port][,host…]/database[?schema=…]`. */
  readonly url: string
  /** Tells those who share it apart. */
  readonly instance: string
  readonly connectTimeoutMs?: Milliseconds
  readonly statementTimeoutMs?: Milliseconds
}

const CONNECT_MS: Milliseconds = 1_000
const STATEMENT_MS: Milliseconds = 2_000
/** Kept records wait for nobody, and nobody for them. */
const KEEP_MS: Milliseconds = 15_000
const VERIFY_SLICE = 1_000

/** What the next entry has to know of the stored state. */
interface Head extends ChainHead {
  readonly revision: Revision
}

/**
 * Opens the store, also while its server cannot be reached: then each call is refused, until it can be.
 *
 * @throws BanyanError: here `store_too_new` and `store_too_old`; from every method also `store_unreachable`, `store_slow`,
 * `store_denied`, `store_no_database`, `store_read_only`, `store_full`, `store_unreadable`, `store_conflict`, `lease_lost`,
 * `store_closed`
 */
export async function openPostgresStore(options: PostgresOptions): Promise<Store & { readonly shared: Shared }> {
  const { instance, connectTimeoutMs = CONNECT_MS, statementTimeoutMs = STATEMENT_MS } = options
  const where = whereaboutsOf(options.url)
  const { schema } = where
  const base = { where, instance, connectTimeoutMs, statementTimeoutMs }
  let closing: Promise<void> | null = null
  let head: Head | null = null
  const ensure = (client: ClientBase) => migrate(client, schema)

  const control = createLine({ ...base, durable: true, prepare: ensure, lost: forget })
  const keeping = createLine({ ...base, statementTimeoutMs: KEEP_MS, durable: false, prepare: ensure })
  const saying = createLine({
    ...base,
    durable: false,
    async prepare(client) {
      await ensure(client)
      await shared.prepare(client)
    },
    lost: () => shared.lost(),
  })
  const shared: PostgresShared = createShared({ schema, instance, line: saying, keeping, refuseWhenClosed })

  function refuseWhenClosed(): void {
    if (closing !== null) throw storeClosed()
  }

  function forget(): void {
    head = null
  }

  async function headOf(client: ClientBase): Promise<Head> {
    const { rows } = await client.query<{ revision: string; seq: string; hash: string }>(
      `SELECT revision, audit_seq AS seq, audit_hash AS hash FROM ${schema}.control`,
    )
    const { revision = '0', seq = '0', hash = EMPTY_CHAIN.hash } = rows[0] ?? {}
    return { revision: Number(revision), seq: Number(seq), hash }
  }

  const load = () =>
    control.run(async client => {
      const { rows } = await client.query<{ revision: string; state: string | null; seq: string; hash: string }>(
        `SELECT revision, state, audit_seq AS seq, audit_hash AS hash FROM ${schema}.control`,
      )
      const row = rows[0]
      if (row?.state == null) return null
      head = { revision: Number(row.revision), seq: Number(row.seq), hash: row.hash }
      shared.known(head.revision)
      return parse(row.state, where.name) as ControlState
    })

  const commit = (state: ControlState, draft: AuditDraft, { after, fence }: CommitOptions) =>
    control.run(async client => {
      const text = JSON.stringify(state)
      if (head?.revision !== after) head = await headOf(client)
      for (;;) {
        const conflict = conflictOf({ revision: state.revision, after }, head.revision)
        if (conflict !== null) throw conflict
        const entry = chain(draft, head.hash, head.seq + 1)
        const before: Head = head
        // Whatever becomes of it, what was known is old.
        head = null
        const { saved, fenced } = await save(client, { state, text, entry, before, fence: fence ?? null })
        if (saved) {
          head = { revision: state.revision, seq: entry.seq, hash: entry.hash }
          shared.known(state.revision)
          return entry
        }
        if (fence !== undefined && !fenced) throw leaseLost(fence)
        head = await headOf(client)
      }
    })

  async function save(
    client: ClientBase,
    { state, text, entry, before, fence }: Saving,
  ): Promise<{ readonly saved: boolean; readonly fenced: boolean }> {
    const { rows } = await client.query<{ saved: string; fenced: string; told: string }>({
      name: 'commit',
      text: `WITH fence AS (
          SELECT 1 FROM ${schema}.lease WHERE name = $8 AND token = $9 AND holder IS NOT NULL FOR SHARE
        ), saved AS (
          UPDATE ${schema}.control SET revision = $1, state = $2, audit_seq = $3, audit_hash = $4
          WHERE id = 1 AND revision = $5 AND audit_seq = $3 - 1 AND audit_hash = $6
            AND ($8::text IS NULL OR EXISTS (SELECT 1 FROM fence))
          RETURNING 1
        ), entered AS (
          INSERT INTO ${schema}.audit (seq, entry) SELECT $3, $7 FROM saved RETURNING 1
        ), told AS (
          SELECT pg_notify($10, $11) FROM saved
        )
        SELECT (SELECT count(*) FROM saved) AS saved, (SELECT count(*) FROM fence) AS fenced,
          (SELECT count(*) FROM told) AS told`,
      values: [
        state.revision,
        text,
        entry.seq,
        entry.hash,
        before.revision,
        before.hash,
        JSON.stringify(entry),
        fence?.lease ?? null,
        fence?.token ?? null,
        channelOf(schema),
        payloadOf(instance, 'committed', String(state.revision)),
      ],
    })
    return { saved: Number(rows[0]?.saved) === 1, fenced: Number(rows[0]?.fenced) === 1 }
  }

  const audit = ({ limit, before }: { readonly limit: number; readonly before: number | null }) =>
    control.run(async client => {
      const { rows } = await client.query<{ entry: string }>(
        `SELECT entry FROM ${schema}.audit WHERE $1::bigint IS NULL OR seq < $1 ORDER BY seq DESC LIMIT $2`,
        [before, Math.max(0, limit)],
      )
      return rows.map(({ entry }) => parse(entry, where.name) as AuditEntry)
    })

  async function verifyAudit(): Promise<AuditCheck> {
    const end = await control.run(headOf)
    let previous: ChainHead = EMPTY_CHAIN
    while (previous.seq < end.seq) {
      const after: ChainHead = previous
      const rows = await control.run(async client => {
        const found = await client.query<{ entry: string }>(
          `SELECT entry FROM ${schema}.audit WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3`,
          [after.seq, end.seq, VERIFY_SLICE],
        )
        return found.rows
      })
      // The newest were cut off.
      if (rows.length === 0) return { ok: false, entries: after.seq, brokenAt: after.seq + 1 }
      for (const row of rows) {
        const entry = parse(row.entry, where.name) as AuditEntry
        if (!follows(entry, previous)) return { ok: false, entries: end.seq, brokenAt: entry.seq }
        previous = entry
      }
    }
    const ok = previous.hash === end.hash
    return { ok, entries: end.seq, brokenAt: ok ? null : end.seq }
  }

  async function keep(changes: KeptChanges, fence?: Fence): Promise<void> {
    refuseWhenClosed()
    await Promise.all(piecesOf(changes).map(piece => keeping.run(client => keepPiece(client, piece, fence ?? null))))
  }

  async function keepPiece(client: ClientBase, { put, remove }: KeptChanges, fence: Fence | null): Promise<void> {
    // The last of a key counts, and what is put stays.
    const records = new Map(put.map(([key, text]) => [key.toWellFormed(), text.toWellFormed()]))
    const removed = [...new Set(remove.map(key => key.toWellFormed()))].filter(key => !records.has(key))
    const bytes = (all: Iterable<string>) => [...all].map(one => Buffer.from(one))
    const { rows } = await client.query<{ fenced: string }>({
      name: 'keep',
      text: `WITH fence AS (
          SELECT 1 FROM ${schema}.lease WHERE name = $5 AND token = $6 AND holder IS NOT NULL FOR SHARE
        ), may AS (
          SELECT 1 WHERE $5::text IS NULL OR EXISTS (SELECT 1 FROM fence)
        ), gone AS (
          DELETE FROM ${schema}.kept WHERE instance = $1 AND EXISTS (SELECT 1 FROM may)
            AND sha256(key) IN (SELECT sha256(k) FROM unnest($2::bytea[]) AS k)
        ), kept AS (
          INSERT INTO ${schema}.kept (instance, key, text)
          SELECT $1, r.key, r.text FROM unnest($3::bytea[], $4::bytea[]) AS r(key, text), may
          ON CONFLICT (instance, sha256(key)) DO UPDATE SET text = excluded.text
        ), marked AS (
          INSERT INTO ${schema}.keeping (instance, at) SELECT $1, ${NOW} FROM may
          ON CONFLICT (instance) DO UPDATE SET at = excluded.at
        )
        SELECT count(*) AS fenced FROM may`,
      values: [
        instance,
        bytes(removed),
        bytes(records.keys()),
        bytes(records.values()),
        fence?.lease ?? null,
        fence?.token ?? null,
      ],
    })
    if (fence !== null && Number(rows[0]?.fenced) === 0) throw leaseLost(fence)
  }

  const kept = () =>
    keeping.run(async client => {
      const { rows } = await client.query<{ key: Buffer; text: Buffer }>(
        `SELECT key, text FROM ${schema}.kept WHERE instance = $1`,
        [instance],
      )
      return rows.map(({ key, text }): KeptRecord => [key.toString('utf8'), text.toString('utf8')])
    })

  const keptByOthers = (prefix: string) =>
    keeping.run(async client => {
      const { rows } = await client.query<{ instance: string; key: Buffer; text: Buffer }>(
        `SELECT instance, key, text FROM ${schema}.kept
          WHERE instance <> $1 AND substring(key FROM 1 FOR octet_length($2::bytea)) = $2::bytea`,
        [instance, Buffer.from(prefix)],
      )
      return rows.map(
        ({ instance: from, key, text }): KeptByOther => [from, key.toString('utf8'), text.toString('utf8')],
      )
    })

  const lease = (name: string, holder: string, forMs: Milliseconds) =>
    control.run(async (client): Promise<Lease | null> => {
      const { rows } = await client.query<{ token: string; until: string }>(
        `INSERT INTO ${schema}.lease AS l (name, holder, token, until) VALUES ($1, $2, 1, ${NOW} + $3::bigint)
          ON CONFLICT (name) DO UPDATE SET
            token = l.token + CASE WHEN l.holder = $2 AND l.until > ${NOW} THEN 0 ELSE 1 END,
            holder = $2, until = ${NOW} + $3::bigint
          WHERE l.holder IS NULL OR l.holder = $2 OR l.until <= ${NOW}
          RETURNING token, until`,
        [name, holder, forMs],
      )
      const row = rows[0]
      return row === undefined ? null : { token: Number(row.token), until: Number(row.until) }
    })

  const release = (name: string, holder: string) =>
    control.run(async client => {
      await client.query(`UPDATE ${schema}.lease SET holder = NULL WHERE name = $1 AND holder = $2`, [name, holder])
    })

  function close(): Promise<void> {
    closing ??= (async () => {
      shared.close()
      await Promise.all([control.close(), keeping.close(), saying.close()])
    })()
    return closing
  }

  try {
    await control.run(async () => {})
  } catch (error) {
    const { code } = error as BanyanError
    if (code === 'store_too_new' || code === 'store_too_old') {
      await close()
      throw error
    }
  }
  return {
    kind: 'postgres',
    shared,
    ...{ load, commit, audit, verifyAudit, keep, kept, keptByOthers, lease, release, close },
  }
}

interface Saving {
  readonly state: ControlState
  readonly text: string
  readonly entry: AuditEntry
  /** In whose place it comes. */
  readonly before: Head
  readonly fence: Fence | null
}

function parse(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new BanyanError('store_unreadable', `The store ${name} holds a record that is no JSON.`, {
      hint: 'Somebody changed it by hand: put a backup in its place.',
      cause,
    })
  }
}
