// Where a PostgreSQL store is: one URL as people know it, with one host or several of which the first that can be written to is
// taken. What is ours among its parameters is read here; the rest is the driver's.
import { BanyanError } from '../model/errors.ts'

export interface Whereabouts {
  /** One for each host, in the order they are tried; with the password. */
  readonly urls: readonly string[]
  /** PostgreSQL schema that holds our tables. */
  readonly schema: string
  /** For messages: host and database, without user and password. */
  readonly name: string
}

/** `?schema=`; other than this where several fleets share one database. */
const DEFAULT_SCHEMA = 'banyan'

/** @throws BanyanError `store_unreadable` when it is no URL of a PostgreSQL */
export function whereaboutsOf(url: string): Whereabouts {
  const [, scheme, login = '', hosts = '', rest = ''] = /^(postgres(?:ql)?:\/\/)([^/?]*@)?([^/?]*)(.*)$/.exec(url) ?? []
  if (scheme === undefined) throw unusable('it is no postgres:// URL')
  const [path = '', query = ''] = rest.split('?', 2)
  const parameters = new URLSearchParams(query)
  const schema = parameters.get('schema') ?? DEFAULT_SCHEMA
  if (!/^[a-z_][a-z0-9_]{0,40}$/.test(schema)) throw unusable('schema= must be lower case letters, digits and _')
  parameters.delete('schema')
  // We look for one that can be written to whatever it says.
  parameters.delete('target_session_attrs')
  const left = parameters.size === 0 ? '' : `?${parameters}`
  return {
    urls: hosts.split(',').map(host => `${scheme}${login}${host}${path}${left}`),
    schema,
    name: `${hosts === '' ? (parameters.get('host') ?? '') : hosts}${path}`,
  }
}

function unusable(why: string): BanyanError {
  return new BanyanError('store_unreadable', `The address of the store cannot be used: ${why}.`, {
    hint: 'store: postgres://USER:PASSWORD@HOST/DATABASE, several hosts with a comma between them',
  })
}
