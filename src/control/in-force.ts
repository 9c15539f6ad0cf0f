// What is in force: the state that the store holds, and the rollbacks that are owed to it. Pure.
//
// Rollbacks are a set with ids, and only grow until a restore names one: then its id is in `ended`, and nothing brings it back.
// So in whatever order rollbacks and restores of several instances are heard, and however often, the same ones are in force
// (a two-phase set: Shapiro et al., "A comprehensive study of convergent and commutative replicated data types", 2011, 3.3.3).
// Everything else is ordered by the revision, of which the store gives each one once.
import type { ControlState, Ended, Owed, Rollback } from '../model/control.ts'
import type { EpochMs } from '../model/units.ts'

/** An ended rollback is remembered for so long: longer than anybody may be away and come back with it. */
export const ENDED_FOR_MS = 30 * 86_400_000
export const MOST_ENDED = 10_000

/** The store's state with what is owed to it. */
export function inForce(stored: ControlState, owed: readonly Owed[]): ControlState {
  const missing = owed.filter(one => !isKnown(stored, one.rollback.id))
  if (missing.length === 0) return stored
  const changed: Record<string, number> = { ...stored.changed }
  for (const { rollback, draft } of missing) {
    const unit = unitOf(rollback)
    changed[unit] = Math.max(changed[unit] ?? 0, draft.revision)
  }
  return {
    ...stored,
    revision: missing.reduce((revision, { draft }) => Math.max(revision, draft.revision), stored.revision),
    rollbacks: [...stored.rollbacks, ...missing.map(({ rollback }) => rollback)],
    changed,
  }
}

/** The store's state with one more rollback, to be saved with its audit entry. Its revision is the next one, or a later. */
export function withRollback(stored: ControlState, owed: Owed): ControlState {
  const revision = Math.max(stored.revision + 1, owed.draft.revision)
  return { ...inForce(stored, [{ ...owed, draft: { ...owed.draft, revision } }]), revision }
}

/** It is in force in this state, or has been ended in it. */
export function isKnown({ rollbacks, ended }: ControlState, id: string): boolean {
  return rollbacks.some(rollback => rollback.id === id) || ended.some(one => one.id === id)
}

/** A state without rollbacks that are not saved yet: each is saved with an audit entry of its own. */
export function withoutOwed(state: ControlState, owed: readonly Owed[]): ControlState {
  const ids = new Set(owed.map(({ rollback }) => rollback.id))
  return ids.size === 0 ? state : { ...state, rollbacks: state.rollbacks.filter(({ id }) => !ids.has(id)) }
}

/** Those that a change has ended join the ones before, the newest of them. */
export function endedWith(before: readonly Ended[], ids: readonly string[], at: EpochMs): readonly Ended[] {
  if (ids.length === 0) return before
  const standing = before.filter(one => one.at > at - ENDED_FOR_MS)
  return [...standing, ...ids.map(id => ({ id, at }))].slice(-MOST_ENDED)
}

/** Whose revision a rollback touches. */
function unitOf({ units }: Rollback): string {
  return units === '*' ? '*' : (units[0] ?? '*')
}

/** What an older version has stored may lack what this one knows. */
export function upToDate(stored: ControlState): ControlState {
  const { pins = [], rules = [], ended = [] } = stored as Partial<ControlState>
  return { ...stored, pins, rules, ended }
}
