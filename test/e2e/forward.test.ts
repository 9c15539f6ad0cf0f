// Forwarding over real sockets: bytes, headers, framing, streaming, aborts.
import t from 'tap'
import { eventually, httpBackend, named, rawBackend, rawClient, startBanyan } from './harness.ts'

function passThrough(url: string): Record<string, unknown> {
  return { backends: { legacy: { url } } }
}

/** Answers every request on a socket with one text, and keeps what it read. */
function answering(answer: string, read: string[] = []) {
  return (socket: import('node:net').Socket) => {
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      read.push(chunk)
      if (chunk.includes('\r\n\r\n')) socket.write(answer, 'latin1')
    })
  }
}

t.test('the request arrives byte for byte: target, order, case, repetition, latin1', async t => {
  const read: string[] = []
  const backend = await rawBackend(t, answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', read))
  const banyan = await startBanyan(t, passThrough(backend.url))
  const client = rawClient(t, banyan.port)
  const target = '/a%2Fb//c/./d;x=1/{}^`?q=\'"&z=%zz'
  client.send(
    `GET ${target} HTTP/1.1\r\nHost: shop.example:8080\r\nX-A: 1\r\nx-b: caf\xe9\r\nX-A: 2\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n` +
      'Connection: keep-alive, X-Hop\r\nX-Hop: gone\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nProxy-Authorization: x\r\n\r\n',
  )
  await client.until(text => text.endsWith('ok'))
  const [request = ''] = read
  t.ok(request.startsWith(`GET ${target} HTTP/1.1\r\n`))
  t.match(request, /\r\nhost: shop\.example:8080\r\n/i)
  t.match(request, /\r\nX-A: 1\r\nx-b: caf\xe9\r\nX-A: 2\r\n/)
  t.match(request, /traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n/)
  t.match(request, /X-Forwarded-For: 127\.0\.0\.1\r\n/)
  t.match(request, /X-Forwarded-Host: shop\.example:8080\r\n/)
  t.match(request, /\r\nTE: trailers\r\n[\s\S]*\r\nConnection: TE\r\n/)
  for (const gone of ['X-Hop', 'Keep-Alive:', 'Proxy-Auth']) t.notOk(request.includes(gone), gone)
})

t.test('a Host with the dot of the root behind it takes the routes of the name, and crosses as it came', async t => {
  const read: string[] = []
  const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'
  const own = await rawBackend(t, answering(`${ok}me`, read))
  const other = await rawBackend(t, answering(`${ok}no`))
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: other.url }, own: { url: own.url } },
    routes: [
      { id: 'exact', match: { path: '/*', host: 'h.test' }, legacy: 'own' },
      { id: 'below', match: { path: '/*', host: '*.w.test' }, legacy: 'own' },
    ],
  })
  const client = rawClient(t, banyan.port)
  let answers = ''
  for (const [host, answer] of [
    ['h.test', 'me'],
    ['h.test.', 'me'],
    ['H.Test.:8080', 'me'],
    ['a.w.test.', 'me'],
    ['h.test..', 'no'],
    ['.', 'no'],
  ] as const) {
    client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    const before = answers.length
    answers = await client.until(text => text.length > before && text.endsWith(answer))
    t.match(answers.slice(before), /^HTTP\/1\.1 200/, host)
    if (answer === 'me') t.ok(read.at(-1)?.includes(`\r\nHost: ${host}\r\n`), `${host} as it came`)
  }
})

