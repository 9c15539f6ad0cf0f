// What an error of the store means to whoever asked for a change. Pure.
import { BanyanError } from '../model/errors.ts'

/** Another state than the one that was to be replaced is stored. */
export function isConflict(error: unknown): boolean {
  return error instanceof BanyanError && error.code === 'store_conflict'
}

export function storeFailed(error: unknown): BanyanError {
  if (error instanceof BanyanError) return error
  return new BanyanError(
    'store_unavailable',
    'the store could not save the change, or did not say that it has; nothing has changed here',
    {
      hint: 'rollback works without the store',
      cause: error,
    },
  )
}
