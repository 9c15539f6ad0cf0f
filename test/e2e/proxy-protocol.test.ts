// The PROXY protocol on the data listener: who is believed, what becomes of the address, and what closes the connection.
import t, { type Test } from 'tap'
import { eventually, httpBackend, named, rawClient, startBanyan } from './harness.ts'
import { metrics } from './process.ts'
import { noPem, secureClient, startSecure } from './secure.ts'

const NAMED = { proxyProtocol: true, clientIp: { from: ['127.0.0.0/8'] }, timeouts: { requestHead: '300ms' } }
const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const V1 = 'PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n'
const V2_START = '\r\n\r\n\0\r\nQUIT\n'

function v2(command: number, family: number, addresses: readonly number[], tlv = ''): string {
  const length = addresses.length + tlv.length
  const bytes = [command, family, length >> 8, length & 0xff, ...addresses]
  return V2_START + String.fromCharCode(...bytes) + tlv
}

const V2 = v2(0x21, 0x11, [192, 0, 2, 8, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb])
const V6 = v2(0x21, 0x21, [
  ...[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  ...[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
  ...[0xdc, 0x04, 0x01, 0xbb],
])

function echo(t: Test) {
  return httpBackend(t, (req, res) => res.end(JSON.stringify({ ...req.headers, body: req.url })))
}

/** What the backend was told. */
async function asked(t: Test, port: number, pieces: readonly string[]) {
  const client = rawClient(t, port)
  for (const piece of pieces) {
    client.send(piece)
    await new Promise(resolve => setImmediate(resolve))
  }
  const text = await client.closed
  return { text, headers: JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4) || '{}') }
}

t.test('the address that is told is the client’s', async t => {
  const backend = await echo(t)
  const banyan = await startBanyan(t, { backends: { legacy: { url: backend.url } }, proxy: NAMED })
  const rows: readonly (readonly [string, string, string, string])[] = [
    ['v1', V1, '192.0.2.7', '443'],
    ['v2', V2, '192.0.2.8', '443'],
    ['v2, IPv6', V6, '2001:db8::1', '443'],
    ['v2 with TLVs', v2(0x21, 0x11, [192, 0, 2, 9, 1, 1, 1, 1, 0, 1, 0, 80], '\x04\0\x02ab'), '192.0.2.9', '80'],
    ['v1, IPv6', 'PROXY TCP6 2001:DB8::7 2001:db8::1 1 8443\r\n', '2001:db8::7', '8443'],
    ['v1 UNKNOWN', 'PROXY UNKNOWN\r\n', '127.0.0.1', String(banyan.port)],
    ['v2 LOCAL', v2(0x20, 0, []), '127.0.0.1', String(banyan.port)],
  ]
  for (const [name, header, address, port] of rows) {
    for (const [how, pieces] of [
      ['at once', [header + GET]],
      ['apart', [header, GET]],
      ['byte by byte', [...(header + GET)]],
    ] as const) {
      const { headers, text } = await asked(t, banyan.port, pieces)
      t.match(text, /^HTTP\/1\.1 200/, `${name} ${how}`)
      t.match(headers, { 'x-forwarded-for': address, 'x-forwarded-port': port }, `${name} ${how}`)
    }
  }
})

t.test('one address stays on one side, whoever carries it', async t => {
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: (await named(t, 'legacy')).url }, new: { url: (await named(t, 'new')).url } },
    routes: [
      { id: 'a', match: { path: '/*' }, legacy: 'legacy', new: 'new', data: 'shared', weight: 50, sticky: ['ip'] },
    ],
    proxy: NAMED,
  })
  const sideOf = async (n: number) => {
    const client = rawClient(t, banyan.port)
    client.send(`PROXY TCP4 192.0.2.${n} 198.51.100.1 ${1000 + n} 443\r\n${GET}`)
    return /\r\n\r\n(\w+)$/.exec(await client.closed)?.[1]
  }
  const first = await Promise.all(Array.from({ length: 40 }, (_, n) => sideOf(n)))
  const second = await Promise.all(Array.from({ length: 40 }, (_, n) => sideOf(n)))
  t.same(first, second)
  t.same([...new Set(first)].sort(), ['legacy', 'new'], 'and not all of them on one')
})

t.test('a named peer without a proper header is closed without a word', async t => {
  const backend = await named(t, 'legacy')
  const banyan = await startBanyan(t, { backends: { legacy: { url: backend.url } }, proxy: NAMED })
  const rows: Record<string, string> = {
    none: GET,
    nothing: '',
    half: 'PROXY TCP4 192.0.2.7 ',
    'no address': `PROXY TCP4 a b 1 2\r\n${GET}`,
    'endless line': `PROXY ${'x'.repeat(5_000)}`,
    'another version': `${V2_START}\x31\x11\0\x0c${GET}`,
    'too short for its addresses': `${V2_START}\x21\x11\0\x04abcd${GET}`,
    'half of the second': V2.slice(0, 20),
    garbage: '\x16\x03\x01\x02\0'.repeat(50),
  }
  const clients = Object.entries(rows).map(([name, bytes]) => {
    const client = rawClient(t, banyan.port)
    client.send(bytes)
    return [name, client] as const
  })
  const good = rawClient(t, banyan.port)
  good.send(V1 + GET)
  t.match(await good.closed, /^HTTP\/1\.1 200/, 'others are served meanwhile')
  for (const [name, client] of clients) t.equal(await client.closed, '', name)
  const leaver = rawClient(t, banyan.port)
  leaver.send('PROXY ')
  leaver.socket.end()
  t.equal(await leaver.closed, '', 'one that leaves')
  t.equal(backend.seen.length, 1)
  t.notOk(banyan.lines.some(line => line.startsWith('error')))
})

