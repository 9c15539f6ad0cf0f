// The way into a backend: past the circuit, through the gate, to an address; what is shared between roles and backends.
import t from 'tap'
import type { FailureKind } from '../../src/model/exchange.ts'
import type { Place } from '../../src/upstream/service.ts'
import { backendWith, enter, handClock, isPlace, listen, placeIn, servicesFor, take, until } from './kit.ts'

const OK = { kind: 'answer', status: 200 } as const
const failure = (kind: FailureKind) => ({ kind: 'failure', failure: kind }) as const
const ORIGINS = ['http://127.0.0.1:9']

t.test('one address: admitted in the same turn, and the connection is kept', async t => {
  const { port } = await listen(t)
  const service = servicesFor(t).of(backendWith({ origins: [`http://127.0.0.1:${port}`] }), 'primary')
  let address = ''
  const leave = service.enter({
    stick: null,
    avoid: null,
    isSecondTry: false,
    admitted(place) {
      address = place.address
      place.over(OK)
    },
    refused: () => t.fail(),
  })
  t.equal(address, `127.0.0.1:${port}`)
  leave()
  const place = await placeIn(service)
  const { connection } = await take(place.pool)
  place.pool.giveBack(connection)
  await until(() => place.pool.free === 1)
  t.equal((await take((await placeIn(service)).pool)).connection, connection)
  t.equal(place.stick, null)
  t.equal(service.hasChoice, false)
})

t.test('a shadow never takes a primary’s socket', async t => {
  const services = servicesFor(t)
  const backend = backendWith({ origins: ORIGINS })
  const [primary, shadow] = [
    await placeIn(services.of(backend, 'primary')),
    await placeIn(services.of(backend, 'shadow')),
  ]
  t.equal(primary.address, shadow.address)
  t.not(primary.pool, shadow.pool)
})

t.test('backends that differ in the time they give an answer share everything', async t => {
  const services = servicesFor(t)
  const one = backendWith({ origins: ORIGINS, maxConcurrent: 1 })
  const other = { ...one, timeouts: { ...one.timeouts, headMs: 5 } }
  t.equal(services.of(one, 'primary'), services.of({ ...one }, 'primary'), 'equal ones are one')
  const place = await placeIn(services.of(one, 'primary'))
  const waiting = enter(services.of(other, 'primary'))
  t.equal(services.backends()[0]?.gate?.waiting, 1)
  place.over(OK)
  const next = await waiting
  t.ok(isPlace(next) && next.pool === place.pool)
})

t.test('one capacity for what differs in its connections', async t => {
  const services = servicesFor(t)
  const one = backendWith({ origins: ORIGINS, maxConcurrent: 1, queue: { size: 0, waitMs: 10 } })
  await placeIn(services.of(one, 'primary'))
  const entered = await enter(services.of({ ...one, connections: 7 }, 'primary'))
  t.match(entered, { kind: 'busy' })
})

t.test('maxConcurrent over all roles: primary goes first, late and full are busy, leaving is exact', async t => {
  const services = servicesFor(t)
  const backend = backendWith({ origins: ORIGINS, maxConcurrent: 1, queue: { size: 2, waitMs: 40 } })
  const [primary, shadow] = [services.of(backend, 'primary'), services.of(backend, 'shadow')]
  const first = await placeIn(primary)
  const order: string[] = []
  const wait = (service: typeof primary, name: string) =>
    service.enter({
      stick: null,
      avoid: null,
      isSecondTry: false,
      admitted(place) {
        order.push(name)
        place.over(OK)
      },
      refused: (kind, detail) => order.push(`${name} ${kind}: ${detail}`),
    })
  wait(shadow, 'shadow')
  const leave = wait(primary, 'left')
  wait(primary, 'user')
  t.match(order, [/^shadow busy: 1 requests are under way and the queue of 2 is full/], 'the shadow makes room')
  wait(shadow, 'another')
  t.match(order[1], /^another busy/)
  leave()
  leave()
  wait(shadow, 'third')
  first.over(OK)
  t.strictSame(order.slice(2), ['user', 'third'])
  leave()
  const last = await placeIn(primary)
  const before = performance.now()
  const late = await enter(primary)
  t.match(late, { kind: 'busy', detail: /for 40 ms/ })
  t.ok(performance.now() - before >= 39)
  last.over(OK)
  t.match(services.backends(), [{ gate: { limit: 1, inside: 0, waiting: 0 } }])
})

