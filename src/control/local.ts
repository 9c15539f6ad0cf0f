// Rollbacks in this machine's own file (the spill) until the store holds them: what ends a process does not end them.
import type { Owed } from '../model/control.ts'
import type { Milliseconds } from '../model/units.ts'
import type { ControlParts } from './control.ts'

const TIDY_AGAIN_MS: Milliseconds = 5_000

export interface Local {
  /** What an earlier run left. Rejects when it cannot be read. */
  read(): Promise<readonly Owed[]>
  /** Nothing is in the file. */
  isEmpty(): boolean
  /** Those of them that are not in the file. */
  missing(owed: readonly Owed[]): readonly Owed[]
  /** In the file when it resolves, or the log says that it is not. */
  keep(one: Owed): Promise<void>
  /**
   * What is in the store needs no second place, and the file its space. What could not be done is tried again; a file that
   * stays is read again and found to be stored.
   */
  tidy(): Promise<void>
  /** Nothing is done to the file any more when it resolves. */
  close(): Promise<void>
}

/** `isOwed`: there are rollbacks that the store does not hold. */
export function openLocal(
  { spill, copy, log }: Pick<ControlParts, 'spill' | 'copy' | 'log'>,
  isOwed: () => boolean,
  storeAnswers: () => boolean,
): Local {
  /** Ids of what the file holds. */
  const kept = new Set<string>()
  /** Said once of each. */
  const failed = new Set<string>()
  let untidy = false
  let tidying: Promise<void> = Promise.resolve()
  let again: NodeJS.Timeout | undefined
  let closed = false

  async function keep({ rollback, draft }: Owed): Promise<void> {
    const { id } = rollback
    try {
      await spill.append(rollback, draft)
      kept.add(id)
      const isLate = failed.delete(id)
      if (isLate || !storeAnswers()) {
        log('error', 'rollback in force and kept in the local file: the store did not save it', { rollback: id })
      }
      void tidy()
    } catch (error) {
      if (failed.has(id)) return
      failed.add(id)
      log('error', 'rollback in force, but the local file could not keep it: a restart forgets it', {
        rollback: id,
        error: String(error),
      })
    }
  }

  function tidy(): Promise<void> {
    tidying = tidying.then(tidyNow)
    return tidying
  }

  async function tidyNow(): Promise<void> {
    clearTimeout(again)
    again = undefined
    if (closed) return
    try {
      // One of both has it at any time, should the process end: what the copy could not take stays in the file.
      const isCopied = isOwed() || (await copy?.settled()) !== false
      // Another may have come meanwhile, and be in the file only.
      if (!isOwed() && isCopied) {
        await spill.clear()
        kept.clear()
        failed.clear()
      }
      await spill.reserve()
      untidy = false
      if (!isCopied) tidyLater()
    } catch (error) {
      if (!untidy) log('warn', 'the local file for rollbacks cannot be prepared', { error: String(error) })
      untidy = true
      tidyLater()
    }
  }

  function tidyLater(): void {
    if (!closed) again ??= setTimeout(tidy, TIDY_AGAIN_MS).unref()
  }

  return {
    async read() {
      const all = await spill.read()
      for (const { rollback } of all) kept.add(rollback.id)
      return all
    },
    isEmpty: () => kept.size === 0,
    missing: owed => owed.filter(({ rollback }) => !kept.has(rollback.id)),
    keep,
    tidy,
    close() {
      closed = true
      clearTimeout(again)
      return tidying
    },
  }
}
