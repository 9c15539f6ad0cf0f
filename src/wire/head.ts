// Heads of HTTP/1 messages (RFC 9112): bytes, as latin1 text, to what they say. Strict: what two parsers could read in two
// ways is refused, unless a backend's quirk was accepted by name.
import type { Quirk } from '../model/route.ts'
import { isToken, type Known, knownAs } from './fields.ts'

/** Why a head is refused. `quirk` names the setting that would let it in; null where none does. */
export class HeadError extends Error {
  readonly code: 'bad_request' | 'version_unsupported' | 'expectation_failed' | 'too_many_fields'
  readonly quirk: Quirk | null

  constructor(message: string, code: HeadError['code'] = 'bad_request', quirk: Quirk | null = null) {
    super(message)
    this.code = code
    this.quirk = quirk
  }
}

/** What the fields of a head say. Its list of pairs keeps order, case and repetition. */
export class Fields {
  /** Flat: name, value, name, value … */
  readonly list: string[] = []
  readonly known: Known[] = []
  /** Where each field's line begins in the text; one more for where the last one ends. */
  readonly at: number[] = []
  host: string | null = null
  hosts = 0
  /** Content-Length; -1 without one. */
  length = -1
  isChunked = false
  /** Connection: close. */
  closes = false
  /** Connection: keep-alive. */
  stays = false
  /** Connection: upgrade. */
  upgrades = false
  /** Names that `Connection` lists beside its own words; null when there are none, which is nearly always. */
  named: Set<string> | null = null
  upgrade: string | null = null
  expect: string | null = null
  /** TE: trailers. */
  takesTrailers = false
  hasCookie = false
  traceparent: string | null = null
  loopMark: string | null = null
  /** Keep-Alive's own words, as `timeout=5`. */
  keepAlive: string | null = null
  /** Somebody forwards for somebody. */
  forwards = false
  /** A challenge binds the connection to a user (NTLM, Negotiate). */
  binds = false
  /** It says how long it is good, or lets a cache guess (RFC 9111, 4.2). */
  aged = false
  /** Content-Type: text/html. */
  isHtml = false
  /** Content-Encoding: the content is not its own bytes. */
  isEncoded = false
  /** A name was let in that is no token. */
  odd = false
  /** There is something in it that an answer's rewriting may look at: Set-Cookie, Location, Cache-Control, ETag. */
  special = false
}

export interface Request {
  readonly text: string
  readonly method: string
  /** Byte for byte, in whatever form it came. */
  readonly target: string
  readonly minor: 0 | 1
  readonly fields: Fields
}

export interface Answer {
  readonly text: string
  readonly minor: 0 | 1
  readonly status: number
  /** Raw latin1; may be empty. */
  readonly reason: string
  readonly fields: Fields
}

/** No control byte but HT, no bare CR or LF. */
const FOUL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r[^\n]|[^\r]\n/
/** A line that does not end as HTTP wants it. */
const BARE_LF = /[^\r]\n|^\n/
/** The same where the beginning may be cut off. */
const BARE_LF_INSIDE = /[^\r]\n/
/** RFC 3986, 3.2.2 and 3.2.3: a name or an address, perhaps a port. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::\d{0,5})?$/
/** Of the target: no control byte, space, or `#`, which belongs to browsers. */
const FOUL_TARGET = /[\x00-\x20\x7f#]/
/** An empty line, however it ends. */
const ANY_END = /\r?\n\r?\n/

/** Longest method that anybody has invented, and then some. */
const LONGEST_METHOD = 64

/** Where the head ends (after the empty line); -1: not yet. Throws when it is foul already. `text` may begin inside a head. */
export function endOfRequest(text: string): number {
  const end = text.indexOf('\r\n\r\n')
  if (end !== -1) return end + 4
  if (BARE_LF_INSIDE.test(text)) throw new HeadError('a line ends with a bare LF')
  return -1
}

/** `text` is a whole head with its empty line. */
export function readRequest(text: string, mostFields: number): Request {
  const lineEnd = text.indexOf('\r\n')
  const methodEnd = text.indexOf(' ')
  const targetEnd = text.lastIndexOf(' ', lineEnd)
  if (methodEnd < 1 || methodEnd >= lineEnd || targetEnd <= methodEnd)
    throw new HeadError('the request line is not METHOD TARGET VERSION')
  const version = text.slice(targetEnd + 1, lineEnd)
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') {
    if (/^HTTP\/\d+(\.\d+)?$/.test(version)) {
      throw new HeadError('HTTP/1.0 and HTTP/1.1 are served here', 'version_unsupported')
    }
    throw new HeadError('the request line does not end with a version')
  }
  const method = text.slice(0, methodEnd)
  const target = text.slice(methodEnd + 1, targetEnd)
  if (method.length > LONGEST_METHOD || !isMethod(method)) throw new HeadError('the method is not a token')
  if (target === '' || FOUL_TARGET.test(target)) {
    throw new HeadError('the request target has a control byte, a space or a #')
  }
  if (FOUL.test(text)) throw new HeadError('a control byte, a bare CR or a bare LF in the head')
  const fields = readFields(text, lineEnd + 2, mostFields, STRICT, null)
  const minor = version === 'HTTP/1.1' ? 1 : 0
  if (fields.isChunked && minor === 0) throw new HeadError('a transfer coding in HTTP/1.0')
  if (fields.hosts > 1) throw new HeadError('more than one Host')
  if (fields.hosts === 0 && minor === 1) throw new HeadError('no Host')
  if (fields.host === '') throw new HeadError('empty Host')
  if (fields.host !== null && !isHost(fields.host)) throw new HeadError('the Host is neither a name nor an address')
  if (fields.expect !== null && fields.expect.toLowerCase() !== '100-continue') {
    throw new HeadError('the only expectation is 100-continue', 'expectation_failed')
  }
  return { text, method, target, minor, fields }
}

