// The ledger of shadowing: where every eligible request ended, and what is kept of differences: bounded in bytes and in age,
// by signature, over restarts. What it has not saved yet it says when asked (`changes`).
import { worse } from '../compare/found-places.ts'
import type {
  DivergenceKind,
  Finding,
  FoundPlace,
  Rule,
  Severity,
  ShadowResult,
  UnaskedReason,
} from '../model/comparison.ts'
import type { Route, RouteId } from '../model/route.ts'
import type { Bytes, Clock, EpochMs, Milliseconds } from '../model/units.ts'
import { addRecords } from './add-records.ts'
import type { RuleHits } from './counts.ts'
import { RouteBook } from './route-book.ts'
import type { SignatureQuery } from './signature-row.ts'
import { Space } from './space.ts'
import type { NoiseView, RouteShadowView, ShadowBrief, SignatureView, Suspension } from './view.ts'

/** Keys of its records: this, the route, and the record's name, which has no space in it. */
const PREFIX = 'shadow'
/** Of all bytes: places are what is counted; exemplars are large, and the first to go. */
const FOR_PLACES = 0.5
/** Of exemplars, while records of several instances are looked at. */
const ROOM_TO_LOOK: Bytes = 256 * 1024 * 1024
const SWEEP_EVERY_MS: Milliseconds = 60_000
/** Who looks each second at all routes need not have each place of each judged anew. */
const BRIEF_FOR_MS: Milliseconds = 2_000

export interface LedgerOptions {
  readonly clock: Pick<Clock, 'now'>
  /** About, of places and exemplars of all routes. */
  readonly keepBytes: Bytes
  /** What was not seen for so long goes. */
  readonly ageMs: Milliseconds
  /** A signature is divergent for the first time. */
  readonly publish: (event: DivergenceEvent) => void
  /** Of each comparison, each place that is divergent. */
  readonly divergent: (route: RouteId, kind: DivergenceKind, severity: Severity) => void
  readonly suspended: (route: RouteId) => readonly Suspension[]
  /** In force now. */
  readonly rulesOf: (route: RouteId) => readonly Rule[]
}

export interface DivergenceEvent {
  readonly route: RouteId
  readonly signature: string
  readonly kind: DivergenceKind
  readonly field: string
  readonly severity: Severity
}

export interface ComparedPair {
  readonly route: Route
  readonly template: string
  readonly finding: Finding
  /** Legacy against itself; null: it was not asked twice. */
  readonly repeat: Finding | null
  readonly legacyMs: Milliseconds
  readonly newMs: Milliseconds
  /** Answers of this route are asked for twice now and then. */
  readonly learning: boolean
  /** In force; without it the route's own. */
  readonly rules?: readonly Rule[]
}

export interface LedgerChanges {
  readonly put: readonly (readonly [key: string, text: string])[]
  readonly remove: readonly string[]
}

/** Records of other instances, by the same keys; a key comes once for each that has it. */
export type Others = readonly (readonly [key: string, text: string])[]

export interface Ledger {
  /** Of a request that was not compared. */
  ended(route: Route, result: ShadowResult, reason: UnaskedReason | null): void
  compared(pair: ComparedPair): ShadowResult
  /** A mismatch was asked again on both sides. */
  triaged(route: Route, template: string, places: readonly FoundPlace[], verdict: 'persistent' | 'transient'): void
  /** With what others have kept of the route, if that is given. */
  view(route: RouteId, query: SignatureQuery, others?: Others): RouteShadowView
  /** Of this instance, up to two seconds old: for all routes, and often. */
  brief(route: RouteId): ShadowBrief | null
  signature(id: string, others?: Others): SignatureView | null
  /** Counted here: comparisons that were decided, and those without a difference that counts. */
  pairs(route: RouteId): { readonly compared: number; readonly matching: number }
  /** It is gone with its exemplars; when it comes again, it is new. False: there is none. */
  acknowledge(id: string): boolean
  /** Exemplars of that key are deleted; says how many. */
  forget(keyHash: string): number
  noise(route: RouteId, others?: Others): readonly NoiseView[]
  /** The beginning of the keys of all records of a route, and of all routes. */
  readonly prefixOf: (route: RouteId | null) => string
  revokeNoise(route: RouteId, id: string): boolean
  rules(route: RouteId, others?: Others): ReadonlyMap<string, RuleHits>
  /** What an earlier process saved; records of others are left alone. Before anything is counted. */
  load(records: Iterable<readonly [key: string, text: string]>): void
  /** What is to be saved since it was asked for the last time, so many records at most: writing all of them takes a while. */
  changes(most?: number): LedgerChanges
  /** They could not be saved: they come again. */
  unsaved(changes: LedgerChanges): void
  /** Other routes are gone, and all that was known of them. */
  retain(routes: ReadonlySet<RouteId>): void
}

