// The end of a process: readiness fails first, what was accepted is answered, what is left at the deadline is cut and counted.
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { eventually, httpBackend, rawBackend, rawClient, temporary } from './harness.ts'
import { insist, metrics, NOBODY, type Running, startProcess, within } from './process.ts'

/** Nobody waits for this one: what should have ended before it, and has not, is a failure. */
const NEVER = '1h'

interface Drain {
  readonly grace: string
  readonly deadline: string
  readonly tunnels?: 'keep'
}

function start(t: Test, backend: string, drain: Drain, more: Readonly<Record<string, unknown>> = {}): Promise<Running> {
  const { port = 0, ...rest } = more
  return startProcess(
    t,
    {
      proxy: { listen: `127.0.0.1:${port}`, drain },
      sides: { listen: '127.0.0.1:0' },
      backends: { legacy: { url: backend } },
      ...rest,
    },
    { cwd: temporary(t) },
  )
}

t.test('under load, with another one taking over the port: no accepted request fails', async t => {
  const backend = await orders(t)
  const old = await start(t, backend.url, { grace: '300ms', deadline: '20s' })
  const clients = load(t, old.port, backend.hasSeen)
  await eventually(() => clients.done() > 300, 'load is on')
  old.signal('SIGTERM')
  await eventually(() => refusesConnections(old.port), 'the old one does not listen any more')
  const next = await start(t, backend.url, { grace: '0s', deadline: '20s' }, { port: old.port })
  t.equal((await within(old.ended, 'the old one ends when it is done')).end, 0)
  const before = clients.done()
  await eventually(() => clients.done() > before + 300, 'load is on the next one')
  await clients.stop()
  t.same(clients.failures, [])
  t.ok(clients.retries.refused > 0, `${clients.done()} answers, retried: ${JSON.stringify(clients.retries)}`)
  t.notMatch(old.stdout(), /were cut/)
  t.match(
    await metrics(next),
    /^banyan_requests_total\{route="_default",side="legacy",reason="only",code="2xx"\} \d+$/m,
  )
})

t.test('readiness fails first, while the listener goes on and says goodbye', async t => {
  const backend = await orders(t)
  const banyan = await start(
    t,
    backend.url,
    { grace: NEVER, deadline: NEVER },
    {
      backends: { legacy: { url: backend.url }, gone: { url: NOBODY } },
      routes: [{ id: 'gone', match: { path: '/gone' }, legacy: 'gone' }],
    },
  )
  const kept = rawClient(t, banyan.port)
  kept.send(get('/fast'))
  t.notMatch(await kept.until(text => text.endsWith('fast')), /connection: close/i)
  banyan.signal('SIGTERM')
  await eventually(async () => (await fetch(`${banyan.health}/readyz`)).status === 503, 'readiness fails')
  t.match(await (await fetch(`${banyan.health}/readyz`)).json(), { why: 'draining' })
  t.equal((await fetch(`${banyan.health}/healthz`)).status, 200, 'alive it is')
  t.match((await banyan.api('GET', '/status')).json, { state: 'draining' })

  kept.send(get('/fast'))
  t.match(await kept.closed, /connection: close\r\n[\s\S]*fast$/i, 'a kept-alive connection is answered and closed')
  for (const [path, status] of [
    ['/fast', 200],
    ['/slow', 200],
    ['/gone', 502],
    ['/empty', 204],
  ] as const) {
    const client = rawClient(t, banyan.port)
    client.send(get(path))
    const text = await within(client.closed, `the connection of ${path} is closed`)
    t.match(text, new RegExp(`^HTTP/1\\.1 ${status} `), `a new connection is served: ${path}`)
    t.match(text, /\r\nconnection: close\r\n/i)
  }
  t.equal((await banyan.api('POST', '/rollback', {})).json.durable, true, 'a rollback is possible to the end')

  const { end, stderr } = await insist(banyan, 'SIGTERM')
  t.equal(end, 1, 'a second signal ends it at once')
  t.match(stderr, /ended at once/)
})

