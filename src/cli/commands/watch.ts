// `status --watch`: looks again and again, drawn over on a terminal, plain lines elsewhere.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Milliseconds } from '../../model/units.ts'
import type { Client } from '../client.ts'
import { CliError, EXIT } from '../io.ts'
import { json, safe } from '../print.ts'
import type { Session } from '../session.ts'
import { plainStatus, statusView } from '../views/status.ts'

interface WatchOptions {
  readonly intervalMs: Milliseconds
  readonly json: boolean
}

const CLEAR_SCREEN = '\x1b[2J'
const HOME = '\x1b[H'
const CLEAR_LINE_END = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'

/** Ends with the session, or when asking again makes no sense. A proxy that is away for a while is waited for. */
export async function watchStatus(session: Session, client: Client, options: WatchOptions): Promise<number> {
  const { stdout, env } = session.io
  const live = stdout.isTTY === true && env.TERM !== 'dumb' && !options.json
  let frame: readonly string[] = []
  if (live) session.raw(CLEAR_SCREEN)
  while (!session.over.aborted) {
    try {
      const status = await client.call('status')
      frame = statusView(status, session.look())
      if (live) draw(session, frame)
      else if (options.json) session.raw(`${json(status, 0)}\n`)
      else session.data(plainStatus(status))
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
