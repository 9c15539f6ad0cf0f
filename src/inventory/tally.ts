// What was seen of one method at one template, in about 2 KiB at most; two of them can be added up.
import { LATENCY_BUCKETS, latencyBucket, latencyQuantile } from '../model/latency.ts'
import type { Bytes, EpochMs, Milliseconds } from '../model/units.ts'
import { Distinct } from './distinct.ts'
import { type Stream, sessionCookieOf, streamOf } from './signs.ts'

/** One request and its answer, as a log or the proxy tells. What they do not tell is null. */
export interface Seen {
  readonly method: string
  /** Path and query. */
  readonly target: string
  /** 0: the client left before there was one. */
  readonly status: number
  readonly requestBytes: Bytes | null
  readonly answerBytes: Bytes | null
  readonly durationMs: Milliseconds | null
  readonly at: EpochMs | null
  readonly caller: string | null
  readonly host: string | null
  /** The template of the page that it was called from, of the same host. */
  readonly from: string | null
  readonly setCookies: readonly string[]
  readonly contentType: string | null
  /** Asked for as a page, that is by a person who goes there. */
  readonly isPage: boolean
  /** The proxy answered by itself, for a backend that did not. */
  readonly isFailure: boolean
  /** It is one of so many. */
  readonly standsFor: number
}

export type StatusClass = 'none' | '1xx' | '2xx' | '3xx' | '4xx' | '5xx'
const CLASSES: readonly StatusClass[] = ['none', '1xx', '2xx', '3xx', '4xx', '5xx']

const MOST_HOSTS = 4
const MOST_COOKIES = 4
const MOST_FROM = 4

export class Tally {
  requests = 0
  readonly statuses = [0, 0, 0, 0, 0, 0]
  /** Answers that stream are not in it: they take as long as they are wanted. */
  #latencies: Float64Array | null = null
  timed = 0
  requestBytes = 0
  answerBytes = 0
  /** Requests whose bytes are known. */
  sized = 0
  pages = 0
  readonly callers = new Distinct()
  readonly hosts = new Set<string>()
  readonly sessionCookies = new Set<string>()
  /** Where it was called from, by how many. */
  readonly from = new Map<string, number>()
  sessionInPath = false
  stream: Stream | null = null
  /** Of a safe method: why its query, or the program that it names, looks as if it wrote. */
  action: string | null = null

  take(seen: Seen): void {
    const { status, standsFor } = seen
    this.requests += standsFor
    this.statuses[status < 100 ? 0 : Math.min(5, Math.floor(status / 100))]! += standsFor
    const stream = streamOf(status, seen.contentType, seen.durationMs)
    if (stream !== null) this.stream ??= stream
    else if (seen.durationMs !== null) {
      this.#timesToFill()[latencyBucket(seen.durationMs)]! += standsFor
      this.timed += standsFor
    }
    if (seen.answerBytes !== null) {
      this.answerBytes += seen.answerBytes * standsFor
      this.requestBytes += (seen.requestBytes ?? 0) * standsFor
      this.sized += standsFor
    }
    if (seen.isPage) this.pages += standsFor
    if (seen.caller !== null) this.callers.add(seen.caller)
    if (seen.host !== null && this.hosts.size < MOST_HOSTS) this.hosts.add(seen.host)
    for (const setCookie of seen.setCookies) {
      if (this.sessionCookies.size >= MOST_COOKIES) break
      const name = sessionCookieOf(setCookie)
      if (name !== null) this.sessionCookies.add(name)
    }
    if (seen.from !== null) addFrom(this.from, seen.from, standsFor)
  }

  merge(other: Tally): void {
    this.requests += other.requests
    for (let i = 0; i < CLASSES.length; i++) this.statuses[i]! += other.statuses[i] as number
    if (other.#latencies !== null) {
      const mine = this.#timesToFill()
      for (let i = 0; i < LATENCY_BUCKETS; i++) mine[i]! += other.#latencies[i] as number
    }
    this.timed += other.timed
    this.requestBytes += other.requestBytes
    this.answerBytes += other.answerBytes
    this.sized += other.sized
    this.pages += other.pages
    this.callers.merge(other.callers)
    addAll(this.hosts, other.hosts, MOST_HOSTS)
    addAll(this.sessionCookies, other.sessionCookies, MOST_COOKIES)
    for (const [from, count] of other.from) addFrom(this.from, from, count)
    this.sessionInPath ||= other.sessionInPath
    this.stream ??= other.stream
    this.action ??= other.action
  }

  /** Of the requests that are `timed`. */
  latency(q: number): Milliseconds | null {
    return this.#latencies === null ? null : latencyQuantile([this.#latencies], this.timed, q)
  }

  #timesToFill(): Float64Array {
    this.#latencies ??= new Float64Array(LATENCY_BUCKETS)
    return this.#latencies
  }

  byClass(): Readonly<Partial<Record<StatusClass, number>>> {
    const all = CLASSES.map((name, i) => [name, this.statuses[i] as number] as const)
    return Object.fromEntries(all.filter(([, count]) => count > 0))
  }
}

/** Misra and Gries: who calls often stays, who calls rarely gives way. */
function addFrom(from: Map<string, number>, name: string, count: number): void {
  const known = from.get(name)
  if (known !== undefined || from.size < MOST_FROM) {
    from.set(name, (known ?? 0) + count)
    return
  }
  for (const [other, had] of from) {
    if (had <= count) from.delete(other)
    else from.set(other, had - count)
  }
}

function addAll(to: Set<string>, from: ReadonlySet<string>, most: number): void {
  for (const one of from) if (to.size < most) to.add(one)
}
