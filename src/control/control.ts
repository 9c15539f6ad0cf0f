// The only writer of what is in force.
//
// A command goes through one at a time: reduce → compile → save (with its audit entry) → swap. What is refused or cannot be
// saved changes nothing. A rollback goes past that queue: swap and recall first, then save. Commands in flight are merged
// with the rollbacks that overtook them, so none of them can raise a weight again. A rollback that cannot be saved within
// a second is kept in a local fsynced file (the spill) and saved as soon as the store answers.
import { randomBytes } from 'node:crypto'
import type { Applied, AuditDraft, Command, ControlState, Rollback } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { Plan, Snapshot } from '../model/snapshot.ts'
import type { Clock, Milliseconds } from '../model/units.ts'
import { type Change, firstState, type Moment, merge, reduce, standing } from './reduce.ts'

/** A rollback answers after this long even when the store does not. */
const SAVE_WITHIN_MS = 1_000
const RETRY_EVERY_MS = 1_000

export interface ControlParts {
  readonly instance: string
  readonly clock: Clock
  readonly compile: (plan: Plan, state: ControlState) => Snapshot
  /** One assignment, then the sweep of what waits for the new side. */
  readonly swap: (snapshot: Snapshot) => void
  readonly load: () => Promise<ControlState | null>
  readonly commit: (state: ControlState, audit: AuditDraft) => Promise<unknown>
  readonly spill: {
    append(rollback: Rollback, draft: AuditDraft): Promise<void> | void
    read(): Promise<readonly { readonly rollback: Rollback; readonly draft: AuditDraft }[]>
    clear(): Promise<void>
    /** Sets space aside that a full disk cannot take. */
    reserve(): Promise<void>
  }
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
  /** Rollbacks that are in force and in the local file, but not in the store yet. */
  unsaved(): number
  /** False since a save failed, until one succeeds. */
  healthy(): boolean
  /** Refused: rejects with a BanyanError, and nothing has changed. */
  apply(command: Command): Promise<Outcome>
  /** Puts a new plan in force together with the command that says so. */
  reload(plan: Plan, command: Command): Promise<Outcome>
  close(): Promise<void>
}

interface Owed {
  readonly rollback: Rollback
  readonly draft: AuditDraft
}

