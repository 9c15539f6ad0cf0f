// A copy of the last state that the store held, on this machine: what an instance goes on with when it starts and the store does
// not answer.
import { resolve } from 'node:path'
import type { ControlState } from '../model/control.ts'
import { readSealed, writeSealed } from './sealed-file.ts'

export interface Copy {
  /** null: there is none, or it cannot be used; the log says why. */
  read(): Promise<ControlState | null>
  /** Returns at once. What comes while one is being written takes the place of what waits. */
  write(state: ControlState): void
  /** Nothing waits: all is written; false: the last one could not be. */
  settled(): Promise<boolean>
}

export interface CopyParts {
  readonly path: string
  readonly log: (level: 'warn', message: string, details: Record<string, unknown>) => void
}

export function createCopy({ path: given, log }: CopyParts): Copy {
  const path = resolve(given)
  let waiting: ControlState | null = null
  let writing: Promise<void> | null = null
  let failed = false

  async function writeAll(): Promise<void> {
    for (let state = waiting; state !== null; state = waiting) {
      waiting = null
      try {
        await writeSealed(path, JSON.stringify(state))
        failed = false
      } catch (error) {
        if (!failed) log('warn', 'the local copy of the state could not be written', { path, error: String(error) })
        failed = true
      }
    }
    writing = null
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
    write(state) {
      waiting = state
      writing ??= writeAll()
    },
    async settled() {
      while (writing !== null) await writing
      return !failed
    },
  }
}
