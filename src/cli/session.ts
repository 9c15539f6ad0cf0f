// What every command is handed: where to write, how it looks, and a client that is made when it is needed.

import type { Milliseconds } from '../model/units.ts'
import { type AccessFlags, codeOf, findAdmin, findToken } from './access.ts'
import { type Client, createClient } from './client.ts'
import { type CliIo, type CliStream, EXIT } from './io.ts'
import { json, type Look, lookOf, safe } from './print.ts'

export interface GlobalFlags extends AccessFlags {
  readonly timeout: number
  readonly color: boolean
}

export interface Session {
  readonly io: CliIo
  /** Aborted when nobody reads any more, or when `io.signal` is. */
  readonly over: AbortSignal
  /** Fixed once flags are known, that is inside of a command. */
  look(): Look
  /** A line, or lines, on stdout. The text is printed as it is: views escape what they were given. */
  data(lines: string | readonly string[]): void
  /** Text on stdout without an end of line added. */
  raw(text: string): void
  json(value: unknown): void
  /** The same on stderr. */
  talk(text: string): void
  /** A line on stderr; escaped here. */
  say(text: string): void
  warn(text: string): void
  /** `over`: ends a call that is under way; absent: only the end of the whole does. */
  client(over?: AbortSignal): Promise<Client>
  /** `--timeout`. */
  timeoutMs(): Milliseconds
  /** Like `over`, and from now on Ctrl-C ends the work instead of the process: what is known so far is printed. */
  interruptible(): AbortSignal
  /** Makes an action for commander out of a function that answers with an exit code. */
  action<Args extends readonly unknown[]>(run: (...args: Args) => Promise<number>): (...args: Args) => Promise<void>
  /** The exit code so far. */
  exit: number
}

export function createSession(io: CliIo, flags: () => GlobalFlags): Session {
  const closed = new AbortController()
  let interrupted: AbortSignal | null = null
  const session: Session = {
    io,
    over: io.signal === undefined ? closed.signal : AbortSignal.any([closed.signal, io.signal]),
    exit: EXIT.done,
    look: () => lookOf(io, io.stdout, flags().color),
    data: lines => out(`${typeof lines === 'string' ? lines : lines.join('\n')}\n`),
    raw: text => out(text),
    json: value => out(`${json(value)}\n`),
    talk: text => err(text),
    say: text => err(`${safe(text)}\n`),
    warn: text => err(`${lookOf(io, io.stderr, flags().color).paint('yellow', 'warning')}: ${safe(text)}\n`),
    async client(over) {
      const admin = findAdmin(flags(), io.env)
      const token = await findToken(flags(), io)
      const { timeout } = flags()
      // Not `over`: a change that was asked for is not given up because nobody reads its answer.
      return createClient({
        admin,
        token,
        timeoutMs: timeout,
        version: io.parts.version,
        signal: over ?? io.signal ?? null,
      })
    },
    timeoutMs: () => flags().timeout,
    interruptible() {
      interrupted ??= io.interrupts?.() ?? null
      return interrupted === null ? session.over : AbortSignal.any([session.over, interrupted])
    },
    action:
      run =>
      async (...args) => {
        const code = await run(...args)
        if (session.exit === EXIT.done) session.exit = code
      },
  }
  const fail = (error: Error): void => {
    session.exit = EXIT.error
    session.say(`banyan: stdout cannot be written: ${error.message}`)
  }
  const out = writerOf(io.stdout, () => closed.abort(), fail)
  const err = writerOf(
    io.stderr,
    () => {},
    () => {},
  )
  return session
}

/** A reader that went away (`| head`) is no failure: what is left is dropped. Any other loss is told once. */
function writerOf(stream: CliStream, onClosed: () => void, onFailed: (error: Error) => void): (text: string) => void {
  let lost = false
  const lose = (error: Error): void => {
    if (lost) return
    lost = true
    onClosed()
    if (codeOf(error) !== 'EPIPE') onFailed(error)
  }
  stream.on?.('error', lose)
  return text => {
    if (lost) return
    try {
      stream.write(text)
    } catch (error) {
      lose(error as Error)
    }
  }
}
