// The ledger: every request in one bucket, faults by signature, noise beside them, acknowledging, forgetting, restarts.
import fc from 'fast-check'
import t from 'tap'
import { type Rule, SHADOW_RESULTS, SKIP_REASONS } from '../../src/model/comparison.ts'
import { DAY, different, EVERYTHING, exemplar, MATCH, place, route, START, world } from './ledger-make.ts'

const orders = route('orders')

t.test('the sum of all results is the eligible, in any history, and over restarts', async t => {
  const verdict = fc.constantFrom('match', 'tolerated', 'undecided', 'different')
  const step = fc.oneof(
    fc.record({
      end: fc.constantFrom(...SHADOW_RESULTS.slice(0, 5)),
      reason: fc.option(fc.constantFrom(...SKIP_REASONS)),
    }),
    fc.record({
      verdict,
      paths: fc.uniqueArray(fc.constantFrom('/a', '/b', '/c'), { minLength: 1 }),
      repeat: fc.option(fc.constantFrom('/a', '/b')),
      learning: fc.boolean(),
    }),
    fc.constant('restart' as const),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      let one = world()
      let eligible = 0
      const results = new Map<string, number>()
      const count = (result: string) => {
        eligible++
        results.set(result, (results.get(result) ?? 0) + 1)
      }
      for (const step of steps) {
        if (step === 'restart') one = one.restarted()
        else if ('end' in step) {
          one.ledger.ended(orders, step.end, step.reason)
          count(step.end)
        } else {
          const finding =
            step.verdict === 'different' ? different(...step.paths) : { ...MATCH, result: step.verdict as 'match' }
          const repeat = step.repeat === null ? null : different(step.repeat)
          count(one.compare(orders, finding, { repeat, learning: step.learning }))
        }
      }
      const { totals, match, matchBySeverity } = one.ledger.view('orders', EVERYTHING)
      const sum = Object.values(totals.results).reduce((all, one) => all + one, 0)
      const { match: equal, tolerated, noise, divergent } = totals.results
      const { compared, matching } = one.ledger.pairs('orders')
      return (
        compared === match.of &&
        matching === match.count &&
        totals.eligible === eligible &&
        sum === eligible &&
        [...results].every(([result, count]) => totals.results[result as 'match'] === count) &&
        match.of === equal + tolerated + noise + divergent &&
        match.count === match.of - divergent &&
        matchBySeverity.low.count === match.count &&
        matchBySeverity.medium.count >= match.count &&
        matchBySeverity.high.count >= matchBySeverity.medium.count
      )
    }),
    { numRuns: 150 },
  )
  t.pass('holds')
})

t.test('one fault in three templates of a route is one signature with three places', async t => {
  const { ledger, compare, published, divergent } = world()
  compare(orders, different('/orders/*/total_cents'), { template: '/orders' })
  compare(orders, different('/total_cents'), { template: '/orders/:id' })
  compare(orders, different('/invoice/total_cents', place('/note', { severity: 'low' })), { template: '/invoices/:id' })
  compare(orders, MATCH, { template: '/orders' })
  compare(orders, MATCH, { template: '/elsewhere' })
  const { items, match, overflow } = ledger.view('orders', EVERYTHING)
  t.match(items, [
    {
      field: 'total_cents',
      kind: 'value',
      state: 'divergent',
      severity: 'medium',
      count: 3,
      route: 'orders',
      template: '/orders/*',
    },
    { field: 'note', severity: 'low', count: 1 },
  ])
  t.equal(items[0]?.differences.length, 3)
  t.equal(items[0]?.rate, 3 / 4)
  t.ok((items[0]?.interval?.[0] ?? 1) < 0.75 && (items[0]?.interval?.[1] ?? 0) > 0.75)
  t.match(match, { of: 5, count: 2, rate: 0.4 })
  t.equal(overflow, 0)
  t.same(
    published.map(event => event.field),
    ['total_cents', 'note'],
  )
  t.same(divergent.slice(-2), ['orders value medium', 'orders value low'])
  t.same(ledger.signature(items[0]?.signature ?? ''), items[0])
  t.equal(ledger.signature('none'), null)
})

