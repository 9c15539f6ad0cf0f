// Every request of a shadowed route ends in exactly one bucket, whatever happens meanwhile: the metrics, the API and the number
// of requests that were sent say the same.
import t, { type Test } from 'tap'
import { dice } from '../../upstream/kit.ts'
import { eventually, temporary } from '../harness.ts'
import { metricOf, sendBytes } from '../scripted.ts'
import { json, misfits, once, resultsOf, type Serve, type Shadowed, shadowed } from './shadowed.ts'

type Random = () => number

const SEEDS = [1, 2, 3, 4]
const REQUESTS = 150
const METHODS = ['GET', 'GET', 'GET', 'HEAD', 'OPTIONS', 'QUERY', 'POST', 'PUT', 'DELETE']
const TARGETS = [
  '/a',
  '/a/5',
  '/private',
  '/logout',
  '/a?action=delete',
  '/session/x',
  '/login-first',
  '/odd',
  '/large',
]

/** Each target has a habit of its own; `bad` fails on top, now and then. */
function habits(random: Random, bad: number, body: unknown): Serve {
  return (heard, reply) => {
    if (random() < bad) {
      const how = random()
      if (how < 0.3) return reply.destroy()
      if (how < 0.6) return reply.writeHead(503).end('no')
      reply.writeHead(200, { 'content-length': '100' }).write('cut')
      return setImmediate(() => reply.destroy())
    }
    if ('if-none-match' in heard.headers) return reply.writeHead(304).end()
    if (heard.target.startsWith('/session') && random() < 0.2) reply.setHeader('set-cookie', 'JSESSIONID=1')
    if (heard.target === '/login-first' && random() < 0.2) return reply.writeHead(302, { location: '/login' }).end()
    if (heard.target === '/large') return reply.end(Buffer.alloc(70_000, random() < 0.5 ? 'x' : 'y'))
    return json(heard.target === '/odd' ? body : { ok: true })(heard, reply)
  }
}

let count = 0

async function one(t: Test, shop: Shadowed, random: Random): Promise<void> {
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T
  const method = pick(METHODS)
  const target = pick(TARGETS)
  const headers: Record<string, string> = {
    'x-user-id': `user-${Math.floor(random() * 20)}`,
    'x-number': String(count++),
  }
  if (random() < 0.1) headers['if-none-match'] = '"x"'
  if (random() < 0.05) headers.authorization = 'NTLM abc'
  const body =
    method === 'GET' || method === 'HEAD' || random() < 0.3 ? undefined : 'b'.repeat(random() < 0.2 ? 3000 : 30)
  if (random() < 0.1) {
    const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const sent = sendBytes(
      t,
      shop.banyan.port,
      `${method} ${target} HTTP/1.1\r\nHost: shop.example\r\n${fields.join('')}\r\n`,
    )
    const isHeard = () => shop.heard.some(heard => heard.headers['x-number'] === headers['x-number'])
    await eventually(() => isHeard() || sent.text() !== '', 'it was heard, or answered')
    sent.leave()
    return
  }
  await shop.send(target, { method, headers, ...(body === undefined ? {} : { body }) }).catch(() => {})
}

/** What else happens meanwhile. */
async function meddle(t: Test, shop: Shadowed, random: Random): Promise<void> {
  const what = random()
  const { banyan } = shop
  if (what < 0.5) {
    const weight = [0, 50, 100][Math.floor(random() * 3)]
    t.equal((await banyan.api('PUT', '/routes/shop/weight', { percent: weight })).status, 200)
  } else if (what < 0.7) {
    t.equal((await banyan.api('POST', '/routes/shop/rollback', {})).status, 200)
    t.equal((await banyan.api('POST', '/routes/shop/restore', {})).status, 200)
  } else t.equal((await shop.reload({ shadow: shadowOf(random) })).status, 200)
}

function shadowOf(random: Random): Record<string, unknown> {
  return {
    percent: random() < 0.3 ? 60 : 100,
    when: random() < 0.5 ? 'after' : 'beside',
    direction: ['both', 'both', 'new', 'legacy'][Math.floor(random() * 4)],
    methods: ['GET', 'HEAD', 'QUERY', 'POST'],
    iKnowThisWrites: true,
    deny: ['/private*'],
    maxRequest: '2KiB',
    maxConcurrent: random() < 0.3 ? 2 : 50,
    maxRps: random() < 0.2 ? 20 : 'none',
    timeout: '300ms',
  }
}

for (const seed of SEEDS) {
  t.test(`whatever happens, seed ${seed}`, async t => {
    const random = dice(seed)
    const shop = await shadowed(t, {
      route: { weight: 50, sticky: ['header:x-user-id'] },
      shadow: shadowOf(random),
      compare: { maxBody: '16KiB', noise: { percent: 0 } },
      legacy: habits(random, seed % 2 === 0 ? 0.2 : 0, { of: 1 }),
      new: habits(random, 0.15, { of: 2 }),
      config: { proxy: { shadow: { memory: '1MiB', queue: 5 } } },
    })
    for (let sent = 0; sent < REQUESTS; sent += 10) {
      const some = Array.from({ length: 10 }, () => one(t, shop, random))
      if (sent % 30 === 0) some.push(meddle(t, shop, random))
      await Promise.all(some)
    }
    const totals = await settled(t, shop, REQUESTS)
    t.ok(Object.keys(resultsOf(totals)).length >= 4, JSON.stringify(totals))
    // A mismatch may just be asked again.
    await eventually(
      async () => (await metricOf(shop.banyan.health, 'banyan_shadow_held_bytes')) === 0,
      'everything that was held is given back',
    )
  })
}

t.test(
  'what is under way when the proxy stops is counted, too, and what was counted is there after a restart',
  async t => {
    const directory = temporary(t)
    const never = new Promise<void>(() => {})
    const config = { store: 'sqlite:state.db' }
    const first = await shadowed(t, {
      new: (heard, reply) =>
        heard.target === '/silent' ? once(never, json({}))(heard, reply) : json({ of: 2 })(heard, reply),
      // All of them are asked twice, the second time after two seconds.
      compare: { noise: { percent: 100 } },
      config,
      options: { directory },
    })
    await first.send('/fine')
    await first.send('/silent')
    await first.send('/private/logout')
    await eventually(() => first.of('new').length === 2, 'both are under way')
    await first.banyan.stop()
    const again = await shadowed(t, { config, options: { directory } })
    const totals = await again.totals()
    t.equal(totals.eligible, 3)
    t.same(misfits(totals), [])
    t.equal(totals.unasked.stopping, 2)
  },
)

async function settled(t: Test, shop: Shadowed, requests: number) {
  const totals = await shop.counted(requests)
  t.same(misfits(totals), [])
  t.equal(totals.eligible, requests)
  const metrics = await (await fetch(`${shop.banyan.health}/metrics`)).text()
  const series = (name: string) =>
    metrics.split('\n').flatMap(line => {
      const [, label, value] = new RegExp(`^${name}\\{.*(?:result|reason)="(\\w+)".*\\} (\\d+)$`).exec(line) ?? []
      return label === undefined || value === '0' ? [] : [[label, Number(value)] as const]
    })
  t.same(Object.fromEntries(series('banyan_shadow_total')), resultsOf(totals), 'the metrics say what the API says')
  t.same(Object.fromEntries(series('banyan_shadow_unasked_total')), totals.unasked)
  return totals
}
