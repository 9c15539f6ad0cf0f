// Callers of the admin and health listeners that take their time: each kind goes within its bound, with or without a token, and
// nobody waits for the rest of a body that is not read.
import t, { type Test } from 'tap'
import { BOUNDS, type Bounds } from '../../src/admin/bounds.ts'
import { eventually, type RawClient, rawClient, TOKEN } from './harness.ts'
import { ask, startHouse } from './operator.ts'

/** Either long or short, so that what ended a connection is never in doubt. */
const LONG: Bounds = {
  headMs: 60_000,
  requestMs: 60_000,
  restMs: 60_000,
  strangerMs: 60_000,
  unreadMs: 60_000,
  checkEveryMs: 50,
  connections: 1_000,
}

const HOST = 'Host: localhost\r\n'
const MINE = `Authorization: Bearer ${TOKEN}\r\n`
const JSON_TYPE = 'Content-Type: application/json\r\n'
/** A body that goes on. */
const BEGUN = `${JSON_TYPE}Content-Length: 1000\r\n\r\n{`
const CHUNKED = `${JSON_TYPE}Transfer-Encoding: chunked\r\n\r\n5\r\n{`
const WEIGHT = `PUT /api/v1/routes/orders/weight HTTP/1.1\r\n${HOST}`

async function start(t: Test, bounds?: Partial<Bounds>) {
  const { banyan } = await startHouse(t, {}, bounds === undefined ? {} : { bounds: { ...LONG, ...bounds } })
  const portOf = (url: string) => Number(new URL(url).port)
  const to = (port: number) => (text: string) => {
    const client = rawClient(t, port)
    client.send(text)
    return client
  }
  return { banyan, admin: to(portOf(banyan.admin)), health: to(portOf(banyan.health)) }
}

/** Sends the text again and again until the connection is gone. */
function drip(t: Test, client: RawClient, text: string): RawClient {
  const timer = setInterval(() => client.send(text), 40)
  client.closed.then(() => clearInterval(timer))
  t.teardown(() => clearInterval(timer))
  return client
}

const hasAnswered = (client: RawClient) => client.until(text => text.includes('\r\n\r\n'))

t.test('a head that is not complete, on either listener', async t => {
  const { banyan, admin, health } = await start(t, { headMs: 300 })
  for (const [name, open] of Object.entries({ admin, health })) {
    const slow = {
      silent: open(''),
      stalled: open('GET /healthz HTTP/1.1\r\nHost: loc'),
      dripping: drip(t, open(`GET /healthz HTTP/1.1\r\n${HOST}`), 'X: 1\r\n'),
    }
    for (const [how, client] of Object.entries(slow)) t.match(await client.closed, /^HTTP\/1\.1 408 /, `${name} ${how}`)
  }
  t.equal((await ask(banyan.admin, 'GET', '/api/v1/status')).status, 200)
})

t.test('the bounds that are in force where nobody says others', async t => {
  const { admin, health } = await start(t)
  const begun = performance.now()
  const all = [admin, health].flatMap(open => [open(''), drip(t, open(`GET /healthz HTTP/1.1\r\n${HOST}`), 'X: 1\r\n')])
  const unread = [health(`GET /healthz HTTP/1.1\r\n${HOST}${BEGUN}`), admin(`${WEIGHT}${BEGUN}`)]
  await Promise.all(unread.map(client => client.closed))
  t.ok(performance.now() - begun < 9_000, 'a body that nobody reads holds nothing for as long as a head may take')
  for (const client of all) t.match(await client.closed, /^HTTP\/1\.1 408 /)
  const took = performance.now() - begun
  t.ok(took > 9_000 && took < 25_000, `heads had ${took} ms`)
  t.same([BOUNDS.headMs, BOUNDS.requestMs], [10_000, 30_000])
})

