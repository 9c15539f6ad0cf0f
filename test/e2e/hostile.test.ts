// Hostile clients and lying backends: what was found by attack, each with the guard that stops it.
import type { Socket } from 'node:net'
import t from 'tap'
import { eventually, httpBackend, named, rawBackend, rawClient, startBanyan } from './harness.ts'

const pass = (url: string) => ({ backends: { legacy: { url } } })

/** Answers each head with bytes; `later` follows in a turn of its own. */
function saying(bytes: string, later?: (socket: Socket) => void) {
  return (socket: Socket) => {
    socket.on('data', () => {
      socket.write(bytes, 'latin1')
      if (later !== undefined) setTimeout(() => later(socket), 30)
    })
  }
}

t.test('bytes of a head stay what they are, also when it goes out before the body', async t => {
  const head = 'HTTP/1.1 200 OK\r\nX-A: a\xe9b\r\nLocation: /caf\xc3\xa9\r\nContent-Length: 2\r\n\r\n'
  const backend = await rawBackend(
    t,
    saying(head, socket => socket.write('ok')),
  )
  const banyan = await startBanyan(t, pass(backend.url))
  const client = rawClient(t, banyan.port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const text = await client.until(text => text.endsWith('ok'))
  t.match(text, /X-A: a\xe9b\r\nLocation: \/caf\xc3\xa9\r\n/)
})

t.test('any reason phrase arrives as it is', async t => {
  for (const [sent, seen] of [
    ['D\xc3\xa9j\xc3\xa0 \xe2\x9c\x93', 'D\xc3\xa9j\xc3\xa0 \xe2\x9c\x93'],
    ['a\xe9b', 'a\xe9b'],
    ['', ''],
  ] as const) {
    const backend = await rawBackend(t, saying(`HTTP/1.1 200 ${sent}\r\nContent-Length: 2\r\n\r\nok`))
    const banyan = await startBanyan(t, pass(backend.url))
    const client = rawClient(t, banyan.port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const text = await client.until(text => text.endsWith('ok'))
    t.equal(text.split('\r\n', 1)[0]?.trimEnd(), `HTTP/1.1 200 ${seen}`.trimEnd())
  }
})

t.test('a reset inside a close-delimited answer is a cut, not an end', async t => {
  const backend = await rawBackend(
    t,
    saying('HTTP/1.1 200 OK\r\n\r\nabc', socket => socket.resetAndDestroy()),
  )
  const banyan = await startBanyan(t, pass(backend.url))
  const client = rawClient(t, banyan.port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const text = await client.closed
  t.match(text, /abc/)
  t.notOk(text.includes('0\r\n\r\n'))
})

t.test('transfer codings other than chunked are refused, from both sides', async t => {
  const backend = await rawBackend(
    t,
    saying('HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
  )
  const banyan = await startBanyan(t, pass(backend.url))
  for (const coding of ['gzip, chunked', 'identity, chunked', ',chunked']) {
    const client = rawClient(t, banyan.port)
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n`)
    t.match(await client.closed, /^HTTP\/1\.1 400 /, coding)
  }
  t.equal(backend.sockets.length, 0)
  t.equal((await fetch(`http://127.0.0.1:${banyan.port}/`)).status, 502)
})

t.test('garbage behind a request is never answered into that request’s answer', async t => {
  const backend = await rawBackend(t, saying('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf '))
  const banyan = await startBanyan(t, pass(backend.url))
  const client = rawClient(t, banyan.port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.until(text => text.endsWith('half '))
  client.send('GARBAGE\r\n\r\n')
  // A request after it is read when the garbage is.
  await fetch(`http://127.0.0.1:${banyan.port}/`).then(response => response.body?.cancel())
  t.match(client.text(), /half $/)
  backend.sockets[0]?.write('over')
  t.match(await client.closed, /half overHTTP\/1\.1 400 /)
})

t.test('a client that was refused and keeps its half open does not keep ours', async t => {
  const backend = await named(t, 'legacy')
  const banyan = await startBanyan(t, pass(backend.url))
  for (const bytes of ['GARBAGE\r\n\r\n', 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n']) {
    const client = rawClient(t, banyan.port)
    client.socket.allowHalfOpen = true
    client.send(bytes)
    await client.until(text => text.includes('"code"'))
    // Whoever writes into a connection that is gone hears of it.
    await eventually(() => !client.socket.write('x') || client.socket.destroyed, 'ours was closed')
    t.match(client.text(), /^HTTP\/1\.1 4/)
  }
})

t.test('a client behind a named forwarder cannot invent more of them', async t => {
  const backend = await named(t, 'legacy')
  const fresh = await named(t, 'new')
  const banyan = await startBanyan(t, {
    proxy: { clientIp: { from: ['127.0.0.0/8'], hops: 2 } },
    routes: [
      {
        id: 'r',
        match: { path: '/*' },
        legacy: backend.url,
        new: fresh.url,
        data: 'shared',
        override: { from: ['10.9.0.0/16'] },
      },
    ],
  })
  const side = async (forwarded: string) => {
    const headers = { 'x-forwarded-for': forwarded, 'x-banyan-side': 'new' }
    return (await fetch(`http://127.0.0.1:${banyan.port}/`, { headers })).headers.get('x-served-by')
  }
  t.equal(await side('10.9.0.1'), 'new')
  t.equal(await side('10.9.0.1, 203.0.113.9'), 'legacy', 'an unnamed one in between')
  t.equal(await side('10.9.0.1, 127.0.0.2'), 'new', 'a named one')
})

t.test('upgrades: h2c is no offer, also not the second; a protocol that nobody offered is no answer', async t => {
  const seen: string[] = []
  const backend = await rawBackend(t, socket => {
    socket.setEncoding('latin1')
    socket.once('data', (head: string) => {
      seen.push(head)
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
    })
  })
  const banyan = await startBanyan(t, pass(backend.url))
  const ask = async (upgrade: string) => {
    const client = rawClient(t, banyan.port)
    client.send(`GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`)
    return client.until(text => text.includes('\r\n\r\n'))
  }
  t.match(await ask('websocket, h2c'), /^HTTP\/1\.1 502/)
  t.notMatch(seen[0], /upgrade/i)
  t.match(await ask('websocket'), /^HTTP\/1\.1 502/)
})

t.test('a client that leaves while its upgrade is pending frees the backend', async t => {
  let gone = 0
  const backend = await rawBackend(t, socket => socket.on('close', () => gone++))
  const banyan = await startBanyan(t, pass(backend.url))
  const client = rawClient(t, banyan.port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly bytes')
  await eventually(() => backend.sockets.length === 1 && (backend.sockets[0]?.bytesRead ?? 0) >= 0, 'it arrived')
  client.socket.end()
  backend.sockets[0]?.resume()
  await eventually(() => gone === 1, 'the backend was freed')
  t.pass('freed')
})

t.test('one exception is one request’s 500', async t => {
  const backend = await httpBackend(t, (_req, res) => res.end('ok'))
  const banyan = await startBanyan(t, pass(backend.url))
  const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`http://127.0.0.1:${banyan.port}/x`)))
  t.ok(answers.every(answer => answer.status === 200))
})

t.test('at the limit of connections, too, an answer that nobody asked for reaches nobody', async t => {
  const backend = await rawBackend(t, socket => {
    let text = ''
    // Else the second answer waits for an acknowledgement of the first, which comes with the next request only.
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('data', (piece: string) => {
      text += piece
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const path = text.split(' ')[1] ?? ''
        text = text.slice(end + 4)
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`)
        if (path.startsWith('/evil'))
          setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON'), 2)
      }
    })
    socket.on('error', () => {})
  })
  const banyan = await startBanyan(t, { backends: { legacy: { url: backend.url, connections: 2 } } })
  const wrong: string[] = []
  const ask = async (path: string) => {
    const text = await (await fetch(`http://127.0.0.1:${banyan.port}${path}`)).text()
    if (text !== path) wrong.push(`${path}: ${text}`)
  }
  for (let round = 0; round < 20; round++) {
    await Promise.all(['evil', ...'abcdefghijkl'].map(name => ask(`/${name}${round}`)))
  }
  t.same(wrong, [])
})

t.test('an answer whose first piece is foul is a 502 that says why, not a head and a cut', async t => {
  const backend = await rawBackend(
    t,
    saying('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5  \r\nhello\r\n0\r\n\r\n'),
  )
  const banyan = await startBanyan(t, pass(backend.url))
  const answer = await fetch(`http://127.0.0.1:${banyan.port}/`)
  t.equal(answer.status, 502)
  t.match(await answer.json(), { code: 'backend_protocol', detail: /wire\.accept: \[space-in-chunk-size\]/ })
})
