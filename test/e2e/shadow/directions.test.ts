// Who is asked, when, and what the copy looks like.
import t from 'tap'
import { eventually, TOKEN } from '../harness.ts'
import { sendBytes } from '../scripted.ts'
import { type Heard, json, misfits, once, resultsOf, type Side, shadowed } from './shadowed.ts'

const CREDENTIALS = { authorization: 'Bearer abc', cookie: 'SID=s1; theme=dark; banyan_x=1' }

t.test('the side that does not serve is asked', async t => {
  for (const [weight, serving, asked] of [
    [0, 'legacy', 'new'],
    [100, 'new', 'legacy'],
  ] as const) {
    const shop = await shadowed(t, { route: { weight }, legacy: json({ of: 1 }), new: json({ of: 2 }) })
    t.same((await shop.send('/orders/1?x=1')).json, { of: serving === 'legacy' ? 1 : 2 })
    t.same(resultsOf(await shop.counted(1)), { divergent: 1 })
    t.same(
      shop.heard.map(({ side, method, target }) => [side, method, target]),
      [
        [serving, 'GET', '/orders/1?x=1'],
        [asked, 'GET', '/orders/1?x=1'],
      ],
    )
    t.equal(shop.heard[0]?.headers.host, shop.heard[1]?.headers.host)
  }
})

t.test('direction', async t => {
  for (const [weight, direction, isAsked] of [
    [0, 'new', true],
    [0, 'legacy', false],
    [100, 'legacy', true],
    [100, 'new', false],
  ] as const) {
    const shop = await shadowed(t, { route: { weight }, shadow: { direction } })
    await shop.send('/a')
    const totals = await shop.counted(1)
    t.same(resultsOf(totals), isAsked ? { match: 1 } : { skipped: 1 }, `${weight} ${direction}`)
    t.same(totals.unasked, isAsked ? {} : { direction: 1 })
  }
})

t.test('beside: new is asked in parallel, legacy only when the client has its answer', async t => {
  const gate = Promise.withResolvers<void>()
  const parallel = await shadowed(t, {
    shadow: { when: 'beside' },
    legacy: once(gate.promise, json({})),
    new: json({}),
  })
  const answer = parallel.send('/a')
  await eventually(() => parallel.of('new').length === 1, 'new is asked while legacy has not answered')
  gate.resolve()
  t.equal((await answer).status, 200)
  t.same(resultsOf(await parallel.counted(1)), { match: 1 })

  for (const when of ['beside', 'after']) {
    const gate = Promise.withResolvers<void>()
    const after = await shadowed(t, {
      route: { weight: 100 },
      shadow: { when },
      new: once(gate.promise, json({})),
      legacy: json({}),
    })
    const answer = after.send('/a')
    await eventually(() => after.of('new').length === 1, 'new is asked')
    t.same(after.of('legacy'), [], when)
    gate.resolve()
    await answer
    t.same(resultsOf(await after.counted(1)), { match: 1 })
    t.equal(after.of('legacy').length, 1)
  }
})

t.test('a client whose answer is not all sent has not been answered: the copy waits', async t => {
  const gate = Promise.withResolvers<void>()
  const shop = await shadowed(t, {
    async legacy(_, reply) {
      reply.write('half')
      await gate.promise
      reply.end('whole')
    },
    new: (_, reply) => reply.end('halfwhole'),
  })
  const answer = fetch(`http://127.0.0.1:${shop.banyan.port}/a`)
  const body = (await answer).body!.getReader()
  t.equal(String(Buffer.from((await body.read()).value as Uint8Array)), 'half')
  t.same(shop.of('new'), [])
  gate.resolve()
  while (!(await body.read()).done);
  await shop.counted(1)
  t.equal(shop.of('new').length, 1)
})

