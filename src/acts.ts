// What operators do to what was found (acknowledge, revoke noise, forget, resume) is no control state, and each instance has its
// own findings: the audit log says what was done, and every other instance does the same with what it keeps. How far it has
// come is kept with its findings, so that what was done while it was away is done when it is back.
import type { LogLine } from './log.ts'
import type { AuditEntry } from './model/control.ts'
import type { Revision } from './model/units.ts'
import type { Store } from './store/store.ts'

const RECORD = 'acts'
const PAGE = 200
/** Beyond it the oldest are passed over: what they were about is most likely gone. */
const MOST_PAGES = 25
const MOST_OWN = 1_000

export interface ActsParts {
  readonly store: Pick<Store, 'audit' | 'keep' | 'kept'>
  /** What of the store is in force here. */
  readonly stored: () => Revision
  readonly acknowledge: (signature: string) => unknown
  readonly revokeNoise: (route: string, place: string) => unknown
  readonly resume: (route: string, template: string | null) => unknown
  /** By the beginning of the hash of the key. */
  readonly forget: (keyHash: string) => unknown
  readonly log: LogLine
}

export interface Acts {
  /** This instance has done it already. */
  own(revision: Revision): void
  /** Somebody may have done something. Returns at once. */
  look(): void
  /** What was begun is done. */
  settled(): Promise<void>
}

export function createActs(parts: ActsParts): Acts {
  const ours = new Set<Revision>()
  let upTo: Revision | null = null
  let looking: Promise<void> | null = null

  async function lookNow(): Promise<void> {
    const stored = parts.stored()
    if (upTo === null) {
      const known = (await parts.store.kept()).find(([key]) => key === RECORD)
      upTo = known === undefined ? stored : Number(known[1])
      if (known === undefined) await parts.store.keep({ put: [[RECORD, String(stored)]], remove: [] })
    }
    if (stored <= upTo) return
    for (const entry of await since(upTo)) if (!ours.has(entry.revision)) act(entry)
    upTo = stored
    ours.clear()
    await parts.store.keep({ put: [[RECORD, String(stored)]], remove: [] })
  }

  /** Oldest first. */
  async function since(revision: Revision): Promise<readonly AuditEntry[]> {
    const found: AuditEntry[] = []
    let before: number | null = null
    for (let pages = 0; pages < MOST_PAGES; pages++) {
      const page: readonly AuditEntry[] = await parts.store.audit({ limit: PAGE, before })
      const news = page.filter(entry => entry.revision > revision)
      found.push(...news)
      if (news.length < page.length || page.length < PAGE) break
      before = page.at(-1)?.seq ?? null
    }
    return found.reverse()
  }

  function act({ action, subject, before }: AuditEntry): void {
    const said = (before ?? {}) as Readonly<Record<string, string | null>>
    if (action === 'acknowledge') parts.acknowledge(String(said.signature))
    else if (action === 'revoke-noise') parts.revokeNoise(subject, String(said.place))
    else if (action === 'resume-shadow') parts.resume(subject, said.template ?? null)
    else if (action === 'forget') parts.forget(subject)
  }

  function look(): void {
    looking ??= lookNow().then(
      () => {
        looking = null
        // Something has come meanwhile.
        if (parts.stored() > (upTo ?? 0)) look()
      },
      error => {
        looking = null
        parts.log('warn', 'what others did to findings could not be read', { error: String(error) })
      },
    )
  }

  return {
    own(revision) {
      if (ours.size < MOST_OWN) ours.add(revision)
    },
    look,
    async settled() {
      await looking
    },
  }
}