t.test('a named peer that is closed is counted, told in status, and in the log once in a while', async t => {
  const backend = await echo(t)
  let now = 0
  const clock = { now: () => Date.now(), monotonic: () => now }
  const banyan = await startBanyan(t, { backends: { legacy: { url: backend.url } }, proxy: NAMED }, { clock })
  const refused = async (bytes: string) => {
    const client = rawClient(t, banyan.port)
    client.send(bytes)
    t.equal(await client.closed, '')
  }
  const count = async () =>
    Number(/banyan_no_entry_total\{what="proxy-header"\} (\d+)/.exec(await metrics(banyan))?.[1])
  const logged = () => banyan.lines.filter(line => line.includes('without a proper PROXY header'))
  const probe = rawClient(t, banyan.port)
  probe.socket.end()
  t.equal(await probe.closed, '')
  t.equal(await count(), 0, 'a probe of a balancer connects and leaves')
  await refused(GET)
  t.equal(await count(), 1)
  t.strictSame(logged().length, 1)
  t.match(logged()[0], /^warn .*"peer":"127\.0\.0\.1","why":"no PROXY header"/)
  await refused(GET)
  await refused('PROXY TCP4 ')
  t.equal(await count(), 3)
  t.equal(logged().length, 1, 'many are one line')
  now += 60_000
  await refused(`PROXY TCP4 a b 1 2\r\n${GET}`)
  t.match(logged()[1], /"why":"PROXY v1: not two addresses of TCP4","unlogged":2/)
  const { warnings } = (await banyan.api('GET', '/status')).json
  t.same(new Set(warnings.map((one: { code: string }) => one.code)), new Set(['proxy_header']))
  t.match(warnings[0].message, /closed 2 times, first one of 127\.0\.0\.1: no PROXY header/)
  t.match(warnings[1].message, /closed once.*did not come in time/)
})

t.test('a client whose address a header told is no forwarder, whatever it sends', async t => {
  const backend = await echo(t)
  const banyan = await startBanyan(t, { backends: { legacy: { url: backend.url } }, proxy: NAMED })
  const forged = GET.replace('Host: a', 'Host: a\r\nX-Forwarded-For: 203.0.113.9')
  const { headers } = await asked(t, banyan.port, [V1 + forged])
  t.match(headers, { 'x-forwarded-for': '192.0.2.7' }, 'its own word is replaced')
  t.same((await banyan.api('GET', '/status')).json.warnings, [])
})

t.test('whoever is not named may not say who the client is', async t => {
  const backend = await echo(t)
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: backend.url } },
    proxy: { ...NAMED, clientIp: { from: ['192.0.2.0/24'] } },
  })
  for (const header of [V1, V2]) {
    const client = rawClient(t, banyan.port)
    client.send(header + GET)
    t.match(await client.closed, /^HTTP\/1\.1 400/)
  }
  t.equal(backend.seen.length, 0)
  const { headers } = await asked(t, banyan.port, [GET])
  t.match(headers, { 'x-forwarded-for': '127.0.0.1' })
})

t.test('limits count the address that is told', async t => {
  const backend = await echo(t)
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: backend.url } },
    proxy: { ...NAMED, limits: { perAddress: 1 } },
  })
  const first = rawClient(t, banyan.port)
  first.send(`${V1}GET / HTTP/1.1\r\nHost: a\r\n\r\n`)
  await first.until(text => text.endsWith('}'))
  t.match((await asked(t, banyan.port, [V2 + GET])).text, /^HTTP\/1\.1 200/, 'another address')
  const second = rawClient(t, banyan.port)
  second.send(V1 + GET)
  t.match(await second.closed, /^HTTP\/1\.1 503/, 'the same address')
  first.socket.destroy()
  await eventually(async () => (await asked(t, banyan.port, [V1 + GET])).text.startsWith('HTTP/1.1 200'), 'it is free')
})

t.test('with TLS behind it', { skip: noPem }, async t => {
  const backend = await echo(t)
  const banyan = await startSecure(t, { backends: { legacy: { url: backend.url } }, proxy: NAMED })
  for (const pieces of [[V1], [...V2]]) {
    const bare = rawClient(t, banyan.port)
    bare.socket.setEncoding()
    bare.socket.removeAllListeners('data')
    for (const piece of pieces) bare.send(piece)
    const client = secureClient(t, 0, { socket: bare.socket })
    client.send(GET)
    const { text } = await client.closed
    t.match(text, /"x-forwarded-for":"192\.0\.2\.[78]","x-forwarded-proto":"https"[^}]*"x-forwarded-port":"443"/)
  }
})
