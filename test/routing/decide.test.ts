// Who serves, and why: every reason reachable, in the order of authority; the explanation says the same.
import fc from 'fast-check'
import t from 'tap'
import { LiveKeys } from '../../src/config/key-list.ts'
import type { Decision, RequestHead } from '../../src/model/exchange.ts'
import type { Cohort, PinPolicy, Route, RouteSplit, Side } from '../../src/model/route.ts'
import { BUCKETS, createBucketer } from '../../src/routing/bucket.ts'
import { hashOfKey } from '../../src/routing/cohorts.ts'
import { type Draws, decide as decideOrReject } from '../../src/routing/decide.ts'
import { explain } from '../../src/routing/explain.ts'
import { signLink } from '../../src/routing/links.ts'
import type { Match } from '../../src/routing/match.ts'
import { createPins } from '../../src/routing/pins.ts'
import { createSeal } from '../../src/routing/seal.ts'
import { readTarget } from '../../src/routing/target.ts'
import { backend, draws, head, matching, overrideBy, route, split } from './make.ts'

const SEED = Number(process.env.SEED ?? 99)

/** Where nothing is rejected. */
function decide(...given: Parameters<typeof decideOrReject>): Decision {
  const decided = decideOrReject(...given)
  if (decided === 'reject') throw new Error('rejected')
  return decided
}

const override = overrideBy('x-banyan-side', ['10.0.0.0/8'])

function match(one: Route, request: RequestHead, agreed = true): Match {
  return { route: one, pattern: one.match.paths[0] as string, target: readTarget(request.target), agreed }
}

t.test('each reason, from the strongest down', async t => {
  const asks = head('/a', { method: 'POST', address: '10.1.1.1', headers: ['X-Banyan-Side', 'new'] })
  const two = route(0, matching('/a'), { data: 'separate', override })
  const everything = split(100, { rolledBack: true, frozen: true, threshold: 0 })
  const by = (one: Route, s: RouteSplit, request: RequestHead, agreed = true) => {
    const { side, reason } = decide(
      match(one, request, agreed),
      s,
      request,
      draws(() => 0),
    )
    return `${side} ${reason}`
  }
  const only = { ...two, sides: { legacy: null, new: backend('n') } }
  t.equal(by(only, everything, asks), 'new only')
  t.throws(() => by(only, everything, asks, false), /rejected/)
  t.throws(() => by({ ...two, ambiguous: 'reject' }, split(0), asks, false), /rejected/)
  t.equal(by({ ...two, sides: { legacy: backend('l'), new: null } }, split(0), asks), 'legacy only')
  t.equal(by(two, everything, asks, false), 'legacy rollback')
  t.equal(by(two, split(100, { frozen: true }), asks, false), 'legacy ambiguous')
  t.equal(by(two, split(100, { frozen: true }), asks), 'legacy writes')
  const reads = { ...asks, method: 'GET' }
  t.equal(by(two, split(0, { frozen: true }), reads), 'new override')
  t.equal(by(two, split(100, { frozen: true }), { ...reads, address: '11.0.0.1' }), 'new frozen')
  t.equal(by(two, split(100), { ...reads, headers: [] }), 'new weight')
  t.equal(by({ ...two, data: 'shared' }, split(100), { ...asks, headers: [] }), 'new weight')
})

t.test('an unknown method may write; safe ones do not', async t => {
  const separate = route(0, matching('/a'), { data: 'separate' })
  for (const [method, expected] of Object.entries({
    GET: 'weight',
    HEAD: 'weight',
    OPTIONS: 'weight',
    QUERY: 'weight',
    POST: 'writes',
    PUT: 'writes',
    PATCH: 'writes',
    DELETE: 'writes',
    PROPFIND: 'writes',
    FROBNICATE: 'writes',
  })) {
    const request = head('/a', { method })
    t.equal(
      decide(
        match(separate, request),
        split(100),
        request,
        draws(() => 0),
      ).reason,
      expected,
      method,
    )
  }
})

t.test('an override counts only with the two words, from the named networks', async t => {
  const one = route(0, matching('/a'), { override })
  const from = (address: string, said: string) => {
    const request = head('/a', { address, headers: ['x-banyan-side', said] })
    return decide(
      match(one, request),
      split(0),
      request,
      draws(() => 0),
    ).reason
  }
  t.equal(from('10.0.0.1', 'new'), 'override')
  t.equal(from('::ffff:10.0.0.1', 'new'), 'override')
  t.equal(from('10.0.0.1', 'NEW'), 'weight')
  t.equal(from('10.0.0.1', 'new, legacy'), 'weight')
  t.equal(from('192.168.0.1', 'new'), 'weight')
})