t.test('circuit: refuses, tells, tries, closes; not for shadows', async t => {
  const clock = handClock()
  const services = servicesFor(t, { clock })
  const circuit = { errorPercent: 50, minRequests: 2, windowMs: 10_000, openMs: 1_000 }
  const backend = backendWith({ origins: ORIGINS, circuit })
  const service = services.of(backend, 'primary')
  for (const outcome of [{ kind: 'given-up' }, OK, OK, failure('reset'), { kind: 'answer', status: 503 }] as const) {
    t.notOk(service.isOpen)
    ;(await placeIn(service)).over(outcome)
  }
  t.ok(service.isOpen)
  t.match(services.backends(), [{ circuit: 'open' }])
  t.match(await enter(service), { kind: 'circuit' })
  t.ok(isPlace(await enter(services.of(backend, 'shadow'))))
  clock.turn(1_000)
  t.notOk(service.isOpen)
  const trying = await placeIn(service)
  t.match(await enter(service), { kind: 'circuit' }, 'one at a time')
  trying.over({ kind: 'given-up' })
  const again = await placeIn(service)
  again.over({ kind: 'answer', status: 404 })
  t.notOk(service.isOpen)
  t.match(services.backends(), [{ circuit: 'closed' }])
})

t.test('a stale connection is no failure of the backend', async t => {
  const circuit = { errorPercent: 50, minRequests: 1, windowMs: 10_000, openMs: 1_000 }
  const service = servicesFor(t).of(backendWith({ origins: ORIGINS, circuit }), 'primary')
  ;(await placeIn(service)).over({ kind: 'failure', failure: 'reset', phase: 'headers', stale: true })
  t.notOk(service.isOpen)
})

t.test('a circuit that opens sends away whoever waits at the gate', async t => {
  const services = servicesFor(t)
  const circuit = { errorPercent: 50, minRequests: 1, windowMs: 10_000, openMs: 1_000 }
  const service = services.of(backendWith({ origins: ORIGINS, circuit, maxConcurrent: 1 }), 'primary')
  const place = await placeIn(service)
  const waiting = [enter(service), enter(service), enter(service)]
  place.over(failure('timeout'))
  for (const one of waiting) t.match(await one, { kind: 'circuit' })
  t.match(services.backends(), [{ gate: { inside: 0, waiting: 0 } }])
})

t.test('second tries: three at the same time of little, then no more until one is over', async t => {
  const service = servicesFor(t).of(backendWith({ origins: ORIGINS }), 'primary')
  const places: Place[] = []
  for (let i = 0; i < 3; i++) {
    t.ok(service.allowsRetry)
    places.push(await placeIn(service, { isSecondTry: true }))
  }
  t.notOk(service.allowsRetry)
  places[0]?.over({ kind: 'answer', status: 200 })
  t.ok(service.allowsRetry)
})

t.test('a place again: the same address, though it is avoided', async t => {
  const service = servicesFor(t).of(backendWith({ origins: [...ORIGINS, 'http://127.0.0.2:9'] }), 'primary')
  const first = await placeIn(service)
  first.over(failure('connect'))
  const other = await placeIn(service)
  t.not(other.address, first.address)
  const again = await placeIn(service, { again: first })
  t.equal(again.address, first.address)
  t.equal(again.pool, first.pool)
})

t.test('retain: what nobody names ends its work; what comes back is open again', async t => {
  const clock = handClock()
  const { port, sockets } = await listen(t)
  const services = servicesFor(t, { clock })
  const backend = backendWith({ origins: [`http://127.0.0.1:${port}`] })
  const place = await placeIn(services.of(backend, 'primary'))
  const busy = await take(place.pool)
  const idle = await take(place.pool)
  place.pool.giveBack(idle.connection)
  await until(() => sockets.size === 2)
  services.retain([{ ...backend }])
  t.ok(idle.connection.usable, 'an equal one is the same')
  services.retain([])
  t.strictSame(services.states(), [])
  await until(() => sockets.size === 1)
  t.ok(busy.connection.usable)

  // A request of an old snapshot.
  const late = await placeIn(services.of(backend, 'primary'))
  const taken = await take(late.pool)
  late.pool.giveBack(taken.connection)
  t.notOk(taken.connection.usable)
  late.over(OK)

  services.retain([backend])
  const back = await placeIn(services.of(backend, 'primary'))
  const kept = await take(back.pool)
  back.pool.giveBack(kept.connection)
  t.ok(kept.connection.usable)

  place.pool.giveBack(busy.connection)
  place.over(OK)
  await until(() => sockets.size === 1)
  services.destroy()
  await until(() => sockets.size === 0)
})
