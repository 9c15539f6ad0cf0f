// A snapshot is made on every change, a rollback among them: what does not change is not made anew.
import t from 'tap'
import { compileSnapshot } from '../../src/config/compile.ts'
import { EMPTY, PLAN } from '../control/make.ts'

const chance = { random: () => 0.5, randomId: () => 'id', now: () => 0 }

t.test('pins of the support desk are grouped once, however often something else changes', async t => {
  const said = { by: 'ann', at: 0, reason: null, side: 'legacy' as const, until: 1 }
  const pins = Array.from({ length: 10_000 }, (_, i) => ({ ...said, id: `pin-${i}`, unit: 'orders', key: `k${i}` }))
  const before = compileSnapshot(PLAN, { ...EMPTY, pins }, chance)
  const after = compileSnapshot(PLAN, { ...EMPTY, pins, revision: 2 }, chance)
  const of = (snapshot: typeof before, id: string) => snapshot.splits[PLAN.byId.get(id)?.index ?? -1]?.supportPins
  t.equal(of(before, 'orders')?.size, 10_000)
  t.equal(of(before, 'orders'), of(after, 'orders'))
  t.equal(of(before, 'cart'), null)
  t.equal(before.pinCookies, null, 'no route pins anybody')
})
