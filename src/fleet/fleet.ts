// Several instances on one store: who is there, who runs what, and how a rollback reaches all of them.
//
// - *Who is there*: each writes a row each second, and is taken to be there for five by the store's clock. Without the store
//   those that were there last still are.
// - *A change* is told by the store itself, as part of the transaction that saves it. Who hears of it, or sees in the rows that
//   somebody is ahead, reads the state, puts it in force, and says so to all.
// - *A rollback* does not wait for that: it is told at once through the store and directly to every peer, again each second
//   until it is stored, and whoever has it in force says so by the way it came.
// - Whoever made the change waits a second for those that are there; who has not said that it runs it is `pending`.
import type { Owed, Reached } from '../model/control.ts'
import type { Clock, Milliseconds, Revision } from '../model/units.ts'
import type { Ears, Presence, Present, Shared } from '../store/store.ts'
import { type Ack, type Message, readMessage } from './messages.ts'
import type { Peers } from './peers.ts'
import { ackOf } from './receive.ts'

const EVERY_MS: Milliseconds = 1_000
const THERE_MS: Milliseconds = 5_000
/** A worker that hangs is pending after a second where it is; that has to be heard here, too. */
const WAIT_MS: Milliseconds = 1_250
/** What the store takes as one message. */
const MOST_BYTES = 7_000

export interface FleetParts {
  readonly instance: string
  readonly clock: Clock
  readonly shared: Shared
  /** null: only through the store. */
  readonly peers: Peers | null
  /** Of this instance, now. */
  readonly presence: () => Presence
  readonly control: () => Followed
  readonly log: (level: 'info' | 'warn' | 'error', message: string, details?: Record<string, unknown>) => void
}

/** What of control is asked and told here. */
export interface Followed {
  follow(revision: Revision | null): Promise<Reached>
  /** null: it has been ended already. */
  take(owed: Owed): Promise<Reached> | null
  stored(): Revision
  owed(): readonly Owed[]
}

export type Replica = Present

export interface Fleet {
  spread(owed: Owed, since: Milliseconds): Promise<Reached>
  confirm(revision: Revision, since: Milliseconds): Promise<Reached>
  /** Begins: hears, and is seen. Before it, nothing is heard. */
  begin(): void
  /** All that are there, this one first. */
  replicas(): readonly Replica[]
  warnings(): readonly { readonly code: string; readonly message: string; readonly route: null }[]
  /** Others do not wait for this one any more. */
  close(): Promise<void>
}

interface Waiting {
  /** Whom to wait for, with the workers it has. */
  readonly missing: Map<string, readonly number[]>
  readonly heard: Map<string, Ack & { readonly ms: Milliseconds }>
  readonly since: Milliseconds
  done(): void
}

