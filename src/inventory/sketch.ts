// The inventory: what traffic consists of, from one request after the other, in bounded memory (a few MiB, see tree.ts).
//
// A path that was only ever refused (404 and its like) makes no template: scanners ask for anything. Such requests, and those
// whose templates gave way to busier ones, are counted as `other`.
import type { Bytes, EpochMs, Milliseconds } from '../model/units.ts'
import { extensionOf } from './segment.ts'
import { actionInPath, actionInQuery, isUnsafe, type Stream } from './signs.ts'
import { type Seen, type StatusClass, Tally } from './tally.ts'
import { readPath, templateText } from './template.ts'
import { type Made, Tree } from './tree.ts'

export type { Seen, StatusClass } from './tally.ts'

/** One method at one template. Counts are of requests, where only some were looked at the number that they stand for. */
export interface InventoryEntry {
  readonly template: string
  readonly method: string
  readonly requests: number
  readonly perSecond: number | null
  readonly p50Ms: Milliseconds | null
  readonly p95Ms: Milliseconds | null
  /** Of all bodies together; null: nothing tells. */
  readonly requestBytes: Bytes | null
  readonly answerBytes: Bytes | null
  /** Different addresses, right within 7 % above 64. */
  readonly callers: number
  readonly statuses: Readonly<Partial<Record<StatusClass, number>>>
  readonly sessionCookies: readonly string[]
  /** Some had their session in the path, as `;jsessionid=…`. */
  readonly sessionInPath: boolean
  readonly write: 'no' | 'method' | 'looks-like'
  /** Why a request with a safe method looks as if it wrote. */
  readonly writeSign: string | null
  readonly stream: Stream | null
  readonly kind: 'page' | 'assets' | 'other'
  /** The template of the page that most of them were called from. */
  readonly calledFrom: string | null
  /** Up to four. */
  readonly hosts: readonly string[]
}

export interface Inventory {
  readonly source: 'live' | 'log'
  /** When it began; of a log the first moment in it. null: nothing tells. */
  readonly since: EpochMs | null
  readonly until: EpochMs | null
  readonly requests: number
  /** So many of them were looked at. */
  readonly sampled: number
  /** Most requests first. */
  readonly entries: readonly InventoryEntry[]
  /** Requests that are in no entry. */
  readonly other: { readonly refused: number; readonly forgotten: number }
  /** Up to 32, most requests first. */
  readonly hosts: readonly { readonly host: string; readonly requests: number }[]
}

/** From the outside: a log has its own times, the live one runs from its start until now. */
export interface Period {
  readonly source: Inventory['source']
  readonly since: EpochMs | null
  readonly until: EpochMs | null
}

const MOST_HOSTS = 32
/** What these answer does not exist, or not so. */
const REFUSED = new Set([0, 400, 404, 405, 410, 414, 431, 501])
/** From so many of all answers on, it is a page; of all calls, they are called from one. */
const MOSTLY = 0.6

export class Sketch {
  readonly #tree = new Tree()
  readonly #hosts = new Map<string, number>()
  #requests = 0
  #sampled = 0
  #refused = 0
  #first: EpochMs | null = null
  #last: EpochMs | null = null

