// Sides that a shadow may meet, each bad in its own way, at the level of bytes.
import type { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
const GB = 2 ** 30
const MIB = 2 ** 20

/** What it does with its connections. */
export interface BadSide {
  readonly serve: (socket: Socket) => void
}

export const BAD_SIDES = {
  resetting: () => on(socket => socket.resetAndDestroy()),
  'never answering': () => on(() => {}),
  'never reading': () => ({ serve: (socket: Socket) => void socket.pause() }),
  'never ending': () => on(socket => socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`)),
  dripping: () =>
    on(socket => {
      socket.write(`${HEAD}Content-Length: 1000\r\n\r\n`)
      const drip = setInterval(() => socket.write('x'), 1_000)
      socket.on('close', () => clearInterval(drip))
    }),
  'cutting off': () => on(socket => socket.end(`${HEAD}Content-Length: 1000\r\n\r\n{"half":`)),
  '1 GB': () => pouring(`Content-Length: ${GB}\r\n\r\n`),
  /** It does not say how much, and is no JSON that could be wrong at once. */
  'pouring on': () => pouring(`Connection: close\r\n\r\n`),
  bomb: () => whole(gzipSync(Buffer.alloc(200 * MIB, ' '), { level: 9 }), 'Content-Encoding: gzip\r\n'),
  'nested JSON': () => whole(Buffer.from('['.repeat(5 * MIB) + ']'.repeat(5 * MIB)), ''),
  nonsense: () => on(socket => socket.write('SSH-2.0-OpenSSH_9.2\r\n\r\n')),
} as const satisfies Record<string, () => BadSide>
export type BadKind = keyof typeof BAD_SIDES

function on(answer: (socket: Socket) => void): BadSide {
  return { serve: socket => requests(socket, () => answer(socket)) }
}

function whole(body: Buffer, fields: string): BadSide {
  return on(socket => {
    socket.write(`${HEAD}${fields}Content-Length: ${body.length}\r\n\r\n`, 'latin1')
    socket.write(body)
  })
}

/** As fast as it is taken. */
function pouring(fields: string): BadSide {
  const piece = Buffer.alloc(64 * 1024, 'x')
  const pour = (socket: Socket) => {
    socket.write(`${HEAD}${fields}`)
    let sent = 0
    const more = () => {
      while (sent < GB && !socket.destroyed) {
        sent += piece.length
        if (socket.write(piece)) continue
        socket.once('drain', more)
        return
      }
    }
    more()
  }
  return { serve: socket => requests(socket, () => pour(socket)) }
}

export function requests(socket: Socket, each: (head: string) => void): void {
  let text = ''
  socket.on('data', chunk => {
    text += chunk.toString('latin1')
    for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
      const head = text.slice(0, end + 4)
      text = text.slice(end + 4)
      each(head)
    }
  })
}
