// pin, who, link: what is sent, what is said afterwards, the exit codes; and that a user's key is repeated nowhere.
import t from 'tap'
import { AT, applied, problem, routes } from './answers.ts'
import { fakeAdmin, reply, run } from './fake-admin.ts'

const IN_FORCE = 'revision 43 · in force on 2 workers of 1 instance (a) in 0.9ms · durable'
const KEY = 'secret-user-4711'
const HOUR = 3_600_000

const pin = {
  id: 'pin-0123456789',
  key: '1a2b3c4d',
  side: 'legacy',
  until: AT + HOUR,
  by: 'alice',
  at: AT,
  reason: null,
}
const set = { ...applied, pin }
const who = {
  key: { hashed: '1a2b3c4d' },
  routes: [
    {
      route: 'orders',
      unit: 'checkout',
      side: 'new',
      reason: 'weight',
      why: 'the key falls at 3.1',
      bucket: 3.1,
      weight: 25,
      pin: null,
    },
    {
      route: 'search',
      unit: 'search',
      side: null,
      reason: 'weight',
      why: 'no sticky keys',
      bucket: null,
      weight: 0.5,
      pin,
    },
  ],
}
const TOKEN = 'kt3s.n.tzk0a1..orders.PNyqRvgSZXOUqlQQeOcwgb'
const link = {
  ...applied,
  route: 'orders',
  side: 'new',
  until: AT + HOUR,
  host: null,
  url: `https://shop.example.com/orders?banyan_side=${TOKEN}`,
  query: `banyan_side=${TOKEN}`,
  header: { name: 'x-banyan-link', value: TOKEN },
}

/** Nothing that people or logs see may have it. */
const without = (...texts: string[]) => texts.every(text => !text.includes(KEY))

t.test('pin: sets', async t => {
  const admin = await fakeAdmin({ 'POST /routes/orders/pins': set })
  t.teardown(() => admin.close())
  const { code, out, err } = await run(admin, [
    'pin',
    'orders',
    KEY,
    'legacy',
    '--for',
    '7d',
    '--reason',
    'ticket 4711',
  ])
  t.equal(code, 0)
  t.equal(err, '')
  t.equal(out, `orders: pinned to legacy until 2026-01-02T11:00:00Z · ${IN_FORCE}\n`)
  t.match(admin.seen[0], { method: 'POST', path: '/routes/orders/pins' })
  t.same(admin.seen[0]?.body, { key: KEY, side: 'legacy', for: 604_800, reason: 'ticket 4711' })
  t.equal(admin.seen[0]?.headers['if-match'], undefined)

  const json = await run(admin, ['pin', 'orders', KEY, 'new', '--for', '1.5h', '--json', '--if-revision', '42'])
  t.same(JSON.parse(json.out), set)
  t.same(admin.seen[1]?.body, { key: KEY, side: 'new', for: 5_400 })
  t.equal(admin.seen[1]?.headers['if-match'], '"42"')
  t.ok(without(out, err, json.out, json.err))
})

t.test('pin: takes back', async t => {
  const admin = await fakeAdmin({
    'DELETE /routes/orders/pins': set,
    'DELETE /routes/cart/pins': { ...applied, pin: null },
  })
  t.teardown(() => admin.close())
  const done = await run(admin, ['pin', 'orders', 'a b&c=ü', '--remove', '-m', 'solved', '--if-revision', '42'])
  t.match(done, { code: 0, out: `orders: no longer pinned to legacy · ${IN_FORCE}\n`, err: '' })
  const { searchParams } = new URL(admin.seen[0]?.path ?? '', 'http://a')
  t.same(Object.fromEntries(searchParams), { key: 'a b&c=ü', reason: 'solved' })
  t.equal(admin.seen[0]?.headers['if-match'], '"42"')
  t.equal(admin.seen[0]?.body, undefined)
  t.match(await run(admin, ['pin', 'cart', KEY, '--remove']), { code: 0, out: /^cart: the user had no pin · / })
  t.same(JSON.parse((await run(admin, ['pin', 'orders', KEY, '--remove', '--json'])).out), set)
})

t.test('pin: shows who has one', async t => {
  const admin = await fakeAdmin({
    'GET /routes/orders/pins': { pins: [{ ...pin, reason: 'ticket\u001b[31m 1' }] },
    'GET /routes/cart/pins': { pins: [] },
  })
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, ['pin', 'orders'])
  t.equal(code, 0)
  t.match(out, /^ID +KEY +SIDE +UNTIL +BY +REASON\n/)
  t.match(out, /pin-0123456789 +1a2b3c4d… +legacy +2026-01-02T11:00:00Z +alice +ticket/)
  t.notOk(out.includes('\u001b'), 'what others wrote does not steer the terminal')
  t.equal((await run(admin, ['pin', 'cart'])).out, 'the support desk gave nobody a side\n')
  t.same(JSON.parse((await run(admin, ['pin', 'cart', '--json'])).out), { pins: [] })
})

