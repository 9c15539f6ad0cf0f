// Ends a socket so that its peer sees no clean end: where an answer has no length, a clean one would say that it is whole.
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** Node resets bare TCP only, and throws for TLS: there it is the socket below. */
export function reset(socket: Socket): void {
  if (!(socket instanceof TLSSocket)) {
    socket.resetAndDestroy()
    return
  }
  socketUnder(socket)?.resetAndDestroy()
  socket.destroy()
}

/** What TLS was put on; null: TLS opened it itself. */
export function socketUnder(socket: TLSSocket): Socket | null {
  return (socket as unknown as { readonly _parent?: Socket | null })._parent ?? null
}
