// The two readings of a request target: the raw bytes that are forwarded, and the normalised copy that is matched.

export interface Target {
  /** Path as sent. */
  readonly rawPath: string
  /** Path for matching: unreserved escapes decoded, other escapes in upper case, dot segments resolved. `%2F` and `//` stay. */
  readonly path: string
  /** After the `?`, as sent; null without one. */
  readonly query: string | null
}

/** Splits an origin-form target. Never fails: bytes that mean nothing stay as they are. */
export function readTarget(target: string): Target {
  const mark = target.indexOf('?')
  const rawPath = mark === -1 ? target : target.slice(0, mark)
  return { rawPath, path: normalisePath(rawPath), query: mark === -1 ? null : target.slice(mark + 1) }
}

/** The path that decides the route. Most paths have neither `%` nor a dot segment and are returned as they are. */
export function normalisePath(path: string): string {
  const decoded = path.includes('%') ? decodeUnreserved(path) : path
  return decoded.includes('/.') ? resolveDots(decoded) : decoded
}

function decodeUnreserved(path: string): string {
  return path.replace(/%([0-9a-fA-F]{2})/g, (coded, hex: string) => {
    const code = Number.parseInt(hex, 16)
    return isUnreserved(code) ? String.fromCharCode(code) : coded.toUpperCase()
  })
}

/** RFC 3986, 2.3. */
function isUnreserved(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d ||
    code === 0x2e ||
    code === 0x5f ||
    code === 0x7e
  )
}

/** RFC 3986, 5.2.4, for absolute paths: `..` above the root stays at the root, empty segments are kept. */
function resolveDots(path: string): string {
  const kept: string[] = []
  const segments = path.split('/')
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i] as string
    const last = i === segments.length - 1
    if (segment === '..') {
      kept.pop()
      if (last) kept.push('')
    } else if (segment === '.') {
      if (last) kept.push('')
    } else {
      kept.push(segment)
    }
  }
  return `/${kept.join('/')}`
}

/** The first value of a query parameter, decoded as a form would, or null. `''` for a name without `=`. */
export function queryOf(query: string | null, name: string): string | null {
  if (query === null) return null
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=')
    const found = equals === -1 ? pair : pair.slice(0, equals)
    if (decodeForm(found) === name) return equals === -1 ? '' : decodeForm(pair.slice(equals + 1))
  }
  return null
}

function decodeForm(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}