t.test('a signature counts comparisons, not places', async t => {
  const { ledger, compare } = world()
  compare(orders, different('/a/n', '/b/n', '/c/*/n'))
  t.match(ledger.view('orders', EVERYTHING).items, [{ field: 'n', count: 1, rate: 1 }])
})

t.test('noise: what legacy does itself is no divergence, and says so; a fault beside it stays', async t => {
  const { ledger, compare, divergent } = world()
  const learning = { learning: true }
  t.equal(compare(orders, different('/views'), learning), 'undecided')
  for (let i = 0; i < 60; i++) compare(orders, different('/views'), { ...learning, repeat: different('/views') })
  t.equal(compare(orders, different('/views'), learning), 'noise')
  t.equal(
    compare(orders, different('/views', place('/total', { kind: 'missing', severity: 'high' })), learning),
    'divergent',
  )
  const { items, totals, matchBySeverity } = ledger.view('orders', EVERYTHING)
  t.match(items, [
    { field: 'total', state: 'divergent', severity: 'high', count: 1 },
    { field: 'views', state: 'noise', count: 63 },
  ])
  t.equal(totals.results.divergent, 1)
  t.equal(matchBySeverity.high.of - matchBySeverity.high.count, 1)
  t.same(divergent, ['orders missing high'])
  t.match(items[1]?.why, /legacy differs from itself/)
  const [noise] = ledger.noise('orders')
  t.match(noise, { path: '/views', state: 'noise' })
  t.ok(ledger.revokeNoise('orders', noise?.id ?? ''))
  t.notOk(ledger.revokeNoise('orders', 'none'))
  t.equal(ledger.view('orders', EVERYTHING).items[1]?.state, 'undecided')
})

t.test('what is not learned counts, unless it looks like noise', async t => {
  const { compare } = world()
  t.equal(compare(orders, different('/a')), 'divergent')
  t.equal(compare(orders, different(place('/at', { prior: 'timestamp' }))), 'noise')
})

t.test('one place of a signature that is no noise decides', async t => {
  const { ledger, compare } = world()
  compare(
    orders,
    different(place('/a/at', { prior: 'timestamp', severity: 'high' }), place('/b/at', { severity: 'low' })),
  )
  const [item] = ledger.view('orders', EVERYTHING).items
  t.match(item, { field: 'at', state: 'divergent', severity: 'low', count: 1 })
  t.same(
    item?.differences.map(({ path, state }) => [path, state]),
    [
      ['/b/at', 'divergent'],
      ['/a/at', 'noise'],
    ],
  )
})

t.test('queries', async t => {
  const { ledger, compare, clock } = world()
  compare(orders, different(place('/a/x', { severity: 'low' })))
  clock.at += 1000
  compare(orders, different(place('/a/y', { kind: 'type', severity: 'high' }), place('/at', { prior: 'timestamp' })))
  const fields = (query: Partial<typeof EVERYTHING>) =>
    ledger.view('orders', { ...EVERYTHING, ...query }).items.map(item => item.field)
  t.same(fields({}), ['y', 'x', 'at'])
  t.same(fields({ since: START + 1 }), ['y', 'at'])
  t.same(fields({ severity: 'medium' }), ['y', 'at'])
  t.same(fields({ kind: 'type' }), ['y'])
  t.same(fields({ path: '/a' }), ['y', 'x'])
  t.same(fields({ path: '/a/x' }), ['x'])
  t.same(fields({ state: 'noise' }), ['at'])
  t.same(fields({ limit: 1 }), ['y'])
  t.match(ledger.view('nobody', EVERYTHING), { totals: { eligible: 0 }, match: { rate: null }, items: [], overflow: 0 })
})

t.test('the first exemplar and the latest', async t => {
  const { ledger, compare } = world()
  for (const exchange of ['1', '2', '3']) compare(orders, { ...different('/a'), exemplar: exemplar(exchange) })
  compare(orders, different('/a'))
  t.match(ledger.view('orders', EVERYTHING).items, [{ exemplar: { exchange: '1' }, latest: { exchange: '3' } }])
})

