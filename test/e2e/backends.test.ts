// Backends with several addresses: how the load is shared, who is left out and comes back, names, Host, and what a reload
// does to requests on their way.
import dns from 'node:dns/promises'
import { syncBuiltinESMExports } from 'node:module'
import t, { type Test } from 'tap'
import { type Banyan, type BanyanOptions, configured, eventually, startBanyan } from './harness.ts'
import {
  type Answer,
  cutting,
  get,
  handClock,
  holding,
  metricOf,
  post,
  type Scripted,
  saying,
  scripted,
  sendBytes,
  sendGet,
} from './scripted.ts'

type Settings = Record<string, unknown>

const HOUR_MS = 3_600_000
const FAST_PROBES = { path: '/ping', interval: '100ms', timeout: '5s', healthy: 2, unhealthy: 2 }

/** One backend for everything. */
function only(backends: readonly Scripted[], settings: Settings = {}): Settings {
  return routed({ urls: backends.map(({ url }) => url), ...settings })
}

function routed(mono: Settings): Settings {
  return {
    backends: { mono },
    routes: [{ id: 'all', match: { path: '/*' }, legacy: 'mono' }],
  }
}

/** a, b, … on addresses of their own. */
function several(t: Test, count: number): Promise<Scripted[]> {
  return Promise.all(Array.from('abcdef'.slice(0, count), name => scripted(t, saying(name))))
}

async function startWith(t: Test, count: number, settings: Settings, options: BanyanOptions = {}) {
  const backends = await several(t, count)
  return { backends, banyan: await startBanyan(t, only(backends, settings), options) }
}

/** Who answers, one request after the other. */
async function served(t: Test, banyan: Banyan, times: number, fields = ''): Promise<string[]> {
  const names: string[] = []
  for (let i = 0; i < times; i++) {
    const { status, body } = await get(t, banyan.port, '/', fields)
    names.push(status === 200 ? body : String(status))
  }
  return names
}

interface Address {
  readonly address: string
  readonly healthy: boolean
  readonly why: string | null
  readonly share: number
}

async function addressesOf(banyan: Banyan): Promise<Address[]> {
  return (await banyan.api('GET', '/routes/all')).json.sides.legacy.addresses
}

/** Of each address, in the order of the configuration. */
async function health(banyan: Banyan): Promise<(string | null)[]> {
  return (await addressesOf(banyan)).map(({ healthy, why }) => (healthy ? 'well' : why))
}

async function becomes(banyan: Banyan, expected: readonly string[]): Promise<void> {
  const said = expected.join()
  await eventually(async () => (await health(banyan)).join() === said, `addresses are ${said}`)
}

async function outOfUse(banyan: Banyan): Promise<string[]> {
  const { warnings } = (await banyan.api('GET', '/status')).json
  return warnings
    .filter((one: { code: string }) => one.code === 'address_out')
    .map((one: { message: string }) => one.message)
}

/** Each of them, and nobody else. */
const are = (names: readonly string[], ...expected: string[]) => [...new Set(names)].sort().join() === expected.join()

t.test('round: each address in its turn', async t => {
  const { banyan } = await startWith(t, 3, { balance: 'round' })
  const names = await served(t, banyan, 9)
  t.same(names.slice(0, 3).sort(), ['a', 'b', 'c'])
  t.same([...names.slice(0, 3), ...names.slice(0, 3), ...names.slice(0, 3)], names)
})

t.test('least: whoever is busy gets nothing more while another is not; once done it has its share again', async t => {
  const { backends, banyan } = await startWith(t, 2, { balance: 'least' })
  const [a, b] = backends as [Scripted, Scripted]
  a.serve = holding
  let held = sendGet(t, banyan.port)
  await eventually(() => a.asked.length + b.asked.length === 1, 'one of them has the first')
  // Whoever had the first turn: the slow one has a request by now, or gets the next.
  if (a.asked.length === 0) held = sendGet(t, banyan.port)
  await eventually(() => a.asked.length === 1, 'the slow one has one')
  t.same(await served(t, banyan, 12), Array(12).fill('b'))
  t.equal(a.asked.length, 1)
  t.match(await addressesOf(banyan), [{ inFlight: 1 }, { inFlight: 0 }])
  a.serve = saying('a')
  a.asked[0]?.answer('late')
  t.equal((await held.answer).body, 'late')
  t.same((await served(t, banyan, 4)).sort(), ['a', 'a', 'b', 'b'], 'among equals in turn')
})

/** The Set-Cookie lines of an answer. */
const setCookies = ({ head }: Answer): string[] =>
  [...head.matchAll(/\r\nSet-Cookie: ([^\r]*)/gi)].map(([, one]) => one as string)

