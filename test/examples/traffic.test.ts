// The traffic maker: bounded in count and time, true to its users, and honest about what it saw.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startLegacy } from '../../examples/orders/legacy.ts'
import { createRandom, seedData } from '../../examples/orders/seed.ts'
import { planRequest, startTraffic, type User } from '../../examples/orders/traffic.ts'

const fast = { perSecond: 10_000, seed: 3 }
const { orders } = seedData()

t.test('against the real service: as many as asked for, then it stops by itself', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'banyan-traffic-'))
  const service = await startLegacy({ port: 0, directory, slow: { percent: 0, ms: 0 } })
  t.teardown(async () => {
    await service.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const traffic = startTraffic({ url: service.url, ...fast, perSecond: 400, maxRequests: 400 })
  const stats = await traffic.finished
  t.equal(stats.sent + stats.skipped, 400)
  t.equal(stats.answered, stats.sent)
  t.strictSame(stats.byServedBy, { legacy: stats.answered, new: 0, other: 0 })
  t.match(stats, { failed: 0, cutOff: 0, flips: { users: 0, toNew: 0, toLegacy: 0 } })
  t.ok(stats.byStatus['2xx'] > 0)
  t.equal(stats.byStatus['2xx'] + stats.byStatus['4xx'], stats.answered)
  await traffic.stop()
  t.strictSame(traffic.stats(), stats, 'nothing moves after the end')
})

t.test('it ends when its time is over, by the clock it was given', async t => {
  const { url } = await startStub(t, answerAs('legacy'))
  let now = 0
  const clock = () => {
    now += 100
    return now
  }
  const stats = await startTraffic({ url, perSecond: 10, durationMs: 1000, clock }).finished
  t.equal(stats.sent + stats.skipped, 10)
  t.equal(stats.failed, 0)
})

t.test('users keep their id and their connection', async t => {
  const seen = new Map<number, Set<string>>()
  const { url } = await startStub(t, (request, response) => {
    const port = request.socket.remotePort!
    seen.set(port, (seen.get(port) ?? new Set()).add(String(request.headers['x-user-id'])))
    answerAs('legacy')(request, response)
  })
  await startTraffic({ url, ...fast, users: 5, maxRequests: 2000 }).finished
  t.strictSame([...seen.values()].map(ids => [...ids].join()).sort(), [
    'user-1',
    'user-2',
    'user-3',
    'user-4',
    'user-5',
  ])
})

t.test('the same seed gives every user the same requests, whatever the timing', async t => {
  async function requestsOf(seed: number) {
    const byUser: string[][] = [[], [], [], []]
    const enough = Promise.withResolvers<void>()
    const { url } = await startStub(t, async (request, response) => {
      const chunks = await request.toArray()
      const user = Number(String(request.headers['x-user-id']).slice('user-'.length))
      byUser[user - 1]?.push(`${request.method} ${request.url} ${Buffer.concat(chunks)}`)
      if (byUser.every(requests => requests.length >= 15)) enough.resolve()
      answerAs('legacy')(request, response)
    })
    const traffic = startTraffic({ url, ...fast, seed, users: 4, unsafe: 0.3 })
    await enough.promise
    await traffic.stop()
    return byUser.map(requests => requests.slice(0, 15))
  }
  const first = await requestsOf(1)
  t.strictSame(await requestsOf(1), first)
  t.notSame(await requestsOf(2), first)
  t.equal(new Set(first.map(requests => requests.join())).size, 4, 'every user does something else')
})

t.test('plans: everything is visited, and nothing that a write could change is read or cancelled', async t => {
  const user: User = { id: 'user-1', customerId: 1, random: createRandom(9), created: [1601, 1602] }
  const kinds = new Map<string, number>()
  let writes = 0
  for (let n = 0; n < 20_000; n++) {
    if (n % 100 === 0 && user.created.length === 0) user.created.push(1700 + n)
    const { kind, method, path } = planRequest(user, 0.05)
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    if (method === 'POST') writes++
    const url = new URL(path, 'http://x')
    const id = Number(/^\/orders\/(\d+)/.exec(path)?.[1] ?? Number.NaN)
    const status = url.searchParams.get('status')
    const listed = orders.filter(order => status === null || order.status === status).length
    const page = Number(url.searchParams.get('page') ?? 1)
    if (kind === 'list' && page * 20 >= listed) t.fail(`${path} is not followed by another page`)
    if (kind === 'cancel' && id < 1601) t.fail(`${path} cancels seed data`)
    if (kind === 'order' && id > 1600 && id < 900_000) t.fail(`${path} reads what was written`)
  }
  t.strictSame([...kinds.keys()].sort(), [
    'cancel',
    'create',
    'customer',
    'invoice',
    'list',
    'login',
    'order',
    'report',
  ])
  t.ok(writes > 800 && writes < 1200, `${writes} of 20000 write, at 5 %`)
  t.notOk(Array.from({ length: 2000 }, () => planRequest(user, 0).method).includes('POST'))
  t.notOk(Array.from({ length: 200 }, () => planRequest(user, 1).method).includes('GET'))
})