t.test('acknowledged: it is gone, also from the store, and new when it comes again', async t => {
  const one = world()
  one.compare(orders, { ...different('/a', '/b'), exemplar: exemplar('1') })
  one.save()
  const id = one.ledger.view('orders', EVERYTHING).items.find(item => item.field === 'a')?.signature ?? ''
  t.ok(one.ledger.acknowledge(id))
  t.notOk(one.ledger.acknowledge(id))
  const { ledger, compare, published } = one.restarted()
  t.same(
    ledger.view('orders', EVERYTHING).items.map(item => item.field),
    ['b'],
  )
  t.notOk([...one.kept.keys()].some(key => key.includes(id)))
  compare(orders, different('/a'))
  t.match(ledger.signature(id), { count: 1, exemplar: null, firstSeen: START })
  t.same(
    published.map(event => event.signature),
    [id],
  )
})

t.test('forgotten: exemplars of that key are gone, also from the store; counts stay', async t => {
  const one = world()
  one.compare(orders, { ...different('/a'), exemplar: exemplar('1', { keyHash: 'ann' }) })
  one.compare(orders, { ...different('/a'), exemplar: exemplar('2', { keyHash: 'ben' }) })
  one.save()
  t.equal(one.ledger.forget('ann'), 1)
  t.equal(one.ledger.forget('ann'), 0)
  const { ledger } = one.restarted()
  t.match(ledger.view('orders', EVERYTHING).items, [{ count: 2, exemplar: null, latest: { keyHash: 'ben' } }])
  t.notMatch(JSON.stringify([...one.kept]), /ann/)
})

t.test('asked again', async t => {
  const { ledger, compare } = world()
  const { places } = different('/a', '/b/a', '/c')
  compare(orders, different('/a', '/b/a'))
  ledger.triaged(orders, '/t', places, 'persistent')
  ledger.triaged(orders, '/t', places, 'transient')
  t.match(ledger.view('orders', EVERYTHING).items, [{ askedAgain: { persistent: 1, transient: 1 } }])
})

t.test('rules: hits, comparisons, dead; what is not in force is forgotten', async t => {
  const one = world()
  const ruled = route('orders', ['file:0', 'file:1'])
  one.compare(ruled, { ...MATCH, result: 'tolerated', suppressed: [{ rule: 'file:0', count: 3 }] })
  for (let i = 0; i < 999; i++) one.compare(ruled, MATCH)
  t.same(
    [...one.restarted().ledger.rules('orders')],
    [
      ['file:0', { since: START, hits: 3, lastHit: START, comparisons: 1000, dead: false }],
      ['file:1', { since: START, hits: 0, lastHit: null, comparisons: 1000, dead: true }],
    ],
  )
  one.compare(ruled, MATCH, { rules: route('orders', ['rule-1']).compare.rules })
  t.same([...one.ledger.rules('orders').keys()], ['rule-1'])
  t.equal(one.ledger.rules('nobody').size, 0)
})

t.test('a rule that hides a place by now: it is ignored, until the rule is over', async t => {
  const { ledger, compare, clock } = world()
  const status = place('/404/400', { kind: 'status', severity: 'high' })
  const header = place('/etag', { kind: 'header' })
  compare(orders, different('/items/*/note', '/total', status, header, place('/more', { kind: 'extra' })))
  const rule = { owner: null, reason: null, until: null }
  const rules: readonly Rule[] = [
    { ...rule, id: 'rule-1', does: 'ignore', paths: ['$.items[*].note', 'header:ETag'] },
    {
      ...rule,
      id: 'rule-2',
      does: 'expect',
      paths: ['status', '$.more'],
      kinds: ['status', 'value'],
      until: clock.at + 10,
    },
    { ...rule, id: 'rule-3', does: 'tolerance', paths: ['$.total'], absolute: 1, relative: null, timeMs: null },
  ]
  compare(orders, MATCH, { rules })
  const states = () =>
    Object.fromEntries(ledger.view('orders', EVERYTHING).items.map(({ field, state }) => [field, state]))
  const before = {
    total: 'divergent',
    more: 'divergent',
    '404 → 400': 'ignored',
    note: 'ignored',
    'header etag': 'ignored',
  }
  t.same(states(), before)
  t.match(ledger.view('orders', { ...EVERYTHING, path: '/items' }).items[0]?.why, 'rule-1')
  clock.at += 10
  t.same(states(), { ...before, '404 → 400': 'divergent' })
})

