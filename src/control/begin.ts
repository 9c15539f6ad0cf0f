// What a process starts with: the state of the store, the first one of a fresh store, or what this machine knows of it.
import type { AuditDraft, ControlState, Rollback } from '../model/control.ts'
import type { Plan } from '../model/snapshot.ts'
import type { Revision } from '../model/units.ts'
import type { ControlParts } from './control.ts'
import { SYSTEM } from './entry.ts'
import { isKnown, upToDate } from './in-force.ts'
import { firstState } from './reduce.ts'
import { isConflict } from './store-errors.ts'

type CopyRead = NonNullable<Awaited<ReturnType<NonNullable<ControlParts['copy']>['read']>>>
type BeginParts = Pick<ControlParts, 'clock' | 'load' | 'commit' | 'copy' | 'seed' | 'log'>

/** Another one that starts, too, may be first so often. */
const MOST_CONFLICTS = 20

/**
 * Above all that anybody may have known: of two that know different pasts the revisions must not be the same. So many changes
 * at most are between what two of them knew last.
 */
export const APART: Revision = 1_000

export interface Begun {
  readonly state: ControlState
  readonly fromStore: boolean
  /** The store held them once, as far as this machine knows, and neither holds nor has ended them any more. */
  readonly lost: readonly Rollback[]
}

/** The stored state, the first one of a fresh store, saved; or what was stored last as far as this machine knows. */
export async function begin(parts: BeginParts, plan: Plan): Promise<Begun> {
  const copy = (await parts.copy?.read()) ?? null
  try {
    const known = copy && { ...copy, state: upToDate(copy.state) }
    const begun = await beginStored(parts, plan, known)
    parts.copy?.write(begun.state)
    return { ...begun, fromStore: true }
  } catch (error) {
    if (copy === null || !copy.ours) throw error
    parts.log('error', 'the store does not answer: what this machine knows of it is in force', {
      revision: copy.state.revision,
      error: String((error as Error).message ?? error),
    })
    return { state: upToDate(copy.state), fromStore: false, lost: [] }
  }
}

async function beginStored(parts: BeginParts, plan: Plan, copy: CopyRead | null): Promise<Omit<Begun, 'fromStore'>> {
  for (let conflicts = 0; ; conflicts++) {
    const held = await parts.load()
    // By its seed also one that moved to another address is known again.
    const known = copy?.ours || (copy !== null && copy.state.seed === held?.seed) ? copy.state : null
    try {
      if (known !== null && (held === null || isBehind(held, known))) {
        const revision = Math.max(known.revision, held?.revision ?? 0) + APART
        return { state: await giveAgain(parts, held, known, revision), lost: [] }
      }
      if (known === null && copy !== null)
        parts.log('warn', 'the local copy is of another store: it is not used', { revision: copy.state.revision })
      const state = held === null ? await beginFresh(parts, plan) : upToDate(held)
      return { state, lost: (known?.rollbacks ?? []).filter(({ id }) => !isKnown(state, id)) }
    } catch (error) {
      if (!isConflict(error) || conflicts === MOST_CONFLICTS) throw error
    }
  }
}

/** It lacks changes that are known; or had lost them, and nothing came since somebody who knew fewer gave it those again. */
export function isBehind(held: ControlState, known: ControlState): boolean {
  return held.revision < known.revision || (isGivenAgain(held) && pastOf(held) < pastOf(known))
}

/** As far as its changes were known when it was given again, or, with others since, its revision. */
function pastOf(state: ControlState): Revision {
  return isGivenAgain(state) ? state.givenAgain.known : state.revision
}

function isGivenAgain(state: ControlState): state is ControlState & Required<Pick<ControlState, 'givenAgain'>> {
  return state.givenAgain?.as === state.revision
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
    givenAgain: { known: pastOf(known), as: revision },
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
    parts.log('warn', `fresh store: ${held.join(', ')} held at 0 % until a weight is set (split.firstStart: hold)`, {
      routes: held,
    })
  }
  return first
}
