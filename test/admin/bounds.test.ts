// Answers that nobody reads: their connections go, and a call that is worked on for longer than that is not cut.
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { BOUNDS, bound } from '../../src/admin/bounds.ts'
import { createHealthServer } from '../../src/admin/health.ts'
import { eventually, rawClient } from '../e2e/harness.ts'

const UNREAD_MS = 300

async function serve(t: Test, read: () => Promise<Buffer>, unreadMs = UNREAD_MS) {
  const app = createHealthServer({
    bounds: { ...BOUNDS, unreadMs },
    ready: () => ({ ready: true, why: 'ready', warnings: [] }),
    metrics: { contentType: 'text/plain', read },
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const ends = once(app.server, 'connection').then(([socket]) => once(socket as Socket, 'close'))
  const client = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(() => client.destroy())
  client.on('error', () => {})
  client.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n')
  return { client, ends }
}

t.test('an answer that is not read ends its connection', async t => {
  // More than the kernel holds for both ends.
  const { client, ends } = await serve(t, async () => Buffer.alloc(64 * 2 ** 20))
  client.pause()
  await ends
  t.pass('it was closed by the server')
})

t.test('one that takes long to make is waited for', async t => {
  const { client } = await serve(t, async () => {
    await new Promise(resolve => setTimeout(resolve, 4 * UNREAD_MS))
    return Buffer.from('late')
  })
  const [first] = await once(client, 'data')
  t.match(String(first), /^HTTP\/1\.1 200 [\s\S]*late$/)
})

t.test('one that is read slowly is sent in full', async t => {
  const size = 16 * 2 ** 20
  // Far from what a busy machine takes between two pieces.
  const unreadMs = 2000
  const { client } = await serve(t, async () => Buffer.alloc(size, 'x'), unreadMs)
  let got = 0
  let pieces = 0
  await new Promise<void>(resolve => {
    client.on('data', piece => {
      got += piece.length
      if (got >= size) resolve()
      if (++pieces % 20 !== 0 || pieces > 100) return
      client.pause()
      setTimeout(() => client.resume(), unreadMs / 4)
    })
    client.on('close', () => resolve())
  })
  t.ok(got >= size, `${got} bytes`)
})

t.test('who has shown no right makes room, whatever it waits for; who has shown one stays', async t => {
  const app = fastify({ forceCloseConnections: true })
  const entitled = bound(app, { ...BOUNDS, connections: 5 })
  app.get('/stranger', () => new Promise(() => {}))
  app.get('/operator', request => {
    entitled.stays(request)
    return new Promise(() => {})
  })
  app.get('/', async () => 'answered')
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const send = (path: string) => {
    const client = rawClient(t, port)
    client.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    return client
  }
  const operators = [send('/operator'), send('/operator')]
  let gone = 0
  for (let i = 0; i < 20; i++) {
    send('/stranger').closed.then(() => gone++)
    await eventually(() => gone === Math.max(0, i - 1), `one of ${i} goes`)
  }
  t.match(await send('/').until(text => text.endsWith('answered')), /^HTTP\/1\.1 200 /)
  for (const { socket } of operators) t.notOk(socket.destroyed)
})
