// The SQLite file as a thing: makes it, claims it for this process alone, checks whose it is, brings its schema up to date.
//
// Runs in the store's own thread only: everything here blocks.
import { chmodSync, closeSync, fsyncSync, openSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { BanyanError } from '../model/errors.ts'
import type { Bytes } from '../model/units.ts'
import { makeDirectory } from './directory.ts'
import { type Migrations, missingOf, type SchemaVersion } from './schema-version.ts'
import { describe, SQLITE, sqliteCode, systemCode } from './sqlite-faults.ts'

export interface SqliteFile {
  readonly db: DatabaseSync
  /** False once the path no longer leads to the open file: what is written now, nobody will find again. */
  inPlace(): boolean
  /** What the file can still take. */
  room(): Bytes
}

/** `BANY`: tells our files from those of other programs. */
const APPLICATION_ID = 0x42_41_4e_59

const TEXTS: readonly string[] = [
  // The audit's readable columns are computed from the entry, so that they cannot disagree with what is hashed.
  // audit_seq and audit_hash repeat the newest entry: without them, cutting off the log's end would not show.
  `CREATE TABLE control (
     id         INTEGER PRIMARY KEY CHECK (id = 1),
     revision   INTEGER NOT NULL,
     state      TEXT NOT NULL,
     audit_seq  INTEGER NOT NULL,
     audit_hash TEXT NOT NULL
   ) STRICT;
   CREATE TABLE audit (
     seq     INTEGER PRIMARY KEY,
     entry   TEXT NOT NULL,
     at      ANY GENERATED ALWAYS AS (entry ->> '$.at') VIRTUAL,
     action  ANY GENERATED ALWAYS AS (entry ->> '$.action') VIRTUAL,
     subject ANY GENERATED ALWAYS AS (entry ->> '$.subject') VIRTUAL,
     actor   ANY GENERATED ALWAYS AS (entry ->> '$.actor.name') VIRTUAL,
     hash    ANY GENERATED ALWAYS AS (entry ->> '$.hash') VIRTUAL
   ) STRICT;`,
  // A lease that was given back keeps its row, so that its tokens go on growing.
  `CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE lease (
     name   TEXT PRIMARY KEY,
     holder TEXT,
     token  INTEGER NOT NULL,
     until  INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;`,
]

/** Schema 2 only added tables. */
const MIGRATIONS: Migrations = { texts: TEXTS, readableBy: 1 }
export const SQLITE_SCHEMA = TEXTS.length

/** Two that start at the same moment can refuse each other; asking a few times more lets one of them win. */
const CLAIM_ATTEMPTS = 8

/**
 * Opens the file, empty or ours, and holds it until it is closed or the process is gone (the lock is the operating system's).
 * @param maxPages bound of the file in pages of 4096 bytes, so that a test can fill a disk without having one; null: none
 * @throws BanyanError `store_in_use`, `store_too_new`, `store_unreadable`, `store_unwritable`, `store_full`, `store_io`
 */
export function openFile(path: string, maxPages: number | null): SqliteFile {
  try {
    makeFile(path)
    const db = claim(path)
    try {
      prepare(db, path, maxPages)
      restrictMode(path)
      const opened = statSync(path, { bigint: true })
      return { db, inPlace: () => isSame(path, opened), room: () => roomOf(db, path) }
    } catch (error) {
      db.close()
      throw error
    }
  } catch (error) {
    throw describe(error, path)
  }
}

/**
 * Moves what is in the write-ahead log into the database, with fresh writes and a fresh fsync. After a crash or a failed
 * fsync the log may be readable and yet not be on the disk; what is appended behind such a hole would be lost with it.
 */
export function settle(db: DatabaseSync): void {
  const row = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
  if (row?.busy !== 0) throw new BanyanError('store_io', 'The write-ahead log could not be moved into the database.')
}

/** The directory for nobody else, the file for nobody else, and their names on the disk before anything is written. */
function makeFile(path: string): void {
  const directory = dirname(path)
  const made = makeDirectory(directory)
  try {
    // Only ever closes a file that was made right here: closing another handle of a file that SQLite has open in this
    // process would release SQLite's lock (POSIX locks belong to the process, not to the handle).
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
  }
  // Also when nothing was made: an attempt before this one may have failed right here.
  const top = dirname(made ?? directory)
  for (let at = directory; ; at = dirname(at)) {
    syncDirectory(at)
    if (at === top || at === dirname(at)) return
  }
}

function syncDirectory(path: string): void {
  try {
    const handle = openSync(path, 'r')
    try {
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
  } catch (error) {
    // Not every system can do it (Windows, some network file systems), not every parent may be read.
    if (!['EACCES', 'EPERM', 'EINVAL', 'EISDIR'].includes(String(systemCode(error)))) throw error
  }
}

/** A connection that holds the file alone. Reads nothing but the header, so that a foreign file stays as it is. */
function claim(path: string): DatabaseSync {
  for (let attempt = 1; ; attempt++) {
    const db = new DatabaseSync(path, { timeout: 0 })
    try {
      // Before the first look at the file: then the lock is taken at once, kept, and no shared memory is needed.
      db.exec('PRAGMA locking_mode = EXCLUSIVE')
      refuseForeign(db, path)
      if (pragma(db, 'journal_mode = WAL') !== 'wal')
        throw new BanyanError('store_unwritable', `The store ${path} cannot be kept on this file system.`)
      db.exec('BEGIN EXCLUSIVE; COMMIT')
      return db
    } catch (error) {
      db.close()
      const code = sqliteCode(error)
      if (attempt === CLAIM_ATTEMPTS || (code !== SQLITE.BUSY && code !== SQLITE.LOCKED)) throw error
      pause(10 + (process.pid % 31))
    }
  }
}

function refuseForeign(db: DatabaseSync, path: string): void {
  const found = versionOf(db)
  const ours = pragma(db, 'application_id') === APPLICATION_ID
  const tables = Number(db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.n)
  if (!ours && (found.readableBy !== 0 || tables !== 0))
    throw new BanyanError('store_unreadable', `${path} is a database of another program; it was left as it is.`, {
      hint: 'Give `store:` a file of its own.',
      details: { path },
    })
  missingOf(found, MIGRATIONS, `The store ${path}`, { path })
}

/**
 * `readable_by` is SQLite's own user_version, which every released program compares with the schema that it knows; the rest is in
 * `meta`, which schema 1 did not have.
 */
function versionOf(db: DatabaseSync): SchemaVersion {
  const readableBy = Number(pragma(db, 'user_version'))
  if (db.prepare(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta'`).get() === undefined)
    return { schema: readableBy, readableBy }
  const row = db.prepare(`SELECT value FROM meta WHERE name = 'schema'`).get()
  return { schema: Math.max(Number(row?.value ?? 0), readableBy), readableBy }
}

function prepare(db: DatabaseSync, path: string, maxPages: number | null): void {
  // FULL: a commit is on the disk before it is acknowledged. fullfsync: on macOS, also through the drive's cache.
  db.exec(`PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
           PRAGMA journal_size_limit = 16777216`)
  if (pragma(db, 'synchronous') !== 2) throw new BanyanError('store_failed', `The store ${path} would not be durable.`)
  if (maxPages !== null) db.exec(`PRAGMA max_page_count = ${maxPages}`)
  const missing = missingOf(versionOf(db), MIGRATIONS, `The store ${path}`, { path })
  if (missing.length === 0) return
  settle(db)
  // One transaction: a crash leaves the old schema or the new one. Errors close the connection, which rolls back.
  db.exec(`BEGIN IMMEDIATE; ${missing.join('\n')}
           INSERT INTO meta VALUES ('schema', ${TEXTS.length}), ('readable_by', ${MIGRATIONS.readableBy})
             ON CONFLICT (name) DO UPDATE SET value = excluded.value;
           PRAGMA user_version = ${MIGRATIONS.readableBy}; PRAGMA application_id = ${APPLICATION_ID}; COMMIT`)
}

/** The state holds the split's secret. SQLite gives its log the mode of the file. */
function restrictMode(path: string): void {
  if ((statSync(path).mode & 0o077) === 0) return
  try {
    chmodSync(path, 0o600)
  } catch (error) {
    // A volume without modes of its own (CIFS, some mounts) or a file of another owner: theirs to guard.
    if (systemCode(error) !== 'EPERM') throw error
  }
}

function isSame(path: string, opened: { readonly dev: bigint; readonly ino: bigint }): boolean {
  const now = statSync(path, { bigint: true, throwIfNoEntry: false })
  return now !== undefined && now.dev === opened.dev && now.ino === opened.ino
}

/** On its disk, and below its own bound; pages that are free already cost neither. */
function roomOf(db: DatabaseSync, path: string): Bytes {
  const { bavail, bsize } = statfsSync(dirname(path))
  const [most, used, free, size] = ['max_page_count', 'page_count', 'freelist_count', 'page_size'].map(name =>
    Number(pragma(db, name)),
  ) as [number, number, number, number]
  return Math.min(bavail * bsize, (most - used) * size) + free * size
}

export function schemaOf(db: DatabaseSync): number {
  return versionOf(db).schema
}

export function pragma(db: DatabaseSync, text: string): SQLOutputValue | undefined {
  const row = db.prepare(`PRAGMA ${text}`).get()
  return row === undefined ? undefined : Object.values(row)[0]
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
