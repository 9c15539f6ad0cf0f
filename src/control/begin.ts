// What a process starts with: the state of the store, the first one of a fresh store, or what this machine knows of it.
import type { AuditDraft, ControlState } from '../model/control.ts'
import type { Plan } from '../model/snapshot.ts'
import type { ControlParts } from './control.ts'
import { SYSTEM } from './entry.ts'
import { upToDate } from './in-force.ts'
import { firstState } from './reduce.ts'
import { isConflict } from './store-errors.ts'

type BeginParts = Pick<ControlParts, 'clock' | 'load' | 'commit' | 'copy' | 'seed' | 'log'>

/** The stored state, the first one of a fresh store, saved; or what was stored last as far as this machine knows. */
export async function begin(
  parts: BeginParts,
  plan: Plan,
): Promise<{ readonly state: ControlState; readonly fromStore: boolean }> {
  try {
    const stored = (await parts.load()) ?? (await beginFresh(parts, plan))
    const state = upToDate(stored)
    parts.copy?.write(state)
    return { state, fromStore: true }
  } catch (error) {
    const copy = (await parts.copy?.read()) ?? null
    if (copy === null) throw error
    parts.log('error', 'the store does not answer: what this machine knows of it is in force', {
      revision: copy.revision,
      error: String((error as Error).message ?? error),
    })
    return { state: upToDate(copy), fromStore: false }
  }
}

async function beginFresh(parts: BeginParts, plan: Plan): Promise<ControlState> {
  // A store that was emptied: what was in force goes on.
  const copy = (await parts.copy?.read()) ?? null
  const first = copy === null ? firstState(plan, parts.seed(), 1) : upToDate(copy)
  const held = Object.keys(first.units).filter(unit => first.units[unit]?.held === true)
  const draft: AuditDraft = {
    at: parts.clock.now(),
    actor: SYSTEM,
    action: copy === null ? 'first-start' : 'store-behind',
    subject: '*',
    reason: null,
    before: null,
    after: copy === null ? { held } : { revision: first.revision },
    revision: first.revision,
  }
  try {
    await parts.commit(first, draft, 0)
  } catch (error) {
    // Another instance was first.
    const theirs = isConflict(error) ? await parts.load() : null
    if (theirs === null) throw error
    return theirs
  }
  if (held.length > 0) {
    parts.log('warn', `fresh store: ${held.join(', ')} held at 0 % until a weight is set (split.firstStart: hold)`)
  }
  return first
}