t.test('without a key each request draws; with one the bucket decides', async t => {
  const one = route(0, matching('/a'), { sticky: [{ kind: 'header', name: 'x-user-id' }] })
  const keyed = head('/a', { headers: ['X-User-Id', '7'] })
  const by = decide(
    match(one, keyed),
    split(50),
    keyed,
    draws(() => BUCKETS / 2 - 1),
  )
  t.match(by, { side: 'new', keyFrom: 'header:x-user-id', bucket: BUCKETS / 2 - 1 })
  t.match(
    decide(
      match(one, keyed),
      split(50),
      keyed,
      draws(() => BUCKETS / 2),
    ),
    { side: 'legacy' },
  )
  const bare = head('/a')
  t.match(
    decide(
      match(one, bare),
      split(50),
      bare,
      draws(
        () => 0,
        () => 0.49,
      ),
    ),
    { side: 'new', keyFrom: null },
  )
  t.match(
    decide(
      match(one, bare),
      split(50),
      bare,
      draws(
        () => 0,
        () => 0.5,
      ),
    ),
    { side: 'legacy', keyFrom: null },
  )
})

t.test('auto: the first request gets an id and is already on its side', async t => {
  const one = route(0, matching('/a'), { sticky: [{ kind: 'auto' }] })
  const kit = draws(createBucketer('s', 'r0'))
  const first = head('/a')
  const begun = decide(match(one, first), split(50), first, kit)
  t.ok(begun.issue?.id)
  const later = head('/a', { headers: ['Cookie', `x=1; banyan_id=${begun.issue?.id}; y=2`] })
  const again = decide(match(one, later), split(50), later, kit)
  t.equal(again.issue, null)
  t.equal(again.bucket, begun.bucket)
  const forged = head('/a', { headers: ['Cookie', `banyan_id=${begun.issue?.id?.replace(/.$/, '!')}`] })
  t.ok(decide(match(one, forged), split(50), forged, kit).issue?.id, 'a forged one is replaced')
})

t.test('a preflight: whom the route names answers it, or whoever would serve the method that it asks for', async t => {
  const asking = (method: string, more: Partial<RequestHead> = {}) =>
    head('/a', { method: 'OPTIONS', ...more, headers: ['Origin', 'http://a', 'Access-Control-Request-Method', method] })
  const by = (preflight: Route['preflight'], data: Route['data'], request: RequestHead, state = split(100)) => {
    const one = route(0, matching('/a'), { preflight, data, override })
    const { side, reason } = decide(
      match(one, request),
      state,
      request,
      draws(() => 0),
    )
    return `${side} ${reason}`
  }
  for (const data of ['separate', 'shared'] as const) {
    for (const method of ['GET', 'POST']) {
      t.equal(by('legacy', data, asking(method)), 'legacy preflight', `${data} ${method}`)
      t.equal(by('new', data, asking(method), split(0)), 'new preflight', `${data} ${method}`)
    }
    t.equal(by('follow', data, asking('GET')), 'new weight')
    t.equal(by('follow', data, asking('GET'), split(0)), 'legacy weight')
  }
  t.equal(by('follow', 'separate', asking('DELETE')), 'legacy writes', 'as the DELETE will be')
  t.equal(by('follow', 'shared', asking('DELETE')), 'new weight')
  t.equal(by('new', 'shared', asking('GET'), split(100, { rolledBack: true, threshold: 0 })), 'legacy rollback')
  const forced = { ...asking('GET'), address: '10.0.0.1' }
  const overriding = { ...forced, headers: [...forced.headers, 'X-Banyan-Side', 'new'] }
  t.equal(by('legacy', 'shared', overriding, split(0)), 'legacy preflight', 'nobody overrides a preflight')
  t.equal(by('follow', 'shared', overriding, split(0)), 'new override')
  for (const headers of [['Origin', 'http://a'], ['Access-Control-Request-Method', 'GET'], []]) {
    t.equal(
      by('legacy', 'shared', head('/a', { method: 'OPTIONS', headers })),
      'new weight',
      'an OPTIONS like any other',
    )
  }
  t.equal(by('legacy', 'shared', { ...asking('GET'), method: 'GET' }), 'new weight')
  const legacyOnly = route(0, matching('/a'), { preflight: 'new', sides: { legacy: backend('l'), new: null } })
  const request = asking('GET')
  t.equal(
    decide(
      match(legacyOnly, request),
      split(0),
      request,
      draws(() => 0),
    ).reason,
    'only',
  )
})

