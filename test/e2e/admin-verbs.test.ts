// The verbs over HTTP: what each does to the traffic, what each refuses, and that every answer is what its schema says.
import t from 'tap'
import { operations, type RouteView } from '../../src/admin/api.ts'
import { answered, ask, hold, houseOf, operatorOf, sideOf, startHouse } from './operator.ts'

t.test('every operation answers what its schema says, in many states', async t => {
  const { banyan, api, legacy, fresh } = await startHouse(t, {
    split: { firstStart: 'hold' },
    proxy: { clientIp: { from: [] } },
    ...withDeadRoute(),
  })
  function withDeadRoute() {
    const dead = { url: 'http://127.0.0.1:1' }
    const house = houseOf({ url: 'http://127.0.0.1:1' }, { url: 'http://127.0.0.1:1' })
    return {
      default: 404,
      routes: [...(house.routes as object[]), { id: 'dead', match: { path: '/dead' }, new: dead }],
    }
  }
  await api('GET', '/routes')
  for (let user = 0; user < 40; user++) await sideOf(banyan, '/orders/1', { 'x-user-id': `u${user}` })
  await sideOf(banyan, '/dead')
  await fetch(`http://127.0.0.1:${banyan.port}/orders/1`, { headers: { 'x-forwarded-for': '1.2.3.4' } })
  await api('PUT', '/routes/orders/weight', { percent: 33.33, reason: 'a third' })
  await api('POST', '/routes/orders/freeze', { reason: 'holiday' })
  await api('POST', '/routes/cart/rollback', { reason: 'hm' })
  await api('POST', '/rollback', {})
  await api('POST', '/routes/orders/restore', {})
  for (let user = 0; user < 40; user++) await sideOf(banyan, '/orders/1', { 'x-user-id': `u${user}` })
  const status = (await api('GET', '/status')).json
  t.equal(status.rollbacks.length, 2)
  t.same(
    new Set(status.warnings.map((warning: { code: string }) => warning.code)),
    new Set(['held', 'unnamed_forwarder', 'new_only']),
  )
  t.same(Object.fromEntries(status.routes.map((route: { id: string; state: string }) => [route.id, route.state])), {
    orders: 'frozen',
    cart: 'rolled-back',
    pay: 'rolled-back',
    old: 'legacy-only',
    fresh: 'new-only',
    dead: 'new-only',
  })
  for (const id of ['orders', 'cart', 'pay', 'old', 'fresh', 'dead']) await api('GET', `/routes/${id}`)
  const orders = (await api('GET', '/routes/orders')).json
  t.match(orders, {
    weight: { declared: 20, desired: 33.33, effective: 33.33 },
    set: { by: 'environment', percent: 33.33, reason: 'a third' },
    frozen: { by: 'environment', reason: 'holiday' },
    sticky: ['header:x-user-id'],
  })
  t.equal(orders.reasons.weight + orders.reasons.frozen, 81)
  t.equal(orders.sides.legacy.requests + orders.sides.new.requests, 81)
  t.equal(orders.sides.new.requests, fresh.seen.length)
  t.ok(legacy.seen.length > 40)
  const { lastError } = (await api('GET', '/routes/dead')).json.sides.new
  t.match(lastError, { code: 'backend_connect', detail: /ECONNREFUSED/ })

  for (const action of ['weight', 'unset-weight', 'freeze', 'unfreeze', 'rollback', 'restore']) {
    for (const id of ['orders', 'cart', 'old', 'fresh']) {
      await api('POST', `/routes/${id}/preview`, { action, ...(action === 'weight' ? { percent: 40 } : {}) })
    }
  }
  for (const action of ['rollback', 'restore']) await api('POST', '/preview', { action })
  await api('POST', '/restore', {})
  await api('POST', '/routes/orders/unfreeze', {})
  await api('DELETE', '/routes/orders/weight?reason=done')
  await api('POST', '/explain', { url: '/orders/1', headers: { 'X-User-Id': 'u1' } })
  await api('POST', '/seed/rotate', {})
  await api('GET', '/tokens')
  const made = (await api('POST', '/tokens', { name: 'ci', scopes: ['read'], expiresInSeconds: 60 })).json
  await api('GET', '/tokens')
  await api('DELETE', `/tokens/${made.token.id}`)
  await api('GET', '/audit')
  await api('GET', '/audit?route=orders')
  await api('GET', '/audit/verify')
  await api('GET', '/doctor')
  await api('GET', '/inventory')
  await api('GET', '/who?key=u1')
  await api('GET', '/routes/orders/pins')
  await api('GET', '/config')
  await api('GET', '/routes/orders/divergences?since=1h&severity=medium')
  await api('GET', '/routes/orders/report')
  for (const id of ['orders', 'dead']) await api('GET', `/routes/${id}/history?span=24h`)
  await api('GET', '/burndown?route=orders')
  await api('GET', '/routes/orders/noise')
  const rule = { ignore: '$.request_id', reason: 'an id of each request' }
  await api('POST', '/routes/orders/rules/try', rule)
  const added = (await api('POST', '/routes/orders/rules', rule)).json.rule
  t.match((await api('GET', '/routes/orders/rules')).json.rules, [
    { id: added.id, does: 'ignore', reason: rule.reason },
  ])
  await api('DELETE', `/routes/orders/rules/${added.id}?reason=done`)
  t.same((await api('GET', '/routes/orders/rules')).json.rules, [])
  await api('POST', '/forget', { key: 'u1' })
  for (const [method, path] of [
    ['GET', '/divergences/none'],
    ['DELETE', '/divergences/none'],
    ['POST', '/divergences/none/replay'],
    ['DELETE', '/routes/orders/noise/none'],
    ['DELETE', '/routes/orders/suspensions'],
  ] as const) {
    t.equal((await api(method, path)).status, 404, `${method} ${path}`)
  }
  hold(t, 'GET', '/openapi.json', await ask(banyan.admin, 'GET', '/api/v1/openapi.json', { token: null }))
  // These have their own files.
  const elsewhere = ['pin', 'unpin', 'link', 'events', 'configCheck', 'configReload', 'signIn', 'session', 'signOut']
  // These need something to be found first: test/admin/divergences.test.ts.
  const ofDivergences = ['divergence', 'acknowledge', 'replay', 'revokeNoise', 'resume']
  t.same(
    Object.keys(operations)
      .filter(name => !answered.has(name as keyof typeof operations))
      .toSorted(),
    [...elsewhere, ...ofDivergences].toSorted(),
  )
})

