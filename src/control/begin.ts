// What a process starts with: the state of the store, the first one of a fresh store, or what this machine knows of it.
import type { AuditDraft, ControlState } from '../model/control.ts'
import type { Plan } from '../model/snapshot.ts'
import type { Revision } from '../model/units.ts'
import type { ControlParts } from './control.ts'
import { SYSTEM } from './entry.ts'
import { upToDate } from './in-force.ts'
import { firstState } from './reduce.ts'
import { isConflict } from './store-errors.ts'

type BeginParts = Pick<ControlParts, 'clock' | 'load' | 'commit' | 'copy' | 'seed' | 'log'>

/** Another one that starts, too, may be first so often. */
const MOST_CONFLICTS = 20

/** The stored state, the first one of a fresh store, saved; or what was stored last as far as this machine knows. */
export async function begin(
  parts: BeginParts,
  plan: Plan,
): Promise<{ readonly state: ControlState; readonly fromStore: boolean }> {
  const copy = (await parts.copy?.read()) ?? null
  try {
    const state = await beginStored(parts, plan, copy && upToDate(copy))
    parts.copy?.write(state)
    return { state, fromStore: true }
  } catch (error) {
    if (copy === null) throw error
    parts.log('error', 'the store does not answer: what this machine knows of it is in force', {
      revision: copy.revision,
      error: String((error as Error).message ?? error),
    })
    return { state: upToDate(copy), fromStore: false }
  }
}

async function beginStored(parts: BeginParts, plan: Plan, copy: ControlState | null): Promise<ControlState> {
  for (let conflicts = 0; ; conflicts++) {
    const held = await parts.load()
    try {
      const knowsMore = copy !== null && copy.revision > (held?.revision ?? 0)
      if (knowsMore && (held === null || held.seed === copy.seed)) {
        return await giveAgain(parts, held, copy, copy.revision + 1)
      }
      if (knowsMore) {
        // Of another seed it is another store, or the seed was rotated in what it has lost.
        const revisions = { stored: held?.revision, known: copy.revision }
        parts.log(
          'error',
          'the store has another seed than what this machine knows, and holds less: it is right',
          revisions,
        )
      }
      return held === null ? await beginFresh(parts, plan) : upToDate(held)
    } catch (error) {
      if (!isConflict(error) || conflicts === MOST_CONFLICTS) throw error
    }
  }
}

/**
 * The store holds less than it did: an old copy of it took over, it was damaged or emptied. Whoever knows what it held gives it
 * back, as this revision. Resolves with what it holds then.
 */
export async function giveAgain(
  { clock, commit, log }: Pick<ControlParts, 'clock' | 'commit' | 'log'>,
  held: ControlState | null,
  known: ControlState,
  revision: Revision,
): Promise<ControlState> {
  log('error', 'the store has lost what was in force: it is given it again', {
    stored: held?.revision ?? 0,
    inForce: known.revision,
  })
  const ids = new Set([...known.rollbacks, ...known.ended].map(({ id }) => id))
  const next: ControlState = {
    ...known,
    revision,
    // What it alone knows of rollbacks counts too: they only end by name.
    rollbacks: [...known.rollbacks, ...(held?.rollbacks ?? []).filter(({ id }) => !ids.has(id))],
    changed: { ...known.changed, '*': revision },
  }
  const draft: AuditDraft = {
    at: clock.now(),
    actor: SYSTEM,
    action: 'store-behind',
    subject: '*',
    reason: null,
    before: { revision: held?.revision ?? null },
    after: { revision: known.revision },
    revision,
  }
  await commit(next, draft, held?.revision ?? 0)
  return next
}

async function beginFresh(parts: BeginParts, plan: Plan): Promise<ControlState> {
  const first = firstState(plan, parts.seed(), 1)
  const held = Object.keys(first.units).filter(unit => first.units[unit]?.held === true)
  const draft: AuditDraft = {
    at: parts.clock.now(),
    actor: SYSTEM,
    action: 'first-start',
    subject: '*',
    reason: null,
    before: null,
    after: { held },
    revision: first.revision,
  }
  await parts.commit(first, draft, 0)
  if (held.length > 0) {
    parts.log('warn', `fresh store: ${held.join(', ')} held at 0 % until a weight is set (split.firstStart: hold)`)
  }
  return first
}
