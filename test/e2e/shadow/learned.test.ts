// What is learned over the wire, and what operators say about it by API and command line: legacy, asked twice, excuses what it does
// itself, and nothing else; a revoked place counts again until it is learned anew; what was suspended is asked again.
import { randomInt, randomUUID } from 'node:crypto'
import t from 'tap'
import { run } from '../../cli/fake-admin.ts'
import { dice } from '../../upstream/kit.ts'
import { TOKEN } from '../harness.ts'
import { json, misfits, resultsOf, type Serve, type Shadowed, shadowed } from './shadowed.ts'

/** So many repeats it takes to learn; the last of them is judged by what it has taught. */
const FEWEST = 20
const MORE = 30
const SEED = Number(process.env.SEED ?? randomInt(2 ** 31))
const random = dice(SEED)
let count = 0

interface Learned {
  readonly id: string
  readonly template: string
  readonly path: string
  readonly kind: string
  readonly state: string
  readonly prior: string | null
}

/** An id and a time that look it, and a code that does not, new in each answer; on `/faulty` what else is wrong. */
const drifting =
  (faults: Record<string, unknown>): Serve =>
  (heard, reply) => {
    const served_at = new Date(Date.now() + count++).toISOString()
    const drifts = { request_id: randomUUID(), served_at, code: `c-${count}-${Math.floor(random() * 1e9)}` }
    return json({ ...drifts, total: 100, ...(heard.target === '/faulty' && faults) })(heard, reply)
  }

const sendAll = (shop: Shadowed, target: string, times: number) =>
  Promise.all(Array.from({ length: times }, () => shop.send(target)))

const cli = (shop: Shadowed, ...argv: readonly string[]) =>
  run({ url: shop.banyan.admin }, argv, { env: { BANYAN_TOKEN: TOKEN } })

async function placesOf(shop: Shadowed, template: string): Promise<string[]> {
  const { out } = await cli(shop, 'noise', 'shop', '--json')
  const { noise } = JSON.parse(out) as { noise: readonly Learned[] }
  return noise
    .filter(one => one.template === template)
    .map(({ kind, path, state, prior }) => `${kind} ${path} ${state}${prior === null ? '' : ` (${prior})`}`)
    .sort()
}

async function idOf(shop: Shadowed, template: string, path: string): Promise<string> {
  const { noise } = (await shop.banyan.api('GET', '/routes/shop/noise')).json as { noise: readonly Learned[] }
  return noise.find(one => one.template === template && one.path === path)?.id as string
}

t.test('what drifts is noise, what is wrong is not, and what was revoked counts until it is learned anew', async t => {
  t.comment(`SEED=${SEED}`)
  const shop = await shadowed(t, {
    legacy: drifting({ reason: null }),
    new: drifting({ total: 101 }),
    compare: { noise: { percent: 100 } },
  })
  await sendAll(shop, '/drifts', MORE)
  await sendAll(shop, '/faulty', MORE)
  const first = await shop.counted(2 * MORE)
  t.same(misfits(first), [])
  t.same(resultsOf(first), { undecided: FEWEST - 1, noise: MORE - FEWEST + 1, divergent: MORE })
  const drifts = ['value /code noise', 'value /request_id noise (uuid)', 'value /served_at noise (timestamp)']
  t.same(await placesOf(shop, '/drifts'), drifts)
  t.same(await placesOf(shop, '/faulty'), ['missing /reason divergent', ...drifts, 'value /total divergent'])
  const states = async () => (await shop.items()).map(({ kind, field, state }) => `${kind} ${field} ${state}`).sort()
  t.same(await states(), [
    'missing reason divergent',
    'value code noise',
    'value request_id noise',
    'value served_at noise',
    'value total divergent',
  ])

  const byApi = await shop.banyan.api('DELETE', `/routes/shop/noise/${await idOf(shop, '/drifts', '/code')}`)
  t.match(byApi, { status: 200, json: { noise: { path: '/code', state: 'noise' } } })
  t.same(await placesOf(shop, '/drifts'), ['value /code undecided', ...drifts.slice(1)])
  t.ok((await placesOf(shop, '/faulty')).includes('value /code noise'), 'in another template it is another place')
  const reason = ['--reason', 'a bug after all']
  const byCli = await cli(shop, 'noise', 'revoke', 'shop', await idOf(shop, '/faulty', '/code'), ...reason)
  t.match(byCli, { code: 0, out: /^shop: forgot \/faulty \/code value/ })
  t.ok((await states()).includes('value code undecided'))
  t.match(await cli(shop, 'noise', 'revoke', 'shop', '0123456789ab'), { code: 1, err: /nothing was learned/ })
  const { entries } = (await shop.banyan.api('GET', '/audit')).json
  t.match(entries.slice(0, 2), [{ action: 'revoke-noise', reason: 'a bug after all' }, { action: 'revoke-noise' }])

  await sendAll(shop, '/drifts', FEWEST)
  const again = resultsOf(await shop.counted(2 * MORE + FEWEST))
  t.equal(again.undecided, 2 * (FEWEST - 1), 'counted again')
  t.equal(again.noise, MORE - FEWEST + 2)
  t.same(await placesOf(shop, '/drifts'), drifts, 'and learned again')
})

