// The store that forgets: for tests and for `store: memory:`, where nothing has to survive the process. `createMemoryDatabase`
// is one that several instances share, for tests of fleets: it can be cut off, held up, or lose its answers.
import type { AuditDraft, AuditEntry, ControlState } from '../model/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { EpochMs, Milliseconds } from '../model/units.ts'
import { type ChainHead, chain, EMPTY_CHAIN, follows } from './audit-chain.ts'
import { conflictOf, leaseLost, refuseUntellable, storeClosed } from './refusals.ts'
import type {
  AuditCheck,
  CommitOptions,
  Ears,
  Fence,
  KeptByOther,
  KeptChanges,
  KeptRecord,
  Lease,
  Presence,
  Present,
  Shared,
  Store,
} from './store.ts'

export type SharedStore = Store & { readonly shared: Shared }

export interface MemoryDatabase {
  /** Another connection of it. Two of the same instance are one instance to all others. */
  open(instance: string): SharedStore
  /**
   * From now on, calls are rejected with `store_unreachable` and nothing is heard (`lost`), until `false` (`missed`).
   * @param instance that is cut off alone; all by default
   */
  fail(on: boolean, instance?: string): void
  /** Calls are held up before they do anything, until the function that it returns is called. */
  hold(instance?: string): () => void
  /** From now on, commits are done and yet rejected with `store_unreachable`, as when a connection breaks before the answer. */
  loseAnswers(on: boolean, instance?: string): void
}

/** Keeps texts, not objects, as every store does: nobody can change what is stored through what was handed in or out. */
export function createMemoryStore(): Store {
  return { ...createMemoryDatabase().open('alone'), shared: null }
}

interface Keeping {
  readonly records: Map<string, string>
  writtenAt: EpochMs
}

interface Held extends Lease {
  /** null: it was given back. */
  readonly holder: string | null
}

interface Tables {
  stored: { readonly revision: number; readonly text: string } | null
  head: ChainHead
  readonly entries: string[]
  readonly kept: Map<string, Keeping>
  readonly leases: Map<string, Held>
  readonly present: Map<string, { readonly text: string; readonly at: EpochMs }>
}

/** What goes wrong, by instance; `*` is all of them. */
interface Trouble {
  readonly failing: Set<string>
  readonly losing: Set<string>
  readonly held: Map<string, Promise<void>>
}

interface Listener {
  readonly instance: string
  readonly ears: Ears
}

