// Tells when the content of a file changes. It polls: renames by editors, the swapped symlink of a mounted ConfigMap and network
// file systems all look the same to it.
import { createHash } from 'node:crypto'
import { type BigIntStats, readdirSync, statSync } from 'node:fs'
import { readBytesNow } from './files.ts'

export interface WatchFiles {
  /** Each with its stamp from before it was read, so that nothing is missed since. A directory counts by the names in it. */
  readonly files: ReadonlyMap<string, string>
  /** Called once for changes that come together. The next look waits until it is done. */
  readonly onChange: (changed: readonly string[]) => unknown
  readonly log: (level: 'error', message: string, details?: Record<string, unknown>) => void
  /** Between two looks; a change is told when it has stood for one more. Default one second. */
  readonly intervalMs?: number
}

export interface FileWatch {
  close(): void
}

interface Seen {
  /** Of what was last read or told; the content counts, so that touching a file is no change. */
  told: string
  content: string
  stamp: string
}

/** It never throws and never keeps the process alive. */
export function watchFiles({ files, onChange, log, intervalMs = 1000 }: WatchFiles): FileWatch {
  const seen = new Map([...files].map(([file, read]) => [file, firstLook(file, read)]))
  let timer: NodeJS.Timeout | null = null

  async function look(): Promise<void> {
    const restless = [...seen].filter(([file, one]) => moved(file, one))
    const changed = [...seen].filter(([, one]) => one.content !== one.told).map(([file]) => file)
    if (changed.length > 0 && restless.length === 0) {
      for (const one of seen.values()) one.told = one.content
      try {
        await onChange(changed)
      } catch (error) {
        log('error', 'a change of the configuration was not taken up', { error: String(error), files: changed })
      }
    }
    if (timer !== null) wait()
  }

  function wait(): void {
    timer = setTimeout(look, intervalMs).unref()
  }

  wait()
  return {
    close() {
      if (timer !== null) clearTimeout(timer)
      timer = null
    },
  }
}

function firstLook(file: string, read: string): Seen {
  const stamp = stampOf(file)
  const content = contentOf(file)
  // The stamp once more: only when nothing has changed up to here, this is the content that was read.
  return { told: stampOf(file) === read ? content : UNREAD, content, stamp }
}

/** Whether the content is another than at the last look. */
function moved(file: string, one: Seen): boolean {
  const stamp = stampOf(file)
  if (stamp === one.stamp) return false
  const content = contentOf(file)
  const different = content !== one.content
  one.stamp = stamp
  one.content = content
  return different
}

/** Every way of changing a file changes one of these; a symlink is followed, so a swapped one shows another inode. */
export function stampOf(file: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs }: BigIntStats = statSync(file, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
  } catch {
    return ABSENT
  }
}

function contentOf(file: string): string {
  try {
    const content = statSync(file).isDirectory() ? readdirSync(file).sort().join('\n') : readBytesNow(file)
    return createHash('sha256').update(content).digest('hex')
  } catch (error) {
    // What was gone and is now a pipe has changed too.
    return String(error)
  }
}

const ABSENT = 'absent'
/** Equals no content. */
const UNREAD = 'unread'