t.test('the default is shown as a route is, and no verb moves it', async t => {
  const { banyan, api } = await startHouse(t, { routes: [], ...deadLegacy() })
  function deadLegacy() {
    return { backends: { legacy: { url: 'http://127.0.0.1:1' } } }
  }
  await sideOf(banyan, '/anything')
  const { routes, default: row } = (await api('GET', '/status')).json
  t.same(routes, [])
  t.match(row, {
    id: '_default',
    state: 'legacy-only',
    effective: 0,
    errorRatio: { legacy: 1, new: null },
    lastError: { code: 'backend_connect', detail: /ECONNREFUSED/ },
  })
  const view = (await api('GET', '/routes/_default')).json
  t.match(view, { id: '_default', reasons: { only: 1 }, sides: { legacy: { requests: 1, errors: 1 }, new: null } })
  for (const [method, verb] of [
    ['PUT', 'weight'],
    ['POST', 'rollback'],
    ['POST', 'freeze'],
    ['POST', 'restore'],
  ] as const) {
    const answer = await api(method, `/routes/_default/${verb}`, verb === 'weight' ? { percent: 5 } : {})
    t.match(answer, { status: 400, json: { code: 'invalid', errors: [{ pointer: '/id' }] } }, verb)
  }
})

t.test('without a default backend there is none to show', async t => {
  const { api } = await startHouse(t, { default: 404 })
  t.equal((await api('GET', '/status')).json.default, null)
  t.match(await api('GET', '/routes/_default'), { status: 404, json: { code: 'unknown_route' } })
})

