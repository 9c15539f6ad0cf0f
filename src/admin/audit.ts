// Pages of the audit log, whole or of what concerns one route.
import type { AuditEntry } from '../model/control.ts'
import type { RouteId } from '../model/route.ts'
import type { Plan } from '../model/snapshot.ts'

/** Entries that one call looks at; whoever asks goes on by `next`. */
const MOST_SCANNED = 5_000
const SCAN = 1_000

type Page = (page: { readonly limit: number; readonly before: number | null }) => Promise<readonly AuditEntry[]>

export interface AuditQuery {
  readonly limit: number
  readonly before: number | null
  /** null: all of them. */
  readonly concerns: ((entry: AuditEntry) => boolean) | null
}

export async function readAudit(page: Page, { limit, before, concerns }: AuditQuery) {
  const entries: AuditEntry[] = []
  /** The oldest that was looked at. */
  let oldest = before
  for (let scanned = 0; scanned < MOST_SCANNED && entries.length < limit; ) {
    const most = concerns === null ? limit : SCAN
    const read = await page({ limit: most, before: oldest })
    for (const entry of read) {
      if (entries.length === limit) break
      oldest = entry.seq
      if (concerns === null || concerns(entry)) entries.push(entry)
    }
    scanned += most
    if (read.length < most && (read.at(-1)?.seq ?? oldest) === oldest) return { entries, next: null }
  }
  return { entries, next: oldest !== null && oldest > 1 ? oldest : null }
}

/** What is done to one member of a group and not to the others. */
const OF_ONE: ReadonlySet<string> = new Set(['add-rule', 'remove-rule', 'acknowledge', 'revoke-noise', 'resume-shadow'])
/** What concerns everybody; the rest of what is about everything is for who may see everything. */
const OF_ALL: ReadonlySet<string> = new Set(['rollback', 'restore'])

/**
 * Entries about the route, its group as it is now, or everything. A route that is gone is known by its id.
 * @param limited to who may not see every route
 */
export function aboutRoute(id: RouteId, plan: Plan, limited: boolean): (entry: AuditEntry) => boolean {
  const unit = plan.byId.get(id)?.unit
  const group = new Set([
    ...(unit === undefined ? [] : [unit]),
    ...(plan.units.get(unit ?? '') ?? []).map(one => one.id),
  ])
  return ({ subject, action }) => {
    if (subject === id) return true
    if (subject === '*') return !limited || OF_ALL.has(action)
    return group.has(subject) && !OF_ONE.has(action)
  }
}
