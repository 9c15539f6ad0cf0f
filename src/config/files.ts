// Texts of the configuration from the disk: bounded, UTF-8, and every failure said in words.
import { closeSync, constants, createReadStream, openSync, readFileSync, type Stats, statSync } from 'node:fs'
import { glob, open, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { BanyanError } from '../model/errors.ts'
import { MAX_BYTES } from './positions.ts'

/** Rejects as `node:fs` does. */
export type ReadFile = (path: string) => Promise<Uint8Array>

/** Told of a file, or a directory that a pattern looks into, just before it is read. */
export type BeforeRead = (path: string) => void

/** A name may have become a pipe since one looked: whoever opens that for reading waits for a writer, for ever. */
const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK

/** Of a regular file, and never more than one byte above the limit. */
export const readBytes: ReadFile = async path => {
  refuseUnlessRegular(path, await stat(path))
  const file = await open(path, WITHOUT_WAITING)
  return bytesOf(file.createReadStream({ end: MAX_BYTES }))
}

/** From a pipe too, for which it waits: for what a person names at the start, as in `-c /dev/stdin`. */
export const readAnyBytes: ReadFile = path => bytesOf(createReadStream(path, { end: MAX_BYTES }))

async function bytesOf(stream: AsyncIterable<unknown>): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** For those who cannot wait. Throws a BanyanError as `readText` rejects with. */
export function readBytesNow(path: string): Uint8Array {
  try {
    const stats = statSync(path)
    refuseUnlessRegular(path, stats)
    if (stats.size > MAX_BYTES) throw tooLarge(path)
    const file = openSync(path, WITHOUT_WAITING)
    try {
      return readFileSync(file)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw unreadable(path, error)
  }
}

/** A directory is refused by whoever reads it. */
function refuseUnlessRegular(path: string, stats: Stats): void {
  if (stats.isFile() || stats.isDirectory()) return
  const kind = stats.isFIFO() ? 'a pipe' : stats.isSocket() ? 'a socket' : 'a device'
  throw new BanyanError('config_unreadable', `${path} is ${kind}`, { details: { allowed: 'a regular file' } })
}

function tooLarge(path: string): BanyanError {
  return new BanyanError('config_unreadable', `${path} is larger than 4 MiB`)
}

function unreadable(path: string, error: unknown): BanyanError {
  if (error instanceof BanyanError) return error
  const code = (error as NodeJS.ErrnoException).code ?? String(error)
  const why = REASONS[code] ?? `cannot be read: ${code}`
  return new BanyanError('config_unreadable', `${path} ${why}`, { cause: error })
}

/** What a mistake says of a file that could not be read. */
export function wordsOf(error: unknown): { message: string; allowed: string | null; hint: string | null } {
  const { message, hint = null, details } = error as Pick<BanyanError, 'message'> & Partial<BanyanError>
  const allowed = details?.allowed
  return { message, allowed: typeof allowed === 'string' ? allowed : null, hint }
}

/** Where the path stands in a text. */
export function wordsInText(error: unknown): ReturnType<typeof wordsOf> {
  const words = wordsOf(error)
  const said = words.allowed !== null || words.hint !== null
  return said ? words : { ...words, hint: 'the path is relative to the file of the configuration' }
}

/** The text of a file; rejects with a BanyanError `config_unreadable` whose message is fit for people. */
export async function readText(path: string, readFile: ReadFile): Promise<string> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (error) {
    throw unreadable(path, error)
  }
  return textOf(path, bytes)
}

/** Throws a BanyanError where it is too large, or no text. */
export function textOf(path: string, bytes: Uint8Array): string {
  if (bytes.length > MAX_BYTES) throw tooLarge(path)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new BanyanError('config_unreadable', `${path} is not UTF-8`, { hint: 'save it as UTF-8', cause: error })
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EISDIR: 'is a directory',
  EACCES: 'cannot be read: permission denied',
  EPERM: 'cannot be read: permission denied',
}

export interface Expanded {
  readonly files: readonly string[]
  /** The directory that a pattern looks into; null for a plain name. */
  readonly directory: string | null
}

/** Files that an `include` names, relative to the file that it stands in, sorted; never that file itself. */
export async function expandInclude(include: string, from: string, before: BeforeRead): Promise<Expanded> {
  const base = dirname(from)
  const place = (name: string) => (isAbsolute(name) ? name : join(base, name))
  const wild = include.search(/[*?[{]/)
  if (wild === -1) return { files: [place(include)], directory: null }
  const directory = place(dirname(`${include.slice(0, wild)}x`))
  before(directory)
  const found: string[] = []
  for await (const name of glob(include, { cwd: base })) found.push(place(name))
  const files = found.filter(file => resolve(file) !== resolve(from)).sort()
  return { files, directory }
}
