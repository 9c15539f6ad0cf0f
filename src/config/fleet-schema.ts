// The schema of `fleet`: how instances on one PostgreSQL reach each other without it, and what each keeps on its own disk.
import { z } from 'zod'
import { addressOrNone } from './addresses.ts'
import { form, secret, text, Wrong } from './values.ts'

export const SHORTEST_SECRET = 16

/** Every address of a name, on one port. */
function peersByName() {
  return form<{ readonly name: string; readonly port: number }>({
    allowed: 'dns:NAME:PORT, such as dns:banyan-peers:9902',
    pattern: 'dns:[\\w.-]+:[0-9]{1,5}',
    read(given) {
      const [, name, digits] = /^dns:([\w.-]+):([0-9]{1,5})$/.exec(given) ?? []
      const port = Number(digits)
      if (name !== undefined && port > 0 && port < 65_536) return { name, port }
      if (/^dns:[\w.-]+$/.test(given)) return new Wrong('which port?', `write ${given}:9902`)
      if (/^https?:/.test(given)) return new Wrong('not a name', `write [${given}]`)
      return new Wrong('not a name of peers')
    },
    write: ({ name, port }) => `dns:${name}:${port}`,
  })
}

function peerUrl() {
  return form<string>({
    allowed: 'http://HOST:PORT or https://HOST:PORT',
    pattern: 'https?://[^/?#@]+/?',
    read(given) {
      const url = URL.parse(given)
      if (url === null || !/^https?:$/.test(url.protocol)) return new Wrong('not an address of a peer')
      if (url.username !== '' || url.password !== '') return new Wrong('no name and password: the secret is the right')
      if (url.pathname !== '/' || url.search !== '' || url.hash !== '') return new Wrong('a peer has no path')
      return url.origin
    },
    write: url => url,
  })
}

export const fleet = z.strictObject({
  peers: z
    .union([z.array(peerUrl()).min(1), peersByName()])
    .exactOptional()
    .describe(
      'where the other instances are reached without the store, so that a rollback comes to them: URLs, or every address of a name; without it a rollback reaches them through the store only',
    ),
  secret: secret().describe('what they sign with; the same for all, 16 characters or more').prefault(''),
  listen: addressOrNone()
    .describe('where peers come in; none: on the admin listener, which is on loopback unless you say otherwise')
    .prefault('none'),
  directory: text()
    .describe(
      'what an instance keeps beside PostgreSQL: the last state, rollbacks that are not stored yet, the first token',
    )
    .prefault('.banyan'),
})
