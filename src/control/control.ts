// The only writer of what is in force.
//
// Two things make it up: `stored`, the last state that the store is known to hold, and `owed`, rollbacks that are in force here
// and not known to be stored. What is in force is always both together (`inForce`), so neither a command in flight nor a state
// that comes from elsewhere can undo a rollback.
//
// - A command goes through one at a time: reduce → compile → save (with its audit entry) → swap → hear from all who run it. The
//   store takes a state only in place of the one that it was made from; when another instance was first, the command is
//   reduced again on what it saved. What is refused or cannot be saved changes nothing.
// - A rollback goes past that queue: swap and recall first, tell every other instance, then save. One that is not saved within a
//   second is kept in a local fsynced file (the spill) and saved as soon as the store answers. Each has an id, so whoever of
//   those that heard of it saves it first, there is one entry of it.
// - What others have saved is followed: load, put in force with what is owed. A store that holds less than was stored once (it
//   was lost, or an old copy of it took over) is given what is in force again.
// - At the start a local copy of the last state is in force until the store answers, and is given back to one that holds less.
import { randomBytes } from 'node:crypto'
import type { Applied, AuditDraft, Command, ControlState, Owed, Reached, Rollback } from '../model/control.ts'
import type { Plan, Snapshot } from '../model/snapshot.ts'
import type { Clock, Milliseconds, Percent, Revision } from '../model/units.ts'
import { APART, begin, giveAgain, isBehind } from './begin.ts'
import { draftOf, owedAgain, SYSTEM, weightsOf } from './entry.ts'
import { inForce, isKnown, upToDate, withoutOwed, withRollback } from './in-force.ts'
import { openLocal } from './local.ts'
import { type Change, type Moment, reduce, standing } from './reduce.ts'
import { isConflict, storeFailed } from './store-errors.ts'

/** A rollback answers after this long even when the store does not. */
const SAVE_WITHIN_MS = 1_000
const RETRY_EVERY_MS = 1_000
/** Who rolled back saves it; the others only when it has not by then. */
const LEAVE_TO_ORIGIN_MS = 2_000
/** So often another instance may be first before a command gives up. */
const MOST_CONFLICTS = 20

export interface ControlParts {
  readonly instance: string
  readonly clock: Clock
  readonly compile: (plan: Plan, state: ControlState) => Snapshot
  /** One assignment, then the sweep of what waits for the new side, before it returns. Workers answer within a second, or are pending. */
  readonly swap: (snapshot: Snapshot, since: Milliseconds) => Promise<Reached>
  /** Where what was swapped last runs now. */
  readonly running: () => Promise<Reached>
  readonly load: () => Promise<ControlState | null>
  /** Writes something that is nobody's. Rejects while the store takes nothing, though it may answer. */
  readonly probe: () => Promise<unknown>
  /** `after`: the revision in whose place the state is saved; 0: nothing. Rejects with `store_conflict` when there is another. */
  readonly commit: (state: ControlState, audit: AuditDraft, after: Revision) => Promise<unknown>
  readonly spill: {
    append(rollback: Rollback, draft: AuditDraft): Promise<void> | void
    read(): Promise<readonly Owed[]>
    clear(): Promise<void>
    /** Sets space aside that a full disk cannot take. */
    reserve(): Promise<void>
  }
  /** The last state that was stored, on this machine; null: it forgets with the process, as the store does. */
  readonly copy: {
    /** null: there is none, or it cannot be used. `ours`: of the store that is configured now. */
    read(): Promise<{ readonly state: ControlState; readonly ours: boolean } | null>
    /** Returns at once; what comes later takes the place of what waits. */
    write(state: ControlState): void
    /** What was to be written is; false: it could not be. */
    settled(): Promise<boolean>
    close(): Promise<void>
  } | null
  /** Other instances on the same store; null: there are none. */
  readonly fleet: {
    /** By every way there is, at once; answers within a second. `since`: milliseconds count from there. */
    spread(owed: Owed, since: Milliseconds): Promise<Reached>
    /** Who runs this revision, and who does not within a second. */
    confirm(revision: Revision, since: Milliseconds): Promise<Reached>
  } | null
  readonly seed: () => string
  readonly changed: (event: ControlEvent) => void
  readonly log: (level: 'info' | 'warn' | 'error', message: string, details?: Record<string, unknown>) => void
}

