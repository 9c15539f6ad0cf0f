// The addresses of a backend: names, several addresses, bad ones, new ones, vanished ones.
import t from 'tap'
import type { FailureKind } from '../../src/model/exchange.ts'
import { type Lookup, lookupSystem } from '../../src/upstream/resolver.ts'
import type { Service } from '../../src/upstream/service.ts'
import {
  backendWith,
  deadPort,
  enter,
  handClock,
  isPlace,
  listen,
  placeIn,
  servicesFor,
  sleep,
  take,
  until,
} from './kit.ts'

const OK = { kind: 'answer', status: 200 } as const
const failure = (kind: FailureKind) => ({ kind: 'failure', failure: kind }) as const

interface NameServer {
  /** Addresses, or the code of an error. */
  answer: readonly string[] | string
  asked: number
  readonly lookup: Lookup
}

/** A name server that says what it is told to, and counts. */
function nameServer(answer: readonly string[] | string): NameServer {
  const server: NameServer = {
    answer,
    asked: 0,
    async lookup() {
      server.asked++
      await sleep(1)
      if (typeof server.answer === 'string') throw Object.assign(new Error('no'), { code: server.answer })
      return server.answer
    },
  }
  return server
}

async function addressOf(service: Service): Promise<string> {
  const place = await placeIn(service)
  place.over(OK)
  return place.address
}

async function addressesOf(service: Service, times = 12): Promise<string[]> {
  const seen = new Set<string>()
  for (let i = 0; i < times; i++) seen.add(await addressOf(service))
  return [...seen].sort()
}

t.test('a name: the first requests wait for its address', async t => {
  const names = nameServer(['127.0.0.1'])
  const service = servicesFor(t, names).of(backendWith({ origins: ['http://mono.internal:8080'] }), 'primary')
  const [a, b] = await Promise.all([placeIn(service), placeIn(service)])
  t.equal(a.address, '127.0.0.1:8080')
  t.equal(b.pool, a.pool)
  t.equal(names.asked, 1)
  let entered = false
  service.enter({
    stick: null,
    avoid: null,
    isSecondTry: false,
    admitted() {
      entered = true
    },
    refused() {},
  })
  t.ok(entered, 'later ones do not')
})

t.test('an unknown name is a failure to connect, told at once; the next question a second later', async t => {
  const clock = handClock()
  const names = nameServer('ENOTFOUND')
  const service = servicesFor(t, { clock, lookup: names.lookup }).of(
    backendWith({ origins: ['http://mono.internal'] }),
    'primary',
  )
  t.match(await enter(service), { kind: 'connect', detail: /ENOTFOUND/ })
  t.match(await enter(service), { kind: 'connect', detail: /ENOTFOUND/ })
  t.equal(names.asked, 1)
  names.answer = ['127.0.0.1']
  clock.turn(1_000)
  t.equal(await addressOf(service), '127.0.0.1:80')
})

t.test('a name server that is silent: bounded by the connect timeout; leaving before is silent', async t => {
  const services = servicesFor(t, { lookup: () => new Promise(() => {}) })
  const backend = backendWith({
    origins: ['http://mono.internal'],
    timeouts: { connectMs: 30, headMs: null, idleMs: null, totalMs: null },
    maxConcurrent: 2,
  })
  const service = services.of(backend, 'primary')
  const leave = service.enter({
    stick: null,
    avoid: null,
    isSecondTry: false,
    admitted: () => t.fail(),
    refused: () => t.fail(),
  })
  const waiting = enter(service)
  leave()
  leave()
  t.match(await waiting, { kind: 'connect', detail: /not resolved within 30 ms/ })
  t.match(services.backends(), [{ gate: { inside: 0 } }])
})

t.test('the last good answer stays when the next is an error or empty', async t => {
  const clock = handClock()
  const names = nameServer(['127.0.0.1'])
  const services = servicesFor(t, { clock, lookup: names.lookup })
  const service = services.of(backendWith({ origins: ['http://mono.internal'] }), 'primary')
  t.equal(await addressOf(service), '127.0.0.1:80')
  for (const answer of ['EAI_AGAIN', []]) {
    names.answer = answer
    const before = names.asked
    clock.turn(30_000)
    services.sweep()
    t.equal(names.asked, before + 1)
    await sleep(5)
    t.equal(await addressOf(service), '127.0.0.1:80')
  }
})

