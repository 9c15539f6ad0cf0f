// What a URL of a PostgreSQL store says: postgres://user:password@h1:5432,h2/database?schema=banyan&sslmode=verify-full
//
// As libpq reads it, with several hosts. Files of certificates are read each time a connection is made: they may be renewed.
import { BanyanError } from '../model/errors.ts'

export interface PostgresTarget {
  /** In the order in which they are asked; a host that begins with `/` is the directory of a socket. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[]
  /** null: what the environment says, as for every client of PostgreSQL. */
  readonly user: string | null
  readonly password: string | null
  readonly database: string | null
  /** PostgreSQL's schema, where our tables are. */
  readonly schema: string
  readonly tls: PostgresTls
  readonly applicationName: string
  /** The URL without its password, for people. */
  readonly shown: string
}

export interface PostgresTls {
  /** As libpq has them: `require` encrypts and believes anybody, `verify-ca` wants a known issuer, `verify-full` the host's name as well. */
  readonly mode: (typeof TLS_MODES)[number]
  /** Paths. */
  readonly rootCert: string | null
  readonly cert: string | null
  readonly key: string | null
}

const TLS_MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const
const PARAMETERS = ['schema', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'application_name', 'host'] as const
const KNOWN: readonly string[] = [...PARAMETERS, 'target_session_attrs']
/** A store always looks for the server that can be written to. */
const SESSIONS = ['read-write', 'primary', 'any']
const URL_FORM = /^postgres(?:ql)?:\/\/(?:(.*)@)?([^/?@]*)(?:\/([^?]*))?(?:\?(.*))?$/

/** @throws BanyanError `store_url`, without the password */
export function parsePostgresUrl(url: string): PostgresTarget {
  const shown = withoutPassword(url)
  const refuse = (why: string): never => {
    throw new BanyanError('store_url', `The store's URL ${shown} cannot be used: ${why}.`, {
      hint: 'postgres://user:password@host:5432/database, several hosts with commas; escape special characters as %40.',
      details: { url: shown },
    })
  }
  const parts = URL_FORM.exec(url) ?? refuse('it is not of that form')
  const [, login = '', authority = '', path = '', query = ''] = parts
  const decode = (text: string): string => {
    try {
      return decodeURIComponent(text)
    } catch {
      return refuse('an escape in it is broken')
    }
  }
  const parameters = new URLSearchParams(query)
  for (const name of parameters.keys())
    if (!KNOWN.includes(name))
      refuse(`it knows no parameter ${name}, only ${PARAMETERS.join(', ')} and target_session_attrs`)
  const session = parameters.get('target_session_attrs') ?? 'read-write'
  if (!SESSIONS.includes(session)) refuse(`target_session_attrs may be ${SESSIONS.join(', ')}`)
  const schema = parameters.get('schema') ?? 'banyan'
  if (!/^[a-z_][a-z0-9_]{0,39}$/.test(schema) || schema.startsWith('pg_'))
    refuse('a schema has up to 40 of a-z, 0-9 and _, no digit first, no pg_')
  const mode = parameters.get('sslmode') ?? 'disable'
  if (!TLS_MODES.some(known => known === mode)) refuse(`sslmode may be ${TLS_MODES.join(', ')}`)
  const colon = login.indexOf(':')
  return {
    hosts: (parameters.get('host') ?? authority).split(',').map(text => {
      const [, host = '', port = '5432'] =
        /^(\/.*|\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(decode(text)) ?? refuse('a host in it is none')
      return { host: host.replace(/^\[|\]$/g, '') || 'localhost', port: Number(port) }
    }),
    user: decode(colon === -1 ? login : login.slice(0, colon)) || null,
    password: colon === -1 ? null : decode(login.slice(colon + 1)),
    database: decode(path) || null,
    schema,
    tls: {
      mode: mode as PostgresTls['mode'],
      rootCert: parameters.get('sslrootcert'),
      cert: parameters.get('sslcert'),
      key: parameters.get('sslkey'),
    },
    applicationName: parameters.get('application_name') ?? 'banyan',
    shown,
  }
}

/** What stands where one of a few words should may be a secret that went to the wrong place. */
function isShown(name: string, value: string): boolean {
  if (name === 'sslmode') return TLS_MODES.some(known => known === value)
  if (name === 'target_session_attrs') return SESSIONS.includes(value)
  return KNOWN.includes(name)
}

/** Whatever stands between the first colon after the scheme and the last `@`; and parameters that we do not know: one may be a password. */
export function withoutPassword(url: string): string {
  const shown = url.replace(/^([a-z]+:\/\/[^:@/]*|(?![a-z]+:\/\/)[^:@/]*):.*@/is, '$1:***@')
  return shown.replace(/([?&])([^=&]*)=([^&]*)/g, (whole, before, name, value) =>
    isShown(name, value) ? whole : `${before}${name}=***`,
  )
}
