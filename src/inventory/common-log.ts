// Reads a line of the common and the combined log format, as Apache, nginx, Traefik and many others write it:
// `[vhost:port] address ident user [date] "request" status bytes ["referer" "user agent" …]`.
//
// What stands behind the user agent differs from house to house. Of it, a time is read, the first of these that is there:
// `rt=0.012` and `request_time=0.012` (seconds) · a number with a point, `0.012`: nginx's `$request_time`, seconds · a number
// with its unit, `12ms` · `0/12345`: Apache's `%T/%D` · one whole number alone: Apache's `%D`, microseconds, or what
// `wholeTime` says. Several whole numbers are sizes (`%I %O`) and no time.
import type { Milliseconds } from '../model/units.ts'
import { type Broken, isBroken, type LogEntry, orNull } from './log-entry.ts'
import { MS_OF, readMoment, readSpan, type TimeUnit } from './log-time.ts'
import { readHost, readRequestLine } from './request-line.ts'

interface Field {
  readonly text: string
  readonly quoted: boolean
}

/** Fields that are looked at behind the bytes. */
const MOST_FIELDS = 32
const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.%]*)$/i
const STATUS = /^[1-9]\d{2}$/
const WHOLE = /^\d{1,15}$/
const POINT = /^\d{1,9}\.\d{1,9}$/
const NAMED = /^(?:rt|request_time|req_time|reqtime|time|duration)=(.+)$/i
const PAIR = /^\d{1,9}\/(\d{1,15})$/

/** null: it has not the shape at all. */
export function readCommonLine(line: string, wholeTime: TimeUnit): LogEntry | Broken | null {
  const open = line.indexOf(' [')
  const close = open === -1 ? -1 : line.indexOf('] "', open)
  if (close === -1) return null
  const fields = fieldsOf(line, close + 2)
  const request = fields[0]
  if (request === undefined || !request.quoted) return null
  const asked = readRequestLine(request.text)
  if (isBroken(asked)) return asked
  const status = fields[1]?.text ?? ''
  if (!STATUS.test(status)) return { broken: 'status' }
  const { caller, host } = prefixOf(line.slice(0, open))
  const bytes = fields[2]?.text ?? ''
  const hasAgent = fields[3]?.quoted === true && fields[4]?.quoted === true
  return {
    method: asked.method,
    target: asked.target,
    status: Number(status),
    bytes: WHOLE.test(bytes) ? Number(bytes) : null,
    durationMs: durationOf(fields.slice(hasAgent ? 5 : 3), wholeTime),
    at: readMoment(line.slice(open + 2, close)),
    caller,
    userAgent: hasAgent ? orNull((fields[4] as Field).text) : null,
    referer: hasAgent ? orNull((fields[3] as Field).text) : null,
    host: asked.host ?? host,
  }
}

/** Before the date: with Apache's `vhost_combined`, a host comes first. */
function prefixOf(prefix: string): Pick<LogEntry, 'caller' | 'host'> {
  const [first = '', second = ''] = prefix.split(' ', 2)
  if (!ADDRESS.test(first) && ADDRESS.test(second)) return { caller: second, host: readHost(first) }
  return { caller: orNull(first.slice(0, 255)), host: null }
}

function durationOf(fields: readonly Field[], wholeTime: TimeUnit): Milliseconds | null {
  const texts = fields.map(({ text }) => text)
  for (const text of texts) {
    const named = NAMED.exec(text)?.[1]
    const span = named === undefined ? null : readSpan(named.replaceAll('"', ''), 's')
    if (span !== null) return span
  }
  const point = texts.find(text => POINT.test(text))
  if (point !== undefined) return readSpan(point, 's')
  const withUnit = texts.find(text => /^[\d.]+[a-zµμ]+$/.test(text) && readSpan(text, 's') !== null)
  if (withUnit !== undefined) return readSpan(withUnit, 's')
  const pair = texts.map(text => PAIR.exec(text)?.[1]).find(micros => micros !== undefined)
  if (pair !== undefined) return Number(pair) * MS_OF.us
  const whole = texts.filter(text => WHOLE.test(text))
  return whole.length === 1 ? Number(whole[0]) * MS_OF[wholeTime] : null
}

function fieldsOf(line: string, from: number): Field[] {
  const fields: Field[] = []
  let at = from
  while (at < line.length && fields.length < MOST_FIELDS) {
    if (line[at] === ' ') {
      at++
    } else if (line[at] === '"') {
      const end = closingQuote(line, at + 1)
      fields.push({ text: unescaped(line.slice(at + 1, end)), quoted: true })
      at = end + 1
    } else {
      const space = line.indexOf(' ', at)
      const end = space === -1 ? line.length : space
      fields.push({ text: line.slice(at, end), quoted: false })
      at = end
    }
  }
  return fields
}

/** Where a string that began before `from` ends: at its quote, or with the line. */
function closingQuote(line: string, from: number): number {
  for (let at = from; at < line.length; at++) {
    if (line[at] === '\\') at++
    else if (line[at] === '"') return at
  }
  return line.length
}

/** Bytes beyond ASCII, as in `\xC3\xA9`, are put together as UTF-8. */
function unescaped(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/(?:\\x[0-9a-f]{2})+|\\(.)/gi, (all, one: string | undefined) => {
    if (one === undefined) return Buffer.from(all.replaceAll('\\x', ''), 'hex').toString('utf8')
    return one === 'n' ? '\n' : one === 't' ? '\t' : one === 'r' ? '\r' : one
  })
}
