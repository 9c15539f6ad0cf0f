// Kept records in PostgreSQL, of this instance and of others, and who is present. Both are bytes, because a text of PostgreSQL
// may hold no NUL; a record is found by the hash of its key, which may be longer than an index takes.
import { createHash } from 'node:crypto'
import type { Milliseconds } from '../model/units.ts'
import { FENCE, fenceValues } from './postgres-control.ts'
import { type Query, transaction } from './postgres-schema.ts'
import { leaseLost } from './refusals.ts'
import type { Fence, KeptByOther, KeptChanges, KeptRecord, Presence, Present } from './store.ts'

/** Records of one statement; and its bytes, roughly, which it stays below only where records are small. */
const SLICE = 2_000
/** One takeover at a time: two may not take over the same records. */
const INHERIT_LOCK = 0x42_41_4e_48

const KEEP = `WITH ${FENCE},
  removed AS (DELETE FROM kept WHERE instance = $3 AND id = ANY ($4::bytea[]) AND (SELECT yes FROM allowed)),
  saved AS (
    INSERT INTO kept (instance, id, key, text, at)
    SELECT $3, id, key, text, clock_timestamp() FROM unnest($5::bytea[], $6::bytea[], $7::bytea[]) AS r (id, key, text)
    WHERE (SELECT yes FROM allowed)
    ON CONFLICT (instance, id) DO UPDATE SET text = excluded.text, at = excluded.at
  )
  SELECT yes FROM allowed`

const INHERIT = `WITH gone AS (
    SELECT k.instance FROM kept k LEFT JOIN presence p USING (instance) WHERE k.instance <> $1
    GROUP BY k.instance
    HAVING greatest(max(k.at), max(p.at)) < clock_timestamp() - $2 * interval '1 millisecond'
    ORDER BY max(k.at) DESC LIMIT 1
  ),
  moved AS (
    UPDATE kept SET instance = $1, at = clock_timestamp()
    WHERE instance = (SELECT instance FROM gone) AND NOT EXISTS (SELECT FROM kept WHERE instance = $1) RETURNING 1
  )
  SELECT instance FROM gone WHERE EXISTS (SELECT FROM moved)`

const SWEEP = `WITH ${FENCE},
  oldest AS (SELECT clock_timestamp() - $3 * interval '1 millisecond' AS at),
  rows AS (DELETE FROM presence WHERE at < (SELECT at FROM oldest) AND (SELECT yes FROM allowed)),
  gone AS (
    SELECT k.instance FROM kept k LEFT JOIN presence p USING (instance)
    GROUP BY k.instance HAVING greatest(max(k.at), max(p.at)) < (SELECT at FROM oldest)
  ),
  records AS (DELETE FROM kept WHERE instance IN (SELECT instance FROM gone) AND (SELECT yes FROM allowed))
  SELECT yes FROM allowed`

/** The whole statement sees the rows as they were before it. */
const PRESENT = `WITH mine AS (
    INSERT INTO presence (instance, body, at) VALUES ($1, $2, clock_timestamp())
    ON CONFLICT (instance) DO UPDATE SET body = excluded.body, at = excluded.at
  )
  SELECT body, extract(epoch FROM clock_timestamp() - at)::float8 * 1000 AS ago FROM presence
  WHERE at >= clock_timestamp() - $3 * interval '1 millisecond'`

/** One statement: all or nothing. @throws BanyanError `lease_lost` */
export async function keepPiece(query: Query, instance: string, { put, remove }: KeptChanges, fence?: Fence) {
  // The last one of a key counts; what is put need not be removed first.
  const records = new Map(put.map(([key, text]) => [bytes(key).toString('latin1'), [bytes(key), bytes(text)] as const]))
  const removed = remove.map(bytes).filter(key => !records.has(key.toString('latin1')))
  const [row] = await query(KEEP, [
    ...fenceValues(fence),
    ...[instance, removed.map(idOf)],
    ...[[...records.values()].map(([key]) => idOf(key)), [...records.values()].map(([key]) => key)],
    [...records.values()].map(([, text]) => text),
  ])
  if (fence !== undefined && row?.yes !== true) throw leaseLost(fence)
}

export async function keptOf(query: Query, instance: string): Promise<readonly KeptRecord[]> {
  const all: KeptRecord[] = []
  for (let after = Buffer.alloc(0); ; ) {
    const rows = await query<{ id: Buffer; key: Buffer; text: Buffer }>(
      'SELECT id, key, text FROM kept WHERE instance = $1 AND id > $2 ORDER BY id LIMIT $3',
      [instance, after, SLICE],
    )
    for (const { key, text } of rows) all.push([key.toString(), text.toString()])
    if (rows.length < SLICE) return all
    after = Buffer.from(rows.at(-1)!.id)
  }
}

export async function keptOfOthers(query: Query, instance: string, prefix: string): Promise<readonly KeptByOther[]> {
  const all: KeptByOther[] = []
  for (let after = { instance: '', id: Buffer.alloc(0) }; ; ) {
    const rows = await query<{ instance: string; id: Buffer; key: Buffer; text: Buffer }>(
      `SELECT instance, id, key, text FROM kept
       WHERE instance <> $1 AND (instance, id) > ($2, $3) AND substring(key FROM 1 FOR octet_length($4::bytea)) = $4
       ORDER BY instance, id LIMIT $5`,
      [instance, after.instance, after.id, bytes(prefix), SLICE],
    )
    for (const row of rows) all.push([row.instance, row.key.toString(), row.text.toString()])
    if (rows.length < SLICE) return all
    const { instance: lastInstance, id } = rows.at(-1)!
    after = { instance: lastInstance, id: Buffer.from(id) }
  }
}

/** @param query one that waits: all records of an instance are written */
export async function inherit(query: Query, instance: string, goneMs: Milliseconds): Promise<string | null> {
  const [row] = await transaction(query, async () => {
    await query('SET LOCAL statement_timeout = 0')
    await query('SELECT pg_advisory_xact_lock($1)', [INHERIT_LOCK])
    return query<{ instance: string }>(INHERIT, [instance, goneMs])
  })
  return row?.instance ?? null
}

/**
 * @param query one that waits: all records of instances are looked at
 * @throws BanyanError `lease_lost`
 */
export async function sweep(query: Query, ageMs: Milliseconds, fence: Fence): Promise<void> {
  const [row] = await transaction(query, async () => {
    await query('SET LOCAL statement_timeout = 0')
    return query(SWEEP, [...fenceValues(fence), ageMs])
  })
  if (row?.yes !== true) throw leaseLost(fence)
}

export async function present(query: Query, me: Presence, forMs: Milliseconds): Promise<readonly Present[]> {
  const rows = await query<{ body: string; ago: number }>(PRESENT, [me.instance, JSON.stringify(me), forMs])
  return rows.map(({ body, ago }) => ({ ...(JSON.parse(body) as Presence), agoMs: Math.max(0, ago) }))
}

export async function leave(query: Query, instance: string): Promise<void> {
  await query('DELETE FROM presence WHERE instance = $1', [instance])
}

/** A lone surrogate becomes U+FFFD. */
function bytes(text: string): Buffer {
  return Buffer.from(text, 'utf8')
}

function idOf(key: Buffer): Buffer {
  return createHash('sha256').update(key).digest()
}
