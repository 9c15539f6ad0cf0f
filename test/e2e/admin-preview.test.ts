// Previews, what needs somebody, and the audit log by route, over HTTP: for whoever may read, and without a trace.
import t from 'tap'
import { operatorOf, startHouse } from './operator.ts'

t.test('a preview says what the call would do, and does not do it', async t => {
  const { banyan, api } = await startHouse(t, { split: { firstStart: 'declared' } })
  for (let i = 0; i < 40; i++) {
    await fetch(`http://127.0.0.1:${banyan.port}/orders/${i}`, { headers: { 'x-user-id': `u${i}` } })
  }
  const before = (await api('GET', '/audit/verify')).json.entries
  const { json } = await api('POST', '/routes/orders/preview', { action: 'weight', percent: 50 })
  t.match(json, {
    refused: null,
    changes: true,
    says: 'about 30 % of users move from legacy to new; those on new stay',
    routes: [{ id: 'orders', effective: { from: 20, to: 50 }, headroom: null }],
    tunnels: { open: 0, overMs: null },
  })
  const { legacy, new: fresh } = json.routes[0].perSecond
  t.ok(legacy.to < legacy.from && fresh.to > fresh.from)
  t.ok(Math.abs(legacy.from + fresh.from - legacy.to - fresh.to) < 0.02, 'the sum stays')
  const all = await api('POST', '/preview', { action: 'rollback' })
  t.match(all.json, { says: 'everything on new goes to legacy, on 3 routes', routes: { length: 4 } })
  t.match(all.json.routes.at(-1), { id: 'fresh', notes: ['it has no legacy side: nothing of it goes back'] })
  t.equal((await api('GET', '/routes/orders')).json.weight.effective, 20)
  t.equal((await api('GET', '/audit/verify')).json.entries, before, 'nothing is logged')

  const done = await api('PUT', '/routes/orders/weight', { percent: 50 }, { 'if-match': `"${json.revision}"` })
  t.equal(done.status, 200, 'its revision is the one to change it by')
  const stale = await api('POST', '/routes/orders/preview', { action: 'freeze' }, { 'if-match': `"${json.revision}"` })
  t.match(stale, {
    status: 200,
    json: { revision: done.json.revision, refused: { code: 'stale_revision', status: 412 } },
  })
})

t.test('what cannot be previewed', async t => {
  const { api } = await startHouse(t)
  t.equal((await api('POST', '/routes/nowhere/preview', { action: 'freeze' })).status, 404)
  t.equal((await api('POST', '/routes/orders/preview', { action: 'explode' })).status, 400)
  t.equal((await api('POST', '/routes/orders/preview', { action: 'weight', percent: 101 })).status, 400)
  t.equal((await api('POST', '/preview', { action: 'weight' })).status, 400)
  t.match((await api('POST', '/routes/orders/preview', { action: 'weight' })).json.refused, { code: 'invalid' })
})

t.test('limited tokens: their routes, and no others of the group', async t => {
  const { banyan, api } = await startHouse(t)
  const { secret } = (await api('POST', '/tokens', { name: 'cart', scopes: ['read'], routes: ['cart'] })).json
  const cart = operatorOf(t, banyan, secret)
  const { json } = await cart('POST', '/routes/cart/preview', { action: 'weight', percent: 50 })
  t.same(
    json.routes.map(({ id }: { id: string }) => id),
    ['cart'],
  )
  t.equal((await cart('POST', '/routes/orders/preview', { action: 'freeze' })).status, 403)
  t.equal((await cart('POST', '/preview', { action: 'rollback' })).status, 403)

  await api('PUT', '/routes/pay/weight', { percent: 7 })
  await api('PUT', '/routes/orders/weight', { percent: 7 })
  await api('POST', '/rollback', { reason: 'night' })
  const subjects = async (ask: typeof api, path: string) =>
    (await ask('GET', path)).json.entries.map(
      (one: { action: string; subject: string }) => `${one.action} ${one.subject}`,
    )
  t.same(await subjects(cart, '/audit?route=cart'), ['rollback *', 'set-weight pay'])
  t.match(await subjects(api, '/audit?route=cart'), ['rollback *', 'set-weight pay', 'first-start *'])
  t.same(await subjects(api, '/audit?route=orders'), ['rollback *', 'set-weight orders', 'first-start *'])
  t.equal((await cart('GET', '/audit')).status, 403)
  t.equal((await cart('GET', '/audit?route=orders')).status, 403)
})

t.test('status: phase, the last decision, and what needs somebody', async t => {
  const { api } = await startHouse(t, { split: { firstStart: 'hold' } })
  type Row = { readonly id: string }
  const rowOf = async (id: string) => (await api('GET', '/status')).json.routes.find((row: Row) => row.id === id)
  t.match(await rowOf('orders'), {
    phase: 'legacy',
    match: null,
    attention: { level: 'look', why: /^held at 0 % since the first start; the file declares 20 %$/ },
    next: 'set a weight: held at first start',
    lastDecision: null,
  })
  await api('PUT', '/routes/orders/weight', { percent: 5, reason: 'first users' })
  t.match(await rowOf('orders'), {
    phase: 'canary',
    attention: { level: 'none', why: null },
    next: 'raise the weight',
    lastDecision: { action: 'set-weight', reason: 'first users', from: null, to: 5 },
  })
  await api('PUT', '/routes/pay/weight', { percent: 50 })
  t.match(await rowOf('cart'), { phase: 'growth', lastDecision: { to: 50 } }, 'of its group')
  await api('POST', '/rollback', { reason: '5xx' })
  t.match(await rowOf('orders'), {
    attention: { level: 'wrong', why: /^rolled back by .*: 5xx$/ },
    lastDecision: { action: 'rollback', reason: '5xx' },
  })
  t.match(await rowOf('old'), { phase: 'legacy-only', lastDecision: null })
  t.match(await rowOf('fresh'), { phase: 'retired' })
})
