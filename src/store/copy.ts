// A copy of the last state that the store held, on this machine: what an instance goes on with when it starts and the store does
// not answer, and what it gives back to one that holds less.
import { resolve } from 'node:path'
import type { ControlState } from '../model/control.ts'
import type { Milliseconds } from '../model/units.ts'
import { readSealed, writeSealed } from './sealed-file.ts'

export interface Copy {
  /** null: there is none, or it cannot be used; the log says why. */
  read(): Promise<ControlState | null>
  /** Returns at once. What comes while one is being written takes the place of what waits. What fails is tried again. */
  write(state: ControlState): void
  /** Nothing is being written: all is; false: the last one could not be. */
  settled(): Promise<boolean>
  /** Why it is not what was to be written; null: it is. */
  failing(): string | null
  close(): Promise<void>
}

export interface CopyParts {
  readonly path: string
  readonly log: (level: 'warn', message: string, details: Record<string, unknown>) => void
}

const AGAIN_MS: Milliseconds = 5_000

export function createCopy({ path: given, log }: CopyParts): Copy {
  const path = resolve(given)
  let waiting: ControlState | null = null
  let writing: Promise<void> | null = null
  let failing: string | null = null
  let again: NodeJS.Timeout | undefined

  async function writeAll(): Promise<void> {
    clearTimeout(again)
    for (let state = waiting; state !== null; state = waiting) {
      waiting = null
      try {
        await writeSealed(path, JSON.stringify(state))
        failing = null
      } catch (error) {
        if (failing === null)
          log('warn', 'the local copy of the state could not be written', { path, error: String(error) })
        failing = String(error)
        if (waiting !== null) continue
        again = setTimeout(write, AGAIN_MS, state).unref()
      }
    }
    writing = null
  }

  function write(state: ControlState): void {
    waiting = state
    writing ??= writeAll()
  }

  async function settled(): Promise<boolean> {
    while (writing !== null) await writing
    return failing === null
  }

  return {
    async read() {
      try {
        const text = await readSealed(path)
        return text === null ? null : (JSON.parse(text) as ControlState)
      } catch (error) {
        log('warn', 'the local copy of the state cannot be used', { path, error: String(error) })
        return null
      }
    },
    write,
    settled,
    failing: () => failing,
    async close() {
      await settled()
      clearTimeout(again)
    },
  }
}