t.test('it signs in, keeps the session cookie, and cancels only what it made', async t => {
  const cookies = new Set<string | undefined>()
  const cancelled = new Set<string>()
  const enough = Promise.withResolvers<void>()
  const { url } = await startStub(t, (request, response) => {
    cookies.add(request.headers.cookie)
    if (request.url?.endsWith('/cancel')) cancelled.add(request.url)
    if (cookies.size === 2 && cancelled.size > 0) enough.resolve()
    answerAs('legacy')(request, response)
  })
  const traffic = startTraffic({ url, ...fast, unsafe: 0.3 })
  await enough.promise
  await traffic.stop()
  t.strictSame(cookies, new Set([undefined, 'sid=abc']))
  t.strictSame(cancelled, new Set(['/orders/1601/cancel']))
})

t.test('flips: users answered by both sides are counted, unless told to forget', async t => {
  for (const forget of [false, true]) {
    let asked = 0
    const enough = Promise.withResolvers<void>()
    const { url } = await startStub(t, (request, response) => {
      asked++
      if (asked === 500 && forget) traffic.forgetSides()
      if (asked === 1000) enough.resolve()
      answerAs(asked < 500 ? 'legacy' : 'new')(request, response)
    })
    const traffic = startTraffic({ url, ...fast, users: 20, unsafe: 0 })
    await enough.promise
    await traffic.stop()
    const { flips } = traffic.stats()
    t.equal(flips.users > 0, !forget)
    t.equal(flips.toNew > 0, !forget)
    t.equal(flips.toLegacy, 0)
  }
})

t.test('an answer without a side is nobody’s, and a 502 is an answer', async t => {
  const { url } = await startStub(t, (_request, response) => response.writeHead(502).end('no'))
  const stats = await startTraffic({ url, ...fast, maxRequests: 50 }).finished
  t.strictSame(stats.byServedBy, { legacy: 0, new: 0, other: stats.answered })
  t.equal(stats.byStatus['5xx'], stats.answered)
  t.equal(stats.failed, 0)
})

t.test('lost and truncated answers are failures, each told once', async t => {
  const { url } = await startStub(t, (request, response) => {
    if (request.method === 'POST') return request.socket.destroy()
    response.writeHead(200, { 'content-length': 100 }).write('half')
    return setImmediate(() => response.destroy())
  })
  const told: string[] = []
  const onError = (error: Error, { user, method, path }: { user: string; method: string; path: string }) => {
    t.ok(error instanceof Error)
    told.push(`${user} ${method} ${path}`)
  }
  const stats = await startTraffic({ url, ...fast, unsafe: 0.5, maxRequests: 60, onError }).finished
  t.equal(stats.failed, stats.sent)
  t.equal(stats.answered, 0)
  t.equal(told.length, stats.failed)
  t.match(told[0], /^user-\d+ (GET|POST) \//)
})

t.test('a server that never answers: one request per user, the turns run out, the end is clean', async t => {
  const { url } = await startStub(t, () => {})
  const onError = () => t.fail('what is cut off at the end is no error')
  const stats = await startTraffic({ url, ...fast, users: 3, maxRequests: 50, onError }).finished
  t.match(stats, { sent: 3, answered: 0, failed: 0, cutOff: 3, skipped: 47 })
})

t.test('nobody there: failures, no crash', async t => {
  const { url, close } = await startStub(t, () => {})
  await close()
  const stats = await startTraffic({ url, ...fast, maxRequests: 20 }).finished
  t.equal(stats.failed, stats.sent)
})

t.test('options that make no sense are refused', async t => {
  const url = 'http://127.0.0.1:1'
  t.throws(() => startTraffic({ url: 'nowhere' }), TypeError)
  t.throws(() => startTraffic({ url: 'https://127.0.0.1:1' }), TypeError)
  for (const wrong of [
    { users: 0 },
    { perSecond: 0 },
    { perSecond: Number.NaN },
    { unsafe: 1.1 },
    { durationMs: -1 },
  ]) {
    t.throws(() => startTraffic({ url, ...wrong }), RangeError, JSON.stringify(wrong))
  }
  t.throws(() => startTraffic({ url, maxRequests: -1 }), RangeError)
})

/** What the real services say, as far as the traffic looks at it. */
function answerAs(side: 'legacy' | 'new') {
  return (request: IncomingMessage, response: ServerResponse): void => {
    request.resume()
    response.setHeader('x-served-by', side)
    if (request.url?.startsWith('/login')) response.setHeader('set-cookie', 'sid=abc; Path=/')
    const created = request.method === 'POST' && request.url === '/orders'
    response.writeHead(created ? 201 : 200).end('{"id":1601}')
  }
}

async function startStub(t: Test, handle: (request: IncomingMessage, response: ServerResponse) => unknown) {
  const server = createServer(handle)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const close = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  t.teardown(close)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}
