// Break glass: a file named `rollback` beside the store sends everything to legacy, without token or API.
import { readFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'

const EVERY_MS = 250
const MOST_REASON = 200

export interface BreakGlass {
  close(): void
}

/** Calls `pull` once for each time the file appears; afterwards it is renamed to `rollback.done`, so that it can appear again. */
export function watchBreakGlass(directory: string, pull: (reason: string | null) => Promise<unknown>): BreakGlass {
  const file = join(directory, 'rollback')
  /** A file that could not be renamed counts once. */
  let pulled = 0
  let busy = false

  async function look(): Promise<void> {
    if (busy) return
    busy = true
    try {
      const { mtimeMs } = await stat(file)
      if (mtimeMs === pulled) return
      pulled = mtimeMs
      // The reason comes second: a file that cannot be read has appeared all the same.
      const reason = await readFile(file, 'utf8').catch(() => '')
      const text = reason.trim().slice(0, MOST_REASON)
      await pull(text === '' ? null : text)
      await rename(file, `${file}.done`).then(
        () => {
          pulled = 0
        },
        () => {},
      )
    } catch {
      // Not there: nothing to do.
    } finally {
      busy = false
    }
  }

  const timer = setInterval(look, EVERY_MS)
  timer.unref()
  return { close: () => clearInterval(timer) }
}
