// Both backends again, for what the canned ones cannot: large bodies both ways, and WebSockets whose bytes come back as they are.
//
//   GET /bytes/<sized|chunked>/<n>   answers a body of n bytes, framed like that
//   GET … with Upgrade               101, then an echo
//   anything else                    takes its body and answers how many bytes it had, and where they differed
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Side } from '../../src/model/route.ts'
import { BodyCheck, type Framing, framingField, piecesOf, pour } from '../kit/bodies.ts'
import { answerParent } from '../kit/children.ts'
import { MessageReader } from '../kit/messages.ts'
import { acceptOf } from '../kit/websocket.ts'
import type { OriginPorts } from './origin.ts'

/** What is told of a body that was taken. */
export interface Taken {
  readonly bytes: number
  readonly differsAt: number | null
}

answerParent(async (): Promise<OriginPorts> => ({ legacy: await serve('legacy'), new: await serve('new') }))

function serve(side: Side): Promise<number> {
  const server = createServer({ noDelay: true }, socket => answerOn(socket, side))
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () => resolve((server.address() as AddressInfo).port))
  })
}

function answerOn(socket: Socket, side: Side): void {
  let head = ''
  let check = new BodyCheck()
  let upgraded = false
  const reader = new MessageReader({
    head(text) {
      head = text
      check = new BodyCheck()
      upgraded = /^upgrade:/im.test(text)
      if (upgraded) reader.stop()
    },
    body: (bytes, from, to) => check.take(bytes, from, to),
    end: () => answer(socket, side, head, check),
  })
  const read = (bytes: Buffer) => {
    const taken = takenBy(reader, bytes, socket)
    if (!upgraded) return
    socket.off('data', read)
    socket.on('data', (echo: Buffer) => socket.write(echo))
    socket.write(accepted(head))
    if (taken < bytes.length) socket.write(bytes.subarray(taken))
  }
  socket.on('error', () => {})
  socket.on('data', read)
}

/** What a proxy garbles, its client is to read. */
function takenBy(reader: MessageReader, bytes: Buffer, socket: Socket): number {
  try {
    return reader.take(bytes)
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    socket.end(`HTTP/1.1 400 Bad Request\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
    return bytes.length
  }
}

function answer(socket: Socket, side: Side, head: string, { bytes, differsAt }: BodyCheck): void {
  const [, framing, count] = /^GET \/bytes\/(sized|chunked)\/(\d+) /.exec(head) ?? []
  if (framing === undefined) {
    const text = JSON.stringify({ bytes, differsAt } satisfies Taken)
    socket.write(`${headOf(side, 'application/json', 'sized', text.length)}${text}`)
  } else {
    const length = Number(count)
    const own = framing as Framing
    pour(socket, headOf(side, 'application/octet-stream', own, length), piecesOf(own, length))
  }
}

function headOf(side: Side, type: string, framing: Framing, length: number): string {
  const fields = [`Content-Type: ${type}`, `x-served-by: ${side}`, framingField(framing, length)]
  return `${['HTTP/1.1 200 OK', ...fields].join('\r\n')}\r\n\r\n`
}

function accepted(head: string): string {
  const key = /^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? ''
  const fields = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${acceptOf(key)}`]
  return `${['HTTP/1.1 101 Switching Protocols', ...fields].join('\r\n')}\r\n\r\n`
}
