// Finds the server that can be written to, and makes it ready: the hosts of the URL in their order, each with all its addresses.
// Names are asked for each time, so that a database that failed over to another address is found there.
import { lookup } from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import type { Milliseconds } from '../model/units.ts'
import { describePostgres, mostTelling, tooSlow, unreachable } from './postgres-faults.ts'
import { prepareSchema, type Query, refuseUnfit, type ServerFacts } from './postgres-schema.ts'
import type { PostgresTarget } from './postgres-url.ts'

export interface Session {
  /** Rejected with what PostgreSQL or the socket said; a statement that takes too long breaks the session. */
  readonly query: Query
  /** Waits ten times as long, for what touches all records of an instance. */
  readonly slowly: Query
  readonly client: pg.Client
  /** At once, without a word to the server: it may be frozen. */
  destroy(): void
  /** Whether it is of no use any more. */
  gone(): boolean
  /** Says goodbye. */
  end(): Promise<void>
  /** Whether it keeps the process alive. */
  hold(on: boolean): void
}

export interface SessionOptions {
  readonly target: PostgresTarget
  /** For one address: until it is ready for statements. */
  readonly connectTimeoutMs: Milliseconds
  readonly statementTimeoutMs: Milliseconds
  /** Whether a commit waits for the disk. */
  readonly durable: boolean
  /** Whether the tables were there before. */
  known(): boolean
}

interface Place {
  /** As the URL names it. */
  readonly host: string
  readonly address: string
  readonly port: number
}

/** Migrations may take a while. */
const MIGRATION_TIMEOUT_MS = 60_000

/** @throws BanyanError of the host that says most */
export async function connect(options: SessionOptions): Promise<Session> {
  const { target } = options
  const failures = []
  for (const { host, port } of target.hosts)
    try {
      for (const address of await addressesOf(host))
        try {
          return await connectTo({ host, address, port }, options)
        } catch (error) {
          failures.push(describePostgres(error, target))
        }
    } catch (error) {
      failures.push(describePostgres(error, target))
    }
  throw mostTelling(failures) ?? unreachable(target.shown, 'it has no address')
}

async function addressesOf(host: string): Promise<readonly string[]> {
  return host.startsWith('/') ? [host] : (await lookup(host, { all: true })).map(({ address }) => address)
}

async function connectTo(place: Place, options: SessionOptions): Promise<Session> {
  const { target, connectTimeoutMs, statementTimeoutMs } = options
  const socket = new Socket()
  const client = new pg.Client({
    ...given({ user: target.user, password: target.password, database: target.database }),
    host: place.address,
    port: place.port,
    ssl: target.tls.mode === 'disable' ? false : tlsOf(target, place.host),
    application_name: target.applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    stream: () => socket,
  })
  // What it says to nobody is said by the call that fails, or by the end of the connection.
  client.on('error', () => socket.destroy())
  const ask = (timeoutMs: Milliseconds): Query => {
    return async (text, values) => {
      const asked = values === undefined ? client.query(text) : client.query(text, [...values])
      const result = await inTime(asked, timeoutMs, tooSlow)
      return (Array.isArray(result) ? result.at(-1) : result).rows
    }
  }

  function inTime<T>(work: Promise<T>, timeoutMs: Milliseconds, late: typeof tooSlow): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        socket.destroy()
        reject(late(target.shown, `no answer within ${timeoutMs} ms`))
      }, timeoutMs)
      work.then(resolve, reject).finally(() => clearTimeout(timer))
    })
  }

  try {
    const [facts] = await inTime(
      client.connect().then(() => ask(2 * connectTimeoutMs)<ServerFacts>(settings(options))),
      connectTimeoutMs,
      unreachable,
    )
    refuseUnfit(facts!, target)
    const queries = { look: ask(connectTimeoutMs), migrate: ask(MIGRATION_TIMEOUT_MS) }
    await prepareSchema(queries, target, options.known())
  } catch (error) {
    socket.destroy()
    throw error
  }
  return {
    query: ask(statementTimeoutMs),
    slowly: ask(10 * statementTimeoutMs),
    client,
    destroy: () => void socket.destroy(),
    gone: () => socket.destroyed,
    async end() {
      await inTime(client.end(), statementTimeoutMs, tooSlow).catch(() => null)
      socket.destroy()
    },
    hold: on => (on ? socket.ref() : socket.unref()),
  }
}

/**
 * The server gives up a little before we do: then its answer comes, and the connection can go on. What else a statement of
 * ours depends on is not left to what somebody has set for the role or the database: with a stricter isolation, a conflict
 * would be an error; with fewer digits, revisions would be other ones.
 */
function settings({ target, statementTimeoutMs, durable }: SessionOptions): string {
  return `SET search_path = "${target.schema}"; SET synchronous_commit = ${durable ? 'on' : 'off'};
    SET statement_timeout = ${Math.ceil(statementTimeoutMs * 0.9)}; SET standard_conforming_strings = on;
    SET default_transaction_isolation = 'read committed'; SET lock_timeout = 0; SET extra_float_digits = 1;
    SELECT current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS standby,
      current_setting('transaction_read_only') = 'on' AS "readOnly", current_setting('server_encoding') AS encoding`
}

function tlsOf({ tls }: PostgresTarget, host: string): ConnectionOptions {
  const { mode, rootCert, cert, key } = tls
  // As libpq: who names an issuer wants it to be looked at.
  const verifies = mode !== 'require' || rootCert !== null
  return {
    servername: host,
    rejectUnauthorized: verifies,
    ...given({ ca: read(rootCert), cert: read(cert), key: read(key) }),
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  }
}

function read(path: string | null): string | null {
  return path === null ? null : readFileSync(path, 'utf8')
}

/** Without those that are null: they are the driver's to find. */
function given<T extends Record<string, unknown>>(all: T): { [K in keyof T]?: Exclude<T[K], null> } {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null)) as never
}
