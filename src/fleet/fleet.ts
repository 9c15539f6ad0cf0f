// The fleet: who is there, who runs what, and the ways by which a change reaches the others.
//
// A committed revision is told by the store's own transaction; a rollback by everything there is, at once: by way of the store,
// and signed to each peer. Each instance answers that it runs it, worker by worker. Underneath, every second, each writes its
// row and reads those of all: what a telling lost is found there.
import type { Applied, Owed, Reached } from '../model/control.ts'
import type { Clock, Milliseconds, Revision } from '../model/units.ts'
import type { Presence, Shared } from '../store/store.ts'
import { createAcks } from './acks.ts'
import { ALIVE_MS, COUNTED_MS, createMembers, type ReplicaView, type Row } from './members.ts'
import { type Ack, MAX_TELL_BYTES, readTold, type Told, workersOf, writeTold } from './message.ts'
import type { Peer, Peers } from './peers.ts'
import { type FleetWarning, warningsOf } from './warnings.ts'

const PRESENT_EVERY_MS: Milliseconds = 1_000
const GREET_EVERY_MS: Milliseconds = 5_000
/** The store is looked at although nothing was said of it. */
const LOOK_EVERY_MS: Milliseconds = 10_000
/** Who has not answered by then is pending. */
const WAIT_MS: Milliseconds = 1_000

/** What of control the fleet needs. */
export interface FleetControl {
  /** The store holds this revision, says somebody; null: look. Resolves with what runs here. */
  follow(revision: Revision | null): Promise<Reached>
  /** In force when it returns; null: a restore ended it already. */
  take(owed: Owed): Promise<Reached> | null
  /** What of the store is adopted. */
  stored(): Revision
  /** In force and not in the store. */
  owed(): readonly Owed[]
  /** All that are in force, as if they were owed. */
  standing(): readonly Owed[]
}

export interface FleetParts {
  readonly instance: string
  readonly clock: Clock
  readonly shared: Shared
  /** null: the store is the only way. */
  readonly peers: Peers | null
  /** Ours, as it is now. Asked for at once. */
  readonly presence: () => Presence
  /** null while it is not open yet: what comes is not lost, it is found at the next look. */
  readonly control: () => FleetControl | null
  /** Monotonic moment of the last push with a wrong signature; see `Receiver`. */
  readonly refusedAt: () => Milliseconds | null
  readonly log: (level: 'info' | 'warn' | 'error', message: string, details?: Record<string, unknown>) => void
  /** For tests; the defaults are 1 s, 5 s, 10 s and 1 s. */
  readonly every?: {
    readonly presentMs?: Milliseconds
    readonly greetMs?: Milliseconds
    readonly lookMs?: Milliseconds
    readonly waitMs?: Milliseconds
  }
}

export interface Fleet {
  /**
   * A rollback goes to all others by every way there is, at once. Resolves when all have answered, or after a second: who has
   * not is pending. `since`: monotonic moment that the milliseconds are counted from. Never rejects.
   */
  spread(owed: Owed, since: Milliseconds): Promise<Reached>
  /** A revision was committed: who of the others runs it, who not yet. As `spread`. */
  confirm(revision: Revision, since: Milliseconds): Promise<Reached>
  /** Ourselves too, by name. While the store does not answer: those it last knew. */
  replicas(): readonly ReplicaView[]
  /** Others whose configuration is another one. */
  differing(): readonly string[]
  warnings(): readonly FleetWarning[]
  /** We serve, and can be reached: says so at once, reads how the others are, and greets them again. Never rejects. */
  announce(): Promise<void>
  /** We leave. */
  close(): Promise<void>
}