t.test('pin: what is wrong with what was typed', async t => {
  const admin = await fakeAdmin({ 'GET /routes': routes })
  t.teardown(() => admin.close())
  const wrong: readonly (readonly [string[], RegExp])[] = [
    [[], /missing required argument 'route'/],
    [['orders', KEY], /to which side, and for how long\?/],
    [['orders', KEY, 'legacy'], /for how long\? --for/],
    [['orders', KEY, '--for', '1h'], /to which side/],
    [['orders', KEY, 'both', '--for', '1h'], /Allowed: legacy or new/],
    [['orders', KEY, 'legacy', '--for', '1x'], /--for/],
    [['orders', KEY, 'legacy', '--for', '0s'], /Allowed: a time/],
    [['orders', KEY, 'legacy', '--for', '999ms'], /from 1s to 400d/],
    [['orders', KEY, 'legacy', '--for', '401d'], /from 1s to 400d/],
    [['orders', KEY, 'legacy', '--remove'], /--remove takes neither a side nor --for/],
    [['orders', KEY, '--remove', '--for', '1h'], /--remove takes neither a side nor --for/],
    [['orders', '--remove'], /whose pin\? give the key/],
    [['orders', '--for', '1h'], /neither a side nor --for|whose/],
    [['orders', KEY, 'legacy', '--for', '1h', '--if-revision', 'x'], /a revision/],
  ]
  for (const [argv, said] of wrong) {
    const { code, out, err } = await run(admin, ['pin', ...argv])
    t.equal(code, 2, argv.join(' '))
    t.equal(out, '')
    t.match(err, said, argv.join(' '))
    t.ok(without(err), `the key is not repeated: ${argv.join(' ')}`)
  }
  // Here commander repeats all that was typed, to who has typed it.
  const many = await run(admin, ['pin', 'orders', 'a', 'legacy', 'x', '--for', '1h'])
  t.match(many, { code: 2, err: /too many arguments/ })
  t.equal(admin.seen.length, 0)
  t.match(await run(admin, ['pin', 'Orders', KEY, 'legacy', '--for', '1h']), { code: 2, err: /is not a route id/ })
})

t.test('pin: what the API refuses, with its exit code and without the key', async t => {
  const cases: readonly (readonly [number, string, number])[] = [
    [409, 'no_key', 6],
    [409, 'too_many_pins', 6],
    [412, 'stale_revision', 6],
  ]
  for (const [status, name, exit] of cases) {
    const refuse = fakeAdmin({
      'POST /routes/orders/pins': response =>
        reply(response, status, problem(status, name, `refused: ${name}`, { hint: 'do this' })),
    })
    const admin = await refuse
    const { code, out, err } = await run(admin, ['pin', 'orders', KEY, 'legacy', '--for', '1h'])
    t.same([code, out], [exit, ''], name)
    t.match(err, new RegExp(`refused: ${name}`))
    t.ok(without(err))
    await admin.close()
  }
  const admin = await fakeAdmin({ 'GET /routes': routes })
  t.teardown(() => admin.close())
  const unknown = await run(admin, ['pin', 'ordesr', KEY, 'legacy', '--for', '1h'])
  t.match(unknown, { code: 1, err: /Did you mean orders\?/ })
  t.ok(without(unknown.err))
})

t.test('not everywhere: 4; not durable: said', async t => {
  const partly = { ...set, durable: false, pending: [{ instance: 'c', worker: 3 }] }
  const admin = await fakeAdmin({
    'POST /routes/orders/pins': partly,
    'POST /routes/orders/links': { ...link, ...partly },
  })
  t.teardown(() => admin.close())
  for (const argv of [
    ['pin', 'orders', KEY, 'legacy', '--for', '1h'],
    ['link', 'orders', '--side', 'new', '--for', '1h'],
  ]) {
    t.match(
      await run(admin, argv),
      { code: 4, err: /not yet in the store[\s\S]*not confirmed by c\/3/ },
      argv.join(' '),
    )
  }
})