export function createFleet(parts: FleetParts): Fleet {
  const { instance, clock, shared, peers, log } = parts
  let known: readonly Present[] = []
  let isLost = false
  const waitingFor = new Map<string, Set<Waiting>>()
  /** What each was heard to run last. */
  const runs = new Map<string, Ack & { readonly revision: Revision; readonly at: Milliseconds }>()
  let timer: NodeJS.Timeout | null = null
  let seeing = false

  const others = () => known.filter(one => one.instance !== instance)

  function wait(key: string, since: Milliseconds): { readonly waiting: Waiting; readonly reached: Promise<Reached> } {
    const { promise, resolve } = Promise.withResolvers<void>()
    const missing = new Map(others().map(one => [one.instance, one.workers.map(({ worker }) => worker)] as const))
    const waiting: Waiting = { missing, heard: new Map(), since, done: resolve }
    const all = waitingFor.get(key) ?? new Set()
    waitingFor.set(key, all.add(waiting))
    const left = setTimeout(resolve, Math.max(0, since + WAIT_MS - clock.monotonic()))
    if (missing.size === 0) resolve()
    const reached = promise.then(() => {
      clearTimeout(left)
      all.delete(waiting)
      if (all.size === 0) waitingFor.delete(key)
      return reachedOf(waiting)
    })
    return { waiting, reached }
  }

  function acknowledge(key: string, from: string, ack: Ack): void {
    for (const waiting of waitingFor.get(key) ?? []) note(waiting, from, ack, clock.monotonic())
  }

  async function tell(message: Message): Promise<void> {
    const text = JSON.stringify(message)
    if (Buffer.byteLength(text) <= MOST_BYTES) await shared.tell(text)
  }

  /** Failing is no news: the store says so elsewhere. */
  function say(message: Message): void {
    tell(message).catch(() => {})
  }

  function spreadOnce(owed: Owed): Promise<void> {
    const { id } = owed.rollback
    say({ v: 1, kind: 'rollback', owed })
    return (
      peers?.push([owed], ({ instance: from, workers, pending }) =>
        acknowledge(`rollback ${id}`, from, { workers, pending }),
      ) ?? Promise.resolve()
    )
  }

  /** The store holds what we may not have. */
  async function follow(revision: Revision | null): Promise<void> {
    try {
      const reached = await parts.control().follow(revision)
      say({ v: 1, kind: 'runs', revision: parts.control().stored(), ...ackOf(reached) })
    } catch (error) {
      log('warn', 'what the store holds could not be read', { error: String((error as Error).message ?? error) })
    }
  }

  async function hear(from: string, text: string): Promise<void> {
    const message = readMessage(text)
    if (message === null || from === instance) return
    if (message.kind === 'rollback') {
      const { id } = message.owed.rollback
      const taken = parts.control().take(message.owed)
      if (taken !== null) say({ v: 1, kind: 'rolled-back', rollback: id, ...ackOf(await taken) })
    } else if (message.kind === 'rolled-back') acknowledge(`rollback ${message.rollback}`, from, message)
    else {
      runs.set(from, { ...message, at: clock.monotonic() })
      for (const [key, all] of waitingFor) {
        if (!key.startsWith('revision ') || Number(key.slice(9)) > message.revision) continue
        for (const waiting of all) note(waiting, from, message, clock.monotonic())
      }
    }
  }

  const ears: Ears = {
    heard: (from, text) => void hear(from, text),
    committed(from, revision) {
      if (from !== instance) void follow(revision)
    },
    lost() {
      isLost = true
    },
    missed() {
      isLost = false
      void follow(null)
    },
  }

  async function see(): Promise<void> {
    if (seeing) return
    seeing = true
    try {
      known = await shared.present(parts.presence(), THERE_MS)
      for (const from of runs.keys()) if (!known.some(one => one.instance === from)) runs.delete(from)
      // What was told and not heard, for whatever reason.
      const newest = Math.max(0, ...others().map(({ revision }) => revision))
      if (newest > parts.control().stored()) await follow(newest)
    } catch {
      // Those of before are taken to be there.
    } finally {
      seeing = false
    }
  }

  function beat(): void {
    void see()
    // Who was not there when it was told for the first time.
    for (const owed of parts.control().owed()) void spreadOnce(owed)
  }

  return {
    async spread(owed, since) {
      const { reached } = wait(`rollback ${owed.rollback.id}`, since)
      void spreadOnce(owed)
      return reached
    },
    async confirm(revision, since) {
      const { waiting, reached } = wait(`revision ${revision}`, since)
      // Some may have been quicker than the store's answer to us.
      for (const [from, ack] of runs) if (ack.revision >= revision) note(waiting, from, ack, ack.at)
      return reached
    },
    begin() {
      shared.listen(ears)
      timer = setInterval(beat, EVERY_MS)
      timer.unref()
      void see()
    },
    replicas() {
      const own: Replica = { ...parts.presence(), agoMs: 0 }
      return [own, ...others()]
    },
    warnings() {
      const { configHash } = parts.presence()
      const differing = others().filter(one => one.configHash !== configHash)
      return [
        ...(isLost
          ? [
              {
                code: 'store_lost',
                message: 'the store does not answer: what it held last is in force, and a rollback goes on working',
                route: null,
              },
            ]
          : []),
        ...differing.map(one => ({
          code: 'config_differs',
          message: `the configuration of ${one.instance} is another than that of ${instance}: their requests may be served differently`,
          route: null,
        })),
        ...(peers?.silent() ?? []).map(({ url, why }) => ({
          code: 'peer_silent',
          message: `${url} does not answer as a peer (${why}): without the store a rollback would not reach it`,
          route: null,
        })),
      ]
    },
    async close() {
      if (timer !== null) clearInterval(timer)
      peers?.close()
      for (const all of waitingFor.values()) for (const waiting of all) waiting.done()
      await Promise.race([
        shared.leave(instance).catch(() => {}),
        new Promise(resolve => setTimeout(resolve, EVERY_MS).unref()),
      ])
    },
  }
}

/** The first answer of each counts. */
function note(waiting: Waiting, from: string, ack: Ack, at: Milliseconds): void {
  if (waiting.heard.has(from)) return
  waiting.heard.set(from, { workers: ack.workers, pending: ack.pending, ms: Math.max(0, at - waiting.since) })
  waiting.missing.delete(from)
  if (waiting.missing.size === 0) waiting.done()
}

function reachedOf({ heard, missing }: Waiting): Reached {
  const of = (instance: string) => (worker: number) => ({ instance, worker })
  return {
    appliedBy: [...heard].flatMap(([from, { workers, ms }]) => workers.map(worker => ({ instance: from, worker, ms }))),
    pending: [
      ...[...heard].flatMap(([from, { pending }]) => pending.map(of(from))),
      ...[...missing].flatMap(([from, workers]) => (workers.length === 0 ? [1] : workers).map(of(from))),
    ],
  }
}