t.test(
  'what a rule hides by values is ignored once the rule has hidden something and it is not seen any more',
  async t => {
    const { ledger, compare, clock } = world()
    compare(orders, different('/total', '/lines/*/amount', '/name'))
    const said = { owner: null, reason: null, until: null }
    const rules: readonly Rule[] = [
      { ...said, id: 'rule-1', does: 'tolerance', paths: ['$.total'], absolute: 1, relative: null, timeMs: null },
      { ...said, id: 'rule-2', does: 'keyed', paths: ['$.lines'], by: ['id'] },
      { ...said, id: 'rule-3', does: 'severity', paths: ['$.name'], severity: 'low' },
    ]
    const states = () => ledger.view('orders', EVERYTHING).items.map(({ field, state }) => `${field} ${state}`)
    const divergent = ['amount divergent', 'name divergent', 'total divergent']
    clock.at += 1
    compare(orders, MATCH, { rules })
    t.same(states().sort(), divergent, 'nothing was hidden yet')
    const hidden = {
      ...MATCH,
      result: 'tolerated' as const,
      suppressed: ['rule-1', 'rule-2'].map(rule => ({ rule, count: 1 })),
    }
    compare(orders, hidden, { rules })
    t.same(states().sort(), ['amount ignored', 'name divergent', 'total ignored'])
    t.match(ledger.view('orders', { ...EVERYTHING, path: '/total' }).items[0]?.why, /^not seen since rule-1/)
    clock.at += 1
    compare(orders, different('/total'), { rules })
    t.same(states().sort(), ['amount ignored', 'name divergent', 'total divergent'], 'the tolerance was not enough')
    compare(orders, MATCH)
    t.same(states().sort(), divergent, 'the rules are gone')
  },
)

t.test('what was acknowledged is new, and its rate is of what was compared since; also after a restart', async t => {
  let one = world()
  for (let i = 0; i < 40; i++) one.compare(orders, different('/a'))
  for (let i = 0; i < 60; i++) one.compare(orders, MATCH)
  const rateOf = () => one.ledger.view('orders', EVERYTHING).items[0]?.rate
  t.equal(rateOf(), 0.4)
  const [signature] = one.ledger.view('orders', EVERYTHING).items
  t.ok(one.ledger.acknowledge(signature?.signature ?? ''))
  one = one.restarted()
  for (let i = 0; i < 9; i++) one.compare(orders, MATCH)
  one.compare(orders, different('/a'))
  t.equal(rateOf(), 0.1)
  t.equal(one.restarted().ledger.view('orders', EVERYTHING).items[0]?.rate, 0.1)
})

t.test(
  'what only looks like noise is listed, and counts once it is revoked; also where nothing is learned',
  async t => {
    for (const learning of [true, false]) {
      const one = world()
      const found = different(place('/at', { prior: 'timestamp' }))
      t.equal(one.compare(orders, found, { learning }), 'noise')
      const [noise] = one.ledger.noise('orders')
      t.match(noise, { path: '/at', state: 'noise', prior: 'timestamp' })
      t.ok(one.ledger.revokeNoise('orders', noise?.id ?? ''))
      const counts = learning ? 'undecided' : 'divergent'
      t.equal(one.restarted().compare(orders, found, { learning }), counts)
      t.match(one.ledger.noise('orders'), [{ path: '/at', state: counts, prior: null }])
    }
  },
)

t.test('latency in pairs', async t => {
  const one = world()
  for (let i = 0; i < 60; i++) one.compare(orders, MATCH, { legacyMs: 100, newMs: 50 })
  for (let i = 0; i < 40; i++) one.compare(orders, MATCH, { legacyMs: 100, newMs: 300 })
  const { latency } = one.restarted().ledger.view('orders', EVERYTHING)
  t.match(latency, { pairs: 100, newSlower: 0.4 })
  const near = (ms: number | null, wanted: number) =>
    t.ok(ms !== null && Math.abs(ms / wanted - 1) < 0.13, `${ms} ~ ${wanted}`)
  near(latency.legacy.p50Ms, 100)
  near(latency.new.p95Ms, 300)
  near(latency.delta.p50Ms, -50)
  near(latency.delta.p95Ms, 200)
})

