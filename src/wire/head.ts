// Heads of HTTP/1 messages (RFC 9112): bytes, as latin1 text, to what they say. Strict: what two parsers could read in two
// ways is refused, unless a backend's quirk was accepted by name.
import { Fields, FOUL, readFields } from './fields.ts'
import { HeadError, type Lenience, letIn, STRICT } from './lenience.ts'
import { isToken } from './names.ts'

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

/** What no text has. */
const NO_TEXT = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/
/** Of an answer that is no HTTP: whether it is text is seen by these. */
const FIRST_BYTES = 64

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

/** The head of an answer at the beginning of `text`, with its length in bytes; null: not complete yet. */
export function readAnswer(
  text: string,
  mostFields: number,
  lenience: Lenience,
): { readonly answer: Answer; readonly bytes: number } | null {
  if (!text.startsWith('HTTP/')) {
    if ('HTTP/'.startsWith(text)) return null
    // Who speaks another protocol is no backend of old: a setting that passes its bytes on is nothing to suggest.
    if (!lenience.accept.has('http-0.9') && NO_TEXT.test(text.slice(0, FIRST_BYTES))) {
      throw new HeadError('the answer is not HTTP: it begins with control bytes')
    }
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
