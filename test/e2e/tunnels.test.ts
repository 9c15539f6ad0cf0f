// Tunnels that nobody is left for: one end has said its last byte, the other neither reads nor writes.
import type { Socket } from 'node:net'
import t from 'tap'
import { eventually, rawBackend, rawClient, startBanyan } from './harness.ts'
import { handClock, metricOf } from './scripted.ts'

const UPGRADE = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n'
const AGREED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n'

/** Longer than the time between two ticks. */
const ticked = () => new Promise(resolve => setTimeout(resolve, 1_200))

t.test('half closed and still for a minute, it ends; open or moving, it stays', async t => {
  const sockets: Socket[] = []
  const backend = await rawBackend(t, socket => {
    socket.allowHalfOpen = true
    sockets.push(socket)
    socket.once('data', () => {
      socket.write(AGREED)
      socket.resume()
    })
    socket.on('error', () => {})
  })
  const { clock, turn } = handClock()
  const banyan = await startBanyan(t, { backends: { legacy: { url: backend.url } } }, { clock })
  const [left, moving, open] = await Promise.all(
    [0, 1, 2].map(async () => {
      const client = rawClient(t, banyan.port)
      client.send(UPGRADE)
      await client.until(text => text.includes('101'))
      return client
    }),
  )
  const count = () => metricOf(banyan.health, 'banyan_tunnels{route="_default",side="legacy"}')
  left?.socket.end()
  moving?.socket.end()
  await ticked()
  turn(59_000)
  await ticked()
  t.equal(await count(), 3, 'not yet')
  // Its backend goes on talking to a client that only listens.
  for (const socket of sockets) socket.write('more')
  await moving?.until(text => text.includes('more'))
  await ticked()
  turn(59_000)
  await ticked()
  t.equal(await count(), 3, 'something moved')
  turn(2_000)
  await eventually(async () => (await count()) === 1, 'those that are half closed end')
  t.equal(open?.socket.destroyed, false)
})

t.test('tunnels take no place of the connections for requests', async t => {
  const backend = await rawBackend(t, socket => {
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      socket.write(/Upgrade:/.test(text) ? AGREED : 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
    socket.on('error', () => {})
  })
  const banyan = await startBanyan(t, { backends: { legacy: { url: backend.url, connections: 1 } } })
  for (let i = 0; i < 3; i++) {
    const client = rawClient(t, banyan.port)
    client.send(UPGRADE)
    await client.until(text => text.includes('101'))
  }
  t.equal(await (await fetch(`http://127.0.0.1:${banyan.port}/`)).text(), 'ok')
})
