// Waits for the PROXY protocol header with which a named forwarder begins a connection, and puts back what follows it.
import type { Socket } from 'node:net'
import type { Milliseconds } from '../model/units.ts'
import { leaveBytes, takeBytes } from '../upstream/read-buffer.ts'
import { readProxyHeader } from './proxy-protocol.ts'

/**
 * `then` hears the client's address and the port it spoke to; null where the header says none (LOCAL, UNKNOWN). `refused`
 * hears why a connection was closed instead; of one that left without a word, as a balancer's probe does, it hears nothing.
 */
export function awaitProxyHeader(
  socket: Socket,
  withinMs: Milliseconds,
  then: (from: { readonly address: string | null; readonly port: number | null }) => void,
  refused: (why: string) => void,
): void {
  let bytes: Buffer = Buffer.alloc(0)
  const refuse = (why: string) => {
    refused(why)
    socket.destroy()
  }
  const timer = setTimeout(() => refuse('the PROXY header did not come in time'), withinMs)
  const done = () => {
    clearTimeout(timer)
    leaveBytes(socket, read)
    socket.off('end', leave)
  }
  const leave = () => {
    if (bytes.length === 0) socket.destroy()
    else refuse('the connection ended inside the PROXY header')
  }
  const read = (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    const header = readProxyHeader(bytes)
    if (header === 'more') return
    done()
    if ('error' in header) {
      refuse(header.error)
      return
    }
    socket.pause()
    const rest = bytes.subarray(header.bytes)
    if (rest.length > 0) socket.unshift(rest)
    then({ address: header.address, port: header.address === null ? null : header.localPort })
  }
  socket.on('end', leave)
  socket.once('close', () => clearTimeout(timer))
  takeBytes(socket, read)
}