/** Nearly all requests name one of few hosts. */
let lastHost = ''

function isHost(host: string): boolean {
  if (host === lastHost) return true
  if (!HOST.test(host)) return false
  // A copy: a slice would keep its head alive.
  lastHost = Buffer.from(host, 'latin1').toString('latin1')
  return true
}

const COMMON = new Set(['GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])

function isMethod(method: string): boolean {
  return COMMON.has(method) || isToken(method)
}

/** What of an answer is let in; what was needed of it is noted. */
export interface Lenience {
  readonly accept: ReadonlySet<Quirk>
  note(quirk: Quirk): void
}

export const STRICT: Lenience = { accept: new Set(), note() {} }

/** Passes, or is refused by name. */
export function letIn(quirk: Quirk, lenience: Lenience, what: string): void {
  if (!lenience.accept.has(quirk)) throw new HeadError(what, 'bad_request', quirk)
  lenience.note(quirk)
}

/** The head of an answer at the beginning of `text`, with its length in bytes; null: not complete yet. */
export function readAnswer(
  text: string,
  mostFields: number,
  lenience: Lenience,
): { readonly answer: Answer; readonly bytes: number } | null {
  if (!text.startsWith('HTTP/')) {
    if ('HTTP/'.startsWith(text)) return null
    letIn('http-0.9', lenience, 'the answer does not begin with a status line')
    const head = 'HTTP/1.1 200 OK\r\n\r\n'
    return { answer: { text: head, minor: 0, status: 200, reason: 'OK', fields: new Fields() }, bytes: 0 }
  }
  const end = text.indexOf('\r\n\r\n') + 4
  const head = end === 3 ? text : text.slice(0, end)
  if (FOUL.test(head)) return readFoulAnswer(text, head, mostFields, lenience)
  return end === 3 ? null : { answer: readAnswerHead(head, mostFields, lenience), bytes: end }
}

/** Control bytes and bare LFs, where they are let in. */
function readFoulAnswer(
  text: string,
  strictHead: string,
  mostFields: number,
  lenience: Lenience,
): { readonly answer: Answer; readonly bytes: number } | null {
  let head = strictHead
  let bytes = head.length
  if (BARE_LF.test(head)) {
    letIn('bare-lf', lenience, 'a line ends with a bare LF')
    const found = ANY_END.exec(text)
    if (found === null) return null
    bytes = found.index + found[0].length
    head = text.slice(0, bytes).replace(/\r?\n/g, '\r\n')
  }
  // The last CR of a head that is not complete may still get its LF.
  if (/\x00|\r[^\n]/.test(head)) throw new HeadError('a NUL or a bare CR in the head')
  if (FOUL.test(head)) letIn('control-byte', lenience, 'a control byte in the head')
  return head.endsWith('\r\n\r\n') ? { answer: readAnswerHead(head, mostFields, lenience), bytes } : null
}

function readAnswerHead(text: string, mostFields: number, lenience: Lenience): Answer {
  const lineEnd = text.indexOf('\r\n')
  const version = text.slice(0, 8)
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') throw new HeadError('the status line has no known version')
  const minor = version === 'HTTP/1.1' ? 1 : 0
  if (minor === 0) letIn('http-1.0', lenience, 'the answer is HTTP/1.0')
  const digits = text.slice(9, 12)
  const after = text.charCodeAt(12)
  if (text.charCodeAt(8) !== 0x20 || !/^[1-9]\d\d$/.test(digits) || (after !== 0x20 && lineEnd !== 12)) {
    throw new HeadError('the status line has no status')
  }
  const fields = readFields(text, lineEnd + 2, mostFields, lenience, null)
  const answer = { text, minor, status: Number(digits), reason: text.slice(13, lineEnd), fields } as const
  return fields.odd ? retold(answer, mostFields, lenience) : answer
}

/** Blanks before a colon must not reach the client: it could take `Content-Length :` for another field. */
function retold({ text, fields, ...rest }: Answer, mostFields: number, lenience: Lenience): Answer {
  const start = text.slice(0, text.indexOf('\r\n') + 2)
  let lines = start
  for (let i = 0; i < fields.list.length; i += 2) lines += `${fields.list[i]}: ${fields.list[i + 1]}\r\n`
  lines += '\r\n'
  return { ...rest, text: lines, fields: readFields(lines, start.length, mostFields, lenience, null) }
}

/** Trailers: fields alone, up to and with the empty line. */
export function readTrailers(text: string, mostFields: number): string[] {
  if (FOUL.test(text)) throw new HeadError('a control byte, a bare CR or a bare LF in the trailers')
  return readFields(text, 0, mostFields, STRICT, 'trailers').list
}

function readFields(text: string, from: number, most: number, lenience: Lenience, where: 'trailers' | null): Fields {
  const fields = new Fields()
  const { list, known, at } = fields
  let lineStart = from
  for (;;) {
    const lineEnd = text.indexOf('\r\n', lineStart)
    if (lineEnd === -1 || lineEnd === lineStart) break
    if (known.length === most) throw new HeadError('too many fields', 'too_many_fields')
    const colon = text.indexOf(':', lineStart)
    if (colon === -1 || colon > lineEnd) throw new HeadError('a line without a colon')
    let name = text.slice(lineStart, colon)
    let one = knownAs(name)
    if (!one.isToken) {
      if (/^[ \t]|^$/.test(name)) throw new HeadError('a folded line or an empty name')
      // No quirk lets trailers be odd: they are seldom wanted at all.
      if (where === 'trailers') throw new HeadError('a trailer’s name is not a token')
      letIn('odd-header-name', lenience, 'a field name is not a token')
      fields.odd = true
      // Blanks only: other white space is a part of the name, for whoever reads it next.
      name = name.replace(/[ \t]+$/, '')
      one = knownAs(name)
    }
    let start = colon + 1
    let end = lineEnd
    while (start < end && isBlank(text.charCodeAt(start))) start++
    while (end > start && isBlank(text.charCodeAt(end - 1))) end--
    const value = text.slice(start, end)
    at.push(lineStart)
    list.push(name, value)
    known.push(one)
    if (one.kind !== 'plain' && where === null) heed(fields, one, value, lenience)
    lineStart = lineEnd + 2
  }
  at.push(lineStart)
  if (fields.isChunked && fields.length !== -1) throw new HeadError('both Transfer-Encoding and Content-Length')
  return fields
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

function heed(fields: Fields, { kind, lower }: Known, value: string, lenience: Lenience): void {
  switch (kind) {
    case 'host':
      fields.hosts++
      fields.host ??= value
      return
    case 'length':
      heedLength(fields, value, lenience)
      return
    case 'coding':
      heedCoding(fields, value, lenience)
      return
    case 'connection':
      heedConnection(fields, value)
      return
    case 'keep-alive':
      fields.keepAlive ??= value
      return
    case 'upgrade':
      fields.upgrade = fields.upgrade === null ? value : `${fields.upgrade}, ${value}`
      return
    case 'expect':
      fields.expect = fields.expect === null ? value : `${fields.expect}, ${value}`
      return
    case 'te':
      // RFC 9110, 10.1.4: whatever else it lists are codings of this hop.
      fields.takesTrailers ||= value.split(',').some(part => part.trim().toLowerCase() === 'trailers')
      return
    case 'cookie':
      fields.hasCookie = true
      return
    case 'trace':
      fields.traceparent ??= value
      return
    case 'loop':
      fields.loopMark ??= value
      return
    case 'forwarded':
      fields.forwards = true
      return
    case 'challenge':
      fields.binds ||= /^\s*(ntlm|negotiate)\b/i.test(value)
      return
    case 'type':
      fields.isHtml = /^text\/html\b/i.test(value)
      return
    case 'encoding':
      fields.isEncoded = true
      return
    case 'age':
      fields.aged = true
      return
    case 'cache':
      fields.aged = true
      fields.special = true
      return
    case 'set-cookie':
    case 'etag':
      fields.special = true
      return
    case 'location':
      if (lower === 'location') fields.special = true
      return
  }
}

function heedLength(fields: Fields, value: string, lenience: Lenience): void {
  // 2^53 has 16 digits; more would lose bytes in counting.
  if (!/^\d{1,15}$/.test(value)) throw new HeadError('Content-Length is not one number')
  const length = Number(value)
  if (fields.length === -1) fields.length = length
  else if (fields.length !== length) throw new HeadError('Content-Lengths that differ')
  else letIn('double-content-length', lenience, 'Content-Length twice')
}

function heedCoding(fields: Fields, value: string, lenience: Lenience): void {
  const coding = value.toLowerCase()
  if (coding === 'identity') {
    letIn('te-identity', lenience, 'Transfer-Encoding: identity')
    return
  }
  // A second one would be `chunked, chunked`.
  if (coding !== 'chunked' || fields.isChunked) throw new HeadError('a transfer coding that is not one final chunked')
  fields.isChunked = true
}

function heedConnection(fields: Fields, value: string): void {
  for (const part of value.split(',')) {
    const token = part.trim().toLowerCase()
    if (token === 'close') fields.closes = true
    else if (token === 'keep-alive') fields.stays = true
    else if (token === 'upgrade') fields.upgrades = true
    else if (token !== '' && token !== 'te') {
      fields.named ??= new Set()
      fields.named.add(token)
    }
  }
}
