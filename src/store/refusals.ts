// What every store says in the same words when it refuses.
import { BanyanError } from '../model/errors.ts'

/** Two writers, or a retry of something that was saved after all. */
export function storeConflict(given: number, stored: number): BanyanError {
  return new BanyanError('store_conflict', `Revision ${given} is not above the stored revision ${stored}.`, {
    hint: 'Load the stored state and apply the change to that.',
    details: { given, stored },
  })
}

export function storeClosed(): BanyanError {
  return new BanyanError('store_closed', 'The store is closed.')
}
