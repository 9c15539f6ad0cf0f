// Says on stderr how far a long run is: drawn over on a terminal, else a plain line now and then.
import type { Milliseconds } from '../../model/units.ts'
import { count, rate, span } from '../print.ts'
import type { Session } from '../session.ts'

export interface Progress {
  at(done: number, different: number): void
  /** Clears what was drawn, so that the next line begins at the left. */
  end(): void
}

const DRAW_MS = 200
const PLAIN_MS = 10_000

export function createProgress(session: Session, total: number, now: () => Milliseconds): Progress {
  const { stderr, env } = session.io
  const live = stderr.isTTY === true && env.TERM !== 'dumb'
  const startedAt = now()
  let saidAt = startedAt
  let drawn = false
  return {
    at(done, different) {
      const elapsedMs = now() - startedAt
      if (now() - saidAt < (live ? DRAW_MS : PLAIN_MS)) return
      saidAt = now()
      const perSecond = (done * 1000) / Math.max(1, elapsedMs)
      const left = done === 0 ? '' : `, ${span((total - done) / perSecond)} left`
      const found = different === 0 ? '' : `, ${count(different, 'difference')}`
      const line = `${done} of ${total} pairs, ${rate(perSecond)} a second${left}${found}`
      drawn = live
      if (live) session.talk(`\r${line}\x1b[K`)
      else session.say(line)
    },
    end() {
      if (drawn) session.talk('\r\x1b[K')
    },
  }
}
