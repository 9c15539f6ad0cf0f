// From what zod found in a call to what people read: what is wrong, where, and what is allowed instead.
import type { z } from 'zod'
import { keysOf, said, schemaAt } from '../config/about.ts'
import { didYouMean, wordHint } from '../config/hint.ts'

type Issue = z.core.$ZodIssue

/** Of keys that nobody knows, so many are named. */
const MOST_KEYS = 5
const LONGEST_KEY = 64

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
}

/** `value` is what came, as a whole. `plain`: of a URL, where all is text and may be said back; twice the same name is a list. */
export function refusedIn(
  error: z.ZodError,
  schema: z.ZodType,
  value: unknown,
  plain = false,
): { pointer: string; message: string }[] {
  const refused = error.issues.map(issue => ({
    pointer: ['', ...issue.path.map(escaped)].join('/'),
    message: messageOf(issue, schema, value, plain),
  }))
  // Of one value several things may be wrong, and one sentence says what it must be.
  return refused.filter(
    ({ pointer, message }, i) => refused.findIndex(one => one.pointer === pointer && one.message === message) === i,
  )
}

function messageOf(issue: Issue, schema: z.ZodType, value: unknown, plain: boolean): string {
  if (issue.code === 'unrecognized_keys') return unknownKeys(issue.keys, schemaAt(schema, issue.path) ?? schema)
  const found = issue.path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown>)?.[key], value)
  const place = schemaAt(schema, issue.path)
  const stated = issue.code === 'custom' || place === null ? undefined : said(place, 'allowed')
  const wanted = stated ?? wantedBy(issue, place)
  if (wanted === null) return issue.message
  if (found === undefined) return `is missing: it must be ${wanted}`
  const hint = issue.code === 'invalid_value' ? wordHint(issue.values.map(String), found) : null
  const isShown = stated !== undefined || issue.code === 'invalid_type' || (plain && issue.code === 'invalid_value')
  const kind = isShown
    ? `; ${plain ? plainly(found) : `it is ${isFraction(issue, found) ? found : kindOf(found)}`}`
    : ''
  return `must be ${wanted}${kind}${hint === null ? '' : `; ${hint}`}`
}

function isFraction(issue: Issue, found: unknown): boolean {
  return issue.code === 'invalid_type' && (issue.expected as string) === 'int' && Number.isFinite(found)
}

function plainly(found: unknown): string {
  if (Array.isArray(found)) return 'it comes more than once'
  const text = String(found)
  return `it is ${JSON.stringify(text.length > LONGEST_KEY ? `${text.slice(0, LONGEST_KEY)}…` : text)}`
}

/** What fits behind "must be"; null where zod knows better words. */
function wantedBy(issue: Issue, place: z.ZodType | null): string | null {
  switch (issue.code) {
    case 'invalid_type':
      return KINDS[issue.expected] ?? issue.expected
    case 'invalid_value':
      return issue.values.map(String).join(' or ')
    case 'invalid_format':
      return place?.description ?? (issue.pattern === undefined ? null : `like ${issue.pattern}`)
    case 'invalid_union': {
      const branches = issue.errors.flatMap(([first]) => (first === undefined ? [] : (wantedBy(first, null) ?? [])))
      return place?.description ?? (branches.length === 0 ? null : branches.join(' or '))
    }
    case 'too_big':
      return sized(issue.origin, `at most ${issue.maximum}`)
    case 'too_small':
      return sized(issue.origin, `at least ${issue.minimum}`)
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`
    default:
      return null
  }
}

function sized(origin: string, size: string): string {
  if (origin === 'string') return `a text, ${size} long`
  return origin === 'array' ? `a list, ${size} long` : size
}

function unknownKeys(keys: readonly string[], schema: z.ZodType): string {
  const known = keysOf(schema)
  const named = keys.slice(0, MOST_KEYS).map(key => {
    const meant = didYouMean(key, known)
    return `${JSON.stringify(key.slice(0, LONGEST_KEY))}${meant === null ? '' : ` (${meant})`}`
  })
  const more = keys.length > MOST_KEYS ? ` and ${keys.length - MOST_KEYS} more` : ''
  const allowed = known.length === 0 ? 'none is allowed' : `allowed: ${known.join(', ')}`
  return `unknown ${keys.length === 1 ? 'key' : 'keys'} ${named.join(', ')}${more}; ${allowed}`
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  // What JSON.parse makes of `1e400`.
  if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY)
    return 'beyond 1.8e308, the largest that is taken'
  return KINDS[Array.isArray(value) ? 'array' : typeof value] ?? typeof value
}

/** A key as a part of a JSON Pointer (RFC 6901, 3). */
function escaped(key: PropertyKey): string {
  return String(key).replaceAll('~', '~0').replaceAll('/', '~1')
}
