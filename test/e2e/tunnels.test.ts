// What stays open for long, WebSockets and event streams: counted while it is open, ended where nobody is left for it, and one
// after another after a rollback and at the end of the process.
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { type Banyan, eventually, type RawClient, rawBackend, rawClient, startBanyan } from './harness.ts'
import { type Asked, handClock, metricOf, type Scripted, scripted } from './scripted.ts'

const UPGRADE = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n'
const AGREED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n'

/** It is the next tick that is waited for, not the machine. */
t.jobs = 3

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

// ---- with two sides

const STREAM = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'
const EVENT = '8\r\ndata: 1\n\r\n'

/** Answers by the path: a tunnel, an event stream, or what it is called. */
function serving(name: string): (asked: Asked) => void {
  return asked => {
    const { path, head, socket } = asked
    if (/\r\nUpgrade: /i.test(head)) socket.write(AGREED)
    else if (path.endsWith('/events')) socket.write(STREAM + EVENT)
    else if (path.endsWith('/chunked')) socket.write(STREAM.replace('text/event-stream', 'text/html') + EVENT)
    else if (path.endsWith('/short'))
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n')
    else asked.answer(name)
  }
}

interface Sides {
  readonly banyan: Banyan
  readonly legacy: Scripted
  readonly fresh: Scripted
  readonly turn: (ms: number) => void
  /** Open, and its first bytes are there. */
  open(path: string, upgrades?: boolean): Promise<RawClient>
  count(route: string, side?: string): Promise<number | null>
}