t.test('it ends as soon as the last answer is out, not at the deadline', async t => {
  const backend = await orders(t)
  const banyan = await start(t, backend.url, { grace: '0s', deadline: NEVER })
  const slow = rawClient(t, banyan.port)
  slow.send(get('/held'))
  await slow.until(text => text.includes('begin'))
  const upload = rawClient(t, banyan.port)
  upload.send('POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234')
  await eventually(() => backend.seen.some(req => req.url === '/upload'), 'the upload is on its way')
  banyan.signal('SIGTERM')
  await eventually(() => refusesConnections(banyan.port), 'it does not listen any more')
  upload.send('56789')
  t.match(await upload.closed, /^HTTP\/1\.1 200 [\s\S]*\r\nconnection: close\r\n[\s\S]*uploaded 10$/i)
  backend.letGo()
  t.match(await slow.closed, /begin\r\n3\r\nend\r\n0\r\n\r\n$/, 'whole, and closed although its head promised to stay')
  t.equal((await within(banyan.ended, 'it ends')).end, 0)
})

t.test('a client that reads slowly gets every byte', async t => {
  // Around what fits into the sockets: beyond it the end of an answer waits in the proxy.
  const fits = await capacity(t)
  t.comment(`${fits} bytes fit`)
  const sizes = Array.from({ length: 80 }, (_, i) => fits + (i - 20) * 4_001)
  const backend = await orders(t)
  const banyan = await start(t, backend.url, { grace: '0s', deadline: NEVER })
  const clients = sizes.map(size => {
    const client = rawClient(t, banyan.port)
    client.socket.pause()
    client.send(get(`/bytes?${size}`))
    return client
  })
  await eventually(() => backend.seen.length === sizes.length, 'all are asked')
  await settled(() => metrics(banyan), /banyan_requests_total\{route="_default".*/g)
  banyan.signal('SIGTERM')
  await eventually(() => refusesConnections(banyan.port), 'it does not listen any more')
  for (const { socket } of clients) socket.resume()
  const got = await Promise.all(clients.map(async client => bodyOf(await client.closed).length))
  t.same(got, sizes)
  t.equal((await within(banyan.ended, 'it ends')).end, 0)
})

t.test('what is left at the deadline is cut and counted', async t => {
  const backend = await orders(t)
  const tunnels = await rawBackend(t, socket => {
    socket.once('data', () =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n'),
    )
  })
  const banyan = await start(
    t,
    backend.url,
    // Else the tunnel would be given its end before, if there is a tick in between.
    { grace: '0s', deadline: '300ms', tunnels: 'keep' },
    {
      backends: { legacy: { url: backend.url }, chat: { url: tunnels.url } },
      routes: [{ id: 'chat', match: { path: '/chat' }, legacy: 'chat' }],
    },
  )
  const held = [1, 2].map(() => rawClient(t, banyan.port))
  for (const client of held) client.send(get('/held'))
  await Promise.all(held.map(client => client.until(text => text.includes('begin'))))
  const chat = rawClient(t, banyan.port)
  chat.send('GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n')
  await chat.until(text => text.includes('101'))
  banyan.signal('SIGTERM')
  const { end, stdout } = await within(banyan.ended, 'it ends at the deadline')
  t.equal(end, 0)
  t.match(stdout, /"3 requests were cut at the end of drain\.deadline"/)
  for (const client of held)
    t.notMatch(await client.closed, /end|0\r\n\r\n/, 'half an answer is not ended as if it were whole')
  await chat.closed
})

t.test('a tunnel lives on through the drain, until its own end', async t => {
  const tunnels = await rawBackend(t, socket => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n')
      socket.on('data', bytes => socket.write(`echo ${bytes}`))
      socket.on('end', () => socket.end())
    })
  })
  const banyan = await start(t, tunnels.url, { grace: '0s', deadline: NEVER })
  const chat = rawClient(t, banyan.port)
  chat.send('GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n')
  await chat.until(text => text.includes('101'))
  banyan.signal('SIGTERM')
  await eventually(() => refusesConnections(banyan.port), 'it does not listen any more')
  chat.send('still there?')
  t.match(await chat.until(text => text.includes('there?')), /echo still there\?$/)
  chat.socket.end()
  t.equal((await within(banyan.ended, 'it ends with its last tunnel')).end, 0)
  t.notMatch(banyan.stdout(), /were cut/)
})

t.test('connections that say nothing hold up nothing', async t => {
  const backend = await orders(t)
  const banyan = await start(t, backend.url, { grace: '0s', deadline: NEVER })
  const urls = [banyan.proxy, banyan.admin, banyan.health, banyan.sides ?? '']
  const idle: Socket[] = []
  for (const url of urls) {
    const silent = await connected(t, url)
    const used = await connected(t, url)
    used.write(get('/healthz'))
    await new Promise(resolve => used.once('data', resolve))
    idle.push(silent, used)
  }
  banyan.signal('SIGTERM')
  t.equal((await within(banyan.ended, 'it ends although connections are open')).end, 0)
  t.notMatch(banyan.stdout(), /were cut/, 'none of them was a request')
  t.equal(idle.length, 8)
})