export function createFleet(parts: FleetParts): Fleet {
  const { instance, clock, shared, peers, log } = parts
  const every = {
    presentMs: PRESENT_EVERY_MS,
    greetMs: GREET_EVERY_MS,
    lookMs: LOOK_EVERY_MS,
    waitMs: WAIT_MS,
    ...parts.every,
  }
  const members = createMembers(instance, clock, parts.presence)
  const acks = createAcks({ instance, clock, members, waitMs: every.waitMs })
  let presenting: Promise<void> | null = null
  let greeting: Promise<void> | null = null
  let reachable = true
  let closed = false
  /** Our row is in the store. */
  let presented = false
  /** Monotonic moment when another process was last seen under our name; null: never. */
  let takenAt: Milliseconds | null = null

  // ---- what we ask of others

  function spread(owed: Owed, since: Milliseconds): Promise<Reached> {
    const { id } = owed.rollback
    const { reached, settle } = acks.ofRollback(id, since, peers?.list() ?? [])
    tell({ kind: 'rollback', owed })
    for (const { peer, answer } of peers?.push(owed) ?? []) {
      answer.then(said => {
        if (said === null) return settle(peer, peer.trouble)
        for (const ack of said.acks) holds(said.from, ack)
        const spoken = said.from === instance || said.acks.some(ack => ack.rollback === id)
        settle(peer, spoken ? null : 'no_ack')
      })
    }
    return reached
  }

  function confirm(revision: Revision, since: Milliseconds): Promise<Reached> {
    // Who answers as a peer and is not seen in the store hears of no revision.
    const strangers = (peers?.list() ?? []).filter(
      ({ instance: name, self, trouble }) => !self && name !== null && trouble === null && !members.isAlive(name),
    )
    const { reached, settle } = acks.ofRevision(revision, since, strangers)
    for (const { peer, answer } of peers?.greet(strangers) ?? [])
      answer.then(said => settle(peer, said === null ? peer.trouble : 'no_ack'))
    return reached
  }

  function holds(from: string, ack: Ack): void {
    acks.holds(from, ack)
    // Somebody restored what we hold: the store knows more than we do.
    if (ack.ended) follow(null)
  }

  // ---- what others ask of us

  shared.listen({ heard, committed, missed, lost })

  function heard(from: string, text: string): void {
    const told = from === instance ? null : readTold(text)
    if (told === null) return
    if (told.kind === 'ack') holds(from, told.ack)
    else if (told.kind === 'runs') acks.runs(from, told.revision, told.workers)
    else take(told.owed)
  }

  /** In force when it returns; that it is said follows. */
  function take(owed: Owed): void {
    const rollback = owed.rollback.id
    const control = parts.control()
    if (control === null) return
    const taken = control.take(owed)
    if (taken === null) tell({ kind: 'ack', ack: { rollback, ended: true, workers: [] } })
    taken?.then(
      reached => tell({ kind: 'ack', ack: { rollback, ended: false, workers: workersOf(instance, reached) } }),
      error => log('error', 'a rollback of another instance could not be taken', { rollback, error: String(error) }),
    )
  }

  function committed(from: string, revision: Revision): void {
    if (from !== instance) follow(revision)
  }

  function missed(): void {
    follow(null)
  }

  function lost(): void {
    log('warn', 'the store tells no changes now: they are looked for')
  }

  /** Takes over what the store holds, and says what runs here since. */
  function follow(revision: Revision | null): void {
    const control = closed ? null : parts.control()
    if (control === null) return
    const before = control.stored()
    control.follow(revision).then(
      reached => {
        const stored = control.stored()
        if (revision !== null || stored !== before)
          tell({ kind: 'runs', revision: stored, workers: workersOf(instance, reached) })
      },
      error => log('warn', 'what the store holds could not be followed', { revision, error: String(error) }),
    )
  }

  /** Into the wind: who did not hear it finds it in the store. */
  function tell(told: Told): void {
    const text = writeTold(told)
    // A large rollback comes by its commit, or from peer to peer.
    if (closed || Buffer.byteLength(text) > MAX_TELL_BYTES) return
    shared.tell(text).catch(() => {})
  }

  // ---- every second

  function present(): Promise<void> {
    presenting ??= presentOnce().finally(() => {
      presenting = null
    })
    return presenting
  }

  async function presentOnce(): Promise<void> {
    try {
      const presence = parts.presence()
      const rows = await shared.present(presence, COUNTED_MS)
      const ours = rows.find(row => row.instance === instance)
      // Before our first row, it is of our own last life.
      if (presented && ours !== undefined && ours.startedAt !== presence.startedAt) sawNamesake()
      presented = true
      saw(rows.filter(row => row.instance !== instance))
      if (!reachable) log('info', 'the store knows the fleet again')
      reachable = true
    } catch (error) {
      if (reachable && !closed)
        log('warn', 'the store does not say who is there: those known last count', { error: String(error) })
      reachable = false
    }
  }

  function sawNamesake(): void {
    if (takenAt === null) log('error', 'another process runs under our name on the same store')
    takenAt = clock.monotonic()
  }

  function saw(rows: readonly Row[]): void {
    const before = new Map(members.others().map(one => [one.instance, one.startedAt]))
    const quiet = new Set(members.silent().map(one => one.instance))
    members.saw(rows)
    const there = new Map(rows.map(row => [row.instance, row]))
    for (const [name, startedAt] of before) if (there.get(name)?.startedAt !== startedAt) acks.forget(name)
    for (const { instance: name, agoMs } of members.silent())
      if (!quiet.has(name))
        log('warn', 'a replica says nothing any more: it may serve by what it knew', { replica: name, agoMs })
    // A row acknowledges as well, should a telling have been lost.
    for (const { instance: from, workers } of rows) {
      if (workers.length === 0) continue
      const revision = Math.min(...workers.map(one => one.revision))
      const all = workers.map(({ worker }) => ({ worker, pending: false }))
      acks.runs(from, revision, all)
    }
    const newest = Math.max(0, ...rows.map(row => row.revision))
    if (newest > (parts.control()?.stored() ?? newest)) follow(newest)
  }

  function greet(): Promise<void> {
    if (peers === null) return Promise.resolve()
    const control = parts.control()
    const owed = control?.owed() ?? []
    let standing: readonly Owed[] | null = null
    // Whoever is not seen in the store may not read it either, and lacks more than what is owed to it.
    const owedTo = ({ instance: name, self }: Peer) => {
      if (self || control === null || (name !== null && members.isAlive(name))) return owed
      standing ??= control.standing()
      return standing
    }
    greeting ??= peers.refresh(owedTo).finally(() => {
      greeting = null
    })
    return greeting
  }

  const timers = [
    setInterval(present, every.presentMs),
    setInterval(() => follow(null), every.lookMs),
    setInterval(greet, every.greetMs),
  ]
  for (const timer of timers) timer.unref()
  present()
  greet()

  return {
    spread,
    confirm,
    replicas: () => members.views(parts.presence(), acks.revisionOf),
    differing: () => members.differing(parts.presence()),
    warnings: () =>
      warningsOf({
        namesake: (agoOf(takenAt) ?? Number.POSITIVE_INFINITY) < ALIVE_MS ? instance : null,
        differing: members.differing(parts.presence()),
        reachable,
        silent: members.silent(),
        peers: peers?.list() ?? [],
        nameTrouble: peers?.nameTrouble() ?? null,
        refusedAgoMs: agoOf(parts.refusedAt()),
      }),
    async announce() {
      // One that is under way may have read our presence before it was what it is now.
      await presenting
      await present()
      // The first greeting came too early to be answered by ourselves. Nobody waits for it.
      Promise.resolve(greeting).then(greet)
    },
    async close() {
      closed = true
      for (const timer of timers) clearInterval(timer)
      peers?.close()
      // Our row must not be written again after it went.
      await presenting
      await shared.leave(instance).catch(() => {})
    },
  }

  function agoOf(moment: Milliseconds | null): Milliseconds | null {
    return moment === null ? null : clock.monotonic() - moment
  }
}

/** The answers of all ways in one: of our own workers and of the others. */
export function together(...all: readonly Reached[]): Pick<Applied, 'appliedBy' | 'pending'> {
  return { appliedBy: all.flatMap(one => one.appliedBy), pending: all.flatMap(one => one.pending) }
}
