// Our tables in PostgreSQL, in a schema of their own, and whether a server can be used at all. `?schema=` in the URL names it.
import { BanyanError } from '../model/errors.ts'
import { GENESIS } from './audit-chain.ts'
import { readOnly } from './postgres-faults.ts'
import type { PostgresTarget } from './postgres-url.ts'
import { type Migrations, missingOf } from './schema-version.ts'
import type { Presence } from './store.ts'

/** Rows of one statement. */
export type Query = <R extends object = Readonly<Record<string, unknown>>>(
  text: string,
  values?: readonly unknown[],
) => Promise<readonly R[]>

const TEXTS: readonly string[] = [
  // audit_seq and audit_hash repeat the newest entry: without them, cutting off the log's end would not show.
  // Keys of records may be longer than an index takes, and hold what a text of PostgreSQL may not: NUL.
  // A lease that was given back keeps its row, so that its tokens go on growing.
  `CREATE TABLE meta (name text PRIMARY KEY, value integer NOT NULL);
   CREATE TABLE control (
     id         integer PRIMARY KEY CHECK (id = 1),
     revision   bigint NOT NULL,
     state      text,
     audit_seq  bigint NOT NULL,
     audit_hash text NOT NULL
   );
   INSERT INTO control VALUES (1, 0, NULL, 0, '${GENESIS}');
   CREATE TABLE audit (seq bigint PRIMARY KEY, entry text NOT NULL);
   CREATE TABLE lease (name text PRIMARY KEY, holder text, token bigint NOT NULL, until timestamptz NOT NULL);
   CREATE TABLE presence (instance text PRIMARY KEY, body text NOT NULL, at timestamptz NOT NULL);
   CREATE TABLE kept (
     instance text NOT NULL,
     id       bytea NOT NULL,
     key      bytea NOT NULL,
     text     bytea NOT NULL,
     at       timestamptz NOT NULL,
     PRIMARY KEY (instance, id)
   );`,
]

const MIGRATIONS: Migrations = { texts: TEXTS, readableBy: 1 }

/** What this program knows of PostgreSQL's tables: what `Presence.schema` says. */
export const POSTGRES_SCHEMA = TEXTS.length

/** PostgreSQL 13. */
const OLDEST_VERSION = 130_000
/** Whoever has said nothing for so long does not run any more. */
const GONE_AFTER = '15 seconds'
/** One migration at a time, in any database. */
const MIGRATION_LOCK = 0x42_41_4e_59

export interface ServerFacts {
  /** As `server_version_num` says it. */
  readonly version: number
  readonly standby: boolean
  readonly readOnly: boolean
  readonly encoding: string
}

/** @throws BanyanError `store_too_old`, `store_read_only`, `store_unreadable` */
export function refuseUnfit(
  { version, standby, readOnly: isReadOnly, encoding }: ServerFacts,
  target: PostgresTarget,
): void {
  const { shown } = target
  if (version < OLDEST_VERSION)
    throw new BanyanError(
      'store_too_old',
      `The store ${shown} is PostgreSQL ${Math.floor(version / 10_000)}; it must be 13 or newer.`,
      {
        hint: 'Use a newer server.',
        details: { url: shown, version },
      },
    )
  if (standby || isReadOnly) throw readOnly(shown, standby ? 'a standby' : 'default_transaction_read_only is on')
  if (encoding !== 'UTF8')
    throw new BanyanError('store_unreadable', `The database of the store ${shown} is in ${encoding}, not in UTF8.`, {
      hint: 'Create one with `createdb -E UTF8 -T template0`.',
      details: { url: shown, encoding },
    })
}

/**
 * Brings the tables up to date, made anew where there are none. Looking at them is quick, and so a server that does not answer
 * is given up quickly; only a migration may take its time.
 * @param known whether they were there before: a server that has lost them is not the one we knew
 * @throws BanyanError `store_too_new`, `store_unreadable`, `replica_too_old`
 */
export async function prepareSchema(
  { look, migrate: query }: { readonly look: Query; readonly migrate: Query },
  target: PostgresTarget,
  known: boolean,
): Promise<void> {
  if ((await missingFrom(look, target)).length === 0) return
  await transaction(query, async () => {
    // Whoever waits here finds that another instance has done it.
    await query('SET LOCAL statement_timeout = 0')
    await query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
    const missing = await missingFrom(query, target)
    if (missing.length === 0) return
    if (known && missing.length === TEXTS.length)
      throw new BanyanError('store_unreadable', `The store ${target.shown} has no tables any more.`, {
        hint: 'Is it the right database? Restore a backup; or restart one replica: it makes them anew, with what is in force here.',
        details: { url: target.shown },
      })
    if (missing.length < TEXTS.length) await refuseOlder(query, target)
    const there = await query('SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1', [target.schema])
    if (there.length === 0) await query(`CREATE SCHEMA "${target.schema}"`)
    for (const text of missing) await query(text)
    await query(
      `INSERT INTO meta VALUES ('schema', $1), ('readable_by', $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
      [TEXTS.length, MIGRATIONS.readableBy],
    )
  })
}

/** A replica that runs, and could not use what is to be made, would go on writing as it knows. */
async function refuseOlder(query: Query, target: PostgresTarget): Promise<void> {
  const rows = await query<{ body: string }>(
    `SELECT body FROM presence WHERE at > clock_timestamp() - interval '${GONE_AFTER}'`,
  )
  const running = rows.map(({ body }) => JSON.parse(body) as Presence)
  const older = running.find(({ schema }) => schema < MIGRATIONS.readableBy)
  if (older === undefined) return
  const { instance, version, schema } = older
  const { readableBy } = MIGRATIONS
  throw new BanyanError(
    'replica_too_old',
    `${instance} runs version ${version} on the store ${target.shown}, and knows schema ${schema}; this version makes one that all must know ${readableBy} for.`,
    {
      hint: 'Versions two apart cannot share a store: bring every replica to the version between them first.',
      details: { url: target.shown, instance, version, schema, readableBy },
    },
  )
}

async function missingFrom(query: Query, target: PostgresTarget): Promise<readonly string[]> {
  // Not to_regclass: it may answer from a memory that is older than the lock that was waited for.
  const there = await query(`SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = 'meta'`, [
    target.schema,
  ])
  const rows = there.length === 1 ? await query<{ name: string; value: number }>('SELECT name, value FROM meta') : []
  const value = (name: string) => rows.find(row => row.name === name)?.value ?? 0
  const found = { schema: value('schema'), readableBy: value('readable_by') }
  return missingOf(found, MIGRATIONS, `The store ${target.shown}`, { url: target.shown })
}

/** Of the tables. */
export async function schemaOf(query: Query): Promise<number> {
  const rows = await query<{ value: number }>(`SELECT value FROM meta WHERE name = 'schema'`)
  return rows[0]?.value ?? 0
}

export async function transaction<T>(query: Query, work: () => Promise<T>): Promise<T> {
  await query('BEGIN')
  try {
    const result = await work()
    await query('COMMIT')
    return result
  } catch (error) {
    // Where the connection is gone, so is the transaction.
    await query('ROLLBACK').catch(() => null)
    throw error
  }
}
