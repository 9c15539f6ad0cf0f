// Servers on loopback that answer with given bytes, for what no HTTP library would send.

import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

export interface WireServer {
  readonly url: string
  /** Heads of requests, as they came. */
  readonly heads: string[]
  readonly sockets: ReadonlySet<Socket>
}

/** Text (latin1) to answer with, or a function that writes by itself. */
export type Script = (target: string, head: string, nth: number) => string | ((socket: Socket) => void)

export async function wireServer(t: Test, script: Script): Promise<WireServer> {
  const heads: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, socket => {
    sockets.add(socket)
    let text = ''
    socket.setEncoding('latin1')
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', chunk => {
      text += chunk
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end)
        text = text.slice(end + 4)
        heads.push(head)
        const answer = script(head.split(' ')[1] ?? '', head, heads.length)
        if (typeof answer === 'string') socket.write(answer, 'latin1')
        else answer(socket)
      }
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heads, sockets }
}

/** An answer with a length. */
export function said(fields: readonly string[], body = 'hello', line = 'HTTP/1.1 200 OK'): string {
  return [line, ...fields, `Content-Length: ${body.length}`, '', body].join('\r\n')
}