t.test('cookie: a client stays where it was, and is told where that is once', async t => {
  const { backends, banyan } = await startWith(t, 3, { balance: 'cookie:node' })
  const first = await get(t, banyan.port)
  const [set = '', ...more] = setCookies(first)
  t.same(more, [])
  t.match(set, /^node=[\w-]{10}; Path=\/; HttpOnly; SameSite=Lax$/)
  for (const backend of backends) t.notOk(set.includes(String(backend.port)), 'it says nothing of the address')
  const cookie = `Cookie: theme=dark; ${set.split(';')[0]}\r\n`
  for (let i = 0; i < 6; i++) {
    const again = await get(t, banyan.port, '/', cookie)
    t.equal(again.body, first.body)
    t.same(setCookies(again), [], 'it has it')
  }
  const own = backends.find(({ asked }) => asked.length === 7) as Scripted
  t.ok(own.asked[1]?.head.includes(`\r\n${cookie}`), 'the backend sees the cookies as they came')
  t.ok(are(await served(t, banyan, 9), 'a', 'b', 'c'), 'clients without a cookie are shared out')
  const foreign = await get(t, banyan.port, '/', 'Cookie: node=nonsense\r\n')
  t.match(setCookies(foreign), [/^node=[\w-]{10};/])
})

t.test('cookie: Secure where the client came by https', async t => {
  const backends = await several(t, 2)
  const banyan = await startBanyan(t, {
    ...only(backends, { balance: 'cookie:node' }),
    proxy: { clientIp: { from: ['127.0.0.1'] } },
  })
  const answer = await get(t, banyan.port, '/', 'X-Forwarded-Proto: https\r\n')
  t.match(setCookies(answer), [/; SameSite=Lax; Secure$/])
})

t.test('cookie: an address that goes out moves its clients, who stay where they came to', async t => {
  const { backends, banyan } = await startWith(t, 2, { balance: 'cookie:node' })
  const cookieIn = (answer: Answer) => `Cookie: ${setCookies(answer)[0]?.split(';')[0]}\r\n`
  const first = await get(t, banyan.port)
  const before = cookieIn(first)
  const gone = backends[first.body === 'a' ? 0 : 1] as Scripted
  const other = first.body === 'a' ? 'b' : 'a'
  await gone.close()
  const moved = await get(t, banyan.port, '/', before)
  t.equal(moved.body, other, 'the same request, by another address')
  const after = cookieIn(moved)
  t.match(after, /^Cookie: node=[\w-]{10}\r\n$/)
  t.not(after, before)
  await gone.open()
  await becomes(banyan, ['well', 'well'])
  for (let i = 0; i < 4; i++) {
    const stays = await get(t, banyan.port, '/', after)
    t.equal(stays.body, other)
    t.same(setCookies(stays), [])
  }
  t.equal((await get(t, banyan.port, '/', before)).body, first.body, 'who still has the old one is back at once')
})

t.test(
  'health: what probes find bad gets no request, is told to operators, and is used again when it is well',
  async t => {
    const { backends, banyan } = await startWith(t, 2, { balance: 'round', health: FAST_PROBES, slowStart: '0s' })
    const [a, b] = backends as [Scripted, Scripted]
    t.same(await outOfUse(banyan), [])
    b.probe = '500 Oh'
    await becomes(banyan, ['well', 'probes'])
    t.equal(a.asked.length + b.asked.length, 0, 'nobody had to ask it first')
    t.same(await outOfUse(banyan), [`backend mono: ${b.address} is out of use (probes)`])
    t.same(await served(t, banyan, 6), Array(6).fill('a'))
    t.equal((await fetch(`${banyan.health}/readyz`)).status, 200)
    b.probe = '302 Found'
    await becomes(banyan, ['well', 'well'])
    t.same(await outOfUse(banyan), [])
    t.ok(are(await served(t, banyan, 4), 'a', 'b'))
    b.probe = null
    await b.close()
    await becomes(banyan, ['well', 'probes'])
    t.same(await served(t, banyan, 6), Array(6).fill('a'), 'nobody listens: the same')
  },
)