t.test('a change of one member begins the share of its whole group anew; rates and times stay', async t => {
  const { banyan, api } = await startHouse(t)
  for (const path of ['/cart/1', '/pay/1', '/orders/1']) await sideOf(banyan, path)
  const counts = async () => {
    const { routes } = (await api('GET', '/routes')).json
    return ['cart', 'pay', 'orders'].map(
      id => routes.find((route: RouteView) => route.id === id).weight.observedRequests,
    )
  }
  t.same(await counts(), [1, 1, 1])
  await api('PUT', '/routes/cart/weight', { percent: 50 })
  t.same(await counts(), [0, 0, 1])
  const { routes } = (await api('GET', '/status')).json
  const cart = routes.find(({ id }: { id: string }) => id === 'cart')
  t.equal(cart.observed, null)
  t.ok(cart.p95Ms.legacy !== null || cart.p95Ms.new !== null, 'the last minute is still there')
})

t.test('every refusal has its code, its pointer and a hint, and changes nothing', async t => {
  const { banyan, api } = await startHouse(t)
  await api('PUT', '/routes/orders/weight', { percent: 5 })
  await api('POST', '/routes/orders/freeze', {})
  const before = (await api('GET', '/routes')).text
  const weight = '/routes/orders/weight'
  const long = 'x'.repeat(501)
  type Row = readonly [
    method: string,
    path: string,
    body: unknown,
    status: number,
    code: string,
    pointer?: string | null,
    headers?: Record<string, string>,
  ]
  const rows: readonly Row[] = [
    ['PUT', weight, { percent: -1 }, 400, 'invalid', '/percent'],
    ['PUT', weight, { percent: 101 }, 400, 'invalid', '/percent'],
    ['PUT', weight, { percent: 100.01 }, 400, 'invalid', '/percent'],
    ['PUT', weight, { percent: 1.234 }, 400, 'invalid', '/percent'],
    ['PUT', weight, { percent: '5' }, 400, 'invalid', '/percent'],
    ['PUT', weight, { percent: '5%' }, 400, 'invalid', '/percent'],
    ['PUT', weight, { percent: null }, 400, 'invalid', '/percent'],
    ['PUT', weight, { percent: [5] }, 400, 'invalid', '/percent'],
    ['PUT', weight, {}, 400, 'invalid', '/percent'],
    ['PUT', weight, { percent: 1, reason: long }, 400, 'invalid', '/reason'],
    ['PUT', weight, { percent: 1, weight: 1 }, 400, 'invalid', ''],
    ['PUT', weight, [], 400, 'invalid', ''],
    ['PUT', weight, 'null', 400, 'invalid', '/percent'],
    ['PUT', weight, '{"percent":NaN}', 400, 'not_json'],
    ['PUT', weight, '{"percent":1e999}', 400, 'invalid', '/percent'],
    ['PUT', weight, '{"percent":', 400, 'not_json'],
    ['PUT', weight, { percent: 1 }, 400, 'invalid', null, { 'if-match': 'yesterday' }],
    ['PUT', weight, { percent: 1 }, 412, 'stale_revision', null, { 'if-match': '"1"' }],
    ['PUT', weight, { percent: 6 }, 409, 'frozen'],
    ['DELETE', weight, undefined, 409, 'frozen'],
    ['POST', '/routes/orders/restore', { percent: 6 }, 409, 'frozen'],
    ['POST', '/routes/orders/restore', { percent: '6' }, 400, 'invalid', '/percent'],
    ['POST', '/routes/orders/restore', { rollbacks: 'all' }, 400, 'invalid', '/rollbacks'],
    ['POST', '/routes/orders/restore', { rollbacks: ['rb-1'] }, 404, 'unknown_rollback'],
    ['POST', '/restore', { rollbacks: ['rb-1'] }, 404, 'unknown_rollback'],
    ['POST', '/restore', { percent: 5 }, 400, 'invalid', ''],
    ['PUT', '/routes/old/weight', { percent: 1 }, 409, 'one_sided'],
    ['PUT', '/routes/fresh/weight', { percent: 1 }, 409, 'one_sided'],
    ['DELETE', '/routes/old/weight', undefined, 409, 'one_sided'],
    ['POST', '/routes/old/freeze', {}, 409, 'one_sided'],
    ['POST', '/routes/fresh/unfreeze', {}, 409, 'one_sided'],
    ['POST', '/routes/fresh/rollback', {}, 409, 'new_only'],
    ['GET', '/routes/nowhere', undefined, 404, 'unknown_route'],
    ['PUT', '/routes/nowhere/weight', { percent: 1 }, 404, 'unknown_route'],
    ['DELETE', '/routes/nowhere/weight', undefined, 404, 'unknown_route'],
    ['POST', '/routes/nowhere/freeze', {}, 404, 'unknown_route'],
    ['POST', '/routes/nowhere/rollback', {}, 404, 'unknown_route'],
    ['POST', '/routes/nowhere/restore', {}, 404, 'unknown_route'],
    ['GET', '/routes/Orders', undefined, 400, 'invalid', '/id'],
    ['GET', '/routes/__proto__', undefined, 400, 'invalid', '/id'],
    ['GET', '/routes/constructor', undefined, 404, 'unknown_route'],
    ['GET', '/audit?limit=0', undefined, 400, 'invalid', '/limit'],
    ['GET', '/audit?limit=1001', undefined, 400, 'invalid', '/limit'],
    ['GET', '/audit?limit=ten', undefined, 400, 'invalid', '/limit'],
    ['GET', '/audit?limit=1&limit=2', undefined, 400, 'invalid', '/limit'],
    ['GET', '/audit?before=0', undefined, 400, 'invalid', '/before'],
    ['GET', '/audit?page=2', undefined, 400, 'invalid', ''],
    ['DELETE', `${weight}?why=x`, undefined, 400, 'invalid', ''],
    ['POST', '/tokens', { name: '', scopes: ['read'] }, 400, 'invalid', '/name'],
    ['POST', '/tokens', { name: 'a b', scopes: ['read'] }, 400, 'invalid', '/name'],
    ['POST', '/tokens', { name: 'a', scopes: [] }, 400, 'invalid', '/scopes'],
    ['POST', '/tokens', { name: 'a', scopes: ['root'] }, 400, 'invalid', '/scopes/0'],
    ['POST', '/tokens', { name: 'a', scopes: ['read'], expiresInSeconds: 0 }, 400, 'invalid', '/expiresInSeconds'],
    ['POST', '/tokens', { name: 'a', scopes: ['read'], routes: ['nowhere'] }, 404, 'unknown_route'],
    ['DELETE', '/tokens/tok-none', undefined, 404, 'unknown_token'],
    ['POST', '/seed/rotate', {}, 409, 'seed_from_file'],
    ['POST', '/config/reload', {}, 409, 'no_file'],
    ['POST', '/explain', {}, 400, 'invalid', '/url'],
    ['POST', '/explain', { url: 'orders' }, 400, 'invalid', '/url'],
    ['POST', '/explain', { url: '/', method: 'GET /' }, 400, 'invalid', '/method'],
    ['POST', '/explain', { url: '/', address: 'here' }, 400, 'invalid', '/address'],
    ['POST', '/explain', { url: '/', headers: { 'a/b': 5 } }, 400, 'invalid', '/headers/a~1b'],
    ['GET', '/nowhere', undefined, 404, 'unknown_path'],
    ['POST', '/status', {}, 405, 'method_refused'],
  ]
  const silent = new Set<string>()
  for (const [method, path, body, status, code, pointer, headers] of rows) {
    const { status: got, json } = await api(method, path, body, headers)
    const label = `${method} ${path} ${JSON.stringify(body)?.slice(0, 60)}`
    t.same([got, json.code], [status, code], label)
    if (typeof pointer === 'string') t.same(json.errors?.[0]?.pointer, pointer, `${label} points at it`)
    if (code === 'stale_revision') t.equal(json.currentRevision, (await api('GET', '/routes/orders')).json.revision)
    if (typeof json.hint !== 'string' || json.hint === '') silent.add(code)
  }
  t.equal((await api('GET', '/routes')).text, before, 'nothing has changed')
  t.same([...silent].sort(), [], 'no refusal leaves its reader alone: each has a hint')
  t.equal(await sideOf(banyan, '/fresh/1'), 'new')
})

