// People behind an SSO proxy: who the proxy says they are, and what their groups may. Headers of a request count only when its
// own connection comes from a named peer; X-Forwarded-For has no say here.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { SCOPES, Scope } from '../model/control.ts'
import type { RouteId } from '../model/route.ts'
import { networks } from '../routing/network.ts'
import { type Caller, callerOf, type Grant } from './scopes.ts'

/** Where the proxy proves that it is the one, when a secret is agreed on. */
export const PROOF_HEADER = 'x-banyan-proxy-secret'
/** In front of a person's name in the audit log. */
export const SSO = 'sso:'
const MOST_GROUPS = 500
/** Peers that are remembered for a warning. */
const MOST_PEERS = 20

/** `admin.auth` as the configuration has it. */
export interface HeaderLoginOptions {
  readonly trustHeader: {
    /** Names of header fields. */
    readonly user: string
    readonly groups?: string
    /** Ranges. */
    readonly from: readonly string[]
    readonly secret: string | null
  }
  readonly groups: Readonly<Record<string, ConfiguredGrant>>
  readonly users: Readonly<Record<string, ConfiguredGrant>>
  readonly everyone?: ConfiguredGrant
}

type ConfiguredGrant =
  | readonly (typeof SCOPES)[number][]
  | { readonly scopes: readonly Scope[]; readonly routes?: readonly RouteId[] }

/** What is looked at of a request. */
export interface Headers {
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  /** The socket's peer. */
  readonly peer: string
}

/** `absent`: nobody is said to be logged in; `refused`: somebody is, in a way that must not be believed. */
export type Login = { readonly caller: Caller } | 'absent' | 'refused'

export interface HeaderLogin {
  login(from: Headers): Login
  /** What an operator should know: who sends the header in vain, and what could not be believed. */
  warnings(): readonly { readonly code: string; readonly message: string; readonly route: null }[]
}

export function createHeaderLogin(options: HeaderLoginOptions): HeaderLogin {
  const { user: userHeader, groups: groupsHeader, secret } = options.trustHeader
  const from = networks(options.trustHeader.from)
  const groups = new Map(Object.entries(options.groups).map(([name, grant]) => [name, grantOf(grant)]))
  const users = new Map(Object.entries(options.users).map(([name, grant]) => [name, grantOf(grant)]))
  const everyone = options.everyone === undefined ? [] : [grantOf(options.everyone)]
  const strangers = new Map<string, number>()
  let refused = { count: 0, peer: '', why: '' }

  function refuse(peer: string, why: string): 'refused' {
    refused = { count: refused.count + 1, peer, why }
    return 'refused'
  }

  function callerFor(name: string, said: readonly string[]): Caller {
    const known = said.filter(group => groups.has(group))
    const own = users.get(name)
    const grants = [
      ...known.flatMap(group => groups.get(group) ?? []),
      ...(own === undefined ? [] : [own]),
      ...everyone,
    ]
    const scopes = [...new Set(grants.flatMap(grant => grant.scopes))]
    const has =
      grants.length === 0
        ? `${SSO}${name} is logged in, and admin.auth grants nothing to it or its groups (${listed(said)})`
        : `${SSO}${name} has ${scopes.join(', ')}`
    return callerOf({ name: `${SSO}${name}`, tokenId: null, has, via: 'sso', expiresAt: null }, grants)
  }

  return {
    login({ headers, rawHeaders, peer }) {
      const times = (header: string) => rawHeaders.filter((text, i) => i % 2 === 0 && same(text, header)).length
      if (times(userHeader) === 0) return 'absent'
      if (!from.contains(peer)) {
        if (strangers.has(peer) || strangers.size < MOST_PEERS) strangers.set(peer, (strangers.get(peer) ?? 0) + 1)
        return 'absent'
      }
      for (const header of [userHeader, ...(groupsHeader === undefined ? [] : [groupsHeader]), PROOF_HEADER]) {
        // One of them came from the client, and nobody can tell which.
        if (times(header) > 1) return refuse(peer, `more than one ${header}`)
      }
      const proof = headers[PROOF_HEADER]
      if (secret !== null && !equal(typeof proof === 'string' ? proof : '', secret)) {
        return refuse(peer, `${PROOF_HEADER} is absent or wrong`)
      }
      const name = textOf(headers, userHeader)
      if (name === null || !/^[^\s,;"'<>\p{C}]{1,128}$/u.test(name)) {
        return refuse(peer, `${userHeader} is not the name of one user`)
      }
      const list = groupsHeader === undefined ? '' : textOf(headers, groupsHeader)
      if (list === null || /\p{C}/u.test(list)) return refuse(peer, `${groupsHeader} is not a list of groups`)
      const said = list.split(',').flatMap(group => group.trim() || [])
      if (said.length > MOST_GROUPS) return refuse(peer, `${groupsHeader} names more than ${MOST_GROUPS} groups`)
      return { caller: callerFor(name, said) }
    },
    warnings: () => [
      ...[...strangers].map(([peer, count]) => ({
        code: 'login_header_ignored',
        message: `${userHeader} came ${count} ${count === 1 ? 'time' : 'times'} from ${peer}, who is not in admin.auth.trustHeader.from: it was ignored`,
        route: null,
      })),
      ...(refused.count === 0
        ? []
        : [
            {
              code: 'login_header_refused',
              message: `${refused.count} logins by header were refused, the last one from ${refused.peer}: ${refused.why}`,
              route: null,
            },
          ]),
    ],
  }
}

function grantOf(grant: ConfiguredGrant): Grant {
  if ('scopes' in grant) return { scopes: grant.scopes, routes: grant.routes ?? null }
  return { scopes: grant, routes: null }
}

/** Bytes of a field are UTF-8, which Node hands out as Latin-1; null: they are not. Absent is empty. */
function textOf(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name.toLowerCase()]
  if (value === undefined) return ''
  if (typeof value !== 'string') return null
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(value, 'latin1')).trim()
  } catch {
    return null
  }
}

function same(a: string, b: string): boolean {
  return a.length === b.length && a.toLowerCase() === b.toLowerCase()
}

function equal(given: string, secret: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(given), hash(secret))
}

function listed(groups: readonly string[]): string {
  if (groups.length === 0) return 'none were named'
  return groups.length > 10 ? `${groups.slice(0, 10).join(', ')} …` : groups.join(', ')
}
