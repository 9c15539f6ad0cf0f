// The peer that anybody writes first: a proxy of thirty lines with node:http alone. One upstream, no split, no care.
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerParent } from '../kit/children.ts'

export interface Upstream {
  /** `http://127.0.0.1:port` */
  readonly upstream: string
}

answerParent(({ upstream }: Upstream): Promise<number> => {
  const { hostname: host, port } = new URL(upstream)
  const agent = new Agent({ keepAlive: true, maxSockets: 128 })
  const server = createServer((req, res) => {
    const asked = request({ host, port, agent, method: req.method, path: req.url, headers: req.headers }, answer => {
      res.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(res)
    })
    asked.on('error', () => {
      if (res.headersSent) res.destroy()
      else res.writeHead(502).end()
    })
    req.pipe(asked)
  })
  return new Promise(resolve => {
    server.listen({ host: '127.0.0.1', port: 0 }, () => resolve((server.address() as AddressInfo).port))
  })
})
