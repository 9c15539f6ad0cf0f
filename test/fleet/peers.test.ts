// Peers over real sockets: who answers, who does not, who lies, and names whose addresses change.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { connect, createServer as createTcp, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { createPeers, type PeersParts } from '../../src/fleet/peers.ts'
import { signAnswer } from '../../src/fleet/signed.ts'
import { makePem } from '../config/pem.ts'
import { createDatabase } from './database.ts'
import { NOW, nonce, owedOf, portOf, SECRET, startReplica } from './make.ts'

function peersOf(t: Test, more: Partial<PeersParts>) {
  const log: string[] = []
  const peers = createPeers({
    instance: 'a',
    peers: { kind: 'urls', urls: [] },
    secret: SECRET,
    now: () => NOW,
    nonce,
    log: (level, message, details) => void log.push(`${level} ${message} ${JSON.stringify(details)}`),
    ...more,
  })
  t.teardown(() => peers.close())
  return { ...peers, log }
}

const urls = (...urls: string[]) => ({ peers: { kind: 'urls' as const, urls } })

async function replica(t: Test, instance: string, more: object = {}) {
  const one = await startReplica(instance, { database: createDatabase(), ...more })
  t.teardown(() => one.close())
  return one
}

/** A server that answers as it likes. */
async function liar(t: Test, answer: (...given: Parameters<Parameters<typeof createServer>[1] & object>) => void) {
  const server: Server = createServer(answer as never)
  server.listen(0, '127.0.0.1')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${await portOf(server)}`
}

async function tcp(t: Test, connected: (socket: Socket) => void): Promise<string> {
  const sockets: Socket[] = []
  const server = createTcp(socket => {
    sockets.push(socket.on('error', () => {}))
    connected(socket)
  })
  server.listen(0, '127.0.0.1')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${await portOf(server)}`
}

t.test('greeted, each says who it is; ourselves are left out of pushes', async t => {
  const [a, b] = [await replica(t, 'a'), await replica(t, 'b')]
  const peers = peersOf(t, urls(a.url, b.url))
  t.match(peers.list(), [{ instance: null }, { instance: null }])
  await peers.refresh(() => [])
  t.match(peers.list(), [
    { url: a.url, instance: 'a', self: true, trouble: null },
    { url: b.url, instance: 'b', self: false, trouble: null },
  ])
  const pushed = peers.push(owedOf())
  t.same(
    pushed.map(({ peer }) => peer.url),
    [b.url],
  )
  t.match(await pushed[0]?.answer, {
    from: 'b',
    acks: [{ rollback: 'rb-1', workers: [{ worker: 1, pending: false }] }],
  })
  t.same(b.control.taken, ['rb-1'])
  t.same(a.control.taken, [])
})

t.test('a greeting carries what is owed, in as many pieces as it needs', async t => {
  const b = await replica(t, 'b')
  const owed = Array.from({ length: 300 }, (_, i) => owedOf(`rb-${i}`, { reason: 'x'.repeat(300) }))
  await peersOf(t, urls(b.url)).refresh(() => owed)
  t.same([...b.control.taken].sort(), owed.map(({ rollback }) => rollback.id).sort())
})

t.test('a kept connection that the peer closed is no failure', async t => {
  const b = await replica(t, 'b')
  const peers = peersOf(t, urls(b.url))
  await peers.refresh(() => [])
  const port = Number(new URL(b.url).port)
  await b.close()
  const again = await replica(t, 'b', { port })
  t.match(await peers.push(owedOf())[0]?.answer, { from: 'b' })
  t.same(again.control.taken, ['rb-1'])
})

t.test('nor are several that it closed: the second try has a connection of its own', async t => {
  const b = await replica(t, 'b')
  const kept = new Set<Socket>()
  let cut = false
  const url = await tcp(t, socket => {
    const on = connect(Number(new URL(b.url).port), '127.0.0.1').on('error', () => {})
    on.pipe(socket)
    socket.on('close', () => on.destroy())
    socket.on('data', bytes => {
      if (cut && kept.has(socket)) return socket.resetAndDestroy()
      kept.add(socket)
      on.write(bytes)
    })
  })
  const peers = peersOf(t, urls(url))
  await Promise.all([peers.refresh(() => []), peers.refresh(() => [])])
  t.equal(kept.size, 2)
  cut = true
  t.match(await peers.push(owedOf())[0]?.answer, { from: 'b' })
})

