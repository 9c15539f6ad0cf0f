// A small file that is whole or damaged, and never anything between: what is read is what was written last, or an error.
//
// Written to another name, synced, and put in its place at once, so that no crash leaves half of it; its first line holds the
// sum of the rest. For this user only: state has secrets in it.
import { createHash } from 'node:crypto'
import type { Stats } from 'node:fs'
import { lstat, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from '../model/errors.ts'
import type { Bytes } from '../model/units.ts'
import { makeDirectory } from './directory.ts'

const VERSION = 1
const MAX_BYTES: Bytes = 256 * 2 ** 20
const HEAD = /^banyan ([0-9]{1,9}) sha256:([0-9a-f]{64})$/

/** null: there is none. Rejects when it cannot be read, or is not what was written. */
export async function readSealed(path: string): Promise<string | null> {
  const found = await statOf(path)
  if (found === null) return null
  // Of a pipe or a device nothing, or no end, would come.
  if (!found.isFile()) throw new Error('it is no file')
  if (found.size > MAX_BYTES) throw new Error(`it has ${found.size} bytes, more than was ever written`)
  const bytes = await readFile(path)
  const end = bytes.indexOf('\n')
  const head = HEAD.exec(bytes.toString('latin1', 0, end))
  if (head === null) throw new Error('its first line is not what was written')
  const [, version, sum] = head
  if (Number(version) !== VERSION) throw new Error(`it is of version ${version}, this one reads ${VERSION}`)
  const content = bytes.subarray(end + 1)
  if (sumOf(content) !== sum) throw new Error('it is not what was written')
  return content.toString('utf8')
}

/** On the disk, name and all, when it resolves. When it rejects, what was there before still is. `room`: as of `sealed`. */
export async function writeSealed(path: string, text: string, room = 0): Promise<void> {
  await makeParent(path)
  const temporary = `${path}.new`
  // What a crash or a full disk has left there, or somebody else has put there: made anew, it is ours alone.
  await rm(temporary, { force: true })
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(sealed(text, room))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  await syncDirectory(dirname(path))
}

/** What the file of this text holds. A shorter one is filled up with newlines to so many bytes. */
export function sealed(text: string, room = 0): Buffer {
  const given = Buffer.from(text)
  const content = Buffer.concat([given, Buffer.alloc(Math.max(0, room - given.length), '\n')])
  return Buffer.concat([Buffer.from(`banyan ${VERSION} sha256:${sumOf(content)}\n`), content])
}

/** Gone from the disk when it resolves, also where there was none. */
export async function removeSealed(path: string): Promise<void> {
  await rm(path, { force: true })
  await syncDirectory(dirname(path))
}

/** Of the name itself, not of what a link leads to; null: there is none. */
export async function statOf(path: string): Promise<Stats | null> {
  try {
    return await lstat(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

async function makeParent(path: string): Promise<void> {
  const made = makeDirectory(dirname(path))
  if (made === undefined) return
  for (let at = dirname(path); at !== dirname(made) && at !== dirname(at); at = dirname(at))
    await syncDirectory(dirname(at))
}

export async function syncDirectory(path: string): Promise<void> {
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

function sumOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}
