// Host names to addresses: asked anew on a schedule, and when connecting has failed. The last good answer is kept when the
// next one is an error or empty: a name server's bad day must not take a backend away that is well.
import { lookup } from 'node:dns/promises'
import type { Clock, Milliseconds } from '../model/units.ts'

const EVERY_MS = 30_000
/** Between two questions for one name, whoever asks. */
const LEAST_MS = 1_000
/** A name that nobody watches any more is remembered so long: after a reload it is mostly watched again. */
const KEPT_MS = 60_000

/** Rejects with an error whose `code` says why. */
export type Lookup = (host: string) => Promise<readonly string[]>

/** The system's resolver, in the system's order: /etc/hosts counts. */
export const lookupSystem: Lookup = async host => {
  const found = await lookup(host, { all: true, order: 'verbatim' })
  return found.map(one => one.address)
}

export interface Watch {
  /** Empty: none is known yet. */
  readonly addresses: readonly string[]
  /** A code, of the last question; null: it went well, or none was asked yet. */
  readonly error: string | null
  readonly isAsking: boolean
  /** Asks now, unless it was asked just before. */
  refresh(): void
  close(): void
}

export interface Resolver {
  /** `changed` is told of each outcome that changes something, but not before this has returned. */
  watch(host: string, changed: () => void): Watch
  /** Whatever is due. */
  sweep(): void
}

interface Entry {
  readonly host: string
  readonly watchers: Set<() => void>
  addresses: readonly string[]
  error: string | null
  isAsking: boolean
  askedAt: Milliseconds
  unwatchedAt: Milliseconds
}

export function createResolver(resolve: Lookup, clock: Pick<Clock, 'monotonic'>): Resolver {
  const entries = new Map<string, Entry>()

  function ask(entry: Entry): void {
    if (entry.isAsking) return
    entry.isAsking = true
    entry.askedAt = clock.monotonic()
    resolve(entry.host).then(
      found => learn(entry, [...new Set(found)], found.length === 0 ? 'ENODATA' : null),
      (error: unknown) => learn(entry, [], codeOf(error)),
    )
  }

  function learn(entry: Entry, found: readonly string[], error: string | null): void {
    entry.isAsking = false
    entry.error = error
    // The order is often turned from answer to answer; that changes nothing.
    const isNews = error === null ? !isSameSet(found, entry.addresses) : entry.addresses.length === 0
    if (error === null && isNews) entry.addresses = found
    if (isNews) for (const changed of [...entry.watchers]) changed()
  }

  function refresh(entry: Entry): void {
    if (clock.monotonic() - entry.askedAt >= LEAST_MS) ask(entry)
  }

  return {
    watch(host, changed) {
      let entry = entries.get(host)
      if (entry === undefined) {
        const never = Number.NEGATIVE_INFINITY
        entry = {
          host,
          watchers: new Set(),
          addresses: [],
          error: null,
          isAsking: false,
          askedAt: never,
          unwatchedAt: never,
        }
        entries.set(host, entry)
      }
      // Each watcher is one, even where two hand in the same function.
      const told = () => changed()
      entry.watchers.add(told)
      refresh(entry)
      return watchOf(entry, told)
    },
    sweep() {
      const now = clock.monotonic()
      for (const entry of entries.values()) {
        if (entry.watchers.size > 0) {
          const due = entry.addresses.length === 0 ? LEAST_MS : EVERY_MS
          if (now - entry.askedAt >= due) ask(entry)
        } else if (now - entry.unwatchedAt >= KEPT_MS) entries.delete(entry.host)
      }
    },
  }

  function watchOf(entry: Entry, told: () => void): Watch {
    return {
      get addresses() {
        return entry.addresses
      },
      get error() {
        return entry.error
      },
      get isAsking() {
        return entry.isAsking
      },
      refresh: () => refresh(entry),
      close() {
        entry.watchers.delete(told)
        entry.unwatchedAt = clock.monotonic()
      },
    }
  }
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every(one => b.includes(one))
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : 'EAI_FAIL'
}
