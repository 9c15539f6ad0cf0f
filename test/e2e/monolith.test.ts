// The monolith is harmed by repetition: what proves that shadowing does no harm must be able to fail.
import { request as ask, createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { browse } from './browse.ts'
import { eventually } from './harness.ts'
import { startMonolith } from './monolith.ts'

const UNDISTURBED = [
  'GET / 200 welcome, guest',
  'GET /account 302 → /login',
  'GET /login 200 who are you?',
  'POST /login 303 SID=ann-1; Path=/; HttpOnly → /',
  'GET / 200 welcome, ann',
  ...['site.css', 'site.js', 'logo.svg', 'font.woff2', 'a.png', 'b.png'].map(
    name => `GET /assets/${name} 200 asset /assets/${name}`,
  ),
  'GET /form 200 token=ann-1-form-1',
  'POST /form 303 → /account',
  'GET /account 200 [saved first] account of ann',
  'GET /account 200 account of ann',
  'GET /cart/add?id=7 303 → /cart',
  'GET /cart 200 cart: 7',
  'GET /cart/add?id=9 303 → /cart',
  'GET /cart 200 cart: 7, 9',
  'GET /form 200 token=ann-1-form-2',
  'POST /form 303 → /account',
  'GET /account 200 [saved second] account of ann',
  'GET /cart 200 cart: 7, 9',
  'GET /logout 303 SID=; Path=/; Max-Age=0 → /',
  'GET / 200 welcome, guest',
  'GET /cart 302 → /login',
  'GET /login 200 who are you?',
]

t.test('one user alone: all works, nothing waits, and each time the same', async t => {
  for (const _ of ['once', 'again']) {
    const monolith = await startMonolith(t)
    t.same(await browse(monolith.url), UNDISTURBED)
    t.same(monolith.overlaps, [])
    t.same(monolith.saved, ['first', 'second'])
    t.same([...monolith.carts], [['ann', ['7', '9']]])
    t.same([monolith.refusedForms(), monolith.limited(), monolith.sessions()], [0, 0, []])
    t.equal(monolith.requests.length, UNDISTURBED.length)
    t.match(monolith.requests[4], {
      method: 'GET',
      target: '/',
      cookies: { SID: 'ann-1' },
      shadow: false,
      atMs: Number,
    })
  }
})

t.test('two users at once do not disturb each other', async t => {
  const monolith = await startMonolith(t)
  const [ann, bob] = await Promise.all([browse(monolith.url), browse(monolith.url, { user: 'bob' })])
  t.same(ann, UNDISTURBED)
  t.same(
    bob,
    UNDISTURBED.map(text => text.replaceAll('ann', 'bob')),
  )
  t.same(monolith.overlaps, [])
})

t.test('repeated with the cookie of the session: forms are refused, the cart is doubled', async t => {
  const monolith = await startMonolith(t)
  const seen = await browse(await meddler(t, monolith.url, 'after'))
  t.strictNotSame(seen, UNDISTURBED)
  t.ok(seen.includes('POST /form 409 this form is no longer valid'))
  t.ok(seen.includes('GET /cart 200 cart: 7, 7, 9, 9'))
  t.equal(monolith.refusedForms(), 2)
  t.same(monolith.saved, [])
  t.ok(monolith.requests.some(({ shadow, cookies }) => shadow && cookies.SID === 'ann-1'))
})

t.test('asked before the user is: the message and the session are gone when the user comes', async t => {
  const monolith = await startMonolith(t)
  const seen = await browse(await meddler(t, monolith.url, 'before'))
  t.ok(seen.includes('GET /account 200 account of ann'))
  t.notOk(seen.some(text => text.includes('[saved')))
  t.ok(seen.includes('GET /logout 200 welcome, guest'), 'the user could not log out any more')
})

t.test('repeated without cookies: nobody sees anything of it', async t => {
  for (const when of ['before', 'after'] as const) {
    const monolith = await startMonolith(t)
    t.same(await browse(await meddler(t, monolith.url, when, { cookies: false })), UNDISTURBED, when)
    t.ok(monolith.requests.some(({ shadow }) => shadow))
    t.same(monolith.overlaps, [])
  }
})

t.test('repeated at the same time: requests of one session wait for each other', async t => {
  let release = () => {}
  const work = (request: { readonly method: string; readonly target: string }) =>
    request.target === '/account' && monolith.overlaps.length === 0
      ? new Promise<void>(resolve => {
          release = resolve
        })
      : Promise.resolve()
  let clock = 0
  const monolith = await startMonolith(t, { work, now: () => clock })
  const cookie = { cookie: 'SID=ann-1' }
  await once(monolith.url, 'POST', '/login', {}, Buffer.from('user=ann'))
  const first = once(monolith.url, 'GET', '/account', cookie)
  await eventually(() => monolith.requests.length === 2, 'the first one is there')
  const second = once(monolith.url, 'GET', '/cart', { ...cookie, 'x-banyan-shadow': '1' })
  await eventually(() => monolith.overlaps.length === 1, 'the second one is there')
  clock = 700
  release()
  t.equal((await first).status, 200)
  t.equal((await second).status, 200)
  t.match(monolith.overlaps, [
    { session: 'ann-1', came: { target: '/cart', shadow: true }, inHand: { target: '/account', shadow: false } },
  ])
  t.equal(monolith.longestWaitMs(), 700)
  t.equal((await once(monolith.url, 'GET', '/account', cookie)).status, 200)
  t.equal(monolith.overlaps.length, 1, 'one after the other is no overlap')
})

t.test('the limit holds in any second, and refused requests count, too', async t => {
  let clock = 0
  const monolith = await startMonolith(t, { perSecond: 3, now: () => clock })
  const statuses: number[] = []
  for (clock of [0, 500, 900, 999, 1_000, 2_100, 2_200]) statuses.push((await once(monolith.url, 'GET', '/')).status)
  t.same(statuses, [200, 200, 200, 429, 429, 200, 200])
  t.equal(monolith.limited(), 2)
})

t.test('HEAD reads as GET does, without a body, and harms as much', async t => {
  const monolith = await startMonolith(t)
  const cookie = { cookie: 'SID=ann-1' }
  await once(monolith.url, 'POST', '/login', {}, Buffer.from('user=ann'))
  await once(monolith.url, 'GET', '/form', cookie)
  t.match(await once(monolith.url, 'HEAD', '/form', cookie), { status: 200, body: '' })
  const form = Buffer.from('token=ann-1-form-1&text=x')
  t.equal((await once(monolith.url, 'POST', '/form', cookie, form)).status, 409)
})

/** A proxy that repeats what is safe, as one without care would. */
async function meddler(
  t: Test,
  url: string,
  when: 'before' | 'after',
  { cookies }: { readonly cookies: boolean } = { cookies: true },
): Promise<string> {
  const server = createServer(async (message, reply) => {
    const { method = '', url: target = '', headers } = message
    const body = await buffer(message)
    const { cookie, ...bare } = headers
    const repeat = async () => {
      const copied = cookies && cookie !== undefined ? { ...bare, cookie } : bare
      if (method === 'GET') await once(url, method, target, { ...copied, 'x-banyan-shadow': '1' })
    }
    if (when === 'before') await repeat()
    const answer = await once(url, method, target, headers, body)
    if (when === 'after') await repeat()
    reply.writeHead(answer.status, answer.headers).end(answer.body)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    return new Promise(resolve => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function once(url: string, method: string, target: string, headers: IncomingHttpHeaders = {}, body = Buffer.alloc(0)) {
  const { connection: _, ...sent } = headers
  return new Promise<{ status: number; headers: IncomingHttpHeaders; body: string }>((resolve, reject) => {
    ask(new URL(target, url), { method, headers: sent, agent: false }, async answer => {
      const text = String(await buffer(answer))
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text })
    })
      .on('error', reject)
      .end(body)
  })
}
