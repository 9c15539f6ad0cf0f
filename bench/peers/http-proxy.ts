// The peer @fastify/http-proxy, in the plain form of its documentation: one upstream, no split.
import type { AddressInfo } from 'node:net'
import httpProxy from '@fastify/http-proxy'
import fastify from 'fastify'
import { answerParent } from '../kit/children.ts'
import type { Upstream } from './node-http.ts'

answerParent(async ({ upstream }: Upstream): Promise<number> => {
  const server = fastify()
  // The default of undici is a connection for every request at once; 128 is what Banyan has.
  await server.register(httpProxy, { upstream, undici: { connections: 128 } })
  await server.listen({ host: '127.0.0.1', port: 0 })
  return (server.server.address() as AddressInfo).port
})
