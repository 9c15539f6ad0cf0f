// What goes wrong with an SQLite file, as operators read it: a stable code, which file, and what to do.
import { BanyanError } from '../model/errors.ts'

/** SQLite's primary result codes that we tell apart (https://sqlite.org/rescode.html). */
export const SQLITE = {
  ERROR: 1,
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  CONSTRAINT: 19,
  NOTADB: 26,
} as const

/** Any error as the one that operators read: what happened to which file, and what to do about it. */
export function describe(error: unknown, path: string): BanyanError {
  if (error instanceof BanyanError) return error
  const say = (code: string, message: string, hint: string): BanyanError =>
    new BanyanError(code, `${message} (${errorText(error)})`, { hint, details: { path }, cause: error })
  switch (sqliteCode(error) ?? systemCode(error)) {
    case SQLITE.BUSY:
    case SQLITE.LOCKED:
      return say(
        'store_in_use',
        `The store ${path} is in use by another process.`,
        'One Banyan per file: stop the other one, or give this one a `store:` of its own. A database shell counts too.',
      )
    case SQLITE.FULL:
    case 'ENOSPC':
    case 'EDQUOT':
      return say('store_full', `There is no space left for the store ${path}.`, 'Make space; no restart is needed.')
    // Our statements are fixed: where they are not understood, or do not fit, somebody else has changed the tables.
    case SQLITE.ERROR:
    case SQLITE.CONSTRAINT:
    case SQLITE.NOTADB:
    case SQLITE.CORRUPT:
      return say(
        'store_unreadable',
        `The store ${path} is not a database that can be used.`,
        'If `store:` names the right file, move it away and put a backup in its place.',
      )
    case SQLITE.READONLY:
    case SQLITE.CANTOPEN:
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOTDIR':
    case 'EISDIR':
    case 'EEXIST':
    case 'ENOENT':
      return say(
        'store_unwritable',
        `The store ${path} cannot be opened for writing.`,
        'The file and its directory must be writable for this user, and the path must name a file, not a directory.',
      )
    case SQLITE.IOERR:
    case 'EIO':
      return say(
        'store_io',
        `Reading or writing the store ${path} failed; what was being saved may or may not be there.`,
        'Look at the disk and the kernel log. The file is opened anew for the next change.',
      )
    default:
      return say(
        'store_failed',
        `The store ${path} failed.`,
        'This is not expected: please report it with this message.',
      )
  }
}

/**
 * Whether a connection may go on after this error. Once a write or an fsync has failed, what the connection believes about
 * the disk is not to be trusted any more: it has to be read again. A full disk is an answer, not a failure.
 */
export function survives(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === null || code === SQLITE.FULL
}

export function sqliteCode(error: unknown): number | null {
  const extended = (error as { readonly errcode?: unknown } | null)?.errcode
  return typeof extended === 'number' ? extended & 0xff : null
}

export function systemCode(error: unknown): string | null {
  const code = (error as { readonly code?: unknown } | null)?.code
  return typeof code === 'string' ? code : null
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
