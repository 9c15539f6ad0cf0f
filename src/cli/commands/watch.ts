// `--watch`: looks again and again, drawn over on a terminal, plain lines elsewhere.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Milliseconds } from '../../model/units.ts'
import { CliError, EXIT } from '../io.ts'
import { json, type Look, safe } from '../print.ts'
import type { Session } from '../session.ts'

export interface Watched<T> {
  ask(): Promise<T>
  /** What a terminal shows. */
  frame(answer: T, look: Look): readonly string[]
  /** Lines for what is no terminal, after each look. */
  plain(answer: T): readonly string[]
}

interface WatchOptions {
  readonly intervalMs: Milliseconds
  readonly json: boolean
}

const CLEAR_SCREEN = '\x1b[2J'
const HOME = '\x1b[H'
const CLEAR_LINE_END = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'

/** Ends with the session, or when asking again makes no sense. A proxy that is away for a while is waited for. */
export async function watch<T>(session: Session, watched: Watched<T>, options: WatchOptions): Promise<number> {
  const { stdout, env } = session.io
  const live = stdout.isTTY === true && env.TERM !== 'dumb' && !options.json
  let frame: readonly string[] = []
  if (live) session.raw(CLEAR_SCREEN)
  while (!session.over.aborted) {
    try {
      const answer = await watched.ask()
      frame = watched.frame(answer, session.look())
      if (live) draw(session, frame)
      else if (options.json) session.raw(`${json(answer, 0)}\n`)
      else {
        const lines = watched.plain(answer)
        if (lines.length > 0) session.data(lines)
      }
    } catch (error) {
      if (session.over.aborted) break
      const passing = error instanceof CliError && (error.exit === EXIT.unreachable || error.exit === EXIT.timeout)
      if (!passing) throw error
      if (live) draw(session, [`${session.look().paint('yellow', 'STALE')}: ${safe(error.message)}`, ...frame])
      else session.say(`banyan: ${error.message}`)
    }
    await sleep(options.intervalMs, undefined, { signal: session.over }).catch(() => null)
  }
  return EXIT.done
}

/** One write per frame, over the last one, so that nothing flickers; what is below the terminal's end is left out. */
function draw(session: Session, frame: readonly string[]): void {
  const rows = session.io.stdout.rows ?? frame.length + 1
  const lines = frame.slice(0, Math.max(1, rows - 1))
  session.raw(`${HOME}${lines.map(line => `${line}${CLEAR_LINE_END}\n`).join('')}${CLEAR_BELOW}`)
}
