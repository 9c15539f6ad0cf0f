// Names, and what is matched and picked by name: routes, headers, paths, sticky keys.
import type { NamedSource, StickySource } from '../model/route.ts'
import { normalisePath } from '../routing/target.ts'
import { didYouMean } from './hint.ts'
import { form, Wrong } from './values.ts'

export interface ValuePattern {
  readonly kind: 'exact' | 'prefix' | 'suffix' | 'present'
  /** `''` for `present`. */
  readonly value: string
}

export const NAME = '[a-z0-9][a-z0-9._-]{0,63}'

/** Name of a backend. */
export function name() {
  return form<string>({
    allowed: 'a name of a-z, 0-9, `.`, `_` and `-`, up to 64 characters',
    pattern: NAME,
    read: readName,
    write: text => text,
  })
}

export function readName(text: string): string | Wrong {
  return new RegExp(`^${NAME}$`).test(text) ? text : new Wrong('not a name', nameHint(text))
}

/** Id of a route, name of a group: what metrics and the API call it. */
export function id() {
  return form<string>({
    allowed: 'a-z, 0-9 and `-`, up to 64 characters',
    pattern: '[a-z0-9-]{1,64}',
    read: text => (/^[a-z0-9-]{1,64}$/.test(text) ? text : new Wrong('not an id', nameHint(text))),
    write: text => text,
  })
}

function nameHint(text: string): string | null {
  const fitting = text
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64)
  return fitting === '' || fitting === text ? null : `for example ${fitting}`
}

export const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
export const isToken = (text: string) => new RegExp(`^${TOKEN}$`).test(text)

/** Name of a header, cookie or query parameter. */
export function fieldName() {
  return form<string>({
    allowed: 'a name without spaces',
    pattern: '[^\\s]+',
    read: text => (/^[^\s\p{C}]+$/u.test(text) ? text : new Wrong('not a name')),
    write: text => text,
  })
}

/** Name of a header, in lower case. */
export function headerName() {
  return form<string>({
    allowed: 'the name of a header',
    pattern: TOKEN,
    read: text => (isToken(text) ? text.toLowerCase() : new Wrong('not the name of a header')),
    write: text => text,
  })
}

/** A method as it stands in requests. */
export function method() {
  return form<string>({
    allowed: 'a method in upper case, such as GET or POST',
    pattern: "[!#$%&'*+.^_`|~0-9A-Z-]+",
    read(text) {
      if (!isToken(text)) return new Wrong('not a method')
      if (text === 'CONNECT') return new Wrong('CONNECT is never forwarded')
      return text === text.toUpperCase() ? text : new Wrong('methods are case-sensitive', `write ${text.toUpperCase()}`)
    },
    write: text => text,
  })
}

/** A path to match, with escapes as the matcher sees them. */
export function pathPattern() {
  return form<string>({
    allowed: 'a path such as /orders, /orders/:id, /orders/* or /orders/*.do',
    pattern: '/[^?#\\s]*',
    read: readPath,
    write: text => text,
  })
}