t.test('who connected just before the end may still ask', async t => {
  const backend = await orders(t)
  const banyan = await start(t, backend.url, { grace: '0s', deadline: NEVER })
  const clients = Array.from({ length: 20 }, () => rawClient(t, banyan.port))
  await Promise.all(clients.map(({ socket }) => new Promise(resolve => socket.once('connect', resolve))))
  banyan.signal('SIGTERM')
  await eventually(() => refusesConnections(banyan.port), 'it does not listen any more')
  for (const client of clients) client.send(get('/fast'))
  const answers = await Promise.all(clients.map(client => client.closed))
  t.equal(answers.filter(text => /^HTTP\/1\.1 200 [\s\S]*fast$/.test(text)).length, clients.length)
  t.equal((await within(banyan.ended, 'it ends')).end, 0)
})

t.test('a client that never closes its half holds up nothing beyond the deadline', async t => {
  const backend = await orders(t)
  const banyan = await start(t, backend.url, { grace: '0s', deadline: '300ms' })
  for (const bytes of [
    'CONNECT shop:443 HTTP/1.1\r\nHost: shop:443\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n',
    'no HTTP at all\r\n\r\n',
    'GET /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    'POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234',
    'GET /fast HTTP/1.1\r\nHo',
  ]) {
    const socket = await connected(t, banyan.proxy, true)
    socket.write(bytes)
    if (/^(CONNECT|no|GET.*\n\r\n$)/s.test(bytes)) await new Promise(resolve => socket.once('data', resolve))
  }
  await eventually(() => backend.seen.some(req => req.url === '/upload'), 'the upload is on its way')
  banyan.signal('SIGTERM')
  const { end, stdout } = await within(banyan.ended, 'it ends at the deadline')
  t.equal(end, 0)
  t.match(
    stdout,
    /"1 requests? (was|were) cut at the end of drain\.deadline"/,
    'only the upload was a request on its way',
  )
})

t.test('an operator who listens to events, and a call on its way, hold up nothing', async t => {
  const banyan = await start(t, NOBODY, { grace: '0s', deadline: NEVER })
  const events = await connected(t, banyan.admin, true)
  const { host } = new URL(banyan.admin)
  const head = `Host: ${host}\r\nAuthorization: Bearer ${'test-token-0123456789abcdef0123456789'}\r\n`
  events.write(`GET /api/v1/events HTTP/1.1\r\n${head}\r\n`)
  await new Promise(resolve => events.once('data', resolve))
  const half = await connected(t, banyan.admin, true)
  half.write(
    `POST /api/v1/rollback HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{"rea`,
  )
  await banyan.api('GET', '/status')
  banyan.signal('SIGTERM')
  t.equal((await within(banyan.ended, 'it ends')).end, 0)
})

t.test('SIGINT drains too, and the same key press twice is one', async t => {
  const backend = await orders(t)
  const banyan = await start(t, backend.url, { grace: '0s', deadline: NEVER })
  const slow = rawClient(t, banyan.port)
  slow.send(get('/held'))
  await slow.until(text => text.includes('begin'))
  banyan.signal('SIGINT')
  banyan.signal('SIGINT')
  await eventually(() => refusesConnections(banyan.port), 'it does not listen any more')
  backend.letGo()
  t.match(await slow.closed, /end/)
  t.equal((await within(banyan.ended, 'it ends')).end, 0)
})

/** A backend with fast answers, slow ones, uploads, and some that wait until they are let go. */
async function orders(t: Test) {
  const held: (() => void)[] = []
  const ids = new Set<unknown>()
  const backend = await httpBackend(t, (req, res) => {
    const [path, query] = (req.url ?? '').split('?')
    let bytes = 0
    ids.add(req.headers['x-id'])
    req.on('data', chunk => {
      bytes += chunk.length
    })
    req.on('end', () => {
      if (path === '/slow') {
        res.write('begin')
        setTimeout(() => res.end('end'), 200)
      } else if (path === '/held') {
        res.write('begin')
        held.push(() => res.end('end'))
      } else if (path === '/empty') res.writeHead(204).end()
      else if (path === '/bytes')
        res.writeHead(200, { 'content-length': Number(query) }).end(Buffer.alloc(Number(query), 'x'))
      else res.end(path === '/upload' ? `uploaded ${bytes}` : 'fast')
    })
  })
  return {
    ...backend,
    hasSeen: (id: string) => ids.has(id),
    letGo() {
      for (const end of held.splice(0)) end()
    },
  }
}