t.test('what the copy carries', async t => {
  const copyOf = async (shadow: object, headers: Record<string, string>, weight = 0, route: object = {}) => {
    const shop = await shadowed(t, { route: { weight, ...route }, shadow: shadow as Record<string, unknown> })
    await shop.send('/a/1', { headers })
    await shop.counted(1)
    const [first, second] = weight === 0 ? (['legacy', 'new'] as const) : (['new', 'legacy'] as const)
    return { primary: shop.of(first)[0] as Heard, copy: shop.of(second)[0] as Heard }
  }
  t.test('cookies: none, all, some; Authorization stays', async t => {
    for (const weight of [0, 100]) {
      for (const [cookies, expected] of [
        [undefined, undefined],
        ['none', undefined],
        ['all', 'SID=s1; theme=dark'],
        [['theme'], 'theme=dark'],
        [['nothing'], undefined],
      ] as const) {
        const { primary, copy } = await copyOf({ send: cookies === undefined ? {} : { cookies } }, CREDENTIALS, weight)
        t.match(primary.headers.cookie, /SID=s1; theme=dark/)
        t.equal(copy.headers.cookie?.replace('; banyan_x=1', '') || undefined, expected, `${weight} ${cookies}`)
        t.equal(copy.headers.authorization, CREDENTIALS.authorization)
      }
    }
  })
  t.test('conditions and ranges stay behind', async t => {
    const conditions = {
      'if-none-match': '"a"',
      'if-modified-since': 'Mon, 01 Jan 2024 00:00:00 GMT',
      'if-range': '"a"',
      range: 'bytes=0-1',
    }
    const { primary, copy } = await copyOf({}, conditions)
    t.match(primary.headers, conditions)
    for (const name of Object.keys(conditions)) t.notOk(name in copy.headers, name)
  })
  t.test('the mark: only with mark, never to the primary, whoever writes it', async t => {
    for (const mark of [true, false]) {
      for (const headers of [{}, { 'x-banyan-shadow': 'mine' }] as Record<string, string>[]) {
        const { primary, copy } = await copyOf({ mark }, headers)
        t.notOk('x-banyan-shadow' in primary.headers, `primary, mark ${mark}`)
        t.equal(copy.headers['x-banyan-shadow'], mark ? '1' : undefined)
      }
    }
  })
  t.test('the same trace on both sides', async t => {
    const own = `00-${'a1'.repeat(16)}-${'b2'.repeat(8)}-01`
    for (const headers of [{}, { traceparent: own }] as Record<string, string>[]) {
      const { primary, copy } = await copyOf({}, headers)
      const trace = (one: Heard) => String(one.headers.traceparent).split('-')[1]
      t.match(trace(primary), /^[0-9a-f]{32}$/)
      t.equal(trace(copy), trace(primary))
    }
  })
  t.test('its side’s own changes, then those of send', async t => {
    const shadow = {
      send: {
        cookies: 'all',
        headers: { remove: ['x-private', 'authorization'], set: { 'x-copy': 'yes', 'x-side': 'copy' } },
      },
    }
    const route = {
      match: { path: '/a/*' },
      legacy: 'legacy',
      new: {
        backend: 'new',
        path: '/v2/b/*',
        headers: { remove: ['x-gone'], set: { 'x-side': 'new', 'x-own': 'new' } },
        cookies: { prefix: 'n_' },
      },
    }
    const headers = { ...CREDENTIALS, cookie: 'n_SID=1; SID=2', 'x-private': 'p', 'x-gone': 'g', 'x-copy': 'no' }
    const { primary, copy } = await copyOf(shadow, headers, 0, route)
    t.equal(primary.target, '/a/1')
    t.match(primary.headers, { 'x-private': 'p', 'x-gone': 'g', 'x-copy': 'no', authorization: 'Bearer abc' })
    t.equal(copy.target, '/v2/b/1')
    t.match(copy.headers, { 'x-copy': 'yes', 'x-side': 'copy', 'x-own': 'new' })
    for (const name of ['x-private', 'x-gone', 'authorization']) t.notOk(name in copy.headers, name)
    t.match(copy.headers.cookie, /(^|; )SID=1/)
  })
})

t.test('methods: QUERY with its body; writes only where they are known to be; never with data of its own', async t => {
  const query = await shadowed(t, { legacy: echo, new: echo })
  t.equal((await query.send('/q', { method: 'QUERY', body: '{"q":1}' })).text, '{"q":1}')
  t.same(resultsOf(await query.counted(1)), { match: 1 })
  t.same(
    query.heard.map(({ side, method, body }) => [side, method, body]),
    [
      ['legacy', 'QUERY', '{"q":1}'],
      ['new', 'QUERY', '{"q":1}'],
    ],
  )

  const writes = await shadowed(t, {
    legacy: echo,
    new: echo,
    shadow: { methods: ['GET', 'POST'], iKnowThisWrites: true, maxRequest: '1KiB' },
  })
  await writes.send('/w', { method: 'POST', body: 'pay' })
  await writes.counted(1)
  t.same(
    writes.heard.map(({ side, body }) => [side, body]),
    [
      ['legacy', 'pay'],
      ['new', 'pay'],
    ],
  )
  await writes.send('/w', { method: 'POST', body: 'p'.repeat(1025) })
  await writes.send('/w', { method: 'PUT', body: 'put' })
  const chunked = 'Host: shop.example\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n'
  const piece = `401\r\n${'p'.repeat(1025)}\r\n0\r\n\r\n`
  t.equal((await sendBytes(t, writes.banyan.port, `POST /w HTTP/1.1\r\n${chunked}${piece}`).answer).status, 200)
  const totals = await writes.counted(4)
  t.same(totals.unasked, { request_too_large: 2, method: 1 })
  t.same(misfits(totals), [])
  t.equal(writes.of('new').length, 1)

  const separate = await shadowed(t, { route: { data: 'separate', writes: { mode: 'legacy-only' } } })
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) await separate.send('/w', { method, body: 'x' })
  t.same((await separate.counted(4)).unasked, { writes: 4 })
  t.same(separate.of('new'), [])
})

