// What the dashboard's charts are drawn from, over HTTP: figures over time with what was changed, calls per day that survive
// restarts and workers, and traffic as it happens.
import type { Test } from 'tap'
import t from 'tap'
import { TrafficEvent } from '../../src/admin/api.ts'
import { configured, eventually, named, TOKEN, temporary } from './harness.ts'
import { hold, houseOf, operatorOf, sideOf, startHouse } from './operator.ts'
import { manyUsers, sidesOf, splitConfig, startProcess } from './process.ts'

/** What the stream tells of traffic, one event after the other. */
async function* trafficOf(t: Test, admin: string): AsyncGenerator<TrafficEvent> {
  const leave = new AbortController()
  t.teardown(() => leave.abort())
  const headers = { authorization: `Bearer ${TOKEN}` }
  const { body } = await fetch(`${admin}/api/v1/events`, { headers, signal: leave.signal })
  let text = ''
  for await (const chunk of (body as ReadableStream<Uint8Array>).pipeThrough(
    new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>,
  )) {
    const blocks = (text + chunk).split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = /^event: traffic\ndata: (.*)$/.exec(block)?.[1]
      if (data !== undefined) yield TrafficEvent.parse(JSON.parse(data))
      else if (block.includes('event: traffic')) throw new Error(`not as it should be: ${block}`)
    }
  }
}

async function next(traffic: AsyncGenerator<TrafficEvent>, test: (event: TrafficEvent) => boolean = () => true) {
  for (;;) {
    const { value, done } = await traffic.next()
    if (done === true) throw new Error('the stream has ended')
    if (test(value)) return value
  }
}

t.test('calls per day: by side, by route, of what the caller may see', async t => {
  const { banyan, api } = await startHouse(t)
  const users = Array.from({ length: 40 }, (_, i) => `user-${i}`)
  const sides = await Promise.all(users.map(user => sideOf(banyan, '/orders/1', { 'x-user-id': user })))
  const fresh = sides.filter(side => side === 'new').length
  for (let i = 0; i < 3; i++) await sideOf(banyan, '/cart/1')
  await sideOf(banyan, '/nowhere')
  const { json } = await api('GET', '/burndown')
  const today = json.days.at(-1)
  t.equal(json.days.length, 1)
  t.equal(json.route, null)
  t.equal(today.legacy + today.new, 44)
  t.notOk(today.complete)
  const orders = (await api('GET', '/burndown?route=orders&days=400')).json
  t.match(orders, { route: 'orders', days: [{ legacy: 40 - fresh, new: fresh }] })
  const { keys } = orders.days[0]
  t.ok(
    Math.abs(keys.all - 40) <= 4 && Math.abs(keys.new - fresh) <= 2,
    `${JSON.stringify(keys)}, ${fresh} of 40 on new`,
  )
  t.match((await api('GET', '/burndown?route=_default')).json.days, [{ legacy: 1, new: 0, keys: null }])

  const { secret } = (await api('POST', '/tokens', { name: 'only', scopes: ['read'], routes: ['cart'] })).json
  const only = operatorOf(t, banyan, secret)
  const [seen] = (await only('GET', '/burndown')).json.days
  t.equal(seen.legacy + seen.new, 3)
  t.equal(seen.keys, null)
  t.match(await only('GET', '/burndown?route=orders'), { status: 403, json: { code: 'forbidden' } })
  t.equal((await only('GET', '/burndown?route=cart')).status, 200)
  t.match(await api('GET', '/burndown?route=none'), { status: 404, json: { code: 'unknown_route' } })
  for (const query of ['days=0', 'days=401', 'days=x', 'route=A', 'from=1']) {
    t.match(await api('GET', `/burndown?${query}`), { status: 400, json: { code: 'invalid' } }, query)
  }
})

t.test('history: as long as it was asked for, and markers of what concerns the route', async t => {
  const [legacy, fresh] = [await named(t, 'legacy'), await named(t, 'new')]
  const house = houseOf(legacy, fresh)
  const file = { now: house }
  const { banyan, api } = await startHouse(t, house, {
    configured: configured(house),
    reread: async () => configured(file.now),
  })
  await api('PUT', '/routes/orders/weight', { percent: 50, reason: 'half of them' })
  await api('PUT', '/routes/cart/weight', { percent: 5 })
  await api('POST', '/routes/orders/freeze', {})
  await api('POST', '/routes/orders/unfreeze', {})
  await api('POST', '/routes/pay/rollback', { reason: 'hm' })
  await api('POST', '/rollback', {})
  await api('POST', '/restore', {})
  await api('POST', '/tokens', { name: 'ci', scopes: ['read'] })
  file.now = { ...house, groups: { checkout: { weight: 11 } } }
  await banyan.app.reload('SIGHUP')
  const routes = house.routes as Record<string, unknown>[]
  file.now = { ...file.now, routes: routes.map(one => (one.id === 'old' ? { ...one, owner: 'team-old' } : one)) }
  await banyan.app.reload('SIGHUP')
  const markersOf = async (id: string) =>
    (await api('GET', `/routes/${id}/history`)).json.markers.map((one: { text: string }) => one.text)
  const everything = ['everything rolled back', 'everything restored']
  t.same(await markersOf('orders'), [
    'weight as in the file → 50 %: half of them',
    'frozen',
    'unfrozen',
    ...everything,
    'reloaded: /groups/checkout/weight',
  ])
  t.same(await markersOf('cart'), [
    'weight as in the file → 5 %',
    'rolled back: hm',
    ...everything,
    'reloaded: /groups/checkout/weight',
  ])
  t.same(await markersOf('old'), ['reloaded: /groups/checkout/weight', 'reloaded: /routes/old/owner'])

  const { secret } = (await api('POST', '/tokens', { name: 'only', scopes: ['read'], routes: ['orders'] })).json
  const only = operatorOf(t, banyan, secret)
  const { markers } = (await only('GET', '/routes/orders/history')).json
  t.same(
    markers.map((one: { text: string }) => one.text),
    ['weight as in the file → 50 %: half of them', 'frozen', 'unfrozen', ...everything],
    'what a reload says of other routes and groups is not for who may see one',
  )
  t.match(await only('GET', '/routes/cart/history'), { status: 403, json: { code: 'forbidden' } })

  const { json } = await api('GET', '/routes/orders/history?span=24h')
  t.match(json, { route: 'orders', kept: true, stepMs: 300_000 })
  t.equal(json.sides.legacy.requests.length, 288)
  t.equal(json.effective.length, 288)
  t.ok(json.since <= Date.now() && json.from < json.since)
  t.match((await api('GET', '/routes/old/history')).json, { stepMs: 10_000, sides: { new: null, legacy: {} } })
  t.match((await api('GET', '/routes/_default/history')).json, { route: '_default', sides: { new: null } })
  t.match(await api('GET', '/routes/none/history'), { status: 404, json: { code: 'unknown_route' } })
  t.match(await api('GET', '/routes/orders/history?span=2h'), { status: 400, json: { code: 'invalid' } })
})

