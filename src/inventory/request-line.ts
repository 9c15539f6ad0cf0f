// Reads what was asked for out of a log: `GET /a?b=1 HTTP/1.1`, a method and a URI, a URL. Lines come from anywhere: a
// scanner's bytes, spaces, characters outside ASCII; what comes out is printable ASCII that could be sent again.
import { type Broken, orNull, type Requested } from './log-entry.ts'

const METHOD = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/
const VERSION = /^HTTP\/\d(?:\.\d)?$/i
/** Absolute-form: scheme, authority, the rest. */
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)(.*)$/is
const MAX_HOST = 255

/** `METHOD target [version]`. A target with spaces in it is taken whole. */
export function readRequestLine(line: string): Requested | Broken {
  const space = line.indexOf(' ')
  if (orNull(line) === null) return { broken: 'no-request' }
  if (space === -1) return { broken: 'request' }
  const last = line.lastIndexOf(' ')
  const end = last > space && VERSION.test(line.slice(last + 1)) ? last : line.length
  return readRequest(line.slice(0, space), line.slice(space + 1, end), null)
}

export function readRequest(method: string, target: string, host: string | null): Requested | Broken {
  if (!METHOD.test(method)) return { broken: 'request' }
  const name = method.toUpperCase()
  const trimmed = target.trim()
  if (trimmed === '*') return { method: name, target: '*', host: readHost(host) }
  const absolute = trimmed.startsWith('/') ? null : ABSOLUTE.exec(trimmed)
  const origin = absolute === null ? trimmed : originForm(absolute[2] as string)
  if (!origin.startsWith('/')) return { broken: 'target' }
  return { method: name, target: printable(withoutFragment(origin)), host: readHost(absolute?.[1] ?? host) }
}

/** Lower case, without user, port and brackets' contents touched; null where it says nothing or cannot be a host. */
export function readHost(authority: string | null): string | null {
  if (authority === null || authority.length > MAX_HOST) return null
  const named = authority.slice(authority.lastIndexOf('@') + 1).replace(/:\d*$/, '')
  return /^[\w.[\]:%-]+$/.test(named) && named !== '-' && named !== '_' ? named.toLowerCase() : null
}

function originForm(rest: string): string {
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** Never sent by a well-made client, and part of no request. */
function withoutFragment(target: string): string {
  const hash = target.indexOf('#')
  return hash === -1 ? target : target.slice(0, hash)
}

function printable(target: string): string {
  // Nearly always so.
  if (/^[!-~]*$/.test(target)) return target
  return target.toWellFormed().replace(/[^!-~]+/g, encodeURIComponent)
}
