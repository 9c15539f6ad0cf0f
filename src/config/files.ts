// Texts of the configuration from the disk: bounded, UTF-8, and every failure said in words.
import { createReadStream } from 'node:fs'
import { glob } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { BanyanError } from '../model/errors.ts'
import { MAX_BYTES } from './positions.ts'

/** Rejects as `node:fs` does. */
export type ReadFile = (path: string) => Promise<Uint8Array>

/** Told of a file, or a directory that a pattern looks into, just before it is read. */
export type BeforeRead = (path: string) => void

/** Never more than one byte above the limit, whatever stands behind the name. */
export const readBytes: ReadFile = async path => {
  const chunks: Buffer[] = []
  for await (const chunk of createReadStream(path, { end: MAX_BYTES })) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** The text of a file; rejects with a BanyanError `config_unreadable` whose message is fit for people. */
export async function readText(path: string, readFile: ReadFile): Promise<string> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error)
    throw new BanyanError('config_unreadable', `${path} ${REASONS[code] ?? `cannot be read: ${code}`}`, {
      cause: error,
    })
  }
  if (bytes.length > MAX_BYTES) throw new BanyanError('config_unreadable', `${path} is larger than 4 MiB`)
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
