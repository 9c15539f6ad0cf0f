// One connection that comes back: work is done on it one piece after the other, in the order it was asked.
//
// Nothing hangs. Work waits for a connection for as long as one attempt may take, and no statement takes longer than its
// timeout. When a connection breaks, all that waits for it is rejected with it: whoever wants to, asks again, and is then
// given a new connection. Attempts keep a short distance, and go on by themselves where a link is to be kept up.
import type { BanyanError } from '../model/errors.ts'
import { connect, type Session, type SessionOptions } from './postgres-connect.ts'
import { describePostgres, goesOn, unreachable } from './postgres-faults.ts'
import type { Query } from './postgres-schema.ts'
import { storeClosed } from './refusals.ts'

export interface Link {
  /** Alone on the connection until it settles. @throws BanyanError */
  run<T>(work: (query: Query, slowly: Query) => Promise<T>): Promise<T>
  /** From now on it reconnects without being asked. */
  keepUp(): void
  /** After everything that was asked before. */
  close(): Promise<void>
}

export interface LinkOptions extends SessionOptions {
  /** Before anything else is done with a new session. */
  up(session: Session): Promise<void>
  /** A session that was up is lost, or an attempt to keep the link up has failed. */
  down(error: BanyanError): void
}

/** Between two attempts that somebody asked for; and the longest between two that nobody did. */
const PAUSE_MS = { least: 100, most: 2_000 }

export function createLink(options: LinkOptions): Link {
  const { target, connectTimeoutMs } = options
  let session: Session | null = null
  let connecting: Promise<Session> | null = null
  let attemptedAt = Number.NEGATIVE_INFINITY
  let last: Promise<unknown> = Promise.resolve()
  /** What broke so far: work that was asked before a break is rejected with it. */
  let breaks = 0
  let why: BanyanError | null = null
  let kept = false
  let failures = 0
  let timer: NodeJS.Timeout | null = null
  let closing: Promise<void> | null = null

  function run<T>(work: (query: Query, slowly: Query) => Promise<T>): Promise<T> {
    if (closing !== null) return Promise.reject(storeClosed())
    const asked = breaks
    const result = last.then(async () => {
      if (asked !== breaks) throw why
      const current = session ?? (await soon(connected()))
      current.hold(true)
      try {
        return await work(current.query, current.slowly)
      } catch (error) {
        const said = describePostgres(error, target)
        if (!goesOn(error) || current.gone()) broken(current, said)
        throw said
      } finally {
        current.hold(false)
      }
    })
    last = result.catch(() => null)
    return result
  }

  /** Rejects when an attempt takes longer than one address may; the attempt goes on. */
  function soon(attempt: Promise<Session>): Promise<Session> {
    return new Promise<Session>((resolve, reject) => {
      const late = setTimeout(() => {
        reject(unreachable(target.shown, `no connection within ${connectTimeoutMs} ms`))
      }, connectTimeoutMs + PAUSE_MS.least)
      attempt.then(resolve, reject).finally(() => clearTimeout(late))
    }).catch(error => {
      interrupt(error)
      throw error
    })
  }

  function connected(): Promise<Session> {
    connecting ??= attempt().finally(() => {
      connecting = null
      attemptedAt = performance.now()
    })
    return connecting
  }

  async function attempt(): Promise<Session> {
    const pauseMs = attemptedAt + PAUSE_MS.least - performance.now()
    if (pauseMs > 0) await new Promise(resolve => setTimeout(resolve, pauseMs))
    const made = await connect(options)
    made.client.once('end', () => broken(made, unreachable(target.shown, 'the connection ended')))
    try {
      await options.up(made)
    } catch (error) {
      made.destroy()
      throw describePostgres(error, target)
    }
    session = made
    failures = 0
    made.hold(false)
    return made
  }

  function broken(which: Session, error: BanyanError): void {
    which.destroy()
    if (session !== which) return
    session = null
    interrupt(error)
    if (closing !== null) return
    options.down(error)
    if (kept) reconnect()
  }

  function interrupt(error: BanyanError): void {
    breaks++
    why = error
  }

  function keepUp(): void {
    kept = true
    if (session === null) reconnect()
  }

  function reconnect(): void {
    if (timer !== null || closing !== null || session !== null) return
    const pauseMs =
      failures === 0 ? 0 : Math.min(PAUSE_MS.most, PAUSE_MS.least * 2 ** failures) * (0.5 + Math.random() / 2)
    timer = setTimeout(() => {
      timer = null
      if (closing !== null || session !== null) return
      connected().catch(error => {
        failures++
        options.down(error)
        reconnect()
      })
    }, pauseMs)
    timer.unref()
  }

  function close(): Promise<void> {
    closing ??= last.then(async () => {
      if (timer !== null) clearTimeout(timer)
      await connecting?.catch(() => null)
      await session?.end()
    })
    return closing
  }

  return { run, keepUp, close }
}
