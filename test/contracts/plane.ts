// What a data plane is, whichever processes serve in it: one suite that every implementation has to pass.
import { connect } from 'node:net'
import type { Test } from 'tap'
import { type Chance, compileSnapshot } from '../../src/config/compile.ts'
import type { Configured } from '../../src/configured.ts'
import type { Watched } from '../../src/doctor/watch.ts'
import { Registry } from '../../src/metrics/text.ts'
import type { ShadowResult } from '../../src/model/comparison.ts'
import type { ControlState, Rollback } from '../../src/model/control.ts'
import type { Sample } from '../../src/model/exchange.ts'
import type { Note } from '../../src/model/note.ts'
import type { Ears, Generation, Plane, PlaneSettings, ShadowSuspended } from '../../src/plane/plane.ts'
import { trafficOf } from '../../src/traffic.ts'
import type { OwnListener } from '../../src/upstream/own-listeners.ts'
import { EMPTY } from '../control/make.ts'
import { configured, eventually, type HttpBackend, httpBackend, named, rawClient } from '../e2e/harness.ts'
import { readPrometheus, sampleOf } from '../prometheus.ts'

export interface PlaneParts {
  readonly settings: PlaneSettings
  readonly ears: Ears
  readonly first: Generation
}

export interface Opened {
  readonly plane: Plane
  readonly parts: PlaneParts
  readonly told: Told
  readonly port: number
  readonly sides: { readonly legacy: HttpBackend; readonly new: HttpBackend }
  /** The configuration that it began with, changed. */
  configure(more?: Record<string, unknown>, route?: Record<string, unknown>): Configured
  /** Puts it in force. */
  apply(configured: Configured, state: Partial<ControlState>): ReturnType<Plane['apply']>
  get(path?: string, user?: string): Promise<string>
}

/** What its ears have heard. */
export interface Told {
  readonly notes: (readonly [Note, number])[]
  readonly samples: Sample[]
  readonly watched: Watched[]
  readonly forwarders: string[]
  readonly ended: { readonly route: string; readonly result: ShadowResult; readonly times: number }[]
  readonly compared: { readonly route: string; readonly result: string }[]
  readonly suspended: ShadowSuspended[]
}

const CHANCE: Chance = { random: Math.random, randomId: () => `id-${Math.random()}`, now: Date.now }
export const ROLLBACK: Rollback = {
  id: 'rb-1',
  units: '*',
  restored: [],
  trigger: 'operator',
  by: 'ada',
  at: 0,
  reason: null,
}

export type MakePlane = (t: Test, parts: PlaneParts) => Plane

/** Listening, with two sides that say their name, and a route `orders` of which everybody is on new. */
export async function openPlane(
  t: Test,
  make: MakePlane,
  config: Record<string, unknown> = {},
  route: Record<string, unknown> = {},
  own: (sides: Opened['sides']) => readonly OwnListener[] = () => [],
): Promise<Opened> {
  const sides = { legacy: await named(t, 'legacy'), new: await named(t, 'new') }
  const configure: Opened['configure'] = (more = {}, changed = {}) =>
    configured({
      ...config,
      routes: [
        {
          id: 'orders',
          match: { path: '/orders/*' },
          legacy: sides.legacy.url,
          new: sides.new.url,
          data: 'separate',
          weight: 100,
          sticky: ['header:x-user-id'],
          ...route,
          ...changed,
        },
      ],
      ...more,
    })
  const told: Told = { notes: [], samples: [], watched: [], forwarders: [], ended: [], compared: [], suspended: [] }
  const ears: Ears = {
    note: (note, times) => told.notes.push([note, times]),
    sample: sample => told.samples.push(sample),
    watched: watched => told.watched.push(watched),
    forwarder: peer => told.forwarders.push(peer),
    shadowEnded: ({ id }, result, _reason, times) => told.ended.push({ route: id, result, times }),
    shadowCompared({ route, finding }) {
      told.compared.push({ route: route.id, result: finding.result })
      return finding.result === 'different' ? 'divergent' : finding.result
    },
    shadowTriaged() {},
    shadowSuspended: suspended => told.suspended.push(suspended),
  }
  const generation = (of: Configured, state: Partial<ControlState>): Generation => {
    const whole = { ...EMPTY, seed: 'test-seed', ...state }
    return { snapshot: compileSnapshot(of.plan, whole, CHANCE), state: whole, configured: of }
  }
  const first = configure()
  const settings: PlaneSettings = {
    listen: first.config.proxy.listen,
    perRouteMetrics: false,
    seed: 'test-seed',
    salt: 7,
    certificateLookMs: null,
    workers: 1,
    traces: null,
  }
  const parts: PlaneParts = { settings, ears, first: generation(first, { revision: 1 }) }
  const plane = make(t, parts)
  let closed = false
  t.teardown(async () => {
    if (closed) return
    closed = true
    await plane.close(0)
    await plane.end()
  })
  const { port } = await plane.listen(own(sides))
  return {
    plane,
    parts,
    told,
    port,
    sides,
    configure,
    apply: (of, state) => plane.apply(generation(of, state), performance.now()),
    async get(path = '/orders/1', user = 'ada') {
      // A connection of its own each time: whoever comes first takes it.
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        headers: { 'x-user-id': user, connection: 'close' },
      })
      return answer.text()
    },
  }
}

