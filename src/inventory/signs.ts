// What a request says of the place that it is for: it makes sessions, it writes (though it may be a GET), it streams.
import type { Milliseconds } from '../model/units.ts'

/** Names of cookies that keep a session, of the frameworks that are about and of people who named their own. */
const SESSION =
  /^(?:(?:__host-|__secure-)?(?:jsessionid|phpsessid|asp\.net_sessionid|aspsessionid\w*|sid|ssid|connect\.sid|koa\.sess|cfid|cftoken|auth|auth[_-]?token|access[_-]?token|remember[_-]?me\w*|\.aspxauth|\.aspnetcore\.cookies)|.*(?:session|sessid|sess_id|_sid)[\w.-]*)$/i
const MAX_NAME = 64

/** Of a Set-Cookie's value; null: it sets none, or takes one away. */
export function sessionCookieOf(setCookie: string): string | null {
  const end = setCookie.indexOf('=')
  const name = setCookie.slice(0, Math.max(0, end)).trim()
  if (name === '' || name.length > MAX_NAME || !SESSION.test(name) || !/^[\w.!#$%&'*+^`|~-]+$/.test(name)) return null
  const value = setCookie.slice(end + 1, setCookie.includes(';') ? setCookie.indexOf(';') : undefined).trim()
  return value === '' || /;\s*max-age\s*=\s*(?:0|-\d+)\s*(?:;|$)/i.test(setCookie) ? null : name
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND', 'REPORT', 'SEARCH'])

export function isUnsafe(method: string): boolean {
  return !SAFE.has(method)
}

const DOES =
  'delete del remove rm add create update upd save insert edit modify set store write put post patch logout logoff signout unsubscribe subscribe confirm activate deactivate enable disable approve reject cancel submit send reset purge destroy clear drop upload import move rename copy assign vote like buy pay order book checkout register verify revoke publish archive restore increment toggle mark ack execute exec run trigger start stop sync'
const WRITES = new Set(DOES.split(' '))
/** In a path these are as often things (`/order/:id`) or pages (`/edit`): as the value of an action only. */
const ONLY_AS_ACTION = new Set(
  'edit set store write put post order book pay like register checkout run start stop mark copy import verify sync restore archive'.split(
    ' ',
  ),
)
const READS =
  /^(?:view|show|list|get|search|find|index|display|read|browse|detail|details|home|default|open|print|preview|page|filter|sort|lookup|query|fetch|load|export|download|help)/i
const ACTION = /^(?:action|do|op|operation|cmd|command|task|event|method|_method|act|func|function|mode)$/i

/** Why a request whose method promises to change nothing looks as if it did; null: it does not. */
export function actionOf(segments: readonly string[], query: string | null): string | null {
  return actionInPath(segments) ?? (query === null ? null : actionInQuery(query))
}

/** Why a path looks as if asking for it changed something; null: it does not. Only of words that are the application's own. */
export function actionInPath(segments: readonly string[]): string | null {
  for (const segment of segments) {
    const word = wordsOf(segment).find(word => WRITES.has(word) && !ONLY_AS_ACTION.has(word))
    if (word !== undefined) return `"${word}" in the path`
  }
  return null
}

/** The same of a query. */
export function actionInQuery(query: string): string | null {
  // A query may be as long as a target may; what says what to do stands in front.
  for (const pair of query.slice(0, 512).split('&', 16)) {
    const equals = pair.indexOf('=')
    const name = equals === -1 ? pair : pair.slice(0, equals)
    const value = equals === -1 ? '' : pair.slice(equals + 1)
    if (!ACTION.test(name)) {
      // `?delete=5`, `?remove`: the name is the action.
      if (/^[a-z]+$/i.test(name) && WRITES.has(name.toLowerCase()) && !ONLY_AS_ACTION.has(name.toLowerCase())) {
        return `"${name.toLowerCase()}" in the query`
      }
      continue
    }
    if (value === '' || !/^[\w.-]{1,40}$/.test(value)) continue
    const words = wordsOf(value)
    if (words.some(word => WRITES.has(word))) return `"${name}=${value}" in the query`
    const isPlain = /^(?:mode|event|function|func|method|op)$/i.test(name) || words.some(word => READS.test(word))
    if (!isPlain && !/^\d+$/.test(value)) return `"${name}=${value}" in the query`
  }
  return null
}

/** `saveOrder.do` → save, order, do. */
function wordsOf(text: string): readonly string[] {
  if (text.length > 80) return []
  return text
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/)
}

export const STREAMS = {
  events: 'server-sent events',
  upgrade: 'an upgrade to another protocol',
  multipart: 'multipart/x-mixed-replace',
  long: 'open for long',
} as const
export type Stream = keyof typeof STREAMS

/** An answer that takes longer than this is most likely held open on purpose. */
const LONG_MS: Milliseconds = 30_000

/** What is not known is null. A failure that took long is no stream. */
export function streamOf(status: number, contentType: string | null, durationMs: Milliseconds | null): Stream | null {
  if (status === 101) return 'upgrade'
  const type = contentType?.toLowerCase().trimStart() ?? ''
  if (type.startsWith('text/event-stream')) return 'events'
  if (type.startsWith('multipart/x-mixed-replace')) return 'multipart'
  return durationMs !== null && durationMs >= LONG_MS && status >= 200 && status < 300 ? 'long' : null
}
