// What goes wrong with a PostgreSQL, as operators read it: a stable code, which one, and what to do. Never a password.
import { BanyanError } from '../model/errors.ts'

/** Error codes of PostgreSQL (appendix A of its manual) that we tell apart; a class is their first two characters. */
const SAID: Readonly<Record<string, readonly [code: string, what: string, hint: string]>> = {
  '28': ['store_denied', 'does not let us in', 'Check user and password in `store:`, and pg_hba.conf.'],
  '3D000': ['store_no_database', 'has no such database', 'Create it: createdb NAME. Its tables are made by Banyan.'],
  '42501': [
    'store_denied',
    'does not let us do this',
    'The user needs CREATE on the database at the first start, and all rights in its schema.',
  ],
  '25006': [
    'store_read_only',
    'can only be read',
    'A standby, or default_transaction_read_only: name the primary, or several hosts.',
  ],
  '53100': ['store_full', 'has no space left', 'Make space there; no restart is needed.'],
  '53': [
    'store_unreachable',
    'has not enough resources',
    'Too many connections or too little memory: Banyan uses three connections for each instance.',
  ],
  '57014': ['store_slow', 'did not answer in time', 'Look what holds it up: pg_stat_activity, the disk.'],
  '42': ['store_unreadable', 'holds other tables than ours', 'Give it a schema of its own: ?schema=NAME in `store:`.'],
  '22': ['store_unreadable', 'holds what is not ours', 'Give it a schema of its own: ?schema=NAME in `store:`.'],
}

/** `name`: host and database. Whatever is not known means that it could not be asked, or answered nothing. */
export function describe(error: unknown, name: string): BanyanError {
  if (error instanceof BanyanError) return error
  const code = String((error as { code?: unknown } | null)?.code ?? '')
  const [ours, what, hint] = SAID[code] ??
    SAID[code.slice(0, 2)] ?? [
      'store_unreachable',
      'cannot be reached',
      'What it held last is in force, and rollback goes on working. It is tried again by itself.',
    ]
  const text = error instanceof Error ? error.message.replace(/\w+:\/\/\S*/g, '…') : String(error)
  return new BanyanError(ours, `The store ${name} ${what} (${text === '' ? code : text}).`, { hint, details: { name } })
}
