// How single settings of a backend are written: balance, probed paths, methods that may be repeated, the HTTP version.
import type { Balance } from '../model/route.ts'
import { isToken, TOKEN } from './patterns.ts'
import { form, Wrong } from './values.ts'

export function balance() {
  return form<Balance>({
    allowed: 'least, round or cookie:NAME',
    pattern: `least|round|cookie:${TOKEN}`,
    read: readBalance,
    write: value => (value.kind === 'cookie' ? `cookie:${value.name}` : value.kind),
  })
}

const OTHER_WORDS: Readonly<Record<string, string>> = {
  'round-robin': 'round',
  roundrobin: 'round',
  round_robin: 'round',
  leastconn: 'least',
  'least-connections': 'least',
  least_conn: 'least',
  cookie: 'cookie:NAME',
  sticky: 'cookie:NAME',
}

function readBalance(text: string): Balance | Wrong {
  if (text === 'least' || text === 'round') return { kind: text }
  if (text.startsWith('cookie:')) {
    const name = text.slice('cookie:'.length)
    return isToken(name) ? { kind: 'cookie', name } : new Wrong('cookie: needs a name', 'for example cookie:node')
  }
  const meant = Object.hasOwn(OTHER_WORDS, text) ? OTHER_WORDS[text] : undefined
  return new Wrong('not a way to share the load', meant === undefined ? null : `write ${meant}`)
}

const PROBE = '/[!-"$-~]*'

export function probePath() {
  return form<string>({ allowed: 'a path such as /healthz', pattern: PROBE, read: readProbe, write: path => path })
}

export function probePathOrNone() {
  return form<string | null>({
    allowed: 'none, or a path such as /healthz',
    pattern: `none|${PROBE}`,
    read: text => (text === 'none' ? null : readProbe(text)),
    write: path => path ?? 'none',
  })
}

function readProbe(text: string): string | Wrong {
  if (new RegExp(`^${PROBE}$`).test(text)) return text
  if (/^https?:/.test(text)) return new Wrong('a path, without scheme and host', 'the urls of the backend are probed')
  return new Wrong('a path begins with /', /^[\w.-]+$/.test(text) ? `write /${text}` : null)
}

/** Methods whose repetition has the effect of one (RFC 9110, 9.2.2). */
const REPEATABLE = new Set('GET HEAD OPTIONS TRACE QUERY PUT DELETE PROPFIND REPORT SEARCH'.split(' '))

export function repeatable() {
  return form<string>({
    allowed: [...REPEATABLE].join(', '),
    pattern: [...REPEATABLE].join('|'),
    read(text) {
      const upper = text.toUpperCase()
      if (!REPEATABLE.has(upper))
        return new Wrong(`a repeated ${upper} may act twice`, 'only the client can know whether to ask again')
      return text === upper ? text : new Wrong('methods are case-sensitive', `write ${upper}`)
    },
    write: text => text,
  })
}

/** Unquoted, YAML reads 1.0 as the number 1. */
export function httpVersion() {
  return form<'1.1' | '1.0'>({
    allowed: '1.1 or 1.0',
    pattern: '1\\.[01]',
    numbers: { minimum: 1, maximum: 1.1 },
    read(text) {
      if (text === '1.1') return text
      return text === '1.0' || text === '1' ? '1.0' : new Wrong('not a version that is spoken to backends')
    },
    write: version => version,
  })
}