  take(seen: Seen): void {
    const { standsFor, at } = seen
    this.#requests += standsFor
    this.#sampled++
    if (at !== null) {
      if (this.#first === null || at < this.#first) this.#first = at
      if (this.#last === null || at > this.#last) this.#last = at
    }
    if (seen.host !== null && (this.#hosts.has(seen.host) || this.#hosts.size < MOST_HOSTS)) {
      this.#hosts.set(seen.host, (this.#hosts.get(seen.host) ?? 0) + standsFor)
    }
    const mark = seen.target.indexOf('?')
    const path = readPath(seen.target)
    const isTaken = this.#tree.take(path, seen.method, madeBy(seen), standsFor, tally => {
      tally.take(seen)
      tally.sessionInPath ||= path.hasSession
      if (isUnsafe(seen.method)) return
      if (tally.action !== null) return
      // Names of programs are kept also where `*.do` stands for them; other words of a path may turn out to be values.
      const program = extensionOf(path.file) === null ? null : actionInPath([path.file])
      tally.action = program ?? (mark === -1 ? null : actionInQuery(seen.target.slice(mark + 1)))
    })
    if (!isTaken) this.#refused += standsFor
  }

  /** `period.since` null: what the requests said. */
  view(period: Period): Inventory {
    const since = period.since ?? this.#first
    const until = period.until ?? this.#last
    // Less than a second of a log is no rate.
    const seconds = since === null || until === null || until - since < 1000 ? null : (until - since) / 1000
    const merged = this.#merged()
    // A log does not say what is a page: there, what others name as their referrer is one.
    const isOfLog = period.source === 'log'
    const named = new Set(isOfLog ? merged.flatMap(({ tally }) => [...tally.from.keys()]) : [])
    const pages = new Set(merged.flatMap(one => (isPage(one, named) ? [one.template] : [])))
    const entries = merged
      .map(one => entryOf(one, seconds, pages, isOfLog))
      .sort((a, b) => b.requests - a.requests || compare(a.template, b.template) || compare(a.method, b.method))
    return {
      source: period.source,
      since,
      until,
      requests: this.#requests,
      sampled: this.#sampled,
      entries,
      other: { refused: this.#refused, forgotten: this.#tree.forgotten },
      hosts: [...this.#hosts]
        .map(([host, requests]) => ({ host, requests }))
        .sort((a, b) => b.requests - a.requests || compare(a.host, b.host)),
    }
  }

  #merged(): readonly Merged[] {
    const merged = new Map<string, Merged>()
    for (const { kinds, method, tally, isAssets } of this.#tree.all()) {
      const template = templateText(kinds)
      const key = `${method} ${template}`
      const one = merged.get(key) ?? { template, method, tally: new Tally(), isAssets }
      one.tally.merge(tally)
      merged.set(key, one)
    }
    return [...merged.values()]
  }
}

function madeBy({ status, isFailure, target }: Seen): Made {
  if (isFailure || !target.startsWith('/')) return 'nothing'
  if (!REFUSED.has(status)) return 'path'
  // It was understood well enough to be found wrong.
  return status === 400 ? 'method' : 'nothing'
}

interface Merged {
  readonly template: string
  readonly method: string
  readonly tally: Tally
  readonly isAssets: boolean
}

/** A place that nobody goes to, though a page may ask it in a log that does not tell them apart. */
const OF_API = /^\/(?:[^/]+\/)?(?:api|ajax|rest|graphql|rpc|v\d+)(?:\/|$)|\.json$/i

function isPage({ tally, isAssets, method, template }: Merged, named: ReadonlySet<string>): boolean {
  if (isAssets || method !== 'GET' || OF_API.test(template)) return false
  return tally.pages >= tally.requests * MOSTLY || named.has(template)
}

function entryOf(
  { template, method, tally, isAssets }: Merged,
  seconds: number | null,
  pages: ReadonlySet<string>,
  isOfLog: boolean,
): InventoryEntry {
  const { requests } = tally
  const isWrite = isUnsafe(method)
  const isOfPage = pages.has(template)
  const action = isWrite || isAssets ? null : (tally.action ?? actionInPath(template.split('/').slice(1)))
  const isCall = !isAssets && !isOfPage && (!isOfLog || OF_API.test(template))
  return {
    template,
    method,
    requests,
    perSecond: seconds === null ? null : Number((requests / seconds).toPrecision(3)),
    p50Ms: tally.latency(0.5),
    p95Ms: tally.latency(0.95),
    requestBytes: tally.sized === 0 ? null : tally.requestBytes,
    answerBytes: tally.sized === 0 ? null : tally.answerBytes,
    callers: tally.callers.count(),
    statuses: tally.byClass(),
    sessionCookies: [...tally.sessionCookies].sort(),
    sessionInPath: tally.sessionInPath,
    write: isWrite ? 'method' : action === null ? 'no' : 'looks-like',
    writeSign: action,
    stream: tally.stream,
    kind: isAssets ? 'assets' : isOfPage ? 'page' : 'other',
    calledFrom: isCall ? calledFrom(tally, template, pages) : null,
    hosts: [...tally.hosts].sort(),
  }
}

function calledFrom({ from, requests }: Tally, template: string, pages: ReadonlySet<string>): string | null {
  for (const [page, count] of from) if (count >= requests * MOSTLY && page !== template && pages.has(page)) return page
  return null
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