t.test('health: all out is no reason to refuse anybody', async t => {
  const { backends, banyan } = await startWith(t, 2, { balance: 'round', health: FAST_PROBES, slowStart: '0s' })
  for (const backend of backends) backend.probe = '503 No'
  await becomes(banyan, ['probes', 'probes'])
  t.equal((await outOfUse(banyan)).length, 2)
  t.ok(are(await served(t, banyan, 4), 'a', 'b'), 'both are asked')
  for (const backend of backends) await backend.close()
  const answer = await get(t, banyan.port)
  t.same([answer.status, answer.code], [502, 'backend_connect'], 'where nobody listens that is the answer')
  for (const backend of backends) await backend.open()
  await eventually(async () => are(await served(t, banyan, 4), 'a', 'b'), 'they listen again')
})

t.test('failures: an address that refuses connections is left after one try, which no client notices', async t => {
  const { clock, turn } = handClock()
  const { backends, banyan } = await startWith(t, 2, { balance: 'round' }, { clock })
  const [a] = backends as [Scripted, Scripted]
  await a.close()
  const both = await Promise.all([get(t, banyan.port), post(t, banyan.port), get(t, banyan.port)])
  t.same(
    both.map(({ status, body }) => [status, body]),
    Array(3).fill([200, 'b']),
  )
  t.same(await health(banyan), ['failures', 'well'])
  t.same(await outOfUse(banyan), [`backend mono: ${a.address} is out of use (failures)`])
  t.match((await addressesOf(banyan))[0], { lastFailure: { kind: 'connect' } })
  t.same(await served(t, banyan, 4), Array(4).fill('b'))
  await a.open()
  turn(60_000)
  await becomes(banyan, ['well', 'well'])
  t.equal(a.asked.length, 0, 'no request of a client had to find out')
  t.same((await served(t, banyan, 4)).sort(), ['a', 'a', 'b', 'b'])
})

t.test('failures: three in a row without an answer; on probation one is enough; an answer heals', async t => {
  const { clock, turn } = handClock()
  const { backends, banyan } = await startWith(t, 2, { balance: 'round' }, { clock })
  const [a] = backends as [Scripted, Scripted]
  a.serve = cutting
  // Nobody may repeat a POST.
  const posts = async (times: number) => {
    const out: string[] = []
    for (let i = 0; i < times; i++) {
      const { status, body, code } = await post(t, banyan.port)
      out.push(status === 200 ? body : `${status} ${code}`)
    }
    return out
  }
  const errors = 'banyan_backend_errors_total{route="all",side="legacy",role="primary",kind="reset"}'
  const [failed, fine] = ['502 backend_reset', 'b']
  t.same((await posts(4)).sort(), [failed, failed, fine, fine])
  t.same(await health(banyan), ['well', 'well'], 'two are not enough')
  t.same((await posts(8)).sort(), [failed, ...Array(7).fill(fine)])
  t.same(await health(banyan), ['failures', 'well'])
  t.equal(await metricOf(banyan.health, errors), 3)
  t.equal(a.asked.length, 3)
  turn(60_000)
  await becomes(banyan, ['well', 'well'])
  t.equal(a.asked.length, 3, 'a connection has shown that it takes some')
  t.same((await posts(8)).sort(), [failed, ...Array(7).fill(fine)], 'on probation')
  t.same(await health(banyan), ['failures', 'well'])
  a.serve = saying('a')
  turn(60_000)
  await becomes(banyan, ['well', 'well'])
  t.ok(are(await posts(4), 'a', 'b'))
  a.serve = cutting
  t.same((await posts(4)).sort(), [failed, failed, fine, fine])
  t.same(await health(banyan), ['well', 'well'], 'what was before is forgotten')
})

t.test('slow start: who comes back begins with nothing and has its full share in the end', async t => {
  const { clock, turn } = handClock()
  const settings = { balance: 'round', health: FAST_PROBES, slowStart: '1h' }
  const { backends, banyan } = await startWith(t, 2, settings, { clock })
  const b = backends[1] as Scripted
  const shares = async () => (await addressesOf(banyan)).map(({ share }) => share)
  t.same((await served(t, banyan, 4)).sort(), [...'aabb'], 'in the beginning all are equal')
  t.same(await shares(), [1, 1])
  turn(2 * HOUR_MS)
  b.probe = '503 No'
  await becomes(banyan, ['well', 'probes'])
  b.probe = '204 No Content'
  await becomes(banyan, ['well', 'well'])
  t.same(await shares(), [1, 0])
  t.same(await served(t, banyan, 6), Array(6).fill('a'))
  turn(HOUR_MS / 2)
  t.same(await shares(), [1, 0.5])
  turn(HOUR_MS / 2)
  t.same(await shares(), [1, 1])
  t.same((await served(t, banyan, 6)).sort(), [...'aaabbb'])
})

