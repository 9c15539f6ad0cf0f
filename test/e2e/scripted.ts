// Backends that do with each request what a test says, when it says so, and clients of one request each.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import { rawClient } from './harness.ts'

/** A request that has reached a backend; its body may still come. */
export interface Asked {
  readonly path: string
  /** The request line and the fields, with the empty line. */
  readonly head: string
  readonly socket: Socket
  /** What of the body has come, framing and all. */
  body(): string
  /** The connection it came on is gone. */
  readonly gone: Promise<void>
  answer(body?: string, status?: string): void
}

export interface Scripted {
  readonly url: string
  readonly port: number
  /** `host:port`, as the proxy calls it. */
  readonly address: string
  /** Requests in the order they came, but for probes. */
  readonly asked: Asked[]
  /** Connections that have been opened, but for those of probes. */
  readonly sockets: Set<Socket>
  readonly paths: () => string[]
  /** What becomes of a request; may be changed at any time. */
  serve: (asked: Asked) => void
  /** Status of probes; null: they hear nothing. */
  probe: string | null
  /** Nobody can connect any more, and whoever has is cut. */
  close(): Promise<void>
  /** Again, at the same address. */
  open(): Promise<void>
}

/** Says its name. */
export const saying =
  (name: string) =>
  (asked: Asked): void =>
    asked.answer(name)

/** Keeps each request until the test answers it. */
export const holding = (): void => {}

/** Cuts the connection. */
export const cutting = ({ socket }: Asked): void => {
  socket.destroy()
}

const { pid, platform } = process

/**
 * An address that is this process's alone, where the system has so many: when a backend closes its port there, no test that
 * runs at the same time is given it, and answers.
 */
export const ALONE = {
  host: platform === 'linux' ? `127.${1 + (pid >> 16)}.${(pid >> 8) & 255}.${pid & 255}` : '127.0.0.1',
}

export async function scripted(
  t: Test,
  serve: Scripted['serve'],
  { host = '127.0.0.1', port = 0 }: { readonly host?: string; readonly port?: number } = {},
): Promise<Scripted> {
  const sockets = new Set<Socket>()
  const all = new Set<Socket>()
  const server = createServer({ noDelay: true }, socket => {
    all.add(socket)
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => all.delete(socket))
    read(socket, backend)
  })
  const close = async () => {
    for (const socket of all) socket.destroy()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }
  const listen = async (at: number) => {
    server.listen(at, host)
    await once(server, 'listening')
  }
  await listen(port)
  t.teardown(close)
  const found = (server.address() as AddressInfo).port
  const backend: Scripted = {
    url: `http://${host}:${found}`,
    port: found,
    address: `${host}:${found}`,
    asked: [],
    sockets,
    paths: () => backend.asked.map(({ path }) => path),
    serve,
    probe: '204 No Content',
    close,
    open: () => listen(found),
  }
  return backend
}

/** One request after the other; where a request has a body, it is the last one of its connection. */
function read(socket: Socket, backend: Scripted): void {
  let text = ''
  let isInBody = false
  const gone = new Promise<void>(resolve => socket.once('close', () => resolve()))
  socket.setEncoding('latin1')
  socket.on('data', chunk => {
    text += chunk
    for (let end = text.indexOf('\r\n\r\n'); !isInBody && end !== -1; end = text.indexOf('\r\n\r\n')) {
      const head = text.slice(0, end + 4)
      text = text.slice(end + 4)
      if (/\r\nUser-Agent: banyan-probe\r\n/.test(head)) {
        backend.sockets.delete(socket)
        if (backend.probe !== null) socket.end(`HTTP/1.1 ${backend.probe}\r\nContent-Length: 0\r\n\r\n`)
        continue
      }
      isInBody = /\r\n(content-length: [^0]|transfer-encoding:)/i.test(head)
      const asked: Asked = {
        path: head.split(' ')[1] as string,
        head,
        socket,
        gone,
        body: () => text,
        answer(body = 'ok', status = '200 OK') {
          const end = isInBody ? 'Connection: close\r\n' : ''
          socket.write(`HTTP/1.1 ${status}\r\n${end}Content-Length: ${body.length}\r\n\r\n${body}`, 'latin1')
        },
      }
      backend.asked.push(asked)
      backend.serve(asked)
    }
  })
}

export interface Answer {
  readonly status: number
  readonly head: string
  readonly body: string
  /** `code` of a problem; null: it is none. */
  readonly code: string | null
  /** The answer ended before its length, or never began. */
  readonly isCut: boolean
}

/** A request that is on its way. */
export interface Sent {
  readonly answer: Promise<Answer>
  /** What of the answer has come. */
  text(): string
  send(bytes: string): void
  /** The client goes. */
  leave(): void
  readonly socket: Socket
}

/** Sends bytes on a connection of their own; the answer is what comes until it ends. */
export function sendBytes(t: Test, port: number, bytes: string): Sent {
  const client = rawClient(t, port)
  client.send(bytes)
  return {
    answer: client.closed.then(answerOf),
    text: client.text,
    send: client.send,
    leave: () => client.socket.destroy(),
    socket: client.socket,
  }
}

/** A GET on a connection of its own. */
export function sendGet(t: Test, port: number, path = '/', fields = ''): Sent {
  return sendBytes(t, port, `GET ${path} HTTP/1.1\r\nHost: shop.example\r\n${fields}Connection: close\r\n\r\n`)
}

export function get(t: Test, port: number, path = '/', fields = ''): Promise<Answer> {
  return sendGet(t, port, path, fields).answer
}

/** A POST, with a body that is too large to be sent in the turn of its head where that is asked. */
export function post(t: Test, port: number, path = '/', body = 'hello'): Promise<Answer> {
  const fields = `Content-Length: ${body.length}\r\nConnection: close\r\n`
  return sendBytes(t, port, `POST ${path} HTTP/1.1\r\nHost: shop.example\r\n${fields}\r\n${body}`).answer
}

function answerOf(text: string): Answer {
  // Interim answers come before.
  const whole = text.replace(/^(HTTP\/1\.1 1\d\d [^\r]*\r\n([^\r]+\r\n)*\r\n)+/, '')
  const end = whole.indexOf('\r\n\r\n')
  const head = end === -1 ? whole : whole.slice(0, end + 4)
  const rest = end === -1 ? '' : whole.slice(end + 4)
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  const isChunked = /\r\ntransfer-encoding: chunked/i.test(head)
  const isCut =
    end === -1 || (isChunked ? !rest.endsWith('0\r\n\r\n') : length !== undefined && rest.length < Number(length))
  return {
    status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? 0),
    head,
    body: rest,
    code: /"code":"(\w+)"/.exec(rest)?.[1] ?? null,
    isCut,
  }
}

/** The value of one line of the metrics, as Prometheus reads it; null: there is none. */
export async function metricOf(health: string, line: string): Promise<number | null> {
  const text = await (await fetch(`${health}/metrics`)).text()
  const found = text.split('\n').find(one => one.startsWith(`${line} `))
  return found === undefined ? null : Number(found.slice(line.length + 1))
}

/** A clock that only the test turns: nothing becomes due because a machine is slow. */
export function handClock() {
  const at = { ms: 1_000 }
  return {
    clock: { now: () => Date.now(), monotonic: () => at.ms },
    turn(ms: number) {
      at.ms += ms
    },
  }
}
