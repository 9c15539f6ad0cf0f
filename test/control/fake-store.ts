// A store of several instances in memory: refuses what was made from another revision, and counts what was written.
import type { AuditDraft, ControlState } from '../../src/model/control.ts'
import { BanyanError } from '../../src/model/errors.ts'

export interface FakeStore {
  load(): Promise<ControlState | null>
  commit(state: ControlState, draft: AuditDraft, after: number): Promise<void>
  /** Oldest first; one for each commit. */
  readonly entries: AuditDraft[]
  /** What is stored now. */
  now(): ControlState | null
  /** Back to an earlier state, as after a failover that lost some. */
  putBack(state: ControlState): void
}

export function createFakeStore(): FakeStore {
  let text: string | null = null
  const entries: AuditDraft[] = []
  const now = () => (text === null ? null : (JSON.parse(text) as ControlState))
  return {
    entries,
    now,
    load: async () => now(),
    async commit(state, draft, after) {
      const stored = now()?.revision ?? 0
      if (stored !== after) {
        throw new BanyanError('store_conflict', `made from ${after}, stored is ${stored}`, {
          details: { given: after, stored },
        })
      }
      if (state.revision <= stored) throw new Error(`revision ${state.revision} after ${stored}`)

      text = JSON.stringify(state)
      entries.push(draft)
    },
    putBack(state) {
      text = JSON.stringify(state)
    },
  }
}