t.test('the way out of a one-sided route is closed for restore too', async t => {
  const { api } = await startHouse(t)
  t.match(await api('POST', '/routes/fresh/restore', { percent: 5 }), { status: 409, json: { code: 'one_sided' } })
  t.equal((await api('GET', '/routes/fresh')).json.weight.desired, 100)
})

t.test('weight: in force when the answer comes, to the second decimal; a repeated call says the same', async t => {
  const { banyan, api } = await startHouse(t)
  const steps = [
    [100, 'new'],
    [0, 'legacy'],
  ] as const
  for (const [percent, side] of steps) {
    const { json } = await api('PUT', '/routes/orders/weight', { percent, reason: `to ${percent}` })
    t.match(json, { durable: true, pending: [], appliedBy: [{ instance: 'test', worker: 1 }] })
    t.equal(await sideOf(banyan, '/orders/1', { 'x-user-id': 'ann' }), side)
  }
  for (const percent of [0.01, 0.07, 1.1, 33.33, 57.14, 99.99]) {
    await api('PUT', '/routes/orders/weight', { percent })
    t.match((await api('GET', '/routes/orders')).json.weight, { desired: percent, effective: percent })
  }
  await api('DELETE', '/routes/orders/weight')
  t.match((await api('GET', '/routes/orders')).json, { weight: { desired: 20, effective: 20 }, set: null })
})

