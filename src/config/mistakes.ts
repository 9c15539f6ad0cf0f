// From what zod found to what people read: the one place where issues become mistakes with a place, a hint and a remedy.
import { z } from 'zod'
import type { Mistake } from '../model/errors.ts'
import { allowed, keysOf, schemaAt, unwrap } from './about.ts'
import { didYouMean, type Kind, kindHint, saysYes, wordHint } from './hint.ts'
import { type Located, nearestTo, pointerOf } from './positions.ts'

/** A mistake that knows its path but not yet its place. */
export interface Finding {
  readonly path: readonly PropertyKey[]
  /** Default: the value, and for a missing one what it is missing from. */
  readonly at?: 'key'
  readonly message: string
  readonly allowed?: string | null
  readonly hint?: string | null
  readonly level?: 'warning'
}

type Issue = z.core.$ZodIssue

/** `above` is the path of the value that the issue's own path starts from. */
export function findingsOf(
  issue: Issue,
  schema: z.ZodType,
  root: Located,
  above: readonly PropertyKey[] = [],
): readonly Finding[] {
  const path = [...above, ...issue.path]
  const place = schemaAt(schema, path)
  const fitting = place === null ? null : allowed(place)
  const { node, depth } = nearestTo(root, path)
  if (depth < path.length) return [{ path, message: `${String(path.at(-1))} is missing`, allowed: fitting }]
  const value = dataOf(node)
  const one = (message: string, hint: string | null = null): Finding[] => [{ path, message, allowed: fitting, hint }]

  switch (issue.code) {
    case 'custom': {
      const own = (issue.params ?? {}) as { hint?: string | null; allowed?: string }
      return [{ path, message: issue.message, allowed: own.allowed ?? fitting, hint: own.hint ?? null }]
    }
    case 'unrecognized_keys': {
      const known = place === null ? [] : keysOf(place)
      return issue.keys.map(key => ({
        path: [...path, key],
        at: 'key' as const,
        message: 'unknown key',
        allowed: known.join(', '),
        hint: didYouMean(key, known),
      }))
    }
    case 'invalid_key': {
      const inner = issue.issues[0] as (Issue & { params?: { hint?: string | null } }) | undefined
      const hint = inner?.params?.hint ?? null
      return [{ path, at: 'key', message: inner?.message ?? 'not a name', allowed: keyAllowed(schema, path), hint }]
    }
    case 'invalid_union': {
      const right = issue.errors.find(branch => !branch.some(isWrongKind))
      if (right !== undefined) {
        const found = right.flatMap(inner => findingsOf(inner, schema, root, path))
        const wanted = place !== null && saysYes(value) && hasDefaults(place)
        return wanted ? found.map(finding => ({ ...finding, hint: 'write {} to take its defaults' })) : found
      }
      const kinds = issue.errors.flat().filter(isWrongKind).map(kindOf)
      return one(`must be ${kinds.map(withArticle).join(' or ')}`, kindHint(kinds.at(-1) ?? 'text', value, node.source))
    }
    case 'invalid_type': {
      const whole = place !== null && unwrap(place) instanceof z.ZodNumber && typeof value !== 'number'
      const kind = whole ? 'whole number' : kindOf(issue)
      return one(`must be ${withArticle(kind)}`, kindHint(kind, value, node.source, wordsOf(place)))
    }
    case 'invalid_value':
      return one('not one of the allowed words', wordHint(issue.values.map(String), value))
    case 'too_small':
      return one(issue.origin === 'array' ? 'the list is empty' : `less than ${issue.minimum}`)
    case 'too_big':
      return one(`more than ${issue.maximum}`)
    default:
      return one(issue.message)
  }
}

export function locate(finding: Finding, root: Located): Mistake {
  const { node, depth } = nearestTo(root, finding.path)
  const present = depth === finding.path.length
  const aboutKey = finding.at === 'key' && present
  return {
    ...((aboutKey ? node.key : null) ?? node.at),
    path: pointerOf(finding.path),
    message: finding.message,
    found: !present ? null : aboutKey ? shorten(String(finding.path.at(-1))) : foundIn(node),
    allowed: finding.allowed ?? null,
    // It may quote the value.
    hint: node.outside && present ? null : (finding.hint ?? null),
    level: finding.level ?? 'error',
  }
}

/** Something there was refused already, so that nothing true can be said about it. */
export function concernsRefused(finding: Finding, root: Located): boolean {
  return nearestTo(root, finding.path).node.kind === 'refused'
}

/** A user and password in a URL are nobody's business; of a database's also where an unescaped / or @ is in them. */
export function withoutUserInfo(text: string): string {
  return text
    .replace(/(postgres(?:ql)?:)\/\/\S*@/gi, '$1//***@')
    .replace(/([?&](?:ssl)?password=)[^&\s"']*/gi, '$1***')
    .replace(/\/\/[^\s/@]*@/g, '//***@')
}

const KINDS: Readonly<Record<string, Kind>> = {
  string: 'text',
  int: 'whole number',
  number: 'number',
  boolean: 'true or false',
  array: 'list',
  object: 'mapping',
  record: 'mapping',
}

function kindOf(issue: Issue): Kind {
  return (issue.code === 'invalid_type' ? KINDS[issue.expected] : undefined) ?? 'text'
}

function withArticle(kind: Kind): string {
  return kind === 'true or false' ? kind : `a ${kind}`
}

/** Of a union's branch: the value is not even of its kind. */
function isWrongKind(issue: Issue): boolean {
  return issue.code === 'invalid_type' && issue.path.length === 0
}

function keyAllowed(schema: z.ZodType, path: readonly PropertyKey[]): string | null {
  const parent = schemaAt(schema, path.slice(0, -1))
  const record = parent === null ? null : unwrap(parent)
  return record instanceof z.ZodRecord ? allowed(record.keyType as z.ZodType) : null
}

/** One of its forms is a mapping that may be empty. */
function hasDefaults(place: z.ZodType): boolean {
  const bare = unwrap(place)
  if (!(bare instanceof z.ZodUnion)) return false
  return bare.options.some(option => option instanceof z.ZodObject && option.safeParse({}).success)
}

/** Those that a list of words may hold; null for any other place. */
function wordsOf(place: z.ZodType | null): readonly string[] | null {
  const list = place === null ? null : unwrap(place)
  const entry = list instanceof z.ZodArray ? unwrap(list.element as z.ZodType) : null
  return entry instanceof z.ZodEnum ? entry.options.map(String) : null
}

function dataOf(node: Located): unknown {
  return node.kind === 'list' ? [] : node.kind === 'map' ? {} : node.value
}

/** The words of the text, never what came in from outside. */
function foundIn(node: Located): string | null {
  if (node.kind === 'list') return 'a list'
  if (node.kind === 'map') return 'a mapping'
  if (node.secret && node.source !== '' && !/^(\$\{[^}]*\}|file:.*)$/.test(node.source)) return '***'
  return node.source === '' ? null : shorten(withoutUserInfo(node.source))
}

function shorten(text: string): string {
  const [line = ''] = text.split('\n', 1)
  return line.length === text.length && line.length <= 80 ? line : `${line.slice(0, 79)}…`
}
