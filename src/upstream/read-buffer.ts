// One buffer for everything that bare sockets read, clients' and backends'. Node gives each read memory of its own, and that
// garbage costs more than the read.
//
// Such a socket has no `data` events. Whoever takes a chunk has to be done with it, or to have copied it, when `take` returns.
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net'

const READ_BYTES = 64 * 1024
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES)

interface Tap {
  take(chunk: Buffer): void
}

const taps = new WeakMap<Socket, Tap>()

/** A socket that is made with this `onread` reads into the buffer. */
export function tapped(make: (onread: OnReadOpts) => Socket): Socket {
  const tap: Tap = { take() {} }
  const socket = make({
    buffer: readBuffer,
    callback(bytes) {
      tap.take(readBuffer.subarray(0, bytes))
      return true
    },
  })
  taps.set(socket, tap)
  return socket
}

/** What Node's sockets keep to themselves. */
interface Inside {
  _handle?: object | null
  _server?: unknown
}

/**
 * The same connection, reading into the buffer. Node has no such option for a socket that it has accepted: one is made anew
 * on its handle. `accepted` is nothing any more; it must have been accepted with `pauseOnConnect`, unread.
 */
export function tapAccepted(accepted: Socket): Socket {
  const old = accepted as unknown as Inside
  const handle = old._handle
  // Another Node may hide it: then it is read as Node does.
  if (handle === undefined || handle === null) return accepted
  const socket = tapped(
    onread => new Socket({ handle, onread, allowHalfOpen: true } as unknown as SocketConstructorOpts),
  )
  // The server counts its connections by this.
  ;(socket as unknown as Inside)._server = old._server
  old._server = null
  old._handle = null
  return socket
}

/** From now on its bytes go there; first those that were put back. */
export function takeBytes(socket: Socket, take: (chunk: Buffer) => void): void {
  const tap = taps.get(socket)
  if (tap === undefined) socket.on('data', take)
  else {
    tap.take = take
    const early: Buffer | null = socket.read()
    if (early !== null) process.nextTick(takeLater, tap, early)
  }
  // Where nothing listens for data nothing flows, and the end would not be heard.
  socket.resume()
}

/** Ends that; whoever takes them next says so in the same turn. */
export function leaveBytes(socket: Socket, take: (chunk: Buffer) => void): void {
  if (!taps.has(socket)) socket.off('data', take)
}

function takeLater(tap: Tap, early: Buffer): void {
  tap.take(early)
}
