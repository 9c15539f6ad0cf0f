// The schema of the listener of operators: where it is, which names it answers to, and who logs in by a proxy in front.
import { z } from 'zod'
import { SCOPES } from '../model/control.ts'
import { address, hostName, network } from './addresses.ts'
import { headerName, id } from './patterns.ts'
import { listenerLater } from './planned.ts'
import { form, secret, Wrong } from './values.ts'

const scopes = z.array(z.enum(SCOPES)).min(1)

const grant = () =>
  z.union([
    z.strictObject({
      scopes: scopes.describe('what they may do'),
      routes: z.array(id()).min(1).exactOptional().describe('only on these routes'),
    }),
    scopes,
  ])

/** A user or a group, as the proxy in front calls it. */
function loginName() {
  return form<string>({
    allowed: 'a name without commas, as the proxy in front says it',
    pattern: '[^,]+',
    read: text => (/^[^,\p{C}]{1,256}$/u.test(text) && text === text.trim() ? text : new Wrong('not a name')),
    write: text => text,
  })
}

const auth = z.strictObject({
  trustHeader: z
    .strictObject({
      user: headerName().describe('header with the name of who is logged in, as X-Forwarded-User'),
      groups: headerName()
        .exactOptional()
        .describe('header with their groups, with commas between them, as X-Forwarded-Groups'),
      from: z
        .array(network())
        .min(1)
        .describe('the proxies whose word counts, by the address of their own connection; from others it is ignored'),
      secret: secret()
        .describe('what the proxy must send as X-Banyan-Proxy-Secret besides; empty: its address is enough')
        .prefault(''),
    })
    .describe('headers by which a proxy in front says who is logged in; it must replace what clients send'),
  groups: z.record(loginName(), grant()).describe('what members of a group may do').prefault({}),
  users: z.record(loginName(), grant()).describe('what single people may do, beside their groups').prefault({}),
  everyone: grant().exactOptional().describe('what everybody may do who is logged in; default: nothing'),
})

export const admin = z.strictObject({
  listen: address()
    .describe('API and dashboard; other than loopback needs `hosts` and `behindTls: true`')
    .prefault('127.0.0.1:9900'),
  hosts: z.array(hostName()).describe('Host headers that are answered, beside loopback’s own names').prefault([]),
  behindTls: z.boolean().describe('a TLS proxy stands in front of it').prefault(false),
  auth: auth.exactOptional().describe('login of people by a proxy in front; tokens go on working'),
  ...listenerLater,
})
