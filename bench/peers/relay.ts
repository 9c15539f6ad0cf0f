// The peer that does nothing but carry bytes: node:net piped both ways, no HTTP. No proxy on Node can cost less than this.
import { type AddressInfo, connect, createServer } from 'node:net'
import { answerParent } from '../kit/children.ts'
import type { Upstream } from './node-http.ts'

answerParent(({ upstream }: Upstream): Promise<number> => {
  const { hostname: host, port } = new URL(upstream)
  const server = createServer({ noDelay: true }, client => {
    const backend = connect({ host, port: Number(port), noDelay: true })
    client.pipe(backend).pipe(client)
    client.on('error', () => backend.destroy())
    backend.on('error', () => client.destroy())
    // pipe() passes an end on, but not a destroyed socket.
    client.on('close', () => backend.destroy())
    backend.on('close', () => client.destroy())
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () => resolve((server.address() as AddressInfo).port))
  })
})
