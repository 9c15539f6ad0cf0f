// The heads that cross the proxy, as text: what stays as it came, and what we write ourselves.
//
// Order, case, repetition and bytes of everything else stay: lines that cross are copied as runs of the original text.
// Hop-by-hop fields end here (RFC 9110, 7.6.1), so does what `Connection` names; but nobody can strip framing, Host or our
// own fields by naming them there. Framing is written once, by what is really sent.
import type { HeaderChanges } from '../model/route.ts'
import { LINK_HEADER, withoutLink } from '../routing/links.ts'
import type { Fields } from '../wire/fields.ts'
import type { Framing } from '../wire/framing.ts'
import type { Answer, Request } from '../wire/head.ts'
import { type Kind, knownAs, LOOP_HEADER } from '../wire/names.ts'
import type { Forwarded } from './client.ts'

/** Copies runs of lines; whatever is said in between stands where it was said. */
class Lines {
  #text: string
  #out: string
  #from: number

  constructor(text: string, start: string, from: number) {
    this.#text = text
    this.#out = start
    this.#from = from
  }

  /** Leaves a line out, perhaps with another in its place. */
  replace(from: number, to: number, line: string): void {
    this.#out += this.#text.slice(this.#from, from) + line
    this.#from = to
  }

  end(to: number, lines: string): string {
    return `${this.#out}${this.#text.slice(this.#from, to)}${lines}\r\n`
  }
}

const CONDITIONS = ['if-none-match', 'if-modified-since', 'if-match', 'if-range'] as const
export type Condition = (typeof CONDITIONS)[number]

export interface RequestRewrite {
  readonly forwarded: Forwarded
  /** Origin-form target, or `*`. */
  readonly target: string
  /** Text for Host; null keeps the client's. */
  readonly host: string | null
  /** For a client that sent none. */
  readonly missingHost: string
  /** What is really sent. */
  readonly framing: Framing
  readonly version: '1.1' | '1.0'
  /** false: this connection carries one exchange. */
  readonly stays: boolean
  readonly upgrades: boolean
  readonly expects: boolean
  /** Lower-case name of the override header, withheld; null: none. */
  readonly withheld: string | null
  /** Signed links are kept back: their header, and their parameter in Referer. */
  readonly hidesLinks: boolean
  /** Value for a traceparent, instead of the client's; `''`: that stays as it is. */
  readonly traceparent: string
  /** A trace begins here: no `tracestate` goes on. */
  readonly restartsTrace: boolean
  /** Mark that lets us know our own request again; null: this backend cannot be us. */
  readonly loopMark: string | null
  readonly changes: HeaderChanges | null
  /** What the side gets of a Cookie field; null: all of it. `''`: nothing. */
  readonly cookie: ((value: string) => string) | null
  /** What the side gets of a condition that names ETags; null: all of it. `''`: nothing. */
  readonly condition: ((lower: Condition, value: string) => string) | null
}

/** The head that a backend gets. */
export function requestText({ text, method, fields }: Request, rewrite: RequestRewrite): string {
  const { list, known, at, named } = fields
  const { framing, changes } = rewrite
  const lines = new Lines(text, `${method} ${rewrite.target} HTTP/${rewrite.version}\r\n`, at[0] as number)
  let given: Given | null = null
  let isTold = false
  for (let i = 0; i < known.length; i++) {
    const { kind, lower, isProtected } = known[i] as (typeof known)[number]
    const value = list[2 * i + 1] as string
    let line: string | null = null
    switch (kind) {
      case 'plain':
        if (lower === rewrite.withheld || (rewrite.restartsTrace && lower === 'tracestate')) line = ''
        else if (rewrite.hidesLinks && (lower === LINK_HEADER || lower === 'referer')) {
          const rest = lower === LINK_HEADER ? '' : withoutLink(value)
          if (rest !== value) line = lineOf(list[2 * i] as string, rest)
        } else if (rewrite.condition !== null && isCondition(lower)) {
          line = lineOf(list[2 * i] as string, rewrite.condition(lower, value))
        }
        break
      case 'trace':
        // Several are replaced by one.
        if (rewrite.traceparent !== '') line = isTold ? '' : lineOf(list[2 * i] as string, rewrite.traceparent)
        isTold = true
        break
      case 'host':
        if (rewrite.host !== null) line = `${list[2 * i]}: ${rewrite.host}\r\n`
        break
      case 'cookie':
        if (rewrite.cookie !== null) {
          const rest = rewrite.cookie(value)
          if (rest !== value) line = lineOf(list[2 * i] as string, rest)
        }
        break
      case 'forwarded':
        given ??= { for: null, host: null, real: null, forwarded: null }
        remember(given, lower, value)
        line = ''
        break
      case 'length':
        if (framing.kind === 'chunked') line = ''
        break
      case 'coding':
        line = framing.kind === 'chunked' ? `${list[2 * i]}: chunked\r\n` : ''
        break
      case 'trailer':
        if (framing.kind !== 'chunked') line = ''
        break
      case 'te':
        line = fields.takesTrailers && value !== '' ? 'TE: trailers\r\n' : ''
        break
      case 'upgrade':
        if (!rewrite.upgrades) line = ''
        break
      case 'expect':
        if (!rewrite.expects) line = ''
        break
      case 'hop':
      case 'keep-alive':
      case 'connection':
      case 'shadow':
      case 'twin':
        line = ''
        break
    }
    if (changes !== null && removes(changes, lower)) line = ''
    if (named !== null && !isProtected && named.has(lower) && lower !== 'upgrade') line = ''
    if (line !== null) lines.replace(at[i] as number, at[i + 1] as number, line)
  }
  return lines.end(at[known.length] as number, ownLines(fields, rewrite, given))
}

