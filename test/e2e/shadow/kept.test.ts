// What is known of differences survives, within its bounds, and what operators do about it is in force at once.
import t from 'tap'
import { eventually, TOKEN, temporary } from '../harness.ts'
import { json, type Shadowed, shadowed } from './shadowed.ts'

const SIDES = {
  legacy: json({ id: 5, total: 100, note: 'a' }),
  new: json({ id: 5, total: 101 }),
  compare: { noise: { percent: 0 } },
}

async function fields(shop: Shadowed): Promise<string[]> {
  return (await shop.items()).map(({ kind, field, state, count }) => `${kind} ${field} ${state} ${count}`).sort()
}

t.test('divergences are there after a restart, and go on counting', async t => {
  const directory = temporary(t)
  const wanted = { ...SIDES, config: { store: 'sqlite:state.db' }, options: { directory } }
  const first = await shadowed(t, wanted)
  for (let i = 0; i < 3; i++) await first.send(`/orders/${i}`)
  await first.counted(3)
  const found = ['missing note divergent 3', 'value total divergent 3']
  t.same(await fields(first), found)
  const [before] = await first.items('?kind=value')
  await first.banyan.stop()
  const again = await shadowed(t, wanted)
  t.same(await fields(again), found)
  const [after] = await again.items('?kind=value')
  t.equal(after.signature, before.signature)
  t.same(after.exemplar, before.exemplar)
  t.equal(after.firstSeen, before.firstSeen)
  await again.send('/orders/9')
  await again.counted(1)
  t.same(await fields(again), ['missing note divergent 4', 'value total divergent 4'])
  t.equal((await again.totals()).eligible, 4)
})

t.test('a flood of ever new differences stays within its bound, and says what it did not keep', async t => {
  let count = 0
  const directory = temporary(t)
  const shop = await shadowed(t, {
    legacy: json({ fault: 1 }),
    new: (heard, reply) => {
      const many = Array.from({ length: 90 }, () => [`field_${(count++).toString(36).replace(/\d/g, 'q')}x`, 1])
      return json({ fault: 2, ...Object.fromEntries(many) })(heard, reply)
    },
    compare: { noise: { percent: 0 } },
    config: { store: 'sqlite:state.db', proxy: { shadow: { keep: '64KiB', queue: 10_000 } } },
    options: { directory },
  })
  for (let i = 0; i < 60; i += 10) await Promise.all(Array.from({ length: 10 }, () => shop.send('/flood')))
  await shop.counted(60)
  const view = (await shop.banyan.api('GET', '/routes/shop/divergences?limit=1000')).json
  t.ok(view.overflow > 0, `${view.overflow} were counted and not kept, ${view.items.length} were`)
  t.ok(view.items.some(({ field, count }: { field: string; count: number }) => field === 'fault' && count === 60))
})

t.test('rules: tried, added, in force, removed; each in the audit log', async t => {
  const shop = await shadowed(t, SIDES)
  const { api } = shop.banyan
  await shop.send('/orders/1')
  await shop.counted(1)
  const rule = { ignore: ['$.total', '$.note'], reason: 'known', owner: 'team' }
  const tried = (await api('POST', '/routes/shop/rules/try', rule)).json
  t.match(JSON.stringify(tried), /total/)
  const added = await api('POST', '/routes/shop/rules', rule)
  t.ok(added.status < 300, JSON.stringify(added.json))
  await shop.send('/orders/2')
  const totals = await shop.counted(2)
  t.equal(totals.tolerated, 1)
  const { rules } = (await api('GET', '/routes/shop/rules')).json
  t.match(rules, [{ hits: 2, owner: 'team', reason: 'known' }])
  t.ok((await shop.items()).every(({ state }) => state === 'ignored'))
  t.equal((await api('DELETE', `/routes/shop/rules/${rules[0].id}`)).status, 200)
  await shop.send('/orders/3')
  t.equal((await shop.counted(3)).divergent, 2)
  const { entries } = (await api('GET', '/audit')).json
  t.same(
    entries.slice(0, 2).map(({ action }: { action: string }) => action),
    ['remove-rule', 'add-rule'],
  )
  t.equal((await api('POST', '/routes/shop/rules', { ignore: '$[', reason: 'x' })).status, 400)
  t.match((await api('POST', '/routes/shop/rules', { ignore: '$.total' })).json, { code: 'invalid', detail: /reason/ })
  t.equal((await api('POST', '/routes/shop/rules', rule)).status, 200)
  t.match(await api('POST', '/routes/shop/rules', { ...rule, reason: 'again' }), {
    status: 409,
    json: { code: 'rule_exists', detail: /already: rule-/ },
  })
})

