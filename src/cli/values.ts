// Reads the values of arguments and flags; what does not fit is refused with what is allowed.
import { InvalidArgumentError } from 'commander'
import { SCOPES, type Scope } from '../model/control.ts'
import type { Milliseconds, Percent, Revision } from '../model/units.ts'

const UNITS: Readonly<Record<string, Milliseconds>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
/** The longest that a timer of Node can wait; above it, it would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1
const HEADER = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):(.*)$/

/** `5`, `5%`, `0.25`: always percent, so `0.25` is a quarter of one percent. */
export function readPercent(text: string): Percent {
  const digits = /^(\d{1,3}(?:\.\d{1,2})?)\s?%?$/.exec(text.trim())?.[1]
  if (digits === undefined || Number(digits) > 100) {
    throw new InvalidArgumentError('Allowed: 0 to 100 percent, up to two decimals, such as 5, 5% or 0.25.')
  }
  return Number(digits)
}

/** `250ms`, `10s`, `5m`, `2h`, `30d`; a bare number is seconds. At least 1 ms. */
export function readDuration(text: string): Milliseconds {
  const parts = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)?$/.exec(text.trim())
  const durationMs = Number(parts?.[1]) * (UNITS[parts?.[2] ?? 's'] ?? Number.NaN)
  if (!(durationMs >= 1)) throw new InvalidArgumentError('Allowed: a time such as 250ms, 10s, 5m, 2h or 30d.')
  return durationMs
}

/** From a second to 400 days. */
export function readSpan(text: string): Milliseconds {
  const durationMs = readDuration(text)
  if (durationMs < 1000 || durationMs > 400 * 86_400_000) {
    throw new InvalidArgumentError('Allowed: a time from 1s to 400d, such as 2h or 7d.')
  }
  return durationMs
}

/** For `--until`: a time from now, or a moment as it was written. Which moments there are, the API says. */
export function readUntil(text: string): Milliseconds | string {
  if (/^\d+(\.\d+)?(s|m|h|d)$/.test(text)) return readSpan(text)
  if (/^\d{4}-\d\d-\d\d|^\d{8}T/.test(text)) return text
  throw new InvalidArgumentError(
    'Allowed: a time from now such as 30d (1s to 400d), a day such as 2026-12-31 (its beginning, UTC), or a time such as 2026-12-31T12:00:00Z.',
  )
}

export function readSide(text: string): 'legacy' | 'new' {
  if (text !== 'legacy' && text !== 'new') throw new InvalidArgumentError('Allowed: legacy or new.')
  return text
}

/** A duration that a timer can wait for. */
export function readTimer(text: string): Milliseconds {
  const durationMs = readDuration(text)
  if (durationMs > MAX_TIMER_MS) throw new InvalidArgumentError('Allowed: at most 24d.')
  return Math.ceil(durationMs)
}

/** A duration, or `none` for no end. Not null: commander would make an empty text of that. */
export function readDurationOrNone(text: string): Milliseconds | 'none' {
  return text.trim() === 'none' ? 'none' : readTimer(text)
}

export function readRevision(text: string): Revision {
  return readWhole(text, 0, Number.MAX_SAFE_INTEGER, 'a revision: the whole number that `banyan routes <route>` shows')
}

export function readLimit(text: string): number {
  return readWhole(text, 1, 1000, 'a whole number from 1 to 1000')
}

export function readSequence(text: string): number {
  return readWhole(text, 1, Number.MAX_SAFE_INTEGER, 'the number of an audit entry, from 1')
}

/** For `-H`, which may be repeated: collects pairs name, value. */
export function collectHeaders(
  text: string,
  previous: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  const [, name, value] = HEADER.exec(text) ?? []
  if (name === undefined || value === undefined || /\p{Cc}/u.test(value.trim())) {
    throw new InvalidArgumentError("Allowed: 'name: value', such as 'x-user-id: 42'.")
  }
  return [...previous, [name, value.trim()]]
}

/** For flags that may be repeated and may hold a list with commas. */
export function collectList(text: string, previous: readonly string[]): readonly string[] {
  const words = text.split(',').map(word => word.trim())
  if (words.includes('')) throw new InvalidArgumentError('Allowed: one, or several with commas between them.')
  return [...previous, ...words]
}

export function collectScopes(text: string, previous: readonly Scope[]): readonly Scope[] {
  const scopes = collectList(text, []).map(word => SCOPES.find(scope => scope === word))
  if (scopes.includes(undefined)) throw new InvalidArgumentError(`Allowed: ${SCOPES.join(', ')}.`)
  return [...new Set([...previous, ...scopes.filter(scope => scope !== undefined)])]
}

export function readWhole(text: string, least: number, most: number, allowed: string): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!(number >= least && number <= most)) throw new InvalidArgumentError(`Allowed: ${allowed}.`)
  return number
}
