// Hides secrets and people in what is kept of an exchange: before it is kept, in every form that it may have.
import type { HeaderList } from '../model/exchange.ts'
import { isSecretAfter } from '../model/secret-segment.ts'
import { isSecretHeader, isSecretParameter } from './secret-names.ts'
import { type Range, secretsIn } from './secrets.ts'
import { readingsOf } from './unescaped.ts'

export const HIDDEN = '***'

const ATTRIBUTE = /^\s*(?:path|domain|expires|max-age|samesite|secure|httponly|partitioned|priority)\s*(?:=|$)/i
/** Headers whose values are addresses. */
const ADDRESSES = new Set(['location', 'content-location', 'referer', 'refresh'])

/** Of any text. */
export function redactText(text: string): string {
  const ranges: Range[] = []
  for (const { text: reading, from } of readingsOf(text)) {
    for (const [start, end] of secretsIn(reading)) {
      ranges.push(from === null ? [start, end] : [from[start] as number, from[end] as number])
    }
  }
  return ranges.length === 0 ? text : without(text, ranges)
}

function without(text: string, ranges: Range[]): string {
  ranges.sort((a, b) => a[0] - b[0])
  let shown = ''
  let done = 0
  let hidden = false
  for (const [start, end] of ranges) {
    if (start > done || !hidden) shown += text.slice(done, start) + HIDDEN
    hidden = true
    done = Math.max(done, end)
  }
  return shown + text.slice(done)
}

/** `hidden`: names in lower case that are hidden beside those that always are. */
export function redactHeaders(headers: HeaderList, hidden: ReadonlySet<string>): HeaderList {
  return headers.map((text, i) =>
    i % 2 === 0 ? text : redactHeader((headers[i - 1] as string).toLowerCase(), text, hidden),
  )
}

/** `name` is lower case. */
export function redactHeader(name: string, value: string, hidden: ReadonlySet<string>): string {
  if (hidden.has(name)) return HIDDEN
  if (name === 'set-cookie') return redactSetCookie(value)
  if (isSecretHeader(name)) return HIDDEN
  return ADDRESSES.has(name) ? redactTarget(value) : redactText(value)
}

/** Its name and its attributes stay, and what is no attribute may be a part of its value. */
function redactSetCookie(text: string): string {
  const [pair = '', ...rest] = text.split(';')
  const equals = pair.indexOf('=')
  const name = equals < 0 ? '' : `${redactText(pair.slice(0, equals))}=`
  return [`${name}${HIDDEN}`, ...rest.map(one => (ATTRIBUTE.test(one) ? redactText(one) : ` ${HIDDEN}`))].join(';')
}

/** Of a request's target, or of any address: path, query and fragment. As a whole first: an escape may hold a sign that divides. */
export function redactTarget(target: string): string {
  const [, path = '', query = '', fragment = ''] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(redactText(target)) ?? []
  return redactPath(path) + part(query) + part(fragment)
}

function redactPath(path: string): string {
  const segments = path.split('/')
  return segments.map((one, i) => (i > 0 && isSecretAfter(segments[i - 1] as string, one) ? HIDDEN : one)).join('/')
}

function part(text: string): string {
  return text === '' ? '' : `${text[0]}${redactForm(text.slice(1))}`
}

/** `application/x-www-form-urlencoded`, as in a query. */
export function redactForm(text: string): string {
  return redactText(text)
    .split('&')
    .map(pair => {
      const equals = pair.indexOf('=')
      if (equals < 0) return redactText(pair)
      const name = pair.slice(0, equals)
      const isSecret = readingsOf(name).some(({ text }) => isSecretParameter(text))
      return isSecret ? `${redactText(name)}=${HIDDEN}` : `${redactText(name)}=${redactText(pair.slice(equals + 1))}`
    })
    .join('&')
}
