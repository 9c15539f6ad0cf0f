// The store of a fleet, in PostgreSQL. Three connections: one for control, one for kept records, so that control never waits
// behind them, and one to hear and be heard by other instances. Only that one is kept up by itself; the others come back when
// they are needed.
//
// What instances tell each other goes by NOTIFY on one channel: `c <revision>\n<instance>` for a commit, said by its own
// transaction, and `t\n<instance>\n<text>` for a message.
import type { AuditDraft, AuditEntry, ControlState } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { Milliseconds } from '../model/units.ts'
import { piecesOf } from './kept-pieces.ts'
import type { Session } from './postgres-connect.ts'
import {
  auditPage,
  commitState,
  type Head,
  loadState,
  releaseLease,
  takeLease,
  verifyChain,
} from './postgres-control.ts'
import { createLink, type Link, type LinkOptions } from './postgres-link.ts'
import { inherit, keepPiece, keptOf, keptOfOthers, leave, present, sweep } from './postgres-records.ts'
import { POSTGRES_SCHEMA, schemaOf } from './postgres-schema.ts'
import { parsePostgresUrl } from './postgres-url.ts'
import { refuseUntellable } from './refusals.ts'
import type { CommitOptions, Ears, Fence, KeptChanges, Presence, Shared, Store } from './store.ts'

export interface PostgresOptions {
  /** postgres://user:password@h1:5432,h2/database?schema=banyan&sslmode=verify-full&… */
  readonly url: string
  /** Tells instances apart; up to 200 bytes, no control characters. */
  readonly instance: string
  /** For one address, and for what a call waits for a connection; 1000 by default. */
  readonly connectTimeoutMs?: Milliseconds
  /** For one statement; 2000 by default. */
  readonly statementTimeoutMs?: Milliseconds
  readonly log: (level: 'info' | 'warn' | 'error', message: string, details?: Record<string, unknown>) => void
}

export interface PostgresStore extends Store {
  readonly kind: 'postgres'
  readonly shared: Shared
}

/** What PostgreSQL notifies with, beside the text: 8000 bytes at most, all together. */
const MAX_INSTANCE_BYTES = 200

/**
 * Opens the store without asking the server for anything: that comes with the first call, which makes the tables where there are
 * none. So an instance can start while the database is away. An open store does not keep the process alive; a call under way
 * does. `close` waits for everything that was asked before it.
 *
 * @throws BanyanError, here: `store_url`; from every method, and the next call may succeed: `store_unreachable`,
 * `store_timeout`, `store_read_only`, `store_full`, `store_denied` (login, or rights), `store_missing` (database),
 * `store_too_old` (server), `store_too_new` (tables), `store_unreadable`, `store_io`, `store_conflict`, `lease_lost`,
 * `message_refused`, `store_closed`, `store_failed`
 */
