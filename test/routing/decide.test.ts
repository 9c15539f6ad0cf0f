// Who serves, and why: every reason reachable, in the order of authority; the explanation says the same.
import fc from 'fast-check'
import t from 'tap'
import type { Decision, RequestHead } from '../../src/model/exchange.ts'
import type { Route, RouteSplit } from '../../src/model/route.ts'
import { BUCKETS, createBucketer } from '../../src/routing/bucket.ts'
import { decide as decideOrReject } from '../../src/routing/decide.ts'
import { explain } from '../../src/routing/explain.ts'
import type { Match } from '../../src/routing/match.ts'
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

t.test(`the explanation says what the decision does (seed ${SEED})`, async () => {
  const kit = draws(createBucketer('s', 'r0'))
  const arbitrary = fc.record({
    percent: fc.constantFrom(0, 5, 50, 100),
    rolledBack: fc.boolean(),
    frozen: fc.boolean(),
    agreed: fc.boolean(),
    data: fc.constantFrom('separate' as const, 'shared' as const),
    method: fc.constantFrom('GET', 'POST'),
    sides: fc.constantFrom('both', 'legacy', 'new'),
    said: fc.constantFrom('new', 'legacy', 'none'),
    address: fc.constantFrom('10.0.0.1', '1.1.1.1'),
    user: fc.string({ minLength: 1 }),
  })
  fc.assert(
    fc.property(arbitrary, one => {
      const sides = {
        legacy: one.sides === 'new' ? null : backend('l'),
        new: one.sides === 'legacy' ? null : backend('n'),
      }
      const made = route(0, matching('/a'), {
        sides,
        data: one.data,
        override,
        sticky: [{ kind: 'header', name: 'x-user' }],
      })
      const request = head('/a', {
        method: one.method,
        address: one.address,
        headers: ['x-user', one.user, 'x-banyan-side', one.said],
      })
      const state = split(one.percent, { rolledBack: one.rolledBack, frozen: one.frozen })
      const decided = decideOrReject(match(made, request, one.agreed), state, request, kit)
      const explained = explain(match(made, request, one.agreed), state, request, kit)
      const same =
        decided === 'reject'
          ? explained.side === null && explained.reason === 'ambiguous'
          : decided.side === explained.side && decided.reason === explained.reason
      return same && explained.considered.filter(step => step.applies).length === 1
    }),
    { seed: SEED, numRuns: 2000 },
  )
})
