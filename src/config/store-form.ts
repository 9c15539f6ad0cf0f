// The store as routes.yaml writes it: a file, a PostgreSQL that several instances share, or nothing that stays.
import { isIP } from 'node:net'
import { isHostName } from './addresses.ts'
import { form, Wrong } from './values.ts'

export type StoreConfig =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'memory' }
  /** As it was written, password included: `postgres://user:password@host,host2:5433/database?parameter=value`. */
  | { readonly kind: 'postgres'; readonly url: string }

export function store() {
  return form<StoreConfig>({
    allowed: 'sqlite:PATH, postgres://user:password@host:5432/database or memory:',
    pattern: 'sqlite:.+|memory:?|postgres(ql)?://.+|file:.+',
    fromFile: true,
    mask: withoutPassword,
    read: readStore,
    write: value =>
      value.kind === 'memory' ? 'memory:' : value.kind === 'sqlite' ? `sqlite:${value.path}` : value.url,
  })
}

/** For people: of a URL that was read well, the password as `***`, in the parameters too. */
export function withoutPassword(text: string): string {
  if (!/^postgres(ql)?:/i.test(text)) return text
  return text.replace(/^([^:]*:\/\/[^:@/?#]*):[^@]+@/, '$1:***@').replace(/([?&](?:ssl)?password=)[^&]+/gi, '$1***')
}

function readStore(text: string): StoreConfig | Wrong {
  if (text === 'memory:' || text === 'memory') return { kind: 'memory' }
  if (/^postgres(ql)?:/i.test(text)) return readPostgres(text)
  if (text.startsWith('sqlite:') && text.length > 'sqlite:'.length)
    return { kind: 'sqlite', path: text.slice('sqlite:'.length) }
  return new Wrong('not a store', /^[\w./-]+$/.test(text) ? `write sqlite:${text}` : null)
}

/** No parser of URLs knows several hosts. What is quoted here holds no password. */
const POSTGRES = /^postgres(?:ql)?:\/\/(?:([^@/?#\s]*)@)?([^@/?#\s]*)(?:\/([^@/?#\s]*))?(?:\?([^#\s]*))?$/

function readPostgres(text: string): StoreConfig | Wrong {
  const [whole, user = '', hosts = '', database = '', parameters = ''] = POSTGRES.exec(text) ?? []
  if (whole === undefined || [user, database, parameters].some(part => !isEscaped(part))) {
    // In the message, not a hint: a hint is left out where the value came from outside, as passwords do.
    const message =
      'not a PostgreSQL URL; in a user or password write @ as %40, / as %2F, : as %3A, ? as %3F, # as %23, % as %25'
    return new Wrong(message, 'as in postgres://user@host:5432/banyan')
  }
  for (const host of hosts.split(',')) {
    const wrong = wrongHost(host)
    if (wrong !== null) return wrong
  }
  if (database === '') return new Wrong('the URL names no database', 'as in postgres://user@host/banyan')
  if (parameters.split('&').some(one => one !== '' && !/^[^=]+=/.test(one)))
    return new Wrong('a parameter is name=value', 'as in ?sslmode=verify-full&schema=banyan')
  return { kind: 'postgres', url: text }
}

function wrongHost(text: string): Wrong | null {
  const [, bracketed, plain = '', digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([0-9]{1,5}))?$/.exec(text) ?? []
  // A socket's directory is a host whose slashes are escaped.
  const fine = bracketed !== undefined ? isIP(bracketed) === 6 : isHostName(plain) || /^%2F/i.test(plain)
  if (!fine || !isEscaped(plain)) {
    const hint = 'as in postgres://user@host:5432/banyan, or with several: user@host1,host2:5433/banyan'
    return new Wrong(text === '' ? 'the URL names no host' : 'not a host in the URL', hint)
  }
  return digits !== undefined && (Number(digits) < 1 || Number(digits) > 65_535)
    ? new Wrong('a port is 1 to 65535')
    : null
}

function isEscaped(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