export async function openControl(parts: ControlParts, firstPlan: Plan): Promise<Control> {
  const { clock } = parts
  let plan = firstPlan
  let state = await begin(parts, firstPlan)
  let last = state.revision
  /** What the store holds for certain. */
  let savedRevision = state.revision
  let healthy = true
  let owed: readonly Owed[] = []
  let retry: NodeJS.Timeout | null = null
  /** Commands other than rollbacks that wait or are being saved. */
  let ordinary = 0
  const jobs: (() => Promise<void>)[] = []
  let running: Promise<void> | null = null

  await takeSpill()
  parts.swap(parts.compile(plan, state))

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

  function inTurn(job: () => Promise<Outcome>): Promise<Outcome> {
    ordinary++
    return enqueue(job, false).finally(() => {
      ordinary--
    })
  }

  async function step(command: Command, usedPlan: Plan): Promise<Outcome> {
    const begun = clock.monotonic()
    if (owed.length > 0) await saveOwed()
    const base = state
    const at = clock.now()
    const revision = last + 1
    const change = reduce(base, command, usedPlan, { at, revision })
    if (change === null) return { applied: applied(base.revision, begun, true), change: null, rollback: null }
    last = revision
    parts.compile(usedPlan, change.state)
    const draft = draftOf(command, change, at, revision)
    try {
      await parts.commit(logged(change.state), draft)
      savedRevision = revision
      healthy = true
    } catch (error) {
      healthy = false
      throw storeFailed(error)
    }
    state = merge(change.state, base, state)
    plan = usedPlan
    parts.swap(parts.compile(plan, state))
    const result = applied(state.revision, begun, true)
    tell(command, change, state.revision, at, result.elapsedMs, null)
    return { applied: result, change, rollback: null }
  }

  /** Not async on purpose: when this returns, the rollback is in force. */
  function rollBack(command: Extract<Command, { type: 'rollback' }>): Promise<Outcome> {
    const begun = clock.monotonic()
    const at = clock.now()
    const revision = last + 1
    const change = reduce(state, command, plan, { at, revision }) ?? again(command, { at, revision })
    if (change === null) {
      const route = command.route === null ? null : (plan.byId.get(command.route) ?? null)
      const same = {
        applied: applied(state.revision, begun, owed.length === 0),
        change: null,
        rollback: standing(state, route),
      }
      return Promise.resolve(same)
    }
    last = revision
    state = change.state
    parts.swap(parts.compile(plan, state))
    const ms = clock.monotonic() - begun
    const rollback = state.rollbacks.at(-1) as Rollback
    tell(command, change, revision, at, ms, rollback.trigger)
    const draft = draftOf(command, change, at, revision)
    return keep({ rollback, draft }).then(durable => ({
      applied: { ...applied(revision, begun, durable), appliedBy: [{ instance: parts.instance, worker: 1, ms }] },
      change,
      rollback,
    }))
  }

  /**
   * The same rollback once more, under its own id. Repeating one changes nothing, unless a command is in flight: that may be
   * the restore which ends the one that stands, and this call came after it.
   */
  function again(command: Command, moment: Moment): Change | null {
    if (ordinary === 0) return null
    const alone = reduce({ ...state, rollbacks: [] }, command, plan, moment)
    return alone && { ...alone, state: { ...alone.state, rollbacks: [...state.rollbacks, ...alone.state.rollbacks] } }
  }

  function named(command: Extract<Command, { type: 'restore' }>, meant: readonly string[]): Command {
    if (command.rollbacks !== null) return command
    return { ...command, rollbacks: meant.filter(id => state.rollbacks.some(rollback => rollback.id === id)) }
  }

  /** Saves a rollback that is in force; false when it is only in the local file. */
  async function keep(one: Owed): Promise<boolean> {
    owed = [...owed, one]
    const saved = enqueue(async () => {
      if (owed.includes(one)) await saveOwed()
    }, true).then(
      () => true,
      () => false,
    )
    const inTime = await Promise.race([saved, clockOut(SAVE_WITHIN_MS)])
    if (inTime) return true
    try {
      await parts.spill.append(one.rollback, one.draft)
      parts.log('error', 'rollback in force and kept in the local file: the store did not save it', {
        rollback: one.rollback.id,
      })
    } catch (error) {
      parts.log('error', 'rollback in force, but neither the store nor the local file could keep it', {
        rollback: one.rollback.id,
        error: String(error),
      })
    }
    retryLater()
    return false
  }

  async function saveOwed(): Promise<void> {
    const due = owed
    try {
      for (const one of due) {
        // A commit that failed may have happened all the same: look before writing a second entry.
        const stored = healthy ? null : await parts.load()
        if (!stored?.rollbacks.some(rollback => rollback.id === one.rollback.id)) {
          const revision = Math.max(state.revision, savedRevision + 1, (stored?.revision ?? 0) + 1)
          last = Math.max(last, revision)
          await parts.commit(logged({ ...state, revision }, one), one.draft)
          savedRevision = revision
        }
        healthy = true
        owed = owed.filter(other => other !== one)
      }
      await clearSpill()
    } catch (error) {
      healthy = false
      retryLater()
      throw storeFailed(error)
    }
  }

  /** A state without rollbacks whose audit entry is not in the store yet, but for the one that is saved with it. */
  function logged(whole: ControlState, saving: Owed | null = null): ControlState {
    const unlogged = new Set(owed.filter(one => one !== saving).map(one => one.rollback.id))
    if (unlogged.size === 0) return whole
    return { ...whole, rollbacks: whole.rollbacks.filter(rollback => !unlogged.has(rollback.id)) }
  }

  function retryLater(): void {
    if (retry !== null || owed.length === 0) return
    retry = setTimeout(() => {
      retry = null
      enqueue(async () => {
        if (owed.length > 0) await saveOwed()
      }, true).catch(() => retryLater())
    }, RETRY_EVERY_MS)
    retry.unref()
  }

  /** What an earlier run could not store is in force again before anything is served. */
  async function takeSpill(): Promise<void> {
    const kept = await parts.spill.read().catch(damaged)
    const missing = kept.filter(one => !state.rollbacks.some(rollback => rollback.id === one.rollback.id))
    for (const { rollback, draft } of missing) {
      last++
      state = {
        ...state,
        revision: last,
        rollbacks: [...state.rollbacks, rollback],
        changed: { ...state.changed, '*': last },
      }
      try {
        await parts.commit(state, draft)
        savedRevision = last
      } catch {
        healthy = false
        owed = [...owed, { rollback, draft }]
      }
    }
    if (owed.length === 0) await clearSpill()
    retryLater()
  }

  /** What is in the store needs no second place; a file that stays is read again and found to be stored. */
  async function clearSpill(): Promise<void> {
    try {
      await parts.spill.clear()
      await parts.spill.reserve()
    } catch (error) {
      parts.log('warn', 'the local file for rollbacks cannot be prepared', { error: String(error) })
    }
  }

  /** A rollback that cannot be read was in force all the same: everything goes to legacy until somebody has looked. */
  function damaged(error: unknown): readonly Owed[] {
    parts.log('error', 'the local file of rollbacks is damaged: everything is rolled back', { error: String(error) })
    const actor = { name: 'system', tokenId: null, address: null }
    const reason = 'the local file of rollbacks is damaged'
    const id = rollbackId()
    const command = { type: 'rollback' as const, id, route: null, trigger: 'break_glass' as const, actor, reason }
    const moment = { at: clock.now(), revision: last + 1 }
    const change = reduce(state, command, plan, moment)
    if (change === null) return []
    const rollback = change.state.rollbacks.at(-1) as Rollback
    return [{ rollback, draft: draftOf(command, change, moment.at, moment.revision) }]
  }

  function applied(revision: number, begun: Milliseconds, durable: boolean): Applied {
    const ms = clock.monotonic() - begun
    return { revision, elapsedMs: ms, durable, appliedBy: [{ instance: parts.instance, worker: 1, ms }], pending: [] }
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
    parts.log(type === 'rollback' ? 'warn' : 'info', `${type} ${change.subject}`, {
      by: actor.name,
      revision,
      reason,
      ms,
    })
    parts.changed({ action: type, subject: change.subject, by: actor.name, reason, revision, at, ms, trigger })
  }

  return {
    state: () => state,
    plan: () => plan,
    unsaved: () => owed.length,
    healthy: () => healthy,
    apply(command) {
      try {
        if (command.type === 'rollback') return rollBack(command)
        // A restore of "all" means those of now: one that comes while it waits is not meant.
        const meant = state.rollbacks.map(rollback => rollback.id)
        return inTurn(() => step(command.type === 'restore' ? named(command, meant) : command, plan))
      } catch (error) {
        return Promise.reject(error)
      }
    },
    reload: (next, command) => inTurn(() => step(command, next)),
    async close() {
      if (retry !== null) clearTimeout(retry)
      while (running !== null) await running
    },
  }
}

