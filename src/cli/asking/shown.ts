// How what was found on the wire is shown: on one line, short, printable, and without what logs somebody in.
import { cut, safe } from '../print.ts'

const MOST = 80
const AROUND = 12
/** Fields whose values, and parameters whose values, are keys to something. */
const SECRET =
  /^(set-cookie2?|authorization|www-authenticate|proxy-auth.*|.*(token|secret|session|csrf|xsrf|api-?key|auth).*)$/i
const SECRET_PARAM =
  /([?&;](?:[^=&#]*(?:token|secret|passw|pwd|session|signature|csrf|auth|api_?key)[^=&#]*|sid|sig|key|code|jwt|phpsessid)=)([^&#;]+)/gi

export function lineShown(text: string): string {
  return cut(safe(text), MOST)
}

/** A target for people: values of parameters that look like secrets are withheld. */
export function targetShown(target: string): string {
  return safe(target.replace(SECRET_PARAM, (_, name: string) => `${name}***`))
}

/** A value, from a little before the place where it leaves the other one. */
export function valueShown(name: string, value: string, other: string): string {
  if (SECRET.test(name)) return lineShown(masked(name, value))
  let at = 0
  while (at < value.length && value[at] === other[at]) at++
  const from = value.length <= MOST || at < MOST / 2 ? 0 : at - MOST / 4
  return lineShown(`${from > 0 ? '…' : ''}${targetShown(value.slice(from))}`)
}

export function fieldsShown(fields: readonly (readonly [string, string])[]): string {
  return lineShown(
    fields.map(([name, value]) => (SECRET.test(name) ? masked(name, value) : targetShown(value))).join(' | '),
  )
}

/** Printable bytes around an offset; others as `\x..`. */
export function aroundByte(bytes: Buffer, offset: number): string {
  const from = Math.max(0, offset - AROUND)
  const piece = bytes.subarray(from, offset + AROUND)
  const shown = [...piece].map(byte =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
  )
  return `${from > 0 ? '…' : ''}${shown.join('')}${offset + AROUND < bytes.length ? '…' : ''}`
}

/** Of a cookie the name, the size of its value and the attributes are shown; of other secrets the size only. */
function masked(name: string, value: string): string {
  const [pair = '', ...attributes] = name.toLowerCase().startsWith('set-cookie') ? value.split(';') : []
  const eq = pair.indexOf('=')
  if (eq === -1) return `*** (${value.length} bytes)`
  return [`${pair.slice(0, eq)}=*** (${pair.length - eq - 1} bytes)`, ...attributes].join(';')
}
