// Reads heads of requests and answers as strictly as the strictest peer would: whatever two readers could take differently
// is malformed here. Bytes are latin1 text throughout, one character for each byte.

export type Field = readonly [name: string, value: string]

export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'close' }

export interface RequestHead {
  readonly raw: string
  readonly method: string
  readonly target: string
  readonly version: string
  readonly fields: readonly Field[]
  readonly framing: Framing
}

export interface AnswerHead {
  readonly raw: string
  readonly version: string
  readonly status: number
  readonly reason: string
  readonly fields: readonly Field[]
  readonly framing: Framing
}

/** What came is not HTTP/1.1 as a strict reader takes it. */
export class Malformed extends Error {}

const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^\0-\x20\x7f]+) HTTP\/(1\.[01])$/
const STATUS_LINE = /^HTTP\/(1\.[01]) ([1-9]\d\d)(?: ([^\0\r\n]*))?$/
const FIELD_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*?)[ \t]*$/

export function readRequestHead(raw: string): RequestHead {
  const [line = '', ...lines] = linesOf(raw)
  const [, method, target, version] = REQUEST_LINE.exec(line) ?? []
  if (method === undefined || target === undefined || version === undefined)
    throw new Malformed(`request line: ${line}`)
  const fields = readFields(lines)
  return { raw, method, target, version, fields, framing: framingOf(fields) ?? { kind: 'none' } }
}

/** `asked` is the method that is answered: a HEAD is answered without a body. */
export function readAnswerHead(raw: string, asked: string): AnswerHead {
  const [line = '', ...lines] = linesOf(raw)
  const [, version, code, reason = ''] = STATUS_LINE.exec(line) ?? []
  if (version === undefined || code === undefined) throw new Malformed(`status line: ${line}`)
  const status = Number(code)
  const fields = readFields(lines)
  const bodiless = asked === 'HEAD' || status < 200 || status === 204 || status === 304
  const declared = framingOf(fields)
  const framing: Framing = bodiless ? { kind: 'none' } : (declared ?? { kind: 'close' })
  return { raw, version, status, reason, fields, framing }
}

export function readFields(lines: readonly string[]): Field[] {
  return lines.map(line => {
    const [, name, value] = FIELD_LINE.exec(line) ?? []
    if (name === undefined || value === undefined) throw new Malformed(`field: ${line}`)
    return [name, value]
  })
}

/** Every value of a field, in order. */
export function valuesOf(fields: readonly Field[], name: string): string[] {
  const wanted = name.toLowerCase()
  return fields.filter(([one]) => one.toLowerCase() === wanted).map(([, value]) => value)
}

function linesOf(raw: string): string[] {
  const lines = raw.slice(0, -4).split('\r\n')
  for (const line of lines) {
    if (/[\r\n]/.test(line)) throw new Malformed(`bare CR or LF: ${line}`)
  }
  return lines
}

function framingOf(fields: readonly Field[]): Framing | null {
  const lengths = valuesOf(fields, 'content-length')
  const codings = valuesOf(fields, 'transfer-encoding')
  if (lengths.length + codings.length > 1) {
    throw new Malformed(
      `framing said ${lengths.length + codings.length} times: ${[...lengths, ...codings].join(' / ')}`,
    )
  }
  const [length, coding] = [lengths[0], codings[0]]
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked') throw new Malformed(`transfer coding: ${coding}`)
    return { kind: 'chunked' }
  }
  if (length === undefined) return null
  if (!/^\d{1,15}$/.test(length)) throw new Malformed(`length: ${length}`)
  return { kind: 'length', length: Number(length) }
}