/** The stored state, or the first one of a fresh store, saved. */
async function begin(parts: ControlParts, plan: Plan): Promise<ControlState> {
  const stored = await parts.load()
  // A store of before may know no pins and no rules.
  if (stored !== null) return { ...stored, pins: stored.pins ?? [], rules: stored.rules ?? [] }
  const first = firstState(plan, parts.seed(), 1)
  const held = Object.keys(first.units)
  await parts.commit(first, {
    at: parts.clock.now(),
    actor: { name: 'system', tokenId: null, address: null },
    action: 'first-start',
    subject: '*',
    reason: null,
    before: null,
    after: { held },
    revision: 1,
  })
  if (held.length > 0) {
    parts.log('warn', `fresh store: ${held.join(', ')} held at 0 % until a weight is set (split.firstStart: hold)`)
  }
  return first
}

function draftOf(command: Command, change: Change, at: number, revision: number): AuditDraft {
  return {
    at,
    actor: command.actor,
    action: command.type,
    subject: change.subject,
    reason: command.reason,
    before: change.before,
    after: change.after,
    revision,
  }
}

function storeFailed(error: unknown): BanyanError {
  if (error instanceof BanyanError) return error
  return new BanyanError('store_unavailable', 'the store could not save the change; nothing has changed', {
    hint: 'rollback works without the store',
    cause: error,
  })
}

function clockOut(ms: Milliseconds): Promise<false> {
  return new Promise(resolve => setTimeout(resolve, ms, false).unref())
}

/** Ids of rollbacks: short enough to type, never the same twice. */
export function rollbackId(): string {
  return `rb-${randomBytes(5).toString('hex')}`
}
