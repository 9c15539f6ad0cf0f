// Sockets that read into the shared buffer behave as sockets do, but for the events.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { leaveBytes, takeBytes, tapAccepted } from '../../src/upstream/read-buffer.ts'
import { eventually } from '../e2e/harness.ts'

async function listening(t: Test, accepted: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, socket => accepted(tapAccepted(socket)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { server, port: (server.address() as AddressInfo).port }
}

function dial(t: Test, port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  return socket
}

t.test('bytes of many sockets do not mix, and each keeps its order', async t => {
  const got = new Map<string, string>()
  const { port } = await listening(t, socket => {
    let text = ''
    takeBytes(socket, chunk => {
      text += chunk.toString('latin1')
    })
    socket.on('end', () => {
      got.set(text.slice(0, 1), text)
      socket.end()
    })
  })
  const names = [...'abcdefgh']
  await Promise.all(
    names.map(async name => {
      const socket = dial(t, port)
      socket.resume()
      for (let i = 0; i < 50; i++) {
        socket.write(name.repeat(3000))
        await new Promise(resolve => setImmediate(resolve))
      }
      socket.end()
      await once(socket, 'close')
    }),
  )
  for (const name of names) t.ok(got.get(name) === name.repeat(150_000), name)
})

t.test('what was put back comes first, then the rest, to whoever takes over', async t => {
  let text = ''
  const { port } = await listening(t, socket => {
    const first = (chunk: Buffer) => {
      leaveBytes(socket, first)
      socket.pause()
      socket.unshift(Buffer.from(chunk.subarray(2)))
      takeBytes(socket, next => {
        text += next.toString('latin1')
      })
    }
    takeBytes(socket, first)
  })
  const socket = dial(t, port)
  socket.write('xxabc')
  await eventually(() => text === 'abc', 'what was put back')
  socket.write('def')
  await eventually(() => text === 'abcdef', 'what came later')
})

t.test('a pause holds it back, a resume lets it come', async t => {
  let accepted: Socket | undefined
  let bytes = 0
  const { port } = await listening(t, socket => {
    accepted = socket
    takeBytes(socket, chunk => {
      bytes += chunk.length
      socket.pause()
    })
  })
  const socket = dial(t, port)
  const block = Buffer.alloc(8 * 1024 * 1024)
  socket.write(block)
  await eventually(() => bytes > 0, 'the first bytes')
  const before = bytes
  for (let i = 0; i < 20; i++) await new Promise(resolve => setImmediate(resolve))
  t.equal(bytes, before)
  while (bytes < block.length) {
    accepted?.resume()
    await new Promise(resolve => setImmediate(resolve))
  }
  t.equal(bytes, block.length)
})

t.test('the server knows it: addresses, the count of its connections, the end of listening', async t => {
  const accepted: Socket[] = []
  const { server, port } = await listening(t, socket => {
    accepted.push(socket)
    takeBytes(socket, () => {})
  })
  const socket = dial(t, port)
  await eventually(() => accepted.length === 1, 'a connection')
  t.equal(accepted[0]?.remotePort, socket.localPort)
  t.equal(accepted[0]?.localPort, port)
  const count = () => new Promise(resolve => server.getConnections((_error, count) => resolve(count)))
  t.equal(await count(), 1)
  let closed = false
  server.close(() => {
    closed = true
  })
  await new Promise(resolve => setImmediate(resolve))
  t.equal(closed, false, 'one is still open')
  accepted[0]?.destroy()
  await eventually(() => closed, 'the server is closed')
})