t.test(`the explanation says what the decision does (seed ${SEED})`, async t => {
  const NOW = 1_790_000_000_000
  const policy = (admit: PinPolicy['admit']): PinPolicy => ({ idleMs: 60_000, admit, session: ['sid'] })
  const pinSeal = createSeal('seed', 'pin')
  const linkSeal = createSeal('seed', 'link')
  const pinToken = (side: string, ageMs: number, tag = '') =>
    pinSeal.sign('r0', [side, Math.floor((NOW - ageMs) / 1000).toString(36), tag])
  const linkToken = (side: Side, forMs: number, unit = 'r0') =>
    signLink(linkSeal, { unit, side, expiresAt: NOW + forMs, host: null })
  const token = fc.constantFrom(
    null,
    linkToken('new', 1_000),
    linkToken('legacy', 1_000),
    linkToken('new', -1_000),
    linkToken('new', 1_000, 'other'),
    'off',
    'junk',
  )
  const pinned = fc.constantFrom(
    null,
    pinToken('n', 0),
    pinToken('l', 0),
    pinToken('n', 120_000),
    pinToken('n', 120_000, pinSeal.tag('s1')),
    'junk',
  )
  const mapped = (user: string, side: Side): Cohort => ({
    networks: null,
    headers: [],
    cookies: [],
    claims: [],
    keys: new LiveKeys(null, new Set([user])),
    side,
  })
  const arbitrary = fc.record({
    percent: fc.constantFrom(0, 5, 50, 100),
    rolledBack: fc.boolean(),
    frozen: fc.boolean(),
    agreed: fc.boolean(),
    data: fc.constantFrom('separate' as const, 'shared' as const),
    method: fc.constantFrom('GET', 'POST', 'OPTIONS'),
    sides: fc.constantFrom('both', 'both', 'both', 'legacy', 'new'),
    ambiguous: fc.constantFrom('legacy' as const, 'reject' as const),
    said: fc.constantFrom('new', 'legacy', 'none', 'none'),
    address: fc.constantFrom('10.0.0.1', '1.1.1.1'),
    user: fc.constantFrom('ann', 'bob', 'cid', 'dan'),
    asks: fc.constantFrom(null, null, 'GET', 'PUT'),
    preflight: fc.constantFrom('legacy' as const, 'new' as const, 'follow' as const),
    cohorts: fc.array(fc.tuple(fc.constantFrom('ann', 'bob'), fc.constantFrom('legacy' as const, 'new' as const)), {
      maxLength: 2,
    }),
    desk: fc.constantFrom(null, { side: 'new' as const, until: NOW + 1 }, { side: 'new' as const, until: NOW }),
    links: fc.boolean(),
    query: token,
    header: token,
    kept: token,
    pin: fc.constantFrom(null, policy('anyone'), policy('new-sessions')),
    pinned,
    session: fc.constantFrom(null, 's1'),
  })
  const reasons = new Map<string, number>()
  fc.assert(
    fc.property(arbitrary, one => {
      const sides = {
        legacy: one.sides === 'new' ? null : backend('l'),
        new: one.sides === 'legacy' ? null : backend('n'),
      }
      const made = route(0, matching('/a'), {
        sides,
        data: one.data,
        ambiguous: one.ambiguous,
        override: { ...override, links: one.links },
        pin: one.pin,
        preflight: one.preflight,
        cohorts: one.cohorts.map(([user, side]) => mapped(user, side)),
        sticky: [{ kind: 'header', name: 'x-user' }],
      })
      const cookies = { sid: one.session, banyan_pin_r0: one.pinned, banyan_link_r0: one.kept }
      const cookie = Object.entries(cookies).flatMap(([name, text]) => (text === null ? [] : [`${name}=${text}`]))
      const request = head(one.query === null ? '/a' : `/a?banyan_side=${one.query}`, {
        method: one.method,
        address: one.address,
        headers: [
          ...['x-user', one.user, 'x-banyan-side', one.said],
          ...(one.asks === null ? [] : ['origin', 'http://a', 'access-control-request-method', one.asks]),
          ...(one.header === null ? [] : ['x-banyan-link', one.header]),
          ...(cookie.length === 0 ? [] : ['cookie', cookie.join('; ')]),
        ],
      })
      const supportPins = one.desk === null ? null : new Map([[hashOfKey('cid'), one.desk]])
      const state = split(one.percent, { rolledBack: one.rolledBack, frozen: one.frozen, supportPins })
      const units = new Map(one.pin === null ? [] : [['r0', one.pin]])
      const kit: Draws = {
        ...draws(createBucketer('s', 'r0')),
        pins: createPins(units, pinSeal, () => NOW),
        now: () => NOW,
      }
      const decided = decideOrReject(match(made, request, one.agreed), state, request, kit)
      const explained = explain(match(made, request, one.agreed), state, request, kit)
      const reason = decided === 'reject' ? 'reject' : decided.reason
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      const same =
        decided === 'reject'
          ? explained.side === null && explained.reason === 'ambiguous'
          : decided.side === explained.side && decided.reason === explained.reason
      return same && explained.considered.filter(step => step.applies).length === 1
    }),
    { seed: SEED, numRuns: 10_000 },
  )
  const reached = 'cohort frozen ambiguous only override pin preflight reject rollback weight writes'.split(' ')
  t.same(new Set(reasons.keys()), new Set(reached), JSON.stringify(Object.fromEntries(reasons)))
})
