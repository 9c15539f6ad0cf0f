// The last thing that operators did about each route, at hand for whoever asks often: heard as it happens, and read from the
// audit log where it is of before the start or of another instance. Nobody who asks waits for the store.
import { DECISIONS, type Decision } from './admin/api.ts'
import type { LastDecisions } from './admin/views.ts'
import { weightsOf } from './control/entry.ts'
import type { LogLine } from './log.ts'
import type { AuditDraft } from './model/control.ts'
import type { Route } from './model/route.ts'
import type { Plan } from './model/snapshot.ts'
import type { EpochMs, Percent, Revision } from './model/units.ts'
import type { Store } from './store/store.ts'

const PAGE = 200
/** At a start it is not looked further back. */
const MOST_PAGES = 25
const MOVES: ReadonlySet<string> = new Set(['set-weight', 'unset-weight', 'rollback', 'restore'])

/** What is heard of a change, or read of it later. */
export interface Heard {
  readonly action: AuditDraft['action']
  readonly subject: string
  readonly by: string
  readonly reason: string | null
  readonly at: EpochMs
  readonly revision: Revision
  readonly from: Percent | null
  readonly to: Percent | null
}

export interface Decisions {
  heard(change: Heard): void
  /** Others may have decided something. Returns at once. */
  look(): void
  /** As it is known now. */
  read(): (route: Route) => LastDecisions
  /** What was begun is done. */
  settled(): Promise<void>
}

export interface DecisionsParts {
  readonly store: Pick<Store, 'audit'>
  /** What of the store is in force here. */
  readonly stored: () => Revision
  readonly plan: () => Plan
  readonly log: LogLine
}

interface Known {
  readonly last: Heard
  readonly move: Heard | null
}

export function createDecisions(parts: DecisionsParts): Decisions {
  /** By a route's id, or `*`. */
  const known = new Map<string, Known>()
  /** All up to this revision is known. */
  let upTo: Revision = 0
  let looking: Promise<void> | null = null

  function keep(change: Heard): void {
    if (!isDecision(change.action)) return
    const before = known.get(change.subject)
    const move = MOVES.has(change.action) ? later(before?.move ?? null, change) : (before?.move ?? null)
    known.set(change.subject, { last: later(before?.last ?? null, change) as Heard, move })
  }

  async function lookNow(): Promise<void> {
    const stored = parts.stored()
    const since = upTo
    // Each entry has a revision of its own; one that is known says that there are no more.
    const limit = Math.min(PAGE, stored - since + 1)
    let before: number | null = null
    for (let pages = 0; pages < MOST_PAGES; pages++) {
      const page = await parts.store.audit({ limit, before })
      const news = page.filter(entry => entry.revision > since)
      for (const entry of news) keep({ ...entry, by: entry.actor.name, ...weightsOf(entry) })
      if (news.length < page.length || page.length < limit) break
      before = page.at(-1)?.seq ?? null
    }
    upTo = Math.max(upTo, stored)
    for (const subject of known.keys()) if (subject !== '*' && !parts.plan().byId.has(subject)) known.delete(subject)
  }

  /** What was done here is heard in the same turn, and need not be read. */
  function look(): void {
    if (looking !== null) return
    looking = readOn()
  }

  async function readOn(): Promise<void> {
    await null
    try {
      while (parts.stored() > upTo) await lookNow()
    } catch (error) {
      parts.log('warn', 'what was decided last could not be read', { error: String(error) })
    }
    looking = null
  }

  return {
    heard(change) {
      if (upTo > 0 && change.revision === upTo + 1) upTo++
      keep(change)
    },
    look,
    read() {
      const units = new Map<string, Known>()
      for (const [subject, one] of known) {
        const unit = subject === '*' ? '*' : parts.plan().byId.get(subject)?.unit
        if (unit !== undefined) units.set(unit, latest(units.get(unit), one))
      }
      const all = units.get('*')
      return ({ unit }) => {
        const own = units.get(unit)
        const found = own === undefined ? all : latest(all, own)
        if (found === undefined) return { last: null, movedAt: null }
        const { action, by, at, reason, from, to } = found.last
        return {
          last: { action: action as Decision['action'], by, at, reason, from, to },
          movedAt: found.move?.at ?? null,
        }
      }
    },
    async settled() {
      await looking
    },
  }
}

function isDecision(action: string): boolean {
  return (DECISIONS as readonly string[]).includes(action)
}

function latest(one: Known | undefined, other: Known): Known {
  if (one === undefined) return other
  return { last: later(one.last, other.last) as Heard, move: later(one.move, other.move) }
}

/** By the revision: clocks of several instances differ. */
function later(one: Heard | null, other: Heard | null): Heard | null {
  if (one === null || other === null) return one ?? other
  return other.revision >= one.revision ? other : one
}