export function createLedger(options: LedgerOptions): Ledger {
  const { clock, keepBytes, ageMs, rulesOf } = options
  const spaces = { places: new Space(keepBytes * FOR_PLACES), exemplars: new Space(keepBytes * (1 - FOR_PLACES)) }
  const books = new Map<RouteId, RouteBook>()
  const changed = new Set<string>()
  const briefs = new Map<
    RouteId,
    { readonly at: EpochMs; readonly rules: readonly Rule[]; readonly brief: ShadowBrief }
  >()
  let sweptAt: EpochMs = Number.NEGATIVE_INFINITY

  function bookOf(route: RouteId): RouteBook {
    let book = books.get(route)
    if (book === undefined) {
      // With every comparison the counts change.
      const counts = keyOf(route, 'counts')
      const isChanged = (record: string) => changed.add(record === 'counts' ? counts : keyOf(route, record))
      book = new RouteBook({ route, now: clock.now(), spaces, changed: isChanged })
      books.set(route, book)
    }
    return book
  }

  function bookFor({ id, template }: Route): RouteBook {
    const book = bookOf(id)
    book.template = template
    return book
  }

  function sweep(now: EpochMs): void {
    if (now - sweptAt < SWEEP_EVERY_MS) return
    sweptAt = now
    for (const book of books.values()) book.removeBefore(now - ageMs)
  }

  /** Of all instances, to be looked at only. Without others: the own one. */
  function united(route: RouteId, others: Others, now: EpochMs): RouteBook {
    const own = books.get(route)
    const theirs = others.map(([key, text]) => [partsOf(key), text] as const).filter(([[, of]]) => of === route)
    if (theirs.length === 0) return own ?? unknown(route, now)
    const records = new Map(own?.records())
    for (const [[prefix, , record], text] of theirs) {
      if (prefix !== PREFIX || record === undefined) continue
      const known = records.get(record)
      records.set(record, known === undefined ? text : addRecords(record, known, text))
    }
    const roomy = { places: new Space(Number.MAX_SAFE_INTEGER), exemplars: new Space(ROOM_TO_LOOK) }
    const all = new RouteBook({ route, now, spaces: roomy, changed: () => undefined })
    const isLast = (record: string) => record.startsWith('exemplars-')
    for (const [record, text] of [...records].sort(([one], [other]) => Number(isLast(one)) - Number(isLast(other)))) {
      try {
        all.read(record, text)
      } catch {
        // Of another version: what it says is not known here.
      }
    }
    return all
  }

  function find<T>(ask: (book: RouteBook, route: RouteId) => T | null): T | null {
    for (const [route, book] of books) {
      const found = ask(book, route)
      if (found !== null) return found
    }
    return null
  }

  return {
    ended: (route, result, reason) => bookFor(route).ended(result, reason),
    compared({ route, rules = route.compare.rules, ...seen }) {
      const now = clock.now()
      sweep(now)
      const { result, divergent, news } = bookFor(route).compared({ ...seen, rules }, now)
      for (const { kind, severity } of divergent) options.divergent(route.id, kind, severity)
      for (const { id, kind, field, places } of news) {
        const severity = places.reduce<Severity>((worst, place) => worse(worst, place.severity), 'low')
        options.publish({ route: route.id, signature: id, kind, field, severity })
      }
      return result
    },
    triaged: (route, _template, places, verdict) => books.get(route.id)?.triaged(places, verdict),
    view(route, query, others = []) {
      const now = clock.now()
      sweep(now)
      return united(route, others, now).view(query, rulesOf(route), options.suspended(route), now)
    },
    brief(route) {
      const book = books.get(route)
      if (book === undefined) return null
      const now = clock.now()
      const rules = rulesOf(route)
      const known = briefs.get(route)
      const isNew = known !== undefined && known.rules === rules && now >= known.at && now - known.at < BRIEF_FOR_MS
      if (isNew) return known.brief
      const brief = book.brief(rules, now)
      briefs.set(route, { at: now, rules, brief })
      return brief
    },
    signature(id, others = []) {
      const now = clock.now()
      const routes = new Set([...books.keys(), ...others.map(([key]) => partsOf(key)[1] ?? '')])
      for (const route of routes) {
        const has =
          books.get(route)?.signature(id, rulesOf(route), now) != null ||
          others.some(([key]) => key === keyOf(route, `signature-${id}`))
        if (has) return united(route, others, now).signature(id, rulesOf(route), now)
      }
      return null
    },
    pairs: route => books.get(route)?.pairs() ?? { compared: 0, matching: 0 },
    prefixOf: route => (route === null ? `${PREFIX} ` : `${PREFIX} ${route} `),
    acknowledge(id) {
      briefs.clear()
      return find(book => book.acknowledge(id) || null) ?? false
    },
    forget: keyHash => [...books.values()].reduce((sum, book) => sum + book.forget(keyHash), 0),
    noise(route, others = []) {
      const now = clock.now()
      return united(route, others, now).noise(now)
    },
    revokeNoise(route, id) {
      briefs.delete(route)
      return books.get(route)?.revokeNoise(id, clock.now()) ?? false
    },
    rules: (route, others = []) => united(route, others, clock.now()).rules(),
    load(records) {
      const isLast = (key: string) => key.includes(' exemplars-')
      for (const [key, text] of [...records].sort(([one], [other]) => Number(isLast(one)) - Number(isLast(other)))) {
        const [prefix, route, record] = partsOf(key)
        if (prefix !== PREFIX || route === undefined || record === undefined) continue
        try {
          const book = bookOf(route)
          book.read(record, text)
          // Reading changes nothing, unless there is no room for it.
          if (book.textOf(record) === null) changed.add(key)
          else changed.delete(key)
        } catch {
          // Broken, or of another version: in its place comes what is known now, or nothing.
          changed.add(key)
        }
      }
      sweep(clock.now())
    },
    changes(most = Number.POSITIVE_INFINITY) {
      sweep(clock.now())
      const put: (readonly [string, string])[] = []
      const remove: string[] = []
      for (const key of changed) {
        if (put.length + remove.length >= most) break
        changed.delete(key)
        const [, route = '', record = ''] = partsOf(key)
        const text = books.get(route)?.textOf(record) ?? null
        if (text === null) remove.push(key)
        else put.push([key, text])
      }
      return { put, remove }
    },
    unsaved({ put, remove }) {
      for (const [key] of put) changed.add(key)
      for (const key of remove) changed.add(key)
    },
    retain(routes) {
      for (const [route, book] of books) {
        if (routes.has(route)) continue
        books.delete(route)
        briefs.delete(route)
        book.close()
      }
    },
  }
}

/** Nothing is known of it yet. */
function unknown(route: RouteId, now: EpochMs): RouteBook {
  const nowhere = { places: new Space(0), exemplars: new Space(0) }
  return new RouteBook({ route, now, spaces: nowhere, changed: () => undefined })
}

function keyOf(route: RouteId, record: string): string {
  return `${PREFIX} ${route} ${record}`
}

function partsOf(key: string): readonly (string | undefined)[] {
  const [, prefix, route, record] = /^(\S+) (.*) (\S+)$/.exec(key) ?? []
  return [prefix, route, record]
}