function isCondition(lower: string): lower is Condition {
  return lower.startsWith('if-') && (CONDITIONS as readonly string[]).includes(lower)
}

/** Also in spellings that some backends fold onto the name, as `X_User` onto `X-User`. */
function removes({ remove }: HeaderChanges, lower: string): boolean {
  return remove.has(lower) || (/[_.]/.test(lower) && remove.has(lower.replace(/[_.]/g, '-')))
}

function lineOf(name: string, value: string): string {
  return value === '' ? '' : `${name}: ${value}\r\n`
}

/** Everything that we say ourselves. */
function ownLines(fields: Fields, rewrite: RequestRewrite, given: Given | null): string {
  const { framing, forwarded, changes } = rewrite
  let own = ''
  if (fields.hosts === 0) own += `Host: ${rewrite.host ?? rewrite.missingHost}\r\n`
  if (framing.kind === 'length' && fields.isChunked) own += `Content-Length: ${framing.bytes}\r\n`
  if (fields.traceparent === null && rewrite.traceparent !== '' && changes?.remove.has('traceparent') !== true)
    own += `traceparent: ${rewrite.traceparent}\r\n`
  if (rewrite.loopMark !== null) own += `${LOOP_HEADER}: ${rewrite.loopMark}\r\n`
  own += forwardedLines(given, forwarded, fields.host, changes?.remove ?? NOTHING)
  if (changes !== null) for (const [name, value] of changes.set) own += `${name}: ${value}\r\n`
  const takes = fields.takesTrailers && rewrite.version === '1.1'
  if (rewrite.upgrades) own += 'Connection: Upgrade\r\n'
  else if (!rewrite.stays) own += takes ? 'Connection: close, TE\r\n' : 'Connection: close\r\n'
  else if (takes) own += 'Connection: TE\r\n'
  return own
}

/** What the client, or a forwarder before us, said of itself. */
interface Given {
  for: string | null
  host: string | null
  real: string | null
  forwarded: string | null
}

const GIVEN: Readonly<Record<string, keyof Given>> = {
  'x-forwarded-for': 'for',
  'x-forwarded-host': 'host',
  'x-real-ip': 'real',
  forwarded: 'forwarded',
}

function remember(given: Given, lower: string, value: string): void {
  const key = GIVEN[lower]
  if (key !== undefined) given[key] = given[key] === null ? value : `${given[key]}, ${value}`
}

const NOTHING: ReadonlySet<string> = new Set()

/** But for what the side does not want, or sets itself. */
function forwardedLines(given: Given | null, by: Forwarded, host: string | null, removed: ReadonlySet<string>): string {
  const kept = by.trusted ? given : null
  const toldHost = kept?.host ?? by.host ?? host
  // A forwarder that speaks RFC 7239 only has told the client's address too.
  const before = kept?.for ?? (by.client === by.peer ? null : by.client)
  let lines = ''
  if (!removed.has('x-forwarded-for')) lines += `X-Forwarded-For: ${before ? `${before}, ${by.peer}` : by.peer}\r\n`
  if (!removed.has('x-forwarded-proto')) lines += `X-Forwarded-Proto: ${by.proto}\r\n`
  if (toldHost !== null && !removed.has('x-forwarded-host')) lines += `X-Forwarded-Host: ${toldHost}\r\n`
  if (!removed.has('x-forwarded-port')) lines += `X-Forwarded-Port: ${by.port}\r\n`
  // These two are only continued: a backend that never saw them does not begin to.
  if (given !== null && given.real !== null && !removed.has('x-real-ip')) lines += `X-Real-IP: ${by.client}\r\n`
  if (given !== null && given.forwarded !== null && !removed.has('forwarded')) {
    const element = `for=${quotedAddress(by.peer)};proto=${by.proto}`
    lines += `Forwarded: ${kept?.forwarded ? `${kept.forwarded}, ${element}` : element}\r\n`
  }
  return lines
}

/** RFC 7239, 6: IPv6 in brackets and quotes. */
function quotedAddress(address: string): string {
  return address.includes(':') ? `"[${address}]"` : address
}

