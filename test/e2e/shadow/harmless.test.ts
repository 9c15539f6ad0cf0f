// Looking does no harm: a browser's user of a session monolith (locks of a session, one-time tokens, flash messages, logout by
// GET) sees the same with shadowing on and off, in both directions; and notices at once where the guards are taken away.
import t, { type Test } from 'tap'
import { browse } from '../browse.ts'
import { eventually, startBanyan } from '../harness.ts'
import { startMonolith } from '../monolith.ts'
import { metricOf } from '../scripted.ts'

type Settings = Record<string, unknown>

async function startShop(
  t: Test,
  legacy: string,
  fresh: string,
  weight: number,
  shadow: Settings | null,
  compare = {},
) {
  return startBanyan(t, {
    backends: { legacy: { url: legacy }, new: { url: fresh } },
    routes: [
      {
        id: 'shop',
        match: { path: '/*' },
        legacy: 'legacy',
        new: 'new',
        data: 'shared',
        weight,
        ...(shadow === null ? {} : { shadow: { percent: 100, ...shadow }, compare }),
      },
    ],
  })
}

async function visit(t: Test, weight: number, shadow: Settings | null, perSecond?: number) {
  const limit = perSecond === undefined ? {} : { perSecond }
  const [legacy, fresh] = [await startMonolith(t, limit), await startMonolith(t, limit)]
  const banyan = await startShop(t, legacy.url, fresh.url, weight, shadow, { noise: { percent: 20 } })
  // Whatever is asked as well has its time between two steps.
  const think = () => new Promise<void>(resolve => setTimeout(resolve, 15))
  const seen = await browse(`http://127.0.0.1:${banyan.port}`, { think })
  return { seen, banyan, legacy, fresh }
}

for (const [name, weight] of [
  ['towards new', 0],
  ['towards legacy', 100],
] as const) {
  t.test(`a user notices nothing: ${name}`, async t => {
    const off = await visit(t, weight, null)
    const on = await visit(t, weight, { mark: true })
    t.same(on.seen, off.seen)
    const [served, asked] = weight === 0 ? [on.legacy, on.fresh] : [on.fresh, on.legacy]
    t.equal(served.refusedForms(), 0)
    t.same(served.overlaps, [])
    t.ok(
      served.requests.every(({ shadow }) => !shadow || weight === 0),
      'what serves is not asked as a shadow',
    )
    t.ok(asked.requests.length > 0, 'it was asked at all')
    t.ok(
      asked.requests.every(({ cookies }) => Object.keys(cookies).length === 0),
      'with nobody’s cookies',
    )
    t.notOk(
      asked.requests.some(({ method, target }) => method === 'POST' || /logout|cart\/add/.test(target)),
      'and nothing that acts',
    )
  })
}

t.test('a template that makes sessions or sends to a login is suspended, and says why', async t => {
  const { banyan } = await visit(t, 0, {})
  await eventually(async () => {
    const { suspended } = (await banyan.api('GET', '/routes/shop/divergences')).json
    return suspended.length > 0
  }, 'something is suspended')
  const { suspended } = (await banyan.api('GET', '/routes/shop/divergences')).json
  for (const { why } of suspended) t.match(why, /session cookie|redirect to a login/)
  const { warnings } = (await banyan.api('GET', '/status')).json
  t.ok(warnings.some((one: { code: string }) => one.code === 'shadow_suspended'))
})

t.test('a legacy of 50 requests a second is not sent more than its cap', async t => {
  const { banyan, legacy } = await visit(t, 100, { maxRps: { legacy: 50 }, maxConcurrent: 50 }, 50)
  await Promise.all(Array.from({ length: 300 }, (_, i) => fetch(`http://127.0.0.1:${banyan.port}/asset-${i}.css`)))
  await eventually(
    async () => ((await metricOf(banyan.health, 'banyan_shadow_eligible_total{route="shop"}')) ?? 0) >= 300,
    'all are counted',
  )
  t.equal(legacy.limited(), 0)
  t.ok(((await metricOf(banyan.health, 'banyan_shadow_unasked_total{route="shop",reason="rate"}')) ?? 0) > 0)
})

t.test('without the guards the user notices', async t => {
  const shared = await startMonolith(t)
  const banyan = await startShop(t, shared.url, shared.url, 0, { send: { cookies: 'all' }, actions: 'ask' })
  const think = () => new Promise<void>(resolve => setTimeout(resolve, 15))
  const seen = await browse(`http://127.0.0.1:${banyan.port}`, { think })
  const alone = await browse((await startMonolith(t)).url, {})
  t.notSame(seen, alone)
})
