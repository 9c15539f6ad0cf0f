// Rollbacks in this machine's own file (the spill) until the store holds them: what ends a process does not end them.
import type { Owed } from '../model/control.ts'
import type { ControlParts } from './control.ts'

export interface Local {
  /** What an earlier run left. Rejects when it cannot be read. */
  read(): Promise<readonly Owed[]>
  /** Nothing is in the file. */
  isEmpty(): boolean
  /** In the file when it resolves, or the log says that it is not. */
  keep(one: Owed): Promise<void>
  /** What is in the store needs no second place; a file that stays is read again and found to be stored. */
  clear(): Promise<void>
}

/** `isOwed`: there are rollbacks that the store does not hold. */
export function openLocal(
  { spill, copy, log }: Pick<ControlParts, 'spill' | 'copy' | 'log'>,
  isOwed: () => boolean,
  storeAnswers: () => boolean,
): Local {
  let empty = true
  return {
    async read() {
      const kept = await spill.read()
      empty = kept.length === 0
      return kept
    },
    isEmpty: () => empty,
    async keep({ rollback, draft }) {
      empty = false
      try {
        await spill.append(rollback, draft)
        if (!storeAnswers()) {
          log('error', 'rollback in force and kept in the local file: the store did not save it', {
            rollback: rollback.id,
          })
        }
      } catch (error) {
        log('error', 'rollback in force, but the local file could not keep it', {
          rollback: rollback.id,
          error: String(error),
        })
      }
    },
    async clear() {
      empty = true
      try {
        // One of both has it at any time, should the process end.
        await copy?.settled()
        // Another may have come meanwhile, and be in the file only.
        if (isOwed()) {
          empty = false
          return
        }
        await spill.clear()
        await spill.reserve()
      } catch (error) {
        log('warn', 'the local file for rollbacks cannot be prepared', { error: String(error) })
      }
    },
  }
}
