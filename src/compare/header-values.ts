// What a header's value says, whatever way it is written: two values are the same where their canonical texts are.

/** How values of one header are compared. */
export type HeaderWay =
  /** Whether it is there; all that can be said of clocks and of names that a side invents. */
  | 'presence'
  /** `presence`, and weak or strong. */
  | 'etag'
  /** To the letter: what may hold a comma that separates nothing. */
  | 'exact'
  /** A list in its order; spaces around the commas do not count. */
  | 'list'
  /** A set of names that have no case. */
  | 'names'
  /** A set of tokens that have one. */
  | 'tokens'
  /** `name=value` in any order: cache-control. */
  | 'directives'
  /** A value with parameters in any order: content-type, content-disposition. */
  | 'parameters'
  /** Authentication schemes, without what is new each time. */
  | 'challenges'
  /** By cookie: set-cookie.ts. */
  | 'cookies'

const WAYS: Readonly<Record<string, HeaderWay>> = {
  'content-type': 'parameters',
  location: 'exact',
  'cache-control': 'directives',
  etag: 'etag',
  'set-cookie': 'cookies',
  'www-authenticate': 'challenges',
  'proxy-authenticate': 'challenges',
  vary: 'names',
  link: 'list',
  allow: 'tokens',
  'accept-patch': 'names',
  'accept-post': 'names',
  'retry-after': 'presence',
  'content-language': 'names',
  'content-disposition': 'parameters',
  'content-encoding': 'names',
  'content-location': 'exact',
  'access-control-allow-origin': 'exact',
  'access-control-allow-credentials': 'exact',
  'access-control-allow-methods': 'tokens',
  'access-control-allow-headers': 'names',
  'access-control-expose-headers': 'names',
  'access-control-max-age': 'exact',
  date: 'presence',
  age: 'presence',
  expires: 'presence',
  'last-modified': 'presence',
  'server-timing': 'presence',
}

/** Ids of requests and of traces, and how long something took. */
const VOLATILE =
  /^(?:x-)?(?:request|correlation|transaction)-id$|^x-(?:runtime|response-time|b3-.*|datadog-.*|amzn-.*|amz-cf-.*|amz-request-id|cloud-trace-context)$|^(?:traceparent|tracestate|traceresponse|b3|sentry-trace|baggage|cf-ray)$/

/** Compared without being asked for. */
export const CHOSEN_HEADERS: readonly string[] = [
  'content-type',
  'location',
  'cache-control',
  'etag',
  'set-cookie',
  'www-authenticate',
  'vary',
  'link',
  'allow',
  'retry-after',
  'content-language',
  'content-disposition',
  'content-encoding',
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-expose-headers',
  'access-control-max-age',
]

/** `name` in lower case. */
export function wayOf(name: string): HeaderWay {
  return (Object.hasOwn(WAYS, name) ? WAYS[name] : undefined) ?? (VOLATILE.test(name) ? 'presence' : 'list')
}

export function canonicalValue(way: HeaderWay, value: string): string {
  switch (way) {
    case 'presence':
      return ''
    case 'etag':
      return /^\s*W\//.test(value) ? 'weak' : 'strong'
    case 'names':
      return setOf(value.toLowerCase())
    case 'tokens':
      return setOf(value)
    case 'directives':
      return split(value, ',').map(directive).sort().join(', ')
    case 'parameters':
      return withParameters(value)
    case 'challenges':
      return canonicalValue('list', value.replace(/\b(nonce|opaque)\s*=\s*(?:"[^"]*"|[^\s,]+)/gi, '$1'))
    case 'list':
      return split(value, ',').join(', ')
    default:
      return value.trim()
  }
}

function setOf(value: string): string {
  return [...new Set(split(value, ','))].sort().join(', ')
}

function directive(text: string): string {
  const equals = text.indexOf('=')
  if (equals < 0) return text.toLowerCase()
  return `${text.slice(0, equals).trim().toLowerCase()}=${unquoted(text.slice(equals + 1).trim())}`
}

function withParameters(value: string): string {
  const [first = '', ...parameters] = split(value, ';')
  const written = parameters.map(directive).map(text => (text.startsWith('charset=') ? text.toLowerCase() : text))
  return [first.toLowerCase(), ...written.sort()].join('; ')
}

function unquoted(text: string): string {
  return text.length > 1 && text.startsWith('"') && text.endsWith('"')
    ? text.slice(1, -1).replace(/\\(.)/gs, '$1')
    : text
}

/** Parts without spaces around them; what is between quotes is never separated, and nothing is left out but empty parts. */
export function split(value: string, separator: ',' | ';'): string[] {
  const parts: string[] = []
  let start = 0
  let isQuoted = false
  for (let at = 0; at <= value.length; at++) {
    const char = value[at]
    if (char === '"') isQuoted = !isQuoted
    else if (char === '\\' && isQuoted) at++
    if (at < value.length && (isQuoted || char !== separator)) continue
    const part = value.slice(start, at).trim()
    if (part !== '') parts.push(part)
    start = at + 1
  }
  return parts
}