function isRefused(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.on('error', error => resolve((error as { code?: string }).code === 'ECONNREFUSED'))
  })
}

/** As if the new side were a listener of ours. */
export const toNew = ({ new: { port } }: Opened['sides']): readonly OwnListener[] => [
  { key: 'admin.listen', host: '127.0.0.1', port },
]

export function planeContract(t: Test, name: string, make: MakePlane): void {
  t.test(`${name}: serves as the generation says, and says where the next one is in force`, async t => {
    const { plane, configure, apply, get } = await openPlane(t, make)
    t.equal(await get(), 'new')
    t.equal((await plane.running()).appliedBy.length, plane.workers().length, 'all began with the first')
    const reached = await apply(configure(), { revision: 2, rollbacks: [ROLLBACK] })
    t.same(
      reached.appliedBy.map(({ instance, worker }) => [instance, worker]),
      plane.workers().map(({ worker }) => ['test', worker]),
    )
    t.same(reached.pending, [])
    t.same(await plane.running(), reached)
    t.ok(reached.appliedBy.every(({ ms }) => ms >= 0))
    for (let i = 0; i < 8; i++) t.equal(await get(), 'legacy', 'not one more of new once it is acknowledged')
    t.ok(plane.workers().every(({ revision, state }) => revision === 2 && state === 'running'))
    await apply(configure(), { revision: 3 })
    t.equal(await get(), 'new')
  })

  t.test(`${name}: another configuration, with other routes`, async t => {
    const { configure, apply, get, sides } = await openPlane(t, make)
    t.equal(await get('/orders/1'), 'new')
    const other = configure({
      routes: [{ id: 'carts', match: { path: '/carts/*' }, legacy: sides.legacy.url }],
    })
    await apply(other, { revision: 2 })
    t.equal(await get('/carts/1'), 'legacy')
    t.match(await get('/orders/1'), /no route|404/i)
  })

  t.test(`${name}: what it has seen: readings, metrics, samples, and every exchange once`, async t => {
    const { plane, told, get } = await openPlane(t, make)
    for (let i = 0; i < 30; i++) await get(`/orders/${i}`, `u${i}`)
    await eventually(async () => {
      await plane.look()
      return trafficOf(plane.reading().traffic.get('orders') ?? []).sides.new.requests === 30
    }, 'all are in the readings')
    t.match(trafficOf(plane.reading().traffic.get('orders') ?? []), {
      reasons: { weight: 30 },
      observed: 100,
      observedRequests: 30,
      sides: { legacy: { requests: 0 }, new: { errors: 0 } },
    })
    const own = new Registry()
    const families = readPrometheus(await plane.metrics(own))
    const labels = { route: 'orders', side: 'new', reason: 'weight', code: '2xx' }
    t.equal(sampleOf(families, 'banyan_requests_total', labels), 30)
    t.equal(sampleOf(families, 'banyan_request_duration_seconds_count', { route: 'orders', side: 'new' }), 30)
    t.ok((sampleOf(families, 'process_resident_memory_bytes', {}) ?? 0) > 0)
    t.equal(
      told.watched.reduce((sum, one) => sum + one.seen, 0),
      30,
    )
    t.ok(told.samples.length > 0)
    t.equal(told.samples[0]?.exchange.decision?.route.id, 'orders')
    plane.restartShares(['orders'])
    await plane.look()
    t.match(trafficOf(plane.reading().traffic.get('orders') ?? []), {
      observed: null,
      sides: { new: { requests: 30 } },
    })
  })

  t.test(`${name}: notes and forwarders come to the ears, however often`, async t => {
    const { plane, told, port } = await openPlane(t, make, { proxy: { limits: { target: '1KiB' } } })
    for (let i = 0; i < 5; i++) {
      const client = rawClient(t, port)
      client.send(
        `GET /orders/1?${'x'.repeat(2_000)} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n\r\n`,
      )
      await client.closed
    }
    await plane.look()
    const cuts = told.notes.filter(([note]) => note.kind === 'would-cut')
    t.equal(
      cuts.reduce((sum, [, times]) => sum + times, 0),
      5,
    )
    t.same([...new Set(told.forwarders)], ['127.0.0.1'])
  })

  t.test(`${name}: neither what clients ask nor a shadow goes to a listener of ours`, async t => {
    const { told, sides, get, apply, configure } = await openPlane(t, make, {}, {}, toNew)
    t.match(await get(), /no connection|502/)
    const back = configure({}, { weight: 0, shadow: { percent: 100 } })
    await apply(back, { revision: 2 })
    t.equal(await get(), 'legacy')
    await eventually(() => told.ended.length > 0, 'the shadow has ended')
    t.match(told.ended, [{ route: 'orders', result: 'candidate_error' }])
    t.same(sides.new.seen, [])
  })

  t.test(`${name}: shadows: everything ends in a bucket, suspensions are told, and a replay asks both`, async t => {
    const { plane, told, get } = await openPlane(t, make, {}, { shadow: { percent: 100 } })
    for (let i = 0; i < 6; i++) await get(`/orders/${i}`, `u${i}`)
    await eventually(async () => {
      await plane.look()
      return told.compared.length + told.ended.reduce((sum, { times }) => sum + times, 0) === 6
    }, 'all are counted')
    t.ok(told.compared.some(({ route, result }) => route === 'orders' && result === 'different'))
    const request = { method: 'GET', target: '/orders/1', host: 'shop.example', authorization: null }
    const replay = await plane.replay('orders', request)
    t.same(replay.statuses, { legacy: 200, new: 200 })
    t.equal(replay.finding?.result, 'different')
    await t.rejects(plane.replay('nobody', request), { code: 'not_replayable' })
    t.equal(await plane.remembered(['never-seen']), null)
  })

  t.test(`${name}: a template is suspended for all, and resumed`, async t => {
    const sessions = await httpBackend(t, (req, res) => {
      req.resume()
      req.on('end', () => {
        res.setHeader('set-cookie', 'PHPSESSID=abc')
        res.end('x')
      })
    })
    const wanted = { shadow: { percent: 100 }, legacy: sessions.url }
    const { plane, told, get } = await openPlane(t, make, {}, wanted)
    let sent = 0
    const counted = async () => {
      await plane.look()
      return told.compared.length + told.ended.reduce((sum, { times }) => sum + times, 0)
    }
    await eventually(async () => {
      sent++
      await get('/orders/list')
      await plane.look()
      return told.suspended.length > 0
    }, 'it is told')
    const [suspended] = told.suspended
    t.match(suspended, { route: 'orders', side: 'legacy', template: '/orders/list' })
    plane.suspend(suspended as ShadowSuspended)
    await eventually(async () => (await counted()) === sent, 'nothing is under way')
    const before = sessions.seen.length
    for (let i = 0; i < 6; i++) await get('/orders/list')
    await eventually(async () => (await counted()) === sent + 6, 'all are counted')
    t.equal(sessions.seen.length, before, 'nobody asks it')
    plane.resume('orders', '/orders/list')
    await eventually(async () => {
      await get('/orders/list')
      return sessions.seen.length > before
    }, 'it is asked again')
  })

  t.test(`${name}: close waits for what is under way, and cuts it at the deadline`, async t => {
    const slow = { hold: () => {} }
    const held = await httpBackend(t, (req, res) => {
      req.resume()
      slow.hold = () => res.end('late')
    })
    const { plane, get, port } = await openPlane(t, make, {}, { new: held.url })
    const waiting = get()
    await eventually(() => held.seen.length === 1, 'it is under way')
    const closing = plane.close(5_000)
    await eventually(() => isRefused(port), 'nobody listens any more')
    slow.hold()
    t.equal(await waiting, 'late')
    t.equal(await closing, 0)
    await plane.end()
    const another = await openPlane(t, make, {}, { new: held.url })
    const lost = another.get().catch(() => 'cut')
    await eventually(() => held.seen.length === 2, 'it is under way')
    t.equal(await another.plane.close(50), 1)
    t.equal(await lost, 'cut')
    await another.plane.end()
  })

  t.test(`${name}: a port that is taken is told in a sentence`, async t => {
    const { port } = await openPlane(t, make)
    await t.rejects(openPlane(t, make, { proxy: { listen: `127.0.0.1:${port}` } }), {
      code: 'listen_failed',
      message: /the address is in use/,
    })
  })
}
