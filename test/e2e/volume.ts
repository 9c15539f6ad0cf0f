// Large bodies for tests: a client that writes one, one that reads one, and how much memory a process has meanwhile.
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import type { Test } from 'tap'

export const MIB = 1024 * 1024
const PIECE = Buffer.alloc(256 * 1024, 'banyan ')
const CHUNK = Buffer.concat([Buffer.from(`${PIECE.length.toString(16)}\r\n`), PIECE, Buffer.from('\r\n')])

export interface Answered {
  /** Status line and fields. */
  readonly head: string
  /** Bytes after the head, framing included. */
  readonly bytes: number
  readonly end: string
}

/** Reads an answer until the connection is closed, counting only. */
export function counting(socket: Socket): Promise<Answered> {
  let head = ''
  let bytes = -1
  let end = ''
  socket.on('data', (chunk: Buffer) => {
    end = chunk.toString('latin1', Math.max(0, chunk.length - 64))
    if (bytes !== -1) {
      bytes += chunk.length
      return
    }
    head += chunk.toString('latin1')
    const at = head.indexOf('\r\n\r\n')
    if (at === -1) return
    bytes = head.length - at - 4
    head = head.slice(0, at)
  })
  return new Promise(resolve => socket.on('close', () => resolve({ head, bytes, end })))
}

export function open(t: Test, port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  return socket
}

/** Writes a body of so many MiB as fast as it is taken; stops where the socket is gone. */
export async function writeBody(socket: Socket, mib: number, framing: 'sized' | 'chunked'): Promise<void> {
  const piece = framing === 'sized' ? PIECE : CHUNK
  for (let left = (mib * MIB) / PIECE.length; left > 0 && !socket.destroyed; left--) {
    if (socket.write(piece)) continue
    await new Promise<void>(resolve => {
      const on = () => {
        socket.off('drain', on)
        socket.off('close', on)
        resolve()
      }
      socket.on('drain', on)
      socket.on('close', on)
    })
  }
  if (framing === 'chunked' && !socket.destroyed) socket.write('0\r\n\r\n')
}

export async function upload(t: Test, port: number, path: string, mib: number, framing: 'sized' | 'chunked') {
  const socket = open(t, port)
  const answer = counting(socket)
  const field = framing === 'sized' ? `Content-Length: ${mib * MIB}` : 'Transfer-Encoding: chunked'
  socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${field}\r\n\r\n`)
  await writeBody(socket, mib, framing)
  return answer
}

/** Of a process, from the kernel. */
export function residentBytes(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) * 1024
}

/** The most that it had from now on. */
export function watchMemory(pid: number): () => number {
  const sample = () => {
    most = Math.max(most, residentBytes(pid))
  }
  let most = 0
  sample()
  const timer = setInterval(sample, 20)
  return () => {
    clearInterval(timer)
    sample()
    return most
  }
}
