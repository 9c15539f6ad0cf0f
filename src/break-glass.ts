// Break glass: a file named `rollback` beside the store sends everything to legacy, without token or API.
//
// That something of this name is there is enough; what it says, if it is a plain file, becomes the reason. It is never waited
// for: a pipe, a directory or a huge file counts like any other.
import { lstat, open, rename } from 'node:fs/promises'
import { join } from 'node:path'

const EVERY_MS = 250
const MOST_REASON_BYTES = 200

export interface BreakGlass {
  /** Looks now; resolves when what was found is in force. */
  look(): Promise<void>
  close(): void
}

/**
 * Calls `pull` once for each time it appears. It is renamed to `rollback.done`, so that it can appear again, as soon as what was
 * pulled is kept: until then it is what the next start goes by.
 */
export function watchBreakGlass(
  directory: string,
  pull: (reason: string | null) => Promise<unknown>,
  isKept: () => boolean,
): BreakGlass {
  const file = join(directory, 'rollback')
  /** One that is not renamed yet counts once. */
  let pulled: number | null = null
  let busy = false

  async function look(): Promise<void> {
    if (busy) return
    busy = true
    try {
      const found = await lstat(file).catch(() => null)
      if (found === null) return
      if (found.mtimeMs !== pulled) {
        pulled = found.mtimeMs
        await pull(found.isFile() ? await reasonIn(file) : null)
      }
      if (!isKept()) return
      await rename(file, `${file}.done`)
      pulled = null
    } catch {
      // In force all the same; it could not be renamed, or not be saved, which the log says.
    } finally {
      busy = false
    }
  }

  const timer = setInterval(look, EVERY_MS)
  timer.unref()
  return { look, close: () => clearInterval(timer) }
}

async function reasonIn(file: string): Promise<string | null> {
  try {
    const handle = await open(file)
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(MOST_REASON_BYTES), 0, MOST_REASON_BYTES, 0)
      const text = buffer.toString('utf8', 0, bytesRead).trim()
      return text === '' ? null : text
    } finally {
      await handle.close()
    }
  } catch {
    return null
  }
}
