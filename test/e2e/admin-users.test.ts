// What the API does for single users: pins of the support desk, where a user is, signed links. And that a key is written
// nowhere: neither in the audit nor in the store, the log or the status.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Clock } from '../../src/model/units.ts'
import { type Banyan, eventually, named, rawBackend, rawClient, startBanyan, temporary } from './harness.ts'
import { houseOf, type Operator, operatorOf, sideOf, startHouse } from './operator.ts'

const HOUR = 3_600_000
const KEY = 'secret-user-4711'
const both = { legacy: 'legacy', new: 'new', data: 'shared' }

/** The house, with users on a group of two routes. */
function withUsers(more: object = {}) {
  const sticky = ['header:x-user-id', 'cookie:sid']
  return {
    groups: { checkout: { weight: 10 } },
    routes: [
      { id: 'orders', match: { path: '/orders/*' }, ...both, weight: 20, sticky },
      { id: 'cart', match: { path: '/cart/*' }, ...both, group: 'checkout', sticky, override: { links: true } },
      { id: 'pay', match: { path: '/pay/*' }, ...both, group: 'checkout', sticky, override: { links: true } },
      { id: 'loose', match: { path: '/loose' }, ...both },
      { id: 'old', match: { path: '/old/*' }, legacy: 'legacy' },
      { id: 'fresh', match: { path: '/fresh/*' }, new: 'new' },
    ],
    ...more,
  }
}

/** The system's clock, moved by hand. */
function moved(): { readonly clock: Clock; readonly at: { ms: number } } {
  const at = { ms: 0 }
  return { at, clock: { now: () => Date.now() + at.ms, monotonic: () => performance.now() } }
}

async function makeToken(banyan: Banyan, more: object): Promise<string> {
  const { status, json } = await banyan.api('POST', '/tokens', { name: 'desk', scopes: ['operate'], ...more })
  if (status !== 200) throw new Error(JSON.stringify(json))
  return json.secret
}

const pinsOf = async (api: Operator, route: string) => (await api('GET', `/routes/${route}/pins`)).json.pins

t.test('a pin moves its user at once, and nobody else; replaced, listed, taken back', async t => {
  const { banyan, api } = await startHouse(t, withUsers())
  const side = (user: string) => sideOf(banyan, '/orders/1', { 'x-user-id': user })
  const before = Promise.all(['a', 'b', 'c', 'd'].map(side))
  t.same(await pinsOf(api, 'orders'), [])
  const at = Date.now()
  const set = await api('POST', '/routes/orders/pins', { key: KEY, side: 'new', for: '2h', reason: 'ticket 1' })
  t.match(set, {
    status: 200,
    json: {
      pin: { id: /^pin-[0-9a-f]{10}$/, key: /^[0-9a-f]{8}$/, side: 'new', by: 'environment', reason: 'ticket 1' },
    },
  })
  t.ok(set.json.pin.until >= at + 2 * HOUR && set.json.pin.until <= Date.now() + 2 * HOUR)
  t.equal(await side(KEY), 'new')
  t.equal(await sideOf(banyan, '/orders/1', { 'x-user-id': 'x', cookie: `sid=${KEY}` }), 'new', 'by any of the keys')
  t.same(await Promise.all(['a', 'b', 'c', 'd'].map(side)), await before)
  t.same(await pinsOf(api, 'orders'), [set.json.pin])

  const replaced = await api('POST', '/routes/orders/pins', { key: KEY, side: 'legacy', for: 60 })
  t.equal(await side(KEY), 'legacy')
  t.match(await pinsOf(api, 'orders'), [{ side: 'legacy', reason: null }], 'one user has one pin')
  t.ok(replaced.json.revision > set.json.revision)
  await api('POST', '/routes/orders/pins', { key: 'b', side: 'new', for: '7d' })
  t.equal((await pinsOf(api, 'orders')).length, 2)

  const gone = await api('DELETE', `/routes/orders/pins?key=${KEY}&reason=done`)
  t.match(gone, { status: 200, json: { pin: { side: 'legacy' } } })
  const [left] = await pinsOf(api, 'orders')
  t.match(await api('DELETE', `/routes/orders/pins?pin=${left.id}`), { status: 200, json: { pin: { id: left.id } } })
  t.same(await pinsOf(api, 'orders'), [])
  const again = await api('DELETE', `/routes/orders/pins?key=${KEY}`)
  t.match(again, { status: 200, json: { pin: null, revision: (await api('GET', '/routes')).json.revision } })
})

