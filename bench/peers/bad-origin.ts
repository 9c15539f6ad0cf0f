// New sides that a shadow may meet: each on its own port, each bad in its own way. Asked once, it starts and tells the ports.
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { serveCanned } from '../kit/canned.ts'
import { answerParent } from '../kit/children.ts'

export const BAD = ['dead', 'slow', 'never reads', 'never ends', '1 GB'] as const
export type Bad = (typeof BAD)[number]

export type BadPorts = Readonly<Record<Bad | 'healthy', number>>

const SLOW_MS = 2_000
const GB = 2 ** 30
const PIECE = Buffer.alloc(64 * 1024, 'x')
const HEAD_END = '\r\n\r\n'
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'

answerParent(async (): Promise<BadPorts> => {
  const [healthy, dead, slow, neverReads, neverEnds, large] = [
    await serveCanned('new', null),
    await closedPort(),
    await serve(socket =>
      onRequest(socket, () => setTimeout(() => socket.write(`${HEAD}content-length: 2\r\n\r\n{}`), SLOW_MS)),
    ),
    await serve(socket => socket.pause()),
    await serve(socket => onRequest(socket, () => socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n1\r\n{\r\n`))),
    await serve(socket => onRequest(socket, () => pour(socket))),
  ]
  return { healthy, dead, slow, 'never reads': neverReads, 'never ends': neverEnds, '1 GB': large }
})

function serve(each: (socket: Socket) => void): Promise<number> {
  const server = createServer({ noDelay: true }, socket => {
    socket.on('error', () => {})
    each(socket)
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () => resolve((server.address() as AddressInfo).port))
  })
}

/** Nobody listens there. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

function onRequest(socket: Socket, answer: () => void): void {
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    text += chunk
    for (let end = text.indexOf(HEAD_END); end !== -1; end = text.indexOf(HEAD_END)) {
      text = text.slice(end + HEAD_END.length)
      answer()
    }
  })
}

function pour(socket: Socket): void {
  socket.write(`${HEAD}content-length: ${GB}\r\n\r\n`)
  let sent = 0
  const more = () => {
    while (sent < GB && !socket.destroyed) {
      sent += PIECE.length
      if (socket.write(PIECE)) continue
      socket.once('drain', more)
      return
    }
  }
  more()
}
