// What a request says of the place that it is for: it makes sessions, it writes (though it may be a GET), it streams.
import type { Milliseconds } from '../model/units.ts'
import { kindOf } from './segment.ts'

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

/** Verbs, wherever they stand: a word of a path, the name of a parameter, what an action's parameter says. */
const VERBS = setOf(`
  delete del remove rm add create update upd save insert modify patch logout logoff signout signoff endsession unsubscribe subscribe
  optout confirm activate deactivate enable disable approve reject cancel submit send resend reset purge destroy erase wipe truncate
  clear flush drop evict upload move rename assign unassign vote upvote downvote unvote buy revoke publish unpublish unarchive
  increment toggle ack execute exec trigger rollback revert undo redo undelete refund withdraw invalidate terminate kill abort shutdown
  reboot restart reindex rebuild regenerate recalculate recompute reprocess requeue suspend unsuspend dismiss discard decline
  impersonate unlike unfollow unfriend unstar unpin unmute unblock unlock unlink unban unmark unregister deregister uninstall
  disconnect detach kick ban reopen markas markall markread`)
/** Verbs in a path; as names of parameters they are settings (`?accept=json`, `?expire=1700000000`, `?retry=1`). */
const VERBS_OF_PATHS = setOf('accept empty reload retry expire')
/** In a path things (`/order/5`) or pages (`/orders/5/edit`). */
const PAGES = setOf('edit set store write put post order register')
/** As often things (`/book/3`, `/archive`), but after an id they say what to do with it: `/orders/5/pay`. */
const AFTER_ID = setOf('book pay like checkout run start stop mark copy import verify sync restore archive')
/** The same; in a parameter such as `mode` they would be states. */
const ONLY_AFTER_ID = setOf(`
  ship deliver dispatch fulfill fulfil process complete finish finalize done close merge clone duplicate transfer charge capture void
  settle purchase deposit renew redeem claim reserve hold rate star favorite favourite bookmark flag hide follow block mute pin lock
  invite join leave notify seen unread pause resume replay refresh rotate deploy install migrate upgrade promote demote connect
  attach launch`)
/** Written as two words as often as one: `/users/sign_out`. */
const TWO_WORDS = setOf(
  'logout logoff signout signoff endsession rollback shutdown optout unsubscribe markas markall markread',
)
const READS =
  /^(?:view|show|list|get|search|find|index|display|read|browse|detail|details|home|default|open|print|preview|page|filter|sort|lookup|query|fetch|load|export|download|help)/i
