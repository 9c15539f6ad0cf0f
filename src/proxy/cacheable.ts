// What a shared cache in front of us may keep of an answer (RFC 9111), while two sides answer under one URL.
import { splitOutsideQuotes } from './lists.ts'

export interface AnswerFacts {
  readonly method: string
  readonly status: number
  /** All of its Cache-Control fields, joined by commas; null: none. */
  readonly cacheControl: string | null
  /** There is an Expires, whatever it says. */
  readonly expires?: boolean
  readonly setsCookie: boolean
  /** The request bore an Authorization. */
  readonly hasAuthorization: boolean
  readonly vary: string | null
}

/** RFC 9110, 15.1: kept for a while without being told to. 304 stands for what it makes fresh again (RFC 9111, 4.3.4). */
const HEURISTIC = new Set([200, 203, 204, 206, 300, 301, 304, 308, 404, 405, 410, 414, 501])

/**
 * RFC 9111, 3. For a shared cache, so `private` forbids it and a request with Authorization needs more (3.5). Two liberties:
 * `Vary: *` counts as not kept, because it is never given to anybody else (4.1), and so does an answer that sets a cookie
 * and says nothing of caching, because no cache in use keeps such a one by itself.
 */
export function sharedCacheMayKeep(answer: AnswerFacts): boolean {
  const { method, status } = answer
  if (method !== 'GET' && method !== 'HEAD') return false
  if (
    status < 200 ||
    (answer.vary !== null && splitOutsideQuotes(answer.vary, ',').some(name => name.trim() === '*'))
  ) {
    return false
  }
  const said = directives(answer.cacheControl ?? '')
  // 5.2.2.3: a cache that understands `must-understand` passes over the `no-store` beside it.
  if (said.has('no-store') && !said.has('must-understand')) return false
  // `private="set-cookie"` forbids that field only.
  if (said.get('private') === null) return false
  if (answer.hasAuthorization && !said.has('public') && !said.has('s-maxage') && !said.has('must-revalidate'))
    return false
  const isExplicit = said.has('public') || said.has('s-maxage') || said.has('max-age') || answer.expires === true
  return isExplicit || (HEURISTIC.has(status) && !answer.setsCookie)
}

/** Lower-case names with their arguments, null without one. Said twice, the stricter counts: none. */
function directives(text: string): Map<string, string | null> {
  const found = new Map<string, string | null>()
  for (const part of splitOutsideQuotes(text, ',')) {
    const { name, argument } = readDirective(part)
    if (name !== '') found.set(name, found.get(name) === null ? null : argument)
  }
  return found
}

function readDirective(part: string): { readonly name: string; readonly argument: string | null } {
  const equals = part.indexOf('=')
  const name = (equals === -1 ? part : part.slice(0, equals)).trim().toLowerCase()
  return { name, argument: equals === -1 ? null : part.slice(equals + 1).trim() }
}

/**
 * A Cache-Control field that keeps shared caches out: `private` in the place of `public`, `s-maxage` and a `private` for some
 * fields only; the rest, for browsers, stays byte for byte. Of several fields each is changed by itself. null: there is none.
 */
export function madePrivate(cacheControl: string | null): string {
  const kept: string[] = []
  let isPrivate = false
  for (const part of splitOutsideQuotes(cacheControl ?? '', ',')) {
    const { name } = readDirective(part)
    if (name === 'public' || name === 's-maxage' || name === 'private') {
      if (!isPrivate)
        kept.push(
          part.slice(0, part.length - part.trimStart().length) + (part.trim() === 'private' ? part.trim() : 'private'),
        )
      isPrivate = true
    } else kept.push(part)
  }
  if (isPrivate) return kept.join(',').trim()
  const rest = kept.join(',').trim()
  return rest === '' ? 'private' : `${rest}, private`
}
