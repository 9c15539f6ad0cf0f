// Access logs → an inventory: line by line, however large they are, and an account of the lines that could not be read.
import { BROKEN, type BrokenReason, isBroken, type LogReading, parseLogLine } from '../../inventory/access-log.ts'
import { seenInLog } from '../../inventory/recorder.ts'
import { type Inventory, Sketch } from '../../inventory/sketch.ts'
import { linesOf } from '../asking/lines.ts'
import { createReadProgress } from '../asking/read-progress.ts'
import { CliError, EXIT } from '../io.ts'
import type { Session } from '../session.ts'

/** Lines that could not be read, by why. */
export interface BrokenLines {
  readonly reason: BrokenReason
  readonly count: number
  /** The first few, as `file:line`. */
  readonly first: readonly string[]
}

export interface ReadLog {
  readonly inventory: Inventory
  readonly files: readonly string[]
  /** All, those without a request too. */
  readonly lines: number
  /** Blank lines and comments; no mistake. */
  readonly empty: number
  /** Most frequent first. */
  readonly broken: readonly BrokenLines[]
  /** It was stopped before the end. */
  readonly isPartial: boolean
}

const FIRST = 3

export async function readLogs(
  session: Session,
  files: readonly string[],
  reading: LogReading,
  over: AbortSignal,
): Promise<ReadLog> {
  if (files.includes('-') && session.io.stdin.isTTY === true) {
    session.say('reading an access log from the terminal; end with Ctrl-D')
  }
  const sketch = new Sketch()
  const broken = new Map<BrokenReason, { count: number; readonly first: string[] }>()
  const progress = await createReadProgress(session, files)
  let lines = 0
  let taken = 0
  try {
    for (const file of files) {
      let number = 0
      for await (const line of linesOf([file], session.io, over)) {
        number++
        const read = parseLogLine(line, reading)
        if (isBroken(read)) {
          const known = broken.get(read.broken) ?? { count: 0, first: [] }
          known.count++
          if (known.first.length < FIRST) known.first.push(`${file === '-' ? 'standard input' : file}:${number}`)
          broken.set(read.broken, known)
        } else {
          taken++
          sketch.take(seenInLog(read))
        }
        progress.line(line)
      }
      lines += number
    }
  } finally {
    progress.end()
  }
  const empty = broken.get('empty')?.count ?? 0
  broken.delete('empty')
  const log: ReadLog = {
    inventory: sketch.view({ source: 'log', since: null, until: null }),
    files,
    lines,
    empty,
    broken: [...broken]
      .map(([reason, { count, first }]) => ({ reason, count, first }))
      .sort((a, b) => b.count - a.count),
    isPartial: over.aborted,
  }
  if (taken === 0) throw nothingIn(log)
  return log
}

function nothingIn({ lines, empty, broken, files }: ReadLog): CliError {
  const where = files.map(file => (file === '-' ? 'standard input' : file)).join(', ')
  if (lines === empty) return new CliError(EXIT.error, `${where}: no request in it, it is empty`)
  return new CliError(EXIT.error, `${where}: not one of ${lines - empty} lines can be read as a request`, {
    notes: [
      ...brokenNotes(broken),
      'read are the common and the combined log format, and JSON with the names of nginx, Caddy, Traefik, Envoy, AWS, Google Cloud and others',
    ],
  })
}

/** A line for each reason. */
export function brokenNotes(broken: readonly BrokenLines[]): readonly string[] {
  return broken.map(
    ({ reason, count, first }) =>
      `${count} ${count === 1 ? 'line' : 'lines'}: ${BROKEN[reason]} (${first.join(', ')}${count > first.length ? ', …' : ''})`,
  )
}