interface Load {
  readonly failures: readonly string[]
  readonly retries: { refused: number; reused: number; unaccepted: number }
  done(): number
  stop(): Promise<void>
}

/**
 * Clients that never give up what they began. What was refused is tried again; so is a GET on a connection that was used
 * before and closed without a byte of an answer, as every client does. Everything else that goes wrong with a request that was
 * accepted is a failure. The operating system connects on behalf of a listener: who it had connected in the instant when the
 * listener was closed is reset without ever having been accepted; then no backend has heard of it.
 */
function load(t: Test, port: number, hasSeen: (id: string) => boolean): Load {
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const failures: string[] = []
  const retries = { refused: 0, reused: 0, unaccepted: 0 }
  let done = 0
  let begun = 0
  let running = true

  function once(path: string, expected: string, upload: boolean): Promise<'done' | keyof Load['retries'] | string> {
    return new Promise(resolve => {
      const method = upload ? 'POST' : 'GET'
      const id = String(++begun)
      const headers = { 'x-id': id, ...(upload ? { 'content-length': 50 } : {}) }
      const req = request({ host: '127.0.0.1', port, path, method, headers, agent: upload ? false : agent }, res => {
        let body = ''
        res.on('data', chunk => {
          body += chunk
        })
        res.on('error', error => resolve(`${path}: after a byte of the answer: ${error.message}`))
        res.on('end', () =>
          resolve(res.statusCode === 200 && body === expected ? 'done' : `${path}: ${res.statusCode} ${body}`),
        )
      })
      req.on('error', (error: NodeJS.ErrnoException) => {
        // Also where the listener was closed between the handshake and the accept.
        if (error.syscall === 'connect') resolve('refused')
        else if (!upload && req.reusedSocket) resolve('reused')
        else if (!hasSeen(id)) resolve('unaccepted')
        else resolve(`${method} ${path}: ${error.code} ${error.message}`)
      })
      if (upload) dribble(req)
      else req.end()
    })
  }

  async function client(path: string, expected: string, upload: boolean): Promise<void> {
    while (running) {
      const how = await once(path, expected, upload)
      if (how === 'done') done++
      else if (how === 'refused' || how === 'reused' || how === 'unaccepted') retries[how]++
      else failures.push(how)
      if (how === 'refused') await new Promise(resolve => setTimeout(resolve, 10))
    }
  }

  const clients = [
    ...Array.from({ length: 6 }, () => client('/fast', 'fast', false)),
    ...Array.from({ length: 6 }, () => client('/slow', 'beginend', false)),
    ...Array.from({ length: 4 }, () => client('/upload', 'uploaded 50', true)),
  ]
  return {
    failures,
    retries,
    done: () => done,
    async stop() {
      running = false
      await Promise.all(clients)
    },
  }
}

/** Fifty bytes in five pieces, over some turns of the loop and some time. */
function dribble(req: ReturnType<typeof request>): void {
  let pieces = 0
  const timer = setInterval(() => {
    if (req.destroyed) clearInterval(timer)
    else if (++pieces < 5) req.write('0123456789')
    else {
      clearInterval(timer)
      req.end('0123456789')
    }
  }, 10)
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
}

function refusesConnections(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'))
  })
}

async function connected(t: Test, url: string, allowHalfOpen = false): Promise<Socket> {
  const { port, hostname } = new URL(url)
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  await new Promise(resolve => socket.once('connect', resolve))
  return socket
}

/** About how many bytes of an answer the sockets take for a client that does not read: what is sent before the rest is dropped. */
async function capacity(t: Test): Promise<number> {
  const backend = await httpBackend(t, (_req, res) => {
    res.end(Buffer.alloc(32 * 1024 * 1024))
    setTimeout(() => res.destroy(), 50)
  })
  const client = rawClient(t, backend.port)
  client.socket.pause()
  const dropped = new Promise(resolve => client.socket.once('connect', () => setTimeout(resolve, 100)))
  client.send(get('/'))
  await dropped
  client.socket.resume()
  return bodyOf(await client.closed).length
}

function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf('\r\n\r\n') + 4)
}

/** Waits until a text says the same twice in a row: nothing moves any more. */
async function settled(read: () => Promise<string>, what: RegExp): Promise<void> {
  let last = ''
  await eventually(async () => {
    const now = String((await read()).match(what))
    const isSame = now === last
    last = now
    return isSame
  }, 'nothing moves any more')
}
