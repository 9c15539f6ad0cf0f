// Samples, clocks and whole doctors for tests.
import { createDoctor, type Doctor, type DoctorParts } from '../../src/doctor/doctor.ts'
import { createWatch, type Watch } from '../../src/doctor/watch.ts'
import type { Exchange, HeaderList, Sample } from '../../src/model/exchange.ts'
import type { Route, Side } from '../../src/model/route.ts'
import type { Plan } from '../../src/model/snapshot.ts'
import { decided, exchange } from '../exchanges.ts'
import { head } from '../routing/make.ts'

export const AT = Date.UTC(2026, 0, 2, 10, 0, 0)

export interface TestClock {
  wall: number
  mono: number
  now(): number
  monotonic(): number
  /** Both go on. */
  pass(ms: number): void
}

export function testClock(): TestClock {
  const clock = {
    wall: AT,
    mono: 1_000_000,
    now: () => clock.wall,
    monotonic: () => clock.mono,
    pass(ms: number) {
      clock.wall += ms
      clock.mono += ms
    },
  }
  return clock
}

export interface SampleWords {
  readonly target?: string
  readonly side?: Side
  readonly headers?: HeaderList
  readonly answer?: HeaderList
  readonly address?: string
  readonly standsFor?: number
  readonly requestBytes?: number
  readonly host?: string
  readonly exchange?: Partial<Exchange>
}

export function sample(route: Route, words: SampleWords = {}): Sample {
  const { target = '/orders/1', side = 'legacy', headers = [], answer = [], address = '192.0.2.1' } = words
  const { standsFor = 1, requestBytes = 0, host = 'example.com' } = words
  return {
    exchange: exchange(decided(route, side), { address, ...words.exchange }),
    head: head(target, { headers, address, host }),
    requestBytes,
    answerHeaders: answer,
    answerBytes: 0,
    standsFor,
  }
}

/** As much of a plan as the doctor reads. */
export function planOf(routes: readonly Route[], more: Partial<Plan> = {}): Plan {
  const backends = new Map(
    routes.flatMap(({ sides }) => [sides.legacy, sides.new].flatMap(one => (one === null ? [] : [[one.name, one]]))),
  )
  return {
    routes,
    byId: new Map(routes.map(one => [one.id, one])),
    fallback: null,
    backends: [...backends.values()],
    clientIp: { from: { texts: [], contains: () => false }, hops: 1 },
    limits: {
      headBytes: 65_536,
      fields: 200,
      targetBytes: 16_384,
      bodyBytes: null,
      connections: 100,
      perAddress: null,
    },
    tls: null,
    file: 'routes.yaml',
    ...more,
  } as unknown as Plan
}

/** With the watch of the process that serves, which tells at once. */
export function makeDoctor(
  plan: Plan,
  parts: Partial<DoctorParts> = {},
): { doctor: Doctor & Pick<Watch, 'exchange'>; clock: TestClock } {
  const clock = testClock()
  const watch = createWatch({ clock, salt: 7 })
  const doctor = createDoctor({
    clock,
    plan: () => plan,
    keyOf: ({ headers }) =>
      headers[0] === 'x-user-id' ? { from: 'header:x-user-id', value: headers[1] as string } : null,
    sighted: () => [],
    forwarders: () => [],
    ownValidTo: () => null,
    addresses: () => [],
    schema: async () => ({ stored: 1, known: 1 }),
    store: () => ({ kind: 'memory', healthy: true, unsaved: 0, unkept: 0, lastCommitMs: null, directory: null }),
    ...parts,
  })
  const exchange: Watch['exchange'] = (...seen) => {
    watch.exchange(...seen)
    doctor.watched(watch.take())
  }
  return { doctor: { ...doctor, exchange }, clock }
}