t.test('a rising weight never moves a user back', async t => {
  const { banyan, api } = await startHouse(t)
  const users = Array.from({ length: 60 }, (_, i) => `user-${i}`)
  let before = new Set<string>()
  for (const percent of [0, 10, 35, 70, 100]) {
    await api('PUT', '/routes/orders/weight', { percent })
    const sides = await Promise.all(users.map(user => sideOf(banyan, '/orders/1', { 'x-user-id': user })))
    const now = new Set(users.filter((_, i) => sides[i] === 'new'))
    t.ok(
      [...before].every(user => now.has(user)),
      `at ${percent} %`,
    )
    before = now
  }
  t.equal(before.size, users.length)
})

t.test('ETag: a route’s own, changed by what concerns it or its group, and honoured', async t => {
  const { api } = await startHouse(t)
  const tag = async (id: string) => (await api('GET', `/routes/${id}`)).headers.etag
  const [orders, cart, pay] = [await tag('orders'), await tag('cart'), await tag('pay')]
  t.match(orders, /^"\d+"$/)
  const first = await api('PUT', '/routes/orders/weight', { percent: 30 }, { 'if-match': orders })
  t.equal(first.status, 200)
  t.equal(await tag('orders'), `"${first.json.revision}"`, 'the answer’s revision is the next ETag')
  t.same([await tag('cart'), await tag('pay')], [cart, pay], 'others keep theirs')
  const stale = await api('PUT', '/routes/orders/weight', { percent: 40 }, { 'if-match': orders })
  t.match(stale, { status: 412, json: { code: 'stale_revision', currentRevision: first.json.revision } })
  t.equal((await api('GET', '/routes/orders')).json.weight.desired, 30)

  const grouped = await api('PUT', '/routes/cart/weight', { percent: 15 }, { 'if-match': cart })
  t.equal(grouped.status, 200)
  t.same(
    [await tag('cart'), await tag('pay')],
    Array(2).fill(`"${grouped.json.revision}"`),
    'its group changes with it',
  )
  t.equal((await api('POST', '/routes/pay/freeze', {}, { 'if-match': pay })).status, 412)
  t.equal(await tag('orders'), `"${first.json.revision}"`)
  await api('POST', '/tokens', { name: 'x', scopes: ['read'] })
  t.equal(await tag('orders'), `"${first.json.revision}"`, 'a token is no route’s business')

  for (const form of [
    (tag: string) => tag,
    (tag: string) => `W/${tag}`,
    (tag: string) => tag.slice(1, -1),
    () => '*',
  ]) {
    const match = form((await tag('orders')) ?? '')
    const { status } = await api('PUT', '/routes/orders/weight', { percent: 9 }, { 'if-match': match })
    t.equal(status, 200, `If-Match: ${match}`)
  }
  const rolled = await api('POST', '/routes/orders/rollback', {}, { 'if-match': '"1"' })
  t.equal(rolled.status, 200, 'a rollback is never stale')
  t.equal((await api('POST', '/routes/orders/rollback', {}, { 'if-match': 'nonsense' })).status, 200)
  t.equal((await api('POST', '/routes/orders/restore', {}, { 'if-match': orders })).status, 412)
  t.equal((await api('POST', '/restore', {}, { 'if-match': '"1"' })).status, 412)
  const { revision } = (await api('GET', '/status')).json
  t.equal((await api('POST', '/restore', {}, { 'if-match': `"${revision}"` })).status, 200)
})

