// Ports for who is killed and comes back to the same one. What the system gives for port 0 it also gives to outgoing connections,
// so such a port may be taken while nobody listens on it; these are below its range.
import { createServer } from 'node:net'

const LOWEST = 12_000
/** Of the ranges in use, Linux's begins lowest, at 32,768. */
const BEYOND = 32_000

/** Free now on 127.0.0.1, each once. */
export async function steadyPorts(count: number): Promise<readonly number[]> {
  const found = new Set<number>()
  while (found.size < count) {
    const port = LOWEST + Math.floor(Math.random() * (BEYOND - LOWEST))
    if (!found.has(port) && (await isFree(port))) found.add(port)
  }
  return [...found]
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