/** The system's resolver, as far as `.test` is concerned. */
function nameServer(t: Test) {
  const names = { answer: [] as readonly string[] | string, asked: 0, hears: Promise.resolve() }
  const { lookup } = dns
  const scripted = async (host: string, options: object) => {
    if (!host.endsWith('.test')) return lookup(host, options)
    names.asked++
    await names.hears
    if (typeof names.answer === 'string') throw Object.assign(new Error(host), { code: names.answer })
    return names.answer.map(address => ({ address, family: 4 }))
  }
  const install = (one: unknown) => {
    Object.assign(dns, { lookup: one })
    syncBuiltinESMExports()
  }
  install(scripted)
  t.teardown(() => install(lookup))
  return names
}

t.test('a name: asked again, the last good answer kept, a vanished address left without a cut', async t => {
  const names = nameServer(t)
  const { clock, turn } = handClock()
  const a = await scripted(t, saying('a'))
  const b = await scripted(t, saying('b'), { host: '127.0.0.2', port: a.port })
  names.answer = ['127.0.0.1']
  const banyan = await startBanyan(t, routed({ url: `http://mono.test:${a.port}` }), { clock })
  t.same(await served(t, banyan, 3), ['a', 'a', 'a'])
  const dueAgain = async () => {
    const { asked } = names
    turn(31_000)
    await eventually(() => names.asked > asked, 'it is asked again')
  }
  for (const answer of ['EAI_AGAIN', []]) {
    names.answer = answer
    await dueAgain()
    t.same(await served(t, banyan, 2), ['a', 'a'], `the last good answer stays: ${answer || 'empty'}`)
  }
  a.serve = holding
  const held = sendGet(t, banyan.port, '/held')
  await eventually(() => a.paths().includes('/held'), 'one is under way')
  names.answer = ['127.0.0.2']
  await dueAgain()
  await eventually(async () => (await addressesOf(banyan))[0]?.address === b.address, 'it has moved')
  t.same(await served(t, banyan, 3), ['b', 'b', 'b'])
  a.asked.at(-1)?.answer('late')
  t.equal((await held.answer).body, 'late', 'what was under way has ended as it would')
  await eventually(() => [...a.sockets].every(socket => socket.destroyed), 'nothing is left towards the old address')
})

t.test('a name: unknown is 502, and known later is served', async t => {
  const names = nameServer(t)
  const a = await scripted(t, saying('a'))
  names.answer = 'ENOTFOUND'
  const banyan = await startBanyan(t, routed({ url: `http://mono.test:${a.port}` }))
  const answer = await get(t, banyan.port)
  t.same([answer.status, answer.code], [502, 'backend_connect'])
  t.match(answer.body, /could not be resolved \(ENOTFOUND\)/)
  names.answer = ['127.0.0.1']
  await eventually(async () => (await get(t, banyan.port)).body === 'a', 'it is served')
})

t.test('a name: when connecting fails it is asked at once, not only on schedule', async t => {
  const names = nameServer(t)
  const a = await scripted(t, saying('a'))
  await scripted(t, saying('b'), { host: '127.0.0.2', port: a.port })
  names.answer = ['127.0.0.1']
  const banyan = await startBanyan(t, routed({ url: `http://mono.test:${a.port}` }))
  t.same(await served(t, banyan, 2), ['a', 'a'])
  await a.close()
  names.answer = ['127.0.0.2']
  await eventually(async () => (await get(t, banyan.port)).body === 'b', 'served by where it is now')
})

t.test('localhost, of which only one address may listen', async t => {
  const a = await scripted(t, saying('a'))
  const banyan = await startBanyan(t, routed({ url: `http://localhost:${a.port}` }))
  t.same(await served(t, banyan, 6), Array(6).fill('a'))
})

t.test(
  'Host: the client’s own, or the one of the side; the application still hears what the client asked for',
  async t => {
    const [old, fresh] = [await scripted(t, saying('old')), await scripted(t, saying('fresh'))]
    const both = { legacy: 'old', new: 'fresh', data: 'shared' }
    const banyan = await startBanyan(t, {
      backends: { old: { url: old.url }, fresh: { url: fresh.url, host: 'fresh.internal:8443' } },
      routes: [
        { id: 'kept', match: { path: '/old' }, ...both, weight: 0 },
        { id: 'moved', match: { path: '/fresh' }, ...both, weight: 100 },
      ],
    })
    t.equal((await get(t, banyan.port, '/old')).body, 'old')
    t.equal((await get(t, banyan.port, '/fresh')).body, 'fresh')
    const lines = (backend: Scripted, name: string) =>
      (backend.asked.at(-1)?.head ?? '').split('\r\n').filter(line => line.toLowerCase().startsWith(`${name}:`))
    t.same(lines(old, 'host'), ['Host: shop.example'])
    t.same(lines(fresh, 'host'), ['Host: fresh.internal:8443'])
    for (const one of [old, fresh]) t.same(lines(one, 'x-forwarded-host'), ['X-Forwarded-Host: shop.example'])
    // HTTP/1.0 may come without any.
    for (const path of ['/old', '/fresh']) await sendBytes(t, banyan.port, `GET ${path} HTTP/1.0\r\n\r\n`).answer
    t.same(lines(old, 'host'), [`Host: ${old.address}`])
    t.same(lines(fresh, 'host'), ['Host: fresh.internal:8443'])
  },
)

