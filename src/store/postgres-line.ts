// One connection to PostgreSQL that is made anew when it breaks. Work goes through it one after another, in the order it was
// asked; each piece is answered or refused within its time, whatever the server does.
import { Client, type ClientBase } from 'pg'
import { BanyanError } from '../model/errors.ts'
import type { Milliseconds } from '../model/units.ts'
import { describe } from './postgres-faults.ts'
import { OLDEST_SERVER } from './postgres-schema.ts'
import type { Whereabouts } from './postgres-where.ts'
import { storeClosed } from './refusals.ts'

export interface LineParts {
  readonly where: Whereabouts
  readonly instance: string
  readonly connectTimeoutMs: Milliseconds
  readonly statementTimeoutMs: Milliseconds
  /** Of the session: `on` makes an acknowledged change outlive a power cut. */
  readonly durable: boolean
  /** With each new connection, before any work. */
  readonly prepare?: (client: Client) => Promise<void>
  /** A connection that was there has ended. */
  readonly lost?: () => void
}

export interface Line {
  /** Rejects with a BanyanError. A piece that was refused may have been done, where it was sent. */
  run<T>(work: (client: ClientBase) => Promise<T>): Promise<T>
  /** What was asked before is done. */
  close(): Promise<void>
}

/** Elsewhere may be one that can be written to; and tables that are gone are made with a new connection. */
const RECONNECT = new Set(['store_read_only', 'store_unreachable', 'store_unreadable'])
/** The server ends what takes too long; where it cannot even do that, we go. */
const GRACE_MS: Milliseconds = 500

export function createLine(parts: LineParts): Line {
  const { where } = parts
  let client: Client | null = null
  let last: Promise<unknown> = Promise.resolve()
  let closing: Promise<void> | null = null

  function run<T>(work: (client: ClientBase) => Promise<T>): Promise<T> {
    if (closing !== null) return Promise.reject(storeClosed())
    const done = last.then(() => attempt(work))
    last = done.catch(() => {})
    return done
  }

  async function attempt<T>(work: (client: ClientBase) => Promise<T>): Promise<T> {
    try {
      client ??= await connect()
    } catch (error) {
      throw describe(error, where.name)
    }
    const used = client
    try {
      return await within(parts.statementTimeoutMs + GRACE_MS, work(used), () => drop(used))
    } catch (error) {
      const said = describe(error, where.name)
      if (RECONNECT.has(said.code)) drop(used)
      throw said
    }
  }

  async function connect(): Promise<Client> {
    let trouble: unknown = null
    let readable: Client | null = null
    for (const url of where.urls) {
      const fresh = clientOf(url)
      try {
        await within(parts.connectTimeoutMs, fresh.connect(), () => destroy(fresh))
        const canWrite = await within(parts.connectTimeoutMs, begin(fresh), () => destroy(fresh))
        if (canWrite || where.urls.length === 1) {
          if (readable !== null) destroy(readable)
          return await prepared(fresh)
        }
        if (readable === null) readable = fresh
        else destroy(fresh)
      } catch (error) {
        trouble ??= error
        destroy(fresh)
      }
    }
    // What is in force can be read all the same.
    if (readable !== null) return prepared(readable)
    throw trouble
  }

  async function prepared(fresh: Client): Promise<Client> {
    try {
      if (parts.prepare !== undefined) {
        await within(parts.statementTimeoutMs + GRACE_MS, parts.prepare(fresh), () => destroy(fresh))
      }
      return fresh
    } catch (error) {
      destroy(fresh)
      throw error
    }
  }

  function clientOf(url: string): Client {
    const fresh = new Client({
      connectionString: url,
      application_name: `banyan ${parts.instance}`.slice(0, 63),
      connectionTimeoutMillis: parts.connectTimeoutMs,
      statement_timeout: parts.statementTimeoutMs,
      keepAlive: true,
    })
    fresh.on('error', () => drop(fresh))
    fresh.on('end', () => drop(fresh))
    return fresh
  }

  /** True: it can be written to. */
  async function begin(fresh: Client): Promise<boolean> {
    await fresh.query(`SET synchronous_commit TO ${parts.durable ? 'on' : 'off'}`)
    const { rows } = await fresh.query<{ version: number; standby: boolean; readonly: string }>(
      `SELECT current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS standby,
        current_setting('transaction_read_only') AS readonly`,
    )
    const { version = 0, standby = false, readonly = 'off' } = rows[0] ?? {}
    if (version < OLDEST_SERVER) throw tooOld(where.name, version)
    return !standby && readonly === 'off'
  }

  function drop(used: Client): void {
    destroy(used)
    if (client !== used) return
    client = null
    if (closing === null) parts.lost?.()
  }

  async function close(): Promise<void> {
    await last
    const used = client
    client = null
    if (used === null) return
    await within(parts.connectTimeoutMs, used.end(), () => destroy(used)).catch(() => {})
  }

  return {
    run,
    close() {
      closing ??= close()
      return closing
    },
  }
}

/** At once: a server that does not answer does not answer a farewell either. */
function destroy(client: Client): void {
  const { connection } = client as unknown as { connection?: { stream?: { destroy(): void } } }
  connection?.stream?.destroy()
}

function within<T>(ms: Milliseconds, work: Promise<T>, giveUp: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      giveUp()
      reject(new Error(`no answer within ${ms} ms`))
    }, ms)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

function tooOld(name: string, version: number): BanyanError {
  const text = `${Math.floor(version / 10_000)}`
  return new BanyanError('store_too_old', `The store ${name} is PostgreSQL ${text}; it must be 13 or newer.`, {
    hint: 'Upgrade it, or use another one.',
  })
}
