// Clients that are too slow: each kind is ended and counted in `standard`, reported in `transparent`, and holds nobody up.
import t, { type Test } from 'tap'
import { type Banyan, eventually, httpBackend, type RawClient, rawBackend, rawClient, startBanyan } from './harness.ts'
import { noPem, secureClient, startSecure } from './secure.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const SHORT = { requestHead: '300ms', stall: '500ms', keepAlive: '10s' }

/** `/endless` answers without end; everything else is read, and answered when it is whole. */
async function start(t: Test, profile: string, timeouts: object = {}, clock?: { now(): number; monotonic(): number }) {
  const gone: string[] = []
  const backend = await httpBackend(t, (req, res) => {
    res.on('close', () => gone.push(req.url ?? ''))
    if (req.url === '/endless') {
      const more = () => {
        while (!res.destroyed && res.write(Buffer.alloc(64 * 1024)));
      }
      res.on('drain', more)
      more()
      return
    }
    req.resume()
    req.on('end', () => res.end('served'))
  })
  const banyan = await startBanyan(
    t,
    { backends: { legacy: { url: backend.url } }, proxy: { profile, timeouts: { ...SHORT, ...timeouts } } },
    clock === undefined ? {} : { clock },
  )
  return { banyan, gone, backend }
}

async function count(banyan: Banyan, name: string): Promise<number> {
  const text = await (await fetch(`${banyan.health}/metrics`)).text()
  return Number(
    text
      .split('\n')
      .find(line => line.startsWith(`${name} `))
      ?.split(' ')[1] ?? Number.NaN,
  )
}

const slow = (phase: string) => `banyan_slow_clients_total{phase="${phase}"}`
const wouldCut = (limit: string) => `banyan_would_have_cut_total{limit="${limit}"}`

/** Sends the text again and again until the connection is gone. */
function drip(t: Test, client: RawClient, text: string): void {
  const timer = setInterval(() => client.send(text), 40)
  client.closed.then(() => clearInterval(timer))
  t.teardown(() => clearInterval(timer))
}

async function serves(t: Test, banyan: Banyan): Promise<void> {
  const client = rawClient(t, banyan.port)
  client.send(GET)
  t.match(await client.closed, /^HTTP\/1\.1 200[\s\S]*served$/, 'a normal client is served')
}

t.test('standard: who is too slow goes, each counted by what it was slow at', async t => {
  const { banyan, gone } = await start(t, 'standard')
  const silent = rawClient(t, banyan.port)
  const blank = rawClient(t, banyan.port)
  drip(t, blank, '\r\n')
  const head = rawClient(t, banyan.port)
  head.send('GET / HTTP/1.1\r\nHost: a\r\n')
  drip(t, head, 'X: 1\r\n')
  const stalled = rawClient(t, banyan.port)
  stalled.send('POST /stalled HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc')
  const chunked = rawClient(t, banyan.port)
  chunked.send('POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe')
  const reader = rawClient(t, banyan.port)
  reader.send('GET /endless HTTP/1.1\r\nHost: a\r\n\r\n')
  await reader.until(text => text.length > 1000)
  reader.socket.pause()
  await serves(t, banyan)
  t.equal(await silent.closed, '', 'silent')
  t.equal(await blank.closed, '', 'nothing but empty lines')
  t.match(await head.closed, /^HTTP\/1\.1 408[\s\S]*connection: close[\s\S]*"request_timeout"/i, 'a head that drips')
  t.match(await stalled.closed, /^HTTP\/1\.1 408[\s\S]*connection: close[\s\S]*"request_timeout"/i, 'a body that stops')
  t.match(await chunked.closed, /^HTTP\/1\.1 408/, 'a chunk that stops')
  await eventually(() => gone.includes('/endless'), 'who does not read is cut, and the backend is free')
  for (const path of ['/stalled', '/chunked'])
    await eventually(() => gone.includes(path), `${path}: the backend is free`)
  t.equal(await count(banyan, slow('silent')), 2)
  t.equal(await count(banyan, slow('head')), 1)
  t.equal(await count(banyan, slow('body')), 2)
  t.equal(await count(banyan, slow('answer')), 1)
  await serves(t, banyan)
})

t.test('standard: whoever makes progress stays', async t => {
  const { banyan, gone } = await start(t, 'standard', { minRate: 'none' })
  const writer = rawClient(t, banyan.port)
  writer.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\nConnection: close\r\n\r\n')
  for (let sent = 0; sent < 40; sent++) {
    writer.send('x')
    await new Promise(resolve => setTimeout(resolve, 40))
  }
  t.match(await writer.closed, /^HTTP\/1\.1 200/, 'three times the stall, byte by byte')
  const reader = rawClient(t, banyan.port)
  reader.send('GET /endless HTTP/1.1\r\nHost: a\r\n\r\n')
  let read = 0
  reader.socket.on('data', chunk => {
    read += chunk.length
    reader.socket.pause()
    setTimeout(() => reader.socket.resume(), 5)
  })
  await new Promise(resolve => setTimeout(resolve, 1_700))
  t.ok(read > 0)
  t.notOk(reader.socket.destroyed)
  t.same(
    gone.filter(path => path === '/endless'),
    [],
  )
})