t.test('who does not answer in full within the time has not answered', async t => {
  const [b, hung] = [await replica(t, 'b'), await replica(t, 'h')]
  hung.hang()
  const slow = await tcp(t, socket => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{')
    const drip = setInterval(() => socket.write(' '), 20)
    socket.on('close', () => clearInterval(drip))
  })
  const silent = await tcp(t, () => {})
  const peers = peersOf(t, { ...urls(hung.url, slow, silent, b.url), timeoutMs: 300 })
  const answers = await Promise.all(peers.push(owedOf()).map(({ answer }) => answer))
  t.match(answers, [null, null, null, { from: 'b' }])
  t.same(
    peers.list().map(({ trouble }) => trouble),
    ['timeout', 'timeout', 'timeout', null],
  )
})

t.test('one that changes the protocol has not answered, and holds up no greeting of others', async t => {
  const b = await replica(t, 'b')
  const changed = await tcp(t, socket => {
    socket.on('data', () =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    )
  })
  const peers = peersOf(t, urls(changed, b.url))
  for (let times = 1; times <= 3; times++) await peers.refresh(() => [owedOf(`rb-${times}`)])
  t.same(b.control.taken, ['rb-1', 'rb-2', 'rb-3'])
  t.same(
    peers.list().map(({ trouble }) => trouble),
    ['bad_answer', null],
  )
})

t.test('who cannot be reached, refuses, or has another secret', async t => {
  const gone = await replica(t, 'g')
  await gone.close()
  const other = await replica(t, 'o', { secret: 'another secret of 20' })
  const page = await liar(t, (_, response) => response.writeHead(404, { 'content-type': 'text/html' }).end('<p>'))
  const moved = await liar(t, (_, response) => response.writeHead(307, { location: other.url }).end())
  const peers = peersOf(t, urls(gone.url, other.url, page, moved))
  await peers.refresh(() => [owedOf()])
  t.same(
    peers.list().map(({ trouble }) => trouble),
    ['ECONNREFUSED', 'bad_signature', 'status_404', 'status_307'],
  )
  t.same(other.control.taken, [])
  await peers.refresh(() => [])
  t.equal(peers.log.length, 4, 'each once, however often it is tried')
})

t.test('an answer is believed only if it is of this push, signed, and whole', async t => {
  const b = await replica(t, 'b')
  const forward = async (signature: string, body: Buffer) => {
    const headers = { 'x-banyan-signature': signature }
    const response = await fetch(`${b.url}/fleet/v1/rollbacks`, {
      method: 'POST',
      headers,
      body: Uint8Array.from(body),
    })
    return {
      signature: response.headers.get('x-banyan-signature') ?? '',
      body: Buffer.from(await response.arrayBuffer()),
    }
  }
  let first: { readonly signature: string; readonly body: Buffer } | null = null
  type Answer = { readonly signature?: string; readonly body: Buffer | string }
  const lies: Record<string, (signature: string, body: Buffer) => Promise<Answer>> = {
    'an answer of a push before': async (...given) => {
      first ??= await forward(...given)
      return first
    },
    'no signature': async (...given) => ({ body: (await forward(...given)).body }),
    'the signature of the push': async (signature, body) => ({ ...(await forward(signature, body)), signature }),
    'another body': async (...given) => ({ ...(await forward(...given)), body: '{"v":1,"from":"c","acks":[]}' }),
    'another secret': async signature => {
      const body = Buffer.from('{"v":1,"from":"b","acks":[]}')
      return { body, signature: signAnswer('another secret of 20', signature, body) }
    },
    'signed garbage': async signature => {
      const body = Buffer.from('garbage')
      return { body, signature: signAnswer(SECRET, signature, body) }
    },
    'too much': async signature => {
      const body = Buffer.alloc(70_000, ' ')
      return { body, signature: signAnswer(SECRET, signature, body) }
    },
  }
  for (const [name, lie] of Object.entries(lies)) {
    const url = await liar(t, async (asked, response) => {
      const pieces: Buffer[] = []
      for await (const piece of asked) pieces.push(piece)
      const { signature, body } = await lie(String(asked.headers['x-banyan-signature']), Buffer.concat(pieces))
      response.writeHead(200, signature === undefined ? {} : { 'x-banyan-signature': signature }).end(body)
    })
    const peers = peersOf(t, urls(url))
    // The first answer of the first lie is a true one.
    if (name === 'an answer of a push before') t.match(await peers.push(owedOf())[0]?.answer, { from: 'b' })
    t.equal(await peers.push(owedOf())[0]?.answer, null, name)
    t.equal(peers.list()[0]?.trouble, 'bad_answer', name)
  }
})

