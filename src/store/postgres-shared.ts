// What several instances on one PostgreSQL say to each other: NOTIFY carries it, a row each says who is there. What was not
// heard, for whatever reason, is found with the next look at the rows: the stored revision stands beside them.
import type { ClientBase } from 'pg'
import type { Milliseconds, Revision } from '../model/units.ts'
import type { Line } from './postgres-line.ts'
import { leaseLost, refuseUntellable } from './refusals.ts'
import type { Ears, Present, Shared } from './store.ts'

/** By the server's clock, in whole milliseconds. */
export const NOW = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint'
/** A new try after the line is lost. */
const AGAIN_MS: Milliseconds = 250
/** A connection that is dead and does not know it, and one that stands still, show by this. */
const LOOK_EVERY_MS: Milliseconds = 1_000

export interface SharedParts {
  readonly schema: string
  readonly instance: string
  /** A connection for this alone. */
  readonly line: Line
  /** Where kept records go through, in their order. */
  readonly keeping: Line
}

export interface PostgresShared extends Shared {
  /** With each new connection of `line`. */
  prepare(client: ClientBase): Promise<void>
  lost(): void
  /** It was seen that this revision is stored. */
  known(revision: Revision): void
  close(): void
}

/** In one payload: who, what, and the text. */
export function payloadOf(instance: string, kind: 'told' | 'committed', text: string): string {
  return `${kind} ${encodeURIComponent(instance)} ${text}`
}

export function channelOf(schema: string): string {
  return `banyan_${schema}`
}

