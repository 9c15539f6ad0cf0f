// Where things are in the network, as routes.yaml writes it: addresses to listen on, ranges, backends, hosts.
import { isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { NAME, readName } from './patterns.ts'
import { form, Wrong } from './values.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

const LOOPBACK = /^(localhost|127(\.[0-9]{1,3}){3}|::1)$/
const EVERYWHERE = new Set(['0.0.0.0', '::'])

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host)
}

/** Whether a server on `listen` would answer a client that asks for `host:port` on this machine. */
export function answersAt(listen: Address, host: string, port: number): boolean {
  if (listen.port === 0 || listen.port !== port) return false
  const [own, asked] = [plainHost(listen.host), plainHost(host)]
  if (own === asked || EVERYWHERE.has(asked)) return true
  if (EVERYWHERE.has(own)) return isLoopback(asked) || isThisMachine(asked)
  return [own, asked].every(isLoopback) && [own, asked].includes('localhost')
}

/** One text for one host, for comparing: a name may end with a dot, and `::ffff:7f00:1` is 127.0.0.1 written for IPv6. */
export function plainHost(host: string): string {
  const [bare = ''] = host.split('%')
  if (isIP(bare) !== 6) return bare.toLowerCase().replace(/\.$/, '')
  const written = new URL(`http://[${bare}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(written) ?? []
  if (high === undefined || low === undefined) return written
  const bits = Number.parseInt(high, 16) * 2 ** 16 + Number.parseInt(low, 16)
  return [24, 16, 8, 0].map(shift => Math.floor(bits / 2 ** shift) % 256).join('.')
}

function isThisMachine(host: string): boolean {
  if (host === plainHost(hostname())) return true
  return Object.values(networkInterfaces()).some(list => list?.some(({ address }) => address === host))
}

/** Where to listen; port 0 takes a free one. */
export function address() {
  return form<Address>({
    allowed: 'host:port, such as 127.0.0.1:8080, :8080 or [::1]:8080',
    pattern: '.*:[0-9]+',
    numbers: 'as-text',
    read: readAddress,
    write: writeAddress,
  })
}

export function addressOrNone() {
  return form<Address | null>({
    allowed: 'host:port, such as 127.0.0.1:8080, :8080 or [::1]:8080, or none',
    pattern: '.*:[0-9]+|none',
    numbers: 'as-text',
    read: text => (text === 'none' ? null : readAddress(text)),
    write: value => (value === null ? 'none' : writeAddress(value)),
  })
}

export function readAddress(text: string): Address | Wrong {
  if (/^[0-9]+$/.test(text)) return new Wrong('an address is host:port', `write :${text} for every interface`)
  if (text.startsWith('*:')) return new Wrong('not a host', `write ${text.slice(1)} for every interface`)
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]/]*)):([0-9]{1,5})$/.exec(text) ?? []
  if (digits === undefined) {
    const bare = isIP(text) === 6 ? `[${text}]` : text
    return new Wrong('an address is host:port', /^(\[[^\]]*\]|[\w.-]+)$/.test(bare) ? `write ${bare}:8080` : null)
  }
  const host = bracketed ?? (plain === '' ? '0.0.0.0' : (plain as string))
  if (bracketed !== undefined ? isIP(host) !== 6 : isIP(host) !== 4 && !isHostName(host)) return new Wrong('not a host')
  const port = Number(digits)
  return port > 65_535 ? new Wrong('a port is 0 to 65535') : { host, port }
}

export function writeAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** An address range, kept as text. */
export function network() {
  return form<string>({
    allowed: 'an address or a range, such as 10.0.0.0/8, fd00::/8 or 192.0.2.7',
    pattern: '[0-9a-fA-F:.]+(/[0-9]{1,3})?',
    read: readNetwork,
    write: text => text,
  })
}

function readNetwork(text: string): string | Wrong {
  const [base = '', bits, ...rest] = text.split('/')
  const version = isIP(base)
  if (version === 0 || base.includes('%') || rest.length > 0) return new Wrong('not an address range')
  if (bits === undefined) return text
  const most = version === 4 ? 32 : 128
  return /^[0-9]{1,3}$/.test(bits) && Number(bits) <= most ? text : new Wrong(`a range is /0 to /${most}`)
}

/** `http://host:port`, normalised: lower case, without a default port. */
export function backendUrl() {
  return form<string>({ allowed: URL_ALLOWED, pattern: 'https?://[^/?#@ ]+/?', read: readOrigin, write: url => url })
}

export const URL_ALLOWED = 'http://host:port or https://host:port, nothing after it'

/** `who` stands behind it, for the words of a mistake. */
export function readOrigin(text: string, who = 'backend'): string | Wrong {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === undefined)
    return new Wrong('not a URL', /^[\w.-]+(:[0-9]+)?$/.test(text) ? `write http://${text}` : null)
  if (scheme !== 'http' && scheme !== 'https') return new Wrong(`a ${who} speaks http or https`)
  if (text.includes('@'))
    return new Wrong('a URL must not hold a user or password', `set the header in the ${who} or its client`)
  const url = URL.canParse(text) && !/[\s\\]/.test(text) ? new URL(text) : null
  if (url === null || url.hostname === '') return new Wrong('not a URL')
  if (url.port === '0') return new Wrong('port 0 cannot be asked')
  if (url.pathname !== '/' || text.includes('?') || text.includes('#')) {
    return new Wrong(`a ${who} is an origin, without a path`, `write ${url.origin}`)
  }
  return url.origin
}

/** A side in short: the name of a backend, or a URL. */
export function backendReference() {
  return form<string>({
    allowed: `the name of a backend, or ${URL_ALLOWED}`,
    pattern: `${NAME}|https?://[^/?#@ ]+/?`,
    read: text => (isUrl(text) ? readOrigin(text) : readName(text)),
    write: text => text,
  })
}

export function isUrl(text: string): boolean {
  return text.includes('://')
}

const HOST_NAME = '[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?(\\.[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?)*'

export function isHostName(text: string): boolean {
  return text.length <= 253 && new RegExp(`^${HOST_NAME}$`).test(text)
}

/** A host to match, in lower case, without a port; `*.` in front stands for any labels. */
export function hostPattern() {
  return form<string>({
    allowed: 'a host without a port, or *.example.com',
    pattern: `(\\*\\.)?${HOST_NAME}|\\[[0-9a-fA-F:.]+\\]`,
    read: text => readHost(text, true),
    write: text => text,
  })
}

/** A host name, in lower case, without a port. */
export function hostName() {
  return form<string>({
    allowed: 'a host without a port',
    pattern: `${HOST_NAME}|\\[[0-9a-fA-F:.]+\\]`,
    read: text => readHost(text, false),
    write: text => text,
  })
}

function readHost(text: string, wildcard: boolean): string | Wrong {
  const bare = wildcard && text.startsWith('*.') ? text.slice(2) : text
  const bracketed = /^\[([^\]]+)\]$/.exec(bare)?.[1]
  if (bracketed === undefined ? isHostName(bare) : isIP(bracketed) === 6) return text.toLowerCase()
  const portless = /^(.+):[0-9]+$/.exec(text)?.[1]
  if (text === '*') return new Wrong('not a host', 'leave `host` out to match any')
  return new Wrong('not a host', portless === undefined ? null : `write ${portless}, without the port`)
}

/** The Host header that a backend gets: `preserve` (the client's) or a name, with a port if need be. */
export function hostPolicy() {
  return form<string>({
    allowed: 'preserve, or a host with an optional port',
    pattern: `${HOST_NAME}(:[0-9]{1,5})?|\\[[0-9a-fA-F:.]+\\](:[0-9]{1,5})?`,
    read(text) {
      const host = readHost(text.replace(/:[0-9]{1,5}$/, ''), false)
      return typeof host === 'string' ? text : host
    },
    write: text => text,
  })
}
