// Where other instances of the fleet bring a rollback: no token, the signature is the right. On the admin listener, or on one of
// its own that peers can reach and people need not.
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { FLEET_PATH, MOST_PUSH_BYTES, type Receive } from '../fleet/receive.ts'
import { SIGNATURE_HEADER } from '../fleet/signed.ts'

const READ_WITHIN_MS = 10_000

/** One route; nothing else of the server is changed. */
export async function addFleetRoute(app: FastifyInstance, receive: Receive): Promise<void> {
  await app.register(async own => {
    own.removeAllContentTypeParsers()
    // Signed is what was sent, byte for byte.
    own.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    own.post(FLEET_PATH, { bodyLimit: MOST_PUSH_BYTES }, async (request: FastifyRequest, reply: FastifyReply) => {
      const signature = request.headers[SIGNATURE_HEADER]
      const body = typeof request.body === 'string' ? request.body : ''
      const answer = await receive(body, typeof signature === 'string' ? signature : undefined)
      reply.code(answer.status).type('application/json')
      if (answer.signature !== null) reply.header(SIGNATURE_HEADER, answer.signature)
      return reply.send(answer.body)
    })
  })
}

export async function createFleetServer(receive: Receive): Promise<FastifyInstance> {
  const app = fastify({ requestTimeout: READ_WITHIN_MS, forceCloseConnections: true })
  await addFleetRoute(app, receive)
  return app
}
