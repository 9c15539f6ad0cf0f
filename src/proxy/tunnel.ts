// Upgrades (WebSocket and the like): decided like any request, then tunnelled byte for byte. Not one byte of the client
// reaches a backend before the backend's 101; a refusal is relayed as the ordinary answer that it is.
import type { Socket } from 'node:net'
import type { Milliseconds } from '../model/units.ts'
import { takeBytes } from '../upstream/read-buffer.ts'
import { writeCopy } from '../upstream/write-copy.ts'
import type { Answer, Request } from '../wire/head.ts'
import { reset } from './reset.ts'
import type { Open } from './spread.ts'

/** h2c is an offer that may be ignored, and its request may have a body; everything else on a bodiless GET is tunnelled. */
export function isUpgrade({ method, minor, fields }: Request): boolean {
  if (!fields.upgrades || fields.upgrade === null || method !== 'GET' || minor === 0) return false
  if (fields.isChunked || fields.length > 0) return false
  const offered = offers(fields.upgrade)
  return offered.length > 0 && !offered.some(one => one.startsWith('h2c'))
}

/** The backend switched to what the client had offered. */
export function agreesTo(request: Request, answer: Answer): boolean {
  const offered = offers(request.fields.upgrade)
  return offers(answer.fields.upgrade).every(one => offered.includes(one))
}

/** The protocols of an `Upgrade` field, in lower case. */
function offers(upgrade: string | null): string[] {
  return (upgrade ?? '')
    .toLowerCase()
    .split(',')
    .map(one => one.trim())
    .filter(one => one !== '')
}

interface End {
  readonly socket: Socket
  /** Bytes that came before the tunnel was open. */
  readonly early: Buffer
}

export interface Tunnel extends Open {
  /** Called about twice a second. */
  tick(now: Milliseconds): void
}

/** Once one end has said its last byte, and then nothing moves for so long, there is nobody left to wait for. */
const HALF_CLOSED_MS = 60_000

/** Both ends stay half-open: one that has said its last byte may still listen. A reset of one resets the other. */
export function openTunnel(
  client: End,
  backend: End,
  { route, side }: Pick<Open, 'route' | 'side'>,
  over: (tunnel: Tunnel) => void,
): Tunnel {
  const ends = [client.socket, backend.socket]
  let moved = -1
  let since: Milliseconds = 0
  const tunnel: Tunnel = {
    route,
    side,
    tick(now) {
      const bytes = ends.reduce((sum, { bytesRead, bytesWritten, writableLength }) => {
        return sum + bytesRead + bytesWritten - writableLength
      }, 0)
      if (bytes !== moved || !ends.some(({ readableEnded }) => readableEnded)) {
        moved = bytes
        since = now
      } else if (now - since >= HALF_CLOSED_MS) for (const socket of ends) reset(socket)
    },
    cut() {
      client.socket.destroy()
      backend.socket.destroy()
    },
  }
  let open = 2
  const closed = () => {
    if (--open === 0) over(tunnel)
  }
  relay(client.socket, backend.socket, closed)
  relay(backend.socket, client.socket, closed)
  if (client.early.length > 0) backend.socket.write(client.early)
  if (backend.early.length > 0) client.socket.write(backend.early)
  return tunnel
}

function relay(from: Socket, to: Socket, closed: () => void): void {
  from.on('end', () => to.end())
  from.on('error', () => from.destroy())
  from.on('close', hadError => {
    // No clean end of one is no clean end of the other.
    if (hadError || !to.writableEnded) reset(to)
    closed()
  })
  to.on('drain', () => from.resume())
  takeBytes(from, chunk => {
    if (!writeCopy(to, chunk)) from.pause()
  })
}
