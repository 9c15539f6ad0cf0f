// What one line of an access log says, whatever its format, and why a line could not be read.
import type { Bytes, EpochMs, Milliseconds } from '../model/units.ts'

export interface LogEntry {
  /** Upper case. */
  readonly method: string
  /** Origin-form, path and query, printable ASCII: whatever else was in the line is percent-encoded. `*` of OPTIONS too. */
  readonly target: string
  readonly status: number
  /** Of the answer. */
  readonly bytes: Bytes | null
  readonly durationMs: Milliseconds | null
  readonly at: EpochMs | null
  /** The client's address (or name), without a port. */
  readonly caller: string | null
  readonly userAgent: string | null
  /** As it was sent. */
  readonly referer: string | null
  /** Without port, lower case. */
  readonly host: string | null
}

/** One line of a list of paths and URLs. */
export interface UrlEntry {
  /** Upper case; GET where the line names none. */
  readonly method: string
  /** As in a `LogEntry`. */
  readonly target: string
  readonly host: string | null
}

export const BROKEN = {
  empty: 'empty, or a comment',
  'too-long': 'longer than 64 KiB',
  format: 'neither common or combined log format nor JSON',
  json: 'JSON that cannot be read',
  'no-request': 'says nothing of a request',
  request: 'its request is not METHOD, target, version',
  target: 'its target is not a path',
  status: 'its status is not a number from 100 to 999',
} as const
export type BrokenReason = keyof typeof BROKEN

export interface Broken {
  readonly broken: BrokenReason
}

/** What a request's line names. */
export type Requested = Pick<LogEntry, 'method' | 'target' | 'host'>

export function isBroken(entry: object): entry is Broken {
  return 'broken' in entry
}

/** Values that stand for "nothing" in logs. */
export function orNull(text: string): string | null {
  return text === '' || text === '-' ? null : text
}
