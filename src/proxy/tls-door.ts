// TLS on the data listener. Certificates are renewed in place: connections that are open keep theirs, new ones get the new.
import type { Socket } from 'node:net'
import { createServer } from 'node:tls'
import type { Milliseconds } from '../model/units.ts'
import { socketUnder } from './reset.ts'

export interface Certificate {
  readonly cert: string
  readonly key: string
}

export interface TlsDoor {
  /** Shakes hands on an open socket; who does not in time, or cannot, is closed. */
  shake(socket: Socket, withinMs: Milliseconds, then: (clear: Socket) => void): void
  renew(certificate: Certificate): void
}

/** `plain` gets the socket of a client that speaks HTTP without TLS: it can be answered, and must be ended. */
export function createTlsDoor(first: Certificate, plain: (socket: Socket) => void): TlsDoor {
  let now = first
  const waiting = new WeakMap<Socket, (clear: Socket) => void>()
  const server = createServer({ ...first, ALPNProtocols: ['http/1.1'], minVersion: 'TLSv1.2' })
  server.on('secureConnection', clear => {
    // The socket under it is how we know it again.
    const under = socketUnder(clear)
    const then = under === null ? undefined : waiting.get(under)
    if (then === undefined) clear.destroy()
    else then(clear)
  })
  server.on('tlsClientError', (error, clear) => {
    const under = socketUnder(clear)
    if ((error as NodeJS.ErrnoException).code === 'ERR_SSL_HTTP_REQUEST' && under !== null) plain(under)
    else clear.destroy()
  })
  return {
    shake(socket, withinMs, then) {
      const timer = setTimeout(() => socket.destroy(), withinMs)
      socket.once('close', () => clearTimeout(timer))
      waiting.set(socket, clear => {
        clearTimeout(timer)
        clear.allowHalfOpen = true
        clear.setNoDelay(true)
        then(clear)
      })
      // Whoever has said its last byte before the handshake is over has left. TLS takes this over from its socket.
      socket.allowHalfOpen = false
      server.emit('connection', socket)
    },
    renew(certificate) {
      if (certificate.cert === now.cert && certificate.key === now.key) return
      now = certificate
      server.setSecureContext({ ...certificate, minVersion: 'TLSv1.2' })
    },
  }
}
