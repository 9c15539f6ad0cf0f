// Looks whether a side can be reached at all, before a list of requests fails one by one: connects, sends nothing.
import { connect, isIP } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import type { Milliseconds } from '../../model/units.ts'

export interface TlsOptions {
  readonly ca: Buffer | null
  readonly insecure: boolean
  /** Name to ask for and to verify; null: the URL's own. */
  readonly servername: string | null
}

export interface Reached {
  readonly origin: URL
  readonly timeoutMs: Milliseconds
  readonly tls: TlsOptions
  readonly over: AbortSignal
}

/** Null: it can; else why not. */
export function unreachable({ origin, timeoutMs, tls, over }: Reached): Promise<string | null> {
  if (over.aborted) return Promise.resolve(null)
  return new Promise(resolve => {
    const place = { host: hostOf(origin), port: portOf(origin) }
    const secure = origin.protocol === 'https:'
    const socket = secure ? connectSecurely({ ...place, ...secureOptions(origin, tls) }) : connect(place)
    const stop = (): void => end(null)
    const end = (why: string | null): void => {
      over.removeEventListener('abort', stop)
      socket.destroy()
      resolve(why)
    }
    over.addEventListener('abort', stop)
    socket.setTimeout(timeoutMs, () => end(`no connection within ${timeoutMs / 1000} s`))
    socket.on(secure ? 'secureConnect' : 'connect', () => end(null))
    socket.on('error', (error: NodeJS.ErrnoException) => end(reasonOf(error)))
  })
}

export function secureOptions(origin: URL, { ca, insecure, servername }: TlsOptions) {
  const name = servername ?? hostOf(origin)
  return {
    rejectUnauthorized: !insecure,
    // An address is no name that could be asked for.
    servername: isIP(name) === 0 ? name : '',
    ...(ca === null ? {} : { ca }),
  }
}

export function hostOf(origin: URL): string {
  return origin.hostname.replace(/^\[|\]$/g, '')
}

export function portOf(origin: URL): number {
  return origin.port === '' ? (origin.protocol === 'https:' ? 443 : 80) : Number(origin.port)
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'its name cannot be resolved now',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  ECONNRESET: 'the connection was cut before an answer',
  EPIPE: 'the connection was cut before an answer',
  ABORT_ERR: 'stopped',
  HPE_HEADER_OVERFLOW: 'the head of its answer is too large',
}

export function reasonOf(error: NodeJS.ErrnoException): string {
  const code = error.code ?? error.name
  if (REASONS[code] !== undefined) return REASONS[code]
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) return `no TLS with it: ${tlsReason(error.message)}`
  // Without Node's own advice, which is about its flags.
  const message = error.message.replace(/; if the root CA .*$/, '')
  return code.startsWith('HPE_') ? `not an HTTP answer: ${message}` : message
}

/** OpenSSL's own words, of `…:error:0A00010B:SSL routines:function:wrong version number:file:line:`. */
function tlsReason(message: string): string {
  const reason = /:SSL routines:[^:]*:([^:]+):/.exec(message)?.[1] ?? message
  return reason === 'wrong version number' ? 'does it speak plain HTTP?' : reason
}
