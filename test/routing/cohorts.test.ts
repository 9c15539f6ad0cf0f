// Users whose side is said before any draw: by address, fields, claims and lists of keys, and by the support desk. Who fits,
// who does not, and what is stronger.
import t from 'tap'
import { LiveKeys } from '../../src/config/key-list.ts'
import { type Decision, isForced, type RequestHead } from '../../src/model/exchange.ts'
import type { Cohort, Route, RouteSplit, StickySource, SupportPin, ValueTest } from '../../src/model/route.ts'
import { createBucketer } from '../../src/routing/bucket.ts'
import { hashOfKey } from '../../src/routing/cohorts.ts'
import { type Draws, decide } from '../../src/routing/decide.ts'
import { explain } from '../../src/routing/explain.ts'
import { networks } from '../../src/routing/network.ts'
import { readTarget } from '../../src/routing/target.ts'
import { whereIs } from '../../src/routing/who.ts'
import { createTraffic } from '../../src/traffic.ts'
import { exchange } from '../exchanges.ts'
import { draws, head, matching, overrideBy, route, split } from './make.ts'

const STICKY: readonly StickySource[] = [
  { kind: 'header', name: 'x-user' },
  { kind: 'cookie', name: 'sid' },
  { kind: 'jwt', name: 'sub' },
  { kind: 'query', name: 't' },
  { kind: 'path', name: 'tenant' },
  { kind: 'auto' },
]

function cohort(more: Partial<Cohort>): Cohort {
  return { networks: null, headers: [], cookies: [], claims: [], keys: null, side: 'new', ...more }
}

function value(name: string, kind: ValueTest['kind'] = 'present', text = ''): readonly ValueTest[] {
  return [{ name, kind, value: text }]
}

const keys = (...all: string[]) => new LiveKeys(null, new Set(all))

function jwt(claims: unknown): string {
  return `Bearer e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`
}

/** What a text is in a head: its bytes, one character each. */
const bytes = (text: string) => Buffer.from(text).toString('latin1')

function decided(one: Route, request: RequestHead, by: RouteSplit = split(0), kit: Draws = draws(() => 0)): Decision {
  const pattern = one.match.paths[0] as string
  const match = { route: one, pattern, target: readTarget(request.target), agreed: true }
  const decision = decide(match, by, request, kit)
  if (decision === 'reject') throw new Error('rejected')
  const explained = explain(match, by, request, kit)
  if (explained.side !== decision.side || explained.reason !== decision.reason) {
    throw new Error(`explained as ${explained.side} ${explained.reason}, decided ${decision.side} ${decision.reason}`)
  }
  return decision
}

function fits(one: Partial<Cohort>, more: Partial<RequestHead> = {}, target = '/t/acme/x'): boolean {
  const made = route(0, matching('/t/:tenant/*'), { cohorts: [cohort(one)], sticky: STICKY })
  const { side, reason } = decided(made, head(target, more))
  return side === 'new' && reason === 'cohort'
}

t.test('cidr: IPv4, IPv6, mapped, single addresses', async t => {
  const some = networks(['10.1.0.0/16', '192.0.2.7', 'fd00:1::/32', '2001:db8::5'])
  for (const address of ['10.1.0.1', '10.1.255.255', '::ffff:10.1.2.3', '192.0.2.7', 'fd00:1:2::3', '2001:db8::5']) {
    t.ok(fits({ networks: some }, { address }), address)
  }
  for (const address of [
    '10.2.0.1',
    '11.1.0.1',
    '::ffff:10.2.0.1',
    '192.0.2.8',
    'fd00:2::1',
    '2001:db8::6',
    '',
    'unix',
  ]) {
    t.notOk(fits({ networks: some }, { address }), address)
  }
})

