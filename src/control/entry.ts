// What the log says of a change. Pure.
import type { AuditDraft, Command, Owed, Rollback } from '../model/control.ts'
import type { EpochMs, Percent, Revision } from '../model/units.ts'
import type { Change } from './reduce.ts'

/** Who acts where nobody was asked. */
export const SYSTEM = { name: 'system', tokenId: null, address: null }

export function draftOf(command: Command, change: Change, at: EpochMs, revision: Revision): AuditDraft {
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

/** The operators' weight before and after, as far as an entry says one. */
export function weightsOf({ before, after }: Pick<AuditDraft, 'before' | 'after'>): {
  readonly from: Percent | null
  readonly to: Percent | null
} {
  const numberIn = (value: unknown, name: string): number | null => {
    const found = (value as Readonly<Record<string, unknown>> | null)?.[name]
    return typeof found === 'number' ? found : null
  }
  // A restore that sets a weight says it as `percent`.
  return { from: numberIn(before, 'weight'), to: numberIn(after, 'weight') ?? numberIn(after, 'percent') }
}

/** A rollback that was stored once and is not any more, with the entry that was written of it. */
export function owedAgain(rollback: Rollback): Owed {
  const { id, units, trigger, by, at, reason } = rollback
  const subject = units === '*' ? '*' : (units.at(-1) ?? '*')
  const actor = { name: by, tokenId: null, address: null }
  const after = { rollback: id, units, trigger }
  return { rollback, draft: { at, actor, action: 'rollback', subject, reason, before: null, after, revision: 0 } }
}