function readPath(text: string): string | Wrong {
  if (!text.startsWith('/')) return new Wrong('a path begins with /', /^[\w:*]/.test(text) ? `write /${text}` : null)
  if (/[?#]/.test(text)) return new Wrong('a path has no query', 'match it with `query: { name: value }`')
  if (/[\s\p{Cc}]/u.test(text)) return new Wrong('a path has no spaces', 'write %20')
  if (/[^\x20-\x7e]/.test(text)) return new Wrong('a path is ASCII', `write ${encodeURI(text.toWellFormed())}`)
  const params = new Set<string>()
  const segments = text.split('/').slice(1)
  for (const [index, segment] of segments.entries()) {
    const wrong = wrongSegment(segment, index === segments.length - 1, params)
    if (wrong !== null) return wrong
  }
  return normalisePath(text)
}

function wrongSegment(segment: string, last: boolean, params: Set<string>): Wrong | null {
  if (/^(\.|%2e){1,2}$/i.test(segment)) return new Wrong('dot segments never match', 'paths are matched resolved')
  if (segment === '*') return last ? null : new Wrong('* stands only at the end of a path', 'use :name for one segment')
  const ending = /^\*([^*:]+)$/.exec(segment)?.[1]
  if (ending !== undefined) {
    if (!last) return new Wrong('* stands only at the end of a path', 'use :name for one segment')
    return ending.includes(';') ? new Wrong('parameters of a path (;…) are none of its ending') : null
  }
  if (segment.includes('*')) {
    return new Wrong('* is a whole segment, or stands before an ending', `write /${segment.replaceAll('*', '')}/*`)
  }
  const braced = /^\{([A-Za-z_]\w*)\}$/.exec(segment)?.[1]
  if (braced !== undefined) return new Wrong('a parameter is written with a colon', `write :${braced}`)
  if (!segment.startsWith(':')) return null
  const param = segment.slice(1)
  if (!/^[A-Za-z_]\w*$/.test(param))
    return new Wrong('a parameter is a whole segment: :name', 'letters, digits and _ only')
  if (params.has(param)) return new Wrong('a parameter stands twice')
  params.add(param)
  return null
}

/** What a header, query parameter or cookie must be. */
export function valuePattern() {
  return form<ValuePattern>({
    allowed: 'a text (exact), prefix:…, suffix:… or present',
    read(text) {
      if (text === 'present') return { kind: 'present', value: '' }
      const [, kind, value] = /^(prefix|suffix):(.*)$/s.exec(text) ?? []
      if (value === undefined) return { kind: 'exact', value: text }
      return value === '' ? new Wrong(`a ${kind} of nothing`, 'write present') : { kind: kind as 'prefix', value }
    },
    write: ({ kind, value }) => (kind === 'present' ? kind : kind === 'exact' ? value : `${kind}:${value}`),
  })
}

const NAMED_SOURCES = ['header', 'cookie', 'jwt', 'path', 'query'] as const satisfies readonly NamedSource['kind'][]

/** Where a sticky key comes from. */
export function stickySource() {
  return form<StickySource>({
    allowed: 'header:NAME, cookie:NAME, jwt:CLAIM, path:PARAM, query:NAME, auto or ip',
    pattern: `(${NAMED_SOURCES.join('|')}):.+|auto|ip`,
    read: readSticky,
    write: source => ('name' in source ? `${source.kind}:${source.name}` : source.kind),
  })
}

function readSticky(text: string): StickySource | Wrong {
  if (text === 'auto' || text === 'ip') return { kind: text }
  const colon = text.indexOf(':')
  const word = colon === -1 ? text : text.slice(0, colon)
  const kind = NAMED_SOURCES.find(known => known === word)
  if (kind === undefined) return new Wrong('not a source of keys', didYouMean(word, [...NAMED_SOURCES, 'auto', 'ip']))
  const name = colon === -1 ? '' : text.slice(colon + 1)
  if (name === '' || /[\s\p{C}]/u.test(name)) return new Wrong(`${kind}: needs a name`, `for example ${EXAMPLES[kind]}`)
  if (kind !== 'header') return { kind, name }
  return isToken(name) ? { kind, name: name.toLowerCase() } : new Wrong('not the name of a header')
}

const EXAMPLES = {
  header: 'header:x-user-id',
  cookie: 'cookie:sid',
  jwt: 'jwt:sub',
  path: 'path:tenant',
  query: 'query:t',
} as const

/** The name of a cookie, written as a sticky source: `cookie:sid`. */
export function cookieSource() {
  return form<string>({
    allowed: 'cookie:NAME',
    pattern: 'cookie:.+',
    read(text) {
      const name = /^cookie:([^\s\p{C};=,]+)$/u.exec(text)?.[1]
      return name ?? new Wrong('not a cookie', isToken(text) ? `write cookie:${text}` : 'for example cookie:JSESSIONID')
    },
    write: name => `cookie:${name}`,
  })
}

/** Who serves what no route matches. */
export function defaultTarget() {
  return form<string | 404>({
    allowed: '404, legacy, or the name of a backend',
    pattern: NAME,
    numbers: 'as-text',
    read: text => (text === '404' ? 404 : readName(text)),
    write: target => target,
  })
}
