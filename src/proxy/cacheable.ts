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
 * RFC 9111, 3. For a shared cache, so `private` forbids it and a request with Authorization needs more (3.5). Three liberties:
 * only GET and HEAD are looked at; `Vary: *` counts as not kept, because it is never given to anybody else (4.1); and so
 * does an answer that sets a cookie and says nothing of caching, because caches do not keep such a one unless they are told to.
 * `no-cache` forbids nothing: it is kept, and asked about each time with a validator that may be the other side's.
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

/**
 * What a field says that some caches heed above Cache-Control (RFC 9213; Surrogate-Control; nginx's X-Accel-Expires), in the
 * words of Cache-Control.
 */
export function inCacheWords(lower: string, value: string): string {
  if (lower !== 'x-accel-expires') return value
  return value.trim() === '0' ? 'no-store' : 'max-age=1'
}

/** The same field, so that it lets no shared cache keep the answer. */
export function madePrivateIn(lower: string, value: string): string {
  if (lower === 'x-accel-expires') return '0'
  if (lower !== 'surrogate-control') return madePrivate(value)
  // It knows no `private`. What else it says, as `content="ESI/1.0"`, is about what to do with the answer.
  const rest = splitOutsideQuotes(value, ',').filter(
    part => part.trim() !== '' && readDirective(part).name !== 'max-age',
  )
  return ['no-store', ...rest.map(part => part.trim())].join(', ')
}

/** A service says the same nearly always. */
let last: { readonly text: string; readonly directives: ReadonlyMap<string, string | null> } | null = null

function directives(text: string): ReadonlyMap<string, string | null> {
  // A copy: a slice would keep its head alive.
  if (text !== last?.text) {
    const copy = Buffer.from(text, 'latin1').toString('latin1')
    last = { text: copy, directives: readDirectives(copy) }
  }
  return last.directives
}

/** Lower-case names with their arguments, null without one. Said twice, the stricter counts: none. */
function readDirectives(text: string): ReadonlyMap<string, string | null> {
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
  const argument = equals === -1 ? '' : part.slice(equals + 1).trim()
  return { name, argument: argument === '' || argument === '""' ? null : argument }
}

/**
 * A Cache-Control field that keeps shared caches out: `private` in the place of `public`, `s-maxage` and a `private` for some
 * fields only; the rest, for browsers, stays byte for byte. Of several fields each is changed by itself. null: there is none.
 */
export function madePrivate(cacheControl: string | null): string {
  if (cacheControl === null || cacheControl.trim() === '') return 'private'
  const parts = splitOutsideQuotes(cacheControl, ',')
  let isPrivate = parts.some(part => part.trim().toLowerCase() === 'private')
  const kept: string[] = []
  for (const part of parts) {
    const { name, argument } = readDirective(part)
    if (name !== 'public' && name !== 's-maxage' && (name !== 'private' || argument === null)) kept.push(part)
    else if (!isPrivate) {
      isPrivate = true
      kept.push(`${part.slice(0, part.length - part.trimStart().length)}private`)
    }
  }
  const rest = kept.length === parts.length ? kept.join(',') : kept.join(',').trim()
  // In front, because a quote that was never closed would swallow what follows.
  return isPrivate ? rest : `private, ${rest}`
}