t.test('a body that is awaited ends with 408 when it does not come', async t => {
  const { banyan, admin } = await start(t, { headMs: 400, requestMs: 400 })
  const slow = {
    stalled: admin(`${WEIGHT}${MINE}${BEGUN}`),
    chunk: admin(`${WEIGHT}${MINE}${CHUNKED}`),
    dripping: drip(t, admin(`${WEIGHT}${MINE}${BEGUN}`), ' '),
  }
  for (const [how, client] of Object.entries(slow)) t.match(await client.closed, /^HTTP\/1\.1 408 /, how)
  t.equal((await ask(banyan.admin, 'GET', '/api/v1/routes/orders')).json.set, null)
})

t.test('a side door: no head and no body of a stranger is waited for, and a tester’s has its time', async t => {
  const { banyan } = await startHouse(
    t,
    { sides: { listen: '127.0.0.1:0' } },
    { bounds: { ...LONG, headMs: 300, restMs: 300 } },
  )
  const door = (text: string) => {
    const client = rawClient(t, Number(new URL(banyan.sides ?? '').port))
    client.send(text)
    return client
  }
  const call = `POST /orders/legacy/orders HTTP/1.1\r\n${HOST}`
  t.match(await door(`${call}X-`).closed, /^HTTP\/1\.1 408 /)
  t.match(await door(`${call}${BEGUN}`).closed, /^HTTP\/1\.1 401 /)
  const tester = door(`${call}X-Banyan-Token: ${TOKEN}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n1`)
  await new Promise(resolve => setTimeout(resolve, 1_000))
  tester.send('2')
  t.match(await tester.closed, /^HTTP\/1\.1 200 /)
})

