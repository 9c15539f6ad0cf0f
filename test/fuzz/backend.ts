// The backend of the fuzz: reads strictly, keeps what it read, and answers as it is told.
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import { Body } from '../e2e/wire/body.ts'
import { type Field, Malformed, readRequestHead, valuesOf } from '../e2e/wire/message.ts'

export interface Arrived {
  readonly method: string
  readonly target: string
  readonly fields: readonly Field[]
  readonly body: string
  readonly trailers: readonly Field[]
}

export interface Backend {
  readonly url: string
  readonly open: ReadonlySet<Socket>
  /** Whole requests since `forget`. */
  readonly seen: Arrived[]
  /** What came that a strict reader does not take. */
  readonly malformed: string[]
  forget(): void
}

export async function strictBackend(t: Test, answer: (arrived: Arrived, socket: Socket) => void): Promise<Backend> {
  const open = new Set<Socket>()
  const seen: Arrived[] = []
  const malformed: string[] = []
  const server = createServer({ noDelay: true }, socket => {
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
    socket.on('data', reader(socket))
  })

  function reader(socket: Socket): (chunk: Buffer) => void {
    let text = ''
    let body: Body | null = null
    let head: ReturnType<typeof readRequestHead> | null = null
    return chunk => {
      text += chunk.toString('latin1')
      try {
        while (text !== '' || body !== null) {
          if (head === null || body === null) {
            const end = text.indexOf('\r\n\r\n')
            if (end === -1) return
            head = readRequestHead(text.slice(0, end + 4))
            body = new Body(head.framing)
            text = text.slice(end + 4)
            if (valuesOf(head.fields, 'expect').length > 0 && text === '') socket.write('HTTP/1.1 100 Continue\r\n\r\n')
          }
          text = body.push(text)
          if (!body.done) return
          const arrived = { ...head, body: body.data, trailers: body.trailers }
          head = body = null
          seen.push(arrived)
          answer(arrived, socket)
        }
      } catch (error) {
        if (!(error instanceof Malformed)) throw error
        malformed.push(error.message)
        socket.destroy()
      }
    }
  }

  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open,
    seen,
    malformed,
    forget() {
      seen.length = 0
      malformed.length = 0
    },
  }
}

/** Writes a text in pieces, each in a turn of its own. */
export async function drip(socket: Socket, bytes: string, cuts: readonly number[]): Promise<void> {
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    if (to > from) socket.write(bytes.slice(from, to), 'latin1')
    from = Math.max(from, to)
    if (to < bytes.length) await turn()
  }
}

/** What was written is there: the loop has looked at the sockets. */
export async function turn(): Promise<void> {
  await new Promise(resolve => setImmediate(resolve))
  await new Promise(resolve => setImmediate(resolve))
}
