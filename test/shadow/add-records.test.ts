// Findings of several instances as one: whoever saw what, and in whatever order they are added, the sum is the same as if one
// had seen everything.
import fc from 'fast-check'
import t from 'tap'
import { SHADOW_RESULTS } from '../../src/model/comparison.ts'
import { addRecords } from '../../src/shadow/add-records.ts'
import type { RouteShadowView } from '../../src/shadow/view.ts'
import { different, EVERYTHING, exemplar, MATCH, route, world } from './ledger-make.ts'

const SEED = Number(process.env.SEED ?? 4711)
const orders = route('orders')

type World = ReturnType<typeof world>

/** All that it would save. */
function saved({ ledger }: World): readonly (readonly [string, string])[] {
  return ledger.changes().put
}

const step = fc.record({
  at: fc.integer({ min: 0, max: 2 }),
  what: fc.oneof(
    fc.record({ end: fc.constantFrom(...SHADOW_RESULTS.slice(0, 5)) }),
    fc.record({
      paths: fc.uniqueArray(fc.constantFrom('/a', '/b', '/c/d'), { maxLength: 3 }),
      template: fc.constantFrom('/x', '/y'),
    }),
  ),
})

function run(one: World, what: { end: (typeof SHADOW_RESULTS)[number] } | { paths: string[]; template: string }): void {
  if ('end' in what) one.ledger.ended(orders, what.end, null)
  else one.compare(orders, what.paths.length === 0 ? MATCH : different(...what.paths), { template: what.template })
}

/** What does not depend on who judged when. */
function counts(view: RouteShadowView): unknown {
  const items = view.items.map(({ signature, count, differences }) => ({
    signature,
    count,
    places: differences.map(({ path, count: times }) => `${path} ${times}`).sort(),
  }))
  return {
    eligible: view.totals.eligible,
    compared: view.match.of + (view.totals.results.undecided ?? 0),
    pairs: view.latency.pairs,
    items: items.sort((a, b) => (a.signature < b.signature ? -1 : 1)),
  }
}

t.test(`three that saw a part each, looked at from any of them, are as one that saw all (seed ${SEED})`, async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      const all = world()
      const three = [world(), world(), world()]
      for (const { at, what } of steps) {
        run(all, what)
        run(three[at] as World, what)
      }
      const records = three.map(saved)
      const whole = JSON.stringify(counts(all.ledger.view('orders', EVERYTHING)))
      return three.every(({ ledger }, i) => {
        const others = records.flatMap((some, j) => (i === j ? [] : some))
        const backwards = [...others].reverse()
        return [others, backwards].every(
          some => JSON.stringify(counts(ledger.view('orders', EVERYTHING, some))) === whole,
        )
      })
    }),
    { seed: SEED, numRuns: 150 },
  )
})

t.test('the first exemplar of all, and the latest', async t => {
  const [one, other] = [world(), world()]
  one.compare(orders, { ...different('/a'), exemplar: exemplar('second', { at: 2_000 }) })
  other.compare(orders, { ...different('/a'), exemplar: exemplar('first', { at: 1_000 }) })
  other.compare(orders, { ...different('/a'), exemplar: exemplar('third', { at: 3_000 }) })
  const records = new Map([one, other].map(each => [each, saved(each)] as const))
  for (const [mine, theirs] of [
    [one, other],
    [other, one],
  ] as const) {
    const others = records.get(theirs) ?? []
    const [item] = mine.ledger.view('orders', EVERYTHING, others).items
    t.equal(item?.exemplar?.exchange, 'first')
    t.equal(item?.latest?.exchange, 'third')
    t.equal(mine.ledger.signature(item?.signature ?? '', others)?.count, 3)
  }
})

t.test('what another has alone is there, of routes that are known here only by name', async t => {
  const [one, other] = [world(), world()]
  other.compare(orders, different('/a'))
  const theirs = saved(other)
  const [item] = one.ledger.view('orders', EVERYTHING, theirs).items
  t.equal(item?.count, 1)
  t.equal(one.ledger.signature(item?.signature ?? '', theirs)?.count, 1)
  t.equal(one.ledger.signature(item?.signature ?? ''), null, 'it is not kept here')
  t.equal(one.ledger.view('orders', EVERYTHING).totals.eligible, 0)
})

t.test('what cannot be read, or is of another version, adds nothing', async t => {
  const good = JSON.stringify({ format: 1, signature: { id: 's', places: [], count: 1 } })
  for (const bad of ['', '{', 'null', '{"format":2}']) {
    t.equal(addRecords('signature-s', good, bad), good)
    if (bad !== '{"format":2}') t.equal(addRecords('signature-s', bad, good), good)
  }
  t.equal(addRecords('unheard-of', good, good), good)
})
