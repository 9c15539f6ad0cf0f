// A copy of the last state that the store held, on this machine: what an instance goes on with when it starts and the store does
// not answer. It has secrets in it, so it is readable for this user only.
//
// Written to another name, synced, and put in its place at once, so that it is whole whenever the process ends; a check sum says
// whether what is read is what was written.
import { createHash } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { ControlState } from '../model/control.ts'
import { makeDirectory } from './directory.ts'

const VERSION = 1

export interface Copy {
  /** null: there is none, or it cannot be used; the log says why. */
  read(): Promise<ControlState | null>
  /** Returns at once. What comes while one is being written takes the place of what waits. */
  write(state: ControlState): void
  /** Everything is written, or could not be. */
  settled(): Promise<void>
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
        await writeOne(path, state)
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
        return parse(await readFile(path, 'utf8'))
      } catch (error) {
        if ((error as { code?: string }).code !== 'ENOENT') {
          log('warn', 'the local copy of the state cannot be used', { path, error: String(error) })
        }
        return null
      }
    },
    write(state) {
      waiting = state
      writing ??= writeAll()
    },
    async settled() {
      while (writing !== null) await writing
    },
  }
}

async function writeOne(path: string, state: ControlState): Promise<void> {
  makeDirectory(dirname(path))
  const text = JSON.stringify(state)
  const temporary = `${path}.new`
  // What a crash or a full disk has left there, or somebody else has put there: made anew, it is ours alone.
  await rm(temporary, { force: true })
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(JSON.stringify({ version: VERSION, sha256: sumOf(text), state: text }))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  const directory = await open(dirname(path), 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

function parse(text: string): ControlState {
  const { version, sha256, state } = JSON.parse(text) as Record<string, unknown>
  if (version !== VERSION) throw new Error(`it is of version ${String(version)}, this one reads ${VERSION}`)
  if (typeof state !== 'string' || sha256 !== sumOf(state)) throw new Error('it is not what was written')
  return JSON.parse(state) as ControlState
}

function sumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