t.test('a pin is one for the whole group, and a rollback beats it', async t => {
  const { banyan, api } = await startHouse(t, withUsers())
  const side = (path: string) => sideOf(banyan, path, { 'x-user-id': KEY })
  await api('POST', '/routes/cart/pins', { key: KEY, side: 'new', for: '1h' })
  t.same([await side('/cart/1'), await side('/pay/1')], ['new', 'new'])
  t.same(await pinsOf(api, 'pay'), await pinsOf(api, 'cart'))
  await api('POST', '/routes/cart/rollback', {})
  t.same([await side('/cart/1'), await side('/pay/1')], ['legacy', 'legacy'])
  await api('POST', '/routes/cart/restore', {})
  t.same([await side('/cart/1'), await side('/pay/1')], ['new', 'new'], 'and comes back with the restore')
  t.match(await api('DELETE', `/routes/pay/pins?key=${KEY}`), { json: { pin: { side: 'new' } } })
  t.same(await pinsOf(api, 'cart'), [])
})

t.test('a pin that is over counts for nothing and vanishes', async t => {
  const { clock, at } = moved()
  const { banyan, api } = await startHouse(t, withUsers({ groups: { checkout: { weight: 0 } } }), { clock })
  await api('POST', '/routes/cart/pins', { key: KEY, side: 'new', for: '1h' })
  t.equal(await sideOf(banyan, '/cart/1', { 'x-user-id': KEY }), 'new')
  at.ms = HOUR + 1_000
  t.equal(await sideOf(banyan, '/cart/1', { 'x-user-id': KEY }), 'legacy')
  t.same(await pinsOf(api, 'cart'), [])
  t.match(await api('GET', `/who?key=${KEY}`), { json: { routes: [{}, { route: 'cart', side: 'legacy', pin: null }] } })
  t.match(await api('DELETE', `/routes/cart/pins?key=${KEY}`), { status: 200, json: { pin: null } })
  await api('POST', '/routes/cart/pins', { key: 'another', side: 'new', for: '1h' })
  t.equal(banyan.app.control.state().pins.length, 1, 'the next change sweeps it out')
})

t.test('If-Match', async t => {
  const { api } = await startHouse(t, withUsers())
  const pin = { key: KEY, side: 'new', for: '1h' }
  const { revision } = (await api('POST', '/routes/orders/pins', pin)).json
  await api('PUT', '/routes/orders/weight', { percent: 21 })
  const stale = { 'if-match': `"${revision}"` }
  const path = '/routes/orders/pins'
  t.match(await api('POST', path, { ...pin, side: 'legacy' }, stale), { status: 412, json: { code: 'stale_revision' } })
  t.match(await api('DELETE', `${path}?key=${KEY}`, undefined, stale), { status: 412 })
  t.match(await pinsOf(api, 'orders'), [{ side: 'new' }])
  const current = { 'if-match': `"${(await api('GET', '/routes')).json.revision}"` }
  t.match(await api('POST', path, { ...pin, side: 'legacy' }, current), { status: 200 })
  t.match(await api('DELETE', `${path}?key=${KEY}`, undefined, { 'if-match': 'x' }), { status: 400 })
})