async function sides(t: Test, more: object = {}): Promise<Sides> {
  const { clock, turn } = handClock()
  const [legacy, fresh] = [await scripted(t, serving('legacy')), await scripted(t, serving('new'))]
  const both = { legacy: legacy.url, new: fresh.url, data: 'shared', weight: 100 }
  const banyan = await startBanyan(
    t,
    {
      routes: [
        { id: 'shop', match: { path: '/shop/*' }, ...both },
        { id: 'chat', match: { path: '/chat/*' }, ...both },
        { id: 'old', match: { path: '/old/*' }, legacy: legacy.url },
        { id: 'fresh', match: { path: '/fresh/*' }, new: fresh.url },
      ],
      ...more,
    },
    { clock },
  )
  return {
    banyan,
    legacy,
    fresh,
    turn,
    async open(path, upgrades = false) {
      const client = rawClient(t, banyan.port)
      const fields = upgrades ? 'Connection: Upgrade\r\nUpgrade: raw\r\n' : ''
      client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`)
      await client.until(text => text.includes('101') || text.includes('data: 1') || text.endsWith('\r\n\r\n'))
      return client
    },
    count: (route, side = 'new') => metricOf(banyan.health, `banyan_tunnels{route="${route}",side="${side}"}`),
  }
}

const isOpen = (client: RawClient) => !client.socket.destroyed

t.test('event streams are counted per side while they are open, however they end', async t => {
  const { banyan, legacy, fresh, open, count } = await sides(t)
  const byClient = await open('/shop/events')
  const byBackend = await open('/shop/events')
  const cut = await open('/shop/events')
  const tunnel = await open('/shop/ws', true)
  await open('/old/events')
  await open('/shop/chunked')
  await open('/shop/short')
  t.same([await count('shop'), await count('old', 'legacy'), await count('shop', 'legacy')], [4, 1, 0])
  t.same((await banyan.api('GET', '/routes/shop')).json.tunnels, { legacy: 0, new: 4 })
  byClient.socket.destroy()
  await eventually(async () => (await count('shop')) === 3, 'its client has gone')
  const streams = fresh.asked.filter(({ path }) => path === '/shop/events')
  await eventually(() => streams.some(({ socket }) => socket.destroyed), 'and its backend hears of it')
  const [first, second] = streams.filter(({ socket }) => !socket.destroyed)
  first?.socket.write('0\r\n\r\n')
  await eventually(async () => (await count('shop')) === 2, 'the backend has ended it')
  second?.socket.destroy()
  await eventually(async () => (await count('shop')) === 1, 'the backend has broken it')
  await cut.closed
  t.ok(byBackend.text().endsWith('0\r\n\r\n') !== cut.text().endsWith('0\r\n\r\n'), 'one is whole, one is cut')
  byBackend.send('GET /shop/short HTTP/1.1\r\nHost: a\r\n\r\n')
  tunnel.socket.destroy()
  await eventually(async () => (await count('shop')) === 0, 'the tunnel, too')
  legacy.asked[0]?.socket.destroy()
  await eventually(async () => (await count('old', 'legacy')) === 0, 'all are over')
})

t.test('rollback.tunnels: spread ends what is open on new, on that route, one after another', async t => {
  const { banyan, open, count, turn, fresh } = await sides(t, { rollback: { tunnels: 'spread 60s' } })
  const mine = [await open('/shop/ws', true), await open('/shop/events'), await open('/shop/ws', true)]
  const others = [
    await open('/chat/ws', true),
    await open('/chat/events'),
    await open('/fresh/ws', true),
    await open('/old/ws', true),
  ]
  const plain = await open('/shop/chunked')
  await banyan.api('POST', '/routes/shop/rollback', {})
  const shut = () => mine.filter(client => !isOpen(client)).length
  await ticked()
  t.equal(shut(), 0, 'none at once')
  for (const many of [1, 2, 3]) {
    turn(20_100)
    await eventually(() => shut() === many, `${many} of them`)
    await ticked()
    t.equal(shut(), many, 'and no more')
  }
  t.equal(await count('shop'), 0)
  t.ok(others.every(isOpen), 'other routes, and those with one side')
  t.ok(isOpen(plain), 'an answer like any other ends by itself')
  t.notMatch(mine[1]?.text(), /0\r\n\r\n$/, 'a stream that is cut is not passed off as whole')
  const tunnelsOfNew = fresh.asked.filter(({ path }) => path === '/shop/ws')
  await eventually(() => tunnelsOfNew.every(({ socket }) => socket.destroyed), 'the backends hear of it')
  t.match((await open('/shop/events')).text(), /data: 1/, 'who comes back')
  t.equal(await count('shop', 'legacy'), 1, 'is on legacy')
  turn(120_000)
  await ticked()
  t.equal(await count('shop', 'legacy'), 1, 'and stays')
})

t.test('a restore in between keeps the rest', async t => {
  const { banyan, open, count, turn } = await sides(t, { rollback: { tunnels: 'spread' } })
  for (let i = 0; i < 3; i++) await open('/shop/ws', true)
  await banyan.api('POST', '/routes/shop/rollback', {})
  turn(15_100)
  await eventually(async () => (await count('shop')) === 2, 'the first, a quarter of a minute later')
  await banyan.api('POST', '/routes/shop/restore', {})
  turn(120_000)
  await ticked()
  t.equal(await count('shop'), 2)
  await banyan.api('POST', '/rollback', {})
  turn(60_000)
  await eventually(async () => (await count('shop')) === 0, 'another rollback ends them')
})

t.test('keep keeps, and so does saying nothing', async t => {
  for (const more of [{}, { rollback: { tunnels: 'keep' } }]) {
    const { banyan, open, count, turn } = await sides(t, more)
    await open('/shop/ws', true)
    await open('/shop/events')
    await banyan.api('POST', '/rollback', {})
    turn(3_600_000)
    await ticked()
    t.equal(await count('shop'), 2)
  }
})

t.test('asked for before the rollback and opened after it: it ends, too', async t => {
  const { banyan, count, turn, fresh } = await sides(t, { rollback: { tunnels: 'spread 60s' } })
  fresh.serve = () => {}
  const clients = ['Connection: Upgrade\r\nUpgrade: raw\r\n', ''].map(fields => {
    const client = rawClient(t, banyan.port)
    client.send(`GET /shop/events HTTP/1.1\r\nHost: a\r\n${fields}\r\n`)
    return client
  })
  await eventually(() => fresh.asked.length === 2, 'new is asked')
  await banyan.api('POST', '/routes/shop/rollback', {})
  for (const asked of fresh.asked) serving('new')(asked)
  await eventually(async () => (await count('shop')) === 2, 'both are open')
  turn(60_000)
  await Promise.all(clients.map(({ closed }) => closed))
  await eventually(async () => (await count('shop')) === 0, 'both have ended')
})

t.test('drain.tunnels: spread ends them before the deadline; keep leaves them to it', async t => {
  for (const [tunnels, cut] of [
    ['spread', 0],
    ['spread 10s', 0],
    ['keep', 2],
  ] as const) {
    const drain = { grace: '0s', deadline: tunnels === 'keep' ? '300ms' : '1h', tunnels }
    const { banyan, open, turn } = await sides(t, { proxy: { listen: '127.0.0.1:0', drain } })
    const clients = [await open('/shop/ws', true), await open('/old/events')]
    const stopped = banyan.app.stop({ drain: true })
    const turning = setInterval(() => turn(600_000), 300)
    await Promise.all(clients.map(({ closed }) => closed))
    await stopped
    clearInterval(turning)
    const said = banyan.lines.filter(line => /were cut/.test(line))
    t.equal(said.length, cut === 0 ? 0 : 1, `${tunnels}: ${said}`)
  }
})