t.test('what comes before the answer to the one before it ends the connection, and is not worked on', async t => {
  const { banyan, admin, health } = await start(t)
  const many = (path: string) => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`.repeat(300)
  for (const [open, path] of [
    [health, '/metrics'],
    [health, '/readyz'],
    [health, '/%zz'],
    [admin, '/api/v1/openapi.json'],
    [admin, '/%zz'],
  ] as const) {
    const answers = (await open(many(path)).closed).match(/^HTTP\/1\.1 /gm) ?? []
    t.ok(answers.length <= 1, `${path}: ${answers.length} answers`)
  }
  t.equal((await ask(banyan.admin, 'GET', '/api/v1/status')).status, 200)
})

t.test('one after the other on one connection, each at once after the answer', async t => {
  const { health } = await start(t)
  const client = health('')
  for (let n = 1; n <= 20; n++) {
    client.send(`GET /healthz HTTP/1.1\r\n${HOST}\r\n`)
    await client.until(text => (text.match(/\{"status":"alive"\}/g) ?? []).length === n)
  }
  t.pass()
})

t.test('a slow body that comes in time is taken', async t => {
  const { admin } = await start(t, { headMs: 300 })
  const body = '{"percent":5}'
  const client = admin(`${WEIGHT}${MINE}${JSON_TYPE}Content-Length: ${body.length}\r\n\r\n`)
  for (const byte of body) {
    await new Promise(resolve => setTimeout(resolve, 40))
    client.send(byte)
  }
  t.match(await hasAnswered(client), /^HTTP\/1\.1 200 /, 'longer than a head may take')
})

t.test('the health listener answers from the head', async t => {
  const { health } = await start(t, { restMs: 300 })
  const rows = [
    ['GET', '/healthz', 200],
    ['GET', '/readyz', 200],
    ['GET', '/metrics', 200],
    ['POST', '/healthz', 404],
    ['PUT', '/nowhere', 404],
    ['DELETE', '/metrics', 404],
  ] as const
  const rests = [BEGUN, CHUNKED, 'Content-Length: 5\r\n\r\n', 'Content-Type: text/plain\r\nContent-Length: 9\r\n\r\n']
  const asked = rows.flatMap(([method, path, status]) => rests.map(rest => ({ method, path, status, rest })))
  const answers = asked.map(({ method, path, rest }) => health(`${method} ${path} HTTP/1.1\r\n${HOST}${rest}`).closed)
  for (const [i, { method, path, status }] of asked.entries()) {
    const text = (await answers[i]) as string
    t.match(text, new RegExp(`^HTTP/1\\.1 ${status} `), `${method} ${path}`)
    t.equal(text.split('HTTP/1.1 ').length, 2, 'and nothing more')
  }
})

t.test('a path that is none, on the health listener: its body has the time of a head', async t => {
  const { health } = await start(t, { headMs: 300 })
  t.match(await health(`POST /%zz HTTP/1.1\r\n${HOST}${BEGUN}`).closed, /^HTTP\/1\.1 400 /)
})

t.test('without a right the answer waits for no body, nor does the connection', async t => {
  const { admin } = await start(t, { restMs: 300 })
  const stranger = 'Host: evil.example\r\n'
  const rows = [
    ['no token', `${WEIGHT}`, 401],
    ['a wrong one', `${WEIGHT}Authorization: Bearer nobody\r\n`, 401],
    ['another host', `PUT /api/v1/routes/orders/weight HTTP/1.1\r\n${stranger}${MINE}`, 421],
    ['no such path', `POST /nowhere HTTP/1.1\r\n${HOST}`, 404],
    ['no such method', `POST /api/v1/status HTTP/1.1\r\n${HOST}`, 405],
    ['no path at all', `POST /api/v1/routes/%zz HTTP/1.1\r\n${HOST}`, 404],
    ['open to all', `GET /api/v1/openapi.json HTTP/1.1\r\n${HOST}`, 200],
  ] as const
  const asked = rows.flatMap(row =>
    [BEGUN, CHUNKED].map(rest => ({ row, client: drip(t, admin(`${row[1]}${rest}`), ' ') })),
  )
  for (const { row, client } of asked) t.match(await client.closed, new RegExp(`^HTTP/1\\.1 ${row[2]} `), row[0])
})

t.test('a body that comes after its answer costs nobody the connection', async t => {
  const { admin } = await start(t)
  const client = admin(`${WEIGHT}${JSON_TYPE}Content-Length: 13\r\n\r\n`)
  t.match(await hasAnswered(client), /^HTTP\/1\.1 401 /)
  client.send(`{"percent":5}GET /api/v1/status HTTP/1.1\r\n${HOST}${MINE}Connection: close\r\n\r\n`)
  t.match(await client.closed, /HTTP\/1\.1 200 /, 'the next call is answered')
})

t.test('connections are bounded, and those on which nothing is asked make room', async t => {
  const { banyan, admin, health } = await start(t, { connections: 5 })
  const ways: Readonly<Record<string, (open: typeof admin) => Promise<RawClient>>> = {
    silent: async open => open(''),
    'half a head': async open => open(`GET /healthz HTTP/1.1\r\n${HOST}`),
    idle: async open => {
      const client = open(`GET /healthz HTTP/1.1\r\n${HOST}\r\n`)
      await hasAnswered(client)
      return client
    },
    'half a second head': async open => {
      const client = open(`GET /healthz HTTP/1.1\r\n${HOST}\r\n`)
      await hasAnswered(client)
      client.send('GET /healthz')
      return client
    },
  }
  for (const open of [admin, health]) {
    for (const [how, wait] of Object.entries(ways)) {
      const waiting: RawClient[] = []
      let gone = 0
      for (let i = 0; i < 8; i++) {
        const client = await wait(open)
        client.closed.then(() => gone++)
        waiting.push(client)
        // Which of them is left to chance.
        await eventually(() => gone === Math.max(0, i - 3), `${how}: one goes for each that comes`)
      }
      const asked = open(`GET /healthz HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`)
      t.match(await asked.closed, /^HTTP\/1\.1 (200|404) /, `${how}: who asks is answered`)
      for (const { socket } of waiting) socket.destroy()
    }
  }
  t.equal((await ask(banyan.admin, 'GET', '/api/v1/status')).status, 200)
})

t.test('who is being answered gives no room', async t => {
  const { admin } = await start(t, { connections: 5 })
  const call = `GET /api/v1/events HTTP/1.1\r\n${HOST}${MINE}\r\n`
  const streams: RawClient[] = []
  for (let i = 0; i < 5; i++) {
    const client = admin(call)
    await hasAnswered(client)
    streams.push(client)
  }
  t.equal(await admin('').closed, '', 'one too many')
  for (const { socket } of streams) t.notOk(socket.destroyed)
})