/** Told after a change is in force. */
export interface ControlEvent {
  readonly action: AuditDraft['action']
  readonly subject: string
  readonly by: string
  readonly reason: string | null
  readonly revision: number
  readonly at: number
  readonly ms: Milliseconds
  readonly trigger: Rollback['trigger'] | null
  /** The operators' weight before and after; null: none, or the change is not about one. */
  readonly from: Percent | null
  readonly to: Percent | null
}

export interface Outcome {
  readonly applied: Applied
  /** null: nothing had to change. */
  readonly change: Change | null
  /** The rollback that is in force because of this command, for a rollback. */
  readonly rollback: Rollback | null
}

export interface Control {
  state(): ControlState
  plan(): Plan
  /** What of the store is in force here. */
  stored(): Revision
  /** Rollbacks that are in force and not known to be in the store. */
  owed(): readonly Owed[]
  /** All rollbacks that are in force, as if they were owed. */
  standing(): readonly Owed[]
  /** Of those, what this machine's own file does not hold either: a restart forgets it. */
  keptNowhere(): readonly Owed[]
  /** False since the store failed, until it takes something again. */
  healthy(): boolean
  /** Refused: rejects with a BanyanError, and nothing has changed. */
  apply(command: Command): Promise<Outcome>
  /** Puts a new plan in force together with the command that says so. */
  reload(plan: Plan, command: Command): Promise<Outcome>
  /**
   * The store may hold a later state: another instance has said this revision, or null: look. Resolves with where what it holds
   * is in force here. Rejects when it cannot be read.
   */
  follow(revision: Revision | null): Promise<Reached>
  /** A rollback of another instance: in force when this returns. null: it has been ended already. */
  take(owed: Owed): Promise<Reached> | null
  close(): Promise<void>
}

