// What every store says in the same words when it refuses.
import { BanyanError } from '../model/errors.ts'
import type { Fence } from './store.ts'

/** What one message between instances may hold: PostgreSQL notifies with less than 8000 bytes. */
const MAX_MESSAGE_BYTES = 7_000

export interface Asked {
  readonly revision: number
  /** Revision that it was made from. */
  readonly after: number
}

/**
 * Two writers, or a retry of something that was saved after all.
 * @param stored 0: nothing is stored
 */
export function conflictOf({ revision, after }: Asked, stored: number): BanyanError | null {
  if (after !== stored) return storeConflict(`The change was made from revision ${after}`, after, stored)
  if (!(revision > stored)) return storeConflict(`The change would be revision ${revision}`, revision, stored)
  return null
}

function storeConflict(what: string, given: number, stored: number): BanyanError {
  return new BanyanError('store_conflict', `${what}, and revision ${stored} is stored.`, {
    hint: 'Load the stored state and apply the change to that.',
    details: { given, stored },
  })
}

export function leaseLost({ lease, token }: Fence): BanyanError {
  return new BanyanError('lease_lost', `The lease ${lease} is not held with token ${token} any more.`, {
    hint: 'Somebody else has it: leave the work to them.',
    details: { lease, token },
  })
}

/** @throws BanyanError `message_refused` */
export function refuseUntellable(text: string): void {
  const bytes = Buffer.byteLength(text)
  if (bytes <= MAX_MESSAGE_BYTES && !text.includes('\0')) return
  const why = bytes > MAX_MESSAGE_BYTES ? `has ${bytes} bytes` : 'holds a NUL'
  throw new BanyanError('message_refused', `A message between instances ${why}.`, {
    hint: `It may have up to ${MAX_MESSAGE_BYTES} bytes of UTF-8, without NUL.`,
    details: { bytes },
  })
}

export function storeClosed(): BanyanError {
  return new BanyanError('store_closed', 'The store is closed.')
}