t.test('who hands a push on to another gives that one’s answer, never its own', async t => {
  const b = await replica(t, 'b')
  const url = await tcp(t, socket => {
    const through = new URL(b.url)
    const other = connect(Number(through.port), through.hostname)
    socket.pipe(other).pipe(socket)
    socket.on('close', () => other.destroy())
  })
  const peers = peersOf(t, urls(url))
  t.match(await peers.push(owedOf())[0]?.answer, { from: 'b' })
})

t.test('a name is asked again: addresses come and go, the last ones stay while it gives none', async t => {
  const b = await replica(t, 'b', { host: '127.0.0.1' })
  const port = Number(new URL(b.url).port)
  let addresses: readonly string[] | Error = ['127.0.0.1']
  const lookup = async (host: string) => {
    t.equal(host, 'banyan.internal')
    if (addresses instanceof Error) throw addresses
    return addresses
  }
  const peers = peersOf(t, { peers: { kind: 'dns', host: 'banyan.internal', port }, lookup, timeoutMs: 300 })
  const seen = () => peers.list().map(({ url, instance }) => `${url} ${instance}`)
  t.same(peers.push(owedOf()), [], 'nobody is known yet')
  await peers.refresh(() => [])
  t.same(seen(), [`http://127.0.0.1:${port} b`])
  addresses = ['::1', '127.0.0.1', '127.0.0.1']
  await peers.refresh(() => [])
  t.same(seen(), [`http://127.0.0.1:${port} b`, `http://[::1]:${port} null`])
  for (const nothing of [Object.assign(new Error('no'), { code: 'ENOTFOUND' }), []] as const) {
    addresses = nothing as typeof addresses
    await peers.refresh(() => [])
    t.equal(peers.nameTrouble(), Array.isArray(nothing) ? 'ENODATA' : 'ENOTFOUND')
    t.equal(seen().length, 2)
  }
  addresses = ['127.0.0.1']
  await peers.refresh(() => [])
  t.equal(peers.nameTrouble(), null)
  t.same(seen(), [`http://127.0.0.1:${port} b`])
})

t.test('a name server that hangs holds nobody up, and is not asked twice', async t => {
  const b = await replica(t, 'b')
  const port = Number(new URL(b.url).port)
  let asked = 0
  let hang = false
  const lookup = () => {
    asked++
    return hang ? new Promise<never>(() => {}) : Promise.resolve(['127.0.0.1'])
  }
  const peers = peersOf(t, { peers: { kind: 'dns', host: 'x', port }, lookup, timeoutMs: 200 })
  await peers.refresh(() => [])
  hang = true
  await peers.refresh(() => [owedOf('rb-1')])
  await peers.refresh(() => [owedOf('rb-2')])
  t.same(b.control.taken, ['rb-1', 'rb-2'])
  t.equal(asked, 2)
})

t.test('the system’s own lookup', async t => {
  const b = await replica(t, 'b')
  const peers = peersOf(t, { peers: { kind: 'dns', host: 'localhost', port: Number(new URL(b.url).port) } })
  await peers.refresh(() => [])
  t.ok(peers.list().some(({ instance }) => instance === 'b'))
})

t.test('closed, it leaves no connection', async t => {
  const sockets = new Set<Socket>()
  const url = await liar(t, (_, response) => response.end('{}'))
  const b = await tcp(t, socket => {
    sockets.add(socket)
    socket.pipe(connect(Number(new URL(url).port), '127.0.0.1')).pipe(socket)
  })
  const peers = peersOf(t, urls(b))
  await peers.refresh(() => [])
  const [socket] = sockets
  const closed = once(socket as Socket, 'close')
  peers.close()
  await closed
  t.pass('closed')
})

const pem = makePem()

t.test('https, and only with a certificate that can be trusted', { skip: pem === null && 'no openssl' }, async t => {
  const server = createHttps({ cert: pem?.cert, key: pem?.key }, (_, response) => response.end('{}'))
  server.listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  const peers = peersOf(t, urls(`https://localhost:${await portOf(server)}`))
  await peers.refresh(() => [owedOf()])
  t.match(peers.list()[0]?.trouble, /SELF_SIGNED/)
})
