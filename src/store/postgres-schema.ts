// The tables in PostgreSQL. Each text is a step from one version to the next, applied once, by one instance at a time; see
// schema-version.ts for what a step may change.
import type { ClientBase } from 'pg'
import { GENESIS } from './audit-chain.ts'
import { type Migrations, missingOf } from './schema-version.ts'

/** Before 13 some of what we say is not understood. */
export const OLDEST_SERVER = 130_000

const FIRST = `
CREATE TABLE control (
  id smallint PRIMARY KEY CHECK (id = 1),
  revision bigint NOT NULL,
  state text,
  audit_seq bigint NOT NULL,
  audit_hash text NOT NULL
);
INSERT INTO control VALUES (1, 0, NULL, 0, '${GENESIS}');
CREATE TABLE audit (seq bigint PRIMARY KEY, entry text NOT NULL);
CREATE TABLE lease (name text PRIMARY KEY, holder text, token bigint NOT NULL, until bigint NOT NULL);
CREATE TABLE presence (instance text PRIMARY KEY, said text NOT NULL, at bigint NOT NULL);
CREATE TABLE keeping (instance text PRIMARY KEY, at bigint NOT NULL);
CREATE TABLE kept (instance text NOT NULL, key bytea NOT NULL, text bytea NOT NULL);
-- Keys may be longer than what an index takes.
CREATE UNIQUE INDEX kept_key ON kept (instance, sha256(key));
`

export const MIGRATIONS: Migrations = { texts: [FIRST], readableBy: 1 }

/** Two instances that start at once wait for each other. Any number that is ours. */
const LOCK = 0x62616e79

/** The tables are as this program needs them. @throws BanyanError `store_too_new`; PostgreSQL's errors */
export async function migrate(client: ClientBase, schema: string, migrations = MIGRATIONS): Promise<void> {
  const what = `The store (schema ${schema})`
  if (missingOf(await versionOf(client, schema), migrations, what).length === 0) return
  await client.query('BEGIN')
  try {
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
    const missing = missingOf(await versionOf(client, schema), migrations, what)
    if (missing.length > 0) {
      // Who may not create schemas may have been given one.
      const there = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema])
      if (there.rowCount === 0) await client.query(`CREATE SCHEMA ${schema}`)
      await client.query(`SET LOCAL search_path TO ${schema}`)
      await client.query('CREATE TABLE IF NOT EXISTS meta (key text PRIMARY KEY, value integer NOT NULL)')
      for (const text of missing) await client.query(text)
      await client.query(
        'INSERT INTO meta VALUES ($1, $2), ($3, $4) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
        ['schema', migrations.texts.length, 'readable_by', migrations.readableBy],
      )
    }
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

async function versionOf(client: ClientBase, schema: string) {
  const found = await client.query<{ there: string | null }>('SELECT to_regclass($1)::text AS there', [
    `${schema}.meta`,
  ])
  if (found.rows[0]?.there == null) return { schema: 0, readableBy: 0 }
  const { rows } = await client.query<{ key: string; value: number }>(`SELECT key, value FROM ${schema}.meta`)
  const numberOf = (key: string) => rows.find(row => row.key === key)?.value ?? 0
  return { schema: numberOf('schema'), readableBy: numberOf('readable_by') }
}