t.test('header, cookie, claim: exact, prefix, suffix, present', async t => {
  const mail = 'ann@shop.example'
  const carriers = {
    headers: (text: string) => ['X-Mail', text],
    cookies: (text: string) => ['Cookie', `a=1; x-mail=${text}; b=2`],
    claims: (text: string) => ['Authorization', jwt({ 'x-mail': text })],
  }
  for (const [field, sent] of Object.entries(carriers)) {
    const one = (kind: ValueTest['kind'], text: string, headers: string[]) =>
      fits({ [field]: value('x-mail', kind, text) }, { headers })
    t.ok(one('exact', mail, sent(mail)), `${field} exact`)
    t.notOk(one('exact', mail, sent(`${mail}x`)))
    t.notOk(one('exact', mail, sent(mail.toUpperCase())), 'values keep their case')
    t.ok(one('prefix', 'ann@', sent(mail)), `${field} prefix`)
    t.notOk(one('prefix', 'nn@', sent(mail)))
    t.ok(one('suffix', '@shop.example', sent(mail)), `${field} suffix`)
    t.notOk(one('suffix', '@shop.exampl', sent(mail)))
    t.ok(one('present', '', sent(mail)), `${field} present`)
    t.ok(one('present', '', sent('')), `${field} present, and empty`)
    t.notOk(one('present', '', ['X-Other', mail, 'Cookie', 'xx-mail=1', 'Authorization', jwt({ mail })]))
    t.notOk(one('present', '', []))
  }
  t.ok(fits({ claims: value('org', 'exact', '7') }, { headers: ['authorization', jwt({ org: 7 })] }), 'a number')
  for (const org of [true, null, ['7'], { a: 7 }]) {
    t.notOk(fits({ claims: value('org') }, { headers: ['authorization', jwt({ org })] }), JSON.stringify(org))
  }
  t.notOk(fits({ claims: value('constructor') }, { headers: ['authorization', jwt({})] }))
  for (const wrong of ['Bearer', 'Bearer a', 'Bearer a.b.c', 'Basic YTpi', `bearer ${'x'.repeat(20_000)}`]) {
    t.notOk(fits({ claims: value('sub') }, { headers: ['authorization', wrong] }), wrong.slice(0, 20))
  }
})

t.test('keys: any sticky source that is present counts, whichever decides', async t => {
  const one = { keys: keys('u7', 'müller', 'acme-2', '日本') }
  t.ok(fits(one, { headers: ['x-user', 'u7'] }))
  t.ok(fits(one, { headers: ['x-user', 'somebody', 'cookie', 'sid=u7'] }), 'the second of them')
  t.ok(fits(one, { headers: ['x-user', 'somebody', 'authorization', jwt({ sub: 'u7' })] }))
  t.ok(fits(one, {}, '/t/acme/x?t=u7'))
  t.ok(fits(one, {}, '/t/acme-2/x'))
  t.notOk(fits(one, { headers: ['x-user', 'U7', 'x-other', 'u7', 'cookie', 'other=u7'] }, '/t/acme/u7?x=u7'))
  t.notOk(fits({ keys: keys() }, { headers: ['x-user', 'u7'] }), 'an empty list')
  t.notOk(fits({ keys: keys('') }, { headers: ['x-user', '', 'cookie', 'sid='] }), 'an empty value is no key')
})

t.test('keys in UTF-8: as bytes in fields, escaped in targets, as text in tokens', async t => {
  const one = { keys: keys('müller', '日本') }
  for (const name of ['müller', '日本']) {
    t.ok(fits(one, { headers: ['x-user', bytes(name)] }), `${name} in a header`)
    t.ok(fits(one, { headers: ['cookie', `sid=${bytes(name)}`] }), `${name} in a cookie`)
    t.ok(fits(one, { headers: ['authorization', jwt({ sub: name })] }), `${name} in a claim`)
    t.ok(fits(one, {}, `/t/acme/x?t=${encodeURIComponent(name)}`), `${name} in the query`)
  }
  t.ok(fits(one, { headers: ['x-user', 'm\xfcller'] }), 'a header in Latin-1')
  t.notOk(fits(one, { headers: ['x-user', 'm?ller'] }))
})

t.test('auto: the id inside our signed cookie is a key; a forged one is none', async t => {
  const kit = draws(() => 0)
  const cookie = kit.auto.create()
  const id = kit.auto.read(cookie) as string
  const made = route(0, matching('/*'), { cohorts: [cohort({ keys: keys(id) })], sticky: [{ kind: 'auto' }] })
  const by = (text: string) =>
    decided(made, head('/', { headers: ['cookie', `banyan_id=${text}`] }), split(0), kit).reason
  t.equal(by(cookie), 'cohort')
  t.equal(by(cookie.replace(/.$/, '!')), 'weight')
  t.equal(by(id), 'weight')
})

t.test('ip as a key', async t => {
  const made = route(0, matching('/*'), { cohorts: [cohort({ keys: keys('192.0.2.1') })], sticky: [{ kind: 'ip' }] })
  t.equal(decided(made, head('/')).reason, 'cohort')
  t.equal(decided(made, head('/', { address: '192.0.2.2' })).reason, 'weight')
})