/** Names of parameters that say what to do; in `action[delete]` and `method:delete` the rest of the name says it. */
const ACTION =
  /^(?:action|do|op|operation|cmd|command|task|event|_eventid|method|_method|x-http-method(?:-override)?|x-method-override|act|func|function|mode|dispatch)(?=$|[[:])/i
/** Of these, the ones that also say how or what kind: only a verb counts. */
const HOW = /^(?:mode|event|_eventid|function|func|method|op|dispatch)$/i
/** What takes something away. Where it begins a name or is a value, no parameter's name is needed to know. */
const STRONG =
  /^(?:(?:log|sign)[-_ ]?(?:out|off)|delete|destroy|purge|remove|erase|wipe|truncate|terminate|unsubscribe|deactivate|del[-_]?id|empty[-_]?(?:cart|basket|bag|trash|bin)|add[-_]?to[-_]?(?:cart|basket|bag|wishlist))/i
/** `?delete_date=…`, `?logoutUrl=…` name what was done, or where to go. */
const TOLD =
  /(?:[-_](?:ur[li]|date|time|at|by|since|before|after|reason)|U(?:r[li]|R[LI])|Date|Time|At|By|Since|Before|After|Reason)$/
/** What people look for or sort by, and where to go then, may be any word. */
const LOOKED_FOR =
  /^(?:q|query|search\w*|s|terms?|keywords?|words?|text|title|name|find|filter\w*|sort\w*|order\w*|labels?|tags?|columns?|fields?|include|scope|permission|role)$/i
const GOES_TO = /ur[li]|redirect|return|next|back|continue|ref|from/i

const MAX_WORDS = 80
/** A target is bounded anyway; this keeps the time that a hostile one takes at about a millisecond. */
const MAX_QUERY = 8192

/** Why a request whose method promises to change nothing looks as if it did; null: it does not. */
export function actionOf(segments: readonly string[], query: string | null): string | null {
  return actionInPath(segments) ?? (query === null ? null : actionInQuery(query))
}

/** Why a path looks as if asking for it changed something; null: it does not. Only of words that are the application's own. */
export function actionInPath(segments: readonly string[]): string | null {
  for (const segment of segments) {
    const verb = verbIn(wordsOf(segment), isVerbOfPath)
    if (verb !== null) return `"${verb}" in the path`
  }
  const verb = verbAfterId(segments)
  return verb === null ? null : `"${verb}" after an id in the path`
}

/** The same of a query. Both separators count: a side may know `;`, too. Not remembered, so ordinary pairs have to be cheap. */
export function actionInQuery(query: string): string | null {
  const end = Math.min(query.length, MAX_QUERY)
  let from = 0
  for (let i = 0; i <= end; i++) {
    const code = i === end ? AMPERSAND : query.charCodeAt(i)
    if (code !== AMPERSAND && code !== SEMICOLON) continue
    const found = i === from ? null : actionInPair(query.slice(from, i))
    if (found !== null) return found
    from = i + 1
  }
  return null
}

const AMPERSAND = 0x26
const SEMICOLON = 0x3b

function actionInPair(pair: string): string | null {
  const equals = pair.indexOf('=')
  const name = decoded((equals === -1 ? pair : pair.slice(0, equals)).slice(0, MAX_WORDS * 3)).trim()
  const given = equals === -1 ? '' : pair.slice(equals + 1)
  const action = ACTION.exec(name)?.[0]
  // Longer ones are no words; an action's own may have a long tail.
  const value = given.length > MAX_WORDS * 3 && action === undefined ? '' : decoded(given.slice(0, MAX_WORDS * 3))
  const found =
    action === undefined
      ? (actionInName(name, value) ?? actionInValue(name, value))
      : actionSaid(action, `${name.slice(action.length).replace(/[[\]:]/g, ' ')} ${value}`.trim())
  return found === null ? null : `"${found}" in the query`
}

/** `?action=saveOrder`: any word but of reading, unless its name has other uses. */
function actionSaid(name: string, said: string): string | null {
  if (said === '') return null
  const words = wordsOf(said)
  // Signs are printed and written into drafts: no control characters, no markup.
  const sign = `${name}=${said.slice(0, 40).replace(/[^\w .:/-]/g, '?')}`
  if (verbIn(words, isWrite) !== null) return sign
  const isPlain = HOW.test(name) || words.some(word => READS.test(word))
  return isPlain || /^\d+$/.test(said) ? null : sign
}

/** `?delete=5`, `?remove`, `?removeItem=5`: the name is the action. */
function actionInName(name: string, value: string): string | null {
  const lower = name.toLowerCase()
  // The button of a search form.
  if (lower === 'submit' && READS.test(value)) return null
  if (VERBS.has(lower)) return lower
  const strong = strongIn(name)
  return strong === null || TOLD.test(name) ? null : strong
}

/** `?page=logout`, `?route=account/logout`, `?todo=deleteOrder`; words of a sentence are none. */
function actionInValue(name: string, value: string): string | null {
  const trimmed = value.trim()
  const last = trimmed.slice(trimmed.lastIndexOf('/') + 1)
  const strong = strongIn(last)
  if (strong === null || !/^(?:[A-Z_]\w*)?(?:\.\w{1,5})?$/.test(last.slice(strong.length))) return null
  if (TOLD.test(last) || GOES_TO.test(name)) return null
  return LOOKED_FOR.test(name) && last === trimmed ? null : strong.toLowerCase()
}

/** The strong word that a text begins with, as a whole: `delete_all` and `deleteAll`, not `deleted`. */
function strongIn(text: string): string | null {
  const strong = STRONG.exec(text)?.[0]
  if (strong === undefined) return null
  const isWhole =
    !/^[a-z]/i.test(text.slice(strong.length)) || /[a-z][A-Z]/.test(text.slice(strong.length - 1, strong.length + 1))
  return isWhole ? strong : null
}

/** `/orders/5/ship`: the last segment, and nothing but the verb. */
function verbAfterId(segments: readonly string[]): string | null {
  const last = segments.findLastIndex(segment => segment !== '')
  const before = segments[last - 1]
  if (before === undefined) return null
  const word = bare(segments[last] as string)
    .replace(/\.\w{1,5}$/, '')
    .toLowerCase()
  if (!AFTER_ID.has(word) && !ONLY_AFTER_ID.has(word)) return null
  return kindOf(bare(before), false).kind === 'param' ? word : null
}

/** Without a `;jsessionid=…`. */
function bare(segment: string): string {
  return decoded(segment.slice(0, MAX_WORDS * 3)).replace(/;.*$/s, '')
}

function isVerbOfPath(word: string): boolean {
  return VERBS.has(word) || VERBS_OF_PATHS.has(word)
}

function isWrite(word: string): boolean {
  return isVerbOfPath(word) || PAGES.has(word) || AFTER_ID.has(word)
}

function verbIn(words: readonly string[], isVerb: (word: string) => boolean): string | null {
  for (const [i, word] of words.entries()) {
    if (isVerb(word)) return word
    const both = word + (words[i + 1] ?? '')
    if (TWO_WORDS.has(both)) return both
  }
  return null
}

/** `saveOrder.do` → save, order, do. `SIGNOut` → sign, out. */
function wordsOf(text: string): readonly string[] {
  return decoded(text.slice(0, MAX_WORDS * 3))
    .slice(0, MAX_WORDS)
    .replace(/([a-z\d])(?=[A-Z])|([A-Z])(?=[A-Z][a-z])/g, '$1$2 ')
    .toLowerCase()
    .split(/[^a-z]+/)
}

/** Twice: a front that decodes may stand before a side that does so again. Bytes beyond ASCII stay bytes, as they are no verb's. */
function decoded(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  return spaced.includes('%') ? decodedOnce(decodedOnce(spaced)) : spaced
}

function decodedOnce(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function setOf(words: string): ReadonlySet<string> {
  return new Set(words.trim().split(/\s+/))
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