export function createShared(parts: SharedParts & { readonly refuseWhenClosed: () => void }): PostgresShared {
  const { schema, instance, line, keeping } = parts
  let ears: Ears | null = null
  let isHearing = false
  let wasLost = false
  let known: Revision = 0
  let timer: NodeJS.Timeout | null = null
  let again: NodeJS.Timeout | null = null
  let isClosed = false

  function hear(payload: string | undefined): void {
    const [, kind, who = '', text = ''] = /^(told|committed) (\S+) ([\s\S]*)$/.exec(payload ?? '') ?? []
    if (ears === null || kind === undefined) return
    const from = decodeURIComponent(who)
    if (kind === 'committed') {
      known = Math.max(known, Number(text))
      ears.committed(from, Number(text))
    } else if (from !== instance) ears.heard(from, text)
  }

  /** Until there is a connection. */
  function connect(): void {
    if (isClosed || ears === null || isHearing || again !== null) return
    line
      .run(async () => {})
      .catch(() => {
        if (isClosed) return
        again = setTimeout(() => {
          again = null
          connect()
        }, AGAIN_MS)
        again.unref()
      })
  }

  return {
    async prepare(client) {
      if (ears === null) return
      client.on('notification', ({ payload }) => hear(payload))
      await client.query(`LISTEN ${channelOf(schema)}`)
      isHearing = true
      if (wasLost) ears.missed()
      wasLost = false
    },
    lost() {
      if (!isHearing) return
      isHearing = false
      wasLost = true
      ears?.lost()
      connect()
    },
    known(revision) {
      known = Math.max(known, revision)
    },
    async tell(text) {
      parts.refuseWhenClosed()
      refuseUntellable(text)
      await line.run(client =>
        client.query('SELECT pg_notify($1, $2)', [channelOf(schema), payloadOf(instance, 'told', text)]),
      )
    },
    listen(given) {
      ears = given
      connect()
      timer = setInterval(() => {
        if (isHearing) line.run(client => client.query('SELECT 1')).catch(() => {})
      }, LOOK_EVERY_MS)
      timer.unref()
    },
    async present(me, forMs) {
      const { rows } = await line.run(client =>
        client.query<{ said: string; ago: string; stored: string }>(
          `WITH own AS (
            INSERT INTO ${schema}.presence (instance, said, at) VALUES ($1, $2, ${NOW})
            ON CONFLICT (instance) DO UPDATE SET said = excluded.said, at = excluded.at RETURNING said
          )
          SELECT said, 0 AS ago, (SELECT revision FROM ${schema}.control) AS stored FROM own
          UNION ALL
          SELECT said, ${NOW} - at, 0 FROM ${schema}.presence WHERE instance <> $1 AND at > ${NOW} - $3::bigint`,
          [me.instance, JSON.stringify(me), forMs],
        ),
      )
      const stored = Number(rows[0]?.stored ?? 0)
      if (stored > known) {
        known = stored
        // Nobody said whose it is.
        ears?.committed('', stored)
      }
      return rows.map(({ said, ago }) => ({ ...JSON.parse(said), agoMs: Number(ago) }) as Present)
    },
    async leave(who) {
      await line.run(client => client.query(`DELETE FROM ${schema}.presence WHERE instance = $1`, [who]))
    },
    inherit: goneMs =>
      keeping.run(async client => {
        await client.query('BEGIN')
        try {
          const heir = await inheritOne(client, schema, instance, goneMs)
          await client.query('COMMIT')
          return heir
        } catch (error) {
          await client.query('ROLLBACK').catch(() => {})
          throw error
        }
      }),
    sweep: (ageMs, fence) =>
      keeping.run(async client => {
        const { rows } = await client.query<{ held: string }>(
          `WITH fence AS (
            SELECT 1 FROM ${schema}.lease WHERE name = $2 AND token = $3 AND holder IS NOT NULL FOR SHARE
          ), gone AS (
            DELETE FROM ${schema}.presence WHERE at < ${NOW} - $1::bigint AND EXISTS (SELECT 1 FROM fence)
          ), old AS (
            DELETE FROM ${schema}.keeping k WHERE at < ${NOW} - $1::bigint AND EXISTS (SELECT 1 FROM fence)
              AND NOT EXISTS (SELECT 1 FROM ${schema}.presence p WHERE p.instance = k.instance AND p.at >= ${NOW} - $1::bigint)
            RETURNING instance
          ), records AS (
            DELETE FROM ${schema}.kept WHERE instance IN (SELECT instance FROM old)
          )
          SELECT count(*) AS held FROM fence`,
          [ageMs, fence.lease, fence.token],
        )
        if (Number(rows[0]?.held ?? 0) === 0) throw leaseLost(fence)
      }),
    close() {
      isClosed = true
      if (timer !== null) clearInterval(timer)
      if (again !== null) clearTimeout(again)
    },
  }
}

/** Of those that are gone the last one; each is taken once. */
async function inheritOne(
  client: ClientBase,
  schema: string,
  instance: string,
  goneMs: Milliseconds,
): Promise<string | null> {
  const own = await client.query(`SELECT 1 FROM ${schema}.kept WHERE instance = $1 LIMIT 1`, [instance])
  if (own.rowCount !== 0) return null
  const { rows } = await client.query<{ instance: string }>(
    `SELECT instance FROM ${schema}.keeping k WHERE instance <> $1 AND at < ${NOW} - $2::bigint
      AND NOT EXISTS (SELECT 1 FROM ${schema}.presence p WHERE p.instance = k.instance AND p.at >= ${NOW} - $2::bigint)
      AND EXISTS (SELECT 1 FROM ${schema}.kept r WHERE r.instance = k.instance)
    ORDER BY at DESC LIMIT 1 FOR UPDATE SKIP LOCKED`,
    [instance, goneMs],
  )
  const gone = rows[0]?.instance
  if (gone === undefined) return null
  await client.query(`UPDATE ${schema}.kept SET instance = $1 WHERE instance = $2`, [instance, gone])
  await client.query(`DELETE FROM ${schema}.keeping WHERE instance = $1`, [gone])
  await client.query(
    `INSERT INTO ${schema}.keeping VALUES ($1, ${NOW}) ON CONFLICT (instance) DO UPDATE SET at = excluded.at`,
    [instance],
  )
  return gone
}
