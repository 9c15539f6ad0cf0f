// Compares the cookies that answers set: which ones, where and how they are kept. Their values are sessions and tokens, new each
// time, so of a value counts only whether there is one; of a lifetime whether it is over, as it is for a cookie that is deleted.
import type { Divergence } from '../model/comparison.ts'
import { split } from './header-values.ts'
import { pointerOf } from './json/pointer.ts'

interface Cookie {
  readonly name: string
  /** In lower case; without a value true. `value` is one of them: `empty` or `set`. */
  readonly attributes: ReadonlyMap<string, string | true>
}

/** Cookies that expire before are deleted: what deletes them says 1970, or the day before. */
const FIRST_REAL_YEAR = 2000

/** `lines`: one for each set-cookie. */
export function compareCookies(legacy: readonly string[], fresh: readonly string[]): Divergence[] {
  const [before, after] = [byName(legacy), byName(fresh)]
  const found: Divergence[] = []
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [ours, theirs] = [before.get(name) ?? [], after.get(name) ?? []]
    const path = pointerOf(['set-cookie', name])
    for (let i = 0; i < Math.max(ours.length, theirs.length); i++) {
      const [mine, other] = [ours[i], theirs[i]]
      if (mine !== undefined && other !== undefined) found.push(...compareAttributes(mine, other, path))
      else {
        const only = mine === undefined ? { new: described(other as Cookie) } : { legacy: described(mine) }
        found.push({ kind: 'header', path, severity: 'medium', ...only })
      }
    }
  }
  return found
}

function compareAttributes(mine: Cookie, other: Cookie, path: string): Divergence[] {
  const found: Divergence[] = []
  for (const name of new Set([...mine.attributes.keys(), ...other.attributes.keys()])) {
    const [legacy, fresh] = [mine.attributes.get(name), other.attributes.get(name)]
    if (legacy === fresh) continue
    const values = { ...(legacy !== undefined && { legacy }), ...(fresh !== undefined && { new: fresh }) }
    found.push({ kind: 'header', path: path + pointerOf([name]), severity: 'medium', ...values })
  }
  return found
}

/** Those of one name (for several paths or domains) in an order that does not depend on that of the lines. */
function byName(lines: readonly string[]): Map<string, Cookie[]> {
  const cookies = new Map<string, Cookie[]>()
  for (const cookie of lines.map(read)) cookies.set(cookie.name, [...(cookies.get(cookie.name) ?? []), cookie])
  for (const same of cookies.values()) {
    if (same.length > 1) same.sort((a, b) => (described(a) < described(b) ? -1 : 1))
  }
  return cookies
}

function read(line: string): Cookie {
  const [pair = '', ...rest] = split(line, ';')
  const equals = pair.indexOf('=')
  const value = pair.slice(equals + 1).trim()
  const attributes = new Map<string, string | true>([['value', value === '' || value === '""' ? 'empty' : 'set']])
  for (const text of rest) {
    const at = text.indexOf('=')
    const name = (at < 0 ? text : text.slice(0, at)).trim().toLowerCase()
    attributes.set(name, attributeOf(name, at < 0 ? true : text.slice(at + 1).trim()))
  }
  return { name: equals < 0 ? '' : pair.slice(0, equals).trim(), attributes }
}

function attributeOf(name: string, value: string | true): string | true {
  if (value === true) return true
  if (name === 'max-age') return Number(value) <= 0 ? 'over' : 'later'
  if (name === 'expires')
    return Number(/\b\d{4}\b/.exec(value)?.[0] ?? FIRST_REAL_YEAR) < FIRST_REAL_YEAR ? 'over' : 'later'
  if (name === 'samesite') return value.toLowerCase()
  if (name === 'domain') return value.toLowerCase().replace(/^\./, '')
  return name === 'secure' || name === 'httponly' || name === 'partitioned' ? true : value
}

function described(cookie: Cookie): string {
  return [...cookie.attributes]
    .map(([name, value]) => (value === true ? name : `${name}=${value}`))
    .sort()
    .join('; ')
}