export interface AnswerRewrite {
  /** What the client gets: chunked where it can take it, else until the connection closes. */
  readonly framing: Framing
  /** The connection ends after this answer. */
  readonly closes: boolean
  /** HTTP/1.0 asked to stay: it has to be told that it may. */
  readonly confirmsStay: boolean
  /** Lines that the answer did not have; `''`: none. */
  readonly ownLines: string
  readonly special: Special | null
}

/** Looks at Set-Cookie, Location, Link, Cache-Control and ETag: another value, or the same. */
export type Special = (lower: string, value: string) => string

/** The head that a client gets. */
export function answerText({ text, status, reason, fields }: Answer, rewrite: AnswerRewrite): string {
  const { list, known, at, named } = fields
  const { framing } = rewrite
  const lines = new Lines(text, `HTTP/1.1 ${status} ${reason}\r\n`, at[0] ?? text.length - 2)
  let coded = false
  let sized = false
  for (let i = 0; i < known.length; i++) {
    const { kind, lower, isProtected } = known[i] as (typeof known)[number]
    let line: string | null = null
    switch (kind) {
      case 'plain':
        break
      case 'hop':
      case 'keep-alive':
      case 'connection':
      case 'te':
        line = ''
        break
      case 'upgrade':
        // RFC 9110, 15.5.22: a 426 says what it wants.
        if (status !== 426) line = ''
        break
      case 'coding':
        line = ''
        // Where there is no body (HEAD, 304) it says what GET would get.
        if (!coded && fields.isChunked && status !== 204 && (framing.kind === 'chunked' || framing.kind === 'none')) {
          coded = true
          line = `${list[2 * i]}: chunked\r\n`
        }
        break
      case 'length':
        // RFC 9110, 8.6: none in a 204; and once.
        if (status === 204 || sized) line = ''
        sized = true
        break
      case 'trailer':
        // Where there is no body (HEAD) it says what GET would get, as the coding does.
        if (framing.kind !== 'chunked' && !(framing.kind === 'none' && fields.isChunked)) line = ''
        break
      case 'set-cookie':
      case 'location':
      case 'link':
      case 'cache':
      case 'etag':
        line = specialLine(fields, i, rewrite.special)
        break
    }
    if (named !== null && !isProtected && named.has(lower)) line = ''
    if (line !== null) lines.replace(at[i] as number, at[i + 1] as number, line)
  }
  let own = rewrite.ownLines
  if (framing.kind === 'chunked' && !coded) own += 'Transfer-Encoding: chunked\r\n'
  if (status === 426) own += rewrite.closes ? 'Connection: Upgrade, close\r\n' : 'Connection: Upgrade\r\n'
  else if (rewrite.closes) own += 'Connection: close\r\n'
  else if (rewrite.confirmsStay) own += 'Connection: keep-alive\r\n'
  return lines.end(at[known.length] ?? text.length - 2, own)
}

/** null: it stays as it is. */
function specialLine({ list, known }: Fields, i: number, special: Special | null): string | null {
  if (special === null) return null
  const value = list[2 * i + 1] as string
  const other = special((known[i] as (typeof known)[number]).lower, value)
  return other === value ? null : `${list[2 * i]}: ${other}\r\n`
}

/** An informational answer, or the 101 of an upgrade, whose own hop fields are what it is about. */
export function informationText({ text, status, reason, fields }: Answer, special: Special | null): string {
  const { known, at, named } = fields
  const lines = new Lines(text, `HTTP/1.1 ${status} ${reason}\r\n`, at[0] ?? text.length - 2)
  for (let i = 0; i < known.length; i++) {
    const { kind, lower, isProtected } = known[i] as (typeof known)[number]
    // RFC 9110, 8.6 and RFC 9112, 6.1: no length and no coding in a 1xx.
    const isFraming = kind === 'length' || kind === 'coding' || kind === 'trailer'
    const isHop = kind === 'hop' || kind === 'keep-alive'
    const isSwitch = kind === 'connection' || kind === 'upgrade'
    const isNamed = named !== null && !isProtected && named.has(lower)
    const goes = isFraming || isHop || (status !== 101 && (isSwitch || isNamed))
    const line = goes ? '' : isSpecial(kind) ? specialLine(fields, i, special) : null
    if (line !== null) lines.replace(at[i] as number, at[i + 1] as number, line)
  }
  return lines.end(at[known.length] ?? text.length - 2, '')
}

function isSpecial(kind: Kind): boolean {
  return kind === 'set-cookie' || kind === 'location' || kind === 'link' || kind === 'cache' || kind === 'etag'
}

/** RFC 9110, 6.5.1: fields that mean something before the content are no trailers. */
export function passableTrailers(trailers: readonly string[]): readonly string[] {
  if (trailers.length === 0) return trailers
  const out: string[] = []
  for (let i = 0; i < trailers.length; i += 2) {
    const { kind } = knownAs(trailers[i] as string)
    if (kind === 'plain' || kind === 'link' || kind === 'etag' || kind === 'age')
      out.push(trailers[i] as string, trailers[i + 1] as string)
  }
  return out
}