t.test('all conditions must hold', async t => {
  const all: Partial<Cohort> = {
    networks: networks(['10.0.0.0/8']),
    headers: [...value('x-a'), ...value('x-b', 'exact', '2')],
    cookies: value('beta'),
    claims: value('org', 'prefix', 'acme'),
    keys: keys('u7'),
  }
  const parts: [string, string][] = [
    ['x-a', ''],
    ['x-b', '2'],
    ['cookie', 'beta=1'],
    ['authorization', jwt({ org: 'acme-eu' })],
    ['x-user', 'u7'],
  ]
  t.ok(fits(all, { address: '10.1.1.1', headers: parts.flat() }))
  t.notOk(fits(all, { address: '11.1.1.1', headers: parts.flat() }))
  for (const [i, [name]] of parts.entries()) {
    t.notOk(fits(all, { address: '10.1.1.1', headers: parts.filter((_, j) => j !== i).flat() }), `without ${name}`)
  }
})

t.test('the first that fits says the side', async t => {
  const cohorts = [
    cohort({ keys: keys('boss'), side: 'legacy' }),
    cohort({ headers: value('x-staff'), side: 'new' }),
    cohort({ headers: value('x-user'), side: 'legacy' }),
  ]
  const made = route(0, matching('/*'), { cohorts, sticky: STICKY })
  const side = (...headers: string[]) => {
    const { side, reason } = decided(made, head('/', { headers }), split(100))
    return `${side} ${reason}`
  }
  t.equal(side('x-user', 'boss', 'x-staff', '1'), 'legacy cohort')
  t.equal(side('x-user', 'ann', 'x-staff', '1'), 'new cohort')
  t.equal(side('x-user', 'ann'), 'legacy cohort')
  t.equal(side(), 'new weight')
})

t.test('a list is a living thing: what is replaced counts at the next request', async t => {
  const list = keys('a')
  const made = route(0, matching('/*'), { cohorts: [cohort({ keys: list })], sticky: STICKY })
  const by = (user: string) => decided(made, head('/', { headers: ['x-user', user] })).reason
  t.same([by('a'), by('b')], ['cohort', 'weight'])
  list.replace(new Set(['b']))
  t.same([by('a'), by('b')], ['weight', 'cohort'])
  t.equal(list.size, 1)
})

t.test('rollback, writes, preflight and override are stronger; pin, freeze and weight weaker', async t => {
  const made = route(0, matching('/*'), {
    cohorts: [cohort({ headers: value('x-beta') })],
    override: overrideBy('x-side', ['192.0.2.0/24']),
    data: 'separate',
  })
  const ask = (more: Partial<RequestHead>, by: RouteSplit, ...headers: string[]) => {
    const request = head('/', { ...more, headers: ['x-beta', '1', ...headers] })
    const { side, reason } = decided(made, request, by)
    return `${side} ${reason}`
  }
  t.equal(ask({}, split(0)), 'new cohort')
  t.equal(ask({}, split(0, { frozen: true })), 'new cohort')
  t.equal(ask({}, split(100, { rolledBack: true, threshold: 0 })), 'legacy rollback')
  t.equal(ask({ method: 'POST' }, split(0)), 'legacy writes')
  t.equal(ask({}, split(0), 'x-side', 'legacy'), 'legacy override')
  const preflight = ['origin', 'http://a', 'access-control-request-method', 'GET']
  t.equal(ask({ method: 'OPTIONS' }, split(0), ...preflight), 'legacy preflight')
})

// ---- the support desk

function desk(pins: Readonly<Record<string, SupportPin>>, more: Partial<RouteSplit> = {}): RouteSplit {
  const supportPins = new Map(Object.entries(pins).map(([key, pin]) => [hashOfKey(key), pin]))
  return split(0, { supportPins, ...more })
}

t.test('a support pin counts by any key of the request, until its time is over', async t => {
  const made = route(0, matching('/t/:tenant/*'), { sticky: STICKY })
  const pins = desk({ u7: { side: 'new', until: 1_000 }, müller: { side: 'new', until: 1_000 } })
  const at = (ms: number, headers: string[], target = '/t/acme/x') => {
    const kit = { ...draws(() => 0), now: () => ms }
    return decided(made, head(target, { headers }), pins, kit).reason
  }
  t.equal(at(999, ['x-user', 'u7']), 'pin')
  t.equal(at(1_000, ['x-user', 'u7']), 'weight')
  t.equal(at(0, ['x-user', 'other', 'cookie', 'sid=u7']), 'pin')
  t.equal(at(0, [], '/t/u7/x'), 'pin')
  t.equal(at(0, ['x-user', bytes('müller')]), 'pin')
  t.equal(at(0, ['x-user', 'other']), 'weight')
})