t.test('the slowest rate of a body', async t => {
  let skew = 0
  const clock = { now: () => Date.now(), monotonic: () => performance.now() + skew }
  const { banyan, gone, backend } = await start(t, 'standard', { stall: '60s', minRate: '1KiB' }, clock)
  const dripping = rawClient(t, banyan.port)
  dripping.send('POST /dripping HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n')
  drip(t, dripping, 'x')
  const steady = rawClient(t, banyan.port)
  steady.send('POST /steady HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  drip(t, steady, `1000\r\n${'x'.repeat(4096)}\r\n`)
  await eventually(() => backend.seen.length === 2, 'both are on their way')
  // Two ticks of the listener: it has begun to measure.
  await new Promise(resolve => setTimeout(resolve, 1_100))
  skew += 10_000
  t.match(await dripping.closed, /^HTTP\/1\.1 408/)
  await eventually(() => gone.includes('/dripping'), 'the backend is free')
  t.notOk(steady.socket.destroyed, 'a fast one goes on')
  t.equal(await count(banyan, slow('body')), 1)
})

t.test('transparent: bodies and readers are only counted', async t => {
  let skew = 0
  const clock = { now: () => Date.now(), monotonic: () => performance.now() + skew }
  const { banyan, gone } = await start(t, 'transparent', { stall: '2s' }, clock)
  const stalled = rawClient(t, banyan.port)
  stalled.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nConnection: close\r\n\r\nabc')
  const reader = rawClient(t, banyan.port)
  reader.send('GET /endless HTTP/1.1\r\nHost: a\r\n\r\n')
  await reader.until(text => text.length > 1000)
  reader.socket.pause()
  await eventually(async () => {
    skew += 100
    return (await count(banyan, wouldCut('request_body_time'))) === 1
  }, 'the body is counted')
  await eventually(async () => (await count(banyan, wouldCut('answer_time'))) === 1, 'the reader is counted')
  stalled.send('def')
  t.match(await stalled.closed, /^HTTP\/1\.1 200/, 'and is served')
  t.notOk(gone.includes('/endless'))
  t.equal(await count(banyan, slow('body')), 0)
  t.match((await banyan.api('GET', '/status')).json.warnings, [{ code: 'would_have_cut' }, { code: 'would_have_cut' }])
  skew += 20_000
  await eventually(() => gone.includes('/endless'), 'ten times the stall ends it all the same')
  t.equal(await count(banyan, slow('answer')), 1)
  t.equal(await count(banyan, wouldCut('answer_time')), 1, 'counted once')
})

t.test('transparent: a head has its time, and its hard limits', async t => {
  for (const profile of ['transparent', 'standard']) {
    const { banyan, backend } = await start(t, profile)
    const head = rawClient(t, banyan.port)
    head.send('GET / HTTP/1.1\r\n')
    t.match(await head.closed, /^HTTP\/1\.1 408/, `${profile}: a head that never ends`)
    for (const [name, text] of Object.entries({
      field: `X: ${'x'.repeat(70_000)}\r\n\r\n`,
      'endless field': `X: ${'x'.repeat(200_000)}`,
      fields: `${'X-Some: value\r\n'.repeat(6_000)}\r\n`,
    })) {
      const client = rawClient(t, banyan.port)
      client.send('GET / HTTP/1.1\r\nHost: a\r\n')
      for (let at = 0; at < text.length; at += 20_000) client.send(text.slice(at, at + 20_000))
      t.match(await client.closed, /^HTTP\/1\.1 431[\s\S]*"head_too_large"/, `${profile}: ${name}`)
    }
    t.equal(backend.seen.length, 0)
    await banyan.stop()
  }
})

t.test('over TLS', { skip: noPem }, async t => {
  const gone: string[] = []
  const backend = await httpBackend(t, (req, res) => {
    res.on('close', () => gone.push(req.url ?? ''))
    const more = () => {
      while (!res.destroyed && res.write(Buffer.alloc(64 * 1024)));
    }
    res.on('drain', more)
    more()
  })
  const banyan = await startSecure(t, {
    backends: { legacy: { url: backend.url } },
    proxy: { profile: 'standard', timeouts: SHORT },
  })
  const reader = secureClient(t, banyan.port)
  reader.send('GET /endless HTTP/1.1\r\nHost: a\r\n\r\n')
  await reader.until(text => text.length > 1000)
  reader.socket.pause()
  await eventually(() => gone.length === 1, 'who does not read is cut')
  t.equal(await count(banyan, slow('answer')), 1)
})

t.test('a slow client’s last piece holds up nobody who comes after it on the same backend connection', async t => {
  const READ = 64 * 1024
  const backend = await rawBackend(t, socket => {
    socket.on('data', () => {
      // Head and body are one read of the proxy, and as much as a client's socket takes before it asks to wait.
      const head = `HTTP/1.1 200 OK\r\nContent-Length: ${READ - 64}\r\nX-Pad: `
      socket.write(`${head.padEnd(60, 'p')}\r\n\r\n${'x'.repeat(READ - 64)}`, 'latin1')
    })
  })
  const banyan = await startBanyan(t, { backends: { legacy: { url: backend.url, connections: 1 } } })
  const client = rawClient(t, banyan.port)
  for (let i = 1; i <= 40; i++) {
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await eventually(() => client.text().length === i * READ, `answer ${i}`)
  }
  t.equal(backend.sockets.length, 1)
})
