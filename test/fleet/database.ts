// A store that several instances share, in memory: rows, tellings and commits, with what can go wrong with it.

import type { Milliseconds, Revision } from '../../src/model/units.ts'
import type { Ears, Presence, Shared } from '../../src/store/store.ts'

export interface Database {
  open(instance: string): Shared
  /** What a transaction says by itself when it commits. */
  commit(from: string, revision: Revision): void
  /** From now on nobody, or one instance, is answered or told anything. */
  down(instance?: string): void
  /** Everybody is answered again, and hears that something may have been missed. */
  up(): void
  /** A row that an instance without a process left. */
  put(row: Presence, agoMs?: Milliseconds): void
  remove(instance: string): void
  /** Of tellings, who said what. */
  readonly told: { readonly from: string; readonly text: string }[]
  instances(): readonly string[]
}

export function createDatabase(): Database {
  const rows = new Map<string, Presence & { readonly agoMs: Milliseconds }>()
  const listening = new Map<string, Ears>()
  const cut = new Set<string>()
  const told: { from: string; text: string }[] = []
  const isCut = (instance: string) => cut.has('*') || cut.has(instance)

  function answered<T>(instance: string, value: () => T): Promise<T> {
    return new Promise((resolve, reject) =>
      setImmediate(() => (isCut(instance) ? reject(new Error('the store is down')) : resolve(value()))),
    )
  }

  function toAll(from: string, how: (ears: Ears) => void): void {
    for (const [instance, ears] of listening) if (!isCut(instance) && !isCut(from)) setImmediate(() => how(ears))
  }

  return {
    told,
    open: instance => ({
      tell: text =>
        answered(instance, () => {
          told.push({ from: instance, text })
          toAll(instance, ears => {
            if (ears !== listening.get(instance)) ears.heard(instance, text)
          })
        }),
      listen(ears) {
        listening.set(instance, ears)
      },
      present: (me, forMs) =>
        answered(instance, () => {
          const before = [...rows.values()].filter(row => row.agoMs <= forMs)
          rows.set(me.instance, { ...me, agoMs: 0 })
          return before
        }),
      leave: name =>
        answered(instance, () => {
          rows.delete(name)
          listening.delete(name)
        }),
      inherit: async () => null,
      sweep: async () => {},
    }),
    commit: (from, revision) => toAll(from, ears => ears.committed(from, revision)),
    down(instance = '*') {
      cut.add(instance)
      for (const [name, ears] of listening) if (isCut(name)) ears.lost()
    },
    up() {
      cut.clear()
      for (const ears of listening.values()) ears.missed()
    },
    put(row, agoMs = 0) {
      rows.set(row.instance, { ...row, agoMs })
    },
    remove: instance => void rows.delete(instance),
    instances: () => [...rows.keys()].sort(),
  }
}
