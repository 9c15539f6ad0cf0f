// A backend that costs next to nothing: raw sockets, one canned answer, no parser. It takes requests without a body.
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Side } from '../../src/model/route.ts'

/** The JSON text that both sides answer: about what a small API answers. */
const BODY_BYTES = 200
export const ANSWER_BYTES = BODY_BYTES

const HEAD_END = Buffer.from('\r\n\r\n')

function answerOf(side: Side): Buffer {
  const fields = { id: 4711, state: 'shipped', total: 129.5, currency: 'EUR', items: 3, note: '' }
  const note = 'n'.repeat(BODY_BYTES - JSON.stringify(fields).length)
  const head = [
    'HTTP/1.1 200 OK',
    'content-type: application/json; charset=utf-8',
    'cache-control: no-store',
    'date: Thu, 01 Jan 2026 00:00:00 GMT',
    `x-served-by: ${side}`,
    `content-length: ${BODY_BYTES}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${JSON.stringify({ ...fields, note })}`)
}

/** Serves until the process ends. `arrived` is told of each request. Returns the port. */
export function serveCanned(side: Side, arrived: (() => void) | null): Promise<number> {
  const answer = answerOf(side)
  const server = createServer({ noDelay: true }, socket => answerOn(socket, answer, arrived))
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () => resolve((server.address() as AddressInfo).port))
  })
}

function answerOn(socket: Socket, answer: Buffer, arrived: (() => void) | null): void {
  let rest: Buffer | null = null
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    const bytes: Buffer = rest === null ? chunk : Buffer.concat([rest, chunk])
    let from = 0
    for (let end = bytes.indexOf(HEAD_END); end !== -1; end = bytes.indexOf(HEAD_END, from)) {
      from = end + HEAD_END.length
      arrived?.()
      socket.write(answer)
    }
    rest = from === bytes.length ? null : bytes.subarray(from)
  })
}