/** @param options.now the store's clock; the system's by default */
export function createMemoryDatabase(options: { readonly now?: () => EpochMs } = {}): MemoryDatabase {
  const now = options.now ?? Date.now
  const tables: Tables = {
    stored: null,
    head: EMPTY_CHAIN,
    entries: [],
    kept: new Map(),
    leases: new Map(),
    present: new Map(),
  }
  const trouble: Trouble = { failing: new Set(), losing: new Set(), held: new Map() }
  const listeners = new Set<Listener>()
  const isIn = (set: ReadonlySet<string>, instance: string) => set.has('*') || set.has(instance)

  function open(instance: string): SharedStore {
    let closed = false
    let listener: Listener | null = null

    /** What every call does before it does anything. At once, unless it is held up: calls are done in the order they were asked. */
    async function call<T>(work: () => T): Promise<T> {
      if (closed) throw storeClosed()
      for (let held = gate(); held !== null; held = gate()) await held
      if (isIn(trouble.failing, instance)) throw unreachable()
      return work()
    }

    function gate(): Promise<void> | null {
      return trouble.held.get('*') ?? trouble.held.get(instance) ?? null
    }

    const load = () => call(() => (tables.stored === null ? null : (JSON.parse(tables.stored.text) as ControlState)))

    const commit = (state: ControlState, draft: AuditDraft, { after, fence }: CommitOptions) =>
      call(() => {
        refuseFenced(tables, fence)
        const conflict = conflictOf({ revision: state.revision, after }, tables.stored?.revision ?? 0)
        if (conflict !== null) throw conflict
        const text = JSON.stringify(state)
        const entry = chain(draft, tables.head.hash, tables.head.seq + 1)
        tables.entries.push(JSON.stringify(entry))
        tables.stored = { revision: state.revision, text }
        tables.head = entry
        say(
          () => true,
          ears => ears.committed(instance, state.revision),
        )
        if (isIn(trouble.losing, instance)) throw unreachable()
        return entry
      })

    const audit = (page: { readonly limit: number; readonly before: number | null }) =>
      call(() => pageOf(tables.entries, page))

    const verifyAudit = () => call(() => verify(tables.entries))

    const keep = ({ put, remove }: KeptChanges, fence?: Fence) =>
      call(() => {
        refuseFenced(tables, fence)
        const own = tables.kept.get(instance) ?? { records: new Map<string, string>(), writtenAt: 0 }
        tables.kept.set(instance, own)
        own.writtenAt = now()
        for (const key of remove) own.records.delete(key.toWellFormed())
        for (const [key, text] of put) own.records.set(key.toWellFormed(), text.toWellFormed())
      })

    const kept = () => call((): readonly KeptRecord[] => [...(tables.kept.get(instance)?.records ?? [])])

    const keptByOthers = (prefix: string) =>
      call(() =>
        [...tables.kept].flatMap(([other, { records }]) =>
          other === instance
            ? []
            : [...records].flatMap(([key, text]): readonly KeptByOther[] =>
                key.startsWith(prefix) ? [[other, key, text]] : [],
              ),
        ),
      )

    const lease = (name: string, holder: string, forMs: Milliseconds) =>
      call((): Lease | null => {
        const held = tables.leases.get(name) ?? { holder: null, token: 0, until: 0 }
        const runs = held.holder !== null && held.until > now()
        if (runs && held.holder !== holder) return null
        const taken = { token: runs ? held.token : held.token + 1, until: now() + forMs }
        tables.leases.set(name, { ...taken, holder })
        return taken
      })

    const release = (name: string, holder: string) =>
      call(() => {
        const held = tables.leases.get(name)
        if (held?.holder === holder) tables.leases.set(name, { ...held, holder: null })
      })

    async function close(): Promise<void> {
      closed = true
      if (listener !== null) listeners.delete(listener)
    }

    const shared: Shared = {
      tell: text =>
        call(() => {
          refuseUntellable(text)
          say(
            other => other !== instance,
            ears => ears.heard(instance, text),
          )
        }),
      listen(ears) {
        listener = { instance, ears }
        listeners.add(listener)
        queueMicrotask(() => (isIn(trouble.failing, instance) ? ears.lost() : ears.missed()))
      },
      present: (me, forMs) =>
        call(() => {
          const before = [...tables.present.values()].flatMap(({ text, at }): readonly Present[] =>
            now() - at <= forMs ? [{ ...(JSON.parse(text) as Presence), agoMs: now() - at }] : [],
          )
          tables.present.set(me.instance, { text: JSON.stringify(me), at: now() })
          return before
        }),
      leave: gone => call(() => void tables.present.delete(gone)),
      inherit: goneMs => call(() => inherit(tables, instance, now(), goneMs)),
      sweep: (ageMs, fence) =>
        call(() => {
          refuseFenced(tables, fence)
          sweep(tables, now() - ageMs)
        }),
    }
    return {
      kind: 'memory',
      shared,
      ...{ load, commit, audit, verifyAudit, keep, kept, keptByOthers, lease, release, close },
      schema: () => call(() => ({ stored: 1, known: 1 })),
    }
  }

  /** A little later, in order; who is cut off then does not hear it. */
  function say(to: (instance: string) => boolean, words: (ears: Ears) => void): void {
    for (const listener of listeners)
      if (to(listener.instance))
        queueMicrotask(() => {
          if (listeners.has(listener) && !isIn(trouble.failing, listener.instance)) words(listener.ears)
        })
  }

  function fail(on: boolean, instance = '*'): void {
    const before = new Set([...listeners].filter(listener => isIn(trouble.failing, listener.instance)))
    if (on) trouble.failing.add(instance)
    else trouble.failing.delete(instance)
    for (const listener of listeners) {
      const fails = isIn(trouble.failing, listener.instance)
      if (fails === before.has(listener)) continue
      queueMicrotask(() => (fails ? listener.ears.lost() : listener.ears.missed()))
    }
  }

  function hold(instance = '*'): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    trouble.held.set(instance, promise)
    return function letGo() {
      if (trouble.held.get(instance) === promise) trouble.held.delete(instance)
      resolve()
    }
  }

  function loseAnswers(on: boolean, instance = '*'): void {
    if (on) trouble.losing.add(instance)
    else trouble.losing.delete(instance)
  }

  return { open, fail, hold, loseAnswers }
}

function pageOf(entries: readonly string[], page: { readonly limit: number; readonly before: number | null }) {
  const end = Math.max(0, Math.min(entries.length, (page.before ?? Number.POSITIVE_INFINITY) - 1))
  const start = Math.max(0, end - Math.max(0, page.limit))
  return entries
    .slice(start, end)
    .reverse()
    .map(text => JSON.parse(text) as AuditEntry)
}

function verify(entries: readonly string[]): AuditCheck {
  let previous = EMPTY_CHAIN
  for (const text of entries) {
    const entry = JSON.parse(text) as AuditEntry
    if (!follows(entry, previous)) return { ok: false, entries: entries.length, brokenAt: entry.seq }
    previous = entry
  }
  return { ok: true, entries: entries.length, brokenAt: null }
}

function refuseFenced(tables: Tables, fence: Fence | undefined): void {
  if (fence === undefined) return
  const held = tables.leases.get(fence.lease)
  if (held?.token !== fence.token || held.holder === null) throw leaseLost(fence)
}

function inherit({ kept, present }: Tables, instance: string, now: EpochMs, goneMs: Milliseconds): string | null {
  if ((kept.get(instance)?.records.size ?? 0) > 0) return null
  const isGone = (at: EpochMs) => at < now - goneMs
  const gone = [...kept].filter(
    ([other, { records, writtenAt }]) =>
      other !== instance && records.size > 0 && isGone(writtenAt) && isGone(present.get(other)?.at ?? 0),
  )
  const last = gone.sort(([, a], [, b]) => b.writtenAt - a.writtenAt)[0]
  if (last === undefined) return null
  kept.delete(last[0])
  kept.set(instance, { records: last[1].records, writtenAt: now })
  return last[0]
}

function sweep({ kept, present }: Tables, oldest: EpochMs): void {
  for (const [instance, { at }] of present) if (at < oldest) present.delete(instance)
  for (const [instance, { writtenAt }] of kept) if (!present.has(instance) && writtenAt < oldest) kept.delete(instance)
}

function unreachable(): BanyanError {
  return new BanyanError('store_unreachable', 'The store cannot be reached.')
}
