// One process at a time keeps its files in a directory: two would clear each other's rollbacks, and take each other's break
// glass. The lock is SQLite's on a file of its own; the system frees it with the process, however that ends.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { BanyanError } from '../model/errors.ts'
import { makeDirectory } from './directory.ts'

const BUSY = 5

export interface DirectoryLock {
  release(): void
}

/**
 * @throws BanyanError `directory_taken`: another process has it. Whatever else fails throws as the system says it: nothing could
 * be kept there either.
 */
export function lockDirectory(directory: string): DirectoryLock {
  makeDirectory(directory)
  const db = new DatabaseSync(join(directory, 'lock'), { timeout: 0 })
  try {
    // Nothing is ever written: a full disk is no obstacle.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    db.close()
    throw (error as { errcode?: number }).errcode === BUSY ? taken(directory) : error
  }
  return { release: () => db.close() }
}

function taken(directory: string): BanyanError {
  return new BanyanError('directory_taken', `Another process keeps its files in ${directory}.`, {
    hint: 'Each instance has its own: another working directory, `fleet.directory`, or another directory for `store: sqlite:…`.',
    details: { directory },
  })
}