export async function openControl(parts: ControlParts, firstPlan: Plan): Promise<Control> {
  const { clock, log } = parts
  let plan = firstPlan
  const begun = await begin(parts, firstPlan)
  /** What the store holds for certain. */
  let stored = begun.state
  let healthy = begun.fromStore
  /** A call has failed since the store was read: what it holds may be another thing by now. */
  let unsure = !begun.fromStore
  let owed: readonly Owed[] = []
  let state = stored
  /** The highest revision that was given out. */
  let last = stored.revision
  let retry: NodeJS.Timeout | null = null
  /** A restore in place of this revision got no answer: as long as this one is stored, it may still land. */
  let doubtful: Revision | null = null
  /** Jobs other than saving rollbacks that wait or are under way: what they end up with is not known yet. */
  let ordinary = 0
  const jobs: (() => Promise<void>)[] = []
  let running: Promise<void> | null = null
  const local = openLocal(
    parts,
    () => owed.length > 0,
    () => healthy,
  )

  await takeLocal()
  swap(clock.monotonic())
  if (!healthy) retryLater(RETRY_EVERY_MS)

  /** In force when it returns. */
  function swap(since: Milliseconds): Promise<Reached> {
    state = inForce(stored, owed)
    last = Math.max(last, state.revision)
    return parts.swap(parts.compile(plan, state), since)
  }

  /** The store holds this state. A rollback that it held once and neither holds nor has ended any more was lost: it is owed. */
  function learn(held: ControlState, isSaved: boolean): void {
    const lost = stored.rollbacks.filter(({ id }) => !isKnown(held, id) && !owed.some(one => one.rollback.id === id))
    stored = held
    unsure = false
    // That it can be read says nothing of whether it takes anything.
    if (isSaved) healthy = true
    owed = [...owed.filter(one => !isKnown(stored, one.rollback.id)), ...lost.map(owedAgain)]
    last = Math.max(last, stored.revision)
    parts.copy?.write(stored)
    if (owed.length > 0) retryLater(RETRY_EVERY_MS)
  }

  function enqueue<T>(job: () => Promise<T>, first: boolean): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const run = () => job().then(resolve, reject)
      if (first) jobs.unshift(run)
      else jobs.push(run)
      running ??= drainJobs()
    })
  }

  async function drainJobs(): Promise<void> {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await job()
    running = null
  }

  function inTurn<T>(job: () => Promise<T>, first = false): Promise<T> {
    ordinary++
    return enqueue(job, first).finally(() => {
      ordinary--
    })
  }

  /** Resolves when the next command may go; its `outcome` when all have said whether they run this one. */
  async function step(command: Command, usedPlan: Plan): Promise<{ readonly outcome: Promise<Outcome> }> {
    const since = clock.monotonic()
    if (owed.length > 0) await saveOwed()
    for (let conflicts = 0; ; conflicts++) {
      const base = state
      const at = clock.now()
      const revision = Math.max(last, stored.revision) + 1
      const change = reduce(base, command, usedPlan, { at, revision })
      if (change === null) {
        return { outcome: concluded(null, base.revision, since, parts.running()) }
      }
      last = revision
      parts.compile(usedPlan, change.state)
      try {
        const next = withoutOwed(change.state, owed)
        await parts.commit(next, draftOf(command, change, at, revision), stored.revision)
        learn(next, true)
      } catch (error) {
        if (isConflict(error) && conflicts < MOST_CONFLICTS) {
          await look()
          continue
        }
        if (command.type === 'restore') doubtful = stored.revision
        failed()
        throw storeFailed(error)
      }
      plan = usedPlan
      const here = swap(since)
      const ms = clock.monotonic() - since
      tell(command, change, state.revision, at, ms, null)
      return {
        outcome: concluded(change, revision, since, together(here, parts.fleet?.confirm(stored.revision, since))),
      }
    }
  }

  async function concluded(
    change: Change | null,
    revision: Revision,
    since: Milliseconds,
    where: Promise<Reached>,
  ): Promise<Outcome> {
    return { applied: applied(revision, since, true, await where), change, rollback: null }
  }

  /** Not async on purpose: when this returns, the rollback is in force. */
  function rollBack(command: Extract<Command, { type: 'rollback' }>): Promise<Outcome> {
    const since = clock.monotonic()
    const at = clock.now()
    const revision = last + 1
    const change = reduce(state, command, plan, { at, revision }) ?? again(command, { at, revision })
    if (change === null) return parts.fleet === null ? stands(command, since) : standsStill(command, since)
    const rollback = change.state.rollbacks.at(-1) as Rollback
    const one: Owed = { rollback, draft: draftOf(command, change, at, revision) }
    owed = [...owed, one]
    const here = swap(since)
    tell(command, change, revision, at, clock.monotonic() - since, rollback.trigger)
    const others = parts.fleet?.spread(one, since)
    return Promise.all([keep(one), together(here, others)]).then(([durable, all]) => ({
      applied: applied(revision, since, durable, all),
      change,
      rollback,
    }))
  }

  /**
   * The same rollback once more, under its own id. Repeating one changes nothing, unless a restore may end the one that stands,
   * and this call came after it: a command is in flight, one got no answer, or another instance has saved what cannot be seen here.
   */
  function again(command: Command, moment: Moment): Change | null {
    const ownWaits = ordinary > 0 || (doubtful !== null && stored.revision <= doubtful)
    const othersUnseen = parts.fleet !== null && !healthy
    return !ownWaits && !othersUnseen ? null : reduce({ ...state, rollbacks: [] }, command, plan, moment)
  }

  /** Said before, and in force already. */
  async function stands(command: Extract<Command, { type: 'rollback' }>, since: Milliseconds): Promise<Outcome> {
    const { route } = command
    const found = standing(state, route === null ? null : (plan.byId.get(route) ?? null))
    const isOwed = owed.find(one => one.rollback === found)
    // Stored or not, by every way there is: whoever does not reach the store has not heard of it.
    const others =
      found === null
        ? parts.fleet?.confirm(stored.revision, since)
        : parts.fleet?.spread(isOwed ?? owedAgain(found), since)
    const where = await together(parts.running(), others)
    // A restore that came while the others were asked has ended it: what is answered as in force is.
    if (found !== null && !state.rollbacks.some(({ id }) => id === found.id)) return rollBack(command)
    return { applied: applied(state.revision, since, isOwed === undefined, where), change: null, rollback: found }
  }

  /** Another instance may have ended it, and it was not heard here yet: the store knows, or it is begun once more. */
  async function standsStill(command: Extract<Command, { type: 'rollback' }>, since: Milliseconds): Promise<Outcome> {
    const looked = enqueue(catchUp, true).then(
      () => true,
      () => false,
    )
    if (!(await Promise.race([looked, clockOut(SAVE_WITHIN_MS)]))) failed()
    else if (standing(state, command.route === null ? null : (plan.byId.get(command.route) ?? null)) !== null) {
      return stands(command, since)
    }
    return rollBack(command)
  }

  function take(one: Owed): Promise<Reached> | null {
    if (stored.ended.some(({ id }) => id === one.rollback.id)) return null
    if (isKnown(state, one.rollback.id)) return parts.running()
    const since = clock.monotonic()
    owed = [...owed, one]
    const here = swap(since)
    const { rollback, draft } = one
    log('warn', `rollback ${draft.subject}, of another instance`, { by: draft.actor.name, rollback: rollback.id })
    const { subject, reason, at, revision } = draft
    const ms = clock.monotonic() - since
    parts.changed({
      action: 'rollback',
      subject,
      by: draft.actor.name,
      reason,
      revision,
      at,
      ms,
      trigger: rollback.trigger,
      ...weightsOf(draft),
    })
    void local.keep(one)
    retryLater(LEAVE_TO_ORIGIN_MS)
    return here
  }

  function named(command: Extract<Command, { type: 'restore' }>, meant: readonly string[]): Command {
    if (command.rollbacks !== null) return command
    return { ...command, rollbacks: meant.filter(id => state.rollbacks.some(rollback => rollback.id === id)) }
  }

  /** Saves a rollback that is in force; false when it is only in the local file. */
  async function keep(one: Owed): Promise<boolean> {
    const saved = enqueue(async () => {
      if (owed.includes(one)) await saveOwed()
    }, true).then(
      () => true,
      () => false,
    )
    if (await Promise.race([saved, clockOut(SAVE_WITHIN_MS)])) return true
    await local.keep(one)
    retryLater(RETRY_EVERY_MS)
    return false
  }

  async function saveOwed(): Promise<void> {
    try {
      // A commit that failed may have happened all the same: look before writing a second entry.
      if (unsure) await catchUp()
      for (let conflicts = 0; owed.length > 0; ) {
        const one = owed[0] as Owed
        const next = withRollback(stored, one)
        last = Math.max(last, next.revision)
        try {
          await parts.commit(next, { ...one.draft, revision: next.revision }, stored.revision)
          learn(next, true)
          // Others were quicker: what is in force here is of a later revision now, and says so.
          if (next.revision !== one.draft.revision) swap(clock.monotonic())
        } catch (error) {
          if (!isConflict(error) || ++conflicts > MOST_CONFLICTS) throw error
          await catchUp()
        }
      }
      await local.tidy()
    } catch (error) {
      failed()
      throw storeFailed(error)
    }
  }

  /** As catchUp; a store that does not answer is known as such. */
  async function look(): Promise<void> {
    try {
      await catchUp()
    } catch (error) {
      failed()
      throw storeFailed(error)
    }
  }

  /** What the store holds now is in force. */
  async function catchUp(): Promise<void> {
    const held = await parts.load()
    if (held === null || isBehind(held, stored)) {
      last = Math.max(last, stored.revision, held?.revision ?? 0) + APART
      learn(await giveAgain(parts, held, stored, last), true)
    }
    // After it was away the same revision may be another one.
    else if (held.revision > stored.revision || unsure) learn(upToDate(held), false)
    else return
    swap(clock.monotonic())
  }

  function failed(): void {
    healthy = false
    unsure = true
    retryLater(RETRY_EVERY_MS)
  }

  /** Until the store answers and nothing is owed. The local file may take now what it could not. */
  function retryLater(afterMs: Milliseconds): void {
    if (retry !== null) return
    retry = setTimeout(() => {
      retry = null
      for (const one of local.missing(owed)) void local.keep(one)
      enqueue(async () => {
        if (owed.length > 0) await saveOwed()
        if (!healthy) {
          await catchUp()
          await parts.probe()
          healthy = true
        }
        if (!local.isEmpty() && owed.length === 0) await local.tidy()
      }, true).catch(() => retryLater(RETRY_EVERY_MS))
    }, afterMs)
    retry.unref()
  }

  /** What an earlier run could not store is in force again before anything is served. */
  async function takeLocal(): Promise<void> {
    const kept = await local.read().catch(damaged)
    const fromFile = new Set(kept.map(({ rollback }) => rollback.id))
    const lost = begun.lost.filter(({ id }) => !fromFile.has(id)).map(owedAgain)
    owed = [...kept.filter(one => !isKnown(stored, one.rollback.id)), ...lost]
    // What stands for a damaged file must outlive the next crash as well.
    for (const one of local.missing(owed)) await local.keep(one)
    if (owed.length === 0) await local.tidy()
    // Tried once, so that a store that answers holds it before anything is served.
    else if (healthy) await saveOwed().catch(() => {})
  }

  /** A rollback that cannot be read was in force all the same: everything goes to legacy until somebody has looked. */
  function damaged(error: unknown): readonly Owed[] {
    log('error', 'the local file of rollbacks is damaged: everything is rolled back', { error: String(error) })
    const reason = 'the local file of rollbacks is damaged'
    const id = rollbackId()
    const command = {
      type: 'rollback' as const,
      id,
      route: null,
      trigger: 'break_glass' as const,
      actor: SYSTEM,
      reason,
    }
    const moment = { at: clock.now(), revision: last + 1 }
    const change = reduce(stored, command, plan, moment)
    if (change === null) return []
    const rollback = change.state.rollbacks.at(-1) as Rollback
    return [{ rollback, draft: draftOf(command, change, moment.at, moment.revision) }]
  }

  function applied(revision: Revision, since: Milliseconds, durable: boolean, where: Reached): Applied {
    return { revision, elapsedMs: clock.monotonic() - since, durable, ...where }
  }

  function tell(
    command: Command,
    change: Change,
    revision: number,
    at: number,
    ms: Milliseconds,
    trigger: Rollback['trigger'] | null,
  ): void {
    const { type, actor, reason } = command
    log(type === 'rollback' ? 'warn' : 'info', `${type} ${change.subject}`, { by: actor.name, revision, reason, ms })
    const told = { action: type, subject: change.subject, by: actor.name, reason, revision, at, ms, trigger }
    parts.changed({ ...told, ...weightsOf(change) })
  }

  return {
    state: () => state,
    plan: () => plan,
    stored: () => stored.revision,
    owed: () => owed,
    standing: () => [...owed, ...stored.rollbacks.map(owedAgain)],
    keptNowhere: () => local.missing(owed),
    healthy: () => healthy,
    apply(command) {
      try {
        if (command.type === 'rollback') return rollBack(command)
        // A restore of "all" means those of now: one that comes while it waits is not meant.
        const meant = state.rollbacks.map(rollback => rollback.id)
        return inTurn(() => step(command.type === 'restore' ? named(command, meant) : command, plan)).then(
          ({ outcome }) => outcome,
        )
      } catch (error) {
        return Promise.reject(error)
      }
    },
    reload: (next, command) => inTurn(() => step(command, next)).then(({ outcome }) => outcome),
    follow(revision) {
      if (revision !== null && revision <= stored.revision) return parts.running()
      return inTurn(async () => {
        if (revision === null || revision > stored.revision) await look()
        return { where: parts.running() }
      }, true).then(({ where }) => where)
    },
    take,
    async close() {
      if (retry !== null) clearTimeout(retry)
      while (running !== null) await running
      await local.close()
      await parts.copy?.close()
    },
  }
}

async function together(here: Promise<Reached>, others: Promise<Reached> | undefined): Promise<Reached> {
  const [own, theirs] = await Promise.all([here, others])
  return {
    appliedBy: [...own.appliedBy, ...(theirs?.appliedBy ?? [])],
    pending: [...own.pending, ...(theirs?.pending ?? [])],
  }
}

function clockOut(ms: Milliseconds): Promise<false> {
  return new Promise(resolve => setTimeout(resolve, ms, false).unref())
}

/** Ids of rollbacks: short enough to type, never the same twice. */
export function rollbackId(): string {
  return `rb-${randomBytes(5).toString('hex')}`
}
