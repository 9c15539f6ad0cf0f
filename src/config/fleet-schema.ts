// How instances on one store find each other, and know that it is them: `fleet` in routes.yaml.
import { isIP } from 'node:net'
import { z } from 'zod'
import { addressOrNone, isHostName, isUrl, readOrigin, URL_ALLOWED } from './addresses.ts'
import { form, secret, text, Wrong } from './values.ts'

/** The other instances, and maybe this one: by a name that has all their addresses, or one by one. */
export type PeerAddresses =
  | { readonly kind: 'dns'; readonly host: string; readonly port: number }
  | { readonly kind: 'urls'; readonly urls: readonly string[] }

export const LEAST_SECRET = 16

const DNS_ALLOWED = 'dns:NAME:PORT, a name that has the addresses of all instances'

function peersName() {
  return form<PeerAddresses>({
    allowed: DNS_ALLOWED,
    pattern: 'dns:.+:[0-9]+',
    read: readName,
    write: peers => (peers.kind === 'dns' ? `dns:${peers.host}:${peers.port}` : [...peers.urls]),
  })
}

function readName(text: string): PeerAddresses | Wrong {
  if (isUrl(text)) return new Wrong('URLs stand in a list', `write [${text}]`)
  const [, host = '', digits] = /^dns:([^:]*)(?::([0-9]{1,5}))?$/.exec(text) ?? []
  if (isIP(host) !== 0) return new Wrong('an address, not a name', `write [http://${host}:${digits ?? 'PORT'}]`)
  if (!isHostName(host)) {
    const meant = /^([\w.-]+:[0-9]+)$/.exec(text)?.[1]
    return new Wrong(
      'not a name of peers',
      meant === undefined ? 'for example dns:banyan-peers:9902' : `write dns:${meant}`,
    )
  }
  if (digits === undefined) return new Wrong('the port is missing', `for example dns:${host}:9902`)
  const port = Number(digits)
  return port < 1 || port > 65_535 ? new Wrong('a port is 1 to 65535') : { kind: 'dns', host: host.toLowerCase(), port }
}

function peerUrl() {
  return form<string>({
    allowed: URL_ALLOWED,
    pattern: 'https?://[^/?#@ ]+/?',
    read: text => readOrigin(text, 'peer'),
    write: url => url,
  })
}

// The list comes first in the union: on the way back to the words of the file a text form would take anything.
const peers = z.codec(z.union([z.array(peerUrl()).min(1).max(256), peersName()]), z.custom<PeerAddresses>(), {
  decode: (value): PeerAddresses => (Array.isArray(value) ? { kind: 'urls', urls: value } : (value as PeerAddresses)),
  encode: value => (value?.kind === 'urls' ? [...value.urls] : value),
})

export const fleet = z.strictObject({
  peers: peers
    .exactOptional()
    .describe(
      'where the other instances are, for rollbacks while the store is down: dns:NAME:PORT, a name that has the addresses of all (asked every 5 s), or a list of http(s)://host:port; this instance may be among them',
    ),
  secret: secret(LEAST_SECRET)
    .describe('what instances sign with, the same for all, at least 16 characters; empty: none')
    .prefault(''),
  listen: addressOrNone()
    .describe(
      'takes rollbacks of peers and nothing else, no token: they are signed; none: the admin listener takes them',
    )
    .prefault('none'),
  directory: text('a directory')
    .describe(
      'what this instance keeps beside a store that is elsewhere: rollbacks not stored yet, a copy of the last state',
    )
    .prefault('.banyan'),
})
