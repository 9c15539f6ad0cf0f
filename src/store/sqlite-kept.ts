// Kept records in the SQLite file: one table, made when the first record is kept. It raises no schema version: versions of
// Banyan before it open the file all the same, and leave the table alone.
//
// Runs in the store's own thread, and prepares its statements itself: whatever is wrong with the table, commits go on.
import type { DatabaseSync } from 'node:sqlite'
import { BanyanError } from '../model/errors.ts'
import type { Bytes } from '../model/units.ts'
import type { SqliteFile } from './sqlite-file.ts'
import type { KeptSlice } from './sqlite-protocol.ts'
import type { KeptChanges, KeptRecord } from './store.ts'

/** Left free on the disk for control state, which may have to be saved when nothing else can be. */
const RESERVED_BYTES = 8 * 2 ** 20
/** Characters in one slice of a reading: commits wait for no more than that. */
const SLICE_LENGTH = 2 ** 19

const TABLE =
  'CREATE TABLE IF NOT EXISTS kept (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, text TEXT NOT NULL) STRICT'

/** Inside a transaction. */
export function keepRecords({ db, room }: SqliteFile, { put, remove }: KeptChanges, path: string): null {
  if (put.length > 0) refuseWithoutRoom(room(), put, path)
  // What was removed is overwritten: somebody may have asked to be forgotten.
  db.exec(`PRAGMA secure_delete = ON; ${TABLE}`)
  const drop = db.prepare('DELETE FROM kept WHERE key = ?')
  const save = db.prepare(
    'INSERT INTO kept (key, text) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET text = excluded.text',
  )
  for (const key of remove) drop.run(key)
  for (const [key, text] of put) save.run(key, text)
  return null
}

export function keptSlice(db: DatabaseSync, after: number): KeptSlice {
  if (db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'kept'`).get() === undefined)
    return { records: [], next: null }
  const records: KeptRecord[] = []
  let length = 0
  for (const { id, key, text } of db
    .prepare('SELECT id, key, text FROM kept WHERE id > ? ORDER BY id')
    .iterate(after)) {
    records.push([String(key), String(text)])
    length += String(key).length + String(text).length
    if (length > SLICE_LENGTH) return { records, next: Number(id) }
  }
  return { records, next: null }
}

function refuseWithoutRoom(room: Bytes, put: readonly KeptRecord[], path: string): void {
  // Twice: once in the write-ahead log, once in the database.
  const needed = 2 * put.reduce((sum, [key, text]) => sum + Buffer.byteLength(key) + Buffer.byteLength(text), 0)
  if (room >= RESERVED_BYTES + needed) return
  throw new BanyanError('store_full', `There is no space left for records in the store ${path}.`, {
    hint: `Make space; no restart is needed. The last ${RESERVED_BYTES / 2 ** 20} MiB are for control state alone.`,
    details: { path },
  })
}
