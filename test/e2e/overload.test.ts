// More connections than are allowed: who is too much is told, everybody else and the operators are served.
import t, { type Test } from 'tap'
import {
  type Banyan,
  eventually,
  httpBackend,
  named,
  type RawClient,
  rawBackend,
  rawClient,
  startBanyan,
} from './harness.ts'
import { noPem, secureClient, startSecure } from './secure.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

async function start(t: Test, limits: object): Promise<Banyan> {
  const backend = await named(t, 'legacy')
  return startBanyan(t, { backends: { legacy: { url: backend.url } }, proxy: { limits } })
}

/** Connections that have been served once and stay. */
async function served(t: Test, port: number, count: number): Promise<RawClient[]> {
  const clients = Array.from({ length: count }, () => rawClient(t, port))
  for (const client of clients) {
    client.send(GET)
    t.match(await client.until(text => text.endsWith('legacy')), /^HTTP\/1\.1 200/)
  }
  return clients
}

/** Connections that have said half a head: they take places, and no shedding of kept ones frees them. */
function entered(t: Test, port: number, count: number): RawClient[] {
  return Array.from({ length: count }, () => {
    const client = rawClient(t, port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n')
    return client
  })
}

async function metric(banyan: Banyan, line: RegExp): Promise<number> {
  const text = await (await fetch(`${banyan.health}/metrics`)).text()
  return Number(line.exec(text)?.[1] ?? Number.NaN)
}

const shedConnections = /banyan_shed_total\{what="connection"\} (\d+)/
const shedKeepAlive = /banyan_shed_total\{what="keep-alive"\} (\d+)/

t.test('limits.connections and perAddress', async t => {
  for (const limits of [{ connections: 3 }, { perAddress: 3 }]) {
    const name = Object.keys(limits).join()
    const banyan = await start(t, limits)
    const clients = entered(t, banyan.port, 3)
    const silent = rawClient(t, banyan.port)
    const asking = rawClient(t, banyan.port)
    asking.send(GET)
    for (const client of [silent, asking]) {
      const text = await client.closed
      t.match(text, /^HTTP\/1\.1 503 /, name)
      t.match(text, /\r\nRetry-After: 1\r\n[\s\S]*Connection: close\r\n[\s\S]*"code":"overloaded"/, name)
    }
    t.equal((await banyan.api('GET', '/status')).status, 200, 'operators are served')
    t.equal((await fetch(`${banyan.health}/readyz`)).status, 200)
    t.equal(await metric(banyan, shedConnections), 2)
    clients[0]?.send('\r\n')
    await clients[0]?.until(text => text.endsWith('legacy'))
    t.pass('whoever is in stays in')
    clients[1]?.socket.destroy()
    await eventually(async () => {
      const client = rawClient(t, banyan.port)
      client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      return (await client.closed).startsWith('HTTP/1.1 200')
    }, 'a place is free again')
    await banyan.stop()
  }
})

t.test('a flood beyond the limit is closed, and leaves nothing behind', async t => {
  const banyan = await start(t, { connections: 5 })
  const clients = entered(t, banyan.port, 5)
  const flood = Array.from({ length: 600 }, () => rawClient(t, banyan.port))
  const texts = await Promise.all(flood.map(client => client.closed))
  t.ok(texts.every(text => text === '' || text.startsWith('HTTP/1.1 503')))
  t.ok(texts.some(text => text.startsWith('HTTP/1.1 503')))
  t.equal(await metric(banyan, shedConnections), 600)
  for (const client of clients) client.socket.destroy()
  await eventually(async () => {
    const client = rawClient(t, banyan.port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    return (await client.closed).startsWith('HTTP/1.1 200')
  }, 'all is well again')
})

t.test('near the limit connections are not kept', async t => {
  const banyan = await start(t, { connections: 25 })
  const few = await served(t, banyan.port, 20)
  t.ok(
    few.every(client => !/connection: close/i.test(client.text())),
    'at 80 % they are',
  )
  await served(t, banyan.port, 3)
  await eventually(async () => {
    few[0]?.send(GET)
    await few[0]?.until(text => /legacy$/.test(text))
    await new Promise(resolve => setTimeout(resolve, 50))
    return /connection: close/i.test(few[0]?.text() ?? '')
  }, 'at 92 % they are not')
  t.match(await few[0]?.closed, /connection: close[\s\S]*legacy$/i, 'said, and done, with a whole answer')
  t.ok((await metric(banyan, shedKeepAlive)) >= 1)
  await eventually(async () => {
    const client = rawClient(t, banyan.port)
    client.send(GET)
    const text = await client.until(text => text.endsWith('legacy'))
    client.socket.destroy()
    few.pop()?.socket.destroy()
    return !/connection: close/i.test(text)
  }, 'with fewer they are again')
})

t.test('a tunnel counts as the connection that it is', async t => {
  const backend = await rawBackend(t, socket => {
    socket.once('data', () =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n'),
    )
  })
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: backend.url } },
    proxy: { limits: { perAddress: 2 } },
  })
  const open = () => {
    const client = rawClient(t, banyan.port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')
    return client
  }
  const tunnels = [open(), open()]
  for (const tunnel of tunnels) t.match(await tunnel.until(text => text.includes('\r\n\r\n')), / 101 /)
  t.match(await open().closed, /^HTTP\/1\.1 503/)
  tunnels[0]?.socket.destroy()
  await eventually(
    async () => (await open().until(text => text.includes('\r\n'))).includes(' 101 '),
    'it is free again',
  )
})

t.test('over TLS: handshakes count, and who is too much is told', { skip: noPem }, async t => {
  const backend = await named(t, 'legacy')
  const banyan = await startSecure(t, {
    backends: { legacy: { url: backend.url } },
    proxy: { limits: { connections: 2 }, timeouts: { requestHead: '10s' } },
  })
  const good = secureClient(t, banyan.port)
  good.send(GET)
  await good.until(text => text.endsWith('legacy'))
  const mute = rawClient(t, banyan.port)
  await new Promise(resolve => mute.socket.once('connect', resolve))
  const refused = secureClient(t, banyan.port)
  refused.send(GET)
  t.match((await refused.closed).text, /^HTTP\/1\.1 503[\s\S]*"overloaded"/)
  good.send(GET)
  t.match(await good.until(text => text.split('legacy').length === 3), /legacy$/, 'others do not notice')
  mute.socket.destroy()
  await eventually(async () => {
    const client = secureClient(t, banyan.port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    return (await client.closed).text.startsWith('HTTP/1.1 200')
  }, 'its place is free again')
})

t.test('connections that wait for their PROXY header hold no place for ever', async t => {
  const backend = await httpBackend(t, (_req, res) => res.end('legacy'))
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: backend.url } },
    proxy: {
      proxyProtocol: true,
      clientIp: { from: ['127.0.0.1'] },
      limits: { connections: 2 },
      timeouts: { requestHead: '500ms' },
    },
  })
  const mute = Array.from({ length: 5 }, () => rawClient(t, banyan.port))
  for (const client of mute) t.equal(await client.closed, '')
  t.equal(await metric(banyan, shedConnections), 3)
  const client = rawClient(t, banyan.port)
  client.send('PROXY UNKNOWN\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  t.match(await client.closed, /^HTTP\/1\.1 200/)
})