t.test('who', async t => {
  const admin = await fakeAdmin({ 'GET /who': who })
  t.teardown(() => admin.close())
  const { code, out, err } = await run(admin, ['who', KEY])
  t.same([code, err], [0, ''])
  t.match(out, /^SHA-256 of the key begins with 1a2b3c4d\nROUTE +SIDE +REASON +WEIGHT +WHY\n/)
  t.match(out, /\norders +new +weight +25% +the key falls at 3\.1\n/)
  t.match(out, /\nsearch +\? +weight +0\.5% +no sticky keys\n$/)
  t.ok(without(out))
  t.equal(new URL(admin.seen[0]?.path ?? '', 'http://a').searchParams.get('key'), KEY)
  await run(admin, ['who', 'a b&c=ü#%'])
  t.equal(new URL(admin.seen[1]?.path ?? '', 'http://a').searchParams.get('key'), 'a b&c=ü#%')
  await run(admin, ['who', '--', '-7'])
  t.equal(
    new URL(admin.seen[2]?.path ?? '', 'http://a').searchParams.get('key'),
    '-7',
    'a key that looks like an option',
  )
  t.same(JSON.parse((await run(admin, ['who', KEY, '--json'])).out), who)
  t.match(await run(admin, ['who']), { code: 2, err: /missing required argument 'key'/ })
  const none = await fakeAdmin({ 'GET /who': { ...who, routes: [] } })
  t.teardown(() => none.close())
  t.equal((await run(none, ['who', KEY])).out, 'there are no routes\n')
})

t.test('a call that fails does not tell whose it was', async t => {
  const broken = await fakeAdmin({
    'GET /who': response => response.destroy(),
    'DELETE /routes/orders/pins': response => response.writeHead(500, { 'content-type': 'text/html' }).end('<h1>oops'),
  })
  t.teardown(() => broken.close())
  const nobody = { url: 'http://127.0.0.1:1' }
  for (const [admin, argv] of [
    [broken, ['who', KEY]],
    [broken, ['pin', 'orders', KEY, '--remove']],
    [nobody, ['who', KEY]],
    [nobody, ['pin', 'orders', KEY, '--remove']],
    [nobody, ['pin', 'orders', KEY, 'new', '--for', '1h']],
  ] as const) {
    for (const more of [[], ['--json']]) {
      const { code, out, err } = await run(admin, [...argv, ...more])
      t.ok(code !== 0 && err !== '', `${argv[0]} → ${code}`)
      t.ok(without(out, err), err)
    }
  }
})

t.test('link', async t => {
  const admin = await fakeAdmin({ 'POST /routes/orders/links': link })
  t.teardown(() => admin.close())
  const { code, out, err } = await run(admin, ['link', 'orders', '--side', 'new', '--for', '2h'])
  t.equal(code, 0)
  t.equal(out, `${link.url}\nx-banyan-link: ${TOKEN}\n`, 'what a script takes, and nothing else')
  t.match(err, /new of orders until 2026-01-02T11:00:00Z; whoever holds it may pass/)
  t.same(admin.seen[0]?.body, { side: 'new', for: 7_200 })
  const url = 'https://shop.example.com/orders?x=1'
  const argv = [
    'link',
    'orders',
    '--side',
    'legacy',
    '--for',
    '1d',
    '--url',
    url,
    '--host',
    'shop.example.com',
    '-m',
    'demo',
  ]
  t.same(JSON.parse((await run(admin, [...argv, '--json'])).out), link)
  t.same(admin.seen[1]?.body, { side: 'legacy', for: 86_400, url, host: 'shop.example.com', reason: 'demo' })
})

t.test('link: on one host', async t => {
  const admin = await fakeAdmin({ 'POST /routes/orders/links': { ...link, host: 'shop.example.com' } })
  t.teardown(() => admin.close())
  const { err } = await run(admin, ['link', 'orders', '--side', 'new', '--for', '2h', '--host', 'shop.example.com'])
  t.match(err, /new of orders on shop\.example\.com until/)
})

t.test('link: what is refused', async t => {
  const admin = await fakeAdmin({
    'POST /routes/orders/links': response =>
      reply(
        response,
        409,
        problem(409, 'links_off', 'route orders takes no links', { hint: 'say override: { links: true }' }),
      ),
    'GET /routes': routes,
  })
  t.teardown(() => admin.close())
  for (const [argv, said] of [
    [['--side', 'new', '--for', '1h'], /missing required argument 'route'/],
    [['orders'], /required option/],
    [['orders', '--side', 'new'], /required option '--for/],
    [['orders', '--for', '1h'], /required option '--side/],
    [['orders', '--side', 'both', '--for', '1h'], /Allowed: legacy or new/],
    [['orders', '--side', 'new', '--for', 'ever'], /--for/],
    [['orders', '--side', 'new', '--for', '401d'], /from 1s to 400d/],
  ] as const) {
    t.match(await run(admin, ['link', ...argv]), { code: 2, out: '', err: said }, argv.join(' '))
  }
  t.equal(admin.seen.length, 0)
  const off = await run(admin, ['link', 'orders', '--side', 'new', '--for', '1h'])
  t.match(off, { code: 6, out: '', err: /takes no links\n {2}say override: \{ links: true \}/ })
  t.match(await run(admin, ['link', 'cats', '--side', 'new', '--for', '1h']), { code: 1, err: /Did you mean carts\?/ })
})
