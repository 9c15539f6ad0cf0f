// The route of peers over real sockets: on a listener of its own, and beside others on one.
import { once } from 'node:events'
import { request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { createFleetListener, fleetRoute } from '../../src/admin/fleet.ts'
import { readAnswer, writePush } from '../../src/fleet/message.ts'
import { createReceiver } from '../../src/fleet/receive.ts'
import { isSigned, signAnswer, signPush } from '../../src/fleet/signed.ts'
import { clock, fakeControl, NOW, nonce, owedOf, SECRET } from '../fleet/make.ts'

const log = () => {}

async function listen(t: Test, app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  return (app.server.address() as AddressInfo).port
}

function parts() {
  const control = fakeControl('b', 1)
  const receiver = createReceiver({ instance: 'b', secret: SECRET, clock, control: () => control, log })
  return { control, receiver, log }
}

interface Sent {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
}

interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Buffer
}

async function send(port: number, body: Buffer, more: Sent = {}): Promise<Answered> {
  const { method = 'POST', path = '/fleet/v1/rollbacks', headers = {} } = more
  const signature = { 'x-banyan-signature': signPush(SECRET, body) }
  const asked = request({ port, host: '127.0.0.1', method, path, agent: false, headers: { ...signature, ...headers } })
  asked.end(body)
  const [response] = await once(asked, 'response')
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece)
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces) }
}

const bodyOf = (more: object = {}) => writePush({ from: 'a', at: NOW, nonce: nonce(), owed: [owedOf()], ...more })
const codeOf = ({ status, body }: Answered) => [status, JSON.parse(body.toString()).code]

t.test('a push is taken, and answered signed', async t => {
  const { control, ...rest } = parts()
  const port = await listen(t, createFleetListener(rest))
  const body = bodyOf()
  // Whatever it calls its bytes.
  for (const type of ['application/json', 'text/plain', 'x/y; charset=utf-16']) {
    const answer = await send(port, body, { headers: { 'content-type': type } })
    t.equal(answer.status, 200)
    t.equal(answer.headers['cache-control'], 'no-store')
    t.ok(
      isSigned(String(answer.headers['x-banyan-signature']), signAnswer(SECRET, signPush(SECRET, body), answer.body)),
    )
    t.match(readAnswer(answer.body), { from: 'b', acks: [{ rollback: 'rb-1', workers: [{ worker: 1 }] }] })
  }
  t.same(control.taken, ['rb-1', 'rb-1', 'rb-1'])
})

t.test('what is wrong is refused with a code', async t => {
  const { control, ...rest } = parts()
  const port = await listen(t, createFleetListener(rest))
  const other = (body: Buffer) => ({ headers: { 'x-banyan-signature': signPush('another secret of 20', body) } })
  t.same(codeOf(await send(port, bodyOf(), other(bodyOf()))), [401, 'bad_signature'])
  t.same(codeOf(await send(port, bodyOf(), { headers: { 'x-banyan-signature': '' } })), [401, 'bad_signature'])
  t.same(codeOf(await send(port, Buffer.alloc(0), other(Buffer.alloc(0)))), [401, 'bad_signature'])
  t.same(codeOf(await send(port, Buffer.from('{'))), [400, 'not_json'])
  t.same(codeOf(await send(port, Buffer.from('{"v":9}'))), [400, 'other_version'])
  t.same(codeOf(await send(port, bodyOf({ owed: [{}] }))), [400, 'invalid'])
  t.same(codeOf(await send(port, bodyOf({ at: NOW - 8 * 24 * 3_600_000 }))), [403, 'too_old'])
  t.same(codeOf(await send(port, Buffer.alloc(65_537, ' '))), [413, 'too_large'])
  t.same(codeOf(await send(port, bodyOf(), { path: '/api/v1/status' })), [404, 'unknown_path'])
  t.same(codeOf(await send(port, bodyOf(), { method: 'PUT' })), [404, 'unknown_path'])
  t.same(codeOf(await send(port, bodyOf(), { path: '/%' })), [404, 'unknown_path'])
  t.same(control.taken, [])
  const refused = await send(port, bodyOf(), { headers: { 'x-banyan-signature': 'v1=0' } })
  t.equal(refused.headers['x-banyan-signature'], undefined, 'a refusal is not signed')
})

t.test('a body without a length ends where it is too large', async t => {
  const { control, ...rest } = parts()
  const port = await listen(t, createFleetListener(rest))
  const asked = request({ port, host: '127.0.0.1', method: 'POST', path: '/fleet/v1/rollbacks', agent: false })
  asked.on('error', () => {})
  asked.write(Buffer.alloc(40_000, ' '))
  asked.write(Buffer.alloc(40_000, ' '))
  const [response] = await once(asked, 'response')
  t.equal(response.statusCode, 413)
  response.resume()
  await once(response, 'close')
  t.same(control.taken, [])
})

t.test('who sends a byte now and then is cut, and hinders nobody', async t => {
  const port = await listen(t, createFleetListener(parts(), 1_000))
  const slow = [
    'POST /fleet/v1/rollbacks HTTP/1.1\r\nhost: x\r\n',
    'POST /fleet/v1/rollbacks HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n{',
  ].map(text => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    socket.write(text)
    const drip = setInterval(() => socket.write('x'), 100)
    return once(socket, 'close').finally(() => clearInterval(drip))
  })
  t.equal((await send(port, bodyOf())).status, 200)
  await Promise.all(slow)
  t.pass('both are closed')
})

t.test('beside other routes it changes nothing of theirs', async t => {
  const { control, ...rest } = parts()
  const app = fastify()
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.signed !== true) return reply.code(421).send({ code: 'wrong_host' })
  })
  app.register(fleetRoute(rest))
  app.post('/other', async request => request.body)
  const port = await listen(t, app)
  t.equal((await send(port, bodyOf())).status, 200)
  t.same(codeOf(await send(port, Buffer.from('{}'), { path: '/other' })), [421, 'wrong_host'])
  t.same(codeOf(await send(port, bodyOf(), { headers: { 'x-banyan-signature': 'v1=0' } })), [401, 'bad_signature'])
  t.same(control.taken, ['rb-1'])
})

t.test('beside others, whose bodies may take longer, a push has its own time', async t => {
  const { control, ...rest } = parts()
  const app = fastify()
  app.register(fleetRoute(rest, 200))
  const port = await listen(t, app)
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.on('data', piece => {
    text += piece
  })
  socket.on('error', () => {})
  socket.write('POST /fleet/v1/rollbacks HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n{')
  const drip = setInterval(() => socket.write('x'), 20)
  await once(socket, 'close').finally(() => clearInterval(drip))
  t.match(text, /^HTTP\/1\.1 408 [\s\S]*"code":"request_timeout"/)
  t.equal((await send(port, bodyOf())).status, 200)
})
