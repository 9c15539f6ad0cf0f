// The fields of a head or of trailers (RFC 9112, 5): their list as it came, and what of it matters on the way.
import { HeadError, type Lenience, letIn, STRICT } from './lenience.ts'
import { type Known, knownAs } from './names.ts'

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
  /** A challenge, or credentials, bind the connection to a user (NTLM, Negotiate). */
  binds = false
  /** It says how long it is good, or lets a cache guess (RFC 9111, 4.2). */
  aged = false
  /** Content-Type: text/html. */
  isHtml = false
  /** Content-Type: text/event-stream. */
  isEventStream = false
  /** Content-Encoding: the content is not its own bytes. */
  isEncoded = false
  /** A name was let in that is no token. */
  odd = false
  /** There is something in it that an answer's rewriting may look at: Set-Cookie, Location, Link, Cache-Control, ETag. */
  special = false
}

/** No control byte but HT, no bare CR or LF. */
export const FOUL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r[^\n]|[^\r]\n/

/** Trailers: fields alone, up to and with the empty line. */
export function readTrailers(text: string, mostFields: number): string[] {
  if (FOUL.test(text)) throw new HeadError('a control byte, a bare CR or a bare LF in the trailers')
  return readFields(text, 0, mostFields, STRICT, 'trailers').list
}

export function readFields(
  text: string,
  from: number,
  most: number,
  lenience: Lenience,
  where: 'trailers' | null,
): Fields {
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

function heed(fields: Fields, { kind }: Known, value: string, lenience: Lenience): void {
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
      // Two are none: malformed, together.
      fields.traceparent = fields.traceparent === null ? value : `${fields.traceparent}, ${value}`
      return
    case 'loop':
      fields.loopMark = fields.loopMark === null ? value : `${fields.loopMark}, ${value}`
      return
    case 'forwarded':
      fields.forwards = true
      return
    case 'challenge':
      fields.binds ||= /(?:^|,)\s*(?:ntlm|negotiate)\b/i.test(value)
      return
    case 'type':
      fields.isHtml = /^text\/html\b/i.test(value)
      fields.isEventStream = !fields.isHtml && /^text\/event-stream\b/i.test(value)
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
    case 'location':
    case 'link':
      fields.special = true
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
