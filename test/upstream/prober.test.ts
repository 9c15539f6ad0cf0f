// Active probes, with real sockets: who is probed, by what, and what follows.

import type { Socket } from 'node:net'
import t from 'tap'
import { backendWith, enter, isPlace, type Listening, listen, placeIn, servicesFor, sleep, until } from './kit.ts'

const HEALTH = { path: '/ping', intervalMs: 10, timeoutMs: 50, healthyAfter: 2, unhealthyAfter: 2 }

interface Probed extends Listening {
  answer: string | null
  readonly heads: string[]
}

async function probed(
  t: Parameters<typeof listen>[0],
  answer: string | null,
  host?: string,
  port?: number,
): Promise<Probed> {
  const heads: string[] = []
  const onSocket = (socket: Socket) =>
    socket.on('data', chunk => {
      heads.push(chunk.toString('latin1'))
      if (server.answer !== null) socket.end(server.answer)
    })
  const listening = await listen(t, socket => void onSocket(socket), host, port)
  const server: Probed = { ...listening, answer, heads }
  return server
}

const WELL = 'HTTP/1.1 204 No Content\r\n\r\n'
const ILL = 'HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n'

t.test('an address that answers badly, or not at all, is left, and used again when it is well', async t => {
  const good = await probed(t, WELL)
  const bad = await probed(t, ILL, '127.0.0.2', good.port)
  const services = servicesFor(t)
  const origins = [`http://127.0.0.1:${good.port}`, `http://127.0.0.2:${good.port}`]
  const service = services.of(backendWith({ origins, health: HEALTH }), 'primary')
  const isHealthy = () => services.states()[1]?.healthy
  t.ok(isHealthy(), 'well until probes say otherwise')
  for (const answer of [ILL, null, 'nonsense\r\n\r\n', 'HTTP/1.1 404 No\r\n\r\n']) {
    bad.answer = answer
    await until(() => isHealthy() === false)
    t.equal(services.states()[1]?.why, 'probes')
    for (let i = 0; i < 4; i++) t.equal((await placeIn(service)).address, `127.0.0.1:${good.port}`)
    bad.answer = 'HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.0 302 Found\r\nLocation: /\r\n\r\n'
    await until(() => isHealthy() === true)
  }
  t.match(good.heads[0], /^GET \/ping HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n[\s\S]*Connection: close\r\n\r\n$/)
})

t.test('all are ill: all are used', async t => {
  const server = await probed(t, ILL)
  const services = servicesFor(t)
  const service = services.of(backendWith({ origins: [`http://127.0.0.1:${server.port}`], health: HEALTH }), 'primary')
  await until(() => services.states()[0]?.healthy === false)
  t.ok(isPlace(await enter(service)))
})

t.test('nobody is probed who serves no users; one prober for all who do', async t => {
  const server = await probed(t, WELL)
  const services = servicesFor(t)
  const health = { ...HEALTH, intervalMs: 60_000 }
  const backend = backendWith({ origins: [`http://127.0.0.1:${server.port}`], health, host: 'mono.example' })
  services.of(backend, 'shadow')
  await sleep(30)
  t.equal(server.heads.length, 0)
  services.of(backend, 'primary')
  services.of({ ...backend, name: 'other' }, 'primary')
  services.of({ ...backend, connections: 3 }, 'primary')
  await until(() => server.heads.length > 0)
  await sleep(30)
  t.equal(server.heads.length, 1)
  t.match(server.heads[0], /\r\nHost: mono\.example\r\n/)
})

t.test('a backend that is gone is not probed any more', async t => {
  const server = await probed(t, WELL)
  const services = servicesFor(t)
  const backend = backendWith({ origins: [`http://127.0.0.1:${server.port}`], health: HEALTH })
  services.of(backend, 'primary')
  await until(() => server.heads.length > 1)
  services.retain([])
  await sleep(60)
  const before = server.heads.length
  await sleep(60)
  t.equal(server.heads.length, before)
})