t.test('what is refused, and changes nothing', async t => {
  const { banyan, api } = await startHouse(t, withUsers())
  const pin = { key: KEY, side: 'new', for: '1h' }
  const before = banyan.app.control.state()
  type Row = readonly [path: string, body: unknown, status: number, code: string, pointer?: string]
  const rows: readonly Row[] = [
    ['/routes/old/pins', pin, 409, 'one_sided'],
    ['/routes/fresh/pins', pin, 409, 'one_sided'],
    ['/routes/loose/pins', pin, 409, 'no_key'],
    ['/routes/nowhere/pins', pin, 404, 'unknown_route'],
    ['/routes/_default/pins', pin, 400, 'invalid', '/id'],
    ['/routes/orders/pins', { ...pin, key: '' }, 400, 'invalid', '/key'],
    ['/routes/orders/pins', { ...pin, key: 'x'.repeat(1025) }, 400, 'invalid', '/key'],
    ['/routes/orders/pins', { ...pin, key: 7 }, 400, 'invalid', '/key'],
    ['/routes/orders/pins', { ...pin, side: 'New' }, 400, 'invalid', '/side'],
    ['/routes/orders/pins', { ...pin, for: '1 h' }, 400, 'invalid', '/for'],
    ['/routes/orders/pins', { ...pin, for: '0s' }, 400, 'invalid', '/for'],
    ['/routes/orders/pins', { ...pin, for: 0.5 }, 400, 'invalid', '/for'],
    ['/routes/orders/pins', { ...pin, for: -5 }, 400, 'invalid', '/for'],
    ['/routes/orders/pins', { ...pin, for: '401d' }, 400, 'invalid', '/for'],
    ['/routes/orders/pins', { ...pin, for: 'ever' }, 400, 'invalid', '/for'],
    ['/routes/orders/pins', { key: KEY, side: 'new' }, 400, 'invalid', '/for'],
    ['/routes/orders/pins', { ...pin, reason: 'x'.repeat(501) }, 400, 'invalid', '/reason'],
    ['/routes/orders/pins', { ...pin, until: 5 }, 400, 'invalid', ''],
  ]
  for (const [path, body, status, code, pointer] of rows) {
    const answer = await api('POST', path, body)
    t.match(answer, { status, json: { code } }, `${path} ${JSON.stringify(body).slice(0, 80)}`)
    if (pointer !== undefined) t.equal(answer.json.errors[0].pointer, pointer, answer.text.slice(0, 200))
    t.notOk(answer.text.includes(KEY), 'a refusal does not repeat the key')
  }
  for (const query of ['', '?reason=x', `?key=${KEY}&pin=pin-1`, '?key=', '?id=pin-1']) {
    const answer = await api('DELETE', `/routes/orders/pins${query}`)
    t.match(answer, { status: 400, json: { code: 'invalid' } }, query)
    t.notOk(answer.text.includes(KEY))
  }
  t.match(await api('GET', '/routes/nowhere/pins'), { status: 404 })
  t.match(await api('DELETE', '/routes/nowhere/pins?key=a'), { status: 404 })
  t.same(await pinsOf(api, 'old'), [], 'a route without a choice has none')
  t.same(banyan.app.control.state(), before)
})

t.test('10,000 pins and no more', async t => {
  const { banyan, api } = await startHouse(t, withUsers())
  const { control } = banyan.app
  const actor = { name: 'test', tokenId: null, address: null }
  const until = Date.now() + HOUR
  const pinOf = (i: number) => ({ id: `pin-${i}`, key: i.toString(16).padStart(32, '0'), side: 'new' as const, until })
  await control.apply({ type: 'pin', route: 'orders', pin: pinOf(0), actor, reason: null })
  const [one] = control.state().pins
  // Straight into the state: ten thousand changes one by one are another test.
  ;(control.state() as { pins: unknown }).pins = Array.from({ length: 10_000 }, (_, i) => ({ ...one, ...pinOf(i) }))
  const more = await api('POST', '/routes/cart/pins', { key: KEY, side: 'new', for: '1h' })
  t.match(more, { status: 409, json: { code: 'too_many_pins', hint: /cohort/ } })
})

t.test('tokens of some routes', async t => {
  const { banyan, api } = await startHouse(t, withUsers())
  const desk = operatorOf(t, banyan, await makeToken(banyan, { routes: ['orders'] }))
  const reader = operatorOf(t, banyan, await makeToken(banyan, { name: 'reader', scopes: ['read'] }))
  const pin = { key: KEY, side: 'new', for: '1h' }
  t.match(await desk('POST', '/routes/orders/pins', pin), { status: 200, json: { pin: { by: 'desk' } } })
  await api('POST', '/routes/cart/pins', pin)
  for (const [method, path, body] of [
    ['GET', '/routes/cart/pins', undefined],
    ['POST', '/routes/cart/pins', pin],
    ['DELETE', `/routes/cart/pins?key=${KEY}`, undefined],
    ['POST', '/routes/cart/links', { side: 'new', for: '1h' }],
  ] as const) {
    const answer = await desk(method, path, body)
    t.ok([403, 404].includes(answer.status), `${method} ${path}: ${answer.status}`)
  }
  t.equal((await pinsOf(api, 'cart')).length, 1)
  const who = await desk('GET', `/who?key=${KEY}`)
  t.same(
    who.json.routes.map((row: { route: string }) => row.route),
    ['orders'],
    'and where a user is elsewhere is not told',
  )
  t.match(await reader('POST', '/routes/orders/pins', pin), { status: 403 })
  t.match(await reader('DELETE', `/routes/orders/pins?key=${KEY}`), { status: 403 })
  t.match(await reader('POST', '/routes/cart/links', { side: 'new', for: '1h' }), { status: 403 })
  t.match(await reader('GET', `/who?key=${KEY}`), { status: 200 })
  t.match(await reader('GET', '/routes/orders/pins'), { status: 200 })
})

