// Answers that point at a backend's own address: counted for each route and told to operators, changed only where the route
// asks for that, and then nothing but the address. Bodies never.
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { rawClient, startBanyan } from './harness.ts'
import { get, metricOf, type Scripted, scripted } from './scripted.ts'
import { answering, linesOf, SIDES, type Side, type TwoSides, twoSides, valuesOf } from './two-sides.ts'

type Where = 'location' | 'set-cookie' | 'link'

function counted(
  { banyan }: Pick<TwoSides, 'banyan'>,
  side: Side,
  where: Where,
  route = 'shop',
): Promise<number | null> {
  return metricOf(banyan.health, `banyan_legacy_leaks_total{route="${route}",side="${side}",where="${where}"}`)
}

/** What points at the backend at `address`, as it is and as `leaks: rewrite` makes it for a client at shop.example. */
function leaking(address: string): readonly (readonly [where: Where, fields: string, rewritten: string])[] {
  return [
    [
      'location',
      `Location: http://${address}/a%2Fb?c=http://${address}/#d\r\n`,
      `Location: http://shop.example/a%2Fb?c=http://${address}/#d\r\n`,
    ],
    ['location', `LOCATION: HTTPS://${address}\r\n`, 'LOCATION: http://shop.example\r\n'],
    ['location', `location: //${address}/caf\xe9\r\n`, 'location: //shop.example/caf\xe9\r\n'],
    ['location', `Location: http://me:pw@${address}?x\r\n`, 'Location: http://shop.example?x\r\n'],
    ['location', `Content-Location: http://${address}/5\r\n`, 'Content-Location: http://shop.example/5\r\n'],
    ['set-cookie', 'Set-Cookie: a=1; Path=/;  Domain=127.0.0.1; HttpOnly\r\n', 'Set-Cookie: a=1; Path=/; HttpOnly\r\n'],
    ['set-cookie', 'set-cookie: b="x";domain=.127.0.0.1\r\n', 'set-cookie: b="x"\r\n'],
    // Counted, and left alone: what a link is for nobody here knows.
    [
      'link',
      `Link: <http://${address}/style.css>; rel=preload\r\n`,
      `Link: <http://${address}/style.css>; rel=preload\r\n`,
    ],
  ]
}

/** What looks like that and is none. */
function harmless(address: string, port: number): readonly string[] {
  return [
    'Location: /a\r\n',
    `Location: /http://${address}/\r\n`,
    `Location: ?next=http://${address}/\r\n`,
    'Location: http://shop.example/a\r\n',
    'Location: http://127.0.0.1/\r\n',
    `Location: http://127.0.0.1:${port + 1}/\r\n`,
    `Location: http://${address}.example/\r\n`,
    `Location: http://${address}@elsewhere.example/\r\n`,
    `Location: ftp://${address}/\r\n`,
    'Set-Cookie: a=1; Domain=shop.example\r\n',
    'Set-Cookie: a=Domain=127.0.0.1\r\n',
    'Set-Cookie: a=1; Domain=elsewhere.example\r\n',
    'Link: </style.css>; rel=preload\r\n',
    `X-Location: http://${address}/\r\n`,
    `Refresh: 0; url=http://${address}/\r\n`,
  ]
}

t.test(
  'redirects, cookies and links to a backend are counted for the side that sent them, and stay as they are',
  async t => {
    const two = await twoSides(t)
    for (const side of SIDES) {
      const { address } = two.sides[side]
      for (const [where, fields] of leaking(address)) {
        const before = (await counted(two, side, where)) ?? 0
        two.sides[side].serve = answering(fields, { status: '302 Found' })
        t.equal(linesOf((await two.from(side)).head), `${fields}Content-Length: 2\r\n`)
        t.equal(await counted(two, side, where), before + 1, fields)
      }
    }
    const { warnings } = (await two.banyan.api('GET', '/status')).json
    const told = warnings.filter(({ code }: { code: string }) => code === 'legacy_leak')
    t.equal(told.length, 6, 'three of each side')
    t.match(
      told,
      Array(6).fill({ route: 'shop', message: /^answers of the (legacy|new) side point at its own address in / }),
    )
    t.match(told[0].message, /in location, 5 times: .*leaks: rewrite changes it/)
    t.notMatch(told[2].message, /rewrite/, 'nothing is promised for links')
  },
)