t.test('a restart changes nothing, and what was saved is not saved again', async t => {
  const one = world()
  for (const path of ['/a', '/b/*/c']) {
    one.compare(orders, { ...different(path), exemplar: exemplar(path) }, { learning: true, repeat: different('/a') })
  }
  one.compare(route('carts'), different('/a'))
  const views = (from: typeof one) =>
    ['orders', 'carts'].map(id => [from.ledger.view(id, EVERYTHING), from.ledger.noise(id)])
  const other = one.restarted()
  t.same(views(other), views(one))
  t.same(other.ledger.changes(), { put: [], remove: [] })
})

t.test('what could not be saved comes again', async t => {
  const one = world()
  one.compare(orders, different('/a'))
  const changes = one.ledger.changes()
  t.same(one.ledger.changes(), { put: [], remove: [] })
  one.ledger.unsaved(changes)
  t.same(one.ledger.changes(), changes)
})

t.test('broken records, and those of another version, are replaced; others are left alone', async t => {
  const one = world()
  one.compare(orders, { ...different('/a'), exemplar: exemplar('1') })
  one.save()
  const keys = [...one.kept.keys()]
  t.equal(keys.length, 3)
  for (const [i, key] of keys.entries()) one.kept.set(key, ['{', '{"format":99}', 'null'][i] ?? '')
  one.kept.set('other thing', 'x')
  const other = world({}, one.kept)
  t.match(other.ledger.view('orders', EVERYTHING), { totals: { eligible: 0 }, items: [] })
  other.save()
  t.same([...other.kept.keys()].sort(), ['other thing', 'shadow orders counts'])
})

t.test('a route that is gone takes all with it', async t => {
  const one = world()
  one.compare(orders, { ...different('/a'), exemplar: exemplar('1') })
  one.compare(route('carts'), different('/a'))
  one.save()
  one.ledger.retain(new Set(['carts']))
  one.save()
  t.ok([...one.kept.keys()].every(key => key.startsWith('shadow carts ')))
  t.equal(one.ledger.view('orders', EVERYTHING).totals.eligible, 0)
})

t.test('what nobody has seen for too long goes; so do exemplars', async t => {
  const one = world({ ageMs: 10 * DAY })
  one.compare(orders, { ...different('/old'), exemplar: exemplar('1') })
  one.compare(orders, { ...different('/a'), exemplar: exemplar('1') })
  one.clock.at += 9 * DAY
  one.compare(orders, { ...different('/a'), exemplar: exemplar('2', { at: one.clock.at }) })
  one.save()
  one.clock.at += 2 * DAY
  t.match(one.ledger.view('orders', EVERYTHING).items, [
    { field: 'a', count: 2, exemplar: null, latest: { exchange: '2' } },
  ])
  one.save()
  t.equal([...one.kept.keys()].filter(key => key.includes('signature')).length, 1)
})

t.test('in brief: the same match and the same faults as in full, a moment old at most', async t => {
  const { ledger, clock, compare } = world()
  const orders = route('orders')
  t.equal(ledger.brief('orders'), null)
  for (let i = 0; i < 30; i++) compare(orders, MATCH)
  compare(orders, different(place('/a', { kind: 'missing', severity: 'high' }), place('/b', { kind: 'missing' })))
  t.match(ledger.brief('orders'), { match: { of: 31, count: 30 }, divergent: 2, worst: 'high' })
  const full = ledger.view('orders', EVERYTHING)
  t.same(ledger.brief('orders')?.match, full.match)
  t.equal(full.items.filter(({ state }) => state === 'divergent').length, 2)
  compare(orders, different(place('/c', { kind: 'extra' })))
  t.equal(ledger.brief('orders')?.divergent, 2, 'not judged anew for each who looks')
  clock.at += 2_000
  t.equal(ledger.brief('orders')?.divergent, 3)
  for (const { signature } of full.items) ledger.acknowledge(signature)
  t.match(ledger.brief('orders'), { divergent: 1, worst: 'medium' }, 'what somebody did shows at once')
  ledger.retain(new Set())
  t.equal(ledger.brief('orders'), null)
})