t.test('the answer arrives byte for byte: reason, order, case, repetition, no invented fields', async t => {
  const backend = await rawBackend(
    t,
    answering(
      'HTTP/1.1 299 Quite Fine\r\nSet-Cookie: a=1\r\nX-b: caf\xe9\r\nSET-COOKIE: b=2\r\nConnection: X-Hop\r\nX-Hop: gone\r\nKeep-Alive: timeout=9\r\nContent-Length: 2\r\n\r\nok',
    ),
  )
  const banyan = await startBanyan(t, passThrough(backend.url))
  const client = rawClient(t, banyan.port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const text = await client.until(text => text.endsWith('ok'))
  t.ok(
    text.startsWith(
      'HTTP/1.1 299 Quite Fine\r\nSet-Cookie: a=1\r\nX-b: caf\xe9\r\nSET-COOKIE: b=2\r\nContent-Length: 2\r\n',
    ),
  )
  for (const gone of ['X-Hop', 'timeout=9', 'Date:', 'Server:', 'Transfer-Encoding']) t.notOk(text.includes(gone), gone)
})

t.test('what an unnamed peer says of the client is replaced; a named one is continued', async t => {
  const read: string[] = []
  const backend = await rawBackend(t, answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', read))
  const sent =
    'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Real-IP: 9.9.9.9\r\nForwarded: for=9.9.9.9\r\nConnection: X-Forwarded-For\r\n\r\n'
  const plain = await startBanyan(t, passThrough(backend.url))
  const one = rawClient(t, plain.port)
  one.send(sent)
  await one.until(text => text.endsWith('ok'))
  t.notOk(read[0]?.includes('9.9.9.9'))
  t.match(read[0], /X-Forwarded-For: 127\.0\.0\.1\r\nX-Forwarded-Proto: http\r\n/)
  t.match(read[0], /X-Real-IP: 127\.0\.0\.1\r\nForwarded: for=127\.0\.0\.1;proto=http\r\n/)
  const status = await plain.api('GET', '/status')
  t.match(status.json.warnings, [{ code: 'unnamed_forwarder' }])

  const trusting = await startBanyan(t, {
    ...passThrough(backend.url),
    proxy: { clientIp: { from: ['127.0.0.0/8'] } },
  })
  const two = rawClient(t, trusting.port)
  two.send(sent)
  await two.until(text => text.endsWith('ok'))
  t.match(read[1], /X-Forwarded-For: 9\.9\.9\.9, 127\.0\.0\.1\r\nX-Forwarded-Proto: https\r\n/)
  t.match(read[1], /X-Real-IP: 9\.9\.9\.9\r\n/)
})

t.test(
  'framing: sized stays sized, chunked stays chunked, for every method, and the next request is its own',
  async t => {
    const bodies: { method: string; framing: string; body: string }[] = []
    const backend = await httpBackend(t, (req, res) => {
      let body = ''
      req.on('data', chunk => {
        body += chunk
      })
      req.on('end', () => {
        const framing = req.headers['transfer-encoding'] ?? `length ${req.headers['content-length']}`
        bodies.push({ method: req.method ?? '', framing, body })
        res.end('ok')
      })
    })
    const banyan = await startBanyan(t, passThrough(backend.url))
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'GET', 'PROPFIND']) {
      bodies.length = 0
      const client = rawClient(t, banyan.port)
      client.send(
        `${method} /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n` +
          `${method} /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nworld` +
          `GET /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      )
      await client.closed
      t.same(
        bodies,
        [
          { method, framing: 'chunked', body: 'hello' },
          { method, framing: 'length 5', body: 'world' },
          { method: 'GET', framing: 'length undefined', body: '' },
        ],
        method,
      )
    }
  },
)

t.test('what a proxy must refuse', async t => {
  const backend = await named(t, 'legacy')
  const banyan = await startBanyan(t, passThrough(backend.url))
  const cases: Record<string, [string, number]> = {
    'two Hosts': ['GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
    'empty Host': ['GET / HTTP/1.1\r\nHost: \r\n\r\n', 400],
    'no Host': ['GET / HTTP/1.1\r\n\r\n', 400],
    'authority is not Host': ['GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    'HTTP/2.0 on the line': ['GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
    CONNECT: ['CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', 405],
    'length and chunked': [
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    'two lengths': ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc', 400],
    'a head over the limit': [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`, 431],
  }
  for (const [name, [bytes, status]] of Object.entries(cases)) {
    const client = rawClient(t, banyan.port)
    client.send(bytes)
    const text = await client.closed
    t.equal(text.slice(0, 12), `HTTP/1.1 ${status}`, name)
  }
  t.equal(backend.seen.length, 0, 'nothing of it reached the backend')
  const client = rawClient(t, banyan.port)
  client.send('GET http://A/path?x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  t.match(await client.closed, /^HTTP\/1\.1 200/)
  t.equal(backend.seen[0]?.url, '/path?x', 'absolute form becomes origin form')
})

t.test('many header fields: all arrive or 431, never fewer', async t => {
  const backend = await httpBackend(t, (req, res) =>
    res.end(String(req.rawHeaders.filter(name => name.startsWith('x-n')).length)),
  )
  const banyan = await startBanyan(t, passThrough(backend.url))
  for (const count of [100, 900, 1500, 3000]) {
    const client = rawClient(t, banyan.port)
    const fields = Array.from({ length: count }, (_, i) => `x-n${i}: 1\r\n`).join('')
    client.send(`GET / HTTP/1.1\r\nHost: a\r\n${fields}Connection: close\r\n\r\n`)
    const text = await client.closed
    const all = text.startsWith('HTTP/1.1 200') && text.endsWith(`\r\n${count}`)
    t.ok(all || text.startsWith('HTTP/1.1 431'), `${count} fields: ${text.slice(0, 20)} … ${text.slice(-6)}`)
  }
})

t.test('answers stream: the head before the body, each piece as it comes', async t => {
  const parts: (() => void)[] = []
  const backend = await httpBackend(t, (_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    res.flushHeaders()
    parts.push(
      () => res.write('data: 1\n\n'),
      () => res.end('data: 2\n\n'),
    )
  })
  const banyan = await startBanyan(t, passThrough(backend.url))
  const client = rawClient(t, banyan.port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.until(text => text.includes('\r\n\r\n'))
  t.notOk(client.text().includes('data'), 'the head came first')
  parts[0]?.()
  await client.until(text => text.includes('data: 1'))
  parts[1]?.()
  t.match(await client.until(text => text.endsWith('0\r\n\r\n')), /data: 2/)
})

t.test('uploads stream, and an early answer is delivered with Connection: close', async t => {
  const backend = await httpBackend(t, (req, res) => {
    req.once('data', () => {
      res.writeHead(413, { 'content-length': '3' })
      res.end('big')
    })
  })
  const banyan = await startBanyan(t, passThrough(backend.url))
  const client = rawClient(t, banyan.port)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nfirst')
  const text = await client.until(text => text.endsWith('big'))
  t.match(text, /^HTTP\/1\.1 413/)
  t.match(text, /connection: close/i)
})

t.test('a body that is cut is never a clean end', async t => {
  for (const head of ['Content-Length: 10', 'Transfer-Encoding: chunked']) {
    const backend = await rawBackend(t, socket => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${head.startsWith('C') ? 'half' : '4\r\nhalf\r\n'}`)
        setImmediate(() => socket.resetAndDestroy())
      })
    })
    const banyan = await startBanyan(t, passThrough(backend.url))
    const client = rawClient(t, banyan.port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const text = await client.closed
    t.notOk(text.endsWith('0\r\n\r\n'), head)
    t.notOk(/half.{6}/s.test(text.replace(/half\r\n$/, 'half')), 'nothing was made up')
  }
})

t.test('a client that leaves frees the backend at once, in every phase', async t => {
  const gone: string[] = []
  const backend = await httpBackend(t, (req, res) => {
    res.on('close', () => gone.push(req.url ?? ''))
    if (req.url === '/body') res.write('some')
  })
  const banyan = await startBanyan(t, passThrough(backend.url))
  for (const path of ['/waiting', '/body', '/upload']) {
    const client = rawClient(t, banyan.port)
    client.send(
      path === '/upload'
        ? `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc`
        : `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`,
    )
    await eventually(() => backend.seen.some(req => req.url === path), `${path} arrived`)
    if (path === '/body') await client.until(text => text.includes('some'))
    client.socket.destroy()
    await eventually(() => gone.includes(path), `${path} was freed`)
  }
  const metrics = await (await fetch(`${banyan.health}/metrics`)).text()
  t.match(metrics, /banyan_requests_total\{route="_default",side="legacy",reason="only",code="aborted"\} 3/)
  t.match(metrics, /banyan_backend_errors_total\{route="_default",side="legacy",role="primary",kind="reset"\} 0/)
})

t.test(
  'pipelined requests are asked one after the other, and one that waits is not asked for a client that left',
  async t => {
    const order: string[] = []
    const answers: (() => void)[] = []
    const backend = await httpBackend(t, (req, res) => {
      order.push(`${req.method} ${req.url}`)
      answers.push(() => res.end(req.url))
    })
    const banyan = await startBanyan(t, passThrough(backend.url))
    const pipelined =
      'POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nDELETE /3 HTTP/1.1\r\nHost: a\r\n\r\n'
    const client = rawClient(t, banyan.port)
    client.send(pipelined)
    for (const count of [1, 2, 3]) {
      await eventually(() => order.length === count, `request ${count} arrived`)
      t.equal(order.length, count, 'and none after it')
      answers.shift()?.()
      await client.until(text => text.endsWith(`/${count}`))
    }
    t.same(order, ['POST /1', 'GET /2', 'DELETE /3'])
    const leaver = rawClient(t, banyan.port)
    leaver.send(pipelined)
    await eventually(() => order.length === 4, 'its first arrived')
    leaver.socket.destroy()
    await eventually(
      async () => (await fetch(`${banyan.health}/metrics`).then(res => res.text())).includes('code="aborted"} 1'),
      'it was freed',
    )
    t.equal(order.length, 4)
  },
)

t.test('small and large answers, in one piece or many, arrive whole', async t => {
  const sizes = [0, 1, 200, 16 * 1024, 16 * 1024 + 1, 300_000]
  const backend = await httpBackend(t, (req, res) => {
    const size = Number(req.url?.split('/')[1])
    const body = Buffer.alloc(size, 0xe9)
    if (req.url?.endsWith('sized')) res.writeHead(200, { 'content-length': size }).end(body)
    else {
      res.writeHead(200)
      for (let at = 0; at < size; at += 999) res.write(body.subarray(at, at + 999))
      res.end()
    }
  })
  const banyan = await startBanyan(t, passThrough(backend.url))
  for (const size of sizes) {
    for (const how of ['sized', 'pieces']) {
      const response = await fetch(`http://127.0.0.1:${banyan.port}/${size}/${how}`)
      const body = Buffer.from(await response.arrayBuffer())
      t.ok(body.equals(Buffer.alloc(size, 0xe9)), `${size} bytes, ${how}`)
    }
  }
})

t.test('back-pressure: a client that does not read stops the backend', async t => {
  let written = 0
  const backend = await httpBackend(t, (_req, res) => {
    const chunk = Buffer.alloc(64 * 1024)
    const more = () => {
      while (written < 256 * 1024 * 1024) {
        written += chunk.length
        if (!res.write(chunk)) {
          res.once('drain', more)
          return
        }
      }
      res.end()
    }
    more()
  })
  const banyan = await startBanyan(t, passThrough(backend.url))
  const client = rawClient(t, banyan.port)
  client.socket.pause()
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  let last = -1
  await eventually(async () => {
    const same = written > 0 && written === last
    last = written
    await new Promise(resolve => setTimeout(resolve, 200))
    return same
  }, 'the backend stopped writing')
  t.ok(written < 64 * 1024 * 1024, `${written} bytes were taken`)
})

t.test('failures are problem documents with a code', async t => {
  const closing = await rawBackend(t, socket => socket.once('data', () => socket.destroy()))
  const garbage = await rawBackend(t, socket => socket.once('data', () => socket.end('SMTP 220 hello\r\n\r\n')))
  const silent = await rawBackend(t, () => {})
  const banyan = await startBanyan(t, {
    backends: {
      refused: { url: 'http://127.0.0.1:1' },
      closing: { url: closing.url },
      garbage: { url: garbage.url },
      silent: { url: silent.url, timeouts: { head: '300ms' } },
      total: { url: silent.url, timeouts: { total: '300ms' } },
      unnamed: { url: 'http://no-such-host.invalid' },
    },
    routes: ['refused', 'closing', 'garbage', 'silent', 'total', 'unnamed'].map(name => ({
      id: name,
      match: { path: `/${name}` },
      legacy: name,
    })),
  })
  const expected: Record<string, [number, string]> = {
    refused: [502, 'backend_connect'],
    closing: [502, 'backend_reset'],
    garbage: [502, 'backend_protocol'],
    silent: [504, 'backend_timeout'],
    total: [504, 'backend_timeout'],
    unnamed: [502, 'backend_connect'],
    nothing: [404, 'no_route'],
  }
  for (const [name, [status, code]] of Object.entries(expected)) {
    const response = await fetch(`http://127.0.0.1:${banyan.port}/${name}`)
    const problem = (await response.json()) as { code: string; exchange: string; status: number }
    t.equal(response.status, status, name)
    t.equal(response.headers.get('content-type'), 'application/problem+json')
    t.match(problem, { code, status })
    t.ok(problem.exchange)
  }
})

t.test('HEAD, 204 and 304 have no body and keep what they say', async t => {
  const backend = await httpBackend(t, (req, res) => {
    if (req.url === '/304') res.writeHead(304, { etag: '"x"', 'content-length': '10' }).end()
    else if (req.url === '/204') res.writeHead(204).end()
    else res.writeHead(200, { 'content-length': '10' }).end(req.method === 'HEAD' ? undefined : '0123456789')
  })
  const banyan = await startBanyan(t, passThrough(backend.url))
  const client = rawClient(t, banyan.port)
  client.send(
    'HEAD /x HTTP/1.1\r\nHost: a\r\n\r\nGET /304 HTTP/1.1\r\nHost: a\r\n\r\nGET /204 HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  )
  const text = await client.closed
  t.equal(text.match(/HTTP\/1\.1 /g)?.length, 4)
  t.equal(text.match(/content-length: 10/g)?.length, 3)
  t.ok(text.endsWith('\r\n\r\n0123456789'))
})

t.test('a request that comes back to us is answered 508, and only ours', async t => {
  const banyan = await startBanyan(t, { backends: { legacy: { url: 'http://127.0.0.1:1' } } })
  const other = await named(t, 'legacy')
  const port = banyan.port
  await banyan.stop()
  const looping = await startBanyan(t, {
    proxy: { listen: `127.0.0.1:${port}` },
    backends: { legacy: { url: `http://127.0.0.1:${port}` }, fine: { url: other.url } },
    routes: [{ id: 'fine', match: { path: '/fine' }, legacy: 'fine' }],
  })
  t.equal((await fetch(`http://127.0.0.1:${looping.port}/`)).status, 508)
  const forged = await fetch(`http://127.0.0.1:${looping.port}/`, { headers: { 'x-banyan-loop': 'somebody else' } })
  t.equal(forged.status, 508, 'a mark in front of ours hides nothing')
  const marked = await fetch(`http://127.0.0.1:${looping.port}/fine`, { headers: { 'x-banyan-loop': 'somebody else' } })
  t.equal(marked.status, 200)
  t.equal(other.seen[0]?.headers['x-banyan-loop'], 'somebody else')
})

t.test('upgrades: an accepted one is a tunnel, a refused one an answer', async t => {
  const backend = await rawBackend(t, socket => {
    socket.setEncoding('latin1')
    socket.once('data', (head: string) => {
      if (head.startsWith('GET /no')) {
        socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
        return
      }
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\nhello',
      )
      socket.on('data', (bytes: string) => socket.write(`<${bytes}>`, 'latin1'))
    })
  })
  const banyan = await startBanyan(t, passThrough(backend.url))
  const head = (path: string) =>
    `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n`
  const yes = rawClient(t, banyan.port)
  yes.send(head('/yes'))
  t.match(await yes.until(text => text.includes('hello')), /^HTTP\/1\.1 101 [\s\S]*Sec-WebSocket-Accept: x/)
  yes.send('\x00\xffping')
  t.ok((await yes.until(text => text.includes('>'))).endsWith('<\x00\xffping>'))
  const open = await (await fetch(`${banyan.health}/metrics`)).text()
  t.match(open, /banyan_tunnels\{route="_default",side="legacy"\} 1/)
  yes.socket.end()
  await yes.closed
  const no = rawClient(t, banyan.port)
  no.send(head('/no'))
  t.match(await no.closed, /^HTTP\/1\.1 403 Forbidden[\s\S]*no$/)
  const none = await (await fetch(`${banyan.health}/metrics`)).text()
  t.match(none, /banyan_tunnels\{route="_default",side="legacy"\} 0/)
})