t.test('what is denied, and what looks like an action', async t => {
  const shop = await shadowed(t, { shadow: { deny: ['/private*', '?token', '/a?x=1'] } })
  const denied = ['/private', '/Private/1', '/%70rivate/2', '/b?token=1', '/a?x=1', '/a?y=2&x=1']
  const actions = ['/logout', '/cart/delete/5', '/orders?action=delete', '/orders?do=remove']
  const asked = ['/public', '/a?x=2', '/b?x=1', '/orders?page=2']
  for (const target of [...denied, ...actions, ...asked]) await shop.send(target)
  const totals = await shop.counted(denied.length + actions.length + asked.length)
  t.same(totals.unasked, { denied: denied.length, action: actions.length })
  // Copies that were asked one after another may arrive otherwise.
  t.same(new Set(shop.of('new').map(({ target }) => target)), new Set(asked))

  const bold = await shadowed(t, { shadow: { actions: 'ask' } })
  for (const target of actions) await bold.send(target)
  t.same(resultsOf(await bold.counted(actions.length)), { match: actions.length })
})

t.test('towards legacy, one at a time for each session', async t => {
  let now = 0
  let most = 0
  const gates: (() => void)[] = []
  const shop = await shadowed(t, {
    route: { weight: 100, sticky: ['cookie:SID'] },
    new: json({}),
    async legacy(one, reply) {
      most = Math.max(most, ++now)
      await new Promise<void>(resolve => gates.push(resolve))
      now--
      json({})(one, reply)
    },
  })
  const all = ['one', 'one', 'one', 'two'].map(sid => shop.send('/a', { headers: { cookie: `SID=${sid}` } }))
  await Promise.all(all)
  await eventually(() => gates.length === 2, 'one of each session is there')
  const totals = await shop.counted(2)
  t.same(totals.unasked, { session_busy: 2 })
  for (const open of gates) open()
  await shop.counted(4)
  t.equal(most, 2)
})

t.test('maxRps: in no second more than legacy bears', async t => {
  const shop = await shadowed(t, { route: { weight: 100 }, shadow: { maxRps: { legacy: 50 }, maxConcurrent: 100 } })
  const end = performance.now() + 2_500
  let sent = 0
  while (performance.now() < end) {
    const some = Array.from({ length: 10 }, (_, i) =>
      shop.send('/a', { headers: { 'x-forwarded-for': `10.0.0.${i}` } }),
    )
    sent += some.length
    await Promise.all(some)
  }
  const totals = await shop.counted(sent)
  const at = shop.of('legacy').map(({ atMs }) => atMs)
  const most = Math.max(...at.map(from => at.filter(one => one >= from && one < from + 1000).length))
  t.ok(most <= 50, `${most} in a second`)
  t.ok(at.length > 0)
  t.same(misfits(totals), [])
})

t.test('a reload lets no more through, and what is under way does not lift the caps', async t => {
  const shop = await shadowed(t, { shadow: { maxRps: 5 } })
  const reload = async (shadow: object) => {
    const answer = await shop.reload({ shadow: { maxRps: 5, ...shadow } })
    t.equal(answer.status, 200)
  }
  for (let i = 0; i < 5; i++) await shop.send('/a')
  await reload({ timeout: '9s' })
  for (let i = 0; i < 5; i++) await shop.send('/a')
  await reload({ maxRps: 6 })
  const totals = await shop.counted(10)
  t.same(totals.unasked, { rate: 5 })
})

t.test('window', async t => {
  const at = { ms: Date.parse('2026-03-04T12:00:00Z') }
  const clock = { now: () => at.ms, monotonic: () => performance.now() }
  const shop = await shadowed(t, { shadow: { window: 'Mon-Fri 20:00-06:00 UTC' }, options: { clock } })
  const ask = async (time: string) => {
    at.ms = Date.parse(time)
    await shop.send('/a')
  }
  await ask('2026-03-04T12:00:00Z')
  await ask('2026-03-04T20:00:00Z')
  await ask('2026-03-07T05:59:00Z')
  await ask('2026-03-07T20:30:00Z')
  const totals = await shop.counted(4)
  t.same(totals.unasked, { window: 2 })
  t.same(resultsOf(totals), { skipped: 2, match: 2 })
})

