// Who counts as reached, as pending, and as not there.
import t from 'tap'
import { type GatherParts, gather } from '../../src/fleet/gather.ts'
import type { Peer } from '../../src/fleet/peers.ts'
import { clock, names, presenceOf } from './make.ts'

const peer = (url: string, instance: string | null, more: Partial<Peer> = {}): Peer => ({
  url,
  instance,
  self: false,
  trouble: null,
  ...more,
})
const ran = [{ worker: 1, pending: false }]

function begin(more: Partial<GatherParts>) {
  return gather({
    clock,
    since: clock.monotonic(),
    waitMs: 30,
    instance: 'a',
    expected: [],
    peers: [],
    fresh: true,
    ...more,
  })
}

t.test('alone: at once, and nobody', async t => {
  t.same(await begin({ waitMs: 60_000 }).reached, { appliedBy: [], pending: [] })
  const own = peer('http://a', 'a', { self: true })
  t.same(await begin({ waitMs: 60_000, peers: [own] }).reached, { appliedBy: [], pending: [] })
})

t.test('it ends when all have said it; the first answer of an instance counts', async t => {
  const one = begin({ waitMs: 60_000, expected: [presenceOf('b', 2), presenceOf('c', 1)], since: 10 })
  one.arrive(
    'b',
    [
      { worker: 1, pending: false },
      { worker: 2, pending: true },
    ],
    12,
  )
  one.arrive('b', [{ worker: 2, pending: false }], 13)
  one.arrive('c', ran, 9)
  const { appliedBy, pending } = await one.reached
  t.same(appliedBy, [
    { instance: 'b', worker: 1, ms: 2 },
    { instance: 'c', worker: 1, ms: 0 },
  ])
  t.same(names(pending), ['b/2'])
})

t.test('who says nothing is pending with all workers; who serves nobody yet is not waited for', async t => {
  const one = begin({ expected: [presenceOf('b', 2), presenceOf('c', 0), presenceOf('d', 1)] })
  one.arrive('d', ran)
  const { appliedBy, pending } = await one.reached
  t.same(names(appliedBy), ['d/1'])
  t.same(names(pending), ['b/1', 'b/2'])
  one.arrive('b', ran)
  t.same(names(pending), ['b/1', 'b/2'], 'what comes later changes nothing')
})

t.test('where it has ended already it is not in force', async t => {
  const one = begin({ waitMs: 60_000, expected: [presenceOf('b', 2)] })
  one.arrive('b', null)
  t.same(names((await one.reached).pending), ['b/1', 'b/2'])
})

t.test('somebody whom nobody had named counts as well', async t => {
  const stranger = peer('http://c', null)
  const one = begin({ waitMs: 60_000, expected: [presenceOf('b', 1)], peers: [stranger] })
  one.arrive('b', ran)
  one.arrive('c', ran)
  one.settle(stranger, null)
  t.same(names((await one.reached).appliedBy), ['b/1', 'c/1'])
})

t.test('a peer whose instance has answered otherwise is not waited for', async t => {
  const one = begin({ waitMs: 60_000, expected: [presenceOf('b', 1)], peers: [peer('http://b', 'b')] })
  one.arrive('b', ran)
  t.same(await one.reached.then(({ pending }) => pending), [])
})

t.test('a peer that does not answer is pending under its name, or under its address', async t => {
  const [named, stranger] = [peer('http://b', 'b'), peer('http://c', null)]
  const own = peer('http://a', 'a', { self: true })
  const one = begin({ peers: [own, named, stranger], waitMs: 60_000 })
  one.settle(named, 'timeout')
  one.settle(stranger, 'bad_signature')
  t.same(names((await one.reached).pending), ['b/1', 'http://c/1'])
  // Without an end of its own as well.
  t.same(names((await begin({ peers: [own, named, stranger] }).reached).pending), ['b/1', 'http://c/1'])
})

t.test('an address without a name may be somebody who is accounted for', async t => {
  const strangers = [peer('http://a', 'a', { self: true }), peer('http://1', null)]
  const one = begin({ expected: [presenceOf('b', 1)], peers: strangers })
  one.arrive('b', ran)
  t.same(names((await one.reached).pending), [], 'it is b')
  const other = begin({ expected: [presenceOf('b', 1)], peers: [...strangers, peer('http://3', null)] })
  other.arrive('b', ran)
  t.same(names((await other.reached).pending), ['http://3/1'])
  const alone = begin({ peers: [peer('http://1', null)] })
  t.same(names((await alone.reached).pending), ['http://1/1'], 'it is not taken for ourselves, who would answer')
})

t.test('where nobody listens, and the store knows of nobody, nobody is', async t => {
  const gone = peer('http://b', 'b')
  const own = peer('http://a', 'a', { self: true })
  for (const [fresh, expected] of [
    [true, []],
    [false, ['b/1']],
  ] as const) {
    const one = begin({ fresh, peers: [own, gone], waitMs: 60_000 })
    one.settle(gone, 'ECONNREFUSED')
    t.same(names((await one.reached).pending), expected)
  }
  const known = begin({ expected: [presenceOf('b', 1)], peers: [own, gone] })
  known.settle(gone, 'ECONNREFUSED')
  t.same(names((await known.reached).pending), ['b/1'], 'the store says that it is there')
})
