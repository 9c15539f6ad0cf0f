// Two sealed files of one size that take turns: what is written needs no block of the disk that is not theirs already, however
// often, and however full the disk is.
//
// The text goes into the spare one, in place. Once it is on the disk, both change names: the old one is linked aside, the spare
// one renamed over it, and what is aside is the next spare one. The path is whole at any moment; a crash between the steps
// leaves a file aside, which the next write puts in its place.
import { constants } from 'node:fs'
import { link, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from '../model/errors.ts'
import type { Bytes } from '../model/units.ts'
import { sealed, statOf, syncDirectory, writeSealed } from './sealed-file.ts'

export interface SealedPair {
  /** On the disk, name and all, when it is true. False: there is no spare file of that size, or the text is longer. */
  write(text: string): Promise<boolean>
  /** Makes what is missing of both; `text`: what the path is to hold. */
  prepare(text: string): Promise<void>
}

export function sealedPair(path: string, spare: string, room: Bytes): SealedPair {
  const aside = `${path}.old`
  const size = sealed('', room).length

  async function write(text: string): Promise<boolean> {
    await mend()
    const bytes = sealed(text, room)
    if (bytes.length !== size || !(await isReady(spare))) return false
    const file = await open(spare, constants.O_RDWR | constants.O_NOFOLLOW)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    // Where there is none yet, or links cannot be had, the pair has no spare one until it is prepared again.
    await link(path, aside).catch(() => {})
    await rename(spare, path)
    await renameIfThere(aside, spare)
    await syncDirectory(dirname(path))
    return true
  }

  async function prepare(text: string): Promise<void> {
    await mend()
    if (!(await isReady(spare))) await writeSealed(spare, '', room)
    if (sealed(text, room).length === size && !(await isReady(path))) await writeSealed(path, text, room)
  }

  async function mend(): Promise<void> {
    if ((await statOf(spare)) === null) await renameIfThere(aside, spare)
    else await rm(aside, { force: true })
  }

  /** A file with a second name may be a backup's, or be the path itself: it is not written into. */
  async function isReady(file: string): Promise<boolean> {
    const found = await statOf(file)
    return found?.isFile() === true && found.size === size && found.nlink === 1
  }

  return { write, prepare }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  await rename(from, to).catch(error => {
    if (codeOf(error) !== 'ENOENT') throw error
  })
}