export async function openPostgresStore(options: PostgresOptions): Promise<PostgresStore> {
  const { instance, log } = options
  const target = parsePostgresUrl(options.url)
  if (Buffer.byteLength(instance) > MAX_INSTANCE_BYTES || /\p{Cc}/u.test(instance) || instance === '')
    throw new BanyanError('store_url', 'The name of this instance cannot be used with a store that instances share.', {
      hint: `It may have up to ${MAX_INSTANCE_BYTES} bytes, without control characters.`,
      details: { instance },
    })
  const channel = `banyan_${target.schema}`
  /** Tables that were there and are gone are not made anew behind everybody's back. */
  let known = false
  function linked(name: string, { up, down, durable }: Partial<LinkOptions> & Pick<LinkOptions, 'durable'>): Link {
    let lost = false
    return createLink({
      ...{ target, durable, known: () => known },
      connectTimeoutMs: options.connectTimeoutMs ?? 1_000,
      statementTimeoutMs: options.statementTimeoutMs ?? 2_000,
      async up(session) {
        known = true
        await up?.(session)
        if (lost) log('info', `the connection to the store is back (${name})`)
        lost = false
      },
      down(error) {
        down?.(error)
        if (!lost)
          log('warn', `the connection to the store is lost (${name})`, { error: error.message, code: error.code })
        lost = true
      },
    })
  }

  /** What the control row holds, as far as this connection knows; every failure forgets it. */
  let head: Head | null = null
  const control = linked('control', { durable: true })
  const records = linked('records', { durable: false })

  const load = () =>
    control.run(async query => {
      const found = await loadState(query)
      head = found.head
      return found.text === null ? null : (parse(found.text, target.shown) as ControlState)
    })

  function commit(state: ControlState, draft: AuditDraft, commitOptions: CommitOptions): Promise<AuditEntry> {
    // What is saved is what was handed in now, not what becomes of it while it waits.
    const given = {
      ...{ revision: state.revision, text: JSON.stringify(state), options: commitOptions },
      draft: JSON.parse(JSON.stringify(draft)) as AuditDraft,
    }
    return control.run(async query => {
      const seen = head
      head = null
      const message = `c ${given.revision}\n${instance}`
      const entry = await commitState(query, seen, { ...given, channel, message })
      head = { revision: given.revision, seq: entry.seq, hash: entry.hash }
      return entry
    })
  }

  const audit = (page: { readonly limit: number; readonly before: number | null }) =>
    control.run(async query => (await auditPage(query, page)).map(text => parse(text, target.shown) as AuditEntry))

  async function keep(changes: KeptChanges, fence?: Fence): Promise<void> {
    const pieces = piecesOf(changes)
    await Promise.all(pieces.map(piece => records.run(query => keepPiece(query, instance, piece, fence))))
  }

  const shared = createShared()

  return {
    kind: 'postgres',
    load,
    commit,
    audit,
    verifyAudit: () => verifyChain(records),
    keep,
    kept: () => records.run(query => keptOf(query, instance)),
    keptByOthers: prefix => records.run(query => keptOfOthers(query, instance, prefix)),
    lease: (name, holder, forMs) => control.run(query => takeLease(query, name, holder, forMs)),
    release: (name, holder) => control.run(query => releaseLease(query, name, holder)),
    schema: () => records.run(async query => ({ stored: await schemaOf(query), known: POSTGRES_SCHEMA })),
    async close() {
      await Promise.all([control.close(), records.close(), shared.close()])
    },
    shared,
  }

  function createShared(): Shared & { close(): Promise<void> } {
    let ears: Ears | null = null
    let hears: boolean | null = null
    const mouth = linked('notifications', { durable: false, up: hear, down: deaf })

    async function hear(session: Session): Promise<void> {
      session.client.on('notification', ({ payload }) => {
        if (ears !== null) toEars(ears, payload ?? '', instance)
      })
      await session.query(`LISTEN ${channel}`)
      hears = true
      quietly(() => ears?.missed())
    }

    function deaf(): void {
      if (hears === false) return
      hears = false
      quietly(() => ears?.lost())
    }

    return {
      async tell(text) {
        refuseUntellable(text)
        await mouth.run(query => query('SELECT pg_notify($1, $2)', [channel, `t\n${instance}\n${text}`]))
      },
      listen(given) {
        ears = given
        mouth.keepUp()
        if (hears === true) queueMicrotask(() => quietly(given.missed))
      },
      present: (me: Presence, forMs) => mouth.run(query => present(query, me, forMs)),
      leave: gone => mouth.run(query => leave(query, gone)),
      inherit: goneMs => records.run((_, slowly) => inherit(slowly, instance, goneMs)),
      sweep: (ageMs, fence) => records.run((_, slowly) => sweep(slowly, ageMs, fence)),
      close: mouth.close,
    }
  }
}

function toEars(ears: Ears, payload: string, instance: string): void {
  const [, kind, rest = ''] = /^(t|c \d+)\n(.*)$/s.exec(payload) ?? []
  if (kind === undefined) return
  const end = rest.indexOf('\n')
  const from = rest.slice(0, end)
  if (kind !== 't') quietly(() => ears.committed(rest, Number(kind.slice(2))))
  else if (from !== instance) quietly(() => ears.heard(from, rest.slice(end + 1)))
}

/** What an ear throws is no matter of the connection. */
function quietly(work: () => void): void {
  try {
    work()
  } catch {
    // Said in `Shared.listen`.
  }
}

function parse(text: string, shown: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new BanyanError('store_unreadable', `The store ${shown} holds a record that is no JSON.`, {
      hint: 'Somebody changed it by hand: restore a backup.',
      details: { url: shown },
      cause,
    })
  }
}
