// Compares the headers that a policy chose. Two ways through: headers that are written alike end in a walk that allocates nothing,
// which is the usual case and runs on the data path's thread; everything else is compared by what the values say.
import type { Divergence, Severity } from '../model/comparison.ts'
import type { HeaderList } from '../model/exchange.ts'
import { CHOSEN_HEADERS, canonicalValue, type HeaderWay, split, wayOf } from './header-values.ts'
import { pointerOf } from './json/pointer.ts'
import { compareCookies } from './set-cookie.ts'

interface Chosen {
  readonly ways: ReadonlyMap<string, HeaderWay>
  /** By length of a name, which letters names of that length begin with (bit 0 is `a`): most other names stop here. */
  readonly beginnings: Int32Array
}

const LONGEST_NAME = 255
const DEFAULT = prepared(CHOSEN_HEADERS)
/** By a policy's list, which lives as long as the policy. */
const PREPARED = new WeakMap<readonly string[], Chosen>()

function chosenOf(names: readonly string[] | null): Chosen {
  if (names === null) return DEFAULT
  let chosen = PREPARED.get(names)
  if (chosen === undefined) {
    chosen = prepared(names)
    PREPARED.set(names, chosen)
  }
  return chosen
}

function prepared(names: readonly string[]): Chosen {
  const beginnings = new Int32Array(LONGEST_NAME + 1)
  for (const name of names) beginnings[Math.min(name.length, LONGEST_NAME)]! |= beginning(name)
  return { ways: new Map(names.map(name => [name, wayOf(name)])), beginnings }
}

/** Letters differ in five bits, whatever their case. */
function beginning(name: string): number {
  return 1 << (name.charCodeAt(0) & 31)
}

/** Whether they would be found equal; `names` in lower case, null: the chosen set. */
export function sameHeaders(legacy: HeaderList, fresh: HeaderList, names: readonly string[] | null): boolean {
  const chosen = chosenOf(names)
  let i = nextChosen(legacy, 0, chosen)
  let j = nextChosen(fresh, 0, chosen)
  while (i < legacy.length && j < fresh.length) {
    if (legacy[i] !== fresh[j] || !isAlike(legacy[i] as string, legacy[i + 1] as string, fresh[j + 1] as string)) break
    i = nextChosen(legacy, i + 2, chosen)
    j = nextChosen(fresh, j + 2, chosen)
  }
  return (i >= legacy.length && j >= fresh.length) || compareHeaders(legacy, fresh, names).length === 0
}

/** Of one line each. */
function isAlike(name: string, legacy: string, fresh: string): boolean {
  // New with every version of what is sent.
  return legacy === fresh || (name.length === 4 && name.toLowerCase() === 'etag' && isSameValue('etag', legacy, fresh))
}

function nextChosen(headers: HeaderList, from: number, chosen: Chosen): number {
  let i = from
  while (i < headers.length && wayIn(chosen, headers[i] as string) === undefined) i += 2
  return i
}

function wayIn(chosen: Chosen, name: string): HeaderWay | undefined {
  const beginnings = chosen.beginnings[name.length < LONGEST_NAME ? name.length : LONGEST_NAME] as number
  if ((beginnings & beginning(name)) === 0) return undefined
  return chosen.ways.get(name) ?? chosen.ways.get(name.toLowerCase())
}

/** Paths are `/name`, lower case, of set-cookie `/set-cookie/NAME` and `/set-cookie/NAME/ATTRIBUTE`. */
export function compareHeaders(legacy: HeaderList, fresh: HeaderList, names: readonly string[] | null): Divergence[] {
  const chosen = chosenOf(names)
  const [before, after] = [linesOf(legacy, chosen), linesOf(fresh, chosen)]
  const found: Divergence[] = []
  for (const [name, way] of chosen.ways) {
    const [ours, theirs] = [before.get(name), after.get(name)]
    if (ours === undefined && theirs === undefined) continue
    if (way === 'cookies') found.push(...compareCookies(ours ?? [], theirs ?? []))
    else {
      const difference = compareLines(name, way, ours, theirs)
      if (difference !== null) found.push(difference)
    }
  }
  return found
}

function linesOf(headers: HeaderList, chosen: Chosen): Map<string, string[]> {
  const lines = new Map<string, string[]>()
  for (let i = nextChosen(headers, 0, chosen); i < headers.length; i = nextChosen(headers, i + 2, chosen)) {
    const name = (headers[i] as string).toLowerCase()
    const value = headers[i + 1] as string
    const before = lines.get(name)
    if (before === undefined) lines.set(name, [value])
    else before.push(value)
  }
  return lines
}

function compareLines(
  name: string,
  way: HeaderWay,
  ours: readonly string[] | undefined,
  theirs: readonly string[] | undefined,
): Divergence | null {
  const [legacy, fresh] = [ours?.join(', '), theirs?.join(', ')]
  if (legacy !== undefined && fresh !== undefined && (legacy === fresh || isSameValue(way, legacy, fresh))) return null
  return {
    kind: 'header',
    path: pointerOf([name]),
    ...(legacy !== undefined && { legacy }),
    ...(fresh !== undefined && { new: fresh }),
    severity: severityOf(name, way, legacy, fresh),
  }
}

function isSameValue(way: HeaderWay, legacy: string, fresh: string): boolean {
  return canonicalValue(way, legacy) === canonicalValue(way, fresh)
}

function severityOf(name: string, way: HeaderWay, legacy: string | undefined, fresh: string | undefined): Severity {
  if (name === 'content-type') return 'high'
  if (way === 'presence') return 'low'
  return way === 'list' && legacy !== undefined && fresh !== undefined && sorted(legacy) === sorted(fresh)
    ? 'low'
    : 'medium'
}

/** Only the order differs. */
function sorted(value: string): string {
  return split(value, ',').sort().join(', ')
}