t.test('asked anew on schedule, and at once when connecting failed, but not each time', async t => {
  const clock = handClock()
  const names = nameServer(['127.0.0.1'])
  const services = servicesFor(t, { clock, lookup: names.lookup })
  const service = services.of(backendWith({ origins: ['http://mono.internal'] }), 'primary')
  await addressOf(service)
  clock.turn(29_999)
  services.sweep()
  t.equal(names.asked, 1)
  clock.turn(1)
  services.sweep()
  t.equal(names.asked, 2)
  await sleep(5)
  clock.turn(2_000)
  for (let i = 0; i < 5; i++) (await placeIn(service)).over(failure('connect'))
  t.equal(names.asked, 3)
})

t.test('an address that vanishes ends its work; the new one is used', async t => {
  const clock = handClock()
  const { port, sockets } = await listen(t)
  const { sockets: others } = await listen(t, () => {}, '127.0.0.2', port)
  const names = nameServer(['127.0.0.1'])
  const services = servicesFor(t, { clock, lookup: names.lookup })
  const service = services.of(backendWith({ origins: [`http://mono.internal:${port}`] }), 'primary')
  const place = await placeIn(service)
  const [busy, idle] = [await take(place.pool), await take(place.pool)]
  place.pool.giveBack(idle.connection)
  await until(() => sockets.size === 2)
  names.answer = ['127.0.0.2']
  clock.turn(30_000)
  services.sweep()
  await until(() => sockets.size === 1)
  t.equal(await addressOf(service), `127.0.0.2:${port}`)
  t.ok(busy.connection.usable)
  t.strictSame(
    services.states().map(({ address }) => address),
    [`127.0.0.2:${port}`],
  )
  place.pool.giveBack(busy.connection)
  place.over(OK)
  await until(() => sockets.size === 0)
  t.equal(others.size, 0)
})

for (const [listens, order] of [
  ['127.0.0.1', ['::1', '127.0.0.1']],
  ['::1', ['127.0.0.1', '::1']],
] as const) {
  t.test(`localhost is two addresses, and only ${listens} listens`, async t => {
    const { port } = await listen(t, () => {}, listens)
    const services = servicesFor(t, nameServer(order))
    const service = services.of(backendWith({ origins: [`http://localhost:${port}`] }), 'primary')
    const expected = listens === '::1' ? `[::1]:${port}` : `127.0.0.1:${port}`
    t.strictSame(await addressesOf(service), [expected])
    t.equal(services.states().find(({ address }) => address === expected)?.healthy, true)
  })
}

t.test('the system’s own localhost', async t => {
  const { port } = await listen(t)
  const services = servicesFor(t, { lookup: lookupSystem })
  const service = services.of(backendWith({ origins: [`http://localhost:${port}`] }), 'primary')
  t.strictSame(await addressesOf(service), [`127.0.0.1:${port}`])
})

t.test('a name whose addresses are all dead is used all the same', async t => {
  const port = await deadPort()
  const service = servicesFor(t, nameServer(['127.0.0.1', '127.0.0.2'])).of(
    backendWith({ origins: [`http://mono.internal:${port}`] }),
    'primary',
  )
  const place = await placeIn(service)
  await t.rejects(take(place.pool), { code: 'ECONNREFUSED' })
})

t.test('several urls: the dead one is avoided after one try, and back when it listens', async t => {
  const clock = handClock()
  const { port } = await listen(t)
  const dead = await deadPort('127.0.0.2')
  const services = servicesFor(t, { clock })
  const service = services.of(
    backendWith({ origins: [`http://127.0.0.1:${port}`, `http://127.0.0.2:${dead}`] }),
    'primary',
  )
  t.ok(service.hasChoice)
  const bad = `127.0.0.2:${dead}`
  t.equal((await addressesOf(service)).length, 2)
  const place = await placeIn(service, { avoid: `127.0.0.1:${port}` })
  t.equal(place.address, bad)
  place.over(failure('connect'))
  t.strictSame(await addressesOf(service), [`127.0.0.1:${port}`])
  t.match(services.states()[1], { address: bad, healthy: false, why: 'failures', lastFailure: { kind: 'connect' } })

  clock.turn(1_000)
  services.sweep()
  await sleep(20)
  t.strictSame(await addressesOf(service), [`127.0.0.1:${port}`], 'not proved yet')
  await listen(t, () => {}, '127.0.0.2', dead)
  clock.turn(2_000)
  services.sweep()
  await until(() => services.states()[1]?.healthy === true)
  t.equal((await addressesOf(service)).length, 2)
})