t.test('who: what a request gets, on each route, with the reason', async t => {
  const { banyan, api } = await startHouse(t, withUsers())
  await api('POST', '/routes/cart/pins', { key: 'ann', side: 'new', for: '1h' })
  for (const user of ['ann', 'bob', 'müller', ...Array.from({ length: 20 }, (_, i) => `u${i}`)]) {
    const { json } = await api('GET', `/who?key=${encodeURIComponent(user)}`)
    const rows = Object.fromEntries(json.routes.map((row: { route: string }) => [row.route, row]))
    const sent = { 'x-user-id': Buffer.from(user).toString('latin1') }
    for (const id of ['orders', 'cart', 'pay'])
      t.equal(await sideOf(banyan, `/${id}/1`, sent), rows[id].side, `${user} ${id}`)
    t.match(rows.cart, { unit: 'checkout', reason: user === 'ann' ? 'pin' : 'weight', weight: 10 })
    t.match(rows, {
      loose: { side: null, reason: 'weight', bucket: null },
      old: { side: 'legacy', reason: 'only' },
      fresh: { side: 'new', reason: 'only' },
    })
    t.match(json.key, { hashed: /^[0-9a-f]{8}$/ })
  }
  const explained = await api('POST', '/explain', { url: '/orders/1', headers: { 'x-user-id': 'bob' } })
  const who = (await api('GET', '/who?key=bob')).json
  t.match(explained.json, { side: who.routes[0].side, bucket: who.routes[0].bucket, key: { hashed: who.key.hashed } })
  for (const query of ['', '?key=', `?key=${'x'.repeat(1025)}`, '?key=a&key=b', '?user=a']) {
    t.match(await api('GET', `/who${query}`), { status: 400, json: { code: 'invalid' } }, query)
  }
})

t.test('links: forms of the page, what is refused', async t => {
  const { banyan, api } = await startHouse(t, withUsers())
  const proxy = `http://127.0.0.1:${banyan.port}`
  const link = async (more: object = {}) =>
    (await api('POST', '/routes/cart/links', { side: 'new', for: '2h', ...more })).json
  const made = await link()
  t.match(made, { route: 'cart', side: 'new', host: null, header: { name: 'x-banyan-link' } })
  t.equal(made.query, `banyan_side=${made.header.value}`)
  t.equal(made.url, `${proxy}/cart?${made.query}`)
  for (const [url, page] of [
    ['/cart/5', `${proxy}/cart/5?`],
    ['/cart/5?x=1', `${proxy}/cart/5?x=1&`],
    ['https://shop.example.com/cart', 'https://shop.example.com/cart?'],
    ['http://a:8080', 'http://a:8080?'],
  ] as const) {
    const { url: got, query } = await link({ url })
    t.equal(got, `${page}${query}`, url)
  }
  t.equal((await link({ host: 'Shop.Example.com' })).host, 'shop.example.com')
  for (const url of [
    'cart',
    'ftp://a/',
    'javascript:alert(1)',
    '//',
    '/a b',
    '/a#b',
    'https://',
    'http:///x',
    '',
    `/${'x'.repeat(2048)}`,
  ]) {
    const answer = await api('POST', '/routes/cart/links', { side: 'new', for: '2h', url })
    if (url === '//') continue
    t.match(answer, { status: 400, json: { code: 'invalid', errors: [{ pointer: '/url' }] } }, url.slice(0, 20))
  }
  for (const host of ['', 'a b', 'a:80', 'a/b', 'http://a', 'ü', 'x'.repeat(254), 5]) {
    const answer = await api('POST', '/routes/cart/links', { side: 'new', for: '2h', host })
    t.match(
      answer,
      { status: 400, json: { code: 'invalid', errors: [{ pointer: '/host' }] } },
      String(host).slice(0, 20),
    )
  }
  const links = '/routes/cart/links'
  t.match(await api('POST', links, { side: 'new' }), { status: 400, json: { errors: [{ pointer: '/for' }] } })
  t.match(await api('POST', links, { side: 'both', for: '2h' }), {
    status: 400,
    json: { errors: [{ pointer: '/side' }] },
  })
  t.match(await api('POST', links, { side: 'new', for: '9999d' }), { status: 400 })
  t.match(await api('POST', '/routes/orders/links', { side: 'new', for: '2h' }), {
    status: 409,
    json: { code: 'links_off', hint: /links: true/ },
  })
  t.match(await api('POST', '/routes/old/links', { side: 'new', for: '2h' }), {
    status: 409,
    json: { code: 'one_sided' },
  })
  t.match(await api('POST', '/routes/nowhere/links', { side: 'new', for: '2h' }), { status: 404 })
})

