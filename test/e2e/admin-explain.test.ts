// Explain: the same answer as the data path gives, in every form that a person may type, and without asking anybody.
import t from 'tap'
import { named, rawClient, startBanyan } from './harness.ts'
import { houseOf, operatorOf, startHouse } from './operator.ts'

const both = { legacy: 'legacy', new: 'new', data: 'shared' }

t.test('by path, by URL, by header lists: one answer', async t => {
  const { api } = await startHouse(t)
  const by = async (body: unknown) => (await api('POST', '/explain', body)).json
  const headers = { 'X-User-Id': 'ann' }
  const first = await by({ url: '/orders/5?x=1', headers })
  t.match(first, {
    route: 'orders',
    reason: 'weight',
    unit: 'orders',
    key: { from: 'header:x-user-id', hashed: /^[0-9a-f]{8}$/ },
    weight: { declared: 20, desired: 20, effective: 20 },
    alsoAsked: [],
  })
  t.ok(first.bucket >= 0 && first.bucket < 100)
  t.equal(first.side, first.bucket < 20 ? 'new' : 'legacy')
  t.notOk(JSON.stringify(first).includes('ann'), 'the key itself is not repeated')
  const forms = [
    { method: 'GET', url: 'http://shop.example/orders/5', headers },
    { url: 'HTTPS://shop.example:8443/orders/5?y', headers },
    { url: '/orders/5', headers: { host: 'shop.example', 'x-user-id': ['ann', 'bob'] } },
    { url: '/orders/5', headers, address: '2001:db8::1' },
    { url: '/orders', headers },
    { url: '/orders/caf%C3%A9', headers },
  ]
  for (const form of forms) t.same(await by(form), first, JSON.stringify(form))
  for (const url of ['http://shop.example', 'http://shop.example?x=1', 'http://shop.example/#top']) {
    const { status, json } = await api('POST', '/explain', { url })
    t.same([status, json.route], [200, null], `${url} is the path /`)
  }
})

t.test('a Host with the dot of the root behind it is the same name, as on the data path', async t => {
  const { api } = await startHouse(t, {
    routes: [{ id: 'named', match: { path: '/*', host: 'h.test' }, legacy: 'legacy' }],
  })
  for (const host of ['h.test', 'h.test.', 'H.test.:8080']) {
    for (const body of [{ url: `http://${host}/x` }, { url: '/x', headers: { host } }])
      t.equal((await api('POST', '/explain', body)).json.route, 'named', host)
  }
})

t.test('it says what the data path does, sends nothing and issues no cookie', async t => {
  const { banyan, api, legacy, fresh } = await startHouse(t, {
    routes: [
      { id: 'auto', match: { path: '/auto' }, ...both, weight: 50, sticky: ['cookie:sid', 'auto'] },
      { id: 'loose', match: { path: '/loose' }, ...both, weight: 20 },
    ],
  })
  let agreed = 0
  for (let user = 0; user < 40; user++) {
    const headers = { cookie: `sid=user${user}` }
    const explained = await api('POST', '/explain', { url: '/auto', headers })
    t.equal(explained.headers['set-cookie'], undefined)
    const answer = await fetch(`http://127.0.0.1:${banyan.port}/auto`, { headers })
    if (answer.headers.get('x-served-by') === explained.json.side) agreed++
  }
  t.equal(agreed, 40)
  t.equal(legacy.seen.length + fresh.seen.length, 40, 'only the forty real ones arrived')
  const anew = (await api('POST', '/explain', { url: '/auto' })).json
  t.match(
    anew,
    { route: 'auto', side: null, backend: null, key: null, bucket: null },
    'who has no key yet has no side yet',
  )
  t.match(anew.why, /the user gets one with the cookie banyan_id and keeps the side that it falls on, 50 % of them new/)
  const loose = (await api('POST', '/explain', { url: '/loose' })).json
  t.match(loose.why, /no key in the request: each one draws anew, 20 % of them new/)
  t.equal((await api('GET', '/routes/auto')).json.reasons.weight, 40, 'and it is no traffic')
})

