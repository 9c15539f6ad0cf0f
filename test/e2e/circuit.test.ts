// The circuit of a backend: opens on real failures, lets one request try after a while, closes when that one is well. While
// new's is open legacy answers reads; what may change something is refused.
import t, { type Test } from 'tap'
import { type Banyan, eventually, startBanyan } from './harness.ts'
import {
  ALONE,
  type Asked,
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
type Side = 'legacy' | 'new'

const OPEN_MS = 60_000
const CIRCUIT = { errors: 50, min: 4, window: '10m', open: '1m' }
const READS = { fallback: { on: ['connect'] } }

const failing = (asked: Asked): void => asked.answer('of new', '503 Busy')

interface Scene {
  readonly banyan: Banyan
  readonly legacy: Scripted
  readonly fresh: Scripted
  turn(ms: number): void
  /** GETs, one after the other, so many. */
  ask(times: number): Promise<void>
  circuit(side?: Side): Promise<string | null>
}

/** Everybody is on new, which has a circuit; time stands still. */
async function scene(t: Test, route: Settings = READS, backends: Partial<Record<Side, Settings>> = {}): Promise<Scene> {
  const [legacy, fresh] = [await scripted(t, saying('of legacy')), await scripted(t, saying('of new'), ALONE)]
  const { clock, turn } = handClock()
  const config = {
    backends: {
      legacy: { url: legacy.url, ...backends.legacy },
      new: { url: fresh.url, circuit: CIRCUIT, ...backends.new },
    },
    routes: [{ id: 'it', match: { path: '/*' }, legacy: 'legacy', new: 'new', data: 'shared', weight: 100, ...route }],
  }
  const banyan = await startBanyan(t, config, { clock })
  return {
    banyan,
    legacy,
    fresh,
    turn,
    async ask(times) {
      for (let i = 0; i < times; i++) await get(t, banyan.port)
    },
    circuit: async (side = 'new') => (await banyan.api('GET', '/routes/it')).json.sides[side].circuit,
  }
}

t.test('opens: legacy answers reads as `breaker`, writes are refused, new is left alone', async t => {
  const { banyan, legacy, fresh, circuit } = await scene(t)
  fresh.serve = failing
  for (let i = 0; i < CIRCUIT.min; i++) {
    t.equal(await circuit(), 'closed')
    t.match(await get(t, banyan.port), { status: 503, body: 'of new' }, 'until then the answers are those of new')
  }
  t.equal(await circuit(), 'open')
  t.equal(await circuit('legacy'), null, 'legacy has none')
  for (const method of ['GET', 'HEAD', 'OPTIONS']) {
    const request = `${method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
    t.equal((await sendBytes(t, banyan.port, request).answer).status, 200, method)
  }
  const refused = await post(t, banyan.port)
  t.match(refused, { status: 503, code: 'circuit_open' })
  t.match(refused.head, /\r\nRetry-After: \d+\r\n/)
  t.same([fresh.asked.length, legacy.asked.length], [CIRCUIT.min, 3])
  const requests = (labels: string) => metricOf(banyan.health, `banyan_requests_total{route="it",${labels}}`)
  t.equal(await requests('side="legacy",reason="breaker",code="2xx"'), 3)
  t.equal(await requests('side="new",reason="weight",code="error"'), 1)
  const errors = 'banyan_backend_errors_total{route="it",side="new",role="primary",kind="circuit"}'
  t.equal(await metricOf(banyan.health, errors), 4)
  const { reasons, sides } = (await banyan.api('GET', '/routes/it')).json
  t.same(reasons, { weight: CIRCUIT.min + 1, breaker: 3 })
  t.match(sides.new.lastError, { code: 'circuit_open' })
})

t.test('an open circuit is a warning that says what becomes of requests; a closed one is none', async t => {
  const warnings = async ({ banyan }: Scene) => (await banyan.api('GET', '/status')).json.warnings
  const covered = await scene(t)
  t.same(await warnings(covered), [])
  covered.fresh.serve = failing
  await covered.ask(CIRCUIT.min)
  t.match(await warnings(covered), [
    {
      code: 'circuit_open',
      route: 'it',
      message:
        /^the circuit of its new side \(backend new\) is open, .*: of the requests for it GET, HEAD, OPTIONS go to legacy, others get 503; one request each 60 s tries/,
    },
  ])
  covered.fresh.serve = saying('of new')
  covered.turn(OPEN_MS)
  await covered.ask(1)
  t.same(await warnings(covered), [], 'well again')

  const bare = await scene(t, {})
  bare.fresh.serve = failing
  await bare.ask(CIRCUIT.min)
  t.match(await warnings(bare), [{ code: 'circuit_open', route: 'it', message: /: requests for it get 503; / }])
})

t.test('a route without fallback: reads are refused, too', async t => {
  const { banyan, legacy, fresh, ask } = await scene(t, {})
  fresh.serve = failing
  await ask(CIRCUIT.min)
  t.match(await get(t, banyan.port), { status: 503, code: 'circuit_open' })
  t.same([fresh.asked.length, legacy.asked.length], [CIRCUIT.min, 0])
})

t.test('one request tries; the others do not wait for it; its success closes', async t => {
  const { banyan, legacy, fresh, turn, ask, circuit } = await scene(t)
  fresh.serve = failing
  await ask(CIRCUIT.min)
  turn(OPEN_MS - 1_000)
  t.equal((await get(t, banyan.port)).body, 'of legacy', 'not yet')
  turn(1_000)
  fresh.serve = holding
  const tries = sendGet(t, banyan.port, '/tries')
  await eventually(() => fresh.paths().includes('/tries'), 'new has it')
  t.equal((await get(t, banyan.port)).body, 'of legacy')
  t.match(await post(t, banyan.port), { status: 503, code: 'circuit_open' })
  t.equal(await circuit(), 'open')
  t.equal(fresh.asked.length, CIRCUIT.min + 1)
  fresh.serve = saying('of new')
  fresh.asked.at(-1)?.answer('of new')
  t.match(await tries.answer, { status: 200, body: 'of new' })
  t.equal(await circuit(), 'closed')
  t.equal((await get(t, banyan.port)).body, 'of new')
  t.match(await post(t, banyan.port), { status: 200, body: 'of new' })
  t.equal(legacy.asked.length, 2)
})

t.test('a try that fails changes nothing: the next one comes as much later', async t => {
  const { banyan, fresh, turn, ask, circuit } = await scene(t)
  fresh.serve = failing
  await ask(CIRCUIT.min)
  for (let round = 1; round <= 3; round++) {
    turn(OPEN_MS)
    t.match(await get(t, banyan.port), { status: 503, body: 'of new' }, 'it tries')
    t.equal((await get(t, banyan.port)).body, 'of legacy')
    t.equal(await circuit(), 'open')
    t.equal(fresh.asked.length, CIRCUIT.min + round)
  }
})

t.test('a try whose client leaves says nothing: the next request tries at once', async t => {
  const { banyan, fresh, turn, ask, circuit } = await scene(t)
  fresh.serve = failing
  await ask(CIRCUIT.min)
  turn(OPEN_MS)
  fresh.serve = holding
  const left = sendGet(t, banyan.port, '/left')
  await eventually(() => fresh.paths().includes('/left'), 'new has it')
  left.leave()
  await fresh.asked.at(-1)?.gone
  fresh.serve = saying('of new')
  t.equal((await get(t, banyan.port)).body, 'of new')
  t.equal(await circuit(), 'closed')
})

t.test('what counts as a failure, and what does not', async t => {
  const bytes =
    (text: string): Scripted['serve'] =>
    ({ socket }) =>
      void socket.end(text)
  const rows: Record<string, readonly [Scripted['serve'], 'open' | 'closed', Settings?]> = {
    '500': [bytes('HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n'), 'open'],
    'a 503 that legacy covers': [failing, 'open', { fallback: { on: [503] } }],
    'a reset': [cutting, 'open'],
    'a reset that legacy covers': [cutting, 'open', { fallback: { on: [502] } }],
    'no answer in time': [holding, 'open'],
    'no HTTP': [bytes('SMTP 220 hello\r\n\r\n'), 'open'],
    'a cut body': [bytes('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'), 'open'],
    '404': [bytes('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'), 'closed'],
    'a 404 that legacy covers': [asked => asked.answer('', '404 Not Found'), 'closed', { otherSideOn: [404] }],
    '429': [bytes('HTTP/1.1 429 Slow Down\r\nContent-Length: 0\r\n\r\n'), 'closed'],
  }
  for (const [name, [serve, expected, route]] of Object.entries(rows)) {
    const timeouts = name === 'no answer in time' ? { head: '100ms' } : {}
    const { banyan, fresh, ask, circuit } = await scene(t, route ?? READS, { new: { timeouts } })
    fresh.serve = serve
    await ask(CIRCUIT.min)
    t.equal(fresh.asked.length, CIRCUIT.min, name)
    t.equal(await circuit(), expected, name)
    await banyan.stop()
  }
})

t.test('refused connections count, and legacy is asked all the while', async t => {
  const { banyan, legacy, fresh, turn, ask, circuit } = await scene(t)
  await fresh.close()
  await ask(CIRCUIT.min)
  t.equal(await circuit(), 'open')
  await ask(1)
  t.equal(legacy.asked.length, CIRCUIT.min + 1)
  t.same((await banyan.api('GET', '/routes/it')).json.reasons, { fallback: CIRCUIT.min, breaker: 1 })
  await fresh.open()
  turn(OPEN_MS)
  t.equal((await get(t, banyan.port)).body, 'of new')
  t.equal(await circuit(), 'closed')
})

t.test('clients that leave, and connections that were closed before they were used again, do not count', async t => {
  const { banyan, fresh, circuit, turn } = await scene(t, READS, { new: { connections: 1 } })
  for (let i = 0; i < CIRCUIT.min + 1; i++) {
    fresh.serve = holding
    const sent = sendGet(t, banyan.port, `/left${i}`)
    await eventually(() => fresh.paths().includes(`/left${i}`), 'new has it')
    sent.leave()
    await fresh.asked.at(-1)?.gone
    fresh.serve = saying('of new')
    t.equal((await get(t, banyan.port, '/warm')).status, 200)
    // Out of quarantine.
    turn(10)
    fresh.serve = cutting
    t.match(await post(t, banyan.port), { status: 502, code: 'backend_reset' })
  }
  t.equal(await circuit(), 'closed')
})

t.test('too few requests, or too small a share of them: it stays closed', async t => {
  const { fresh, ask, circuit } = await scene(t)
  fresh.serve = failing
  await ask(CIRCUIT.min - 1)
  t.equal(await circuit(), 'closed')
  fresh.serve = saying('of new')
  await ask(6)
  fresh.serve = failing
  await ask(2)
  t.equal(await circuit(), 'closed', '5 of 11')
  await ask(1)
  t.equal(await circuit(), 'open', '6 of 12')
})

t.test('what it knew before a pause as long as its window is forgotten', async t => {
  const { fresh, turn, ask, circuit } = await scene(t)
  fresh.serve = failing
  await ask(CIRCUIT.min - 1)
  turn(600_000)
  await ask(CIRCUIT.min - 1)
  t.equal(await circuit(), 'closed')
})

t.test('legacy has one of its own: open, it is 503, and new is not asked instead', async t => {
  const { banyan, legacy, fresh, ask, circuit } = await scene(
    t,
    { ...READS, weight: 0 },
    { legacy: { circuit: CIRCUIT } },
  )
  legacy.serve = asked => asked.answer('of legacy', '500 Oh')
  await ask(CIRCUIT.min)
  t.equal(await circuit('legacy'), 'open')
  t.equal(await circuit('new'), 'closed')
  const refused = await get(t, banyan.port)
  t.match(refused, { status: 503, code: 'circuit_open' })
  t.match(refused.body, /legacy side/)
  t.same([legacy.asked.length, fresh.asked.length], [CIRCUIT.min, 0])
})

t.test('both open: 503, and it says which side', async t => {
  const { banyan, legacy, fresh, ask, circuit } = await scene(
    t,
    { fallback: { on: ['connect', 503] } },
    { legacy: { circuit: CIRCUIT } },
  )
  fresh.serve = failing
  legacy.serve = failing
  await ask(CIRCUIT.min)
  t.same([await circuit('legacy'), await circuit('new')], ['open', 'open'])
  const refused = await get(t, banyan.port)
  t.match(refused, { status: 503, code: 'circuit_open' })
  t.match(refused.body, /legacy side/)
  t.same([legacy.asked.length, fresh.asked.length], [CIRCUIT.min, CIRCUIT.min])
})

t.test('it opens while others wait for a place: they are not asked of new any more', async t => {
  const { banyan, legacy, fresh } = await scene(t, READS, {
    new: { circuit: { ...CIRCUIT, min: 1 }, maxConcurrent: 1, queue: { wait: '1m' } },
  })
  fresh.serve = holding
  const first = get(t, banyan.port, '/first')
  await eventually(() => fresh.asked.length === 1, 'new has one')
  const [read, write] = [get(t, banyan.port, '/read'), post(t, banyan.port, '/write')]
  const gate = async () => (await banyan.api('GET', '/routes/it')).json.sides.new.gate
  await eventually(async () => (await gate()).waiting === 2, 'two wait')
  if (fresh.asked[0] !== undefined) failing(fresh.asked[0])
  t.equal((await first).status, 503)
  t.match(await read, { status: 200, body: 'of legacy' })
  t.match(await write, { status: 503, code: 'circuit_open' })
  t.same([fresh.paths(), legacy.paths()], [['/first'], ['/read']])
  t.match(await gate(), { inside: 0, waiting: 0 }, 'their places are free')
})

t.test('a rollback is not `breaker`: nobody asks the circuit', async t => {
  const { banyan, legacy, fresh, ask } = await scene(t)
  fresh.serve = failing
  await ask(CIRCUIT.min)
  await banyan.api('POST', '/routes/it/rollback', {})
  t.match(await post(t, banyan.port), { status: 200, body: 'of legacy' })
  t.equal((await banyan.api('GET', '/routes/it')).json.reasons.rollback, 1)
  t.equal(legacy.asked.length, 1)
})
