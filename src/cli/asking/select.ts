// Which requests of a log are asked: safe ones only, each once, a bounded number of them spread over all templates. Pure.
import { BROKEN, isBroken, parseLogLine, parseUrlLine } from '../../inventory/access-log.ts'
import type { SafeMethod, WireRequest } from './answer.ts'
import { suspicionOf, templateOf } from './likeness.ts'

export interface Selection {
  readonly requests: readonly WireRequest[]
  readonly counts: SelectionCounts
}

export interface SelectionCounts {
  /** Lines that are neither empty nor a comment. */
  readonly lines: number
  readonly broken: Readonly<Record<string, number>>
  /** Lines whose method is none of GET, HEAD, OPTIONS, by method. */
  readonly unsafe: Readonly<Record<string, number>>
  /** Lines that look like a write by GET, by the word that says so. */
  readonly suspicious: Readonly<Record<string, number>>
  readonly duplicates: number
  /** Different requests that are kept to choose from. */
  readonly distinct: number
  readonly templates: number
  /** Left out, because a chance sample of their template is kept, or no more templates are. */
  readonly beyond: number
}

export interface Selector {
  add(line: string): void
  select(): Selection
}

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
/** The beginning of a line of a list: a path or a URL, a method before it or not. No access log begins so. */
const LISTED = /^\s*(?:[A-Za-z]+\s+)?(?:\/|https?:\/\/)/
/** What is left of a request line that was cut out of a log. */
const VERSION = /\s+HTTP\/\d(?:\.\d)?\s*$/i
const MOST_DISTINCT = 200_000
const MOST_CHARACTERS = 64 * 1024 * 1024
/** Of one template: a frequent one must not take the memory of rare ones that come later. */
const MOST_ALIKE = 2000
const MOST_NAMES = 20

interface Alike {
  readonly requests: WireRequest[]
  /** That came, those left out included. */
  came: number
}

export interface SelectorOptions {
  readonly suspicious: boolean
  readonly host: string | null
  readonly limit: number
}

export function createSelector(options: SelectorOptions): Selector {
  const seen = new Set<string>()
  const byTemplate = new Map<string, Alike>()
  const most = Math.max(MOST_ALIKE, options.limit)
  const random = createRandom()
  const counts = { lines: 0, duplicates: 0, beyond: 0 }
  const broken = new Map<string, number>()
  const unsafe = new Map<string, number>()
  const suspicious = new Map<string, number>()
  let characters = 0
  const forget = (key: string): void => {
    seen.delete(key)
    characters -= key.length
  }
  return {
    add(line) {
      const entry = LISTED.test(line) ? parseUrlLine(line.replace(VERSION, '')) : parseLogLine(line)
      if (isBroken(entry)) {
        if (entry.broken === 'empty') return
        counts.lines++
        countUp(broken, BROKEN[entry.broken])
        return
      }
      counts.lines++
      if (!SAFE.has(entry.method)) {
        countUp(unsafe, entry.method)
        return
      }
      const suspicion = options.suspicious ? null : suspicionOf(entry.target)
      if (suspicion !== null) {
        countUp(suspicious, suspicion)
        return
      }
      const host = options.host ?? entry.host
      const key = keyOf({ ...entry, host })
      if (seen.has(key)) {
        counts.duplicates++
        return
      }
      const template = templateOf(entry.target)
      const request = { method: entry.method as SafeMethod, target: entry.target, host, template }
      const group = `${entry.method} ${host ?? ''} ${template}`
      const alike = byTemplate.get(group) ?? { requests: [], came: 0 }
      alike.came++
      const isFull = alike.requests.length >= most
      if (isFull) counts.beyond++
      // As for a reservoir: each that came is kept with the same chance.
      const at = isFull ? Math.floor(random() * alike.came) : alike.requests.length
      if (at >= most) return
      const replaced = alike.requests[at]
      if (replaced !== undefined) forget(keyOf(replaced))
      else if (seen.size >= MOST_DISTINCT || characters + key.length > MOST_CHARACTERS) {
        counts.beyond++
        return
      }
      seen.add(key)
      characters += key.length
      alike.requests[at] = request
      byTemplate.set(group, alike)
    },
    select: () => ({
      requests: spread(
        [...byTemplate.values()].map(({ requests }) => requests),
        options.limit,
      ),
      counts: {
        ...counts,
        broken: Object.fromEntries(broken),
        unsafe: Object.fromEntries(unsafe),
        suspicious: Object.fromEntries(suspicious),
        distinct: seen.size,
        templates: byTemplate.size,
      },
    }),
  }
}

function keyOf({ method, host, target }: Pick<WireRequest, 'host' | 'target'> & { readonly method: string }): string {
  return `${method} ${host ?? ''} ${target}`
}

/** The same log gives the same sample: Lehmer's generator. */
function createRandom(): () => number {
  let state = 1
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

/** One of each group in turn until there are enough; within a group evenly over its length, so that all of the log takes part. */
export function spread<T>(groups: readonly (readonly T[])[], limit: number): readonly T[] {
  const shares = groups.map(() => 0)
  let left = Math.min(
    limit,
    groups.reduce((sum, group) => sum + group.length, 0),
  )
  for (let i = 0; left > 0; i = (i + 1) % groups.length) {
    if (shares[i]! >= groups[i]!.length) continue
    shares[i]! += 1
    left -= 1
  }
  const picked = groups.map((group, i) =>
    Array.from({ length: shares[i]! }, (_, at) => group[Math.floor((at * group.length) / shares[i]!)]!),
  )
  // In turns, so that a run that is stopped early has seen something of everything.
  const most = picked.reduce((max, group) => Math.max(max, group.length), 0)
  return Array.from({ length: most }, (_, at) => picked.flatMap(group => group.slice(at, at + 1))).flat()
}

function countUp(counted: Map<string, number>, name: string): void {
  const known = counted.has(name) || counted.size < MOST_NAMES ? name : 'others'
  counted.set(known, (counted.get(known) ?? 0) + 1)
}