t.test('of two writers with the same ETag one wins', async t => {
  const { api } = await startHouse(t)
  for (let round = 0; round < 10; round++) {
    const { etag } = (await api('GET', '/routes/orders')).headers
    const percents = [round, round + 50]
    const answers = await Promise.all(
      percents.map(percent => api('PUT', '/routes/orders/weight', { percent }, { 'if-match': etag })),
    )
    t.same(answers.map(one => one.status).sort(), [200, 412])
    const winner = percents[answers.findIndex(one => one.status === 200)]
    t.equal((await api('GET', '/routes/orders')).json.weight.desired, winner)
  }
})

t.test('frozen: no raise by any way; lower and rollback pass', async t => {
  const { banyan, api } = await startHouse(t)
  await api('PUT', '/routes/orders/weight', { percent: 10 })
  await api('POST', '/routes/orders/freeze', { reason: 'holiday' })
  t.match((await api('PUT', '/routes/orders/weight', { percent: 10.01 })).json, { code: 'frozen', hint: /unfreeze/ })
  t.match((await api('DELETE', '/routes/orders/weight')).json, { code: 'frozen' }, 'the file says 20')
  t.match((await api('POST', '/routes/orders/restore', { percent: 50 })).json, { code: 'frozen' })
  t.equal((await api('PUT', '/routes/orders/weight', { percent: 10 })).status, 200, 'the same is no raise')
  t.equal((await api('PUT', '/routes/orders/weight', { percent: 4 })).status, 200)
  t.equal((await api('PUT', '/routes/orders/weight', { percent: 5 })).status, 409)
  t.equal((await api('POST', '/routes/orders/rollback', {})).status, 200)
  t.equal((await api('PUT', '/routes/orders/weight', { percent: 90 })).status, 409, 'also below a rollback')
  t.equal((await api('POST', '/routes/orders/restore', {})).status, 200)
  t.match((await api('GET', '/routes/orders')).json, {
    weight: { desired: 4, effective: 4 },
    frozen: { reason: 'holiday' },
  })
  await api('POST', '/routes/orders/unfreeze', {})
  await api('PUT', '/routes/orders/weight', { percent: 100 })
  t.equal(await sideOf(banyan, '/orders/1'), 'new')
})