t.test('each route has its own count, what no route matches too', async t => {
  const legacy = await scripted(t, answering(''))
  legacy.serve = answering(`Location: ${legacy.url}/login\r\n`, { status: '302 Found' })
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: legacy.url } },
    routes: [
      { id: 'orders', match: { path: '/orders' }, legacy: 'legacy' },
      { id: 'cart', match: { path: '/cart' }, legacy: 'legacy', leaks: 'rewrite' },
      { id: 'quiet', match: { path: '/quiet' }, legacy: 'legacy' },
    ],
  })
  const seen = []
  for (const path of ['/orders', '/cart', '/cart', '/else']) {
    seen.push(valuesOf((await get(t, banyan.port, path)).head, 'Location')[0])
  }
  const own = `${legacy.url}/login`
  t.same(
    seen,
    [own, 'http://shop.example/login', 'http://shop.example/login', own],
    'rewritten where the route says so',
  )
  const counts = ['orders', 'cart', '_default', 'quiet'].map(id => counted({ banyan }, 'legacy', 'location', id))
  t.same(await Promise.all(counts), [1, 2, 1, null])
  const { warnings } = (await banyan.api('GET', '/status')).json
  t.same(
    warnings.map(({ code, route }: { code: string; route: string }) => `${code} ${route}`),
    ['legacy_leak orders', 'legacy_leak _default'],
    'no warning of what is rewritten',
  )
  t.match(warnings[0].message, /; leaks: rewrite changes it$/)
  t.match(
    warnings[1].message,
    /; a route of its own with leaks: rewrite changes it \(in a configuration file: banyan start -c routes\.yaml\)$/,
    'the default has no such key, and this one no file',
  )
})

t.test('what only looks like it is not counted, and never changed', async t => {
  const two = await twoSides(t, { route: { leaks: 'rewrite' } })
  const { address, port } = two.sides.legacy
  for (const fields of harmless(address, port)) {
    two.sides.legacy.serve = answering(fields, { status: '302 Found' })
    t.equal(linesOf((await two.from('legacy')).head), `${fields}Content-Length: 2\r\n`)
  }
  // The other side's address is not this side's leak: it may be the public one of something else.
  two.sides.legacy.serve = answering(`Location: ${two.sides.new.url}/\r\n`)
  t.same(valuesOf((await two.from('legacy')).head, 'Location'), [`${two.sides.new.url}/`])
  for (const where of ['location', 'set-cookie', 'link'] as const) t.equal(await counted(two, 'legacy', where), null)
  t.same((await two.banyan.api('GET', '/status')).json.warnings, [])
})

t.test(
  'leaks: rewrite puts the address that the client used, in answers of every kind, and nothing else changes',
  async t => {
    const two = await twoSides(t, { route: { leaks: 'rewrite' } })
    for (const side of SIDES) {
      for (const [, fields, rewritten] of leaking(two.sides[side].address)) {
        const around = (lines: string) => `X-A:  1\r\n${lines}x-a:2\r\n`
        for (const status of ['302 Found', '201 Created', '304 Not Modified']) {
          two.sides[side].serve = answering(around(fields), { status })
          const length = status.startsWith('304') ? '' : 'Content-Length: 2\r\n'
          t.equal(linesOf((await two.from(side)).head), `${around(rewritten)}${length}`, status)
        }
        two.sides[side].serve = answering(around(fields))
        t.equal(
          linesOf((await two.from(side, '/', '', 'HEAD')).head),
          `${around(rewritten)}Content-Length: 2\r\n`,
          'HEAD',
        )
      }
    }
    t.equal(await counted(two, 'legacy', 'location'), 20, 'what was rewritten is counted all the same')
  },
)

