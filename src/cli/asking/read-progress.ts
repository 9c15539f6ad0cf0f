// Says on stderr how far the reading of files is, on a terminal only: lines, rate, and how long it takes still.
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Bytes, Milliseconds } from '../../model/units.ts'
import { rate, span } from '../print.ts'
import type { Session } from '../session.ts'

export interface ReadProgress {
  line(text: string): void
  /** Clears what was drawn. */
  end(): void
}

const DRAW_MS = 200
/** Lines between two looks at the clock. */
const EVERY = 2048

/** Bytes are counted as characters: near enough for an estimate. */
export async function createReadProgress(session: Session, files: readonly string[]): Promise<ReadProgress> {
  const { stderr, env } = session.io
  const live = stderr.isTTY === true && env.TERM !== 'dumb'
  const size = live ? await sizeOf(session, files) : null
  const startedAt = performance.now()
  let drawnAt: Milliseconds = startedAt
  let lines = 0
  let bytes = 0
  let drawn = false
  return {
    line({ length }) {
      lines++
      bytes += length + 1
      if (!live || lines % EVERY !== 0) return
      const now = performance.now()
      if (now - drawnAt < DRAW_MS) return
      drawnAt = now
      drawn = true
      const seconds = (now - startedAt) / 1000
      const share = size === null || size === 0 ? null : Math.min(1, bytes / size)
      const left = share === null ? '' : `, ${Math.floor(share * 100)}%, ${span((seconds / share) * (1 - share))} left`
      session.talk(`\r${lines} lines, ${rate(lines / seconds)} a second${left}\x1b[K`)
    },
    end() {
      if (drawn) session.talk('\r\x1b[K')
    },
  }
}

/** null: one of them has none that is known, or is packed. */
async function sizeOf({ io }: Session, files: readonly string[]): Promise<Bytes | null> {
  let size = 0
  for (const file of files) {
    if (file === '-' || file.endsWith('.gz')) return null
    const found = await stat(resolve(io.cwd, file)).catch(() => null)
    if (found === null || !found.isFile()) return null
    size += found.size
  }
  return size
}
