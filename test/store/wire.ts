// What stands between a store and its PostgreSQL: a line that can fall silent without a word, and a server that is too old.
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'

export interface Line {
  readonly port: number
  /** What comes from clients is let through until this is in it; from then on nothing passes, in either direction. */
  silentFrom(text: string): void
  /** Resolves when it has fallen silent. */
  readonly silence: Promise<void>
}

/** To a server at a port of this machine. Connections stay open while nothing passes. */
export async function lineTo(t: Pick<Test, 'teardown'>, port: number): Promise<Line> {
  let last: string | null = null
  let silent = false
  let fallen: () => void = () => {}
  const silence = new Promise<void>(resolve => {
    fallen = resolve
  })
  const sockets = new Set<Socket>()
  const server = createServer(near => {
    const far = connect(port, '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => null)
    }
    near.on('data', chunk => {
      if (last !== null && chunk.includes(last)) {
        silent = true
        fallen()
      }
      if (!silent) far.write(chunk)
    })
    far.on('data', chunk => {
      if (!silent) near.write(chunk)
    })
    near.on('close', () => far.destroy())
    far.on('close', () => silent || near.destroy())
  })
  const at = await listening(server)
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    port: at,
    silence,
    silentFrom(text) {
      last = text
    },
  }
}

/** It lets everybody in, and answers whatever it is asked with one row of facts about itself. Its port. */
export async function oldServer(t: Pick<Test, 'teardown'>, version: number): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => null)
    let greeted = false
    socket.on('data', chunk => {
      if (!greeted) socket.write(Buffer.concat([message('R', int32(0)), READY]))
      else if (chunk[0] === 0x51) socket.write(Buffer.concat([rowOf(version), message('C', text('SELECT 1')), READY]))
      greeted = true
    })
  })
  const port = await listening(server)
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return port
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as { readonly port: number }).port
}

const READY = message('Z', Buffer.from('I'))

function rowOf(version: number): Buffer {
  // Name, type (OID) and value, as PostgreSQL sends them in text.
  const columns = [
    ['version', 23, String(version)],
    ['standby', 16, 'f'],
    ['readOnly', 16, 'f'],
    ['encoding', 25, 'UTF8'],
  ] as const
  const described = columns.map(([name, type]) =>
    Buffer.concat([text(name), int32(0), int16(0), int32(type), int16(-1), int32(-1), int16(0)]),
  )
  const values = columns.map(([, , value]) => Buffer.concat([int32(value.length), Buffer.from(value)]))
  const count = int16(columns.length)
  return Buffer.concat([
    message('T', Buffer.concat([count, ...described])),
    message('D', Buffer.concat([count, ...values])),
  ])
}

function message(type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`)
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}
