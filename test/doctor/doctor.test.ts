// The whole report: every area always, worst first, bounded, limited to the asker's routes; and the parts that only judge.
import t from 'tap'
import { AREAS, type Finding, type Sighted } from '../../src/doctor/finding.ts'
import { type StoreSeen, storeFindings } from '../../src/doctor/store.ts'
import { tlsFindings } from '../../src/doctor/tls.ts'
import type { Exchange } from '../../src/model/exchange.ts'
import { decided, exchange, failure } from '../exchanges.ts'
import { backend, head, matching, route } from '../routing/make.ts'
import { AT, makeDoctor, planOf, sample } from './make.ts'

const DAY = 86_400_000
const orders = route(0, matching('/orders/*'), { id: 'orders', sticky: [{ kind: 'header', name: 'x-user-id' }] })
const old = route(1, matching('/old/*'), { id: 'old', sides: { legacy: backend('legacy'), new: null } })

function codesOf(found: readonly Pick<Finding, 'code' | 'level'>[]): string[] {
  return found.map(({ code, level }) => `${level} ${code}`)
}

t.test('every area has an entry, before and after there was traffic', async t => {
  const { doctor, clock } = makeDoctor(planOf([orders, old]))
  const areas = (checks: readonly { readonly area: string }[]) => [...new Set(checks.map(({ area }) => area))]
  const empty = await doctor.report(null)
  t.same(areas(empty.checks), [...AREAS])
  t.match(empty, { paste: null, since: AT, sampled: 0, seen: 0 })
  for (let i = 0; i < 300; i++) {
    clock.pass(10)
    const one = sample(orders, { headers: ['x-user-id', `u${i}`] })
    doctor.exchange(one.exchange, one.head)
    doctor.sample(one)
  }
  const full = await doctor.report(null)
  t.same(areas(full.checks), [...AREAS])
  t.match(full, { sampled: 300, seen: 300 })
  t.same(
    full.checks.filter(({ level }) => level === 'warn' || level === 'bad'),
    [],
  )
  t.same(doctor.warnings(), [])
})

t.test('one key is a warning of the status as well', async t => {
  const { doctor } = makeDoctor(planOf([orders]))
  for (let i = 0; i < 300; i++)
    doctor.sample(sample(orders, { headers: ['x-user-id', 'same'], address: `192.0.2.${i % 99}` }))
  t.match(doctor.warnings(), [{ code: 'one_key', route: 'orders', message: /100 % of the traffic/ }])
})

t.test('one address: a note, and a warning where it is one bucket', async t => {
  const byAddress = { ...orders, sticky: [{ kind: 'ip' as const }] }
  for (const [of, level, warned] of [
    [orders, 'note', 0],
    [byAddress, 'warn', 1],
  ] as const) {
    const { doctor } = makeDoctor(planOf([of]), { keyOf: () => null })
    for (let i = 0; i < 300; i++) doctor.sample(sample(of, { address: '10.0.0.7' }))
    const { checks } = await doctor.report(null)
    t.match(
      checks.filter(({ area }) => area === 'forwarders'),
      [{ code: 'one_address', level }],
    )
    t.equal(doctor.warnings().filter(({ code }) => code === 'one_address').length, warned)
  }
})