t.test('percent: whole users, whoever serves them', async t => {
  const shop = await shadowed(t, {
    route: { weight: 50, sticky: ['header:x-user-id'] },
    shadow: { percent: 30 },
  })
  const users = Array.from({ length: 300 }, (_, user) => `user-${user}`)
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < users.length; i += 50) {
      await Promise.all(users.slice(i, i + 50).map(user => shop.send('/a', { headers: { 'x-user-id': user } })))
    }
  }
  const totals = await shop.counted(600)
  t.same(misfits(totals), [])
  // Each request is heard once, those of the sampled twice.
  const times = new Map<unknown, number>()
  for (const { headers } of shop.heard) times.set(headers['x-user-id'], 1 + (times.get(headers['x-user-id']) ?? 0))
  const sampled = users.filter(user => times.get(user) === 4)
  t.equal(users.filter(user => times.get(user) === 2).length + sampled.length, users.length, 'both times, or never')
  t.equal((totals.not_sampled as number) + 2 * sampled.length, 600)
  // The seed of the split is the test's: 300 draws at 30 % are within 90 ± 30, and so on each side.
  t.ok(Math.abs(sampled.length - 90) < 30, `${sampled.length} of 300`)
  const servedByNew = new Set(shop.of('new').map(({ headers }) => headers['x-user-id']))
  const legacyOnly = users.filter(user => !servedByNew.has(user)).length
  t.ok(legacyOnly > 60, `${legacyOnly} are on legacy and not sampled`)
})

t.test('what begins a session, or leads to a login, is not asked any more, until somebody says so', async t => {
  for (const [what, serve, why] of [
    [
      'cookie',
      (reply: { setHeader(name: string, value: string): unknown }) =>
        reply.setHeader('set-cookie', 'JSESSIONID=abc; Path=/'),
      /set the session cookie JSESSIONID/,
    ],
    ['login', null, /redirect to a login/],
  ] as const) {
    const shop = await shadowed(t, {
      new(one, reply) {
        if (!one.target.startsWith('/area')) return json({ ok: true })(one, reply)
        if (serve === null) return reply.writeHead(302, { location: '/login?back=x' }).end()
        serve(reply)
        return json({ ok: true })(one, reply)
      },
    })
    for (let i = 0; i < 3; i++) {
      await shop.send('/area/5')
      await shop.counted(i + 1)
    }
    t.same((await shop.totals()).unasked, { suspended: 3 }, what)
    t.equal(shop.of('new').length, 1, 'asked once, then never')
    await shop.send('/other')
    t.same(resultsOf(await shop.counted(4)), { skipped: 3, match: 1 })
    const { suspended } = (await shop.banyan.api('GET', '/routes/shop/divergences')).json
    t.match(suspended, [{ side: 'new', why, since: Number, template: /^\/area\// }])
    const status = (await shop.banyan.api('GET', '/status')).json
    t.match(JSON.stringify(status.warnings), why)
    t.match(shop.banyan.lines.join('\n'), why)
    const template = encodeURIComponent(suspended[0].template)
    t.match((await shop.banyan.api('DELETE', `/routes/shop/suspensions?template=${template}`)).json, {
      resumed: [{ side: 'new' }],
    })
    await shop.send('/area/6')
    t.not(resultsOf(await shop.counted(5)).skipped, 4)
    t.equal(shop.of('new').length, 3)
    t.same((await shop.banyan.api('GET', '/routes/shop/divergences')).json.suspended, [])
  }
})

t.test('nobody is asked for what has nothing to be compared with', async t => {
  const status = { now: 304 }
  const shop = await shadowed(t, { legacy: (_, reply) => reply.writeHead(status.now).end() })
  const conditional = [304, 206, 412, 416]
  for (status.now of conditional) await shop.send('/a', { headers: { 'if-none-match': '"x"', range: 'bytes=0-1' } })
  t.same((await shop.counted(4)).unasked, { not_comparable: 4 })
  t.same(shop.of('new'), [])
})

t.test('the admin token of the house is sent to nobody', async t => {
  const shop = await shadowed(t, {})
  await shop.send('/a')
  await shop.counted(1)
  t.notMatch(JSON.stringify(shop.heard), TOKEN)
  t.same(
    shop.heard.map(({ side }) => side),
    ['legacy', 'new'] satisfies Side[],
  )
})

function echo({ body }: Heard, reply: { end(text: string): unknown }) {
  reply.end(body)
}