t.test('days survive the process: stopped, and killed', async t => {
  const [legacy, fresh] = [await named(t, 'legacy'), await named(t, 'new')]
  const cwd = temporary(t)
  const config = splitConfig(legacy.url, fresh.url, { weight: 100 })
  const held = { ...config, split: { firstStart: 'declared' } }
  let before = 0
  for (const how of ['stopped', 'killed'] as const) {
    const banyan = await startProcess(t, held, { cwd })
    await sidesOf(banyan, manyUsers(20))
    const { days } = (await banyan.api('GET', '/burndown')).json
    const sum = (name: 'legacy' | 'new') =>
      days.reduce((total: number, day: Record<string, number>) => total + (day[name] ?? 0), 0)
    t.same([sum('legacy'), sum('new')], [0, before + 20], `before it is ${how}`)
    before += 20
    if (how === 'killed') await banyan.kill()
    else {
      banyan.signal('SIGTERM')
      await banyan.ended
    }
  }
  const last = await startProcess(t, held, { cwd })
  const { days } = (await last.api('GET', '/burndown')).json
  const total = days.reduce((sum: number, day: { new: number }) => sum + day.new, 0)
  t.equal(total, 20, 'a kill takes the last minute, and nothing before')
})

t.test('several workers, also one that is killed: days, figures and what is told are of all', async t => {
  const [legacy, fresh] = [await named(t, 'legacy'), await named(t, 'new')]
  const banyan = await startProcess(
    t,
    {
      ...splitConfig(legacy.url, fresh.url, { weight: 50 }),
      proxy: { workers: 2 },
      // Users are estimated by their hashes: with any seed, one time in twenty by more than below.
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration's own
      split: { firstStart: 'declared', seed: '${SEED}' },
    },
    { cwd: temporary(t), env: { SEED: 'test-seed' } },
  )
  const traffic = trafficOf(t, banyan.admin)
  const first = await next(traffic)
  t.same(
    first.routes.map(({ id }) => id),
    ['all'],
    'all routes at first',
  )
  const quiet = await next(traffic)
  t.same(quiet.routes, [], 'what did not change is not told again')
  const users = manyUsers(60)
  const sides = await sidesOf(banyan, users)
  const isBusy = ({ perSecond }: TrafficEvent['routes'][number]) => perSecond.legacy > 0 && perSecond.new > 0
  const told = await next(traffic, ({ routes }) => routes.some(isBusy))
  t.ok(told.at > quiet.at && quiet.at > first.at)

  const today = async () => (await banyan.api('GET', '/burndown?route=all')).json.days.at(-1)
  const expected = { legacy: sides.filter(side => side === 'legacy').length, new: 0 }
  expected.new = 60 - expected.legacy
  t.match(await today(), expected)
  const { keys } = await today()
  t.ok(Math.abs(keys.all - 60) <= 5 && Math.abs(keys.new - expected.new) <= 5, JSON.stringify(keys))

  const [{ pid }] = (await banyan.api('GET', '/status')).json.workers
  process.kill(pid, 'SIGKILL')
  await banyan.line(/^worker \d runs$/)
  t.match(await today(), expected, 'what was seen of it stays')
  await sidesOf(banyan, users)
  t.match(await today(), { legacy: 2 * expected.legacy, new: 2 * expected.new, keys: { all: keys.all } })

  // A point ends every ten seconds.
  const history = async () => {
    const answer = await banyan.api('GET', '/routes/all/history')
    hold(t, 'GET', '/routes/all/history', { ...answer, text: '', headers: Object.fromEntries(answer.headers) })
    return answer.json
  }
  const sum = (values: readonly (number | null)[]) => values.reduce<number>((total, one) => total + (one ?? 0), 0)
  const isThere = async () => sum((await history()).sides.new.requests) === 2 * expected.new
  await eventually(isThere, 'all is in it').catch(() => eventually(isThere, 'all is in it, in two points'))
  const { sides: figures, effective } = await history()
  t.equal(sum(figures.legacy.requests), 2 * expected.legacy)
  t.equal(sum(figures.legacy.errors), 0)
  t.ok(figures.new.p95Ms.some((one: number | null) => one !== null && one > 0))
  t.ok(effective.includes(50))
})
