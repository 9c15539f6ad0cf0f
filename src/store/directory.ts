// Makes a directory with what is missing above it, one step at a time: Node's own recursive way never ends where a file
// system answers "no such file" to a name that it refuses to make (/proc).
import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/** Readable for this user only (0700). Returns the first directory that was made, as Node does; undefined: all were there. */
export function makeDirectory(path: string): string | undefined {
  const missing: string[] = []
  for (let at = path; !existsSync(at); at = dirname(at)) missing.unshift(at)
  for (const directory of missing) {
    try {
      mkdirSync(directory, { mode: 0o700 })
    } catch (error) {
      // Somebody else may have made it meanwhile.
      if ((error as { code?: string }).code !== 'EEXIST') throw error
    }
  }
  // Refuses a path that is there and is no directory.
  if (missing.length === 0) mkdirSync(path, { recursive: true })
  return missing[0]
}
