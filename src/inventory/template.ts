// Paths as templates: `/orders/42` and `/orders/43` are both `/orders/:id`. A template is a pattern that `match.path` takes,
// but for a last segment `*.do`.
import { isSecretAfter } from '../model/secret-segment.ts'
import { isAsset, type Kind, kindOf } from './segment.ts'

/** Deeper ones are the rest of the path: `/a/b/…/*`. */
export const MAX_DEPTH = 12

export interface ReadPath {
  readonly kinds: readonly Kind[]
  /** The last segment, as it came. */
  readonly file: string
  /** It had a `;jsessionid=…` in it, or another `;name=…sid…`. */
  readonly hasSession: boolean
}

/** Segment by segment, each by its own text and the name before it. `path` may have a query, which is not looked at. */
export function readPath(path: string): ReadPath {
  const clean = resolved(withoutQuery(path))
  const segments = clean.slice(1).split('/')
  const hasSession = /;[a-z_]*(?:jsessionid|sessionid|sid)=/i.test(clean)
  const bare = segments.map(segment => segment.replace(/;.*$/s, ''))
  const file = bare.at(-1) as string
  const kinds = bare.slice(0, MAX_DEPTH).map((segment, i): Kind => {
    const kind = kindOf(segment, i === bare.length - 1)
    const isSecret =
      kind.kind === 'literal' && i > 0 && !isAsset(segment) && isSecretAfter(bare[i - 1] as string, segment)
    return isSecret ? { kind: 'param', name: 'id' } : kind
  })
  if (bare.length > MAX_DEPTH) kinds[MAX_DEPTH - 1] = { kind: 'rest' }
  return { kinds, file, hasSession }
}

/** By each segment's own text. Of a template, itself. */
export function templateOf(path: string): string {
  return templateText(readPath(path).kinds)
}

/** Names of params are told apart by a number: a pattern has each once. */
export function templateText(kinds: readonly Kind[]): string {
  const used = new Map<string, number>()
  const texts = kinds.map(kind => {
    if (kind.kind === 'literal') return kind.text
    if (kind.kind === 'rest') return '*'
    if (kind.kind === 'suffix') return `*.${kind.extension}`
    const times = (used.get(kind.name) ?? 0) + 1
    used.set(kind.name, times)
    return times === 1 ? `:${kind.name}` : `:${kind.name}${times}`
  })
  return `/${texts.join('/')}`
}

function withoutQuery(target: string): string {
  const mark = target.indexOf('?')
  const path = mark === -1 ? target : target.slice(0, mark)
  return path.startsWith('/') ? path : `/${path}`
}

/** As matching reads a path: unreserved escapes decoded, other escapes in upper case, dot segments resolved. */
function resolved(path: string): string {
  const ascii = /^[!-~]*$/.test(path) ? path : path.toWellFormed().replace(/[^!-~]+/g, encodeURIComponent)
  const decoded = ascii.includes('%') ? ascii.replace(/%[0-9a-f]{2}/gi, decodeUnreserved) : ascii
  if (!decoded.includes('/.')) return decoded
  const kept: string[] = []
  const segments = decoded.slice(1).split('/')
  for (const [i, segment] of segments.entries()) {
    if (segment !== '.' && segment !== '..') kept.push(segment)
    else {
      if (segment === '..') kept.pop()
      if (i === segments.length - 1) kept.push('')
    }
  }
  return `/${kept.join('/')}`
}

function decodeUnreserved(coded: string): string {
  const character = String.fromCharCode(Number.parseInt(coded.slice(1), 16))
  return /[\w.~-]/.test(character) ? character : coded.toUpperCase()
}
