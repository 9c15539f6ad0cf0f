// What goes wrong with PostgreSQL, as operators read it: a stable code, which server, and what to do. Never the password.
import { BanyanError, codeOf } from '../model/errors.ts'
import type { PostgresTarget } from './postgres-url.ts'

type Where = Pick<PostgresTarget, 'shown' | 'password' | 'database' | 'schema'>

/** SQLSTATEs whose connection may go on; any other failure ends it, so that the next call looks for a server that works. */
const ANSWERS = /^(?:2[23]|3F|42|53100|57014|40|55P03)/

/** Any error as the one that operators read. Refusals of ours pass through. */
export function describePostgres(error: unknown, where: Where): BanyanError {
  if (error instanceof BanyanError) return error
  const text = hidden(error instanceof Error ? error.message : String(error), where)
  const say = (code: string, message: string, hint: string): BanyanError =>
    new BanyanError(code, `${message} (${text})`, { hint, details: { url: where.shown, reason: codeOf(error) } })
  const code = codeOf(error) ?? ''
  switch (true) {
    case /^28/.test(code):
      return say(
        'store_denied',
        `The store ${where.shown} refuses this user.`,
        'Look at user and password in `store:`, and at the server’s pg_hba.conf.',
      )
    case code === '3D000':
      return say(
        'store_missing',
        `The store ${where.shown} has no such database.`,
        'Create it with `createdb -E UTF8`, or name another one in `store:`.',
      )
    case code === '42501':
      return say(
        'store_denied',
        `The user of the store ${where.shown} may not do that.`,
        `It needs to own the schema ${where.schema}: \`CREATE SCHEMA ${where.schema} AUTHORIZATION …\`, or CREATE on the database.`,
      )
    case code === '53100' || /No space left/.test(text):
      return say(
        'store_full',
        `There is no space left for the store ${where.shown}.`,
        'Make space on the database server; no restart is needed.',
      )
    case code === '25006':
      return readOnly(where.shown, text)
    // Stopped by the server; or of several that waited for each other, the one that has to begin again.
    case /^(?:57014|40|55P03)/.test(code):
      return tooSlow(where.shown, text)
    // Our statements are fixed: where they are not understood, or do not fit, somebody else has changed the tables.
    case /^(?:22|23|3F|42)/.test(code):
      return say(
        'store_unreadable',
        `The tables of the store ${where.shown} are not as they should be.`,
        `Somebody changed the schema ${where.schema} by hand: restore a backup, or choose another by \`?schema=\`.`,
      )
    case /^(?:58|XX)/.test(code):
      return say(
        'store_io',
        `The server of the store ${where.shown} failed; what was being saved may or may not be there.`,
        'Look at the disk and the log of the database server.',
      )
    // 08 connection, 53 too many of them or no memory, 57 shutting down or starting; or the words of Node and of the driver.
    case /^(?:08|53|57)/.test(code) ||
      /^E[A-Z]+$|^[A-Z_0-9]{6,}$/.test(code) ||
      /onnection|timeout|socket|SSL|Client was closed/.test(text):
      return unreachable(where.shown, text)
    default:
      return say(
        'store_failed',
        `The store ${where.shown} failed.`,
        'This is not expected: please report it with this message.',
      )
  }
}

/** Nothing was sent. */
const NOT_CONNECTED = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/

export function unreachable(shown: string, why: string): BanyanError {
  const doubt = NOT_CONNECTED.test(why) ? '' : '; what was being saved may or may not be there'
  return new BanyanError('store_unreachable', `The store ${shown} cannot be reached${doubt} (${why}).`, {
    hint: 'Look at the database server and the network. It is tried again with the next change; no restart is needed.',
    details: { url: shown },
  })
}

export function tooSlow(shown: string, why: string): BanyanError {
  return new BanyanError(
    'store_timeout',
    `The store ${shown} did not answer in time; what was being saved may or may not be there (${why}).`,
    {
      hint: 'Look at the load and the locks of the database server.',
      details: { url: shown },
    },
  )
}

export function readOnly(shown: string, why: string): BanyanError {
  return new BanyanError('store_read_only', `The store ${shown} can only be read (${why}).`, {
    hint: 'It is a standby, or set to be read-only. Name all servers in `store:`, postgres://…@h1,h2/…, and the one that takes writes is used.',
    details: { url: shown },
  })
}

/** Whether a connection may go on after this error: the server has answered, and is still the one to ask. */
export function goesOn(error: unknown): boolean {
  if (error instanceof BanyanError) return true
  return (error as { severity?: unknown } | null)?.severity === 'ERROR' && ANSWERS.test(codeOf(error) ?? '')
}

/** Of all hosts' failures, the one that says most: that one was not there says least. */
export function mostTelling(failures: readonly BanyanError[]): BanyanError | null {
  return failures.find(failure => failure.code !== 'store_unreachable') ?? failures.at(-1) ?? null
}

function hidden(text: string, { password }: Where): string {
  return password === null || password === '' ? text : text.replaceAll(password, '***')
}
