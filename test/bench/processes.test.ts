// The bench's processes with no proxy between them: what they ask of each other is answered, and what goes wrong is told.
import { createServer } from 'node:net'
import t from 'tap'
import { type Children, createChildren } from '../../bench/kit/children.ts'
import type { SlowClients, SlowRequest } from '../../bench/kit/slow-process.ts'
import type { Steady, SteadyRequest } from '../../bench/kit/steady-process.ts'
import type { TransferRequest, Transfers, Way } from '../../bench/kit/transfers.ts'
import type { Echoed, OpenRequest } from '../../bench/kit/tunnel-process.ts'
import type { OriginPorts } from '../../bench/peers/origin.ts'

const WAYS: readonly Way[] = [
  { direction: 'up', framing: 'sized' },
  { direction: 'up', framing: 'chunked' },
  { direction: 'down', framing: 'sized' },
  { direction: 'down', framing: 'chunked' },
]
const NOBODY = { proxy: [], origins: [] }
const skip = process.platform === 'linux' ? false : 'reads /proc'

function childrenOf(t: { teardown(end: () => Promise<void>): unknown }): Children {
  const children = createChildren()
  t.teardown(() => children.stopAll())
  return children
}

/** The relay in front of the origin: both are tried at once. */
async function relayed(children: Children): Promise<number> {
  const origin = children.startFile('origin', 'peers/full-origin.ts', 0)
  const { legacy } = await origin.ask<OriginPorts>({}, 30_000)
  const relay = children.startFile('relay', 'peers/relay.ts', 0)
  return relay.ask<number>({ upstream: `http://127.0.0.1:${legacy}` }, 30_000)
}

t.test('bodies go through the relay, all ways', { skip }, async t => {
  const children = childrenOf(t)
  const port = await relayed(children)
  const transfers = children.startFile('transfers', 'kit/transfer-process.ts', 0)
  for (const way of WAYS) {
    const request: TransferRequest = { port, way, bytes: 3_000_001, warmupMs: 1, measureMs: 20, pids: NOBODY }
    const { bodies, wrong, firstWrong } = await transfers.ask<Transfers>(request, 30_000)
    t.ok(bodies > 0, `${way.direction}, ${way.framing}`)
    t.same({ wrong, firstWrong }, { wrong: 0, firstWrong: null })
  }
})

t.test('bodies that go wrong are told of', { skip }, async t => {
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as { readonly port: number }
  const transfers = childrenOf(t).startFile('transfers', 'kit/transfer-process.ts', 0)
  for (const way of WAYS) {
    const request: TransferRequest = { port, way, bytes: 3_000_000, warmupMs: 1, measureMs: 1, pids: NOBODY }
    const { bodies, wrong, firstWrong } = await transfers.ask<Transfers>(request, 30_000)
    t.equal(bodies, 0)
    t.ok(wrong > 0)
    t.match(firstWrong, /502|closed/)
  }
})

t.test('WebSockets open, stay and echo', async t => {
  const children = childrenOf(t)
  const port = await relayed(children)
  const clients = children.startFile('clients', 'kit/tunnel-process.ts', 0)
  await clients.ask({ port, count: 60 } satisfies OpenRequest, 30_000)
  t.same(await clients.ask<Echoed>('echo', 30_000), { wrong: 0, firstWrong: null })
  t.same(await clients.ask<Echoed>('echo', 30_000), { wrong: 0, firstWrong: null })
  await clients.ask('close', 30_000)
})

t.test('slow clients stay slow, and a normal one is served meanwhile', { skip }, async t => {
  const children = childrenOf(t)
  const port = await relayed(children)
  const slowly = children.startFile('slow clients', 'kit/slow-process.ts', 0)
  await slowly.ask({ port, kind: 'reader', count: 4 } satisfies SlowRequest, 30_000)
  await slowly.ask({ port, kind: 'drip', count: 3 } satisfies SlowRequest, 30_000)
  const normal = children.startFile('normal client', 'kit/steady-process.ts', 0)
  const request: SteadyRequest = { port, perSecond: 100, warmupMs: 0, measureMs: 500, pids: NOBODY }
  const { asked, failed, firstFailed, p50Ms, p99Ms } = await normal.ask<Steady>(request, 30_000)
  t.same({ failed, firstFailed }, { failed: 0, firstFailed: null })
  // Whoever is held up at the end does not ask for what was due by then.
  t.ok(asked > 25 && asked <= 50, `${asked} asked`)
  t.ok(p50Ms > 0 && p50Ms <= p99Ms)
  t.same(await slowly.ask<SlowClients>('look', 30_000), { dripping: 3, reading: 4, cut: 0 })
  await slowly.ask('end', 30_000)
  t.same(await slowly.ask<SlowClients>('look', 30_000), { dripping: 0, reading: 0, cut: 0 })
})

t.test('a normal client that is not served says so', { skip }, async t => {
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => socket.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as { readonly port: number }
  const normal = childrenOf(t).startFile('normal client', 'kit/steady-process.ts', 0)
  const request: SteadyRequest = { port, perSecond: 100, warmupMs: 0, measureMs: 100, pids: NOBODY }
  const { asked, failed, firstFailed } = await normal.ask<Steady>(request, 30_000)
  t.ok(asked > 0)
  t.equal(failed, asked)
  t.equal(firstFailed, 'a connection was closed')
})