t.test('an early hint and an accepted upgrade are answers, too', async t => {
  const two = await twoSides(t, { route: { leaks: 'rewrite' } })
  const { legacy } = two.sides
  const ask = (fields: string) => {
    const client = rawClient(t, two.banyan.port)
    client.send(`GET / HTTP/1.1\r\nHost: shop.example\r\nX-Banyan-Side: legacy\r\n${fields}\r\n`)
    return client
  }
  const link = `Link: <${legacy.url}/style.css>; rel=preload\r\n`
  legacy.serve = ({ socket }) => socket.write(`HTTP/1.1 103 Early Hints\r\n${link}\r\nHTTP/1.1 204 No Content\r\n\r\n`)
  const hinted = await ask('Connection: close\r\n').closed
  t.equal(hinted, `HTTP/1.1 103 Early Hints\r\n${link}\r\nHTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n`)
  t.equal(await counted(two, 'legacy', 'link'), 1)
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
  legacy.serve = ({ socket }) =>
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${upgrade}Set-Cookie: a=1; Domain=127.0.0.1\r\n\r\n`)
  const head = await ask(upgrade).until(text => text.endsWith('\r\n\r\n'))
  t.equal(head, `HTTP/1.1 101 Switching Protocols\r\n${upgrade}Set-Cookie: a=1\r\n\r\n`)
  t.equal(await counted(two, 'legacy', 'set-cookie'), 1)
})

t.test(
  'the public address is the one that the client used: its port, its scheme, and what a named forwarder says',
  async t => {
    const rewriting = { route: { leaks: 'rewrite' } }
    const two = await twoSides(t, rewriting)
    const behind = await twoSides(t, { ...rewriting, proxy: { clientIp: { from: ['127.0.0.0/8'] } } })
    const location = async ({ banyan, sides }: TwoSides, request: string) => {
      sides.legacy.serve = answering(`Location: ${sides.legacy.url}/x\r\n`)
      const client = rawClient(t, banyan.port)
      client.send(`GET / ${request}X-Banyan-Side: legacy\r\nConnection: close\r\n\r\n`)
      return valuesOf(await client.closed, 'Location')[0]
    }
    const forwarded = 'X-Forwarded-Proto: https\r\nX-Forwarded-Host: www.shop.example, edge.internal\r\n'
    t.equal(await location(two, 'HTTP/1.1\r\nHost: Shop.example:8443\r\n'), 'http://Shop.example:8443/x')
    t.equal(await location(two, `HTTP/1.1\r\nHost: a\r\n${forwarded}`), 'http://a/x', 'nobody named the peer')
    t.equal(await location(behind, `HTTP/1.1\r\nHost: a\r\n${forwarded}`), 'https://www.shop.example/x')
    t.equal(await location(behind, 'HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n'), 'https://a/x')
    const own = `${two.sides.legacy.url}/x`
    t.equal(await location(two, 'HTTP/1.0\r\n'), own, 'who says no host is told no other')
    const { address } = two.sides.legacy
    const before = await counted(two, 'legacy', 'location')
    t.equal(await location(two, `HTTP/1.1\r\nHost: ${address}\r\n`), own)
    t.equal(await counted(two, 'legacy', 'location'), before, 'who asks a backend by its own name gets it back')
  },
)

t.test('a backend that is told a Host of its own leaks that name', async t => {
  const two = await twoSides(t, { route: { leaks: 'rewrite' }, legacy: { host: 'mono.internal:8080' } })
  const cases: [fields: string, rewritten: string][] = [
    ['Location: http://mono.internal:8080/x\r\n', 'Location: http://shop.example/x\r\n'],
    ['Location: http://mono.internal/x\r\n', 'Location: http://mono.internal/x\r\n'],
    ['Set-Cookie: a=1; Domain=mono.internal\r\n', 'Set-Cookie: a=1\r\n'],
    [`Location: ${two.sides.legacy.url}/x\r\n`, 'Location: http://shop.example/x\r\n'],
  ]
  for (const [fields, rewritten] of cases) {
    two.sides.legacy.serve = answering(fields)
    t.equal(linesOf((await two.from('legacy')).head), `${rewritten}Content-Length: 2\r\n`)
  }
})

/** The page, in a body of this framing. */
function page(fields: string, body: string, isChunked: boolean): Scripted['serve'] {
  if (!isChunked) return answering(`Content-Type: text/html; charset=utf-8\r\n${fields}`, { body })
  return ({ socket }) => {
    const head = `HTTP/1.1 200 OK\r\nContent-Type: text/HTML\r\n${fields}Transfer-Encoding: chunked\r\n\r\n`
    socket.write(`${head}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`, 'latin1')
  }
}

t.test('links in pages are counted once for a page, and no body is ever changed', async t => {
  const two = await twoSides(t, { route: { leaks: 'rewrite' } })
  const { url, address } = two.sides.legacy
  const html = `<a href="${url}/a">caf\xe9</a><img src=//${address}/b><p>${url}</p>`
  for (const isChunked of [false, true]) {
    two.sides.legacy.serve = page('', html, isChunked)
    const { body } = await two.from('legacy')
    t.equal(body, isChunked ? `${html.length.toString(16)}\r\n${html}\r\n0\r\n\r\n` : html)
  }
  t.equal(await counted(two, 'legacy', 'link'), 2)
  // Nothing to see: no page, or none that can be read, or no link to this backend.
  const packed = gzipSync(html).toString('latin1')
  const others: [serve: Scripted['serve'], body: string][] = [
    [answering('Content-Type: application/json\r\n', { body: html }), html],
    [page('Content-Encoding: gzip\r\n', packed, false), packed],
    [page('', `<a href="${two.sides.new.url}/">`, false), `<a href="${two.sides.new.url}/">`],
    [page('', '<a href="/a">', false), '<a href="/a">'],
  ]
  for (const [serve, body] of others) {
    two.sides.legacy.serve = serve
    t.equal((await two.from('legacy')).body, body)
  }
  two.sides.legacy.serve = page('', html, false)
  await two.from('legacy', '/', '', 'HEAD')
  two.sides.legacy.serve = answering('Content-Type: text/html\r\n', { status: '304 Not Modified' })
  await two.from('legacy')
  t.equal(await counted(two, 'legacy', 'link'), 2, 'no page was sent')
})