/** A Banyan whose configuration is what the test says last. */
async function startReloading(t: Test, first: Settings) {
  const config = { now: first }
  const banyan = await startBanyan(t, first, { reread: async () => configured(config.now) })
  return {
    banyan,
    async reload(next: Settings) {
      config.now = next
      t.equal((await banyan.api('POST', '/config/reload', {})).status, 200)
    },
  }
}

t.test('a reload that moves a backend loses no request', async t => {
  const backends = await several(t, 4)
  const [a, b, c, d] = backends as [Scripted, Scripted, Scripted, Scripted]
  const settings = { balance: 'round', maxConcurrent: 6, queue: { size: 100, wait: '1m' }, connections: 2 }
  const { banyan, reload } = await startReloading(t, only([a], settings))
  a.serve = asked => {
    if (asked.path !== '/held') asked.answer('a')
  }
  const held = sendGet(t, banyan.port, '/held')
  await eventually(() => a.paths().includes('/held'), 'one is under way')
  const answers: Answer[] = []
  let isOver = false
  // More of them than there are places: some are always in the queue.
  const clients = Array.from({ length: 12 }, async (_, at) => {
    while (!isOver) answers.push(await (at % 2 === 0 ? get(t, banyan.port) : post(t, banyan.port)))
  })
  const goesOn = async () => {
    const enough = answers.length + 20
    await eventually(() => answers.length >= enough, 'requests go on')
  }
  await goesOn()
  for (const next of [[a, b], [b, c], [c], [d, c, b], [d]]) {
    await reload(only(next, settings))
    await goesOn()
  }
  const before = [a, b, c].map(({ asked }) => asked.length)
  await goesOn()
  isOver = true
  await Promise.all(clients)
  t.same([...new Set(answers.map(({ status, code }) => code ?? status))], [200])
  t.same(
    [a, b, c].map(({ asked }) => asked.length),
    before,
    'who is not named any more is not asked any more',
  )
  for (const backend of backends) t.ok(backend.asked.length > 1, 'each had its time')
  a.asked.find(({ path }) => path === '/held')?.answer('late')
  t.equal((await held.answer).body, 'late', 'what was under way from the beginning')
  await eventually(() => [a, b, c].every(({ sockets }) => [...sockets].every(one => one.destroyed)), 'all is closed')
})

t.test('a reload that adds an address does not forget that another is out', async t => {
  const [a, b, c] = (await several(t, 3)) as [Scripted, Scripted, Scripted]
  const settings = { balance: 'round', health: FAST_PROBES, slowStart: '0s' }
  const { banyan, reload } = await startReloading(t, only([a, b], settings))
  b.probe = '500 Oh'
  b.serve = cutting
  await becomes(banyan, ['well', 'probes'])
  await reload(only([a, b, c], settings))
  t.same(await health(banyan), ['well', 'probes', 'well'])
  const names: string[] = []
  for (let i = 0; i < 6; i++) names.push((await post(t, banyan.port)).body)
  t.same(names.sort(), [...'aaaccc'])
})

t.test('a reload while the first request waits for a name: it is served all the same', async t => {
  const names = nameServer(t)
  const [a, b] = (await several(t, 2)) as [Scripted, Scripted]
  names.answer = ['127.0.0.1']
  const { promise, resolve } = Promise.withResolvers<void>()
  names.hears = promise
  const { banyan, reload } = await startReloading(t, routed({ url: `http://mono.test:${a.port}`, maxConcurrent: 9 }))
  const first = sendGet(t, banyan.port)
  const waits = async () => (await banyan.api('GET', '/routes/all')).json.sides.legacy.gate.inside === 1
  await eventually(async () => names.asked === 1 && (await waits()), 'it waits for the name')
  await reload(only([b]))
  t.equal((await get(t, banyan.port)).body, 'b')
  resolve()
  const { status, body } = await first.answer
  t.same([status, body], [200, 'a'])
})