t.test('what a shadow could not wait for says nothing to users', async t => {
  const services = servicesFor(t)
  const backend = backendWith({ origins: ['http://127.0.0.1:9', 'http://127.0.0.2:9'] })
  for (const role of ['shadow', 'primary'] as const) {
    const service = services.of(backend, role)
    for (let i = 0; i < 3; i++) {
      const place = await placeIn(service, { avoid: '127.0.0.2:9' })
      t.equal(place.address, '127.0.0.1:9')
      place.over(failure('timeout'))
    }
    t.equal(services.states()[0]?.healthy, role === 'shadow')
  }
})

t.test('the address that has just failed is avoided where there is another', async t => {
  const service = servicesFor(t).of(backendWith({ origins: ['http://127.0.0.1:9', 'http://127.0.0.2:9'] }), 'primary')
  for (let i = 0; i < 9; i++) t.equal((await placeIn(service, { avoid: '127.0.0.1:9' })).address, '127.0.0.2:9')
})

t.test('least: the one with the fewest under way', async t => {
  const service = servicesFor(t).of(backendWith({ origins: ['http://127.0.0.1:9', 'http://127.0.0.2:9'] }), 'primary')
  const first = await placeIn(service)
  const second = await placeIn(service)
  t.not(second.address, first.address)
  second.over(OK)
  for (let i = 0; i < 5; i++) t.equal(await addressOf(service), second.address)
})

t.test('cookie: a client stays; a new one is told; a bad address is left', async t => {
  const origins = ['http://127.0.0.1:9', 'http://127.0.0.2:9', 'http://127.0.0.3:9']
  const backend = backendWith({ origins, balance: { kind: 'cookie', name: 'node' } })
  const service = servicesFor(t).of(backend, 'primary')
  const first = await placeIn(service)
  t.match(first.stick, /^[\w-]{10}$/)
  for (let i = 0; i < 6; i++) {
    const place = await placeIn(service, { stick: first.stick })
    t.equal(place.address, first.address)
    t.equal(place.stick, null, 'it has it')
  }
  t.equal(typeof (await placeIn(service, { stick: 'unknown' })).stick, 'string')
  first.over(failure('connect'))
  const moved = await placeIn(service, { stick: first.stick })
  t.not(moved.address, first.address)
  t.not(moved.stick, first.stick)

  const elsewhere = servicesFor(t).of(backend, 'primary')
  t.equal((await placeIn(elsewhere, { stick: first.stick })).address, first.address, 'the same in another process')
  const strange = servicesFor(t, { secret: 'another' }).of(backend, 'primary')
  t.not((await placeIn(strange, { stick: first.stick })).stick, null, 'but not with another secret')
})

t.test('slow start: who comes back begins small; in the beginning all are equal', async t => {
  const clock = handClock()
  const { port } = await listen(t)
  await listen(t, () => {}, '127.0.0.2', port)
  const services = servicesFor(t, { clock })
  const origins = [`http://127.0.0.1:${port}`, `http://127.0.0.2:${port}`]
  const service = services.of(backendWith({ origins, slowStartMs: 10_000 }), 'primary')
  t.strictSame(
    services.states().map(({ share }) => share),
    [1, 1],
  )
  clock.turn(60_000)
  const place = await placeIn(service, { avoid: `127.0.0.2:${port}` })
  place.over(failure('connect'))
  clock.turn(1_000)
  services.sweep()
  await until(() => services.states()[0]?.healthy === true)
  t.equal(services.states()[0]?.share, 0)
  t.strictSame(await addressesOf(service), [`127.0.0.2:${port}`])
  clock.turn(5_000)
  t.equal(services.states()[0]?.share, 0.5)
  let small = 0
  for (let i = 0; i < 1_000; i++) if ((await addressOf(service)) === place.address) small++
  t.ok(small > 180 && small < 320, `${small} of 1000`)
  clock.turn(5_000)
  services.sweep()
  t.equal(services.states()[0]?.share, 1)
})

t.test('it is refused while nothing can be known, and only then', async t => {
  const clock = handClock()
  const names = nameServer('ENOTFOUND')
  const services = servicesFor(t, { clock, lookup: names.lookup })
  const origins = ['http://gone.internal:9', 'http://127.0.0.1:9']
  t.ok(isPlace(await enter(services.of(backendWith({ origins }), 'primary'))))
})