t.test('acknowledged, forgotten, asked again', async t => {
  const shop = await shadowed(t, { ...SIDES, route: { sticky: ['header:x-user-id'] } })
  const { api } = shop.banyan
  await shop.send('/orders/1?token=secret', { headers: { 'x-user-id': 'ann', authorization: 'Bearer theirs' } })
  await shop.counted(1)
  const [{ signature }] = await shop.items('?kind=value')
  const before = shop.heard.length
  const replayed = await api('POST', `/divergences/${signature}/replay`, {})
  t.match(replayed.json, { verdict: 'persistent', statuses: { legacy: 200, new: 200 } })
  const [one, other] = shop.heard.slice(before)
  t.equal(one?.headers.authorization, undefined, 'without credentials')
  t.notMatch(JSON.stringify([one?.target, other?.target]), /secret/)
  await api('POST', `/divergences/${signature}/replay`, {}, { 'x-banyan-forward-authorization': 'Bearer mine' })
  t.equal(shop.heard.at(-1)?.headers.authorization, 'Bearer mine')
  t.equal((await api('POST', '/forget', { key: 'ann' })).json.forgotten > 0, true)
  t.equal((await shop.items('?kind=value'))[0].exemplar, null)
  t.equal((await api('DELETE', `/divergences/${signature}`)).status, 200)
  t.same(await shop.items('?kind=value'), [])
  t.equal((await api('GET', `/divergences/${signature}`)).status, 404)
})

t.test('what writes is never asked again, whatever is kept', async t => {
  const shadow = { methods: ['GET', 'POST'], iKnowThisWrites: true }
  const shop = await shadowed(t, { ...SIDES, shadow })
  await shop.send('/orders/1', { method: 'POST', body: '{}' })
  await shop.counted(1)
  const [{ signature }] = await shop.items('?kind=value')
  const before = shop.heard.length
  const refused = await shop.banyan.api('POST', `/divergences/${signature}/replay`, {})
  t.match(refused, { status: 409, json: { code: 'not_replayable', detail: /^POST is never asked again/ } })
  t.equal(shop.heard.length, before)
  await shop.send('/orders/1')
  await shop.counted(2)
  t.match(await shop.banyan.api('POST', `/divergences/${signature}/replay`, {}), { json: { method: 'GET' } })
})

t.test('a template that is not suspended cannot be resumed', async t => {
  const shop = await shadowed(t, SIDES)
  const { api } = shop.banyan
  t.match(await api('DELETE', '/routes/shop/suspensions?template=%2Ffoo'), {
    status: 404,
    json: { hint: /no template/ },
  })
  const { entries } = (await api('GET', '/audit')).json
  t.notOk(entries.some(({ action }: { action: string }) => action === 'resume-shadow'))
})

t.test('a divergence is an event', async t => {
  const shop = await shadowed(t, SIDES)
  const stop = new AbortController()
  t.teardown(() => stop.abort())
  const stream = await fetch(`${shop.banyan.admin}/api/v1/events`, {
    headers: { authorization: `Bearer ${TOKEN}` },
    signal: stop.signal,
  })
  let text = ''
  const reading = (async () => {
    for await (const piece of stream.body as ReadableStream<Uint8Array>) text += Buffer.from(piece).toString()
  })().catch(() => {})
  await shop.send('/orders/1')
  await eventually(() => text.split('event: divergence').length === 3, 'both are told')
  t.match(text, /"kind":"value"/)
  t.match(text, /"field":"note"/)
  stop.abort()
  await reading
})
