// `--watch`: looks again and again, drawn over on a terminal, plain lines elsewhere.
//
// On a terminal what was seen last stays when the proxy does not answer, grey, under a line that says since when; it comes back
// by itself. The cursor is hidden meanwhile and shown again however it ends.
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import type { Milliseconds } from '../../model/units.ts'
import { CliError, EXIT, type ExitCode } from '../io.ts'
import { cut, json, type Look, safe, span } from '../print.ts'
import type { Session } from '../session.ts'
import { columnsOf } from '../width.ts'

export interface Watched<T> {
  /** Ends early when `over` is aborted. */
  ask(over: AbortSignal): Promise<T>
  /** What a terminal shows; `rows` of it are there. */
  frame(answer: T, look: Look, rows: number | null): readonly string[]
  /** Lines for what is no terminal, after each look. */
  plain(answer: T): readonly string[]
}

interface WatchOptions {
  readonly intervalMs: Milliseconds
  readonly json: boolean
}

const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const CLEAR_SCREEN = '\x1b[2J'
const HOME = '\x1b[H'
const CLEAR_LINE_END = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'
/** Without an answer for so long what is shown is old. */
const PATIENCE_MS: Milliseconds = 2_000
const AGE_EVERY_MS: Milliseconds = 1_000

/** Ends with the session, with Ctrl-C, or when asking again makes no sense. A proxy that is away for a while is waited for. */
export async function watch<T>(session: Session, watched: Watched<T>, options: WatchOptions): Promise<ExitCode> {
  const { stdout, env } = session.io
  const live = stdout.isTTY === true && env.TERM !== 'dumb' && !options.json
  const over = session.interruptible()
  const screen = live ? openScreen(session) : null
  try {
    while (!over.aborted) {
      const began = performance.now()
      const answer = await screenedAnswer(watched.ask(over), screen, over)
      if (over.aborted) break
      if ('failed' in answer) {
        if (!isPassing(answer.failed)) throw answer.failed
        if (screen === null) session.say(`banyan: ${(answer.failed as Error).message}`)
        else screen.stale((answer.failed as Error).message)
      } else if (screen !== null) screen.draw((look, rows) => watched.frame(answer.is, look, rows))
      else if (options.json) session.raw(`${json(answer.is, 0)}\n`)
      else {
        const lines = watched.plain(answer.is)
        if (lines.length > 0) session.data(lines)
      }
      const restMs = Math.max(1, options.intervalMs - (performance.now() - began))
      await pause(restMs, over, () =>
        'failed' in answer ? screen?.stale((answer.failed as Error).message) : undefined,
      )
    }
  } finally {
    screen?.close()
  }
  return EXIT.done
}

type Answer<T> = { readonly is: T } | { readonly failed: unknown }

/** While it is waited for, the screen says how old it is. */
async function screenedAnswer<T>(asked: Promise<T>, screen: Screen | null, over: AbortSignal): Promise<Answer<T>> {
  const done = new AbortController()
  const answer: Promise<Answer<T>> = asked.then(
    is => ({ is }),
    failed => ({ failed }),
  )
  const ended = AbortSignal.any([over, done.signal])
  void (async () => {
    await pause(PATIENCE_MS, ended)
    while (!ended.aborted) {
      screen?.stale('it does not answer')
      await pause(AGE_EVERY_MS, ended)
    }
  })()
  const stopped = new Promise<Answer<T>>(resolve => {
    if (over.aborted) resolve({ failed: null })
    over.addEventListener('abort', () => resolve({ failed: null }), { once: true, signal: done.signal })
  })
  try {
    return await Promise.race([answer, stopped])
  } finally {
    done.abort()
  }
}

/** `each`: about every second meanwhile. */
async function pause(ms: Milliseconds, over: AbortSignal, each?: () => void): Promise<void> {
  for (let left = ms; left > 0 && !over.aborted; left -= AGE_EVERY_MS) {
    await sleep(Math.min(left, AGE_EVERY_MS), undefined, { signal: over }).catch(() => null)
    if (left > AGE_EVERY_MS && !over.aborted) each?.()
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof CliError && (error.exit === EXIT.unreachable || error.exit === EXIT.timeout)
}

type Frame = (look: Look, rows: number | null) => readonly string[]

interface Screen {
  draw(frame: Frame): void
  /** What was drawn last, grey. */
  stale(why: string): void
  close(): void
}

/** One write per frame, over the last one, so that nothing flickers. */
function openScreen(session: Session): Screen {
  const { stdout } = session.io
  let last: Frame | null = null
  let answeredAt: Milliseconds | null = null
  let isOpen = true
  const show = (): void => {
    if (isOpen) session.raw(SHOW_CURSOR)
    isOpen = false
  }
  session.io.atEnd?.(show)
  session.raw(`${HIDE_CURSOR}${CLEAR_SCREEN}`)

  /** The line below the last one is the cursor's. What is below the terminal's end is left out, what is beyond its edge too. */
  function put(lines: readonly string[]): void {
    const { width } = session.look()
    const most = stdout.rows === undefined ? lines.length : Math.max(1, stdout.rows - 1)
    const shown = lines.slice(0, most).map(text => `${within(text, width)}${CLEAR_LINE_END}\n`)
    session.raw(`${HOME}${shown.join('')}${CLEAR_BELOW}`)
  }
  const rowsLeft = (taken: number): number | null => (stdout.rows === undefined ? null : stdout.rows - 1 - taken)

  return {
    draw(frame) {
      last = frame
      answeredAt = performance.now()
      put(frame(session.look(), rowsLeft(0)))
    },
    stale(why) {
      const look = session.look()
      const age = answeredAt === null ? 'never seen' : `as of ${span((performance.now() - answeredAt) / 1000)} ago`
      const old = last?.({ ...look, paint: (_, text) => text }, rowsLeft(1)) ?? []
      const note = `STALE (${age}): ${safe(why)}`
      put([
        look.paint('yellow', look.width === null ? note : cut(note, look.width)),
        ...old.map(text => look.paint('dim', look.width === null ? text : cut(text, look.width))),
      ])
    },
    close: show,
  }
}

/** A line that the terminal would break moves all below it. */
function within(text: string, width: number | null): string {
  if (width === null) return text
  const plain = stripVTControlCharacters(text)
  return columnsOf(plain) <= width ? text : cut(plain, width)
}
