// The last resort of a rollback: a local file that holds those which the store could not save, until it can.
//
// One rollback per line, JSON, ended by a newline that is written with it: a line without its newline was never
// acknowledged and is dropped. The reserve is a second file of blanks that is given up when the disk is full, because a
// full disk is the likeliest reason why the store could not save either.
import { open, readFile, rm, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { AuditDraft, Rollback } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import { makeDirectory } from './directory.ts'

export interface Spilled {
  readonly rollback: Rollback
  readonly draft: AuditDraft
}

export interface Spill {
  /** On the disk, name and all, when it resolves. Rejects with `spill_failed`. */
  append(rollback: Rollback, draft: AuditDraft): Promise<void>
  /**
   * Oldest first; nothing there is an empty list. Rejects with `spill_damaged` when an acknowledged line cannot be read:
   * a rollback that was in force must not be forgotten without a word.
   */
  read(): Promise<readonly Spilled[]>
  /** Forgets everything, also what was appended since the last `read`. Rejects with `spill_failed`. */
  clear(): Promise<void>
  /** Sets space aside for `append` on a full disk, in `path` + `.reserve`. Call it at start; does nothing where it is there. */
  reserve(): Promise<void>
}

interface Lines {
  /** Each rollback once, however often an append of it was tried. */
  readonly items: readonly Spilled[]
  /** Where the next line goes, in bytes. */
  readonly end: number
  /** From 1: a line that is broken although something comes after it; null: none. */
  readonly damagedLine: number | null
}

/** Some two hundred rollbacks. */
const RESERVE_BYTES = 65_536
const NEWLINE = 10

export function createSpill(options: { readonly path: string }): Spill {
  const path = resolve(options.path)
  const reservePath = `${path}.reserve`
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
    const line = Buffer.from(`${JSON.stringify({ rollback, draft })}\n`)
    return inTurn(async () => {
      await makeParent(path)
      const { end } = parseLines(await contents(path))
      try {
        await writeDurably(path, end, line)
      } catch (error) {
        if (!isFull(error)) throw error
        await rm(reservePath, { force: true })
        await writeDurably(path, end, line)
      }
    })
  }

  function read(): Promise<readonly Spilled[]> {
    return inTurn(async () => {
      const { items, damagedLine } = parseLines(await contents(path))
      if (damagedLine !== null) throw damaged(path, damagedLine, items.length)
      return items
    })
  }

  function clear(): Promise<void> {
    return inTurn(async () => {
      await rm(path, { force: true })
      await syncDirectory(dirname(path))
    })
  }

  function reserve(): Promise<void> {
    return inTurn(async () => {
      await makeParent(path)
      if ((await sizeOf(reservePath)) >= RESERVE_BYTES) return
      await writeDurably(reservePath, 0, Buffer.alloc(RESERVE_BYTES, ' '))
    })
  }

  return { append, read, clear, reserve }
}

/** @param at bytes of the file to keep: what stands behind them is left over from a write that was never acknowledged */
async function writeDurably(path: string, at: number, bytes: Buffer): Promise<void> {
  const file = await open(path, 'a', 0o600)
  try {
    await file.truncate(at)
    await file.appendFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await syncDirectory(dirname(path))
}

/** Only the last line can be torn, because `append` writes over a torn one; a broken line before others was a good one once. */
function parseLines(bytes: Buffer): Lines {
  const items = new Map<string, Spilled>()
  const complete = bytes.lastIndexOf(NEWLINE) + 1
  let line = 1
  for (let start = 0; start < complete; line++) {
    const end = bytes.indexOf(NEWLINE, start) + 1
    const item = parseLine(bytes.toString('utf8', start, end))
    if (item !== null) items.set(item.rollback.id, item)
    else if (end === bytes.length) return { items: [...items.values()], end: start, damagedLine: null }
    else return { items: [...items.values()], end: complete, damagedLine: line }
    start = end
  }
  return { items: [...items.values()], end: complete, damagedLine: null }
}

function parseLine(text: string): Spilled | null {
  try {
    const { rollback, draft } = JSON.parse(text) as Partial<Spilled>
    const { units, restored } = rollback ?? {}
    const shaped = (units === '*' || Array.isArray(units)) && Array.isArray(restored)
    return typeof rollback?.id === 'string' && shaped && typeof draft?.action === 'string' ? { rollback, draft } : null
  } catch {
    return null
  }
}

async function contents(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0
    throw error
  }
}

async function makeParent(path: string): Promise<void> {
  const made = makeDirectory(dirname(path))
  if (made === undefined) return
  for (let at = dirname(path); at !== dirname(made) && at !== dirname(at); at = dirname(at))
    await syncDirectory(dirname(at))
}

async function syncDirectory(path: string): Promise<void> {
  try {
    const directory = await open(path, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  } catch (error) {
    // Not every system can do it (Windows, some network file systems), not every parent may be read; a missing one is empty.
    if (!['EACCES', 'EPERM', 'EINVAL', 'EISDIR', 'ENOENT'].includes(codeOf(error) ?? '')) throw error
  }
}

function isFull(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ENOSPC' || code === 'EDQUOT'
}

function codeOf(error: unknown): string | null {
  const code = (error as { readonly code?: unknown } | null)?.code
  return typeof code === 'string' ? code : null
}

function failed(path: string, cause: unknown): BanyanError {
  const text = cause instanceof Error ? cause.message : String(cause)
  return new BanyanError('spill_failed', `The spill file ${path} could not be read or written (${text}).`, {
    hint: 'A rollback that is kept neither here nor in the store ends with the process: make space or mend the directory.',
    details: { path },
    cause,
  })
}

function damaged(path: string, line: number, readable: number): BanyanError {
  return new BanyanError('spill_damaged', `Line ${line} of the spill file ${path} cannot be read.`, {
    hint: 'Each line is one rollback that was in force. Mend or remove the line, and roll back again what it was about.',
    details: { path, line, readable },
  })
}
