// What the tests of this room share: a clock that is turned by hand, backends as configured by default, small servers.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { FailureKind } from '../../src/model/exchange.ts'
import type { Backend } from '../../src/model/route.ts'
import type { Clock } from '../../src/model/units.ts'
import { createConnect } from '../../src/upstream/connect.ts'
import type { Connection, ConnectionUser } from '../../src/upstream/connection.ts'
import type { Wanting } from '../../src/upstream/pool.ts'
import type { Entrant, Place, Service } from '../../src/upstream/service.ts'
import { createServices, type Services, type ServicesParts } from '../../src/upstream/services.ts'

export const SEED = Number(process.env.SEED ?? 4711)

export const realClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() }

export interface HandClock extends Clock {
  turn(ms: number): void
}

export function handClock(): HandClock {
  let at = 1_000
  return {
    now: () => at,
    monotonic: () => at,
    turn(ms) {
      at += ms
    },
  }
}

/** Repeatable dice (mulberry32). */
export function dice(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

export function backendWith(settings: Partial<Backend> & Pick<Backend, 'origins'>): Backend {
  return {
    name: 'mono',
    host: null,
    timeouts: { connectMs: 1_000, headMs: null, idleMs: null, totalMs: null },
    connections: 128,
    tls: {
      verify: true,
      ca: null,
      servername: null,
      minVersion: null,
      ciphers: null,
      legacyRenegotiation: false,
    },
    balance: { kind: 'least' },
    health: null,
    slowStartMs: 0,
    maxConcurrent: null,
    queue: { size: 10, waitMs: 1_000 },
    circuit: null,
    retry: { methods: new Set(['GET']), budgetPercent: 20 },
    wire: { accept: new Set(), version: '1.1', reuse: true, bufferChunked: false, bufferBytes: 0 },
    ...settings,
  }
}

type Test = { teardown(run: () => unknown): void }

/** Nothing is ours. */
export const connectAnywhere = createConnect(() => null)

export function servicesFor(t: Test, parts: Partial<ServicesParts> = {}): Services {
  const services = createServices({
    clock: realClock,
    chance: dice(SEED),
    lookup: async () => [],
    connect: connectAnywhere,
    secret: 'secret',
    ...parts,
  })
  t.teardown(() => services.destroy())
  return services
}

export interface Listening {
  readonly port: number
  readonly server: Server
  readonly sockets: Set<Socket>
}

export async function listen(
  t: Test,
  onSocket: (socket: Socket) => void = () => {},
  host = '127.0.0.1',
  port = 0,
): Promise<Listening> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    onSocket(socket)
    socket.resume()
  })
  server.listen(port, host)
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port, server, sockets }
}

/** A port where nobody listens. */
export async function deadPort(host = '127.0.0.1'): Promise<number> {
  const server = createServer()
  server.listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

export type Entered = Place | { readonly kind: FailureKind; readonly detail: string }

export function isPlace(entered: Entered): entered is Place {
  return 'pool' in entered
}

/** What came of it, when it is known. */
export function enter(service: Service, settings: Partial<Entrant> = {}): Promise<Entered> {
  return new Promise(resolve => {
    // Elsewhere the client's socket keeps the process from ending.
    const alive = setInterval(() => {}, 1_000)
    const over = (entered: Entered): void => {
      clearInterval(alive)
      resolve(entered)
    }
    service.enter({
      stick: null,
      avoid: null,
      isSecondTry: false,
      admitted: over,
      refused: (kind, detail) => over({ kind, detail }),
      ...settings,
    })
  })
}

export async function placeIn(service: Service, settings: Partial<Entrant> = {}): Promise<Place> {
  const entered = await enter(service, settings)
  if (!isPlace(entered)) throw new Error(`refused: ${entered.kind}, ${entered.detail}`)
  return entered
}

export interface Taken {
  readonly connection: Connection
  readonly reused: boolean
}

/** A connection of a pool, taken. */
export function take(pool: Place['pool'], fresh = false): Promise<Taken> {
  return new Promise((resolve, reject) => {
    const wanting: Wanting = {
      take(connection, reused) {
        connection.lend(deaf)
        resolve({ connection, reused })
        return true
      },
      failed: reject,
    }
    pool.want(wanting, fresh)
  })
}

export const deaf: ConnectionUser = { bytes() {}, ended() {}, closed() {}, drained() {} }

export const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Waits until it holds; fails by the test's own timeout. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(2)
}