t.test('groups: a word about one member is a word about all', async t => {
  const { banyan, api } = await startHouse(t)
  const weights = async () => {
    const { routes } = (await api('GET', '/routes')).json
    return Object.fromEntries(
      routes.map((route: { id: string; weight: { effective: number } }) => [route.id, route.weight.effective]),
    )
  }
  await api('PUT', '/routes/cart/weight', { percent: 100 })
  t.same(await weights(), { orders: 20, cart: 100, pay: 100, old: 0, fresh: 100 })
  t.equal(await sideOf(banyan, '/pay/1'), 'new')
  await api('POST', '/routes/pay/freeze', {})
  t.not((await api('GET', '/routes/cart')).json.frozen, null)
  const rolled = (await api('POST', '/routes/pay/rollback', {})).json
  t.same(rolled.routes, ['cart', 'pay'])
  t.equal(await sideOf(banyan, '/cart/1'), 'legacy')
  const restored = (await api('POST', '/routes/cart/restore', {})).json
  t.same([restored.ended, restored.remaining], [[rolled.rollback], []])
  t.same(await weights(), { orders: 20, cart: 100, pay: 100, old: 0, fresh: 100 })
})

t.test('rollback: the answer names what it did, needs no body and minds nothing but its scope', async t => {
  const { banyan, api } = await startHouse(t)
  await api('PUT', '/routes/orders/weight', { percent: 100 })
  const bare = await ask(banyan.admin, 'POST', '/api/v1/routes/orders/rollback')
  hold(t, 'POST', '/routes/orders/rollback', bare)
  t.equal(bare.status, 200, 'without a body and without a Content-Type')
  t.equal(await sideOf(banyan, '/orders/1'), 'legacy')
  const typed = await ask(banyan.admin, 'POST', '/api/v1/rollback', {
    headers: { 'content-type': 'application/json', 'content-length': 0 },
  })
  t.equal(typed.status, 200, 'an empty body that calls itself JSON is as good as none')
  t.same(typed.json?.routes, ['orders', 'cart', 'pay', 'old'])
  t.same(typed.json?.skipped, [{ route: 'fresh', why: 'it has no legacy side' }])
  const again = await api('POST', '/rollback', {})
  t.equal(again.json.rollback, typed.json?.rollback)
})

t.test('restore with a percent: ends rollbacks and sets the weight in one change', async t => {
  const { banyan, api } = await startHouse(t)
  await api('PUT', '/routes/orders/weight', { percent: 100 })
  const { rollback } = (await api('POST', '/routes/orders/rollback', {})).json
  const entries = (await api('GET', '/audit')).json.entries.length
  const restored = (await api('POST', '/routes/orders/restore', { percent: 0, reason: 'slowly' })).json
  t.same([restored.ended, restored.remaining], [[rollback], []])
  t.match((await api('GET', '/routes/orders')).json, {
    weight: { desired: 0, effective: 0 },
    rollbacks: [],
    set: { reason: 'slowly' },
  })
  t.equal(await sideOf(banyan, '/orders/1'), 'legacy')
  t.equal((await api('GET', '/audit')).json.entries.length, entries + 1)
  const idle = (await api('POST', '/routes/orders/restore', {})).json
  t.same([idle.ended, idle.remaining], [[], []], 'nothing to restore is no error')
})

t.test('control: file. Weights are the file’s; rollback works as always', async t => {
  const { banyan, api } = await startHouse(t, { control: 'file' })
  const refused = await api('PUT', '/routes/orders/weight', { percent: 50 })
  t.match(refused, { status: 409, json: { code: 'controlled_by_file', hint: /rollback/ } })
  t.match((await api('POST', '/routes/orders/restore', { percent: 50 })).json, { code: 'controlled_by_file' })
  t.equal((await api('POST', '/rollback', {})).status, 200)
  t.equal((await api('GET', '/routes/orders')).json.weight.effective, 0)
  await api('POST', '/restore', {})
  t.match((await api('GET', '/routes/orders')).json, {
    weight: { declared: 20, desired: 20, effective: 20 },
    set: null,
  })
  t.equal(await sideOf(banyan, '/fresh/1'), 'new')
})