t.test('each reason, in the order of authority', async t => {
  const { api } = await startHouse(t, {
    routes: [
      { id: 'split', match: { path: '/split' }, ...both, weight: 50, override: { from: ['10.9.0.0/16'] } },
      { id: 'apart', match: { path: '/apart' }, legacy: 'legacy', new: 'new', data: 'separate', weight: 100 },
      { id: 'old', match: { path: '/old' }, legacy: 'legacy' },
      { id: 'fresh', match: { path: '/fresh' }, new: 'new' },
    ],
  })
  const reason = async (body: unknown) => {
    const { json } = await api('POST', '/explain', body)
    const applying = json.considered.filter((step: { applies: boolean }) => step.applies)
    t.equal(applying.length, json.route === null ? 0 : 1, 'one step decides')
    if (json.route !== null) t.same([applying[0].step, applying[0].because], [json.reason, json.why])
    return [json.side, json.reason]
  }
  const override = { url: '/split', headers: { 'x-banyan-side': 'new' }, address: '10.9.1.1' }
  t.same(await reason({ url: '/split' }), [null, 'weight'])
  t.same(await reason(override), ['new', 'override'])
  t.same(await reason({ ...override, address: '10.8.1.1' }), [null, 'weight'])
  t.same(await reason({ url: '/apart' }), ['new', 'weight'])
  t.same(await reason({ url: '/apart', method: 'POST' }), ['legacy', 'writes'])
  t.same(await reason({ url: '/apart', method: 'BREW' }), ['legacy', 'writes'])
  t.same(await reason({ url: '/old' }), ['legacy', 'only'])
  t.same(await reason({ url: '/fresh' }), ['new', 'only'])
  t.same(await reason({ url: '/x/../split' }), ['legacy', 'ambiguous'])
  t.same(await reason({ url: '/nowhere' }), ['legacy', 'only'])
  await api('POST', '/routes/split/freeze', {})
  t.same(await reason({ url: '/split' }), [null, 'frozen'])
  await api('POST', '/rollback', {})
  t.same(await reason(override), ['legacy', 'rollback'])
  t.same(await reason({ url: '/fresh' }), ['new', 'only'])
})

t.test('no route and no default is said as such; a CORS preflight counts as the method it asks for', async t => {
  const { api } = await startHouse(t, {
    default: 404,
    routes: [{ id: 'posts', match: { path: '/x', methods: ['POST'] }, ...both }],
  })
  t.match((await api('POST', '/explain', { url: '/nowhere' })).json, {
    route: null,
    side: null,
    reason: 'no_route',
    why: /404/,
  })
  t.match((await api('POST', '/explain', { url: '/x' })).json, { route: null })
  const preflight = {
    method: 'OPTIONS',
    url: '/x',
    headers: { 'Access-Control-Request-Method': 'POST', Origin: 'http://a' },
  }
  t.match((await api('POST', '/explain', preflight)).json, { route: 'posts', side: 'legacy' })
})

t.test('a path that the data path refuses as ambiguous is explained as refused', async t => {
  const [legacy, fresh] = [await named(t, 'legacy'), await named(t, 'new')]
  const banyan = await startBanyan(t, {
    ...houseOf(legacy, fresh),
    routes: [
      { id: 'strict', match: { path: '/strict' }, ...both, weight: 100, ambiguous: 400 },
      { id: 'fresh', match: { path: '/fresh' }, new: 'new' },
    ],
  })
  const api = operatorOf(t, banyan)
  for (const url of ['/x/../strict', '/x/../fresh']) {
    const client = rawClient(t, banyan.port)
    client.send(`GET ${url} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    t.match(await client.closed, /^HTTP\/1\.1 400 [\s\S]*ambiguous_path/, url)
    t.match(
      (await api('POST', '/explain', { url })).json,
      { side: null, backend: null, reason: 'ambiguous', why: /400/ },
      url,
    )
  }
  t.same([legacy.seen.length, fresh.seen.length], [0, 0])
})
