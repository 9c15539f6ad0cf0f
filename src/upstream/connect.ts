// Opens sockets to backends: TCP, or TLS with the backend's own policy. Sockets stay half-open, so that a backend's end of
// its answer is not our end of the request, and a tunnel's half-close crosses.
import { constants } from 'node:crypto'
import { connect as connectTcp, isIP, Socket } from 'node:net'
import {
  type ConnectionOptions,
  connect as connectTls,
  createSecureContext,
  type SecureContext,
  TLSSocket,
} from 'node:tls'
import type { BackendTls } from '../model/route.ts'
import type { EpochMs } from '../model/units.ts'
import type { Refuse } from './own-listeners.ts'
import { tapped } from './read-buffer.ts'

export interface Target {
  /** An address; a name would be resolved by Node, behind our back. */
  readonly host: string
  readonly port: number
  /** What the certificate has to say; null: plain TCP. */
  readonly tls: { readonly servername: string; readonly policy: BackendTls } | null
}

/** Begins a connection; tells once when it is open, TLS included. */
export type Connect = (target: Target, opened: (socket: Socket) => void) => Socket

/** What cannot even be tried, as a certificate that OpenSSL does not read, fails as everything else does: by an event. */
export function createConnect(refuse: Refuse): Connect {
  return (target, opened) => {
    try {
      return connectTo(target, refuse, opened)
    } catch (error) {
      const socket = new Socket()
      socket.destroy(error instanceof Error ? error : new Error(String(error)))
      return socket
    }
  }
}

/** What the backend showed of itself. */
export interface PeerTls {
  /** null: it showed no certificate. */
  readonly validTo: EpochMs | null
  /** `TLSv1.3` … */
  readonly protocol: string | null
}

/** null: it is no TLS. */
export function peerTlsOf(socket: Socket): PeerTls | null {
  if (!(socket instanceof TLSSocket)) return null
  const validTo = socket.getPeerX509Certificate()?.validTo
  return { validTo: validTo === undefined ? null : Date.parse(validTo), protocol: socket.getProtocol() }
}

function connectTo({ host, port, tls }: Target, refuse: Refuse, opened: (socket: Socket) => void): Socket {
  if (tls === null) {
    const options = { host, port, allowHalfOpen: true, noDelay: true, keepAlive: true }
    const socket = tapped(onread => connectTcp({ ...options, onread }))
    socket.once('connect', () => {
      if (isLetBe(socket, refuse)) opened(socket)
    })
    return socket
  }
  // tls.connect knows allowHalfOpen; its types do not. No session is kept: a resumed one would skip the check of the name.
  const options: ConnectionOptions & { allowHalfOpen: boolean } = {
    host,
    port,
    allowHalfOpen: true,
    ...tlsOptions(tls),
  }
  const socket = connectTls(options)
  socket.setNoDelay(true)
  socket.setKeepAlive(true)
  socket.once('connect', () => isLetBe(socket, refuse))
  socket.once('secureConnect', () => opened(socket))
  return socket
}

function isLetBe(socket: Socket, refuse: Refuse): boolean {
  const error = refuse(socket)
  if (error !== null) socket.destroy(error)
  return error === null
}

function tlsOptions({ servername, policy }: NonNullable<Target['tls']>): ConnectionOptions {
  return {
    rejectUnauthorized: policy.verify,
    ALPNProtocols: ['http/1.1'],
    // RFC 6066, 3: no address in SNI; the certificate is checked against `host` then.
    ...(isIP(servername) === 0 ? { servername } : {}),
    secureContext: contextOf(policy),
  }
}

/** Reading authorities takes longer than a handshake: once for each policy. */
const contexts = new WeakMap<BackendTls, SecureContext>()

function contextOf(policy: BackendTls): SecureContext {
  const known = contexts.get(policy)
  if (known !== undefined) return known
  const context = createSecureContext({
    ...(policy.ca === null ? {} : { ca: policy.ca }),
    ...(policy.minVersion === null ? {} : { minVersion: policy.minVersion }),
    ...(policy.ciphers === null ? {} : { ciphers: policy.ciphers }),
    ...(policy.legacyRenegotiation ? { secureOptions: constants.SSL_OP_LEGACY_SERVER_CONNECT } : {}),
  })
  contexts.set(policy, context)
  return context
}
