// The last resort of a rollback: a local file that holds those which the store could not save, until it can.
//
// One rollback per line, JSON, in a sealed file: no crash leaves half of it, so whatever is not as it was written was damaged
// afterwards, and that is an error: a rollback that was in force must not be forgotten without a word. The reserve is a second
// file of the same size, into which the next list is written, because a full disk is the likeliest reason why the store could
// not save either. A list that is too long for it is a new file, and on a full disk takes the place of the reserve.
import { copyFile, rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { AuditDraft, Rollback } from '../model/control.ts'
import { BanyanError, codeOf } from '../model/errors.ts'
import { readSealed, removeSealed, statOf, writeSealed } from './sealed-file.ts'
import { sealedPair } from './sealed-pair.ts'

export interface Spilled {
  readonly rollback: Rollback
  readonly draft: AuditDraft
}

export interface Spill {
  /**
   * On the disk, name and all, when it resolves. Rejects with `spill_failed`. A file that is damaged is set aside, as `path`
   * + `.damaged`, and begun anew.
   */
  append(rollback: Rollback, draft: AuditDraft): Promise<void>
  /** Oldest first, each once; none is an empty list. Rejects with `spill_damaged`: not what was written, or `spill_failed`. */
  read(): Promise<readonly Spilled[]>
  /** Forgets everything, also what was appended since the last `read`. Rejects with `spill_failed`. */
  clear(): Promise<void>
  /**
   * Sets space aside for `append` and `clear` on a full disk, in the file and in `path` + `.reserve`. Call it at start, and
   * after each of both; does nothing where it is there.
   */
  reserve(): Promise<void>
}

/** Some two hundred rollbacks. */
const RESERVE_BYTES = 65_536

export function createSpill(options: { readonly path: string }): Spill {
  const path = resolve(options.path)
  const reservePath = `${path}.reserve`
  const pair = sealedPair(path, reservePath, RESERVE_BYTES)
  let last: Promise<unknown> = Promise.resolve()

  /** One thing at a time on the file, in the order it was asked for. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = last.then(work)
    last = result.catch(() => null)
    return result.catch(error => {
      throw error instanceof BanyanError ? error : failed(path, error)
    })
  }

  function append(rollback: Rollback, draft: AuditDraft): Promise<void> {
    return inTurn(async () => {
      const before = await readSpilled(path).catch(async error => {
        if (!(error instanceof BanyanError)) throw error
        const isFile = (await statOf(path))?.isFile() === true
        await (isFile ? copyFile : rename)(path, `${path}.damaged`).catch(() => {})
        return []
      })
      // Each once: an append that failed may be tried again.
      const all = new Map(before.map(one => [one.rollback.id, one])).set(rollback.id, { rollback, draft })
      const text = textOf([...all.values()])
      if (await pair.write(text).catch(() => false)) return
      try {
        await writeSealed(path, text)
      } catch (error) {
        if (!isFull(error)) throw error
        await rm(reservePath, { force: true })
        await writeSealed(path, text)
      }
    })
  }

  function clear(): Promise<void> {
    return inTurn(async () => {
      const isEmpty = await readSpilled(path).then(
        all => all.length === 0,
        () => false,
      )
      if (isEmpty || (await pair.write('').catch(() => false))) return
      await removeSealed(path)
    })
  }

  return {
    append,
    read: () => inTurn(() => readSpilled(path)),
    clear,
    reserve: () => inTurn(async () => pair.prepare(textOf(await readSpilled(path)))),
  }
}

/** As `Spill.read`, also beside a process that writes it. Rejects with the system's error where it cannot be read at all. */
export async function readSpilled(path: string): Promise<readonly Spilled[]> {
  try {
    const text = (await readSealed(path)) ?? ''
    return text.split('\n').flatMap(line => (line === '' ? [] : [JSON.parse(line) as Spilled]))
  } catch (error) {
    throw codeOf(error) === null ? damaged(path, error) : error
  }
}

function textOf(all: readonly Spilled[]): string {
  return all.map(one => `${JSON.stringify(one)}\n`).join('')
}

function isFull(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ENOSPC' || code === 'EDQUOT'
}

function failed(path: string, cause: unknown): BanyanError {
  return new BanyanError('spill_failed', `The spill file ${path} could not be read or written (${reasonOf(cause)}).`, {
    hint: 'A rollback that is kept neither here nor in the store ends with the process: make space or mend the directory.',
    details: { path },
    cause,
  })
}

function damaged(path: string, cause: unknown): BanyanError {
  return new BanyanError('spill_damaged', `The spill file ${path} cannot be used: ${reasonOf(cause)}.`, {
    hint: 'It held rollbacks that were in force. Everything is rolled back until somebody has looked and restores.',
    details: { path },
    cause,
  })
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
