// TLS on the data listener: requests over it, certificates that are renewed, handshakes that go wrong.
import { spawnSync } from 'node:child_process'
import { renameSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { cannotRun } from '../store/child.ts'
import { eventually, httpBackend, named, rawBackend, rawClient } from './harness.ts'
import { noPem, one, rawSecureBackend, secureClient, startSecure, two } from './secure.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const CLOSING = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

if (noPem !== false) t.plan(0, noPem)
else {
  t.test('a request over TLS', inForce)
  t.test('a renewed certificate without a reload', renewed)
  t.test('files that cannot be used', broken)
  t.test('files that are none', { skip: cannotRun('mkfifo', '--version') }, strange)
  t.test('a certificate that expires soon is spoken of', expiring)
  t.test('handshakes that go wrong harm nobody', handshakes)
  t.test('half an answer is no clean end, and nothing falls over', cutAnswers)
  t.test('a tunnel over TLS on both sides, and its reset', tunnels)
}

function legacy(url: string, more: object = {}) {
  return { backends: { legacy: { url, ...more } } }
}

async function inForce(t: Test) {
  const backend = await httpBackend(t, (req, res) => {
    req.resume()
    res.end(JSON.stringify(req.headers))
  })
  const banyan = await startSecure(t, legacy(backend.url))
  t.equal(banyan.app.addresses.proxy, `https://127.0.0.1:${banyan.port}`, 'what the log says')
  const client = secureClient(t, banyan.port, { ALPNProtocols: ['h2', 'http/1.1'] })
  t.equal(await client.name, 'one.example')
  t.equal(client.socket.alpnProtocol, 'http/1.1')
  client.send(GET)
  const text = await client.until(text => text.endsWith('}'))
  t.match(text, /"x-forwarded-proto":"https"/)
  t.match(text, new RegExp(`"x-forwarded-port":"${banyan.port}"`))
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\nConnection: close\r\n\r\n${'x'.repeat(200_000)}`)
  const { text: all, error } = await client.closed
  t.equal(all.match(/HTTP\/1\.1 200/g)?.length, 2)
  t.equal(error, null, 'a clean end')
}

async function renewed(t: Test) {
  const backend = await named(t, 'legacy')
  const banyan = await startSecure(t, legacy(backend.url))
  const old = secureClient(t, banyan.port)
  t.equal(await old.name, 'one.example')
  // One after the other: in between they do not belong together, and nothing is said of it.
  banyan.write({ 'cert.pem': two.cert, 'key.pem': two.key })
  await eventually(() => banyan.lines.some(line => line.startsWith('info proxy.tls: a renewed')), 'it was taken up')
  t.notOk(banyan.lines.some(line => line.startsWith('warn proxy.tls')))
  t.equal(await secureClient(t, banyan.port).name, 'two.example')
  old.send(GET)
  t.match(await old.until(text => text.endsWith('legacy')), /^HTTP\/1\.1 200/, 'an open connection lives on')
  // The configuration in force still has the old one, and what swaps a snapshot must not bring it back.
  const put = await banyan.api('POST', '/rollback', { reason: 'test' })
  t.equal(put.status, 200, JSON.stringify(put.json))
  t.equal(await secureClient(t, banyan.port).name, 'two.example')
  banyan.write({ 'cert.pem': one.cert, 'key.pem': one.key })
  await banyan.app.reload('test')
  t.equal(await secureClient(t, banyan.port).name, 'one.example', 'a reload takes it up at once')
}

async function broken(t: Test) {
  const backend = await named(t, 'legacy')
  const banyan = await startSecure(t, legacy(backend.url))
  const told = (what: string) =>
    eventually(() => banyan.lines.some(line => line.startsWith('warn proxy.tls') && line.includes(what)), what)
  banyan.write({ 'cert.pem': two.cert })
  await told('the key does not belong to the certificate')
  t.equal(await secureClient(t, banyan.port).name, 'one.example')
  const status = await banyan.api('GET', '/status')
  t.match(
    status.json.warnings.find((one: { code: string }) => one.code === 'certificate_not_renewed'),
    { message: /does not belong/ },
  )
  banyan.write({ 'cert.pem': 'hello' })
  await told('neither a certificate')
  banyan.write({ 'cert.pem': two.cert.slice(0, 200) })
  await eventually(() => banyan.lines.filter(line => line.startsWith('warn proxy.tls')).length === 3, 'half a file')
  t.equal(await secureClient(t, banyan.port).name, 'one.example')
  t.notOk(banyan.lines.some(line => line.includes('PRIVATE')))
  banyan.write({ 'cert.pem': two.cert, 'key.pem': two.key })
  await eventually(() => banyan.lines.some(line => line.startsWith('info proxy.tls')), 'mended')
  t.equal(await secureClient(t, banyan.port).name, 'two.example')
  t.same((await banyan.api('GET', '/status')).json.warnings, [])
}

async function strange(t: Test) {
  const backend = await named(t, 'legacy')
  const banyan = await startSecure(t, legacy(backend.url))
  const told = (what: string) =>
    eventually(() => banyan.lines.some(line => line.startsWith('warn proxy.tls') && line.includes(what)), what)
  const { file } = (await banyan.api('GET', '/status')).json.config
  const directory = dirname(file)
  spawnSync('mkfifo', [join(directory, 'pipe')])
  renameSync(join(directory, 'pipe'), join(directory, 'cert.pem'))
  await told('cert.pem is a pipe; it must be a regular file')
  t.equal(await secureClient(t, banyan.port).name, 'one.example', 'it serves, with the one in force')
  t.match((await banyan.api('GET', '/status')).json.warnings, [{ code: 'certificate_not_renewed', message: /a pipe/ }])
  await banyan.app.reload('test')
  t.match((await banyan.api('GET', '/status')).json.config, { lastReload: 'failed', lastError: /cert\.pem is a pipe/ })
  banyan.write({ 'cert.pem': Buffer.alloc(5 * 2 ** 20, two.cert).toString() })
  await told('cert.pem is larger than 4 MiB')
  banyan.write({ 'cert.pem': two.cert, 'key.pem': two.key })
  await eventually(() => banyan.lines.some(line => line.startsWith('info proxy.tls')), 'mended')
  t.equal(await secureClient(t, banyan.port).name, 'two.example')
}

async function expiring(t: Test) {
  let now = Date.now()
  const clock = { now: () => now, monotonic: () => performance.now() }
  const backend = await named(t, 'legacy')
  const banyan = await startSecure(t, legacy(backend.url), { clock })
  t.same((await banyan.api('GET', '/status')).json.warnings, [])
  now += 20 * 86_400_000
  t.match((await banyan.api('GET', '/status')).json.warnings, [{ code: 'certificate_dates', message: /expires on/ }])
  now += 20 * 86_400_000
  t.match((await banyan.api('GET', '/status')).json.warnings, [{ message: /expired on/ }])
}

async function handshakes(t: Test) {
  const backend = await named(t, 'legacy')
  const banyan = await startSecure(t, { ...legacy(backend.url), proxy: { timeouts: { requestHead: '300ms' } } })
  const silent = rawClient(t, banyan.port)
  const dripping = rawClient(t, banyan.port)
  dripping.send('\x16\x03\x01\x02\x00')
  const garbage = rawClient(t, banyan.port)
  garbage.send('\x16\x03\x01\x00\x05hello'.repeat(20))
  const plain = rawClient(t, banyan.port)
  plain.send(GET)
  const old = secureClient(t, banyan.port, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL@SECLEVEL=0' })
  const foreign = secureClient(t, banyan.port, { ALPNProtocols: ['h2'] })
  const leaver = connect(banyan.port, '127.0.0.1', () => leaver.resetAndDestroy())
  leaver.on('error', () => {})
  const good = secureClient(t, banyan.port)
  good.send(CLOSING)
  t.match((await good.closed).text, /^HTTP\/1\.1 200/, 'whoever speaks TLS is served meanwhile')
  for (const [name, client] of Object.entries({ silent, dripping, garbage })) {
    t.notMatch(await client.closed, /HTTP/, name)
  }
  t.match(await plain.closed, /^HTTP\/1\.1 400 Bad Request\r\n.*"this port speaks TLS/s, 'plain HTTP is told so')
  t.match((await old.closed).error, /ERR_SSL/, 'an old version')
  t.match((await foreign.closed).error, /ERR_SSL/, 'another protocol')
  const again = secureClient(t, banyan.port)
  await again.name
  t.same((await again.closed).text, '', 'who says nothing after the handshake goes too')
  t.notOk(banyan.lines.some(line => line.startsWith('error')))
}

async function cutAnswers(t: Test) {
  const backend = await rawBackend(t, socket => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
      setImmediate(() => socket.resetAndDestroy())
    })
  })
  const banyan = await startSecure(t, legacy(backend.url))
  for (const version of ['1.0', '1.1']) {
    const client = secureClient(t, banyan.port)
    client.send(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`)
    t.equal((await client.closed).error, 'ECONNRESET', version)
  }
  t.notOk(banyan.lines.some(line => line.startsWith('error')))
}

async function tunnels(t: Test) {
  const ends: (() => void)[] = []
  const url = await rawSecureBackend(t, socket => {
    ends.push(() => socket.destroy())
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')
      socket.on('end', () => socket.write('last words'))
      socket.pipe(socket)
    })
  })
  const banyan = await startSecure(t, legacy(url, { tls: { verify: false } }))
  const open = async () => {
    const client = secureClient(t, banyan.port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')
    await client.until(text => text.includes('101 Switching'))
    client.send('through both')
    t.ok((await client.until(text => text.endsWith('through both'))).endsWith('through both'))
    return client
  }
  const first = await open()
  ends[0]?.()
  await first.closed
  const second = await open()
  second.socket.destroy()
  const third = await open()
  third.socket.end()
  const end = await third.closed
  t.match(end, { error: null, text: /last words$/ }, 'whoever has said all still hears, and a clean end stays one')
  const metrics = async () => (await fetch(`${banyan.health}/metrics`)).text()
  await eventually(async () => !/banyan_tunnels\S* [1-9]/.test(await metrics()), 'no tunnel is left')
}