t.test('a key and a link are in no audit, log, status or store; pins survive a restart', async t => {
  const directory = temporary(t)
  const [legacy, fresh] = [await named(t, 'legacy'), await named(t, 'new')]
  const lines: string[] = []
  const begin = async () => {
    const store = { store: `sqlite:${join(directory, 'state.db')}` }
    const banyan = await startBanyan(t, { ...houseOf(legacy, fresh), ...withUsers(), ...store }, { directory })
    return { banyan, api: operatorOf(t, banyan) }
  }
  const stored = (what: string) =>
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile() && readFileSync(join(entry.parentPath, entry.name)).includes(what))
      .map(entry => entry.name)
  const first = await begin()
  const { pin } = (await first.api('POST', '/routes/orders/pins', { key: KEY, side: 'new', for: '1h' })).json
  await first.api('POST', '/routes/cart/pins', { key: KEY, side: 'new', for: '1h' })
  await first.api('DELETE', `/routes/cart/pins?key=${KEY}`)
  await first.api('GET', `/who?key=${KEY}`)
  await first.api('DELETE', `/routes/cart/pins?key=${KEY}&pin=x`)
  const { header } = (await first.api('POST', '/routes/cart/links', { side: 'new', for: '1h', host: 'a.example' })).json
  t.equal(await sideOf(first.banyan, '/orders/1', { 'x-user-id': KEY }), 'new')
  const audit = (await first.api('GET', '/audit')).json
  t.match(
    audit.entries.map((entry: { action: string }) => entry.action).filter((action: string) => /pin|link/.test(action)),
    ['link', 'unpin', 'pin', 'pin'],
  )
  const entry = audit.entries.find(
    (one: { action: string; subject: string }) => one.action === 'pin' && one.subject === 'orders',
  )
  t.match(entry, { before: null, after: { pin: pin.id, key: pin.key, side: 'new', until: pin.until } })
  t.match(audit.entries[0], { action: 'link', subject: 'cart', after: { side: 'new', audience: 'a.example' } })
  const seen: string[] = [JSON.stringify(audit)]
  for (const path of [
    '/status',
    '/routes',
    '/routes/orders',
    '/routes/orders/pins',
    '/config',
    '/doctor',
    '/audit/verify',
  ]) {
    seen.push((await first.api('GET', path)).text)
  }
  seen.push(await (await fetch(`${first.banyan.health}/metrics`)).text())
  await first.banyan.stop()
  lines.push(...first.banyan.lines)

  const second = await begin()
  t.same(await pinsOf(second.api, 'orders'), [pin])
  t.same(await pinsOf(second.api, 'cart'), [])
  t.equal(await sideOf(second.banyan, '/orders/1', { 'x-user-id': KEY }), 'new')
  t.match((await second.api('GET', '/audit/verify')).json, { ok: true })
  await second.banyan.stop()
  lines.push(...second.banyan.lines)

  for (const secret of [KEY, header.value]) {
    t.notOk(
      seen.some(text => text.includes(secret)),
      'no answer repeats it',
    )
    t.notOk(
      lines.some(text => text.includes(secret)),
      'no line of the log',
    )
    t.same(stored(secret), [], 'no file of the store')
  }
  t.ok(stored(pin.id).length > 0, 'where the pin is')
})

t.test('a rollback says what is open on new, and what becomes of it', async t => {
  const AGREED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n'
  for (const [tunnels, overMs] of [
    ['keep', null],
    ['spread', 60_000],
    ['spread 5s', 5_000],
  ] as const) {
    await t.test(tunnels, async t => {
      const open = async (t: Test) => rawBackend(t, socket => socket.once('data', () => socket.write(AGREED)))
      const [legacy, fresh] = [await open(t), await open(t)]
      const { banyan, api } = await startHouse(t, {
        backends: { legacy: { url: legacy.url }, new: { url: fresh.url } },
        rollback: { tunnels },
        ...withUsers({ groups: { checkout: { weight: 100 } } }),
      })
      for (const path of ['/cart/1', '/pay/1', '/old/1', '/fresh/1']) {
        const client = rawClient(t, banyan.port)
        client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n`)
        await client.until(text => text.includes('101'))
      }
      await eventually(async () => (await api('GET', '/routes/pay')).json.tunnels.new === 1, 'they are counted')
      t.match((await api('POST', '/routes/orders/rollback', {})).json, { tunnels: { open: 0, overMs } })
      t.match((await api('POST', '/routes/cart/rollback', {})).json, { tunnels: { open: 2, overMs } })
      t.match((await api('POST', '/rollback', {})).json, { tunnels: { open: 2, overMs } }, 'a new-only one stays')
    })
  }
})