t.test('banyan divergences resume', async t => {
  const shop = await shadowed(t, {
    new(heard, reply) {
      if (heard.target.startsWith('/sso')) return reply.writeHead(302, { location: '/login' }).end()
      if (heard.target.startsWith('/area')) reply.setHeader('set-cookie', 'JSESSIONID=abc; Path=/')
      return json({ ok: true })(heard, reply)
    },
  })
  let sent = 0
  const send = async (target: string) => {
    await shop.send(target)
    return shop.counted(++sent)
  }
  const suspended = async (): Promise<string[]> => {
    const { json } = await shop.banyan.api('GET', '/routes/shop/divergences')
    return json.suspended.map(({ template }: { template: string }) => template).sort()
  }
  t.match(await cli(shop, 'divergences', 'resume', 'shop'), { code: 1, err: /nothing is suspended/ })
  for (const target of ['/area', '/sso', '/area', '/sso']) await send(target)
  t.same((await shop.totals()).unasked, { suspended: 4 })
  t.same(await suspended(), ['/area', '/sso'])
  const shown = await cli(shop, 'divergences', 'shop')
  for (const template of ['/area', '/sso']) t.match(shown.out, template, 'it says what is suspended')

  const other = await cli(shop, 'divergences', 'resume', 'shop', '/other')
  t.match(other.out + other.err, /nothing was suspended|is not suspended/)
  t.same(await suspended(), ['/area', '/sso'])
  const resumed = await cli(shop, 'divergences', 'resume', 'shop', '/area', '--reason', 'cookies are sent now')
  t.match(resumed, { code: 0, out: '/area: new is asked again\n' })
  t.same(await suspended(), ['/sso'])
  const asked = () => shop.of('new').map(({ target }) => target)
  t.same(asked(), ['/area', '/sso'])
  t.same(resultsOf(await send('/area')), { skipped: 4, divergent: 1 })
  await send('/sso')
  t.same(asked(), ['/area', '/sso', '/area'])
  t.same(await suspended(), ['/sso'], 'it is not suspended again')

  const rest = await cli(shop, 'divergences', 'resume', 'shop', '--json')
  t.match(JSON.parse(rest.out), { resumed: [{ template: '/sso', side: 'new' }] })
  t.same(resultsOf(await send('/sso')), { skipped: 5, divergent: 2 })
  t.match(asked().slice(0, 4), ['/area', '/sso', '/area', '/sso'])
  t.same(await suspended(), [])
  const { entries } = (await shop.banyan.api('GET', '/audit')).json
  t.ok(entries.some(({ reason }: { reason: string | null }) => reason === 'cookies are sent now'))
})