t.test('first start: declared weights are held at 0, and say so, until somebody speaks', async t => {
  const { banyan, api } = await startHouse(t, { split: { firstStart: 'hold' } })
  const held = async () => {
    const { warnings } = (await api('GET', '/status')).json
    return warnings.filter((one: { code: string }) => one.code === 'held').map((one: { route: string }) => one.route)
  }
  t.same(await held(), ['orders', 'pay'], 'one warning for a group')
  t.match((await api('GET', '/routes/orders')).json, {
    held: true,
    weight: { declared: 20, desired: 20, effective: 0 },
  })
  for (let user = 0; user < 30; user++) {
    t.equal(await sideOf(banyan, '/orders/1', { 'x-user-id': `u${user}` }), 'legacy')
  }
  t.match((await api('POST', '/explain', { url: '/orders/1' })).json, { side: 'legacy', reason: 'weight', why: /held/ })
  await api('PUT', '/routes/orders/weight', { percent: 100 })
  t.equal(await sideOf(banyan, '/orders/1'), 'new')
  t.same(await held(), ['pay'])
  await api('DELETE', '/routes/cart/weight')
  t.match((await api('GET', '/routes/pay')).json, { held: false, set: null, weight: { desired: 10, effective: 10 } })
  t.same(await held(), [])
})

t.test('seed: rotating reshuffles everybody, and every ETag; a seed of the file stays', async t => {
  const { banyan, api } = await startHouse(t, { split: { firstStart: 'declared' } })
  const bucket = async (user: string) =>
    (await api('POST', '/explain', { url: '/orders/1', headers: { 'x-user-id': user } })).json.bucket
  const users = ['ann', 'bob', 'cid', 'dan', 'eva', 'fay', 'gus', 'hal']
  const before = await Promise.all(users.map(bucket))
  t.same(await Promise.all(users.map(bucket)), before, 'a user’s bucket stays')
  const { etag } = (await api('GET', '/routes/cart')).headers
  t.equal((await api('POST', '/seed/rotate', {}, { 'if-match': '"77"' })).status, 412)
  t.equal((await api('POST', '/seed/rotate', { reason: 'leaked' })).status, 200)
  const after = await Promise.all(users.map(bucket))
  t.notOk(
    after.some((one, i) => one === before[i]),
    'nobody kept his bucket',
  )
  t.not((await api('GET', '/routes/cart')).headers.etag, etag)
  const told = JSON.stringify([(await api('GET', '/audit')).json, (await api('GET', '/status')).json])
  const { seed } = banyan.app.control.state()
  t.notOk(told.includes(seed), 'the seed is a secret')
})

t.test('a token that reaches one member of a group', async t => {
  const { banyan, api } = await startHouse(t)
  const make = async (name: string, routes: string[]) => {
    const { secret } = (await api('POST', '/tokens', { name, scopes: ['operate'], routes })).json
    return operatorOf(t, banyan, secret)
  }
  const one = await make('one', ['cart'])
  const refused = await one('PUT', '/routes/cart/weight', { percent: 5 })
  t.match(refused, { status: 403, json: { code: 'forbidden', detail: /pay/, hint: /cart/ } })
  t.equal((await one('POST', '/routes/cart/rollback', {})).status, 403, 'it would move pay too')
  t.same(
    (await one('GET', '/routes')).json.routes.map((route: { id: string }) => route.id),
    ['cart'],
  )
  t.equal((await one('GET', '/routes/cart')).status, 200, 'what the list shows can be read by itself')
  t.equal((await one('POST', '/explain', { url: '/cart/1' })).status, 200)
  const all = await make('all', ['cart', 'pay'])
  t.equal((await all('PUT', '/routes/cart/weight', { percent: 5 })).status, 200)
  t.equal((await all('GET', '/routes/orders')).status, 403)
  t.equal((await api('GET', '/routes/pay')).json.weight.effective, 5)
})
