// What replicas find of differences adds up, wherever one looks; and what is done to it at one is done at all.
import t from 'tap'
import { noPostgres } from '../../store/postgres-server.ts'
import { eventually } from '../harness.ts'
import { type Replica, startFleet } from './fleet.ts'

t.test('two replicas that shadow everything', { skip: noPostgres }, async t => {
  const shadow = { shadow: { percent: 100 }, compare: { noise: { percent: 0 } }, weight: 0 }
  const kit = await startFleet(t, { replicas: 2, route: shadow })
  const [a, b] = kit.replicas as [Replica, Replica]
  const view = async (at: Replica) => (await kit.api(at, 'GET', '/routes/orders/divergences')).json
  const both = async (test: (seen: { totals: { eligible: number }; items: { count: number }[] }) => boolean) =>
    (await Promise.all([view(a), view(b)])).every(test)

  await kit.sides4(a, ['u1', 'u2', 'u3'])
  await kit.sides4(b, ['u1', 'u2', 'u3', 'u4'])
  await eventually(() => both(({ totals }) => totals.eligible === 7), 'each shows what both have counted')
  await eventually(() => both(({ items }) => items[0]?.count === 7), 'each shows what both have found')
  const [found] = (await view(a)).items
  t.match(found, { state: 'divergent', rate: 1 })

  await t.test('acknowledged at one, gone at both', async t => {
    const acknowledged = await kit.api(a, 'DELETE', `/divergences/${found.signature}`)
    t.equal(acknowledged.status, 200)
    await eventually(() => both(({ items }) => items.length === 0), 'gone')
    await kit.sides4(b, ['u1'])
    await eventually(() => both(({ items }) => items[0]?.count === 1), 'it is new when it comes again')
  })

  await t.test('what a replica that is gone has found still counts', async t => {
    await b.running?.kill()
    b.running = null
    await kit.settled()
    const seen = await view(a)
    t.equal(seen.totals.eligible, 8)
    await kit.start(b)
    await kit.settled()
    t.equal((await view(b)).totals.eligible, 8, 'and its own go on')
    await kit.sides4(b, ['u1'])
    await eventually(() => both(({ totals }) => totals.eligible === 9), 'both count on')
  })
})
