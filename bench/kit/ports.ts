// Ports for programs that have to be told theirs, and waiting until somebody listens there.
import { type AddressInfo, connect, createServer } from 'node:net'
import type { Child } from './children.ts'

/** Free at this moment, on 127.0.0.1. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

/** Resolves when the port takes connections. Fails when the process ends first, or after `timeoutMs`. */
export async function listening(child: Child, port: number, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await takes(port))) {
    child.mustRun()
    if (performance.now() > deadline) throw new Error(`${child.name} does not listen after ${timeoutMs} ms`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

function takes(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1' })
    const over = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => over(true))
    socket.once('error', () => over(false))
  })
}