t.test('who forwards for itself alone may be a client, and what is named is not told', async t => {
  const clientIp = { from: { texts: ['10.0.0.9'], contains: (address: string) => address === '10.0.0.9' }, hops: 1 }
  const { doctor } = makeDoctor(planOf([orders], { clientIp }), {
    forwarders: () => ['203.0.113.9', '10.0.0.7', '10.0.0.9', 'x'],
  })
  for (let i = 0; i < 400; i++) {
    const told = i % 40 === 0 ? '1.1.1.1' : `198.51.100.${i}`
    const address = i % 40 === 0 ? '203.0.113.9' : '10.0.0.7'
    doctor.sample(sample(orders, { address, headers: ['X-Forwarded-For', told] }))
  }
  const { checks, paste } = await doctor.report(null)
  const found = checks.filter(({ area }) => area === 'forwarders')
  t.same(
    found.map(({ level, evidence }) => [level, evidence.address]),
    [
      ['warn', '10.0.0.7'],
      ['note', '203.0.113.9'],
    ],
  )
  t.match(paste, /^# 203\.0\.113\.9 /m)
  t.match(paste, /from: \["10\.0\.0\.9", "10\.0\.0\.7"\]/)
})

t.test('a quirk that is let in since is not told', async t => {
  const refused = (): Exchange =>
    exchange(decided(old, 'legacy'), { failure: { ...failure('legacy', 'protocol'), quirk: 'bare-lf' } })
  const { doctor } = makeDoctor(planOf([old]))
  doctor.exchange(refused(), head('/old/1'))
  doctor.exchange(refused(), head('/old/1'))
  const { checks } = await doctor.report(null)
  t.match(
    checks.find(({ area }) => area === 'wire'),
    { code: 'quirk_refused', level: 'bad', evidence: { count: 2 } },
  )
  const plan = planOf([old])
  const lenient = plan.backends.map(one => ({ ...one, wire: { ...one.wire, accept: new Set(['bare-lf' as const]) } }))
  const { doctor: mended } = makeDoctor({ ...plan, backends: lenient })
  mended.exchange(refused(), head('/old/1'))
  t.equal((await mended.report(null)).checks.find(({ area }) => area === 'wire')?.code, 'wire_ok')
})

t.test('what is counted elsewhere is passed on, each with what would mend it', async t => {
  const sighted: Sighted[] = [
    {
      code: 'cookie_clash',
      message: 'm',
      route: 'orders',
      count: 1,
      note: { kind: 'set-cookie', route: 'orders', side: 'new', name: 'sid' },
    },
    {
      code: 'cookie_clash',
      message: 'm',
      route: 'orders',
      count: 1,
      note: { kind: 'set-cookie', route: 'orders', side: 'new', name: 'a\nb: c' },
    },
    {
      code: 'legacy_leak',
      message: 'm',
      route: 'orders',
      count: 9,
      note: { kind: 'leak', route: 'orders', side: 'legacy', where: 'location' },
    },
    {
      code: 'legacy_leak',
      message: 'm',
      route: 'old',
      count: 9,
      note: { kind: 'leak', route: 'old', side: 'legacy', where: 'link' },
    },
    {
      code: 'shared_cache',
      message: 'm',
      route: 'orders',
      count: 2,
      note: { kind: 'shared-cache', route: 'orders', side: 'new' },
    },
    { code: 'would_have_cut', message: 'm', route: null, count: 3, note: { kind: 'would-cut', limit: 'fields' } },
    { code: 'would_have_cut', message: 'm', route: null, count: 3, note: { kind: 'would-cut', limit: 'answer_time' } },
    {
      code: 'wire_quirk',
      message: 'm',
      route: null,
      count: 3,
      note: { kind: 'quirk', side: 'legacy', quirk: 'http-1.0' },
    },
  ]
  const { doctor } = makeDoctor(planOf([orders, old]), { sighted: () => sighted })
  doctor.sample(sample(orders, { headers: Array.from({ length: 600 }, () => 'x') }))
  const { checks, paste } = await doctor.report(null)
  for (const code of ['cookie_clash', 'legacy_leak', 'shared_cache', 'would_have_cut', 'wire_quirk']) {
    t.ok(
      checks.some(one => one.code === code),
      code,
    )
  }
  t.notOk(checks.some(one => 'remedy' in one))
  t.match(paste, /fields: 600/)
  t.match(paste, /leaks: rewrite/)
  t.match(paste, /cache: private-while-split/)
  t.match(paste, /prefix: n_/)
  t.notMatch(paste, 'b: c')
})

t.test('worst first, bounded in each area, and limited to what the asker may see', async t => {
  const routes = Array.from({ length: 80 }, (_, i) => route(i, matching('/x/*'), { id: `r${i}` }))
  const sighted = routes.map(
    ({ id }): Sighted => ({
      code: 'shared_cache',
      message: id,
      route: id,
      count: 1,
      note: { kind: 'shared-cache', route: id, side: 'new' },
    }),
  )
  const { doctor } = makeDoctor(planOf(routes), { sighted: () => sighted })
  const { checks } = await doctor.report(null)
  const caches = checks.filter(({ area }) => area === 'caches')
  t.equal(caches.length, 51)
  t.match(caches.at(-1), { code: 'more', evidence: { left: 30 } })
  const limited = await doctor.report(new Set(['r79']))
  t.same(
    limited.checks.flatMap(one => one.route ?? []),
    ['r79'],
  )
  t.match(limited.paste, /id: r79/)
  t.notMatch(limited.paste, /r78/)
})

t.test('certificates by their days', async t => {
  const peer = (days: number, protocol = 'TLSv1.3') => ({
    backend: 'b',
    address: '10.0.0.5:443',
    validTo: AT + days * DAY,
    protocol,
  })
  const of = (days: number, protocol?: string) =>
    codesOf(tlsFindings({ ownValidTo: null, peers: [peer(days, protocol)], secureBackends: ['b'] }, AT).slice(1))
  t.same(of(90), ['ok certificate_valid'])
  t.same(of(29), ['warn certificate_soon'])
  t.same(of(6), ['bad certificate_soon'])
  t.same(of(-1), ['bad certificate_expired'])
  t.same(of(90, 'TLSv1.1'), ['ok certificate_valid', 'warn tls_old'])
  const own = { ownValidTo: AT + 3 * DAY, peers: [], secureBackends: ['c'] }
  t.same(codesOf(tlsFindings(own, AT)), ['bad certificate_soon', 'note tls_unknown'])
})

t.test('the store', async t => {
  const well: StoreSeen = {
    kind: 'sqlite',
    healthy: true,
    unsaved: 0,
    unkept: 0,
    lastCommitMs: 3,
    directory: '/x',
    freeBytes: 2 ** 36,
    schema: { stored: 2, known: 2 },
  }
  const of = (more: Partial<StoreSeen>) => codesOf(storeFindings({ ...well, ...more }))
  t.same(of({}), ['ok store_ok'])
  t.same(of({ lastCommitMs: null, freeBytes: null }), ['ok store_ok'])
  t.same(of({ kind: 'memory' }), ['note store_memory'])
  t.same(of({ healthy: false, unsaved: 2 }), ['bad store_unhealthy', 'bad unsaved_rollback'])
  t.same(of({ freeBytes: 2 ** 28 }), ['warn store_space'])
  t.same(of({ freeBytes: 2 ** 20 }), ['bad store_space'])
  t.same(of({ lastCommitMs: 900 }), ['warn store_slow'])
  t.same(of({ schema: null }), ['ok store_ok'])
  t.same(of({ schema: { stored: 3, known: 2 } }), ['warn store_schema'])
})