t.test('the support desk is stronger than a cohort, and weaker than a rollback, writes and an override', async t => {
  const made = route(0, matching('/*'), {
    sticky: STICKY,
    cohorts: [cohort({ headers: value('x-user'), side: 'legacy' })],
    override: overrideBy('x-side', ['192.0.2.0/24']),
    data: 'separate',
  })
  const ask = (by: Partial<RouteSplit>, more: Partial<RequestHead> = {}, ...headers: string[]) => {
    const request = head('/', { ...more, headers: ['x-user', 'u7', ...headers] })
    const { side, reason } = decided(made, request, desk({ u7: { side: 'new', until: 1_000 } }, by))
    return `${side} ${reason}`
  }
  t.equal(ask({}), 'new pin')
  t.equal(ask({ frozen: true }), 'new pin')
  t.equal(ask({ rolledBack: true }), 'legacy rollback')
  t.equal(ask({}, { method: 'POST' }), 'legacy writes')
  t.equal(ask({}, {}, 'x-side', 'legacy'), 'legacy override')
})

t.test(
  'what was said says nothing of the split: neither a cohort nor the support desk is in the observed share',
  async t => {
    const made = route(0, matching('/*'), { sticky: STICKY, cohorts: [cohort({ headers: value('x-beta') })] })
    const pins = desk({ u7: { side: 'new', until: 1_000 } })
    const byCohort = decided(made, head('/', { headers: ['x-beta', '1'] }))
    const byDesk = decided(made, head('/', { headers: ['x-user', 'u7'] }), pins)
    const drawn = decided(made, head('/', { headers: ['x-user', 'u8'] }), pins)
    t.same([byCohort, byDesk, drawn].map(isForced), [true, true, false])
    const traffic = createTraffic({ now: () => 0, monotonic: () => 600_000 })
    for (const one of [byCohort, byDesk, drawn]) traffic.exchange(exchange(one))
    t.match(traffic.of('r0'), { observed: 0, observedRequests: 1, reasons: { cohort: 1, pin: 1, weight: 1 } })
  },
)

// ---- where a user is

t.test('who says what a request with that key gets, where the key alone can tell', async t => {
  const kit = { ...draws(createBucketer('s', 'r0')), now: () => 0 }
  const sticky = [{ kind: 'header' as const, name: 'x-user' }]
  const made = route(0, matching('/*'), { sticky, cohorts: [cohort({ keys: keys('beta', 'straße') })] })
  const by = desk({ desk: { side: 'new', until: 1_000 }, gone: { side: 'new', until: 0 } }, split(40))
  for (const state of [by, { ...by, frozen: true }, { ...by, rolledBack: true }]) {
    for (const user of [
      'beta',
      'straße',
      'desk',
      'gone',
      'müller',
      '日本',
      ...Array.from({ length: 200 }, (_, i) => `u${i}`),
    ]) {
      const { side, reason } = decided(made, head('/', { headers: ['x-user', bytes(user)] }), state, kit)
      t.match(whereIs(made, state, user, kit), { side, reason }, user)
    }
  }
})

t.test('who: what only a request can tell', async t => {
  const kit = draws(() => 0)
  const one = (more: Partial<Route>, by = split(40)) => whereIs(route(0, matching('/*'), more), by, 'u7', kit)
  t.match(one({}), { side: null, reason: 'weight', why: /no sticky keys/ })
  t.match(one({ sticky: STICKY, cohorts: [cohort({ keys: keys('u7'), headers: value('x') })] }), {
    side: null,
    reason: 'cohort',
    why: /if the request fits/,
  })
  const sides = route(0, matching('/')).sides
  t.match(one({ sides: { ...sides, new: null } }), { side: 'legacy', reason: 'only' })
  t.match(one({ sides: { ...sides, legacy: null } }), { side: 'new', reason: 'only' })
  const pin = { idleMs: 1, admit: 'anyone' as const, session: [] }
  const override = overrideBy('x', ['10.0.0.0/8'])
  t.match(
    one({ sticky: STICKY, pin, override, cohorts: [cohort({ headers: value('x') })] }).why,
    /keeps it, .*cohort.*override/,
  )
})
